//! Dev workflow of Kith: `cargo xtask help` lists what it does.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to a person on its terminal"
)]

mod bench;
mod breaking;
mod clients;
mod corpus;
mod deps;
mod openapi;
mod postgres;
mod report;
mod serve;
mod server;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask serve [ARGS]     build Kith, start it on SQLite with the demo workspace, say how to try it;
                             ARGS go to `kith serve`; --fresh begins with an empty database
cargo xtask test [OPTIONS]   everything that has to pass: formatting, tidy, dependency table, lints, tests on
                             SQLite and PostgreSQL, the OpenAPI document, generated clients
                             --only STEP,…  --skip STEP,…  --list (the steps)
cargo xtask openapi          write openapi/*.json from the code
                             --check            compare only
                             --accept-breaking  note the breaking changes as meant
cargo xtask clients [NAME]   generate clients from openapi/, compile them, use them against a started server;
                             NAME: lint, typescript, python, rust
cargo xtask bench [ARGS]     measure; ARGS go to the benchmark (try --help)
cargo xtask load COMMAND     webhooks under load and faults: kills, outages, every kind of receiver, latency, CPU,
                             memory, figures beside their limits (try --help)
cargo xtask corpus [ARGS]    fill a database with corpus U: --database-url URL [--scale N] (try --help)
cargo xtask tidy             the house rules that no lint knows
cargo xtask check-deps       the dependency table between the crates
cargo xtask postgres         a throw-away PostgreSQL, until Enter is pressed or standard input ends";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "serve" => serve::run(&rest),
        "test" => test::run(&rest),
        "openapi" => openapi::run(&rest),
        "clients" => clients::run(&rest),
        "bench" => bench::run("kith-bench", &rest),
        "load" => bench::run("kith-load", &rest),
        "corpus" => corpus::run(&rest),
        "tidy" => tidy::run(),
        "check-deps" => deps::run(),
        "postgres" => postgres::run(),
        "" | "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("no command `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
