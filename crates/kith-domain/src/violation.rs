//! What is wrong with a request, and why it was refused.

use std::fmt;

/// One problem in a request, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the request body; `""` is the body itself.
    pub pointer: String,
    /// Stable, machine-readable: `required`, `too_long`, `not_found`, …
    pub code: &'static str,
    /// What is wrong, what was received and what is accepted.
    pub message: String,
}

impl Violation {
    /// A problem at a place.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Violation {
            pointer: pointer.into(),
            code,
            message: message.into(),
        }
    }

    /// The same problem seen from an enclosing value at `prefix`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// Escapes one reference token of a JSON Pointer (RFC 6901, section 3).
pub fn pointer_token(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something that the request names does not exist for this caller; nothing else is wrong.
    #[error("not found: {}", join(.0))]
    NotFound(Vec<Violation>),
    /// The request is not valid.
    #[error("invalid: {}", join(.0))]
    Invalid(Vec<Violation>),
    /// The request is valid, but not in the present state of things.
    #[error("conflict: {0}")]
    Conflict(Violation),
    /// A record has moved on since the caller read it.
    #[error("the record is at version {actual}, not {expected}")]
    VersionMismatch {
        /// The version that the caller expected.
        expected: i64,
        /// The present version.
        actual: i64,
    },
}

impl Refusal {
    /// [`Refusal::NotFound`] if every problem is a missing thing, otherwise [`Refusal::Invalid`].
    pub fn of(violations: Vec<Violation>) -> Self {
        if violations
            .iter()
            .all(|violation| violation.code == NOT_FOUND)
        {
            Refusal::NotFound(violations)
        } else {
            Refusal::Invalid(violations)
        }
    }
}

/// Code of a violation that names something that does not exist for the caller.
pub const NOT_FOUND: &str = "not_found";

fn join(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
