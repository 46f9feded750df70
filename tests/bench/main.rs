//! `kith-bench`: what a request costs, over real HTTP, on both databases, beside the limits of the same run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who runs it"
)]

mod by_hand;
mod growth;
mod limits;
mod load;
mod questions;
mod reads;
mod report;
mod rights;
mod sql;
mod values;
mod work;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use kith_tests::crash::{Load, kill_under_load};
use kith_tests::{Backend, TestServer};

/// Measures Kith: throughput, latency, memory, and CPU per request of the server and of PostgreSQL.
///
/// Without a command it runs the workloads W1 (create a contact with one link), W2 (get by id), W4 (update one
/// field), W5 (create a deal with two services) and W6 (create 100 contacts per call). The server is KITH_BIN, or is
/// built; PostgreSQL is measured if KITH_TEST_POSTGRES_URL names one on this machine.
#[derive(Debug, Parser)]
#[command(name = "kith-bench", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// What to measure, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Longest time of one run in seconds
    #[arg(long, default_value_t = 3.0, global = true)]
    seconds: f64,
    /// Connections at the same time, one run for each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<usize>,
    /// Workloads: w1, w2, w4, w5, w6
    #[arg(long, value_delimiter = ',')]
    only: Vec<work::Kind>,
    /// Databases
    #[arg(long, value_delimiter = ',', value_parser = Backend::named, global = true)]
    database: Vec<Backend>,
    /// Write the results as JSON to this file too
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How W1 grows when all contacts link one organization that already has 10, 1,000, 10,000 contacts
    Growth,
    /// What three custom values and notes add to W1
    Values,
    /// Questions about a large corpus (R1 to R6), beside the same as SQL by hand
    Reads(reads::Args),
    /// R1 as an administrator, and as a member who may read only what is assigned to them: 8 % of the contacts
    Rights(reads::Args),
    /// Kill the server under write load and check that nothing acknowledged is lost
    Crash {
        /// How often
        #[arg(long, default_value_t = 20)]
        rounds: usize,
    },
    /// Serve an empty handler until killed
    #[command(hide = true)]
    Empty,
    /// Write the rows of W1 by hand into a database that Kith has made; prints what it cost as JSON
    #[command(hide = true)]
    Sql(sql::Args),
}

impl Options {
    /// The databases that are asked for and there.
    fn databases(&self) -> Vec<Backend> {
        let (found, missing) = Backend::chosen(&self.database);
        for backend in missing {
            println!(
                "LEFT OUT: {} ({} is not set)",
                backend.name(),
                kith_tests::database::POSTGRES_URL
            );
        }
        found
    }

    /// Writes the results where they are asked for.
    fn save(&self, results: &serde_json::Value) -> Result<()> {
        if let Some(file) = &self.json {
            std::fs::write(file, format!("{results:#}\n"))?;
            println!("written to {}", file.display());
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            None => work::run(&cli.options).await,
            Some(Command::Growth) => growth::run(&cli.options).await,
            Some(Command::Values) => values::run(&cli.options).await,
            Some(Command::Reads(args)) => reads::run(&args, &cli.options).await,
            Some(Command::Rights(args)) => rights::run(&args, &cli.options).await,
            Some(Command::Crash { rounds }) => crash(&cli.options, rounds).await,
            Some(Command::Empty) => limits::serve_empty().await,
            Some(Command::Sql(args)) => sql::run(&args).await,
        }
    })
}

async fn crash(options: &Options, rounds: usize) -> Result<()> {
    let load = Load {
        rounds,
        writers: 32,
        writes: 1_000,
    };
    for backend in options.databases() {
        let mut server = TestServer::start(backend).await?;
        let tally = kill_under_load(&mut server, load, |round, tally| {
            println!("{} kill {round}: {tally:?}", backend.name());
        })
        .await?;
        println!(
            "{}: killed {rounds} times; {} acknowledged writes, all there with their events; {} events, all with \
             their records",
            backend.name(),
            tally.acknowledged,
            tally.events
        );
    }
    Ok(())
}
