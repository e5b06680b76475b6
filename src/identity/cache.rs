//! Issuers as they are registered now, and tokens that this backend has verified already.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use pgrx::JsonB;
use sha2::{Digest, Sha256};
use warden_core::error::Result;
use warden_core::identity::context::Pass;
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
    issuers: HashMap<String, Rc<Issuer>>,
    tokens: HashMap<Fingerprint, Rc<Known>>,
    oldest: VecDeque<Fingerprint>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// The issuer of that name, `None` where there is none (any more).
pub fn issuer(name: &str) -> Result<Option<Rc<Issuer>>> {
    forget_stale();
    if let Some(issuer) = MEMORY.with_borrow(|memory| memory.issuers.get(name).cloned()) {
        return Ok(Some(issuer));
    }
    let found = directory::look_up(
        Registry::Issuer,
        "SELECT i.jwks, i.audience, i.options FROM warden.issuer_registry i WHERE i.issuer = $1",
        &[name.into()],
        |row| Ok((row.need::<String>(1)?, row.get::<String>(2)?, row.need::<JsonB>(3)?)),
    )?
    .pop();
    let Some((jwks, audience, options)) = found else { return Ok(None) };
    let issuer = Rc::new(Issuer {
        name: name.to_owned(),
        audience,
        keys: KeySet::parse(&jwks)?.0,
        options: IssuerOptions::parse(&options.0.to_string(), duration::seconds)?,
    });
    MEMORY.with_borrow_mut(|memory| memory.issuers.insert(name.to_owned(), issuer.clone()));
    Ok(Some(issuer))
}

/// A token that this backend has verified, with what it opened last.
pub struct Known {
    pub verified: Verified,
    pub issuer: Rc<Issuer>,
    opens: RefCell<Option<Opens>>,
}

struct Opens {
    epoch: u64,
    ends: i64,
    pass: Rc<Pass>,
}

impl Known {
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
    let issuer = issuer(token.issuer())?.ok_or_else(error::unknown_issuer)?;
    let verified = token.verify(&issuer, now)?;
    let ends = verified.expires_at;
    let known = Rc::new(Known { verified, issuer, opens: RefCell::new(None) });
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
