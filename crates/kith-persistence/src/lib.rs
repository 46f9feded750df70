//! Kith on SQLite and PostgreSQL through sea-orm: one source for both databases.
//!
//! [`Store`] implements the ports of `kith-domain`. Writes go through one writer (SQLite) or a few lanes hashed by
//! company (PostgreSQL), which commit all waiting requests together; reads use a pool of their own.

mod bell;
mod columns;
mod connect;
mod deliveries;
mod directory;
mod feed;
mod found;
mod indexes;
mod log;
mod query;
mod read;
mod reader;
mod resends;
mod shape;
mod sql;
mod store;
mod upkeep;
mod webhooks;
mod writer;

pub use connect::{ConnectError, Settings};
pub use store::Store;
