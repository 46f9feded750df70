//! The account of a receiver: which delivery arrived how often, and what must not have happened.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::sync::watch;
use uuid::Uuid;

use super::request::Incoming;

/// Most problems that are told; all are counted.
const TOLD: usize = 10;

/// What arrived for one delivery: an event at a path.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals {
    /// When the first byte of the first attempt was there.
    pub first: Instant,
    /// Attempts.
    pub attempts: u32,
    /// Attempts that were answered to the end with success.
    pub accepted: u32,
    /// The record that the event is about.
    pub entity: Uuid,
    /// Attempts that are under way.
    open: u32,
}

/// Keeps account.
#[derive(Debug)]
pub struct Ledger {
    books: Mutex<Books>,
    /// Deliveries that arrived, and of these the accepted ones.
    counts: watch::Sender<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    arrived: usize,
    accepted: usize,
}

#[derive(Debug, Default)]
struct Books {
    /// Numbers of paths.
    paths: BTreeMap<String, u32>,
    deliveries: HashMap<(u32, Uuid), Arrivals>,
    /// Under which id a body came; the same body under another id is a duplicate that cannot be recognised.
    bodies: HashMap<(u32, u64), Uuid>,
    last: BTreeMap<u32, Incoming>,
    problems: Vec<String>,
    problem_count: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            books: Mutex::default(),
            counts: watch::Sender::new(Counts::default()),
        }
    }
}

impl Ledger {
    /// Takes down an attempt that arrived; it ends when what comes back is dropped.
    pub(super) fn arrived(&self, request: Incoming) -> Option<Open<'_>> {
        let mut problem = request.problem();
        let mut books = self.books();
        let Some(id) = request.webhook_id() else {
            books.object(problem.unwrap_or_default());
            return None;
        };
        let path = books.path(&request.path);
        let key = (path, id);
        let mut hasher = DefaultHasher::new();
        request.body.hash(&mut hasher);
        let known = *books.bodies.entry((path, hasher.finish())).or_insert(id);
        if known != id {
            problem = Some(format!("{known} came again as {id}"));
        }
        let arrivals = books.deliveries.entry(key).or_insert_with(|| Arrivals {
            first: request.at,
            attempts: 0,
            accepted: 0,
            entity: entity(&request.body).unwrap_or_default(),
            open: 0,
        });
        arrivals.attempts += 1;
        arrivals.open += 1;
        let is_new = arrivals.attempts == 1;
        if arrivals.open > 1 {
            problem = Some(format!("{id} was sent twice at once to {}", request.path));
        }
        if let Some(problem) = problem {
            books.object(problem);
        }
        books.last.insert(path, request);
        drop(books);
        if is_new {
            self.counts.send_modify(|counts| counts.arrived += 1);
        }
        Some(Open { ledger: self, key })
    }

    /// Deliveries that arrived.
    pub fn arrived_count(&self) -> usize {
        self.counts.borrow().arrived
    }

    /// Deliveries that were accepted.
    pub fn accepted_count(&self) -> usize {
        self.counts.borrow().accepted
    }

    /// Waits until so many deliveries have arrived, accepted or not.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_arrived(&self, count: usize, patience: Duration) -> Result<()> {
        self.until(count, patience, |counts| counts.arrived).await
    }

    /// Waits until so many deliveries were accepted.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_accepted(&self, count: usize, patience: Duration) -> Result<()> {
        self.until(count, patience, |counts| counts.accepted).await
    }

    async fn until(
        &self,
        count: usize,
        patience: Duration,
        number: impl Fn(&Counts) -> usize,
    ) -> Result<()> {
        let mut counts = self.counts.subscribe();
        let enough = counts.wait_for(|counts| number(counts) >= count);
        let is_enough = tokio::time::timeout(patience, enough).await.is_ok();
        ensure!(
            is_enough,
            "{count} deliveries were waited for {patience:?}; there is {:?}",
            self.counts.borrow()
        );
        Ok(())
    }

    /// What arrived at a path, by `webhook-id`.
    pub fn at(&self, path: &str) -> HashMap<Uuid, Arrivals> {
        let books = self.books();
        let Some(number) = books.paths.get(path) else {
            return HashMap::new();
        };
        let deliveries = books.deliveries.iter();
        deliveries
            .filter(|((path, _), _)| path == number)
            .map(|((_, id), arrivals)| (*id, *arrivals))
            .collect()
    }

    /// The last request that arrived at a path.
    pub fn last(&self, path: &str) -> Option<Incoming> {
        let books = self.books();
        books.last.get(books.paths.get(path)?).cloned()
    }

    /// All attempts, and those of them that followed one that had been accepted.
    pub fn attempts(&self) -> (usize, usize) {
        let books = self.books();
        let all = books.deliveries.values();
        all.fold((0, 0), |(attempts, again), arrivals| {
            let accepted = arrivals.accepted.saturating_sub(1) as usize;
            (attempts + arrivals.attempts as usize, again + accepted)
        })
    }

    /// Forgets what arrived.
    pub fn forget(&self) {
        let mut books = self.books();
        books.deliveries.clear();
        books.bodies.clear();
        self.counts.send_replace(Counts::default());
    }

    /// Whether everything was as it has to be: signatures right, no delivery sent twice at once, no duplicate under
    /// another id.
    ///
    /// # Errors
    /// What was not.
    pub fn check(&self) -> Result<()> {
        let books = self.books();
        if books.problem_count > 0 {
            let problems = books.problems.join("\n");
            bail!("{} wrong requests:\n{problems}", books.problem_count);
        }
        Ok(())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn path(&mut self, path: &str) -> u32 {
        if let Some(number) = self.paths.get(path) {
            return *number;
        }
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.insert(path.to_owned(), number);
        number
    }

    fn object(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }
}

/// `entityId` in an envelope.
fn entity(body: &[u8]) -> Option<Uuid> {
    const NAME: &[u8] = b"\"entityId\":\"";
    let at = body.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    Uuid::try_parse_ascii(body.get(at..at + 36)?).ok()
}

/// An attempt that is under way.
pub(super) struct Open<'a> {
    ledger: &'a Ledger,
    key: (u32, Uuid),
}

impl Open<'_> {
    /// It was answered to the end with success.
    pub(super) fn accepted(&self) {
        let mut books = self.ledger.books();
        let Some(arrivals) = books.deliveries.get_mut(&self.key) else {
            return;
        };
        arrivals.accepted += 1;
        let is_first = arrivals.accepted == 1;
        drop(books);
        if is_first {
            self.ledger
                .counts
                .send_modify(|counts| counts.accepted += 1);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(arrivals) = self.ledger.books().deliveries.get_mut(&self.key) {
            arrivals.open = arrivals.open.saturating_sub(1);
        }
    }
}
