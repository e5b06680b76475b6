//! An issuer's options: how its tokens are read and what they may open.

use serde_json::Value;

use super::error;
use super::json::{self, Object};
use crate::error::Result;
use crate::tenancy::TenantId;

/// Every option there is, in the order of the documentation.
pub(super) const OPTIONS: [&str; 9] = [
    "max_ttl",
    "leeway",
    "tenant_claim",
    "user_claim",
    "role_claim",
    "session_claim",
    "role_from",
    "tenant",
    "database_roles",
];

/// The longest leeway, in seconds: beyond it, clocks are wrong and not merely apart.
const MAX_LEEWAY: i64 = 300;

/// Bytes of a PostgreSQL name (NAMEDATALEN - 1).
const MAX_NAME: usize = 63;

/// Where a user's role comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoleFrom {
    /// The tenant's members; the role claim is not looked at.
    #[default]
    Members,
    /// The role claim; it must be there.
    Claim,
}

/// Where a claim stands in a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimPath {
    /// A top-level claim of that very name.
    Member(String),
    /// The reference tokens, unescaped, of a JSON Pointer (RFC 6901).
    Pointer(Vec<String>),
}

impl ClaimPath {
    /// A JSON Pointer when the text begins with `/`, else a top-level claim's name.
    /// None for an empty text and for a `~` that escapes nothing (RFC 6901 section 3).
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        match text.strip_prefix('/') {
            Some(pointer) => Some(Self::Pointer(pointer.split('/').map(unescape).collect::<Option<_>>()?)),
            None => Some(Self::Member(text.to_owned())),
        }
    }

    /// The claim's value, JSON null included; None where there is none.
    pub fn find<'a>(&self, claims: &'a Object) -> Option<&'a Value> {
        match self {
            Self::Member(name) => claims.get(name),
            Self::Pointer(steps) => {
                let (first, rest) = steps.split_first()?;
                rest.iter().try_fold(claims.get(first)?, step)
            }
        }
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut pieces = token.split('~');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        match piece.as_bytes().first()? {
            b'0' => name.push('~'),
            b'1' => name.push('/'),
            _ => return None,
        }
        name.push_str(&piece[1..]);
    }
    Some(name)
}

fn step<'a>(value: &'a Value, token: &String) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(token),
        Value::Array(items) => items.get(array_index(token)?),
        _ => None,
    }
}

/// Digits without a leading zero (RFC 6901 section 4).
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with('0');
    (canonical && token.bytes().all(|b| b.is_ascii_digit())).then(|| token.parse().ok())?
}

/// An issuer's options, each with its default where it was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerOptions {
    /// The longest `exp - iat` of a token, in seconds; positive.
    pub max_ttl: i64,
    /// How far clocks may be apart, in seconds; 0 to 300.
    pub leeway: i64,
    pub tenant_claim: ClaimPath,
    pub user_claim: ClaimPath,
    pub role_claim: ClaimPath,
    pub session_claim: ClaimPath,
    pub role_from: RoleFrom,
    /// The one tenant that this issuer speaks for.
    pub tenant: Option<TenantId>,
    /// The database roles that may present its tokens; None: every role.
    pub database_roles: Option<Vec<String>>,
}

impl Default for IssuerOptions {
    fn default() -> Self {
        let member = |name: &str| ClaimPath::Member(name.to_owned());
        Self {
            max_ttl: 900,
            leeway: 30,
            tenant_claim: member("tenant_id"),
            user_claim: member("sub"),
            role_claim: member("role"),
            session_claim: member("sid"),
            role_from: RoleFrom::default(),
            tenant: None,
            database_roles: None,
        }
    }
}

