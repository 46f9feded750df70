//! What deliveries cost in memory.

use std::time::Duration;

use anyhow::Result;
use kith_tests::usage;

use crate::Options;
use crate::report::Figure;
use crate::stage::{Stage, fill};

/// Receivers that answer with 300 MB each.
pub(crate) async fn large(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backend in options.databases() {
        let stage = Stage::start(backend, "all").await?;
        let api = stage.api();
        stage.webhooks(&api, 4, "fast").await?;
        fill(&api, 200).await?;
        stage.settled(options.patience()).await?;
        let pid = stage.watched().server;
        let (before, _) = usage::memory(pid)?;
        let large = stage.webhooks(&api, 4, "large").await?;
        usage::forget_peak(pid)?;
        let events = options.events.unwrap_or(50);
        fill(&api, events).await?;
        stage.settled(options.patience()).await?;
        let (_, peak) = usage::memory(pid)?;
        let name = format!("{} answers of 300 MB: MiB grown", events * large.len());
        figures.push(Figure::new(backend, "before: MiB", before));
        figures.push(Figure::new(backend, name, peak - before).at_most(10.0));
        stage.receiver.ledger.check()?;
    }
    Ok(figures)
}

/// Many deliveries that wait.
pub(crate) async fn pending(options: &Options) -> Result<Vec<Figure>> {
    const WEBHOOKS: usize = 10;
    let mut figures = Vec::new();
    for backend in options.databases() {
        let mut stage = Stage::start(backend, "all").await?;
        let api = stage.api();
        stage.webhooks(&api, WEBHOOKS, "hang").await?;
        let (idle, _) = usage::memory(stage.watched().server)?;
        stage.restart("api").await?;
        let api = stage.again(&api);
        fill(&api, options.events.unwrap_or(200_000) / WEBHOOKS).await?;
        let open = stage.open().await?;
        stage.restart("all").await?;
        tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
        let (now, peak) = usage::memory(stage.watched().server)?;
        figures.push(Figure::new(backend, "without deliveries: MiB", idle));
        figures.push(Figure::new(backend, format!("{open} pending: MiB"), now));
        figures.push(Figure::new(
            backend,
            format!("{open} pending: MiB at most"),
            peak,
        ));
        stage.receiver.ledger.check()?;
    }
    Ok(figures)
}
