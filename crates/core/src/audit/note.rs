//! Signed notes (c2sp.org/signed-note) with Ed25519 keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, VerifyingKey};

use super::error::Malformed;
use super::hash::Hash;

/// What follows the name in an Ed25519 key, before its 32 bytes.
const ED25519: u8 = 1;
const MAX_SIGNATURES: usize = 100;

/// A key's name: not empty, without white space and `+`. The installation's is its keys' name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// # Errors
    /// For anything else, and for control characters.
    pub fn parse(name: &str) -> Result<Self, Malformed> {
        let fits = !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control());
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(Malformed::new("a key's name is empty or has white space or +"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A public key with its name; in text, C2SP's vkey.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    key: VerifyingKey,
}

impl VerifierKey {
    /// `name+id+base64`, of Ed25519 alone.
    ///
    /// # Errors
    /// For anything else, for an id that is another key's, and for a key that verifies no signature or too many.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("it is no verifier key of the form name+id+base64");
        let (name, rest) = text.split_once('+').ok_or_else(malformed)?;
        let (id, base64) = rest.split_once('+').ok_or_else(malformed)?;
        let bytes = STANDARD.decode(base64).map_err(|_| malformed())?;
        let (ED25519, key) = bytes.split_first().map(|(kind, key)| (*kind, key)).ok_or_else(malformed)? else {
            return Err(Malformed::new("it is a verifier key of another kind than Ed25519"));
        };
        let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
        let key = key.filter(|key| !key.is_weak()).ok_or_else(malformed)?;
        let key = Self { name: KeyName::parse(name)?, key };
        if key.to_string() == text && hex(key.id()) == id {
            return Ok(key);
        }
        Err(Malformed::new("its id is not that of its name and key"))
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The first four bytes of the hash of name and key.
    pub fn id(&self) -> [u8; 4] {
        let Hash([a, b, c, d, ..]) = Hash::of(&[self.name.0.as_bytes(), b"\n", &self.bytes()]);
        [a, b, c, d]
    }

    fn bytes(&self) -> [u8; 33] {
        let mut bytes = [ED25519; 33];
        bytes[1..].copy_from_slice(self.key.as_bytes());
        bytes
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name.0, hex(self.id()), STANDARD.encode(self.bytes()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// The keys of a file: one a line. Empty lines, and lines that begin with `#`, are none.
///
/// # Errors
/// For another line, and where there is no key.
pub fn verifier_keys(text: &str) -> Result<Vec<VerifierKey>, Malformed> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(VerifierKey::parse).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(Malformed::new("it holds no verifier key")) } else { Ok(keys) }
}

/// A private key with its name. It is wiped when it is dropped.
pub struct SigningKey {
    name: KeyName,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    pub fn new(name: KeyName, seed: &[u8; 32]) -> Self {
        Self { name, key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The whole note: the text, an empty line, the signature. The text ends with a newline.
    pub fn sign(&self, text: &str) -> String {
        let mut signature = self.verifier().id().to_vec();
        signature.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n— {} {}\n", self.name.0, STANDARD.encode(signature))
    }
}

/// A line below a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub name: KeyName,
    pub id: [u8; 4],
    bytes: Vec<u8>,
}

/// A note of the right shape. Whose signatures it bears is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last newline.
    pub text: &'a str,
    /// None below a note that was never signed, which ends with its empty line.
    pub signatures: Vec<Signature>,
}

impl<'a> Note<'a> {
    /// # Errors
    /// For anything but a text, an empty line and lines of signatures.
    pub fn parse(note: &'a str) -> Result<Self, Malformed> {
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(Malformed::new("the note has a control character"));
        }
        let at =
            note.rfind("\n\n").ok_or_else(|| Malformed::new("the note has no empty line before its signatures"))?;
        let (text, below) = (&note[..=at], &note[at + 2..]);
        if text == "\n" {
            return Err(Malformed::new("the note is empty"));
        }
        let signatures = match below.strip_suffix('\n') {
            Some(lines) => lines.split('\n').map(Signature::parse).collect::<Result<Vec<_>, _>>()?,
            None if below.is_empty() => Vec::new(),
            None => return Err(Malformed::new("the note does not end with a newline")),
        };
        if signatures.len() > MAX_SIGNATURES {
            return Err(Malformed::new("the note has over 100 signatures"));
        }
        Ok(Self { text, signatures })
    }

    /// The signatures of these keys: for each of the note's, the key that made it, or `None` where it is none of them.
    ///
    /// # Errors
    /// For a signature in the name of one of the keys that does not verify.
    pub fn signers<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Option<&'k VerifierKey>>, Malformed> {
        self.signatures
            .iter()
            .map(|signature| {
                let mut own = keys.iter().filter(|key| key.name == signature.name && key.id() == signature.id);
                match own.clone().find(|key| signature.verifies(self.text, key)) {
                    Some(key) => Ok(Some(key)),
                    None if own.next().is_none() => Ok(None),
                    None => Err(Malformed::new(format!("the signature of {} does not verify", signature.name.0))),
                }
            })
            .collect()
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("a line below the note is no signature");
        let (name, base64) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or_else(malformed)?;
        let signed = STANDARD.decode(base64).map_err(|_| malformed())?;
        let (id, bytes) = signed.split_first_chunk().ok_or_else(malformed)?;
        if bytes.is_empty() {
            return Err(malformed());
        }
        Ok(Self { name: KeyName::parse(name)?, id: *id, bytes: bytes.to_vec() })
    }

    fn verifies(&self, text: &str, key: &VerifierKey) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(&self.bytes);
        signature.is_ok_and(|signature| key.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}