impl IssuerOptions {
    /// Parses a JSON object of options. `seconds` turns a text in PostgreSQL's interval syntax into whole seconds;
    /// its None stands for anything that is no such interval.
    ///
    /// # Errors
    /// 22023 for an unknown option, and for a value of the wrong JSON type or out of its range.
    pub fn parse(json: &str, seconds: impl Fn(&str) -> Option<i64>) -> Result<Self> {
        let given = json::parse_object(json.as_bytes()).map_err(error::malformed_options)?;
        let mut options = Self::default();
        for (name, value) in &given {
            let known = OPTIONS.into_iter().find(|option| option == name);
            options.set(known.ok_or_else(|| error::unknown_option(name))?, value, &seconds)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &'static str, value: &Value, seconds: impl Fn(&str) -> Option<i64>) -> Result<()> {
        let unfit = |expected| error::unfit_option(name, expected);
        let duration = || value.as_str().and_then(&seconds);
        let claim = || value.as_str().and_then(ClaimPath::parse).ok_or_else(|| unfit(CLAIM));
        match name {
            "max_ttl" => self.max_ttl = duration().filter(|s| *s > 0).ok_or_else(|| unfit(MAX_TTL))?,
            "leeway" => {
                self.leeway = duration().filter(|s| (0..=MAX_LEEWAY).contains(s)).ok_or_else(|| unfit(LEEWAY))?;
            }
            "tenant_claim" => self.tenant_claim = claim()?,
            "user_claim" => self.user_claim = claim()?,
            "role_claim" => self.role_claim = claim()?,
            "session_claim" => self.session_claim = claim()?,
            "role_from" => self.role_from = role_from(value).ok_or_else(|| unfit(ROLE_FROM))?,
            "tenant" => {
                self.tenant = Some(value.as_str().and_then(TenantId::parse).ok_or_else(|| unfit(TENANT))?);
            }
            "database_roles" => self.database_roles = Some(role_names(value).ok_or_else(|| unfit(DATABASE_ROLES))?),
            _ => return Err(error::unknown_option(name)),
        }
        Ok(())
    }
}

const MAX_TTL: &str = "must be a string that holds an interval of at least one second, such as \"15 minutes\".";
const LEEWAY: &str = "must be a string that holds an interval from 0 to 5 minutes, such as \"30 seconds\".";
const CLAIM: &str = "must be a string that names a claim, or a JSON Pointer that begins with \"/\".";
const ROLE_FROM: &str = "must be \"members\" or \"claim\".";
const TENANT: &str = "must be a string that holds a tenant's id.";
const DATABASE_ROLES: &str = "must be a non-empty array of role names of 1 to 63 bytes.";

fn role_from(value: &Value) -> Option<RoleFrom> {
    match value.as_str()? {
        "members" => Some(RoleFrom::Members),
        "claim" => Some(RoleFrom::Claim),
        _ => None,
    }
}

fn role_names(value: &Value) -> Option<Vec<String>> {
    let names = value.as_array().filter(|names| !names.is_empty())?;
    let name = |name: &Value| Some(name.as_str().filter(|n| (1..=MAX_NAME).contains(&n.len()))?.to_owned());
    names.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::SqlState;

    /// "<n> seconds" alone, as a stand-in for PostgreSQL's own parser.
    fn seconds(text: &str) -> Option<i64> {
        text.strip_suffix(" seconds")?.parse().ok()
    }

    fn parse(json: &str) -> Result<IssuerOptions> {
        IssuerOptions::parse(json, seconds)
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let options = parse("{}").unwrap();
        assert_eq!(options, IssuerOptions::default());
        assert_eq!((options.max_ttl, options.leeway), (900, 30));
        assert_eq!(options.user_claim, ClaimPath::Member("sub".to_owned()));
    }

    #[test]
    fn every_option_is_taken() {
        let options = parse(
            r#"{"max_ttl":"3600 seconds","leeway":"0 seconds","tenant_claim":"/org/id","user_claim":"email",
                "role_claim":"/r/0","session_claim":"jti","role_from":"claim",
                "tenant":"0191e1b2-7c3d-7000-8abc-0123456789ab","database_roles":["web","Batch"]}"#,
        );
        let options = options.unwrap();
        assert_eq!((options.max_ttl, options.leeway), (3600, 0));
        assert_eq!(options.tenant_claim, ClaimPath::Pointer(vec!["org".to_owned(), "id".to_owned()]));
        assert_eq!(options.user_claim, ClaimPath::Member("email".to_owned()));
        assert_eq!(options.role_claim, ClaimPath::Pointer(vec!["r".to_owned(), "0".to_owned()]));
        assert_eq!(options.session_claim, ClaimPath::Member("jti".to_owned()));
        assert_eq!(options.role_from, RoleFrom::Claim);
        assert_eq!(options.tenant.unwrap().to_string(), "0191e1b2-7c3d-7000-8abc-0123456789ab");
        assert_eq!(options.database_roles.unwrap(), ["web", "Batch"]);
    }

