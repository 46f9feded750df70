//! How much is too much: failed sign-ins, letters, requests of one key, live streams of one key (contract, sections 1 and
//! 11). What is counted is counted by this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use kith_api_types::Problem;
use kith_application::accounts::Credential;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Response};

use crate::aside::Aside;
use crate::reply::Failure;

/// Most subjects that are counted before those are forgotten that nothing is known against any more.
const COUNTED: usize = 10_000;

/// What one process lets through.
pub(crate) struct Limits {
    /// Failed sign-ins: ten of an account, then one in 30 seconds; fifty from an address, then one in ten seconds.
    pub(crate) sign_ins: Throttle,
    /// Letters: three to an address, then one in ten minutes; twenty at the wish of a network address, then one a minute.
    pub(crate) letters: Throttle,
    requests: Option<Requests>,
    streams: Arc<Streams>,
}

impl Limits {
    pub(crate) fn new(requests_per_minute: Option<NonZeroU32>, streams_per_key: u32) -> Self {
        Limits {
            sign_ins: Throttle::new((10, 30), (50, 10)),
            letters: Throttle::new((3, 600), (20, 60)),
            requests: requests_per_minute.map(Requests::new),
            streams: Arc::new(Streams {
                most: streams_per_key,
                open: Mutex::default(),
            }),
        }
    }

    /// Counts a request of a credential, and says in the headers of its answer how many are left.
    ///
    /// # Errors
    /// That there were too many.
    pub(crate) fn count(
        &self,
        credential: Credential,
        aside: Option<&Aside>,
    ) -> Result<(), Failure> {
        match &self.requests {
            Some(requests) => requests.count(credential, aside),
            None => Ok(()),
        }
    }

    /// Lets a credential open one more stream.
    ///
    /// # Errors
    /// That it has too many open.
    pub(crate) fn stream(&self, credential: Credential) -> Result<Ticket, Failure> {
        self.streams.open(credential)
    }
}

/// How often something may be tried by one who may do it again after a while.
struct Tries<K: Hash + Eq + Clone, C: Clock = MonotonicClock> {
    limiter: RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    /// Tries that turned out not to count.
    returned: Mutex<HashMap<K, u32>>,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Tries<K, C> {
    /// So many at once, then one in so many seconds.
    fn new((at_once, seconds): (u32, u64), clock: C) -> Self {
        let burst = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_secs(seconds));
        let quota = quota.unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        Tries {
            limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()),
            clock,
            returned: Mutex::default(),
        }
    }

    /// How long to wait, if it is too early.
    fn take(&self, key: &K) -> Result<(), Duration> {
        let mut returned = lock(&self.returned);
        if let Some(left) = returned.get_mut(key) {
            *left -= 1;
            if *left == 0 {
                returned.remove(key);
            }
            return Ok(());
        }
        if self.limiter.len() > COUNTED {
            self.limiter.retain_recent();
        }
        let checked = self.limiter.check_key(key);
        checked.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn give_back(&self, key: K) {
        let mut returned = lock(&self.returned);
        if returned.len() > COUNTED {
            // Those who lose one had it only for having done nothing wrong.
            returned.clear();
        }
        *returned.entry(key).or_default() += 1;
    }
}

/// Tries by whom they are about and by where they come from.
pub(crate) struct Throttle {
    accounts: Tries<String>,
    addresses: Tries<IpAddr>,
}

impl Throttle {
    fn new(account: (u32, u64), address: (u32, u64)) -> Self {
        Throttle {
            accounts: Tries::new(account, MonotonicClock),
            addresses: Tries::new(address, MonotonicClock),
        }
    }

