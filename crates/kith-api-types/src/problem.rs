//! Errors as the public JSON shows them: problem details of RFC 9457 (contract, section 11).

use kith_domain::violation::{NOT_FOUND, Refusal, Violation};

use crate::draft::ReadError;
use crate::json;

/// Most problems of a request that one answer lists.
const MAX_LISTED: usize = 1_000;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable and machine-readable: `validation_failed`, `not_found`, …
    pub code: &'static str,
    /// The code in words.
    pub title: &'static str,
    /// What is wrong here, what was received and what is accepted.
    pub detail: String,
    /// Each problem of the request body with its place.
    pub errors: Vec<Violation>,
}

impl Problem {
    /// A problem of the request as a whole.
    pub fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Problem {
            status,
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Something does not exist for this caller.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(404, "not_found", "Not found", detail)
    }

    /// The request is wrong in these places.
    pub fn invalid(errors: Vec<Violation>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.message.clone(),
            many => format!("{} problems; see errors", many.len()),
        };
        Problem {
            errors,
            ..Problem::new(400, "validation_failed", "The request is not valid", detail)
        }
    }

    /// The server failed; its inside is not shown.
    pub fn internal() -> Self {
        let detail = "The server failed on this request. Nothing of it was done; the log of the server says more under the requestId.";
        Problem::new(500, "internal_error", "Internal error", detail)
    }

    /// The body as `application/problem+json`.
    pub fn to_vec(&self, request_id: &str) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(256 + self.detail.len() + self.errors.len().min(MAX_LISTED) * 160);
        out.push(b'{');
        json::member(&mut out, "type");
        json::string(&mut out, &format!("urn:kith:problem:{}", self.code));
        json::member(&mut out, "title");
        json::string(&mut out, self.title);
        json::member(&mut out, "status");
        json::integer(&mut out, self.status.into());
        json::member(&mut out, "detail");
        json::string(&mut out, &self.detail);
        json::member(&mut out, "code");
        json::string(&mut out, self.code);
        json::member(&mut out, "requestId");
        json::string(&mut out, request_id);
        if !self.errors.is_empty() {
            json::member(&mut out, "errors");
            json::array(&mut out, self.errors.iter().take(MAX_LISTED), violation);
        }
        out.push(b'}');
        out
    }
}

fn violation(out: &mut Vec<u8>, violation: &Violation) {
    out.push(b'{');
    json::member(out, "pointer");
    json::string(out, &violation.pointer);
    json::member(out, "code");
    json::string(out, violation.code);
    json::member(out, "message");
    json::string(out, &violation.message);
    out.push(b'}');
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotJson(reason) => {
                Problem::new(400, "invalid_json", "The body is not JSON", reason.0)
            }
            ReadError::Invalid(errors) => Problem::invalid(errors),
        }
    }
}

/// Whether a problem is about the one record that a request names outside its body.
fn is_target(problem: &Violation) -> bool {
    problem.code == NOT_FOUND && matches!(problem.pointer.as_str(), "" | "/id")
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // The record of the path is missing: nothing in the body is to blame.
            Refusal::NotFound(mut found) if found.iter().any(is_target) => {
                found.retain(is_target);
                Problem::not_found(
                    found
                        .pop()
                        .map_or_else(String::new, |problem| problem.message),
                )
            }
            Refusal::NotFound(errors) => {
                let detail = errors
                    .first()
                    .map_or_else(String::new, |problem| problem.message.clone());
                Problem {
                    errors,
                    ..Problem::not_found(detail)
                }
            }
            Refusal::Invalid(errors) => Problem::invalid(errors),
            Refusal::Conflict(reason) => Problem {
                detail: reason.message.clone(),
                errors: vec![reason],
                ..Problem::new(409, "conflict", "Conflict", "")
            },
            Refusal::VersionMismatch { expected, actual } => Problem::new(
                412,
                "version_mismatch",
                "The record has changed",
                format!(
                    "If-Match asks for version {expected}, the record is at version {actual}; read it again and repeat the change on what it now is"
                ),
            ),
        }
    }
}
