//! When keys were last used: noted on the way, written down later and together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kith_domain::ports::directory::KeyUse;
use kith_domain::time::Timestamp;
use uuid::Uuid;

/// Most keys whose use waits to be written; of further ones it is not known.
const WAITING: usize = 100_000;

/// Uses that are not written down yet.
#[derive(Default)]
pub(super) struct Usage(Mutex<HashMap<Uuid, KeyUse>>);

impl Usage {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, KeyUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, used: KeyUse) {
        let mut uses = self.lock();
        if uses.len() < WAITING || uses.contains_key(&used.key) {
            uses.insert(used.key, used);
        }
    }

    /// All of them, in the order of the keys, so that two servers that write at once do not wait for each other.
    pub(super) fn take(&self) -> Vec<KeyUse> {
        let mut uses: Vec<_> = self.lock().drain().map(|(_, used)| used).collect();
        uses.sort_by_key(|used| (used.company, used.key));
        uses
    }

    /// The last use of a key that is not written down yet.
    pub(super) fn last(&self, key: Uuid) -> Option<Timestamp> {
        self.lock().get(&key).map(|used| used.at)
    }
}
