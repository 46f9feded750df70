//! Deliveries in memory: the reference for the port, and for tests.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Claimed, Claims, Deliveries, Endpoint, Outcome, Wish};
use crate::ports::RepositoryError;
use crate::time::Timestamp;
use crate::webhook::delivery::{Attempt, Health, Next, Status, delivery_id};

/// Keeps deliveries in memory.
#[derive(Default)]
pub struct MemoryDeliveries {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    endpoints: BTreeMap<Uuid, Endpoint>,
    deliveries: BTreeMap<(Uuid, Uuid), Waiting>,
    was_rung: bool,
    wakers: Vec<Waker>,
}

struct Waiting {
    company: Uuid,
    event_id: Uuid,
    body: Vec<u8>,
    status: Status,
    /// When it may be claimed; none when it is finished.
    due: Option<Timestamp>,
    /// When the lease of its claim ends.
    claimed_until: Option<Timestamp>,
    /// Attempts that were made, and those that were lost with their worker.
    attempt: u32,
    attempts: Vec<Attempt>,
}

impl Waiting {
    fn claimable_at(&self) -> Option<Timestamp> {
        self.due.max(self.claimed_until)
    }
}

impl MemoryDeliveries {
    /// Makes or changes a webhook.
    pub fn set_endpoint(&self, webhook: Uuid, endpoint: Endpoint) {
        self.lock().endpoints.insert(webhook, endpoint);
    }

    /// The webhook as it is now.
    pub fn endpoint(&self, webhook: Uuid) -> Option<Endpoint> {
        self.lock().endpoints.get(&webhook).cloned()
    }

    /// Adds a delivery that is due at `due`; its id.
    pub fn add(
        &self,
        company: Uuid,
        webhook: Uuid,
        event: Uuid,
        body: &[u8],
        due: Timestamp,
    ) -> Uuid {
        let mut state = self.lock();
        let id = delivery_id(event, webhook);
        let waiting = Waiting {
            company,
            event_id: event,
            body: body.to_vec(),
            status: Status::Pending,
            due: Some(due),
            claimed_until: None,
            attempt: 0,
            attempts: Vec::new(),
        };
        state.deliveries.insert((webhook, id), waiting);
        state.ring();
        id
    }

    /// Wakes whoever waits.
    pub fn ring(&self) {
        self.lock().ring();
    }

    /// Status and attempts of a delivery.
    pub fn get(&self, webhook: Uuid, id: Uuid) -> Option<(Status, Vec<Attempt>)> {
        let state = self.lock();
        let found = state.deliveries.get(&(webhook, id))?;
        Some((found.status, found.attempts.clone()))
    }

    /// How many deliveries are in a status.
    pub fn count(&self, status: Status) -> usize {
        let state = self.lock();
        let all = state.deliveries.values();
        all.filter(|delivery| delivery.status == status).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ring(&mut self) {
        self.was_rung = true;
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

#[async_trait]
impl Deliveries for MemoryDeliveries {
    async fn claim(&self, wish: Wish) -> Result<Claims, RepositoryError> {
        let State {
            endpoints,
            deliveries,
            ..
        } = &mut *self.lock();
        let mut lanes: Vec<Uuid> = deliveries.keys().map(|(webhook, _)| *webhook).collect();
        lanes.dedup();
        let start = lanes.partition_point(|lane| *lane <= wish.after);
        lanes.rotate_left(start);
        let mut claims = Claims::default();
        for lane in lanes {
            if claims.deliveries.len() >= wish.limit {
                claims.is_cut = true;
                break;
            }
            claims.last_lane = Some(lane);
            let most = wish.lanes.get(&lane).copied().unwrap_or(wish.per_lane);
            let most = most.min(wish.limit - claims.deliveries.len());
            let ids = (lane, Uuid::nil())..=(lane, Uuid::max());
            let mut waiting: Vec<_> = deliveries
                .range_mut(ids)
                .filter(|(_, waiting)| waiting.due.is_some())
                .collect();
            waiting.sort_by_key(|(_, waiting)| waiting.claimable_at());
            let later = waiting
                .iter()
                .filter_map(|(_, waiting)| waiting.due)
                .filter(|due| *due > wish.now);
            claims.next_due = claims.next_due.into_iter().chain(later).min();
            let due = waiting
                .into_iter()
                .filter(|(_, waiting)| waiting.claimable_at().is_some_and(|at| at <= wish.now));
            let endpoint = endpoints.get(&lane).cloned().map(Arc::new);
            for ((_, id), waiting) in due.take(most) {
                waiting.attempt += u32::from(waiting.claimed_until.is_some());
                waiting.claimed_until = Some(wish.lease_until);
                waiting.status = Status::Delivering;
                claims.deliveries.push(Claimed {
                    company: waiting.company,
                    id: *id,
                    webhook: lane,
                    claim: wish.id,
                    event_id: waiting.event_id,
                    body: waiting.body.clone(),
                    attempt: waiting.attempt + 1,
                    endpoint: endpoint.clone(),
                });
            }
        }
        Ok(claims)
    }

    async fn settle(&self, outcomes: Arc<[Outcome]>) -> Result<(), RepositoryError> {
        let State {
            endpoints,
            deliveries,
            ..
        } = &mut *self.lock();
        for outcome in outcomes.iter() {
            let Some(delivery) = deliveries.get_mut(&(outcome.webhook, outcome.delivery)) else {
                continue;
            };
            if delivery.attempt + 1 == outcome.attempt.number {
                delivery.attempt = outcome.attempt.number;
                delivery.claimed_until = None;
                (delivery.status, delivery.due) = match outcome.next {
                    Next::Done => (Status::Success, None),
                    Next::GiveUp => (Status::Failed, None),
                    Next::Again(at) => (Status::Pending, Some(at)),
                };
            }
            delivery.attempts.push(outcome.attempt.clone());
            let Some(endpoint) = endpoints.get_mut(&outcome.webhook) else {
                continue;
            };
            match outcome.health {
                Health::Same => {}
                Health::Recovered => endpoint.failing_since = None,
                Health::FailingSince(at) => endpoint.failing_since = Some(at),
                Health::Disabled(_, since) => {
                    endpoint.failing_since = Some(since);
                    endpoint.enabled = false;
                }
            }
        }
        Ok(())
    }

    async fn release(&self, claimed: Vec<Claimed>) -> Result<(), RepositoryError> {
        let mut state = self.lock();
        for claim in claimed {
            let Some(delivery) = state.deliveries.get_mut(&(claim.webhook, claim.id)) else {
                continue;
            };
            if delivery.attempt + 1 == claim.attempt && delivery.status == Status::Delivering {
                delivery.claimed_until = None;
                delivery.status = Status::Pending;
                delivery.due = Some(Timestamp(0));
            }
        }
        state.ring();
        Ok(())
    }

    async fn wait(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if std::mem::take(&mut state.was_rung) {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
