//! What must never be, on a large scale.

use std::time::Duration;

use anyhow::Result;
use kith_tests::faults::{self, Plan};
use kith_tests::{Backend, TestServer, outcomes};

use crate::Options;

/// How much goes wrong.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often a process is killed
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// Webhooks, each of which wants every event
    #[arg(long, default_value_t = 5)]
    webhooks: usize,
    /// Processes that only deliver, on PostgreSQL: one run for each number
    #[arg(long, value_delimiter = ',', default_values_t = [0, 2])]
    workers: Vec<usize>,
}

/// Events to webhooks while processes are killed and the receiver is down.
pub(crate) async fn faults(args: &Args, options: &Options) -> Result<()> {
    let mut rows = Vec::new();
    for backend in options.databases() {
        for &workers in &args.workers {
            if backend == Backend::Sqlite && workers > 0 {
                continue;
            }
            let name = match workers {
                0 => "one process".to_owned(),
                workers => format!("{workers} workers"),
            };
            let plan = Plan {
                events: options.events.unwrap_or(100_000),
                per_request: 100,
                writers: 4,
                webhooks: args.webhooks,
                kills: args.kills,
                workers,
                down: Duration::from_secs(3),
                timeout: Duration::from_secs(1),
                patience: options.patience(),
            };
            let mut server = TestServer::start(backend).await?;
            let told = |step: &str| println!("{}, {name}: {step}", backend.name());
            let tally = faults::run(&mut server, plan, told).await?;
            rows.push(vec![
                backend.name().to_owned(),
                name.clone(),
                args.kills.to_string(),
                tally.events.to_string(),
                tally.deliveries.to_string(),
                "0".to_owned(),
                tally.duplicates.to_string(),
                tally.attempts.to_string(),
                format!("{:.0}", tally.seconds),
            ]);
        }
    }
    let headings = [
        "database",
        "",
        "kills",
        "events",
        "deliveries",
        "lost",
        "again",
        "attempts",
        "seconds",
    ];
    print!("{}", kith_tests::table(&headings, &rows));
    println!(
        "\nEvery delivery sent again had the webhook-id of the first time; none was sent twice at once."
    );
    Ok(())
}

/// One delivery to each kind of receiver.
pub(crate) async fn receivers(options: &Options) -> Result<()> {
    for backend in options.databases() {
        let mut server = TestServer::start(backend).await?;
        let outcomes = outcomes::of_each_behaviour(&mut server, Duration::from_secs(2)).await?;
        let rows: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                let delivery = &outcome.delivery;
                let verdict = match outcome.check() {
                    Ok(()) => "right".to_owned(),
                    Err(problem) => format!("WRONG: {problem:#}"),
                };
                vec![
                    outcome.behaviour.name.to_owned(),
                    delivery["status"].to_string(),
                    delivery["statusCode"].to_string(),
                    delivery["durationMs"].to_string(),
                    delivery["error"].to_string(),
                    verdict,
                ]
            })
            .collect();
        println!("{}", backend.name());
        let headings = ["receiver", "status", "code", "ms", "error", ""];
        print!("{}", kith_tests::table(&headings, &rows));
        for outcome in &outcomes {
            outcome.check()?;
        }
    }
    Ok(())
}
