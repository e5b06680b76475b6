//! Tells the extension's own DDL from everybody else's.

use std::cell::Cell;

use crate::pg::role;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, what the extension's owner does is the extension's own doing.
pub struct Running(());

pub fn begin() -> Running {
    DEPTH.set(DEPTH.get() + 1);
    Running(())
}

impl Drop for Running {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Whether the statement at hand is the extension's own. An expression that an index build evaluates meanwhile is not:
/// it runs as the table's owner.
pub fn running() -> bool {
    DEPTH.get() > 0 && role::extension_owner().is_ok_and(|owner| owner == role::current())
}

/// Whatever an ERROR left behind.
pub fn transaction_ended() {
    DEPTH.set(0);
}