    #[test]
    fn an_unfit_option_is_named() {
        let long = format!(r#"{{"database_roles":["{}"]}}"#, "x".repeat(64));
        for (json, name) in [
            (r#"{"max_ttl":900}"#, "max_ttl"),
            (r#"{"max_ttl":null}"#, "max_ttl"),
            (r#"{"max_ttl":"soon"}"#, "max_ttl"),
            (r#"{"max_ttl":"0 seconds"}"#, "max_ttl"),
            (r#"{"max_ttl":"-5 seconds"}"#, "max_ttl"),
            (r#"{"leeway":"-1 seconds"}"#, "leeway"),
            (r#"{"leeway":"301 seconds"}"#, "leeway"),
            (r#"{"leeway":true}"#, "leeway"),
            (r#"{"tenant_claim":""}"#, "tenant_claim"),
            (r#"{"tenant_claim":"/a~2"}"#, "tenant_claim"),
            (r#"{"user_claim":["sub"]}"#, "user_claim"),
            (r#"{"role_claim":"/~"}"#, "role_claim"),
            (r#"{"session_claim":null}"#, "session_claim"),
            (r#"{"role_from":"Claim"}"#, "role_from"),
            (r#"{"role_from":1}"#, "role_from"),
            (r#"{"tenant":"acme"}"#, "tenant"),
            (r#"{"tenant":null}"#, "tenant"),
            (r#"{"database_roles":"web"}"#, "database_roles"),
            (r#"{"database_roles":[]}"#, "database_roles"),
            (r#"{"database_roles":["web",1]}"#, "database_roles"),
            (r#"{"database_roles":[""]}"#, "database_roles"),
            (&long, "database_roles"),
            (r#"{"Max_ttl":"900 seconds"}"#, "Max_ttl"),
            (r#"{"audience":"x"}"#, "audience"),
        ] {
            let error = parse(json).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{json}");
            assert!(error.detail.unwrap().contains(&format!("\"{name}\"")), "{json}");
            assert!(error.hint.unwrap().contains("session_claim"), "{json}");
        }
        for json in ["", "[]", "null", r#"{"leeway":"1 seconds","leeway":"1 seconds"}"#] {
            assert_eq!(parse(json).unwrap_err().state, SqlState::InvalidParameterValue, "{json}");
        }
    }

    #[test]
    fn a_path_finds_its_claim() {
        let claims = json!({"a": 1, "/a": 2, "a/b": 3, "m~n": 4, "": 5, "o": {"id": [6, {"x": 7}], "": 8, "~1": 9}});
        let claims = claims.as_object().unwrap();
        for (path, want) in [
            ("a", Some(1)),
            ("a/b", Some(3)),
            ("/a", Some(1)),
            ("/~1a", Some(2)),
            ("/a~1b", Some(3)),
            ("/m~0n", Some(4)),
            ("m~n", Some(4)),
            ("/", Some(5)),
            ("/o/id/0", Some(6)),
            ("/o/id/1/x", Some(7)),
            ("/o/", Some(8)),
            ("/o/~01", Some(9)),
            ("/o/id/00", None),
            ("/o/id/+0", None),
            ("/o/id/-", None),
            ("/o/id/", None),
            ("/o/id/2", None),
            ("/o/id/99999999999999999999999", None),
            ("/a/b", None),
            ("o.id", None),
            ("/A", None),
        ] {
            let found = ClaimPath::parse(path).unwrap();
            assert_eq!(found.find(claims).and_then(Value::as_i64), want, "{path}");
        }
        for bad in ["", "/~", "/a~", "/~2", "/a/~x"] {
            assert_eq!(ClaimPath::parse(bad), None, "{bad}");
        }
    }
}
