//! Who acts, as entries have it: made once for as long as it stays the same.

use std::cell::{OnceCell, RefCell};

use warden_core::audit::{Actor, Transaction};
use warden_core::error::Result;
use warden_core::identity::context::Door;

use crate::pg::session::{self, Identity};
use crate::pg::{context, role, spi};

struct Known {
    identity: Identity,
    /// The serial of the login; 0 without a context.
    login: u64,
    application: String,
    /// Of the user and of the login.
    names: [String; 2],
    actor: Actor,
    /// In this transaction: names of users may have changed since the last.
    is_checked: bool,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    static CLIENT: OnceCell<Option<String>> = const { OnceCell::new() };
}

/// Labels of roles and names of users may be others in the next transaction.
pub fn doubt() {
    KNOWN.with_borrow_mut(|known| match known {
        Some(known) if known.login == 0 => known.is_checked = false,
        _ => *known = None,
    });
}

/// Runs `work` with whoever acts now.
///
/// # Errors
/// When the client's address cannot be asked, and those of `work`.
pub fn with<T>(work: impl FnOnce(&Actor) -> Result<T>) -> Result<T> {
    let (identity, login) = (session::identity(), login());
    KNOWN.with_borrow_mut(|known| {
        let is_known = known.as_ref().is_some_and(|known| {
            known.identity == identity
                && known.login == login
                && session::is_application(&known.application)
                && (known.is_checked || known.names == names(identity))
        });
        if !is_known {
            *known = None;
        }
        let known = match known {
            Some(known) => {
                known.is_checked = true;
                known
            }
            None => known.insert(look(identity, login)?),
        };
        work(&known.actor)
    })
}

fn names(identity: Identity) -> [String; 2] {
    [identity.user, identity.login].map(role::name)
}

fn login() -> u64 {
    context::current().filter(|current| current.door() != Door::Closed).map_or(0, |current| current.serial)
}

fn look(identity: Identity, login: u64) -> Result<Known> {
    let names = names(identity);
    let [database_user, session_user] =
        names.each_ref().map(|name| Some(name.as_str()).filter(|name| !name.is_empty()));
    let application = session::application();
    let client = client()?;
    let context = context::current().filter(|_| login != 0);
    let actor = Actor::from(&Transaction {
        database_user,
        session_user,
        user_id: context.map(context::Current::user),
        role: context.map(|context| context.label(context.tier())),
        session_id: context.and_then(context::Current::session),
        application_name: Some(application.as_str()).filter(|name| !name.is_empty()),
        client_addr: client.as_deref(),
        ..Transaction::default()
    });
    Ok(Known { identity, login, application, names, actor, is_checked: true })
}

/// Of this connection; none over a socket of the machine's own.
fn client() -> Result<Option<String>> {
    if let Some(known) = CLIENT.with(|client| client.get().cloned()) {
        return Ok(known);
    }
    let query = "SELECT pg_catalog.host(pg_catalog.inet_client_addr())";
    let client = spi::with_snapshot(|| spi::as_owner(|| spi::value::<String>(query, &[])))?;
    Ok(CLIENT.with(|known| known.get_or_init(|| client).clone()))
}
