//! Events of the log as a reader may see them: of the records in their scope, with the links in their scope.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use kith_domain::draft::Reference;
use kith_domain::entity::EntityType;
use kith_domain::event::{CommittedEvent, EncodedEvent};
use kith_domain::ports::{EventEncoder, Repository, RepositoryError};
use kith_domain::relation::Target;
use kith_domain::scope::{Reach, Scope};

/// What of some events is inside a scope. What decides is what the reader may see now, not what they might have seen
/// when it happened.
pub(crate) async fn shown(
    repository: &dyn Repository,
    encoder: &dyn EventEncoder,
    scope: &Scope,
    events: Vec<CommittedEvent>,
) -> Result<Vec<CommittedEvent>, RepositoryError> {
    let is_whole = |entity| scope.reach_of(entity) == Reach::All && scope.shows_all_links(entity);
    if EntityType::ALL.into_iter().all(is_whole) {
        return Ok(events);
    }
    let mut named = BTreeSet::new();
    for event in &events {
        if let Some(key) = event.event.subject.record() {
            named.insert((Target::Record(key.entity), key.id));
            encoder.shown(&event.event.body, key, &mut |reference| {
                named.insert((reference.target(), reference.id()));
                true
            });
        }
    }
    let asked = named
        .into_iter()
        .filter(|(target, _)| scope.reach(*target) == Reach::Own);
    let asked: Vec<_> = asked
        .map(|(target, id)| Reference::new(target, id))
        .collect();
    let seen: HashSet<_> = match asked.is_empty() {
        true => HashSet::new(),
        false => {
            let names = repository.names(scope, &asked).await?;
            names.iter().map(|name| (name.target, name.id)).collect()
        }
    };
    let sees = |reference: Reference| match scope.reach(reference.target()) {
        Reach::All => true,
        Reach::Own => seen.contains(&(reference.target(), reference.id())),
        Reach::Nothing => false,
    };
    let shown = events.into_iter().filter_map(|committed| {
        let Some(key) = committed.event.subject.record() else {
            return Some(committed);
        };
        if !sees(Reference::Record(key)) {
            return None;
        }
        let body = encoder.shown(&committed.event.body, key, &mut |reference| sees(reference))?;
        Some(CommittedEvent {
            event: Arc::new(EncodedEvent {
                body,
                ..EncodedEvent::clone(&committed.event)
            }),
            ..committed
        })
    });
    Ok(shown.collect())
}
