//! Whose turn it is: a lane per endpoint, tenants in turn, half of the slots kept for first attempts. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use kith_domain::ports::deliveries::Claimed;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Attempt, FailureKind};
use tokio::time::Instant;
use uuid::Uuid;

/// Deliveries that may lie claimed and unsent, altogether and for one tenant.
const QUEUED: usize = 4_096;
const QUEUED_TENANT: usize = 1_024;

/// Most deliveries of a lane that lie claimed and unsent: what a fast endpoint takes while the next are claimed.
const QUEUED_LANE: usize = 512;

/// Most deliveries of a lane that one claim takes.
const BITE: usize = 256;

/// For how many claims tenants count as sharing the worker after one was served that was not the last.
const SHARED: u32 = 64;

/// While tenants share the worker: how many deliveries of long lanes are claimed altogether, and how often. It is more
/// than most receivers take; what is faster would make the others wait for the machine.
const SHARED_BITE: usize = 32;
const SHARED_BEAT: Duration = Duration::from_millis(8);

/// Attempts at once to an endpoint whose last answer did not come in time.
const SLOW_LANE: usize = 2;

/// What there is to share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Attempts at once.
    pub(super) slots: usize,
    /// Attempts at once in a lane.
    pub(super) per_lane: usize,
}

/// An attempt that has a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    company: Uuid,
    lane: Uuid,
    is_first: bool,
    /// When it has to have begun.
    pub(super) latest: Timestamp,
}

#[derive(Debug)]
struct Lane {
    queue: VecDeque<(Claimed, Timestamp)>,
    in_flight: usize,
    /// The last attempt timed out.
    is_slow: bool,
    /// How long the last attempt took.
    took: Option<Duration>,
    /// There may be more of it in the storage: the last claim had no room for it, or filled it.
    has_more: bool,
}

#[derive(Debug, Default)]
struct Tenant {
    /// Lanes in turn.
    lanes: VecDeque<Uuid>,
    queued: usize,
    in_flight: usize,
}

/// All lanes with work.
#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    lanes: HashMap<Uuid, Lane>,
    tenants: HashMap<Uuid, Tenant>,
    /// Tenants in turn.
    turns: VecDeque<Uuid>,
    queued: usize,
    in_flight: usize,
    retries: usize,
    /// What the last wish said.
    asked: HashMap<Uuid, usize>,
    /// For how many claims more tenants share the worker.
    shared: u32,
    /// The tenant that was served last, apart from slow endpoints.
    served: Option<Uuid>,
    /// When long lanes were claimed of.
    refilled: Option<Instant>,
    /// Most deliveries of a long lane in the present round of claims.
    bite: usize,
    /// There was no room for a claim.
    is_full: bool,
}

impl Lane {
    fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.queue.is_empty() && !self.has_more
    }

    fn limit(&self, limits: Limits) -> usize {
        if self.is_slow {
            SLOW_LANE.min(limits.per_lane)
        } else {
            limits.per_lane
        }
    }

    /// How many deliveries are worth lying claimed.
    fn target(&self, limits: Limits) -> usize {
        if self.is_slow {
            return SLOW_LANE;
        }
        let Some(took) = self.took else {
            return limits.per_lane;
        };
        let a_second = 1_000 / took.as_millis().clamp(1, 1_000) * limits.per_lane as u128;
        usize::try_from(a_second)
            .unwrap_or(QUEUED_LANE)
            .clamp(limits.per_lane, QUEUED_LANE.max(limits.per_lane))
    }

    fn room(&self, limits: Limits) -> usize {
        let target = self.target(limits);
        // Few, large claims.
        if self.queue.len() > target / 2 {
            0
        } else {
            target - self.queue.len()
        }
    }
}

impl Lanes {
    pub(super) fn new(limits: Limits) -> Self {
        Lanes {
            limits,
            lanes: HashMap::new(),
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            queued: 0,
            in_flight: 0,
            retries: 0,
            asked: HashMap::new(),
            shared: 0,
            served: None,
            refilled: None,
            bite: BITE,
            is_full: false,
        }
    }

    /// How many deliveries may be claimed altogether.
    pub(super) fn room(&mut self) -> usize {
        let room = QUEUED.saturating_sub(self.queued);
        self.is_full |= room == 0;
        room
    }

