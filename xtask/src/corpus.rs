//! `cargo xtask corpus`: builds the program that fills a database with corpus U, and runs it.

use anyhow::Result;

use crate::shell;

/// Runs it with the arguments as they are.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let corpus = shell::build_binary("kith-tests", "kith-corpus", "release")?;
    shell::run(&mut shell::command(&corpus.display().to_string(), args))
}
