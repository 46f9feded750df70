//! The binary `kith`: configuration, composition of the crates, and the command line.

mod background;
mod cli;
mod commands;
mod config;
mod demo;
mod logging;
mod mail;
mod passwords;
mod sources;
mod webhooks;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::complain(&error),
    }
}
