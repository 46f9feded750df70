//! Webhooks: who is told of which events, where, and by which rules (contract, section 7).

pub mod address;
pub mod delivery;
pub mod destination;
pub mod draft;
pub mod resend;
pub mod schedule;
pub mod secret;

use uuid::Uuid;

use crate::event;
use crate::event::workspace::{Fact, Facts, open};
use crate::time::Timestamp;
use schedule::{DisabledReason, RetryPolicy};
use secret::SealedSecret;

/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 1_000;

/// A subscription of a company's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// UUID version 7.
    pub id: Uuid,
    /// Where to send: https, or http in allowed networks.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// What to send.
    pub events: EventSet,
    /// What to sign with.
    pub secret: Option<SealedSecret>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Whether failed deliveries are tried again.
    pub retry_policy: RetryPolicy,
    /// Why the server switched it off, if it did.
    pub disabled_reason: Option<DisabledReason>,
    /// When the first failure since the last success happened.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody changed it last.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        let events: Vec<_> = self.events.names().collect();
        let secret = self.secret.as_ref().map(|sealed| sealed.0.clone());
        vec![
            open("url", self.url.clone()),
            open("description", self.description.clone()),
            open("events", events),
            ("secret", Fact::Secret(secret)),
            open("enabled", self.enabled),
            open("retryPolicy", self.retry_policy.name()),
            open(
                "disabledReason",
                self.disabled_reason.map(DisabledReason::name),
            ),
        ]
    }
}

/// A set of event names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventSet(u16);

impl EventSet {
    /// The set of one event.
    pub fn of(name: &str) -> Option<Self> {
        let index = event::names().position(|known| known == name)?;
        Some(EventSet(1 << index))
    }

    /// Both sets.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        EventSet(self.0 | other.0)
    }

    /// Whether all of another set is in this one.
    pub fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether an event is in the set.
    pub fn contains(self, name: &str) -> bool {
        EventSet::of(name).is_some_and(|one| self.contains_all(one))
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, in the order of the entity types.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        event::names()
            .enumerate()
            .filter_map(move |(index, name)| (self.0 >> index & 1 == 1).then_some(name))
    }
}

/// Unknown names are left out.
impl<'a> FromIterator<&'a str> for EventSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        names
            .into_iter()
            .filter_map(EventSet::of)
            .fold(EventSet::default(), EventSet::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_sets_hold_all_fifteen_names() {
        let all: EventSet = event::names().collect();
        assert_eq!(all.names().count(), 15);
        let one: EventSet = ["task.deleted", "nothing.happened"].into_iter().collect();
        assert_eq!(one.names().collect::<Vec<_>>(), ["task.deleted"]);
        assert!(one.contains("task.deleted") && !one.contains("task.created"));
        assert!(EventSet::default().is_empty() && !one.is_empty());
    }
}