    /// How many deliveries may be claimed of the lanes that are known; of others, as many as fly at once. A round of
    /// claims through all lanes is of one kind.
    pub(super) fn wishes(&mut self, now: Instant, begins_round: bool) -> HashMap<Uuid, usize> {
        if begins_round {
            self.bite = self.next_bite(now);
        }
        let bite = self.bite;
        let (known, limits) = (&self.lanes, self.limits);
        let rooms = self.tenants.values().flat_map(|tenant| {
            let is_full = tenant.queued >= QUEUED_TENANT;
            let lanes = tenant.lanes.iter();
            lanes.filter_map(move |id| {
                let lane = known.get(id)?;
                let most = if lane.has_more { bite } else { BITE };
                let room = lane.room(limits).min(most);
                Some((*id, if is_full { 0 } else { room }))
            })
        });
        self.asked = rooms.collect();
        self.asked.clone()
    }

    /// Whether a lane has run low that had more in the storage, and its time has come.
    pub(super) fn wants_more(&self, now: Instant) -> bool {
        self.refill_at().is_none_or(|at| now >= at) && self.runs_low()
    }

    fn runs_low(&self) -> bool {
        let tenants = self.tenants.values();
        let mut lanes = tenants
            .filter(|tenant| tenant.queued < QUEUED_TENANT)
            .flat_map(|tenant| tenant.lanes.iter().filter_map(|id| self.lanes.get(id)));
        lanes.any(|lane| lane.has_more && lane.room(self.limits) > 0)
    }

    fn next_bite(&mut self, now: Instant) -> usize {
        if self.refill_at().is_some_and(|at| now < at) {
            return 0;
        }
        self.refilled = Some(now);
        let lanes = self.lanes.values();
        let long = lanes.filter(|lane| lane.has_more && !lane.is_slow).count();
        match self.shared {
            0 => BITE,
            _ => (SHARED_BITE / long.max(1)).max(1),
        }
    }

    /// When long lanes may be claimed of again, if they have to wait.
    fn refill_at(&self) -> Option<Instant> {
        let refilled = self.refilled.filter(|_| self.shared > 0)?;
        Some(refilled + SHARED_BEAT)
    }

    /// When there will be something to claim that has to wait until then.
    pub(super) fn next_refill(&self) -> Option<Instant> {
        self.refill_at().filter(|_| self.runs_low())
    }

    /// Takes what the last wish brought; it has to be under way by `latest`. `seen`: which lanes were looked at.
    pub(super) fn load(
        &mut self,
        claimed: Vec<Claimed>,
        latest: Timestamp,
        seen: impl Fn(Uuid) -> bool,
    ) {
        let asked = std::mem::take(&mut self.asked);
        for (id, room) in &asked {
            if let Some(lane) = self.lanes.get_mut(id).filter(|_| seen(*id)) {
                lane.has_more = *room == 0;
            }
        }
        let mut shared = self.shared.saturating_sub(1);
        let mut claimed = claimed.into_iter().peekable();
        while let Some(first) = claimed.next() {
            let (company, id) = (first.company, first.webhook);
            let room = asked.get(&id).copied().unwrap_or(self.limits.per_lane);
            let tenant = self.tenants.entry(company).or_default();
            let lane = self.lanes.entry(id).or_insert_with(|| {
                tenant.lanes.push_back(id);
                Lane {
                    queue: VecDeque::new(),
                    in_flight: 0,
                    is_slow: false,
                    took: None,
                    has_more: false,
                }
            });
            let before = lane.queue.len();
            lane.queue.push_back((first, latest));
            while let Some(next) = claimed.next_if(|next| next.webhook == id) {
                lane.queue.push_back((next, latest));
            }
            if !lane.is_slow
                && self
                    .served
                    .replace(company)
                    .is_some_and(|last| last != company)
            {
                shared = SHARED;
            }
            let count = lane.queue.len() - before;
            lane.has_more |= count >= room;
            tenant.queued += count;
            self.queued += count;
            if !self.turns.contains(&company) {
                self.turns.push_back(company);
            }
        }
        self.shared = shared;
        for id in asked.keys() {
            self.forget_idle(*id);
        }
    }

