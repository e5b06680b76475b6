//! The boundary to PostgreSQL: the only place with `unsafe`, in small wrappers that the pillars call as safe Rust.
#![allow(unsafe_code, reason = "this module is the boundary; every block names its precondition")]

pub mod activity;
pub mod analyze;
mod backend;
pub mod cache;
pub mod catalog;
pub mod compat;
pub mod context;
pub mod database;
pub mod ddl;
pub mod error;
pub mod executor;
pub mod force;
pub mod function;
pub mod guc;
pub mod hooks;
pub mod leak;
pub mod namespace;
pub mod object;
pub mod parallel;
pub mod policy;
pub mod preload;
mod reading;
pub mod relation;
pub mod role;
pub mod shmem;
pub mod spi;
pub mod temp;
pub mod time;
pub mod tuple;
pub mod utility;
pub mod worker;
pub mod xact;
