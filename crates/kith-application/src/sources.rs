//! Where units of work get what the domain does not produce itself.

use std::sync::Arc;

use kith_domain::actor::Actor;
use kith_domain::event::workspace::{Told, WorkspaceEvent};
use kith_domain::event::{EncodedEvent, Event, Subject};
use kith_domain::ports::{Clock, EventEncoder, Ids};
use uuid::Uuid;

/// The time, ids, and the form of events.
#[derive(Clone)]
pub struct Sources {
    /// Renders events.
    pub encoder: Arc<dyn EventEncoder>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

impl Sources {
    /// An event with the bytes that are stored and sent.
    pub(crate) fn encode(&self, event: &Event) -> EncodedEvent {
        EncodedEvent {
            id: event.id,
            name: event.name(),
            subject: Subject::Record(event.key),
            user: event.user,
            at: event.at,
            body: self.encoder.encode(event),
        }
    }

    /// A change of the workspace that an actor makes now, with the bytes that are stored.
    pub(crate) fn log(
        &self,
        actor: &Actor,
        name: &'static str,
        subject: Uuid,
        told: Told,
    ) -> EncodedEvent {
        self.log_for(actor.company, actor.user, name, subject, told)
    }

    /// The same where there is no actor yet: somebody who joins, say.
    pub(crate) fn log_for(
        &self,
        company: Uuid,
        user: Uuid,
        name: &'static str,
        subject: Uuid,
        told: Told,
    ) -> EncodedEvent {
        let event = WorkspaceEvent {
            id: self.ids.new_id(),
            company,
            user,
            at: self.clock.now(),
            name,
            subject,
            told,
        };
        EncodedEvent::of_workspace(&event, &*self.encoder)
    }
}
