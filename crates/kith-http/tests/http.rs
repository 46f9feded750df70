//! The surface as a client sees it, over the in-memory repository.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/columns.rs"]
mod columns;
#[path = "http/idempotency.rs"]
mod idempotency;
#[path = "http/keys.rs"]
mod keys;
#[path = "http/records.rs"]
mod records;
#[path = "http/search.rs"]
mod search;
#[path = "http/sessions.rs"]
mod sessions;
#[path = "http/shelf.rs"]
mod shelf;
#[path = "http/socket.rs"]
mod socket;
#[path = "http/stream.rs"]
mod stream;
#[path = "http/surface.rs"]
mod surface;
#[path = "http/users.rs"]
mod users;
#[path = "http/webhooks.rs"]
mod webhooks;
#[path = "http/world.rs"]
mod world;
