//! Tenants, users and the four tiers: the words that every other pillar speaks.

mod name;
mod role;

pub use name::{ExternalId, Reason, Slug, TenantId, UserId};
pub use role::{Labels, Tier};
