//! What a handler leaves unread of a body: a connection with an unread body cannot be used again, and would be closed
//! under the caller's next request.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, Request};

use super::LIMIT;

/// How long the sender of a body that nobody wants is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A body that two hold: the handler, and [`crate::front`].
#[derive(Clone)]
pub(crate) struct Rest(Arc<Mutex<Chunks>>);

impl Rest {
    /// Shares the body of a request, if it has one that is worth reading to its end: a sender that waits to be told to
    /// go on has not sent it, and a very long one costs more than a new connection.
    pub(crate) fn of(request: &mut Request) -> Option<Rest> {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH);
        let length: Option<usize> = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let has_body = match length {
            Some(length) => (1..=LIMIT).contains(&length),
            None => headers.contains_key(header::TRANSFER_ENCODING),
        };
        if !has_body || headers.contains_key(header::EXPECT) {
            return None;
        }
        let rest = Rest(Arc::new(Mutex::new(Box::pin(
            request.take_body().into_bytes_stream(),
        ))));
        request.set_body(Body::from_bytes_stream(rest.clone()));
        Some(rest)
    }

    /// Reads to the end of the body and throws it away, for a while.
    pub(crate) async fn drain(mut self) {
        let mut left = LIMIT;
        let to_the_end = async {
            while let Some(Ok(chunk)) = self.next().await
                && let Some(less) = left.checked_sub(chunk.len())
            {
                left = less;
            }
        };
        // Whoever takes longer needs a new connection.
        let _ = tokio::time::timeout(PATIENCE, to_the_end).await;
    }
}

impl Stream for Rest {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.as_mut().poll_next(context)
    }
}
