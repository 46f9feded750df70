//! One attempt of a delivery: a signed POST to an address that was judged, with everything about it bounded.

mod failure;
mod resolver;
mod tls;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kith_domain::ports::Clock;
use kith_domain::ports::webhooks::Destinations;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Attempt, AttemptError, FailureKind, KEPT_BODY};
use kith_domain::webhook::destination::{UrlRules, parse_url};
use kith_domain::webhook::schedule::parse_retry_after;
use kith_domain::webhook::secret::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, redirect};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::sign;
use resolver::{Demand, GuardedResolver};
use trace::{Trace, TraceLayer};

pub use resolver::{Lookup, SystemLookup};

/// How long an unused connection is kept: less than the five seconds after which many servers close theirs, so that a
/// delivery does not meet a connection that is just being closed.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// Most header bytes that are kept of an answer.
const KEPT_HEADERS: usize = 8 * 1024;

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where: the webhook's URL, checked again here.
    pub url: String,
    /// The bytes, sent as they are.
    pub body: Bytes,
    /// The event's id: `webhook-id`.
    pub event_id: Uuid,
    /// What to sign with.
    pub secret: Option<Secret>,
    /// Number of the attempt, from 1.
    pub number: u32,
}

/// Makes attempts.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Makes one attempt; whatever happens is in what comes back.
    async fn send(&self, request: Request) -> Attempt;
}

/// How to send.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// Longest time from the start of an attempt to the end of the answer (`KITH_WEBHOOK_TIMEOUT`).
    pub timeout: Duration,
    /// Where webhooks may go (`KITH_WEBHOOK_ALLOW_NETS`, `KITH_WEBHOOK_ALLOW_HTTP`).
    pub rules: UrlRules,
    /// PEM roots that are trusted besides the public ones (`KITH_WEBHOOK_CA_FILE`).
    pub extra_roots: Option<Vec<u8>>,
    /// Connections that are kept for a host. Many webhooks may lead to one host, each with several requests at once.
    pub kept_per_host: usize,
}

impl Default for SenderSettings {
    fn default() -> Self {
        SenderSettings {
            timeout: Duration::from_secs(10),
            rules: UrlRules::default(),
            extra_roots: None,
            kept_per_host: 64,
        }
    }
}

/// The sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The extra roots are not PEM certificates.
    #[error("the file with additional roots holds no PEM certificates: {0}")]
    Roots(String),
    /// The HTTP client refuses its settings.
    #[error("the webhook sender cannot be set up: {0}")]
    Client(String),
}

/// Sends over pooled connections.
pub struct Sender {
    https: Client,
    /// For `http` in allowed networks: every address has to be in one of them.
    http: Option<Client>,
    settings: SenderSettings,
    clock: Arc<dyn Clock>,
    lookup: Arc<dyn Lookup>,
}

impl Sender {
    /// A sender that resolves names with `lookup`.
    ///
    /// # Errors
    /// When the extra roots are unreadable or the client cannot be built.
    pub fn new(
        settings: SenderSettings,
        clock: Arc<dyn Clock>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, SenderError> {
        // The program has done so already; a test or an embedding service may not have.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |demand| {
            let guard = GuardedResolver::new(
                Arc::clone(&lookup),
                settings.rules.allow_nets.clone(),
                demand,
            );
            let builder = client(&settings, guard)?.https_only(demand == Demand::Public);
            builder
                .build()
                .map_err(|error| SenderError::Client(failure::chain(&error)))
        };
        let https = build(Demand::Public)?;
        let http = settings.rules.allow_http.then(|| build(Demand::Listed));
        Ok(Sender {
            https,
            http: http.transpose()?,
            settings,
            clock,
            lookup,
        })
    }

