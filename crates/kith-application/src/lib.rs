//! The use cases of Kith, shared by every surface: authorise, load, decide, commit.
//!
//! A use case names no entity type and no field, builds no query and knows no status code.

pub mod accounts;
pub mod credentials;
mod error;
pub mod records;

pub use accounts::Accounts;
pub use error::Error;
pub use records::{Once, Records};
