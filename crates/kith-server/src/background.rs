//! What a process does besides answering: it sends failed deliveries again, and removes what is old.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kith_application::Upkeep;
use kith_application::upkeep::{Retention, Round};
use kith_application::webhooks::ResendRunner;
use kith_domain::ports::EventFeed;
use kith_domain::ports::resends::Progress;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// After a batch the database is left alone for this many times as long as it took.
const REST: u32 = 4;

/// Longest and shortest time between two rounds.
const ROUNDS: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(1));

/// Tasks that are given up when the process stops; what they do is done in transactions.
#[derive(Default)]
pub(crate) struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Starts one.
    pub(crate) fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// How long jobs are left alone when there is nothing to do, and how long at least between two looks for them.
const JOBS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(250));

/// Carries the jobs forward that send failed deliveries again. A job that begins is in the log, so that all processes
/// hear of it.
pub(crate) async fn resend(runner: ResendRunner, feed: Arc<dyn EventFeed>) {
    let mut news = feed.subscribe();
    loop {
        match runner.step().await {
            Ok(Progress::Advanced) => continue,
            Ok(Progress::Waiting) => {}
            Ok(Progress::Idle) => {
                // Without news it is looked all the same.
                let _ = tokio::time::timeout(JOBS.0, news.changed()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "failed deliveries are not sent again at present");
                tokio::time::sleep(JOBS.0).await;
            }
        }
        tokio::time::sleep(JOBS.1).await;
    }
}

/// Removes what is old, round after round.
pub(crate) async fn relieve(upkeep: Upkeep, retention: Retention) {
    let shortest = retention.events.into_iter().chain(retention.deliveries);
    let between = shortest.min().unwrap_or(ROUNDS.0) / 24;
    let between = between.clamp(ROUNDS.1, ROUNDS.0);
    loop {
        let mut round = Round::default();
        loop {
            let began = Instant::now();
            match upkeep.step(&mut round).await {
                Ok(true) => tokio::time::sleep(began.elapsed() * REST).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "what is old was not removed; trying again later");
                    break;
                }
            }
        }
        tokio::time::sleep(between).await;
    }
}
