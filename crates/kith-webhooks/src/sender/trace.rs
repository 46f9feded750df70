//! Where the time of an attempt goes: the resolver and the connector report to the attempt on whose behalf they run.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use kith_domain::webhook::delivery::Timing;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The record of one attempt.
#[derive(Clone)]
pub(super) struct Trace {
    started: Instant,
    steps: Arc<Mutex<Steps>>,
}

#[derive(Default)]
struct Steps {
    dns: Option<u64>,
    is_connecting: bool,
    connected: Option<u64>,
    first_byte: Option<u64>,
    remote: Option<SocketAddr>,
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Trace {
    pub(super) fn new(started: Instant) -> Self {
        Trace {
            started,
            steps: Arc::default(),
        }
    }

    /// Runs the attempt so that its resolver and connector find this trace.
    pub(super) fn watch<F: Future>(&self, attempt: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.clone(), attempt)
    }

    /// The trace of the attempt that is running.
    pub(super) fn current() -> Option<Trace> {
        CURRENT.try_with(Trace::clone).ok()
    }

    pub(super) fn resolved(&self, since: Instant) {
        self.lock().dns = Some(micros(since));
    }

    pub(super) fn head_arrived(&self) {
        self.lock().first_byte = Some(micros(self.started));
    }

    /// Remembers the address that is tried first, for attempts that end before there is an answer.
    pub(super) fn dialling(&self, address: Option<SocketAddr>) {
        self.lock().remote = address;
    }

    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.lock().remote
    }

    pub(super) fn timing(&self) -> Timing {
        let steps = self.lock();
        Timing {
            dns: steps.dns,
            connect: steps
                .connected
                .map(|all| all.saturating_sub(steps.dns.unwrap_or_default())),
            first_byte: steps.first_byte,
            total: micros(self.started),
        }
    }

    /// What an attempt that ran out of time was waiting for.
    pub(super) fn what_is_missing(&self) -> &'static str {
        let steps = self.lock();
        if steps.first_byte.is_some() {
            "the answer did not end"
        } else if steps.is_connecting && steps.connected.is_none() {
            "no connection"
        } else {
            "no answer"
        }
    }

    fn lock(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures the connector.
#[derive(Clone)]
pub(super) struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, connector: S) -> Traced<S> {
        Traced(connector)
    }
}

/// A connector that is measured.
#[derive(Clone)]
pub(super) struct Traced<S>(S);

impl<S, R> Service<R> for Traced<S>
where
    S: Service<R>,
    S::Response: 'static,
    S::Error: 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let trace = Trace::current();
        let since = Instant::now();
        if let Some(trace) = &trace {
            trace.lock().is_connecting = true;
        }
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connected = connecting.await;
            if let (Some(trace), Ok(_)) = (trace, &connected) {
                trace.lock().connected = Some(micros(since));
            }
            connected
        })
    }
}
