//! The batched reader: takes every waiting read of a single record and answers them with one statement for each type.
//!
//! One record costs about the same to read as sixteen: most of the price is the way to the database and back (on
//! SQLite a hop to its thread, on PostgreSQL a round trip). Batches form by themselves, from the reads that arrive
//! while the statement before is under way; nobody waits for a batch to fill.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::ports::RepositoryError;
use kith_domain::record::{Record, RecordKey};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::read::failed;
use crate::shape::Shape;
use crate::sql::{Cells, Rows, Session};
use crate::writer::Connect;

/// Most reads in one batch.
const MAX_BATCH: usize = 64;

/// Reads that may wait before further callers have to.
const QUEUE: usize = 1024;

type Answer = Result<Option<Arc<Record>>, RepositoryError>;
/// What was found; a row that cannot be read spoils its own record only.
type Found = HashMap<(EntityType, Uuid, Uuid), Result<Arc<Record>, RepositoryError>>;

/// A read that waits for its turn.
struct Wish {
    company: Uuid,
    key: RecordKey,
    reply: oneshot::Sender<Answer>,
}

/// The way to a reader.
#[derive(Clone)]
pub(crate) struct ReadQueue(mpsc::Sender<Wish>);

impl ReadQueue {
    /// One record, complete.
    pub(crate) async fn get(&self, company: Uuid, key: RecordKey) -> Answer {
        let (reply, answer) = oneshot::channel();
        let stopped = || RepositoryError::Unavailable("the reader has stopped".to_owned());
        let wish = Wish {
            company,
            key,
            reply,
        };
        self.0.send(wish).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
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
            wishes.retain(|wish| !wish.reply.is_closed());
            let answers = self.read(&wishes).await;
            for wish in wishes.drain(..) {
                let answer = match &answers {
                    Ok(found) => found
                        .get(&(wish.key.entity, wish.company, wish.key.id))
                        .cloned()
                        .transpose(),
                    Err(error) => Err(error.clone()),
                };
                let _ = wish.reply.send(answer);
            }
        }
    }

    /// Reads over the kept connection; one that has died since its last use is replaced once.
    async fn read(&mut self, wishes: &[Wish]) -> Result<Found, RepositoryError> {
        let mut wanted: BTreeMap<EntityType, BTreeSet<(Uuid, Uuid)>> = BTreeMap::new();
        for wish in wishes {
            let keys = wanted.entry(wish.key.entity).or_default();
            keys.insert((wish.company, wish.key.id));
        }
        if let Some(mut session) = self.session.take()
            && let Ok(found) = fetch(&mut session, &wanted).await
        {
            self.session = Some(session);
            return Ok(found);
        }
        let mut session = self.connect.connect().await.map_err(failed)?;
        let found = fetch(&mut session, &wanted).await.map_err(failed)?;
        self.session = Some(session);
        Ok(found)
    }
}

async fn fetch<S: Session>(
    session: &mut S,
    wanted: &BTreeMap<EntityType, BTreeSet<(Uuid, Uuid)>>,
) -> Result<Found, sqlx::Error> {
    let mut found = Found::new();
    for (entity, keys) in wanted {
        let shape = Shape::of(*entity);
        let rows = Rows::keys(keys.iter().copied());
        for row in session.fetch(&shape.load(S::DIALECT), &rows).await? {
            let record = shape.read(&row).map(Arc::new).map_err(failed);
            found.insert((*entity, row.uuid(0)?, row.uuid(1)?), record);
        }
    }
    Ok(found)
}
