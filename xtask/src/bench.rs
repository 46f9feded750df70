//! `cargo xtask bench`: builds the benchmark and hands it a PostgreSQL.

use anyhow::Result;

use crate::postgres::{self, Durability, Postgres};
use crate::shell;

/// Runs the benchmark on both databases; without a PostgreSQL it measures SQLite alone and says so.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let server = shell::build_binary("kith-server", "kith", "release")?;
    let bench = shell::build_binary("kith-tests", "kith-bench", "release")?;
    let help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let postgres = if help {
        None
    } else {
        Postgres::start(Durability::Full)?
    };
    let mut command = shell::command(&bench.display().to_string(), args);
    command.env("KITH_BIN", server);
    match &postgres {
        Some(postgres) => {
            command.env("KITH_TEST_POSTGRES_URL", postgres.url());
            command.env("KITH_TEST_POSTGRES_PID", postgres.pid()?.to_string());
        }
        None if help => {}
        None => println!("LEFT OUT: {}", postgres::MISSING),
    }
    shell::run(&mut command)
}
