//! Randomness from the operating system, taken in bulk: a call costs more than a nonce may.

use std::cell::RefCell;

use warden_core::error::Result;
use zeroize::Zeroize;

use super::error::internal;

const BULK: usize = 3072;

struct Buffer {
    bytes: [u8; BULK],
    used: usize,
    /// A forked child starts its own.
    process: i32,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { bytes: [0; BULK], used: BULK, process: 0 }) };
}

/// # Errors
/// When the operating system gives none.
pub fn fill(out: &mut [u8]) -> Result<()> {
    BUFFER.with_borrow_mut(|buffer| {
        // SAFETY: reads this backend's state; PostgreSQL sets it anew after every fork.
        let process = unsafe { pgrx::pg_sys::MyProcPid };
        if buffer.process != process || buffer.used + out.len() > BULK {
            if out.len() > BULK {
                return getrandom::fill(out).map_err(internal);
            }
            getrandom::fill(&mut buffer.bytes).map_err(internal)?;
            (buffer.used, buffer.process) = (0, process);
        }
        let taken = &mut buffer.bytes[buffer.used..buffer.used + out.len()];
        out.copy_from_slice(taken);
        // What has been given away is nobody else's to find.
        taken.zeroize();
        buffer.used += out.len();
        Ok(())
    })
}
