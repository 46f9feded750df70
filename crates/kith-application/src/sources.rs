//! Where units of work get what the domain does not produce itself.

use std::sync::Arc;

use kith_domain::event::{EncodedEvent, Event};
use kith_domain::ports::{Clock, EventEncoder, Ids};

/// The time, ids, and the form of events.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) encoder: Arc<dyn EventEncoder>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Sources {
    /// An event with the bytes that are stored and sent.
    pub(crate) fn encode(&self, event: &Event) -> EncodedEvent {
        EncodedEvent {
            id: event.id,
            name: event.name(),
            key: event.key,
            user: event.user,
            at: event.at,
            body: self.encoder.encode(event),
        }
    }
}