    async fn attempt(
        &self,
        request: &Request,
        trace: &Trace,
        kept: &mut Kept,
    ) -> Result<(), AttemptError> {
        let url = parse_url(&request.url, &self.settings.rules).map_err(|reason| {
            let kind = match reason.contains("may not reach") {
                true => FailureKind::BlockedAddress,
                false => FailureKind::Webhook,
            };
            AttemptError::new(kind, reason)
        })?;
        let response = self.post(request, url).await;
        let mut response = response.map_err(|error| failure::classify(&error))?;
        trace.head_arrived();
        kept.head(&response, self.clock.now());
        while kept.body.len() < KEPT_BODY {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = KEPT_BODY - kept.body.len();
                    kept.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                Ok(None) => break,
                Err(error) => return Err(failure::classify(&error)),
            }
        }
        match kept.status {
            Some(status) if !(200..300).contains(&status) => {
                let mut detail = format!("the receiver answered {status}");
                if (300..400).contains(&status) {
                    detail.push_str("; redirects are not followed");
                }
                Err(AttemptError::new(FailureKind::Status, detail))
            }
            _ => Ok(()),
        }
    }

    async fn post(&self, request: &Request, url: Url) -> Result<Response, reqwest::Error> {
        let client = match (url.scheme(), &self.http) {
            ("http", Some(http)) => http,
            _ => &self.https,
        };
        let seconds = self.clock.now().0.div_euclid(1_000);
        let mut post = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", request.event_id.to_string())
            .header("webhook-timestamp", seconds);
        if let Some(secret) = &request.secret {
            let signature = sign::standard(secret, request.event_id, seconds, &request.body);
            post = post
                .header("webhook-signature", signature)
                .header("x-webhook-signature", sign::plain(secret, &request.body));
        }
        post.body(request.body.clone()).send().await
    }
}

#[async_trait]
impl Destinations for Sender {
    async fn check(&self, url: &str) -> Result<(), String> {
        let rules = &self.settings.rules;
        let url = parse_url(url, rules)?;
        let Some(url::Host::Domain(host)) = url.host() else {
            return Ok(());
        };
        let demand = match url.scheme() {
            "http" => Demand::Listed,
            _ => Demand::Public,
        };
        let found = tokio::time::timeout(self.settings.timeout, self.lookup.lookup(host)).await;
        match found {
            Ok(Ok(addresses)) => resolver::filter(addresses, &rules.allow_nets, demand)
                .map(drop)
                .map_err(|blocked| format!("{host} leads to {blocked}")),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// A client without redirects, proxies, or addresses that the guard has not seen.
fn client(settings: &SenderSettings, guard: GuardedResolver) -> Result<ClientBuilder, SenderError> {
    let builder = Client::builder()
        .user_agent(concat!("Kith-Webhooks/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(guard)
        .connector_layer(TraceLayer)
        .pool_max_idle_per_host(settings.kept_per_host)
        .pool_idle_timeout(KEEP_IDLE)
        .http1_max_headers(100)
        .http2_max_header_list_size(64 * 1024)
        .tls_backend_preconfigured(tls::config(settings.extra_roots.as_deref())?);
    Ok(builder)
}

/// What is kept of an answer, filled while it arrives.
#[derive(Default)]
struct Kept {
    remote: Option<std::net::SocketAddr>,
    status: Option<u16>,
    headers: String,
    body: Vec<u8>,
    retry_after: Option<Timestamp>,
}

impl Kept {
    fn head(&mut self, response: &Response, now: Timestamp) {
        self.remote = response.remote_addr();
        self.status = Some(response.status().as_u16());
        self.headers = header_lines(response.headers());
        self.retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| parse_retry_after(text, now));
    }
}

fn header_lines(headers: &HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if lines.len() + name.as_str().len() + value.len() + 3 > KEPT_HEADERS {
            break;
        }
        lines.push_str(name.as_str());
        lines.push_str(": ");
        lines.push_str(&value);
        lines.push('\n');
    }
    lines
}

#[async_trait]
impl Transport for Sender {
    async fn send(&self, request: Request) -> Attempt {
        let at = self.clock.now();
        let started = Instant::now();
        let trace = Trace::new(started);
        let mut kept = Kept::default();
        let attempt = trace.watch(self.attempt(&request, &trace, &mut kept));
        let ended = tokio::time::timeout_at(started + self.settings.timeout, attempt).await;
        let error = match ended {
            Ok(result) => result.err(),
            Err(_) => {
                let limit = self.settings.timeout.as_millis();
                let detail = format!("{} within {limit} ms", trace.what_is_missing());
                Some(AttemptError::new(FailureKind::Timeout, detail))
            }
        };
        let remote = kept.remote.or_else(|| trace.remote());
        Attempt {
            number: request.number,
            at,
            url: request.url,
            remote,
            status: kept.status,
            headers: kept.headers,
            body: kept.body,
            retry_after: kept.retry_after,
            error,
            timing: trace.timing(),
        }
    }
}
