//! The command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::config::{ConfigFile, Given, refuse_unknown};

/// Kith, a CRM server: records, links, custom columns and events, in one binary.
#[derive(Debug, Parser)]
#[command(name = "kith", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the schema up to date and serve HTTP
    Serve {
        /// Give an empty database a demo workspace; its sign-in and API key are printed once
        #[arg(long)]
        demo: bool,
        /// What this process does: serve HTTP (api), deliver webhooks (worker), or both
        #[arg(long, value_enum, default_value_t)]
        role: commands::Role,
    },
    /// Bring the schema up to date
    Migrate {
        /// Only say what is pending; exit status 1 if anything is
        #[arg(long)]
        check: bool,
    },
    /// Companies (tenants)
    Company {
        #[command(subcommand)]
        command: CompanyCommand,
    },
    /// API keys
    ApiKey {
        #[command(subcommand)]
        command: ApiKeyCommand,
    },
    /// Print the OpenAPI document; needs no database
    Openapi {
        /// The version of the specification; 3.0 for generators that do not know 3.1
        #[arg(long, value_name = "VERSION", default_value = "3.1", value_parser = ["3.1", "3.0"])]
        openapi_version: String,
    },
}

#[derive(Debug, Subcommand)]
enum CompanyCommand {
    /// Make a company with its administrator and a key for them
    Create(commands::CompanyArgs),
}

#[derive(Debug, Subcommand)]
enum ApiKeyCommand {
    /// Make a key for a user
    Create(commands::KeyArgs),
}

/// Reads the command line and does what it says.
///
/// # Errors
/// Whatever stopped it, as sentences for a person.
pub(crate) fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Command::Openapi { openapi_version } = &cli.command {
        return commands::openapi(openapi_version);
    }
    refuse_unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let config = cli.given.complete(cli.file.config.as_deref())?;
    crate::logging::start(&config.log, config.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve { demo, role } => commands::serve(&config, demo, role).await,
            Command::Migrate { check } => commands::migrate(&config, check).await,
            Command::Company {
                command: CompanyCommand::Create(args),
            } => commands::create_company(&config, args).await,
            Command::ApiKey {
                command: ApiKeyCommand::Create(args),
            } => commands::create_key(&config, args).await,
            Command::Openapi { openapi_version } => commands::openapi(&openapi_version),
        }
    })
}

/// Says what went wrong.
pub(crate) fn complain(error: &anyhow::Error) -> ExitCode {
    // There is nobody left to tell when standard error is gone.
    let _ = writeln!(std::io::stderr(), "kith: {error:#}");
    ExitCode::FAILURE
}

/// Prints a line for whoever ran the command.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
