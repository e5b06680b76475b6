//! Isolation: templates, the policies that they become, and the plan that protects a table or takes it away again.
//!
//! Everything here is decided from facts that the adapter has read; nothing is executed.

mod facts;
mod foreign_key;
pub mod guard;
mod name;
mod options;
mod plan;
mod policy;
pub mod schema;
mod template;

pub use facts::{Column, ColumnType, Index, Kind, Protected, Table, TenantType, UserType};
pub use foreign_key::{Action, ForeignKey, Side, compose, crossing, decompose};
pub use name::{Name, quote, unique};
pub use options::{Commands, ForeignKeys, IndexMode, OperatorAccess, Options};
pub use plan::{Above, Added, Plan, Step, TRUNCATE as TRUNCATE_TRIGGER, check_column, protect, unprotect};
pub use policy::{PERMISSIVE, Policy, policies};
pub use template::{Command, Rule, Template, check_name};
