//! Logs: to standard error, as text or JSON, filtered by level.

use std::io::IsTerminal as _;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging; once per process.
///
/// # Errors
/// When the filter is not understood.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // What the libraries say at info of their own starts and stops, Kith says itself.
    let quiet = format!("poem=warn,sea_orm_migration=warn,sqlx::postgres::notice=warn,{filter}");
    let filter = EnvFilter::try_new(quiet).with_context(|| {
        format!("the log filter {filter:?} is not understood; a level such as info is accepted")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