    /// Counts a try before it is made, so that many at once are no way around it.
    ///
    /// # Errors
    /// That there were too many.
    pub(crate) fn begin(
        &self,
        account: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Try<'_>, Failure> {
        let begun = Try {
            throttle: self,
            account: account.map(str::to_lowercase),
            address: address.map(network),
        };
        if let Some(account) = &begun.account {
            self.accounts.take(account).map_err(too_many)?;
        }
        if let Some(Err(wait)) = begun.address.map(|address| self.addresses.take(&address)) {
            // Whoever is to wait anyway must not use up the tries of others.
            if let Some(account) = begun.account {
                self.accounts.give_back(account);
            }
            return Err(too_many(wait));
        }
        Ok(begun)
    }
}

/// A try that counts, unless it turns out well.
pub(crate) struct Try<'a> {
    throttle: &'a Throttle,
    account: Option<String>,
    address: Option<IpAddr>,
}

impl Try<'_> {
    /// It turned out well.
    pub(crate) fn does_not_count(self) {
        if let Some(account) = self.account {
            self.throttle.accounts.give_back(account);
        }
        if let Some(address) = self.address {
            self.throttle.addresses.give_back(address);
        }
    }
}

/// What one client can easily have many addresses of: of version 6, the first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(bits.into())
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn too_many(wait: Duration) -> Failure {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let detail = format!("there were too many of these; come again in {seconds} seconds");
    let problem = Problem::new(429, "too_many_requests", "Too many requests", detail);
    Failure {
        header: Some(Box::new((
            header::RETRY_AFTER,
            HeaderValue::from(seconds.max(1)),
        ))),
        ..Failure::from(problem)
    }
}

/// Requests of each credential.
struct Requests {
    limit: NonZeroU32,
    limiter: RateLimiter<
        Credential,
        HashMapStateStore<Credential>,
        MonotonicClock,
        StateInformationMiddleware,
    >,
}

impl Requests {
    fn new(limit: NonZeroU32) -> Self {
        let limiter = RateLimiter::hashmap_with_clock(Quota::per_minute(limit), MonotonicClock);
        Requests {
            limit,
            limiter: limiter.with_middleware(),
        }
    }

    fn count(&self, credential: Credential, aside: Option<&Aside>) -> Result<(), Failure> {
        if self.limiter.len() > COUNTED {
            self.limiter.retain_recent();
        }
        let checked = self.limiter.check_key(&credential);
        let left = checked
            .as_ref()
            .map_or(0, |state| state.remaining_burst_capacity());
        if let Some(aside) = aside {
            // All are there again when those that are used have come back one by one, within a minute.
            let used = u64::from(self.limit.get().saturating_sub(left));
            let reset = (used * 60).div_ceil(u64::from(self.limit.get()));
            for (name, value) in [
                ("ratelimit-limit", u64::from(self.limit.get())),
                ("ratelimit-remaining", u64::from(left)),
                ("ratelimit-reset", reset),
            ] {
                aside.add(HeaderName::from_static(name), value.to_string());
            }
        }
        match checked {
            Ok(_) => Ok(()),
            Err(not_until) => Err(too_many(not_until.wait_time_from(MonotonicClock.now()))),
        }
    }
}

/// Open streams of each credential.
struct Streams {
    most: u32,
    open: Mutex<HashMap<Credential, u32>>,
}

/// Leave to have a stream open, until it is dropped.
pub(crate) struct Ticket {
    streams: Arc<Streams>,
    credential: Credential,
}

impl Streams {
    fn open(self: &Arc<Self>, credential: Credential) -> Result<Ticket, Failure> {
        let mut open = lock(&self.open);
        let count = open.entry(credential).or_default();
        if *count >= self.most {
            let detail = format!(
                "{} streams are open already, which is the most for one key or session; close one first",
                self.most
            );
            let problem = Problem::new(429, "too_many_streams", "Too many streams", detail);
            return Err(Failure {
                header: Some(Box::new((header::RETRY_AFTER, HeaderValue::from(5)))),
                ..Failure::from(problem)
            });
        }
        *count += 1;
        Ok(Ticket {
            streams: Arc::clone(self),
            credential,
        })
    }
}

