//! The first and the last to see a request: its id, its log line, panics, and errors as problems.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use kith_api_types::Problem;
use kith_domain::ports::Ids;
use poem::endpoint::Endpoint;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Error, Request, Response, Result, Route};
use tracing::{Instrument, Level};

use crate::aside::Aside;
use crate::body::Rest;
use crate::reply::{self, Failure};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken from a caller.
const LONGEST_ID: usize = 128;

/// Wraps everything that answers.
pub(crate) struct Front {
    inner: Route,
    ids: Arc<dyn Ids>,
    /// Whether every answer says how many requests are left.
    is_paced: bool,
}

impl Front {
    pub(crate) fn new(inner: Route, ids: Arc<dyn Ids>, is_paced: bool) -> Self {
        Front {
            inner,
            ids,
            is_paced,
        }
    }

    /// The caller's request id if it is a sane one, or a new one.
    fn request_id(&self, request: &Request) -> HeaderValue {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .filter(|id| is_sane(id.as_bytes()));
        given.cloned().unwrap_or_else(|| {
            let mut text = [0; 36];
            self.ids.new_id().hyphenated().encode_lower(&mut text);
            // Hexadecimal digits and hyphens are always a valid header value.
            HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("none"))
        })
    }

    async fn answer(&self, request: Request, id: &HeaderValue) -> Response {
        match AssertUnwindSafe(self.inner.call(request))
            .catch_unwind()
            .await
        {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => failed(error, id),
            Err(_) => {
                tracing::error!(request_id = text(id), "a handler panicked");
                reply::problem(&Problem::internal(), text(id))
            }
        }
    }

    /// The same, with everything that is logged meanwhile under the request's id.
    async fn answer_logged(&self, request: Request, id: &HeaderValue) -> Response {
        let start = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let span = tracing::debug_span!("request", id = text(id));
        let response = self.answer(request, id).instrument(span.clone()).await;
        let _entered = span.entered();
        let micros = start.elapsed().as_micros();
        tracing::debug!(%method, path, status = response.status().as_u16(), micros, "answered");
        response
    }
}

impl Endpoint for Front {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let id = self.request_id(&request);
        let rest = Rest::of(&mut request);
        let needs_aside = self.is_paced || request.headers().contains_key(header::COOKIE);
        let aside = needs_aside.then(|| Aside::with(&mut request));
        let mut response = if tracing::enabled!(Level::DEBUG) {
            self.answer_logged(request, &id).await
        } else {
            self.answer(request, &id).await
        };
        if let Some(rest) = rest {
            rest.drain().await;
        }
        if let Some(aside) = aside {
            aside.write(response.headers_mut());
        }
        response.headers_mut().insert(REQUEST_ID, id);
        Ok(response)
    }
}

fn is_sane(id: &[u8]) -> bool {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(fine)
}

fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

/// An error as a problem; what is hidden from the caller is logged.
fn failed(error: Error, id: &HeaderValue) -> Response {
    let failure = match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => of_framework(&error),
    };
    if failure.problem.status >= 500 {
        let cause = failure.cause.as_deref().unwrap_or_default();
        tracing::error!(
            request_id = text(id),
            status = failure.problem.status,
            cause,
            "a request failed"
        );
    }
    let mut response = reply::problem(&failure.problem, text(id));
    if let Some((name, value)) = failure.header.map(|header| *header) {
        response.headers_mut().insert(name, value);
    }
    if failure.problem.status == 401 {
        let scheme = HeaderValue::from_static("Bearer realm=\"kith\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn of_framework(error: &Error) -> Failure {
    match error.status().as_u16() {
        404 => Problem::not_found("there is nothing at this path; the API is described at /docs")
            .into(),
        status @ 400..=499 => {
            Problem::new(status, "bad_request", "Bad request", error.to_string()).into()
        }
        _ => Failure {
            cause: Some(error.to_string()),
            ..Failure::from(Problem::internal())
        },
    }
}
