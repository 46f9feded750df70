//! The use cases on webhooks and their deliveries, and the reading of the event log.

mod resends;

use std::sync::Arc;

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::draft::Reference;
use kith_domain::event::CommittedEvent;
use kith_domain::event::workspace::{self, Told};
use kith_domain::ports::vault::{Vault, VaultError};
use kith_domain::ports::webhooks::{
    AttemptRecord, Delivery, DeliveryPage, DeliverySearch, Destinations, NewDelivery,
    Webhooks as Storage,
};
use kith_domain::ports::{EventFeed, EventWaiter, Repository, RepositoryError};
use kith_domain::record::RecordKey;
use kith_domain::scope::Reach;
use kith_domain::time::Timestamp;
use kith_domain::violation::{NOT_FOUND, Refusal, Violation};
use kith_domain::webhook::Webhook;
use kith_domain::webhook::destination::UrlRules;
use kith_domain::webhook::draft::{SecretChange, WebhookDraft};
use kith_domain::webhook::secret::Secret;
use uuid::Uuid;

use crate::error::Error;
use crate::log::EventLog;
use crate::search::readable;
use crate::sight::shown;
use crate::sources::Sources;

pub use resends::ResendRunner;

/// The name under which a test is delivered; it is no event, and nobody can subscribe to it.
pub const TEST_EVENT: &str = "webhook.test";

/// Renders the body of a test: to whom, by whom, for which webhook, when.
pub type TestBody = fn(&Actor, Uuid, Timestamp) -> Vec<u8>;

/// What the use cases need of the world.
pub struct Surroundings {
    /// Webhooks and deliveries.
    pub storage: Arc<dyn Storage>,
    /// The records that events are about.
    pub repository: Arc<dyn Repository>,
    /// The event log.
    pub log: EventLog,
    /// The timelines of records.
    pub feed: Arc<dyn EventFeed>,
    /// Where webhooks may go.
    pub destinations: Arc<dyn Destinations>,
    /// Encrypts secrets.
    pub vault: Arc<dyn Vault>,
    /// The time, ids, and the form of events.
    pub sources: Sources,
    /// The server's settings.
    pub rules: UrlRules,
    /// The body of tests.
    pub test_body: TestBody,
}

/// The use cases on webhooks. They need rights on `api`.
pub struct Webhooks {
    world: Surroundings,
}

/// A delivery with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryDetails {
    /// The delivery.
    pub delivery: Delivery,
    /// The bytes that are sent.
    pub body: Vec<u8>,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptRecord>,
}

/// A part of the event log as the actor may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    /// The events.
    pub events: Vec<CommittedEvent>,
    /// The position up to which the log was read: where the next page begins.
    pub last: i64,
    /// Whether that was the end of it.
    pub is_last: bool,
}

impl Webhooks {
    /// The use cases over a storage.
    pub fn new(world: Surroundings) -> Self {
        Webhooks { world }
    }

