//! Why a use case did not do what it was asked.

use kith_domain::actor::MissingRight;
use kith_domain::people::{Denial, Rejection};
use kith_domain::ports::RepositoryError;
use kith_domain::violation::Refusal;

/// Why a use case did not do what it was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor lacks a right.
    #[error(transparent)]
    Forbidden(#[from] MissingRight),
    /// The actor holds the right, but not for this.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The request is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A request with the same idempotency key is still running.
    #[error("a request with this idempotency key is still running")]
    StillRunning,
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The reader of the log left off before the oldest event that is kept.
    #[error("the log begins at position {oldest}; what follows {after} is not all there any more")]
    Expired {
        /// Where the reader left off.
        after: i64,
        /// The position of the oldest event that is kept.
        oldest: i64,
    },
    /// The storage did not do its part.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Missing(missing) => Error::Forbidden(missing),
            Rejection::Denied(denial) => Error::Denied(denial),
            Rejection::Refused(refusal) => Error::Refused(refusal),
        }
    }
}
