//! Load: connections that each send the next request as soon as the last one is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kith_tests::Connection;
use tokio::task::JoinSet;

/// A request of a workload.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    /// The status that it must be answered with.
    pub(crate) status: u16,
}

/// Makes the request with a number.
pub(crate) type Requests = Arc<dyn Fn(usize) -> Request + Send + Sync>;

/// When a run ends: by whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) requests: usize,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    /// Microseconds from the first byte sent to the last one received, ascending.
    latencies: Vec<u32>,
}

impl Measured {
    pub(crate) fn new(started: Instant, mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        Measured {
            requests: latencies.len(),
            seconds: started.elapsed().as_secs_f64(),
            latencies,
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The latency that this part of the requests did not exceed, in milliseconds.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        // A part of a length is within the length.
        let at = (part * last as f64).round() as usize;
        f64::from(self.latencies.get(at).copied().unwrap_or_default()) / 1000.0
    }
}

/// Sends a request, which must be answered as it says; the microseconds that it took.
pub(crate) async fn send(
    connection: &mut Connection,
    head: &str,
    request: &Request,
) -> Result<u32> {
    let body = request.body.as_bytes();
    let sent = Instant::now();
    let reply = connection
        .request(request.method, &request.path, head, body)
        .await?;
    let took = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
    ensure!(
        reply.status == request.status,
        "{} {}: {} {}",
        request.method,
        request.path,
        reply.status,
        reply.text()
    );
    Ok(took)
}

/// Sends requests from `first` on.
pub(crate) async fn drive(
    address: SocketAddr,
    head: &str,
    bounds: Bounds,
    first: usize,
    requests: &Requests,
) -> Result<Measured> {
    let mut connections = Vec::new();
    for _ in 0..bounds.connections {
        connections.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(first));
    let started = Instant::now();
    let end = started + Duration::from_secs_f64(bounds.seconds);
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (next, requests, head) = (Arc::clone(&next), Arc::clone(requests), head.to_owned());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= first + bounds.requests {
                    break;
                }
                latencies.push(send(&mut connection, &head, &requests(number)).await?);
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = tasks.join_next().await {
        latencies.extend(of_one??);
    }
    Ok(Measured::new(started, latencies))
}
