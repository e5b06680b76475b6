//! Tenants, members, tiers and permissions.

pub mod directory;
mod member;
mod permission;
mod role;
pub mod role_guard;
mod tenant;
