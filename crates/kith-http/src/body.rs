//! Request bodies: read once, with a limit, as JSON.

mod rest;

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kith_api_types::Problem;
use poem::Request;
use poem::http::header;
use tokio::time::timeout;

use crate::reply::Failure;

pub(crate) use rest::Rest;

/// Most bytes of a body (contract, section 11).
pub(crate) const LIMIT: usize = 5 * 1024 * 1024;

/// How much of a body that is too long is read and thrown away, so that its sender gets to see the answer.
const PATIENCE: usize = 32 * 1024 * 1024;

/// How long the next part of a body may take to arrive.
const PAUSE: Duration = Duration::from_secs(30);

/// The bytes of a body that says it is JSON.
pub(crate) async fn json(request: &mut Request) -> Result<Body, Failure> {
    require_json(request)?;
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced: Option<usize> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > LIMIT + PATIENCE) {
        return Err(too_large());
    }
    let mut chunks = pin!(request.take_body().into_bytes_stream());
    let mut body = Body::default();
    let mut length = 0;
    // A sender that stalls must not hold a connection for ever.
    while let Some(chunk) = timeout(PAUSE, chunks.next()).await.map_err(|_| stalled())? {
        let chunk = chunk.map_err(|error| {
            let detail = format!("the body broke off: {error}");
            Problem::new(400, "incomplete_body", "The body is incomplete", detail)
        })?;
        length += chunk.len();
        if length > LIMIT + PATIENCE {
            break;
        }
        if length <= LIMIT {
            body.push(chunk, announced);
        } else {
            body = Body::default();
        }
    }
    if length > LIMIT {
        Err(too_large())
    } else {
        Ok(body)
    }
}

/// A body: most come in one chunk, which then need not be copied.
#[derive(Default)]
pub(crate) struct Body {
    first: bytes::Bytes,
    all: Vec<u8>,
}

impl Body {
    fn push(&mut self, chunk: bytes::Bytes, announced: Option<usize>) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = chunk;
            return;
        }
        if self.all.is_empty() {
            self.all.reserve(announced.unwrap_or_default().min(LIMIT));
            self.all.extend_from_slice(&self.first);
            self.first = bytes::Bytes::new();
        }
        self.all.extend_from_slice(&chunk);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }
}

fn require_json(request: &Request) -> Result<(), Failure> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let given = given.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = given
        .as_deref()
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    let is_json = essence.is_some_and(|essence| {
        let essence = essence.to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    });
    if is_json {
        return Ok(());
    }
    let received = given.as_deref().unwrap_or("none");
    let received = kith_domain::text::excerpt(received, 60);
    let detail = format!("the content type is {received}; application/json is accepted");
    Err(Problem::new(
        415,
        "unsupported_media_type",
        "Unsupported media type",
        detail,
    )
    .into())
}

fn stalled() -> Failure {
    let detail = format!(
        "no part of the body arrived for {} seconds",
        PAUSE.as_secs()
    );
    Problem::new(408, "body_stalled", "The body did not arrive", detail).into()
}

fn too_large() -> Failure {
    let detail = format!("the body is longer than {LIMIT} bytes; send it in parts");
    Problem::new(413, "body_too_large", "The body is too large", detail).into()
}