    /// All webhooks, oldest first.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<Webhook>, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        Ok(self.world.storage.webhooks(actor.company).await?)
    }

    /// One webhook.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn get(&self, actor: &Actor, id: Uuid) -> Result<Webhook, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        self.find(actor, id).await
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// A missing right, a refusal, or a failure of the storage.
    pub async fn create(&self, actor: &Actor, draft: WebhookDraft) -> Result<Webhook, Error> {
        actor.require(Resource::Api, Action::Create)?;
        let (id, now) = (
            self.world.sources.ids.new_id(),
            self.world.sources.clock.now(),
        );
        let judged = draft.create(&self.world.rules, id, now).map_err(invalid)?;
        self.put(actor, None, judged).await
    }

    /// Changes a webhook: what is absent stays as it is.
    ///
    /// # Errors
    /// A missing right, its absence, a refusal, or a failure of the storage.
    pub async fn update(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: WebhookDraft,
    ) -> Result<Webhook, Error> {
        actor.require(Resource::Api, Action::Update)?;
        let present = self.find(actor, id).await?;
        let now = self.world.sources.clock.now();
        let judged = draft.update(&present, &self.world.rules, now);
        self.put(actor, Some(&present), judged.map_err(invalid)?)
            .await
    }

    /// Deletes a webhook; its deliveries stay.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn delete(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        actor.require(Resource::Api, Action::Delete)?;
        let log = self
            .world
            .sources
            .log(actor, workspace::WEBHOOK_DELETED, id, Told::Id);
        let storage = &self.world.storage;
        if storage.delete_webhook(actor.company, id, log).await? {
            Ok(())
        } else {
            Err(no_such("webhook", id))
        }
    }

    /// The secret in clear, if there is one. It is logged who saw it.
    ///
    /// # Errors
    /// A missing right, the webhook's absence, or a failure of the storage or of the key.
    pub async fn reveal(&self, actor: &Actor, id: Uuid) -> Result<Option<Secret>, Error> {
        actor.require(Resource::Api, Action::Update)?;
        let webhook = self.find(actor, id).await?;
        let sealed = webhook.secret.as_ref();
        let secret = sealed.map(|sealed| self.world.vault.open(actor.company, id, sealed));
        let secret = secret.transpose().map_err(vault_failed)?;
        let name = workspace::WEBHOOK_SECRET_REVEALED;
        let log = self.world.sources.log(actor, name, id, Told::Id);
        // Nobody sees it without a trace.
        self.world.storage.log(actor.company, log).await?;
        Ok(secret)
    }

    /// Sends a test to a webhook, as a delivery of its own.
    ///
    /// # Errors
    /// A missing right, the webhook's absence, that it is disabled, or a failure of the storage.
    pub async fn test(&self, actor: &Actor, id: Uuid) -> Result<Delivery, Error> {
        actor.require(Resource::Api, Action::Update)?;
        let webhook = self.enabled(self.find(actor, id).await?)?;
        let now = self.world.sources.clock.now();
        let new = NewDelivery {
            id: self.world.sources.ids.new_id(),
            webhook: id,
            url: webhook.url,
            event: TEST_EVENT.to_owned(),
            event_id: self.world.sources.ids.new_id(),
            resend_of: None,
            body: Some((self.world.test_body)(actor, id, now)),
            created_at: now,
        };
        self.add(actor, new).await
    }

    /// A page of deliveries, newest first.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn deliveries(
        &self,
        actor: &Actor,
        search: &DeliverySearch,
    ) -> Result<DeliveryPage, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        Ok(self.world.storage.deliveries(actor.company, search).await?)
    }

    /// One delivery with its attempts.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn delivery(&self, actor: &Actor, id: Uuid) -> Result<DeliveryDetails, Error> {
        actor.require(Resource::Api, Action::ReadAll)?;
        let storage = &self.world.storage;
        let found = storage.delivery(actor.company, id).await?;
        let (delivery, body) = found.ok_or_else(|| no_such("webhook delivery", id))?;
        Ok(DeliveryDetails {
            delivery,
            body,
            attempts: storage.attempts(actor.company, id).await?,
        })
    }

    /// Sends the bytes of a delivery again, to the webhook's present URL with its present secret, as a new delivery;
    /// the original stays as it is.
    ///
    /// # Errors
    /// A missing right, its absence, a conflict if the webhook is gone or disabled, or a failure of the storage.
    pub async fn resend(&self, actor: &Actor, id: Uuid) -> Result<Delivery, Error> {
        actor.require(Resource::Api, Action::Update)?;
        let storage = &self.world.storage;
        let found = storage.delivery(actor.company, id).await?;
        let (original, _) = found.ok_or_else(|| no_such("webhook delivery", id))?;
        let webhook = storage.webhook(actor.company, original.webhook).await?;
        let webhook = webhook.ok_or_else(|| {
            conflict(
                "webhook_gone",
                "the webhook of this delivery was deleted; there is nowhere to send it",
            )
        })?;
        let new = NewDelivery {
            id: self.world.sources.ids.new_id(),
            webhook: webhook.id,
            url: self.enabled(webhook)?.url,
            event: original.event,
            event_id: original.event_id,
            resend_of: Some(id),
            body: None,
            created_at: self.world.sources.clock.now(),
        };
        self.add(actor, new).await
    }

    /// Events after a position, in commit order, none left out that the actor may see.
    ///
    /// # Errors
    /// A missing right, that events after the position are not kept any more, or a failure of the storage.
    pub async fn events(&self, actor: &Actor, after: i64, limit: usize) -> Result<LogPage, Error> {
        actor.require(Resource::AuditLog, Action::ReadAll)?;
        let read = self.world.log.after(actor.company, after, limit).await?;
        let is_last = read.len() < limit;
        let last = read.last().map_or(after, |event| event.position);
        self.page(actor, read, last, is_last).await
    }

    /// The position after which the log is complete: that before its oldest event.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn beginning(&self, actor: &Actor) -> Result<i64, Error> {
        actor.require(Resource::AuditLog, Action::ReadAll)?;
        self.world.log.beginning(actor.company).await
    }

    /// Hears of events that are committed from now on, by any process.
    ///
    /// # Errors
    /// A missing right.
    pub fn news(&self, actor: &Actor) -> Result<Box<dyn EventWaiter>, Error> {
        actor.require(Resource::AuditLog, Action::ReadAll)?;
        Ok(self.world.log.news())
    }

    /// The position of the last event.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn last_position(&self, actor: &Actor) -> Result<i64, Error> {
        actor.require(Resource::AuditLog, Action::ReadAll)?;
        self.world.log.end(actor.company).await
    }

    /// The events of one record before a position, newest first, as far as the actor may see them; also of one that is
    /// deleted, for those who may read all of its type.
    ///
    /// # Errors
    /// A missing right, its absence for one who may not read all, or a failure of the storage.
    pub async fn history(
        &self,
        actor: &Actor,
        key: RecordKey,
        before: Option<i64>,
        limit: usize,
    ) -> Result<LogPage, Error> {
        let scope = readable(actor, key.entity)?;
        if scope.reach_of(key.entity) != Reach::All {
            let asked = [Reference::Record(key)];
            if self
                .world
                .repository
                .names(&scope, &asked)
                .await?
                .is_empty()
            {
                return Err(no_such(key.entity.name(), key.id));
            }
        }
        let feed = &self.world.feed;
        let before = before.unwrap_or(i64::MAX);
        let read = feed.history(actor.company, key, before, limit).await?;
        let is_last = read.len() < limit;
        let last = read.last().map_or(before, |event| event.position);
        self.page(actor, read, last, is_last).await
    }

    async fn page(
        &self,
        actor: &Actor,
        read: Vec<CommittedEvent>,
        last: i64,
        is_last: bool,
    ) -> Result<LogPage, Error> {
        let (repository, encoder) = (&self.world.repository, &self.world.sources.encoder);
        let events = shown(&**repository, &**encoder, &actor.scope(), read).await?;
        Ok(LogPage {
            events,
            last,
            is_last,
        })
    }

    async fn put(
        &self,
        actor: &Actor,
        present: Option<&Webhook>,
        (mut webhook, secret): (Webhook, SecretChange),
    ) -> Result<Webhook, Error> {
        if present.is_none_or(|present| present.url != webhook.url) {
            let checked = self.world.destinations.check(&webhook.url).await;
            checked.map_err(|reason| invalid(vec![Violation::new("/url", "invalid", reason)]))?;
        }
        match secret {
            SecretChange::Keep => {}
            SecretChange::Clear => webhook.secret = None,
            SecretChange::Set(secret) => {
                let sealed = self.world.vault.seal(actor.company, webhook.id, &secret);
                webhook.secret = Some(sealed.map_err(vault_failed)?);
            }
        }
        let told = match present {
            None => Some((workspace::WEBHOOK_CREATED, Told::State(webhook.facts()))),
            Some(present) => workspace::moved(&present.facts(), webhook.facts())
                .map(|told| (workspace::WEBHOOK_UPDATED, told)),
        };
        let Some((name, told)) = told else {
            return Ok(present.cloned().unwrap_or(webhook));
        };
        let log = self.world.sources.log(actor, name, webhook.id, told);
        let storage = &self.world.storage;
        storage.put_webhook(actor.company, &webhook, log).await?;
        Ok(webhook)
    }

    async fn find(&self, actor: &Actor, id: Uuid) -> Result<Webhook, Error> {
        let found = self.world.storage.webhook(actor.company, id).await?;
        found.ok_or_else(|| no_such("webhook", id))
    }

    fn enabled(&self, webhook: Webhook) -> Result<Webhook, Error> {
        if webhook.enabled {
            return Ok(webhook);
        }
        Err(conflict(
            "webhook_disabled",
            "the webhook is disabled; enable it first",
        ))
    }

    async fn add(&self, actor: &Actor, new: NewDelivery) -> Result<Delivery, Error> {
        let storage = &self.world.storage;
        storage.add_delivery(actor.company, &new).await?;
        let made = storage.delivery(actor.company, new.id).await?;
        let (delivery, _) = made.ok_or_else(|| no_such("webhook delivery", new.id))?;
        Ok(delivery)
    }
}

fn invalid(problems: Vec<Violation>) -> Error {
    Error::Refused(Refusal::Invalid(problems))
}

fn conflict(code: &'static str, message: &str) -> Error {
    Error::Refused(Refusal::Conflict(Violation::new("", code, message)))
}

fn no_such(what: &str, id: Uuid) -> Error {
    let message = format!("there is no {what} with the id {id}");
    Error::Refused(Refusal::NotFound(vec![Violation::new(
        "", NOT_FOUND, message,
    )]))
}

fn vault_failed(error: VaultError) -> Error {
    Error::Storage(RepositoryError::Failed(error.to_string()))
}
