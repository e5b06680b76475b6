//! A private PostgreSQL cluster with tenants, tokens and sample data: what tests, benches and demo share.

mod cluster;
mod error;
mod issuer;
mod lab;
mod process;
mod refusal;
pub mod sample;

pub use cluster::{AUDIT_KEY, Cluster, ClusterBuilder, Notices, ROOT_KEY, StopMode};
pub use error::{Error, Result};
pub use issuer::{TestIssuer, TokenBuilder};
pub use lab::{Lab, Member, OFFICER, OWNER, copied_out};
pub use postgres;
pub use refusal::{Refusal, refused};
pub use uuid::Uuid;
