//! `kith-load`: webhooks under load and faults, over TLS, on both databases; figures beside their limits.
#![expect(
    clippy::print_stdout,
    reason = "its output is for the person who runs it"
)]

mod bare;
mod correct;
mod latency;
mod memory;
mod report;
mod stage;
mod throughput;

use anyhow::Result;
use clap::{Parser, Subcommand};
use kith_tests::Backend;

/// Webhooks under load and faults, to a receiver on this machine, over TLS.
///
/// A figure that misses its limit is marked. What must never be (a delivery lost, sent twice at once, wrongly signed or
/// wrongly recorded) ends the command with an error. The server is KITH_BIN, or is built; PostgreSQL is used if
/// KITH_TEST_POSTGRES_URL names one on this machine.
#[derive(Debug, Parser)]
#[command(name = "kith-load", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

/// On what, and how much.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Databases
    #[arg(long, value_delimiter = ',', value_parser = Backend::named, global = true)]
    database: Vec<Backend>,
    /// Events, where their number matters; each command has a default
    #[arg(long, global = true)]
    events: Option<usize>,
    /// Seconds of a run that goes by time
    #[arg(long, default_value_t = 8.0, global = true)]
    seconds: f64,
    /// Minutes after which a command gives up
    #[arg(long, default_value_t = 10, global = true)]
    minutes: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill servers and let the receiver go down while events are delivered: nothing lost, nothing sent twice at once
    Faults(correct::Args),
    /// One delivery to each kind of receiver, and what was recorded of it
    Receivers,
    /// Latency of everybody else while an endpoint hangs and a tenant has a long queue
    Fairness,
    /// What webhooks add to a write
    Writes,
    /// Sustained deliveries and their CPU, beside a loop that only signs and posts the same bytes
    Throughput,
    /// From commit to the first byte at the receiver, idle and under full load
    Latency,
    /// Memory while receivers answer with 300 MB each
    Large,
    /// Memory with many pending deliveries
    Pending,
    /// Sign and post the same bytes, for `throughput`; prints what it cost as JSON
    #[command(hide = true)]
    Bare(bare::Args),
}

impl Options {
    /// The databases that are asked for and there.
    fn databases(&self) -> Vec<Backend> {
        let (found, missing) = Backend::chosen(&self.database);
        for backend in missing {
            let variable = kith_tests::database::POSTGRES_URL;
            println!("LEFT OUT: {} ({variable} is not set)", backend.name());
        }
        found
    }

    fn patience(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.minutes * 60)
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let options = &cli.options;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let rows = match cli.command {
            Command::Bare(args) => return bare::run(&args).await,
            Command::Faults(args) => return correct::faults(&args, options).await,
            Command::Receivers => return correct::receivers(options).await,
            Command::Fairness => latency::fairness(options).await?,
            Command::Writes => latency::writes(options).await?,
            Command::Latency => latency::latency(options).await?,
            Command::Throughput => throughput::run(options).await?,
            Command::Large => memory::large(options).await?,
            Command::Pending => memory::pending(options).await?,
        };
        report::print(&rows);
        Ok(())
    })
}