impl Ticket {
    /// A response that gives the leave back when its body has ended, or nobody reads it any more.
    pub(crate) fn with(self, mut response: Response) -> Response {
        let pieces = response.take_body().into_bytes_stream();
        let pieces = pieces.map(move |piece| {
            let _open = &self;
            piece
        });
        response.set_body(Body::from_bytes_stream(pieces));
        response
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = lock(&self.streams.open);
        if let Some(count) = open.get_mut(&self.credential) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.credential);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use governor::clock::FakeRelativeClock;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn tries_come_back_one_by_one() {
        let clock = FakeRelativeClock::default();
        let tries = Tries::new((3, 30), clock.clone());
        for _ in 0..3 {
            assert_eq!(tries.take(&"ada"), Ok(()));
        }
        assert_eq!(tries.take(&"ada"), Err(Duration::from_secs(30)));
        assert_eq!(tries.take(&"eva"), Ok(()), "others are counted apart");
        clock.advance(Duration::from_secs(30));
        assert_eq!(tries.take(&"ada"), Ok(()));
        assert!(tries.take(&"ada").is_err());
        tries.give_back("ada");
        assert_eq!(tries.take(&"ada"), Ok(()));
        assert!(tries.take(&"ada").is_err());
    }

    #[test]
    fn what_turns_out_well_does_not_count_and_who_waits_takes_nothing_from_others() {
        let throttle = Throttle::new((2, 600), (3, 600));
        let address = Some("2001:db8::1".parse().unwrap());
        for _ in 0..10 {
            throttle
                .begin(Some("ada"), address)
                .unwrap()
                .does_not_count();
        }
        // The same network, the same account in another case.
        let near = Some("2001:db8::2".parse().unwrap());
        assert!(throttle.begin(Some("ada"), near).is_ok());
        assert!(throttle.begin(Some("ADA"), address).is_ok());
        let late = throttle.begin(Some("Ada"), address).err().unwrap();
        assert_eq!(late.problem.status, 429);
        assert_eq!(late.header.unwrap().0, header::RETRY_AFTER);
        assert!(throttle.begin(None, near).is_ok());
        for _ in 0..5 {
            assert!(throttle.begin(Some("eva"), address).is_err());
        }
        let elsewhere = Some("2001:db8:0:1::1".parse().unwrap());
        assert!(throttle.begin(Some("eva"), elsewhere).is_ok());
        assert!(throttle.begin(Some("eva"), elsewhere).is_ok());
    }

    #[test]
    fn streams_are_counted_while_they_are_open() {
        let limits = Limits::new(None, 2);
        let (one, other) = (
            Credential::Key(Uuid::nil()),
            Credential::Session(Uuid::nil()),
        );
        let first = limits.stream(one).ok().unwrap();
        let second = limits.stream(one).ok().unwrap().with(Response::default());
        let refused = limits.stream(one).err().unwrap();
        assert_eq!(refused.problem.code, "too_many_streams");
        assert!(limits.stream(other).is_ok());
        drop(first);
        assert!(limits.stream(one).is_ok());
        drop(second);
        assert!(lock(&limits.streams.open).is_empty());
    }

    #[test]
    fn requests_of_a_key_are_counted_and_announced() {
        let limits = Limits::new(NonZeroU32::new(2), 1);
        let key = Credential::Key(Uuid::nil());
        for (is_fine, left, reset) in [(true, "1", "30"), (true, "0", "60"), (false, "0", "60")] {
            let aside = Aside::default();
            assert_eq!(limits.count(key, Some(&aside)).is_ok(), is_fine);
            let mut headers = poem::http::HeaderMap::new();
            aside.write(&mut headers);
            assert_eq!(headers["ratelimit-limit"], "2");
            assert_eq!(headers["ratelimit-remaining"], left);
            assert_eq!(headers["ratelimit-reset"], reset);
        }
        assert!(limits.count(Credential::Key(Uuid::max()), None).is_ok());
    }
}
