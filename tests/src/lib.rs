//! What the end-to-end tests and the benchmarks share: the built program on a fresh database, and callers over real HTTP.

pub mod api;
pub mod binary;
pub mod crash;
pub mod database;
pub mod faults;
pub mod http;
pub mod outcomes;
pub mod receiver;
pub mod server;
mod table;
pub mod usage;

pub use api::Api;
pub use database::{Backend, Database, Event};
pub use http::{Connection, Reply};
pub use receiver::Receiver;
pub use server::TestServer;
pub use table::table;
