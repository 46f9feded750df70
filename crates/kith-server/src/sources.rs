//! The real clock and the real ids, handed to everything that needs them.

use std::time::{SystemTime, UNIX_EPOCH};

use kith_domain::ports::{Clock, Ids};
use kith_domain::time::Timestamp;
use uuid::Uuid;

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the port's implementation"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// UUIDs of version 7, ascending within the process.
pub(crate) struct OrderedIds;

impl Ids for OrderedIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the port's implementation"
    )]
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
