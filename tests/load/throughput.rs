//! Sustained deliveries: a queue that was filled before is sent as fast as it goes.

use std::time::Instant;

use anyhow::{Context, Result};
use kith_tests::Backend;
use kith_tests::usage::{Cpu, Watched};

use crate::Options;
use crate::bare;
use crate::report::Figure;
use crate::stage::{Stage, fill};

/// Deliveries of a run.
const DELIVERIES: usize = 75_000;

/// Turns of the server and of the loop.
const TURNS: usize = 3;

/// Attempts at once to one endpoint, as the server has it.
const CONNECTIONS: usize = 8;

/// Measures with one endpoint, and with five.
pub(crate) async fn run(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backend in options.databases() {
        for webhooks in [1, 5] {
            figures.extend(measure(backend, webhooks, options).await?);
        }
    }
    Ok(figures)
}

/// In turns, so that both meet the machine as it is at the time.
async fn measure(backend: Backend, webhooks: usize, options: &Options) -> Result<Vec<Figure>> {
    let mut stage = Stage::start(backend, "api").await?;
    let paths = stage.webhooks(&stage.api(), webhooks, "fast").await?;
    let mut sum = Sum::default();
    for _ in 0..TURNS {
        turn(&mut stage, &paths, options, &mut sum).await?;
        stage.restart("api").await?;
    }
    let figure = |name: &str, measured: f64| {
        Figure::new(backend, format!("{webhooks} endpoints: {name}"), measured)
    };
    let rate = sum.done / sum.seconds;
    let bare = sum.done_bare / sum.seconds_bare;
    Ok(vec![
        figure("deliveries/s", rate),
        figure("bare loop, requests/s", bare),
        figure("% of the bare loop", 100.0 * rate / bare).at_least(50.0),
        figure("CPU µs, server", sum.cpu.server / sum.done),
        figure("CPU µs, database", sum.cpu.database / sum.done),
        figure(
            "CPU µs, both",
            (sum.cpu.server + sum.cpu.database) / sum.done,
        )
        .at_most(100.0),
        figure("CPU µs, bare loop", sum.cpu_bare / sum.done_bare),
        figure("CPU µs, receiver", sum.receiving / sum.done),
    ])
}

/// What the turns came to together.
#[derive(Default)]
struct Sum {
    done: f64,
    seconds: f64,
    cpu: Cpu,
    receiving: f64,
    done_bare: f64,
    seconds_bare: f64,
    cpu_bare: f64,
}

async fn turn(stage: &mut Stage, paths: &[String], options: &Options, sum: &mut Sum) -> Result<()> {
    let events = options.events.unwrap_or(DELIVERIES) / paths.len() / TURNS;
    fill(&stage.api(), events).await?;
    let deliveries = stage.open().await?;
    stage.restart("all").await?;
    let ledger = &stage.receiver.ledger;
    let receiver = Watched {
        server: std::process::id(),
        postgres: None,
    };
    // Neither the beginning, with its handshakes, nor the end, where lanes run dry.
    ledger
        .until_accepted(deliveries / 10, options.patience())
        .await?;
    let (since, from) = (Instant::now(), ledger.accepted_count());
    let (before, receiving) = (stage.watched().cpu()?, receiver.cpu()?);
    ledger
        .until_accepted(deliveries / 10 * 9, options.patience())
        .await?;
    sum.seconds += since.elapsed().as_secs_f64();
    sum.done += (ledger.accepted_count() - from) as f64;
    let cpu = stage.watched().cpu_since(before)?;
    sum.cpu.server += cpu.server;
    sum.cpu.database += cpu.database;
    sum.receiving += receiver.cpu_since(receiving)?.server;
    stage.settled(options.patience()).await?;
    let model = paths.first().and_then(|path| ledger.last(path));
    let model = model.context("nothing arrived")?;
    ledger.forget();
    let bare = bare::measure(&stage.receiver, paths, &model, CONNECTIONS, deliveries)?;
    sum.done_bare += deliveries as f64;
    sum.seconds_bare += deliveries as f64 / bare.per_second;
    sum.cpu_bare += bare.cpu * deliveries as f64;
    ledger.check()?;
    ledger.forget();
    Ok(())
}
