//! Memory for keys: kept out of core dumps and, where the system's limit allows, out of swap; wiped when it is given
//! back.

use std::cell::RefCell;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use warden_core::error::Result;
use zeroize::Zeroize;

use super::error::internal;

/// Bytes of a slot: every kind of key fits.
const SLOT: usize = 2048;
const SLOTS: usize = 64;
const REGION: usize = SLOT * SLOTS;

thread_local! {
    /// Free slots of this backend's regions, which live as long as the backend.
    static FREE: RefCell<Vec<NonNull<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A value in such memory.
pub struct Secret<T>(NonNull<T>);

impl<T> Secret<T> {
    /// # Errors
    /// When the system gives no memory.
    pub fn new(value: T) -> Result<Self> {
        const { assert!(size_of::<T>() <= SLOT && align_of::<T>() <= 64) };
        let slot = FREE.with_borrow_mut(|free| {
            if free.is_empty() {
                *free = region()?;
            }
            free.pop().ok_or_else(|| internal("no memory for a key"))
        })?;
        let place = slot.cast::<T>();
        // SAFETY: the slot is free, large enough and aligned to its own size.
        unsafe { place.write(value) };
        Ok(Self(place))
    }
}

impl<T> Deref for Secret<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` wrote a value, and nobody else has the slot.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Secret<T> {
    fn drop(&mut self) {
        let slot = self.0.cast::<u8>();
        // SAFETY: the value is dropped once; the slot's bytes are this value's alone until it is free again.
        unsafe {
            ptr::drop_in_place(self.0.as_ptr());
            std::slice::from_raw_parts_mut(slot.as_ptr(), SLOT).zeroize();
        }
        // The thread's end may have taken the list away: then the process ends with it.
        let _ = FREE.try_with(|free| free.borrow_mut().push(slot));
    }
}

/// A new region, as free slots.
fn region() -> Result<Vec<NonNull<u8>>> {
    // SAFETY: a new private mapping, page-aligned; both pieces of advice concern it alone. Without the right to lock
    // it, keys are as safe as the system's swap is.
    let start = unsafe {
        let start = libc::mmap(
            ptr::null_mut(),
            REGION,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if start == libc::MAP_FAILED {
            return Err(internal("no memory for keys"));
        }
        libc::madvise(start, REGION, libc::MADV_DONTDUMP);
        libc::madvise(start, REGION, libc::MADV_WIPEONFORK);
        libc::mlock(start, REGION);
        start.cast::<u8>()
    };
    // SAFETY: every slot lies within the region.
    Ok((0..SLOTS).filter_map(|at| NonNull::new(unsafe { start.add(at * SLOT) })).collect())
}

/// Wipes what key material left on the stack below the caller: registers spilt, values moved.
#[inline(never)]
pub fn scrub_stack() {
    let mut below = [0u8; 16 * 1024];
    below.zeroize();
    std::hint::black_box(&mut below);
}
