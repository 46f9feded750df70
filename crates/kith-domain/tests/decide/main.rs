//! What decisions do: properties over random graphs and commands, and a table of everything that is refused.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod commands;
mod model;
mod outcomes;
mod properties;
mod refusals;
