//! The event log as server-sent events: read from the table, woken by commits, nothing kept for slow readers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use kith_application::{Error, Webhooks};
use kith_domain::actor::Actor;
use kith_domain::event::CommittedEvent;
use kith_domain::ports::EventWaiter;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Response};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::EventsApi;
use crate::auth::Standing;
use crate::reply::Failure;

/// Events that are read at once: all that is ever kept for a reader.
const BATCH: usize = 100;

/// How the event log is followed.
#[derive(Clone, Debug)]
pub struct Following {
    /// How often a comment shows that the connection lives.
    pub heartbeat: Duration,
    /// How often the log is read although nothing rang.
    pub poll: Duration,
    /// A reader that takes nothing for this long is cut off, as is every connection; it can go on with
    /// `Last-Event-ID`.
    pub patience: Duration,
}

impl Default for Following {
    fn default() -> Self {
        Following {
            heartbeat: Duration::from_secs(15),
            poll: Duration::from_secs(2),
            patience: Duration::from_secs(60),
        }
    }
}

/// Somebody who follows the log.
pub(super) struct Reader {
    webhooks: Arc<Webhooks>,
    actor: Arc<Actor>,
    standing: Option<Standing>,
    news: Box<dyn EventWaiter>,
    after: i64,
    types: Option<Vec<&'static str>>,
    waiting: VecDeque<CommittedEvent>,
    /// When something was last handed over.
    handed: Option<Instant>,
    following: Following,
    stopping: watch::Receiver<bool>,
}

/// The stream from a position on; from now on if there is none.
pub(super) async fn stream(mut reader: Reader, after: Option<i64>) -> Result<Response, Failure> {
    reader.after = match after {
        Some(after) => {
            // What is wrong with the position is told before the stream begins.
            reader.webhooks.events(&reader.actor, after, 1).await?;
            after
        }
        None => reader.webhooks.last_position(&reader.actor).await?,
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
    /// A reader who hears of everything that is committed from now on.
    pub(super) fn new(
        api: &EventsApi,
        actor: Arc<Actor>,
        standing: Option<Standing>,
        types: Option<Vec<&'static str>>,
    ) -> Result<Self, Failure> {
        Ok(Reader {
            // Heard before the log is read, so that nothing falls between.
            news: api.webhooks.news(&actor)?,
            webhooks: Arc::clone(&api.webhooks),
            actor,
            standing,
            after: 0,
            types,
            waiting: VecDeque::new(),
            handed: None,
            following: api.following.clone(),
            stopping: api.stopping.clone(),
        })
    }

    /// The next piece of the stream: some events, or a sign of life. `None` ends it.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let now = Instant::now();
        let patience = self.following.patience;
        if self.handed.is_some_and(|handed| now - handed > patience) {
            return None;
        }
        let mut stopping = self.stopping.clone();
        let found = tokio::select! {
            found = self.events(now + self.following.heartbeat) => found,
            // Nobody stops what has no socket.
            Ok(_) = stopping.wait_for(|stopping| *stopping) => return None,
        };
        let piece = match found {
            Ok(Some(piece)) => piece,
            Ok(None) => Bytes::from_static(b": alive\n\n"),
            Err(Halt::Over) => return None,
            // The reader comes back with the last id that it saw.
            Err(Halt::Failed(error)) => return Some(Err(io::Error::other(error.to_string()))),
        };
        self.handed = Some(Instant::now());
        Some(Ok(piece))
    }

    /// Takes note of rights that were given or taken since; ends with the credential.
    async fn look_again(&mut self) -> Result<(), Halt> {
        if let Some(standing) = &self.standing {
            let actor = standing.actor().await.map_err(Error::Storage)?;
            self.actor = actor.ok_or(Halt::Over)?;
        }
        Ok(())
    }

    /// Events that are wanted, if there are any before `until`.
    async fn events(&mut self, until: Instant) -> Result<Option<Bytes>, Halt> {
        loop {
            self.look_again().await?;
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
            let next = until.min(Instant::now() + self.following.poll);
            // Without news the log is read again all the same.
            let _ = timeout_at(next, self.news.changed()).await;
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

/// Why a stream ends.
enum Halt {
    /// The reader may not follow the log any more.
    Over,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(_) => Halt::Over,
            error => Halt::Failed(error),
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
