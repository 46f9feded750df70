//! `cargo xtask bench` and `cargo xtask load`: builds what measures and hands it a PostgreSQL.

use anyhow::Result;

use crate::postgres::{self, Durability, Postgres};
use crate::shell;

/// Runs a program of the package of tests on both databases; without a PostgreSQL it takes SQLite alone and says so.
pub(crate) fn run(program: &str, args: &[String]) -> Result<()> {
    let server = shell::build_binary("kith-server", "kith", "release")?;
    let bench = shell::build_binary("kith-tests", program, "release")?;
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
