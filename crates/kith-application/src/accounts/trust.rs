//! What is known of callers, for a moment: those with keys and those with sessions each by themselves, so that a token of
//! one kind is never taken for one of the other.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use kith_domain::people::Digest;
use kith_domain::time::Timestamp;

use super::Caller;

/// How long a key is trusted without asking the directory again, in milliseconds.
const TRUST_MS: i64 = 2_000;

/// Most keys that are remembered.
const REMEMBERED: usize = 10_000;

/// The callers who were looked up lately.
#[derive(Default)]
pub(super) struct Trust(RwLock<Known>);

#[derive(Default)]
struct Known {
    callers: HashMap<[u8; 32], (Timestamp, Caller)>,
    /// How often everything was forgotten.
    generation: u64,
}

impl Trust {
    /// A caller who was looked up less than [`TRUST_MS`] ago.
    pub(super) fn recall(&self, digest: &Digest, now: Timestamp) -> Option<Caller> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = known.callers.get(&digest.0)?;
        let is_over = match caller {
            Caller::Active(identity) => {
                identity.actor.limit.until.is_some_and(|until| until <= now)
            }
            Caller::Inactive | Caller::Unknown => false,
        };
        let is_fresh = !is_over && (0..TRUST_MS).contains(&(now.0 - since.0));
        is_fresh.then(|| caller.clone())
    }

    /// To be asked for before a caller is looked up.
    pub(super) fn generation(&self) -> u64 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.generation
    }

    /// Remembers a caller, unless something was changed while they were looked up.
    pub(super) fn remember(
        &self,
        generation: u64,
        digest: Digest,
        now: Timestamp,
        caller: &Caller,
    ) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            return;
        }
        if known.callers.len() >= REMEMBERED {
            known.callers.clear();
        }
        known.callers.insert(digest.0, (now, caller.clone()));
    }

    /// Forgets everybody: somebody may have lost a right or a key.
    pub(super) fn forget(&self) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.callers.clear();
        known.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kith_domain::actor::{Actor, Limit, Permissions};
    use uuid::Uuid;

    use super::*;
    use crate::accounts::{Credential, Identity};

    const KEY: Digest = Digest([7; 32]);

    fn caller(until: Option<i64>) -> Caller {
        Caller::Active(Identity {
            actor: Arc::new(Actor {
                company: Uuid::nil(),
                user: Uuid::nil(),
                permissions: Permissions::all(),
                limit: Limit {
                    until: until.map(Timestamp),
                    ..Limit::none()
                },
            }),
            credential: Credential::Key(Uuid::nil()),
        })
    }

    #[test]
    fn callers_are_known_for_two_seconds_and_not_beyond_the_end_of_their_key() {
        let trust = Trust::default();
        for (until, at, is_known) in [
            (None, 1_000, true),
            (None, 2_999, true),
            (None, 3_000, false),
            (None, 999, false),
            (Some(1_500), 1_499, true),
            (Some(1_500), 1_500, false),
        ] {
            trust.remember(trust.generation(), KEY, Timestamp(1_000), &caller(until));
            let known = trust.recall(&KEY, Timestamp(at));
            assert_eq!(known.is_some(), is_known, "{until:?} {at}");
        }
    }

    #[test]
    fn a_look_up_that_began_before_a_change_is_not_remembered() {
        let trust = Trust::default();
        let before = trust.generation();
        trust.forget();
        trust.remember(before, KEY, Timestamp(0), &caller(None));
        assert_eq!(trust.recall(&KEY, Timestamp(0)), None);
    }
}
