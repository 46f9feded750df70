//! The HTTP surface of Kith: requests into commands, outcomes into responses, errors into problems.
//!
//! [`endpoint`] is everything that answers, [`serve`] runs it on a socket, [`openapi`] describes it.

mod app;
mod aside;
mod auth;
mod body;
mod client;
mod columns;
mod docs;
mod document;
mod events;
mod find;
mod front;
mod header;
mod limits;
mod operation;
mod people;
mod query;
mod records;
mod reply;
mod reset;
mod route;
mod secret;
mod server;
mod sessions;
mod system;
mod webhooks;

pub use app::{App, Policy, endpoint};
pub use document::{OpenApiVersion, openapi};
pub use events::Following;
pub use server::serve;
