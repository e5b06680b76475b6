//! Issuers as they are registered now, and tokens that this backend has verified already.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use pgrx::JsonB;
use sha2::{Digest, Sha256};
use warden_core::error::Result;
use warden_core::identity::context::{Pass, Trust};
use warden_core::identity::{Issuer, IssuerOptions, KeySet, Token, Verified, duration, error};

use super::literal;
use crate::pg::cache::{self, Registry};
use crate::pg::time;
use crate::tenancy::directory;

/// Verified tokens that one backend remembers.
const MOST_TOKENS: usize = 512;

/// A token's SHA-256: the token itself is kept nowhere.
type Fingerprint = [u8; 32];

#[derive(Default)]
struct Memory {
    issuers: HashMap<String, Rc<Registered>>,
    tokens: HashMap<Fingerprint, Rc<Known>>,
    oldest: VecDeque<Fingerprint>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// An issuer as it is registered.
pub struct Registered {
    pub issuer: Issuer,
    /// In text; new with every `add_issuer`.
    pub registration: String,
    pub id: pgrx::Uuid,
}

/// Whether what a credential stands on is still there: the registration of its issuer, and the key that signed.
pub fn stands(trust: &Trust) -> Result<bool> {
    let found = issuer(&trust.issuer)?;
    Ok(found.is_some_and(|found| found.registration == trust.registration && found.issuer.keys.holds(&trust.key)))
}

/// The issuer of that name, `None` where there is none (any more).
pub fn issuer(name: &str) -> Result<Option<Rc<Registered>>> {
    forget_stale();
    if let Some(issuer) = MEMORY.with_borrow(|memory| memory.issuers.get(name).cloned()) {
        return Ok(Some(issuer));
    }
    let found = directory::look_up(
        Registry::Issuer,
        "SELECT i.jwks, i.audience, i.options, i.registration FROM warden.issuer_registry i WHERE i.issuer = $1",
        &[name.into()],
        |row| Ok((row.need::<String>(1)?, row.get::<String>(2)?, row.need::<JsonB>(3)?, row.need::<pgrx::Uuid>(4)?)),
    )?
    .pop();
    let Some((jwks, audience, options, registration)) = found else { return Ok(None) };
    let issuer = Issuer {
        name: name.to_owned(),
        audience,
        keys: KeySet::parse(&jwks)?.0,
        options: IssuerOptions::parse(&options.0.to_string(), duration::seconds)?,
    };
    let issuer = Rc::new(Registered { issuer, registration: registration.to_string(), id: registration });
    MEMORY.with_borrow_mut(|memory| memory.issuers.insert(name.to_owned(), issuer.clone()));
    Ok(Some(issuer))
}

/// A token that this backend has verified, with what it opened last.
pub struct Known {
    pub verified: Verified,
    pub registered: Rc<Registered>,
    opens: RefCell<Option<Opens>>,
}

struct Opens {
    epoch: u64,
    ends: i64,
    pass: Rc<Pass>,
}

impl Known {
    pub fn trust(&self) -> Trust {
        Trust {
            registration: self.registered.registration.clone(),
            key: self.verified.key.clone(),
            issuer: self.registered.issuer.name.clone(),
        }
    }

    /// What it opened in this epoch, for a context that ends then.
    pub fn pass(&self, epoch: u64, ends: i64) -> Option<Rc<Pass>> {
        let opens = self.opens.borrow();
        opens.as_ref().filter(|opens| opens.epoch == epoch && opens.ends == ends).map(|opens| opens.pass.clone())
    }

    pub fn keep(&self, epoch: u64, ends: i64, pass: Rc<Pass>) {
        self.opens.replace(Some(Opens { epoch, ends, pass }));
    }
}

/// What a token says, verified now or earlier in this backend, with the end of a context made now (seconds since the
/// Unix epoch).
///
/// # Errors
/// 28000 for a token that is not valid now.
pub fn verified(token: &str) -> Result<(Rc<Known>, i64)> {
    literal::presented(token);
    forget_stale();
    let now = time::unix_seconds();
    let fingerprint: Fingerprint = Sha256::digest(token.as_bytes()).into();
    if let Some(known) = MEMORY.with_borrow(|memory| memory.tokens.get(&fingerprint).cloned()) {
        let ends = known.verified.still_valid(now).ok_or_else(error::expired_token)?;
        return Ok((known, ends));
    }
    let token = Token::parse(token)?;
    let registered = issuer(token.issuer())?.ok_or_else(error::unknown_issuer)?;
    let verified = token.verify(&registered.issuer, now)?;
    let ends = verified.expires_at;
    let known = Rc::new(Known { verified, registered, opens: RefCell::new(None) });
    MEMORY.with_borrow_mut(|memory| {
        while memory.oldest.len() >= MOST_TOKENS {
            if let Some(gone) = memory.oldest.pop_front() {
                memory.tokens.remove(&gone);
            }
        }
        if memory.tokens.insert(fingerprint, known.clone()).is_none() {
            memory.oldest.push_back(fingerprint);
        }
    });
    Ok((known, ends))
}

/// A change of any issuer ends every verdict that was made with its keys.
fn forget_stale() {
    if cache::take_stale(Registry::Issuer) {
        MEMORY.with_borrow_mut(|memory| *memory = Memory::default());
    }
}
