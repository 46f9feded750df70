//! What the domain asks of the world around it, each port with its contract in prose.
//!
//! A function or closure of the right shape is a [`Clock`], [`Ids`], an [`EventEncoder`] or a [`Notifier`].

#[cfg(feature = "contract-tests")]
pub mod contract;
pub mod deliveries;
pub mod directory;
mod memory;
pub mod resends;
pub mod upkeep;
pub mod vault;
pub mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

pub use memory::MemoryRepository;

use crate::columns::{Column, ParseContext};
use crate::decide::OptionHolders;
use crate::draft::Reference;
use crate::event::workspace::WorkspaceEvent;
use crate::event::{CommittedEvent, EncodedEvent, Event};
use crate::filter::{Search, SearchTerm};
use crate::record::{Record, RecordKey};
use crate::relation::Target;
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::working_set::{LoadPlan, WorkingSet};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// Makes ids.
pub trait Ids: Send + Sync {
    /// A new UUID version 7, greater than every one that this source made before.
    fn new_id(&self) -> Uuid;
}

impl<F: Fn() -> Uuid + Send + Sync> Ids for F {
    fn new_id(&self) -> Uuid {
        self()
    }
}

/// Renders events to the bytes that are stored and sent (contract, section 6).
pub trait EventEncoder: Send + Sync {
    /// The envelope as UTF-8 JSON.
    fn encode(&self, event: &Event) -> Vec<u8>;

    /// The envelope of a change of the workspace. A function that encodes events of records writes nothing here.
    fn encode_workspace(&self, _event: &WorkspaceEvent) -> Vec<u8> {
        Vec::new()
    }

    /// The envelope of an event of a record for a reader who sees only some of what it may be linked with; `None` where
    /// nothing that moved is seen. A function that encodes events shows such readers nothing.
    fn shown(
        &self,
        _body: &[u8],
        _key: RecordKey,
        _sees: &mut dyn FnMut(Reference) -> bool,
    ) -> Option<Vec<u8>> {
        None
    }
}

impl<F: Fn(&Event) -> Vec<u8> + Send + Sync> EventEncoder for F {
    fn encode(&self, event: &Event) -> Vec<u8> {
        self(event)
    }
}

/// Is told what was committed.
///
/// The repository calls it after each commit, in commit order per company, from the task that committed, so an
/// implementation returns quickly: it wakes, queues or counts. It hears of each event once at most, and only of what its
/// own process commits for a request: what the server does by itself, and what a process does that ends between commit
/// and notice, it does not hear of. What must not be lost is read from the event log, which [`EventFeed`] tells of.
pub trait Notifier: Send + Sync {
    /// These events are durable now. All belong to one company, in the order of their positions.
    fn committed(&self, events: &[CommittedEvent]);
}

impl<F: Fn(&[CommittedEvent]) + Send + Sync> Notifier for F {
    fn committed(&self, events: &[CommittedEvent]) {
        self(events);
    }
}

/// A [`Notifier`] that does nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Notifier for Silent {
    fn committed(&self, _: &[CommittedEvent]) {}
}

/// Tells whether the storage can serve requests now.
#[async_trait]
pub trait Health: Send + Sync {
    /// Succeeds when the storage is reachable and its schema is current.
    async fn check(&self) -> Result<(), RepositoryError>;
}

/// The response of a request that must not run twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// The version of the record in the response, for its `ETag`.
    pub version: Option<i64>,
    /// The body.
    pub body: Vec<u8>,
}

/// A caller's wish that a request runs once (contract, section 2: `Idempotency-Key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The caller's key, 1 to 255 characters.
    pub key: String,
    /// A digest of everything that makes the request what it is: method, path, caller and body.
    pub fingerprint: Vec<u8>,
}

/// What a unit of work adds to the transaction besides the records that it changed in the set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contribution {
    /// Events, in order.
    pub events: Vec<EncodedEvent>,
    /// The response to keep for the unit's idempotency claim.
    pub response: Option<StoredResponse>,
}

/// One request's part of a transaction.
///
/// The steps are pure and may run more than once (after a serialisation failure, or alone after the batch that held
/// it failed): each run starts from a fresh set and its outcome replaces the one before.
pub trait UnitOfWork: Send + Sync {
    /// The tenant.
    fn company(&self) -> Uuid;

    /// What has to be loaded first.
    fn plan(&self) -> LoadPlan;

    /// What else has to be loaded, now that the plan is in the set.
    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey>;

    /// Records that are chosen by an option that they hold, now that the company's columns are in the set.
    fn holders(&self, _set: &WorkingSet) -> Option<OptionHolders> {
        None
    }

