//! How long events take to their receivers, and writes to their answers.

use std::time::Instant;

use anyhow::{Context, Result};
use kith_tests::{Api, Backend};

use crate::Options;
use crate::report::{Figure, percentile};
use crate::stage::{Stage, Written, fill, hard, steadily};

/// Events a second, where the latency of single ones is asked for.
const RATE: f64 = 100.0;

/// Deliveries of the tenant with a long queue.
const QUEUE: usize = 50_000;

fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1_000.0
}

/// Milliseconds to the first byte at the receiver.
struct Latencies {
    /// From the answer to the write, which is a little after its commit.
    after_answer: Vec<f64>,
    /// From the request for the write.
    after_request: Vec<f64>,
}

impl Latencies {
    /// Of events made at a steady rate by a tenant, at the path of its webhook.
    async fn measure(stage: &Stage, api: &Api, path: &str, options: &Options) -> Result<Self> {
        stage.receiver.ledger.forget();
        let written = steadily(api, RATE, options.seconds).await?;
        let until = Instant::now() + options.patience();
        loop {
            let found = Latencies::of(stage, path, &written);
            if found.after_answer.len() == written.len() {
                return Ok(found);
            }
            anyhow::ensure!(Instant::now() < until, "events did not arrive");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    fn of(stage: &Stage, path: &str, written: &[Written]) -> Self {
        let arrived = stage.receiver.ledger.at(path);
        let first: std::collections::HashMap<_, _> = arrived
            .values()
            .map(|arrivals| (arrivals.entity, arrivals.first))
            .collect();
        let found = || {
            let found = written.iter();
            found.filter_map(|write| Some((write, *first.get(&write.id)?)))
        };
        Latencies {
            after_answer: found()
                .map(|(write, at)| millis(write.answered, at))
                .collect(),
            after_request: found().map(|(write, at)| millis(write.asked, at)).collect(),
        }
    }
}

/// From commit to the first byte, alone and beside another tenant's queue that is sent as fast as it goes.
pub(crate) async fn latency(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backend in options.databases() {
        let mut stage = Stage::start(backend, "all").await?;
        let api = stage.api();
        let path = one_webhook(&stage, &api, "fast").await?;
        steadily(&api, RATE, 1.0).await?;
        let mut alone = Latencies::measure(&stage, &api, &path, options).await?;
        figures.extend(told(backend, "alone", &mut alone, Some((2.0, 8.0))));
        let events = options.events.unwrap_or(QUEUE);
        let (api, open) = beside_a_queue(&mut stage, &api, "fast", events).await?;
        let mut loaded = Latencies::measure(&stage, &api, &path, options).await?;
        let name = format!("beside {open} queued");
        figures.extend(told(backend, &name, &mut loaded, None));
        figures.push(Figure::new(
            backend,
            "still queued afterwards",
            stage.open().await? as f64,
        ));
        stage.receiver.ledger.check()?;
    }
    Ok(figures)
}

fn told(
    backend: Backend,
    name: &str,
    latencies: &mut Latencies,
    limits: Option<(f64, f64)>,
) -> Vec<Figure> {
    let mut figures = Vec::new();
    let parts = [
        ("p50", 0.5, limits.map(|limits| limits.0)),
        ("p99", 0.99, limits.map(|limits| limits.1)),
    ];
    for (part, number, limit) in parts {
        for (since, values) in [
            ("answer", &mut latencies.after_answer),
            ("request", &mut latencies.after_request),
        ] {
            let value = percentile(values, number);
            let figure = Figure::new(
                backend,
                format!("{name}: {part} ms since the {since}"),
                value,
            );
            figures.push(match limit {
                Some(limit) => figure.at_most(limit),
                None => figure,
            });
        }
    }
    figures
}

async fn one_webhook(stage: &Stage, api: &Api, behaviour: &str) -> Result<String> {
    let mut paths = stage.webhooks(api, 1, behaviour).await?;
    paths.pop().context("no webhook")
}

/// Gives another tenant a queue while nothing is delivered, then serves again; the tenant that is measured, and the
/// number of open deliveries.
async fn beside_a_queue(
    stage: &mut Stage,
    api: &Api,
    behaviour: &str,
    events: usize,
) -> Result<(Api, usize)> {
    stage.restart("api").await?;
    let crowd = stage.tenant(&format!("Crowd {behaviour}"))?;
    one_webhook(stage, &crowd, behaviour).await?;
    fill(&crowd, events).await?;
    let open = stage.open().await?;
    stage.restart("all").await?;
    Ok((stage.again(api), open))
}

/// One endpoint that hangs and one tenant with a long queue: everybody else's latency beside that of idle times.
pub(crate) async fn fairness(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backend in options.databases() {
        let events = options.events.unwrap_or(QUEUE);
        for behaviour in ["slow", "fast"] {
            let mut stage = Stage::start(backend, "all").await?;
            let api = stage.api();
            let path = one_webhook(&stage, &api, "fast").await?;
            steadily(&api, RATE, 1.0).await?;
            let mut idle = Latencies::measure(&stage, &api, &path, options).await?;
            let idle = percentile(&mut idle.after_request, 0.95);
            let hanging = stage.tenant("Hanging")?;
            one_webhook(&stage, &hanging, "hang").await?;
            fill(&hanging, 100).await?;
            let (api, open) = beside_a_queue(&mut stage, &api, behaviour, events).await?;
            let mut loaded = Latencies::measure(&stage, &api, &path, options).await?;
            let loaded = percentile(&mut loaded.after_request, 0.95);
            let left = stage.open().await?;
            figures.push(Figure::new(backend, "idle: p95 ms since the request", idle));
            let name = format!("hanging, {open} → {left} queued to a {behaviour} receiver: p95 ms");
            figures.push(Figure::new(backend, name, loaded).at_most(2.0 * idle));
            stage.receiver.ledger.check()?;
        }
    }
    Ok(figures)
}

/// A write's time with 0, 1 and 10 webhooks that want its event.
pub(crate) async fn writes(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backend in options.databases() {
        for webhooks in [0, 1, 10] {
            let stage = Stage::start(backend, "all").await?;
            let api = stage.api();
            stage.webhooks(&api, webhooks, "fast").await?;
            steadily(&api, RATE, 1.0).await?;
            let steady = steadily(&api, RATE, options.seconds / 2.0).await?;
            let hard = hard(&api, 8, options.seconds / 2.0).await?;
            for (how, written) in [("100/s", &steady), ("8 connections", &hard)] {
                let mut took: Vec<_> = written
                    .iter()
                    .map(|write| millis(write.asked, write.answered))
                    .collect();
                for (part, number) in [("p50", 0.5), ("p95", 0.95)] {
                    let name = format!("{webhooks} webhooks, {how}: {part} ms");
                    figures.push(Figure::new(backend, name, percentile(&mut took, number)));
                }
            }
            let name = format!("{webhooks} webhooks, 8 connections: writes/s");
            let rate = hard.len() as f64 / (options.seconds / 2.0);
            figures.push(Figure::new(backend, name, rate));
            stage.receiver.ledger.check()?;
        }
    }
    Ok(figures)
}
