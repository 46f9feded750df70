//! `kith-corpus`: fills a database with corpus U, through the same use cases that every surface calls.
//!
//! The same seed and scale give the same records with the same ids and times; only the key is new each time.
#![expect(
    clippy::print_stdout,
    reason = "its output is for the person who runs it"
)]

mod columns;
mod drafts;
mod fill;
mod random;
mod size;

use anyhow::Result;
use clap::Parser;

/// Fills a database with corpus U: 250,000 contacts, 10,000 organizations, 25,000 deals, 2,000 services, 50,000 tasks,
/// 10 custom columns of mixed types for each, links in skewed numbers.
#[derive(Debug, Parser)]
#[command(name = "kith-corpus", max_term_width = 110)]
pub(crate) struct Cli {
    /// Where: sqlite://FILE?mode=rwc or postgres://…; the schema is brought up to date
    #[arg(long)]
    database_url: String,
    /// How many times the size of U; 0.01 is enough for a look
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// What the content is made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records of one command
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let filled = fill::run(&cli).await?;
        for line in filled.lines() {
            println!("{line}");
        }
        size::prepare(&cli.database_url).await?;
        for line in size::lines(&cli.database_url, filled.records()).await? {
            println!("{line}");
        }
        println!(
            "administrator: {}; a key: kith api-key create --email {} --name bench",
            fill::ADMINISTRATOR,
            fill::ADMINISTRATOR
        );
        Ok(())
    })
}
