//! The event log as server-sent events: read from the table, woken by commits, nothing kept for slow readers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use kith_application::Webhooks;
use kith_domain::actor::Actor;
use kith_domain::event::CommittedEvent;
use kith_domain::ports::EventWaiter;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Response};
use tokio::time::{Instant, timeout_at};

use crate::reply::Failure;

/// Events that are read at once: all that is ever kept for a reader.
const BATCH: usize = 100;

/// How often a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often the log is read although nothing rang.
const POLL: Duration = Duration::from_secs(2);

/// A reader that takes nothing for this long is cut off; it can go on with `Last-Event-ID`.
const PATIENCE: Duration = Duration::from_secs(60);

struct Reader {
    webhooks: Arc<Webhooks>,
    actor: Arc<Actor>,
    news: Box<dyn EventWaiter>,
    after: i64,
    types: Option<Vec<&'static str>>,
    waiting: VecDeque<CommittedEvent>,
    /// When something was last handed over.
    handed: Option<Instant>,
}

/// The stream from a position on; from now on if there is none.
pub(super) async fn stream(
    webhooks: Arc<Webhooks>,
    actor: Arc<Actor>,
    after: Option<i64>,
    types: Option<Vec<&'static str>>,
) -> Result<Response, Failure> {
    // Heard before the log is read, so that nothing falls between.
    let news = webhooks.news(&actor)?;
    let after = match after {
        Some(after) => {
            // What is wrong with the position is told before the stream begins.
            webhooks.events(&actor, after, 1).await?;
            after
        }
        None => webhooks.last_position(&actor).await?,
    };
    let reader = Reader {
        webhooks,
        actor,
        news,
        after,
        types,
        waiting: VecDeque::new(),
        handed: None,
    };
    let pieces = stream::unfold(reader, |mut reader| async move {
        let piece = reader.piece().await?;
        Some((piece, reader))
    });
    let mut response = Response::default();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response.set_body(Body::from_bytes_stream(pieces));
    Ok(response)
}

impl Reader {
    /// The next piece of the stream: some events, or a sign of life. `None` ends it.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let now = Instant::now();
        if self.handed.is_some_and(|handed| now - handed > PATIENCE) {
            return None;
        }
        let piece = match self.events(now + HEARTBEAT).await {
            Ok(Some(piece)) => piece,
            Ok(None) => Bytes::from_static(b": alive\n\n"),
            // The reader comes back with the last id that it saw.
            Err(error) => return Some(Err(io::Error::other(error.to_string()))),
        };
        self.handed = Some(Instant::now());
        Some(Ok(piece))
    }

    /// Events that are wanted, if there are any before `until`.
    async fn events(&mut self, until: Instant) -> Result<Option<Bytes>, kith_application::Error> {
        loop {
            let read = self.webhooks.events(&self.actor, self.after, BATCH).await?;
            self.after = read.last;
            let types = self.types.as_deref();
            let wanted = |event: &CommittedEvent| is_wanted(types, event.event.name);
            self.waiting.extend(read.events.into_iter().filter(wanted));
            if !self.waiting.is_empty() {
                return Ok(Some(write(&mut self.waiting)));
            }
            if !read.is_last {
                continue;
            }
            let next = until.min(Instant::now() + POLL);
            // Without news the log is read again all the same.
            let _ = timeout_at(next, self.news.changed()).await;
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

/// Whether events of a name are asked for; all are where no names are given.
pub(super) fn is_wanted(types: Option<&[&'static str]>, name: &str) -> bool {
    types.is_none_or(|types| types.contains(&name))
}

/// `id` is the position, `event` the name, `data` the envelope, whose JSON has no line breaks.
fn write(events: &mut VecDeque<CommittedEvent>) -> Bytes {
    let mut piece = Vec::with_capacity(events.len() * 1_024);
    for event in events.drain(..) {
        let head = format!(
            "id: {}\nevent: {}\ndata: ",
            event.position, event.event.name
        );
        piece.extend_from_slice(head.as_bytes());
        piece.extend_from_slice(&event.event.body);
        piece.extend_from_slice(b"\n\n");
    }
    piece.into()
}
