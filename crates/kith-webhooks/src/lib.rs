//! The webhook sender: sends stored bytes, signed, to addresses that were judged when they were dialled.
//!
//! It neither builds bodies nor chooses which webhooks match; the deliveries come from the port
//! [`kith_domain::ports::deliveries::Deliveries`].

mod sender;
pub mod sign;
mod vault;
mod worker;

pub use sender::{Lookup, Request, Sender, SenderError, SenderSettings, SystemLookup, Transport};
pub use vault::{KeyFileError, KeyVault};
pub use worker::{Worker, WorkerHandle, WorkerPorts, WorkerSettings};
