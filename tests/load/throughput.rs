//! Sustained deliveries: a queue that was filled before is sent as fast as it goes.

use std::time::Instant;

use anyhow::{Context, Result};
use kith_tests::Backend;
use kith_tests::usage::Watched;

use crate::Options;
use crate::bare;
use crate::report::Figure;
use crate::stage::{Stage, fill};

/// Deliveries of a run.
const DELIVERIES: usize = 50_000;

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

async fn measure(backend: Backend, webhooks: usize, options: &Options) -> Result<Vec<Figure>> {
    let mut stage = Stage::start(backend, "api").await?;
    let paths = stage.webhooks(&stage.api(), webhooks, "fast").await?;
    let events = options.events.unwrap_or(DELIVERIES) / webhooks;
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
    let seconds = since.elapsed().as_secs_f64();
    let done = (ledger.accepted_count() - from) as f64;
    let cpu = stage.watched().cpu_since(before)?;
    let receiving = receiver.cpu_since(receiving)?;
    stage.settled(options.patience()).await?;
    let model = paths.first().and_then(|path| ledger.last(path));
    let model = model.context("nothing arrived")?;
    ledger.forget();
    let bare = bare::measure(&stage.receiver, &paths, &model, CONNECTIONS, deliveries)?;
    ledger.check()?;
    let figure = |name: &str, measured: f64| {
        Figure::new(backend, format!("{webhooks} endpoints: {name}"), measured)
    };
    let rate = done / seconds;
    Ok(vec![
        figure("deliveries/s", rate),
        figure("bare loop, requests/s", bare.per_second),
        figure("% of the bare loop", 100.0 * rate / bare.per_second).at_least(50.0),
        figure("CPU µs, server", cpu.server / done),
        figure("CPU µs, database", cpu.database / done),
        figure("CPU µs, both", (cpu.server + cpu.database) / done).at_most(100.0),
        figure("CPU µs, bare loop", bare.cpu),
        figure("CPU µs, receiver", receiving.server / done),
    ])
}
