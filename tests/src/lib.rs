//! What the end-to-end tests and the benchmarks share: the built program on a fresh database, and callers over real HTTP.

pub mod api;
pub mod binary;
pub mod crash;
pub mod database;
pub mod http;
pub mod server;

pub use api::Api;
pub use database::{Backend, Database, Event};
pub use http::{Connection, Reply};
pub use server::TestServer;
