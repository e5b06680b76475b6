//! Row-level security inside of foreign keys.
//!
//! PostgreSQL runs the queries of a foreign key with FORCE lifted for the table's owner, and whatever those queries call
//! (a BEFORE trigger, a default, a cast) inherits it: code of anybody's would read every tenant's rows. The hook puts
//! FORCE back for as long as such a function runs. PostgreSQL's own functions call no hook; what they execute is
//! recognised by [`lifted`] and refused where it touches protected tables.

use std::cell::RefCell;

use pgrx::pg_sys;

thread_local! {
    /// The security contexts under which hooked functions were entered, the innermost last.
    static ENTERED: RefCell<Vec<i32>> = const { RefCell::new(Vec::new()) };
}

static mut PREVIOUS_NEEDS: pg_sys::needs_fmgr_hook_type = None;
static mut PREVIOUS: pg_sys::fmgr_hook_type = None;

unsafe extern "C-unwind" {
    fn InNoForceRLSOperation() -> bool;
}

/// How deep in functions FORCE is lifted now; `None` where it is not.
pub fn lifted() -> Option<usize> {
    // SAFETY: reads this backend's state.
    unsafe { InNoForceRLSOperation() }.then(|| ENTERED.with_borrow(Vec::len))
}

/// Whatever an ERROR left behind.
pub fn transaction_ended() {
    ENTERED.with_borrow_mut(Vec::clear);
}

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS_NEEDS = pg_sys::needs_fmgr_hook;
        pg_sys::needs_fmgr_hook = Some(needs);
        PREVIOUS = pg_sys::fmgr_hook;
        pg_sys::fmgr_hook = Some(enters);
    }
}

unsafe extern "C-unwind" fn needs(function: pg_sys::Oid) -> bool {
    // SAFETY: the previous hook gets the argument that we were given; nothing here raises an error.
    unsafe { InNoForceRLSOperation() || PREVIOUS_NEEDS.is_some_and(|previous| previous(function)) }
}

unsafe extern "C-unwind" fn enters(
    event: pg_sys::FmgrHookEventType::Type,
    function: *mut pg_sys::FmgrInfo,
    private: *mut pg_sys::Datum,
) {
    let (mut user, mut security) = (pg_sys::Oid::INVALID, 0);
    // SAFETY: plain reads and writes of this backend's identity; PostgreSQL calls END or ABORT for every START, in the
    // reverse order. The previous hook gets the arguments that we were given.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut security);
        if event == pg_sys::FmgrHookEventType::FHET_START {
            ENTERED.with_borrow_mut(|entered| entered.push(security));
            pg_sys::SetUserIdAndSecContext(user, security & !(pg_sys::SECURITY_NOFORCE_RLS as i32));
        } else if let Some(found) = ENTERED.with_borrow_mut(Vec::pop) {
            let lifted = found & pg_sys::SECURITY_NOFORCE_RLS as i32;
            pg_sys::SetUserIdAndSecContext(user, security | lifted);
        }
        if let Some(previous) = PREVIOUS {
            previous(event, function, private);
        }
    }
}
