//! Sending everything again that a webhook has failed to accept since a time.

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::event::workspace::{self, Told};
use kith_domain::ports::resends::{Progress, Resends};
use kith_domain::ports::{Clock, Ids};
use kith_domain::time::Timestamp;
use kith_domain::webhook::resend::{JobStatus, ResendJob};
use std::sync::Arc;
use uuid::Uuid;

use super::{Webhooks, no_such};
use crate::error::Error;

/// Most jobs that are listed.
const LISTED: u32 = 100;

/// Most deliveries that one step makes: a few milliseconds of the database.
const BATCH: usize = 100;

impl Webhooks {
    /// Begins to send everything again that a webhook has failed to accept since a time.
    ///
    /// # Errors
    /// A missing right, the webhook's absence, that it is disabled, or a failure of the storage.
    pub async fn resend_failed(
        &self,
        actor: &Actor,
        id: Uuid,
        since: Timestamp,
    ) -> Result<ResendJob, Error> {
        actor.require(Resource::Api, Action::Update)?;
        let webhook = self.enabled(self.find(actor, id).await?)?;
        let sources = &self.world.sources;
        let now = sources.clock.now();
        let mut job = ResendJob {
            id: sources.ids.new_id(),
            webhook: webhook.id,
            user: actor.user,
            since,
            until: now,
            status: JobStatus::Running,
            total: 0,
            resent: 0,
            problem: None,
            updated_at: now,
            finished_at: None,
        };
        let name = workspace::WEBHOOK_RESEND_STARTED;
        let log = sources.log(actor, name, id, Told::State(job.facts()));
        let storage = &self.world.storage;
        job.total = storage.begin_resend(actor.company, &job, log).await?;
        Ok(job)
    }

    /// One job.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn resend_job(&self, actor: &Actor, id: Uuid) -> Result<ResendJob, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        let found = self.world.storage.resend_job(actor.company, id).await?;
        found.ok_or_else(|| no_such("resend job", id))
    }

    /// The last jobs of a webhook, newest first.
    ///
    /// # Errors
    /// A missing right, the webhook's absence, or a failure of the storage.
    pub async fn resend_jobs(&self, actor: &Actor, id: Uuid) -> Result<Vec<ResendJob>, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        self.find(actor, id).await?;
        let storage = &self.world.storage;
        Ok(storage.resend_jobs(actor.company, id, LISTED).await?)
    }
}

/// Carries jobs forward, of all companies.
pub struct ResendRunner {
    storage: Arc<dyn Resends>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl ResendRunner {
    /// A runner over a storage.
    pub fn new(storage: Arc<dyn Resends>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        ResendRunner {
            storage,
            clock,
            ids,
        }
    }

    /// One step of one job.
    ///
    /// # Errors
    /// A failure of the storage; the step can be repeated.
    pub async fn step(&self) -> Result<Progress, Error> {
        let ids = (0..BATCH).map(|_| self.ids.new_id()).collect();
        Ok(self.storage.advance(ids, self.clock.now()).await?)
    }
}