    /// Of endpoints without work nothing is kept, unless they are slow.
    fn forget_idle(&mut self, id: Uuid) {
        let Some(lane) = self.lanes.get(&id) else {
            return;
        };
        if !lane.is_idle() || lane.is_slow {
            return;
        }
        self.lanes.remove(&id);
        for tenant in self.tenants.values_mut() {
            tenant.lanes.retain(|lane| *lane != id);
        }
        let tenants = &mut self.tenants;
        tenants.retain(|_, tenant| tenant.in_flight > 0 || !tenant.lanes.is_empty());
        self.turns.retain(|company| tenants.contains_key(company));
    }

    /// The next attempt, if there is a slot for somebody.
    pub(super) fn next(&mut self) -> Option<(Flight, Claimed)> {
        if self.in_flight >= self.limits.slots {
            return None;
        }
        let may_retry = self.may_retry();
        for _ in 0..self.turns.len() {
            let company = self.turns.pop_front()?;
            self.turns.push_back(company);
            let Some(tenant) = self.tenants.get_mut(&company) else {
                continue;
            };
            // However many endpoints a tenant has, three quarters of the slots are for the others.
            if tenant.queued == 0 || tenant.in_flight >= (self.limits.slots / 4).max(1) {
                continue;
            }
            for _ in 0..tenant.lanes.len() {
                let id = tenant.lanes.pop_front()?;
                tenant.lanes.push_back(id);
                let Some(lane) = self.lanes.get_mut(&id) else {
                    continue;
                };
                if lane.in_flight >= lane.limit(self.limits) {
                    continue;
                }
                // A lane's first attempts pass its retries, when those have to wait.
                let at = lane
                    .queue
                    .iter()
                    .position(|(claimed, _)| may_retry || claimed.attempt == 1);
                let Some((claimed, latest)) = at.and_then(|at| lane.queue.remove(at)) else {
                    continue;
                };
                let is_first = claimed.attempt == 1;
                lane.in_flight += 1;
                tenant.in_flight += 1;
                tenant.queued -= 1;
                self.queued -= 1;
                self.in_flight += 1;
                self.retries += usize::from(!is_first);
                let flight = Flight {
                    company,
                    lane: id,
                    is_first,
                    latest,
                };
                return Some((flight, claimed));
            }
        }
        None
    }

    fn may_retry(&self) -> bool {
        self.retries < (self.limits.slots / 2).max(1)
    }

    /// Frees the slot of an attempt, and learns from it how fast the endpoint is. Whether there is more to do than the
    /// next attempt: the lane runs low, or may take more at once than before.
    pub(super) fn land(&mut self, flight: &Flight, attempt: Option<&Attempt>) -> bool {
        self.in_flight -= 1;
        // Retries of other lanes may have waited for the place of this one.
        let mut has_news = !flight.is_first && !self.may_retry();
        self.retries -= usize::from(!flight.is_first);
        if self.is_full && self.queued < QUEUED / 2 {
            self.is_full = false;
            has_news = true;
        }
        if let Some(lane) = self.lanes.get_mut(&flight.lane) {
            lane.in_flight -= 1;
            if let Some(attempt) = attempt {
                let error = attempt.error.as_ref().map(|error| error.kind);
                let is_slow = error == Some(FailureKind::Timeout);
                has_news |= lane.is_slow && !is_slow;
                lane.is_slow = is_slow;
                lane.took = Some(Duration::from_micros(attempt.timing.total));
            }
            has_news |= lane.has_more && lane.room(self.limits) > 0;
        }
        if let Some(tenant) = self.tenants.get_mut(&flight.company) {
            tenant.in_flight -= 1;
        }
        self.forget_idle(flight.lane);
        has_news
    }

    /// Everything that has not been sent.
    pub(super) fn drain(&mut self) -> Vec<Claimed> {
        self.queued = 0;
        for tenant in self.tenants.values_mut() {
            tenant.queued = 0;
        }
        let lanes = self.lanes.values_mut();
        lanes
            .flat_map(|lane| lane.queue.drain(..).map(|(claimed, _)| claimed))
            .collect()
    }
}

#[cfg(test)]
mod tests;
