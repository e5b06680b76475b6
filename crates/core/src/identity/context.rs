//! The context of one transaction, and its text form in the setting `warden.context`.
//!
//! The text is for the server itself (it travels to parallel workers); nobody else reads or writes it.
//! Form: the version `1`, then netstrings (`<bytes>:<text>,`), one a field: the login's serial in 20 digits, then
//! [`Context`]'s fields in their order.

use std::cell::RefCell;
use std::ffi::{CStr, CString};

use crate::tenancy::{ExternalId, Labels, TenantId, Tier};

/// Through which door the context came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `login`: a token whose role the members table gives.
    Member,
    /// `login`: a token whose issuer names the role.
    Claim,
    /// `assume`: a broker named the user.
    Broker,
    /// `logout`: the slot is taken, nobody is inside.
    Closed,
}

impl Door {
    const ALL: [(Door, &'static str); 4] =
        [(Door::Member, "member"), (Door::Claim, "claim"), (Door::Broker, "broker"), (Door::Closed, "closed")];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(door, _)| *door == self).map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(door, _)| *door)
    }
}

/// What a credential stands on: an issuer as it was registered, and the key that signed. When either is gone, so is
/// every context and session that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The registration, a UUID in text: an issuer that is removed and added again is another one.
    pub registration: String,
    /// The key's thumbprint (RFC 7638).
    pub key: String,
    pub issuer: String,
}

impl Trust {
    /// The form that a context carries.
    pub fn encode(&self) -> String {
        format!("{} {} {}", self.registration, self.key, self.issuer)
    }

    /// The form that a context carries; `None` for any other.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ').map(str::to_owned);
        Some(Self { registration: parts.next()?, key: parts.next()?, issuer: parts.next()? })
    }
}

/// What a session is allowed to be for the rest of its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub door: Door,
    pub tenant: TenantId,
    pub external_id: Option<String>,
    pub user: String,
    pub tier: Tier,
    /// The labels at login, so that a parallel worker answers `has_role` without a look-up.
    pub labels: Labels,
    pub session: Option<String>,
    pub trust: Option<Trust>,
    /// Microseconds since the Unix epoch; `None`: it does not expire by itself.
    pub expires_at: Option<i64>,
    /// When the credential was issued, seconds since the Unix epoch; revocations look at it.
    pub issued_at: i64,
    /// The token's payload as JSON text.
    pub claims: Option<String>,
}

impl Context {
    /// A second login that gives the very same is no second login.
    pub fn same_identity(&self, other: &Context) -> bool {
        self.tenant == other.tenant
            && self.user == other.user
            && self.tier == other.tier
            && self.session == other.session
    }

    /// The number that a bigint tenant column holds for this tenant, if any.
    pub fn external_integer(&self) -> Option<i64> {
        self.external_id.as_deref().and_then(ExternalId::as_integer)
    }

    /// `serial`: the number of the login in its backend, from 1; tells one run's context from another's.
    pub fn encode(&self, serial: u64) -> String {
        let mut out = String::with_capacity(256 + self.claims.as_ref().map_or(0, String::len));
        out.push('1');
        let mut field = |text: &str| {
            out.push_str(&text.len().to_string());
            out.push(':');
            out.push_str(text);
            out.push(',');
        };
        field(&format!("{serial:020}"));
        field(self.door.name());
        field(&self.tenant.to_string());
        field(&optional(self.external_id.as_deref()));
        field(&self.user);
        field(&self.tier.number().to_string());
        Tier::ALL.iter().for_each(|tier| field(self.labels.label(*tier)));
        field(&optional(self.session.as_deref()));
        field(&optional(self.trust.as_ref().map(Trust::encode).as_deref()));
        field(&self.expires_at.map_or_else(String::new, |at| at.to_string()));
        field(&self.issued_at.to_string());
        field(&optional(self.claims.as_deref()));
        out
    }

