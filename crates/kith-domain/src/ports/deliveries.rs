//! The port between the storage, where deliveries wait, and the worker that makes their attempts.

mod memory;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

pub use memory::MemoryDeliveries;

use super::RepositoryError;
use crate::event::EncodedEvent;
use crate::time::Timestamp;
use crate::webhook::delivery::{Attempt, Health, Next};
use crate::webhook::schedule::RetryPolicy;
use crate::webhook::secret::SealedSecret;

/// A delivery whose next attempt belongs to the worker that claimed it, until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The tenant.
    pub company: Uuid,
    /// The delivery.
    pub id: Uuid,
    /// The webhook: the lane.
    pub webhook: Uuid,
    /// The claim that it is part of.
    pub claim: Uuid,
    /// What receivers see as `webhook-id`.
    pub event_id: Uuid,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// Number of the attempt that was claimed, from 1.
    pub attempt: u32,
    /// The webhook as it is now, shared by all that was claimed of its lane; none if it was deleted.
    pub endpoint: Option<Arc<Endpoint>>,
}

/// The side of a webhook that the worker needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to send.
    pub url: String,
    /// What to sign with.
    pub secret: Option<SealedSecret>,
    /// Whether it wants events at present.
    pub enabled: bool,
    /// Whether failures are tried again.
    pub retry_policy: RetryPolicy,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
}

/// What a worker has room for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What the claim will be known by; new for each wish.
    pub id: Uuid,
    /// Now: what is due then can be claimed.
    pub now: Timestamp,
    /// When the claimed deliveries may be claimed again, should nothing be heard of them.
    pub lease_until: Timestamp,
    /// Most deliveries altogether.
    pub limit: usize,
    /// Most deliveries of a lane.
    pub per_lane: usize,
    /// Lanes for which it is another number.
    pub lanes: HashMap<Uuid, usize>,
    /// The lane to begin after; lanes come in the order of their ids, and round again.
    pub after: Uuid,
}

/// What was claimed.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The deliveries, lane by lane, each lane's in the order in which they were due.
    pub deliveries: Vec<Claimed>,
    /// The last lane that was looked at; the next wish begins after it.
    pub last_lane: Option<Uuid>,
    /// When the next delivery is due that could not be claimed because its time has not come.
    pub next_due: Option<Timestamp>,
    /// Whether lanes were left out because the limit was reached.
    pub is_cut: bool,
    /// Whether lanes were left out because somebody else claimed of them at that moment.
    pub is_contended: bool,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The tenant.
    pub company: Uuid,
    /// The delivery.
    pub delivery: Uuid,
    /// The webhook.
    pub webhook: Uuid,
    /// The claim under which the attempt was made.
    pub claim: Uuid,
    /// The attempt.
    pub attempt: Attempt,
    /// When it ended.
    pub at: Timestamp,
    /// What becomes of the delivery.
    pub next: Next,
    /// What it says about the endpoint.
    pub health: Health,
    /// What is logged if the webhook is disabled by it.
    pub log: Option<EncodedEvent>,
}

/// Deliveries that wait.
///
/// * A delivery is claimed by one worker at a time: until its lease ends or its outcome is recorded, nobody else gets
///   it. Where a lease ends unheard, the attempt counts as made, also of what became due between those deliveries.
/// * An outcome is appended to the delivery's attempts and decides its state, unless its attempt is no longer the last
///   one (the lease had ended and somebody else has the delivery now); then it is appended only.
/// * A call that fails may have recorded some of its outcomes; each is recorded once, however often it comes.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Claims deliveries that are due.
    async fn claim(&self, wish: Wish) -> Result<Claims, RepositoryError>;

    /// Records what became of attempts.
    async fn settle(&self, outcomes: Arc<[Outcome]>) -> Result<(), RepositoryError>;

    /// Gives claimed deliveries back unsent: they are due at once, and the attempt was none. Those that somebody else
    /// has claimed since are left alone.
    async fn release(&self, claimed: Vec<Claimed>) -> Result<(), RepositoryError>;

    /// Returns when deliveries may have been added since the last call, by whichever process; also now and then
    /// without a reason.
    async fn wait(&self);
}
