//! pg_warden: zero trust for multi-tenant PostgreSQL, from the inside.
//!
//! Every SQL object is declared by hand in `sql/`; the functions here stand behind those declarations.

mod audit;
mod encryption;
mod hooks;
mod identity;
mod isolation;
mod pg;
mod registry;
mod sql;
mod tenancy;
mod worker;

pgrx::pg_module_magic!(name = c"pg_warden", version = c"0.1.0");

/// Runs in the postmaster when the library is preloaded; anywhere else it refuses.
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::preload::silence_backtraces();
    pg::error::answer(pg::preload::require());
    pg::guc::define();
    hooks::init();
    worker::init();
}
