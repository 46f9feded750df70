//! Writes outcomes back, as many at once as have come together while the last ones were written.

use std::sync::Arc;
use std::time::Duration;

use kith_domain::ports::deliveries::{Deliveries, Outcome};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Most outcomes in one call.
const BATCH: usize = 512;

/// Shortest time from one call to the next: when many attempts end, few calls record them.
const BEAT: Duration = Duration::from_millis(20);

/// Outcomes that may wait before attempts have to.
const QUEUE: usize = 2048;

/// Pauses after failures, in milliseconds: from the first to the longest, doubled each time.
const PAUSES: (u64, u64) = (100, 5_000);

/// How often one batch is tried before it is left to the ends of its leases.
const TRIES: u32 = 20;

/// The recorder of a worker.
pub(super) struct Recorder;

impl Recorder {
    /// Starts it; it ends when the sender is dropped and everything is written.
    pub(super) fn start(
        deliveries: Arc<dyn Deliveries>,
    ) -> (mpsc::Sender<Outcome>, JoinHandle<()>) {
        let (sender, mut outcomes) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            let mut next = Instant::now();
            while outcomes.recv_many(&mut batch, BATCH).await > 0 {
                while batch.len() < BATCH && Instant::now() < next {
                    let left = BATCH - batch.len();
                    let more = outcomes.recv_many(&mut batch, left);
                    if !matches!(tokio::time::timeout_at(next, more).await, Ok(1..)) {
                        break;
                    }
                }
                next = Instant::now() + BEAT;
                record(deliveries.as_ref(), batch.drain(..).collect()).await;
            }
        });
        (sender, task)
    }
}

async fn record(deliveries: &dyn Deliveries, batch: Arc<[Outcome]>) {
    let mut pause = PAUSES.0;
    for _ in 0..TRIES {
        match deliveries.settle(Arc::clone(&batch)).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, count = batch.len(), "outcomes of deliveries were not recorded; trying again");
            }
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
    tracing::error!(
        count = batch.len(),
        "outcomes of deliveries are given up; they will be sent again"
    );
}
