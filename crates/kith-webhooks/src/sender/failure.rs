//! Failures of the HTTP client in words.

use std::error::Error;
use std::io;

use kith_domain::webhook::delivery::{AttemptError, FailureKind};

use super::resolver::Dead;

/// What happened, by the causes that the client gives.
pub(super) fn classify(error: &reqwest::Error) -> AttemptError {
    let detail = chain(error);
    let mut kind = if error.is_connect() {
        FailureKind::Connect
    } else {
        FailureKind::Protocol
    };
    let mut timed_out = error.is_timeout();
    for cause in causes(error) {
        if let Some(dead) = cause.downcast_ref::<Dead>() {
            let kind = match dead {
                Dead::Blocked(_) | Dead::NotListed(_) => FailureKind::BlockedAddress,
                Dead::Unknown(_) | Dead::NoAddress => FailureKind::Dns,
            };
            return AttemptError::new(kind, dead.to_string());
        }
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return AttemptError::new(FailureKind::Tls, error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            timed_out |= error.kind() == io::ErrorKind::TimedOut;
        }
    }
    if timed_out {
        kind = FailureKind::Timeout;
    }
    AttemptError::new(kind, detail)
}

/// The error and what it comes from; inside I/O errors too, which do not name what they wrap as their source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref())
            .map(|inner| inner as &(dyn Error + 'static));
        wrapped.or_else(|| error.source())
    })
}

/// The innermost causes in one line, without what only repeats the one before.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    // The client's own outermost message names the URL, which is known.
    for cause in causes(error).skip(1) {
        let text = cause.to_string();
        if words.last().is_none_or(|last| !last.contains(&text)) {
            words.push(text);
        }
    }
    if words.is_empty() {
        return error.to_string();
    }
    words.join(": ")
}
