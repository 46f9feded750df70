//! The use cases of Kith, shared by every surface: authorise, load, decide, commit.
//!
//! A use case names no entity type and no field, builds no query and knows no status code.

pub mod accounts;
pub mod columns;
pub mod credentials;
mod error;
pub mod log;
pub mod people;
pub mod ports;
pub mod records;
pub mod search;
pub mod sessions;
mod sight;
mod sources;
pub mod upkeep;
pub mod webhooks;

pub use accounts::Accounts;
pub use columns::Columns;
pub use error::Error;
pub use log::EventLog;
pub use people::People;
pub use records::{Once, Records};
pub use search::Searches;
pub use sessions::Sessions;
pub use sources::Sources;
pub use upkeep::Upkeep;
pub use webhooks::{LogPage, Webhooks};
