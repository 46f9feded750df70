//! The batched reader: takes every waiting read of a single record and answers them with one statement for each type.
//!
//! One record costs about the same to read as sixteen: most of the price is the way to the database and back (on
//! SQLite a hop to its thread, on PostgreSQL a round trip). Batches form by themselves, from the reads that arrive
//! while the statement before is under way; nobody waits for a batch to fill.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kith_domain::columns::ParseContext;
use kith_domain::entity::EntityType;
use kith_domain::ports::RepositoryError;
use kith_domain::record::{Record, RecordKey};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::read::failed;
use crate::shape::Shape;
use crate::sql::{Cells, Column, Rows, Session};
use crate::writer::Connect;

/// Most reads in one batch.
const MAX_BATCH: usize = 64;

/// Reads that may wait before further callers have to.
const QUEUE: usize = 1024;

type Answer = Result<Option<Arc<Record>>, RepositoryError>;
/// What was found; a row that cannot be read spoils its own record only.
type Records = HashMap<(EntityType, Uuid, Uuid), Result<Arc<Record>, RepositoryError>>;

/// What a company says about the values of its records, and at which version its custom columns are.
pub(crate) type Standing = (i64, ParseContext);

/// A read that waits for its turn.
enum Wish {
    Record {
        company: Uuid,
        key: RecordKey,
        reply: oneshot::Sender<Answer>,
    },
    Standing {
        company: Uuid,
        reply: oneshot::Sender<Result<Option<Standing>, RepositoryError>>,
    },
}

const STANDINGS: &str = "SELECT p.company_id, p.columns_version, o.country, o.currency \
    FROM $k CROSS JOIN company_position p CROSS JOIN company o \
    WHERE p.company_id = $k.c1 AND o.id = $k.c1";

/// The way to a reader.
#[derive(Clone)]
pub(crate) struct ReadQueue(mpsc::Sender<Wish>);

impl ReadQueue {
    /// One record, complete.
    pub(crate) async fn get(&self, company: Uuid, key: RecordKey) -> Answer {
        let (reply, answer) = oneshot::channel();
        let wish = Wish::Record {
            company,
            key,
            reply,
        };
        self.0.send(wish).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// The standing of a company, unless it does not exist.
    pub(crate) async fn standing(
        &self,
        company: Uuid,
    ) -> Result<Option<Standing>, RepositoryError> {
        let (reply, answer) = oneshot::channel();
        let wish = Wish::Standing { company, reply };
        self.0.send(wish).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> RepositoryError {
    RepositoryError::Unavailable("the reader has stopped".to_owned())
}

/// What a batch asks for.
#[derive(Default)]
struct Wanted {
    records: BTreeMap<EntityType, BTreeSet<(Uuid, Uuid)>>,
    standings: BTreeSet<Uuid>,
}

impl Wanted {
    fn by(wishes: &[Wish]) -> Self {
        let mut wanted = Wanted::default();
        for wish in wishes {
            match wish {
                Wish::Record { company, key, .. } => {
                    let keys = wanted.records.entry(key.entity).or_default();
                    keys.insert((*company, key.id));
                }
                Wish::Standing { company, .. } => {
                    wanted.standings.insert(*company);
                }
            }
        }
        wanted
    }
}

/// What a batch found.
#[derive(Default)]
struct Found {
    records: Records,
    standings: HashMap<Uuid, Standing>,
}

impl Wish {
    fn is_given_up(&self) -> bool {
        match self {
            Wish::Record { reply, .. } => reply.is_closed(),
            Wish::Standing { reply, .. } => reply.is_closed(),
        }
    }

    /// Answers; a caller that went away needs none.
    fn answer(self, found: Result<&Found, &RepositoryError>) {
        match self {
            Wish::Record {
                company,
                key,
                reply,
            } => {
                let answer = found.map_err(Clone::clone).and_then(|found| {
                    let record = found.records.get(&(key.entity, company, key.id));
                    record.cloned().transpose()
                });
                let _ = reply.send(answer);
            }
            Wish::Standing { company, reply } => {
                let answer = found.map_err(Clone::clone);
                let _ = reply.send(answer.map(|found| found.standings.get(&company).copied()));
            }
        }
    }
}

/// One reader: owns a connection and runs as a task of its own until every [`ReadQueue`] to it is gone.
pub(crate) struct Reader<C: Connect> {
    connect: C,
    session: Option<C::Session>,
}

impl<C: Connect> Reader<C> {
    /// Starts a reader.
    pub(crate) fn start(connect: C) -> (ReadQueue, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let reader = Reader {
            connect,
            session: None,
        };
        (ReadQueue(sender), tokio::spawn(reader.run(receiver)))
    }

    async fn run(mut self, mut waiting: mpsc::Receiver<Wish>) {
        let mut wishes = Vec::with_capacity(MAX_BATCH);
        while waiting.recv_many(&mut wishes, MAX_BATCH).await > 0 {
            // Callers that went away in the meantime need no answer.
            wishes.retain(|wish| !wish.is_given_up());
            let found = self.read(&Wanted::by(&wishes)).await;
            for wish in wishes.drain(..) {
                wish.answer(found.as_ref());
            }
        }
    }

    /// Reads over the kept connection; one that has died since its last use is replaced once.
    async fn read(&mut self, wanted: &Wanted) -> Result<Found, RepositoryError> {
        if let Some(mut session) = self.session.take()
            && let Ok(found) = fetch(&mut session, wanted).await
        {
            self.session = Some(session);
            return Ok(found);
        }
        let mut session = self.connect.connect().await.map_err(failed)?;
        let found = fetch(&mut session, wanted).await.map_err(failed)?;
        self.session = Some(session);
        Ok(found)
    }
}

async fn fetch<S: Session>(session: &mut S, wanted: &Wanted) -> Result<Found, sqlx::Error> {
    let mut found = Found::default();
    for (entity, keys) in &wanted.records {
        let shape = Shape::of(*entity);
        let rows = Rows::keys(keys.iter().copied());
        for row in session.fetch(&shape.load(S::DIALECT), &rows).await? {
            let record = shape.read(&row).map(Arc::new).map_err(failed);
            let key = (*entity, row.uuid(0)?, row.uuid(1)?);
            found.records.insert(key, record);
        }
    }
    let companies = wanted.standings.iter().copied().collect();
    let rows = Rows::new(vec![Column::Uuid(companies)]);
    for row in session.fetch(STANDINGS, &rows).await? {
        let context = ParseContext {
            country: row.optional_text(2)?.and_then(|code| code.parse().ok()),
            currency: row.text(3)?.parse().unwrap_or_default(),
        };
        found.standings.insert(row.uuid(0)?, (row.int(1)?, context));
    }
    Ok(found)
}