    /// `None` for anything that [`Context::encode`] does not write.
    pub fn decode(text: &str) -> Option<(u64, Self)> {
        let mut rest = text.strip_prefix('1')?;
        let mut field = || {
            let (length, after) = rest.split_once(':')?;
            let length: usize = length.parse().ok()?;
            let value = after.get(..length)?;
            rest = after.get(length..)?.strip_prefix(',')?;
            Some(value)
        };
        let serial = field()?.parse().ok()?;
        let context = Context {
            door: Door::parse(field()?)?,
            tenant: TenantId::parse(field()?)?,
            external_id: from_optional(field()?)?,
            user: field()?.to_owned(),
            tier: Tier::from_number(field()?.parse().ok()?)?,
            labels: Labels::new([field()?.to_owned(), field()?.to_owned(), field()?.to_owned(), field()?.to_owned()]),
            session: from_optional(field()?)?,
            trust: match from_optional(field()?)? {
                Some(text) => Some(Trust::decode(&text)?),
                None => None,
            },
            expires_at: match field()? {
                "" => None,
                at => Some(at.parse().ok()?),
            },
            issued_at: field()?.parse().ok()?,
            claims: from_optional(field()?)?,
        };
        rest.is_empty().then_some((serial, context))
    }
}

/// A context with its text, made once for as many logins as it stays true for.
#[derive(Debug)]
pub struct Pass {
    context: Context,
    text: RefCell<CString>,
}

/// Where the serial's digits stand in the text: behind the version and `20:`.
const SERIAL_AT: std::ops::Range<usize> = 4..24;

impl Pass {
    /// `None` for a context whose texts hold NUL.
    pub fn new(context: Context) -> Option<Self> {
        let text = RefCell::new(CString::new(context.encode(0)).ok()?);
        Some(Self { context, text })
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Hands out the text with this serial in it.
    pub fn with_text<T>(&self, serial: u64, work: impl FnOnce(&CStr) -> T) -> T {
        let mut bytes = self.text.take().into_bytes();
        let mut left = serial;
        for digit in bytes.get_mut(SERIAL_AT).into_iter().flatten().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        self.text.replace(CString::new(bytes).unwrap_or_default());
        work(&self.text.borrow())
    }
}

/// Nothing and the empty text are two things: `-`, or `=` before the text.
fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("={text}"))
}

fn from_optional(text: &str) -> Option<Option<String>> {
    match text {
        "-" => Some(None),
        _ => text.strip_prefix('=').map(|text| Some(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Context {
        Context {
            door: Door::Member,
            tenant: TenantId([7; 16]),
            external_id: Some("41".into()),
            user: "o'brien, 5:x,日本".into(),
            tier: Tier::Member,
            labels: Labels::default(),
            session: None,
            trust: Some(Trust {
                registration: "0191e1b2-7c3d-7000-8abc-0123456789ab".into(),
                key: "kPrK_qmx".into(),
                issuer: "https://idp.test/with space".into(),
            }),
            expires_at: Some(1_700_000_000_000_000),
            issued_at: 1_700_000_000,
            claims: Some("{\"sub\":\"x,\"}".into()),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let full = sample();
        let bare = Context {
            external_id: None,
            trust: None,
            session: Some(String::new()),
            claims: None,
            expires_at: None,
            ..sample()
        };
        for context in [full, bare] {
            for serial in [1, 7, u64::MAX] {
                assert_eq!(Context::decode(&context.encode(serial)), Some((serial, context.clone())));
                let pass = Pass::new(context.clone()).unwrap();
                pass.with_text(3, |_| ());
                pass.with_text(serial, |text| assert_eq!(text.to_str().unwrap(), context.encode(serial)));
            }
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let good = sample().encode(7);
        for end in 0..good.len() {
            assert_eq!(good.get(..end).and_then(Context::decode), None, "cut at {end}");
        }
        for bad in ["", "1", "2", &format!("{good}x"), &good.replacen('1', "2", 1), "{\"tenant_id\":\"x\"}"] {
            assert_eq!(Context::decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_same_identity_is_tenant_user_role_and_session() {
        let one = sample();
        assert!(one.same_identity(&Context { claims: None, ..sample() }));
        assert!(!one.same_identity(&Context { tenant: TenantId([8; 16]), ..sample() }));
        assert!(!one.same_identity(&Context { user: "x".into(), ..sample() }));
        assert!(!one.same_identity(&Context { tier: Tier::Viewer, ..sample() }));
        assert!(!one.same_identity(&Context { session: Some("s".into()), ..sample() }));
    }
}
