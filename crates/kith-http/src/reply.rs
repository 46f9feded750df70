//! Responses: JSON bytes as they are, and problems.

use kith_api_types::Problem;
use kith_application::Error;
use kith_domain::ports::RepositoryError;
use poem::Response;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use uuid::Uuid;

/// A request that was not done, on its way to [`crate::front`], which writes it down with the request's id.
#[derive(Debug, thiserror::Error)]
#[error("{} {}", problem.status, problem.code)]
pub(crate) struct Failure {
    /// What the caller is told.
    pub(crate) problem: Box<Problem>,
    /// A header that belongs to the answer.
    pub(crate) header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What only the log is told.
    pub(crate) cause: Option<String>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure {
            problem: Box::new(problem),
            header: None,
            cause: None,
        }
    }
}

impl From<Failure> for poem::Error {
    fn from(failure: Failure) -> Self {
        let status = status(failure.problem.status);
        poem::Error::new(failure, status)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(missing) => Problem::new(403, "forbidden", "Forbidden", missing.to_string()).into(),
            Error::Denied(denial) => Problem::new(403, "forbidden", "Forbidden", denial.to_string()).into(),
            Error::Refused(refusal) => Problem::from(refusal).into(),
            Error::StillRunning => Problem::new(
                409,
                "idempotency_conflict",
                "Still running",
                "a request with this Idempotency-Key is still running; repeat this one later to get its response",
            )
            .into(),
            Error::KeyReused => Problem::new(
                422,
                "idempotency_key_reused",
                "Idempotency-Key reused",
                "this Idempotency-Key was used for another request within the last 24 hours; use a new one for a new request",
            )
            .into(),
            Error::Expired { after, oldest } => Problem::new(
                410,
                "position_expired",
                "The events are not kept any more",
                format!(
                    "events after position {after} were removed because of their age; the oldest that is kept has position {oldest}: read what you follow anew, then go on after {}",
                    oldest - 1
                ),
            )
            .into(),
            Error::Storage(error) => error.into(),
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let cause = Some(error.to_string());
        match error {
            RepositoryError::Unavailable(_) => {
                let detail = "the storage cannot be reached or is too busy; nothing was done, the request may be repeated";
                let problem = Problem::new(503, "unavailable", "Unavailable", detail);
                let header = Some(Box::new((
                    header::RETRY_AFTER,
                    HeaderValue::from_static("1"),
                )));
                Failure {
                    header,
                    cause,
                    ..Failure::from(problem)
                }
            }
            RepositoryError::Unsettled(_) => {
                let detail = "the storage was lost while it committed: the change may have been made or not; read before you repeat it, or repeat it with the same Idempotency-Key";
                let problem = Problem::new(503, "outcome_unknown", "Outcome unknown", detail);
                Failure {
                    cause,
                    ..Failure::from(problem)
                }
            }
            RepositoryError::Failed(_) => Failure {
                cause,
                ..Failure::from(Problem::internal())
            },
        }
    }
}

/// A status from its number; 500 for what is none.
pub(crate) fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A response of JSON bytes.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::default();
    response.set_status(status);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response.set_body(body);
    response
}

/// The id of something that was deleted, as a JSON string.
pub(crate) fn id(id: Uuid) -> Response {
    let mut body = Vec::with_capacity(38);
    kith_api_types::json::id(&mut body, id);
    json(StatusCode::OK, body)
}

/// With the version of the record as its tag.
pub(crate) fn tagged(mut response: Response, version: Option<i64>) -> Response {
    // Digits in quotes are always a valid header value.
    if let Some(tag) =
        version.and_then(|version| HeaderValue::try_from(format!("\"{version}\"")).ok())
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A problem as a response.
pub(crate) fn problem(problem: &Problem, request_id: &str) -> Response {
    let mut response = Response::default();
    response.set_status(status(problem.status));
    let content_type = HeaderValue::from_static("application/problem+json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response.set_body(problem.to_vec(request_id));
    response
}
