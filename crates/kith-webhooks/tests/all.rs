//! Attempts against a receiver on this machine that behaves well, badly or not at all.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "all/receiver.rs"]
mod receiver;
#[path = "all/sender.rs"]
mod sender;
#[path = "all/worker.rs"]
mod worker;
