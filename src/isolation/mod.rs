//! Isolation: what keeps each tenant's rows its own.

pub mod api;
pub mod guard;
pub mod registry;
