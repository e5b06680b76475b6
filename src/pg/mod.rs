//! The boundary to PostgreSQL: the only place with `unsafe`, in small wrappers that the pillars call as safe Rust.
#![allow(unsafe_code, reason = "this module is the boundary; every block names its precondition")]

pub mod analyze;
mod backend;
pub mod cache;
pub mod catalog;
pub mod compat;
pub mod context;
pub mod error;
pub mod executor;
pub mod guc;
pub mod hooks;
pub mod object;
pub mod parallel;
pub mod preload;
pub mod relation;
mod reading;
pub mod role;
pub mod spi;
pub mod temp;
pub mod time;
pub mod utility;
pub mod xact;