    /// Decides on the set. `None` contributes nothing and must leave the set as it was.
    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution>;

    /// The claim, if the request must not run twice.
    fn claim(&self) -> Option<&IdempotencyClaim>;
}

/// What became of a unit of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It ran; what it contributed is durable.
    Done,
    /// Its claim was settled before, by the same request: this was the response. Nothing ran.
    Replayed(StoredResponse),
    /// Its claim was settled before, by another request. Nothing ran.
    ClaimedOtherwise,
}

/// Why storage did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The storage cannot be reached, or is too busy; the request may be tried again.
    #[error("the storage is unavailable: {0}")]
    Unavailable(String),
    /// The storage was lost while it committed: the change may have been made or not. A unit with a claim may be tried
    /// again safely.
    #[error("the storage was lost during a commit: {0}")]
    Unsettled(String),
    /// Anything else; nothing was stored.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// What a company has added to its records, and what it says about values that leave something out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// Its custom columns, oldest first.
    pub columns: Arc<Vec<Column>>,
    /// Its country and currency.
    pub context: ParseContext,
}

/// A part of the records that a search finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The records, in order.
    pub records: Vec<Arc<Record>>,
    /// How many the search finds on all pages, if that was wanted.
    pub total: Option<u64>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// The name of a record or a user, so that lists can be shown without further reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// What it is.
    pub target: Target,
    /// Its id.
    pub id: Uuid,
    /// Its name for people.
    pub name: String,
}

/// Keeps records, with their links and events.
///
/// * A query starts with the tenant, a read for a caller with their scope: a record of another company or outside of
///   the scope is absent, like one that never existed.
/// * Absence is `None`, never an error.
/// * `transact` runs units one after another as if each had the storage for itself: a unit sees what earlier ones
///   did, no update is lost, and each is answered for itself. When it returns `Settled::Done`, the changes of the
///   unit, its events (with gapless positions per company, in commit order) and its response are durable together;
///   on a refusal or an error none of them is, except after `RepositoryError::Unsettled`, when all or none are.
/// * A unit whose caller went away still runs or does not run as a whole.
/// * After each commit the notifier that the repository was given hears of the events.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Runs a unit of work in a transaction and hands it back with its outcome.
    async fn transact(&self, unit: Box<dyn UnitOfWork>) -> Result<Settled, RepositoryError>;

    /// One record, with the links that the caller may see.
    async fn get(
        &self,
        scope: &Scope,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError>;

    /// The company's custom columns as they are now; nothing of a company that does not exist.
    async fn schema(&self, company: Uuid) -> Result<Schema, RepositoryError>;

    /// The records that a search finds among those that the caller may see, each with the links that they may see,
    /// exactly those and in exactly the order that [`Search::answer`](crate::filter::Search::answer) gives of them, with
    /// two liberties: records created in the same
    /// millisecond by different servers may stand in the order of their ids, and the total and the records may be of
    /// slightly different moments.
    async fn search(&self, scope: &Scope, search: &Search) -> Result<Page, RepositoryError>;

    /// The names of those that exist and that the caller may see, in any order.
    async fn names(
        &self,
        scope: &Scope,
        references: &[Reference],
    ) -> Result<Vec<Name>, RepositoryError>;

    /// For each type the names of at most `limit` records that the caller may see and that contain a term (which is not
    /// empty): types in the order of [`EntityType::ALL`](crate::entity::EntityType::ALL); within a type records with a
    /// name that begins with the first word come first, then by name.
    async fn find(
        &self,
        scope: &Scope,
        term: &SearchTerm,
        limit: u32,
    ) -> Result<Vec<Name>, RepositoryError>;

    /// Events of a company after a position, in commit order, at most `limit`.
    async fn events(
        &self,
        company: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError>;
}

/// Hears of commits, in whichever process they happen.
#[async_trait]
pub trait EventWaiter: Send {
    /// Returns when there may be more events, of whatever company, than when it returned last (or was made); also now and
    /// then without a reason, where other processes could not be heard. Whoever stops to wait misses nothing.
    async fn changed(&mut self);
}

/// The event log for live readers, and for the timeline of one record.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// Hears of everything that is committed after this call.
    fn subscribe(&self) -> Box<dyn EventWaiter>;

    /// The position of a company's last event; 0 if there is none.
    async fn last_position(&self, company: Uuid) -> Result<i64, RepositoryError>;

    /// The position of the oldest event that is kept; that of the next one if there is none.
    async fn first_position(&self, company: Uuid) -> Result<i64, RepositoryError>;

    /// The events of a record before a position, newest first, at most `limit`.
    async fn history(
        &self,
        company: Uuid,
        key: RecordKey,
        before: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError>;
}
