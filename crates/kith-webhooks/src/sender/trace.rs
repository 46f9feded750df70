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
    /// When the connector began, the TLS handshake began, and the connection was there.
    connecting: Option<Instant>,
    shaking_hands: Option<Instant>,
    connected: Option<Instant>,
    first_byte: Option<u64>,
    remote: Option<SocketAddr>,
}

fn micros(since: Instant) -> u64 {
    between(since, Instant::now())
}

fn between(since: Instant, until: Instant) -> u64 {
    let took = until.saturating_duration_since(since);
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
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

    /// Of several tries the last one counts.
    pub(super) fn shaking_hands(&self) {
        self.lock().shaking_hands = Some(Instant::now());
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
        let (connecting, shaking_hands) = (steps.connecting, steps.shaking_hands);
        let spent = |from: Option<Instant>, to: Option<Instant>| Some(between(from?, to?));
        let connect = spent(connecting, shaking_hands.or(steps.connected));
        Timing {
            dns: steps.dns,
            connect: connect.map(|all| all.saturating_sub(steps.dns.unwrap_or_default())),
            tls: spent(shaking_hands, steps.connected),
            first_byte: steps.first_byte,
            total: micros(self.started),
        }
    }

    /// What an attempt that ran out of time was waiting for.
    pub(super) fn what_is_missing(&self) -> &'static str {
        let steps = self.lock();
        if steps.first_byte.is_some() {
            "the answer did not end"
        } else if steps.connecting.is_some() && steps.connected.is_none() {
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
        let connecting = self.0.call(request);
        let Some(trace) = Trace::current() else {
            return Box::pin(connecting);
        };
        trace.lock().connecting = Some(Instant::now());
        Box::pin(async move {
            // Whichever task drives it, it belongs to this attempt.
            let connected = CURRENT.scope(trace.clone(), connecting).await;
            if connected.is_ok() {
                trace.lock().connected = Some(Instant::now());
            }
            connected
        })
    }
}
