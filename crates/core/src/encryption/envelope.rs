//! The envelope of a value, version 1, as `docs/formats.md` has it byte by byte.

/// Bytes of a nonce.
pub const NONCE: usize = 24;
/// Bytes of a GCM tag, and of an equality tag.
pub const TAG: usize = 16;
/// Bytes of a key commitment.
pub(super) const COMMITMENT: usize = 32;
/// Version, suite, flags, a zero byte, generation id.
pub(super) const HEADER: usize = 12;

const VERSION: u8 = 1;

/// The most bytes that stand before the body.
pub const LONGEST_PREFIX: usize = HEADER + NONCE + COMMITMENT + TAG;

/// Header and nonce: they tell an envelope from every other.
pub type EnvelopeName = [u8; HEADER + NONCE];

/// Bytes that are no envelope. What is wrong with them is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// How the body is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// 1: XAES-256-GCM.
    Xaes,
    /// 2: XAES-256-GCM with a commitment to the key.
    XaesCommitting,
}

impl Suite {
    fn parse(number: u8) -> Option<Self> {
        match number {
            1 => Some(Suite::Xaes),
            2 => Some(Suite::XaesCommitting),
            _ => None,
        }
    }

    fn number(self) -> u8 {
        match self {
            Suite::Xaes => 1,
            Suite::XaesCommitting => 2,
        }
    }

    /// Bytes before the body.
    pub fn prefix_len(self, equality: bool) -> usize {
        HEADER + NONCE + self.commitment() + if equality { TAG } else { 0 }
    }

    /// Bytes of the whole envelope of a value of `length` bytes.
    pub fn sealed_len(self, equality: bool, length: usize) -> usize {
        self.prefix_len(equality) + length + TAG
    }

    fn commitment(self) -> usize {
        match self {
            Suite::Xaes => 0,
            Suite::XaesCommitting => COMMITMENT,
        }
    }
}

/// What an envelope is besides an encrypted value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// 1: it holds an equality tag.
    pub equality: bool,
    /// 2: it holds nothing else, to search with.
    pub search_term: bool,
    /// 4: it is bound to its row.
    pub row_bound: bool,
}

impl Flags {
    fn byte(self) -> u8 {
        u8::from(self.equality) | u8::from(self.search_term) << 1 | u8::from(self.row_bound) << 2
    }

    fn parse(byte: u8) -> Result<Self, Malformed> {
        let flags = Self { equality: byte & 1 != 0, search_term: byte & 2 != 0, row_bound: byte & 4 != 0 };
        let fits = byte < 8 && (!flags.search_term || flags.equality && !flags.row_bound);
        if fits { Ok(flags) } else { Err(Malformed) }
    }
}

/// A random number that names a generation of a tenant's keys in envelopes; never 0, which search terms have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GenerationId([u8; 8]);

impl GenerationId {
    /// `None` for 0.
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// As a bigint of the registry.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::new(number.to_be_bytes())
    }

    pub fn number(self) -> i64 {
        i64::from_be_bytes(self.0)
    }

    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

/// What stands before the nonce of a value about to be sealed.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub suite: Suite,
    pub generation: GenerationId,
}

impl Head {
    pub(super) fn bytes(&self, equality: bool, row_bound: bool) -> [u8; HEADER] {
        let flags = Flags { equality, search_term: false, row_bound };
        header(self.suite, flags, self.generation.0)
    }
}

fn header(suite: Suite, flags: Flags, generation: [u8; 8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&[VERSION, suite.number(), flags.byte(), 0]);
    header[4..].copy_from_slice(&generation);
    header
}

/// An envelope whose shape is right. Whether it opens is another question.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    bytes: &'a [u8],
    suite: Suite,
    flags: Flags,
}

impl<'a> Envelope<'a> {
    /// # Errors
    /// For anything but a whole envelope of a known version and suite: unknown flags, a reserved byte that is not zero,
    /// a search term with anything but its tag.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let [VERSION, suite, flags, 0, ..] = *bytes else { return Err(Malformed) };
        let suite = Suite::parse(suite).ok_or(Malformed)?;
        let envelope = Self { bytes, suite, flags: Flags::parse(flags)? };
        if bytes.len() < envelope.prefix_len() + TAG {
            return Err(Malformed);
        }
        if envelope.flags.search_term && !envelope.is_bare() {
            return Err(Malformed);
        }
        Ok(envelope)
    }

    /// Whether a search term holds its tag and zeros.
    fn is_bare(&self) -> bool {
        let tag = self.equality_at()..self.equality_at() + TAG;
        let rest = self.bytes.iter().enumerate().skip(4).filter(|(at, _)| !tag.contains(at));
        self.suite == Suite::Xaes && self.body().is_empty() && rest.into_iter().all(|(_, byte)| *byte == 0)
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// `None` for a search term, and for 0, which names no generation.
    pub fn generation(&self) -> Option<GenerationId> {
        self.array(4).and_then(GenerationId::new)
    }

    /// The equality tag, where there is one.
    pub fn equality_tag(&self) -> Option<[u8; TAG]> {
        if self.flags.equality { self.array(self.equality_at()) } else { None }
    }

    pub fn name(&self) -> EnvelopeName {
        self.array(0).unwrap_or([0; HEADER + NONCE])
    }

    /// The value, encrypted: as long as the value itself.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.prefix_len()..self.bytes.len() - TAG]
    }

    pub(super) fn prefix(&self) -> &'a [u8] {
        &self.bytes[..self.prefix_len()]
    }

    pub(super) fn nonce(&self) -> [u8; NONCE] {
        self.array(HEADER).unwrap_or([0; NONCE])
    }

    pub(super) fn commitment(&self) -> Option<[u8; COMMITMENT]> {
        match self.suite {
            Suite::Xaes => None,
            Suite::XaesCommitting => self.array(HEADER + NONCE),
        }
    }

    pub(super) fn tag(&self) -> [u8; TAG] {
        self.array(self.bytes.len() - TAG).unwrap_or([0; TAG])
    }

    fn equality_at(&self) -> usize {
        self.suite.prefix_len(false)
    }

    fn prefix_len(&self) -> usize {
        self.suite.prefix_len(self.flags.equality)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at + N)?.try_into().ok()
    }
}

/// The equality tag of an envelope of which only the first [`LONGEST_PREFIX`] bytes are at hand; `None` for bytes that
/// end before it. Nothing else of them is looked at.
pub fn equality_tag_of(prefix: &[u8]) -> Option<[u8; TAG]> {
    let suite = prefix.get(1).and_then(|number| Suite::parse(*number)).unwrap_or(Suite::Xaes);
    let at = suite.prefix_len(false);
    prefix.get(at..at + TAG)?.try_into().ok()
}

/// The envelope to search for a tag with.
pub fn search_term(tag: [u8; TAG]) -> Vec<u8> {
    let flags = Flags { equality: true, search_term: true, row_bound: false };
    let mut bytes = header(Suite::Xaes, flags, [0; 8]).to_vec();
    bytes.extend([0; NONCE]);
    bytes.extend(tag);
    bytes.extend([0; TAG]);
    bytes
}
