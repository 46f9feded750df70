//! Webhooks in memory, and what stands around them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kith_api_types::event::JsonEventEncoder;
use kith_application::webhooks::Surroundings;
use kith_application::{EventLog, Sources, Webhooks as UseCases};
use kith_domain::event::{CommittedEvent, EncodedEvent};
use kith_domain::ports::vault::{Vault, VaultError};
use kith_domain::ports::webhooks::{
    AttemptRecord, Delivery, DeliveryPage, DeliverySearch, Destinations, NewDelivery, Webhooks,
};
use kith_domain::ports::{Clock, EventFeed, EventWaiter, Ids, Repository, RepositoryError};
use kith_domain::record::RecordKey;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::destination::UrlRules;
use kith_domain::webhook::resend::ResendJob;
use kith_domain::webhook::secret::{SealedSecret, Secret};
use uuid::Uuid;

/// The use cases over memory.
pub(crate) fn webhooks(
    repository: Arc<dyn Repository>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> UseCases {
    let shelf = Arc::new(Shelf {
        repository: Arc::clone(&repository),
        webhooks: Mutex::default(),
        deliveries: Mutex::default(),
        jobs: Mutex::default(),
    });
    UseCases::new(Surroundings {
        storage: shelf.clone(),
        log: EventLog::new(Arc::clone(&repository), shelf.clone()),
        repository,
        feed: shelf.clone(),
        destinations: shelf.clone(),
        vault: shelf,
        sources: Sources {
            encoder: Arc::new(JsonEventEncoder),
            clock,
            ids,
        },
        rules: UrlRules::default(),
        test_body: kith_api_types::webhook::test_body,
    })
}

struct Shelf {
    repository: Arc<dyn Repository>,
    webhooks: Mutex<Vec<(Uuid, Webhook)>>,
    deliveries: Mutex<Vec<(Uuid, Delivery, Vec<u8>)>>,
    jobs: Mutex<Vec<(Uuid, ResendJob)>>,
}

#[async_trait]
impl Webhooks for Shelf {
    async fn webhooks(&self, company: Uuid) -> Result<Vec<Webhook>, RepositoryError> {
        let all = self.webhooks.lock().unwrap();
        let own = all.iter().filter(|(of, _)| *of == company);
        Ok(own.map(|(_, webhook)| webhook.clone()).collect())
    }

    async fn webhook(&self, company: Uuid, id: Uuid) -> Result<Option<Webhook>, RepositoryError> {
        let own = self.webhooks(company).await?;
        Ok(own.into_iter().find(|webhook| webhook.id == id))
    }

    async fn log(&self, _: Uuid, _: EncodedEvent) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn put_webhook(
        &self,
        company: Uuid,
        webhook: &Webhook,
        _: EncodedEvent,
    ) -> Result<(), RepositoryError> {
        let mut all = self.webhooks.lock().unwrap();
        all.retain(|(_, known)| known.id != webhook.id);
        all.push((company, webhook.clone()));
        Ok(())
    }

    async fn delete_webhook(
        &self,
        company: Uuid,
        id: Uuid,
        _: EncodedEvent,
    ) -> Result<bool, RepositoryError> {
        let mut all = self.webhooks.lock().unwrap();
        let before = all.len();
        all.retain(|(of, webhook)| *of != company || webhook.id != id);
        Ok(all.len() < before)
    }

    async fn deliveries(
        &self,
        company: Uuid,
        search: &DeliverySearch,
    ) -> Result<DeliveryPage, RepositoryError> {
        let all = self.deliveries.lock().unwrap();
        let own = all.iter().rev().filter(|(of, delivery, _)| {
            *of == company
                && search.before.is_none_or(|before| delivery.id < before)
                && search.status.is_none_or(|status| delivery.status == status)
        });
        let limit = usize::try_from(search.limit).unwrap();
        let mut found: Vec<_> = own.map(|(_, delivery, _)| delivery.clone()).collect();
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok(DeliveryPage {
            next: found.last().map(|last| last.id).filter(|_| has_more),
            deliveries: found,
        })
    }

    async fn delivery(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<(Delivery, Vec<u8>)>, RepositoryError> {
        let all = self.deliveries.lock().unwrap();
        let found = all
            .iter()
            .find(|(of, delivery, _)| *of == company && delivery.id == id);
        Ok(found.map(|(_, delivery, body)| (delivery.clone(), body.clone())))
    }

    async fn attempts(&self, _: Uuid, _: Uuid) -> Result<Vec<AttemptRecord>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn add_delivery(&self, company: Uuid, new: &NewDelivery) -> Result<(), RepositoryError> {
        let body = match (&new.body, new.resend_of) {
            (Some(body), _) => body.clone(),
            (None, Some(of)) => self.delivery(company, of).await?.unwrap().1,
            (None, None) => Vec::new(),
        };
        let delivery = Delivery {
            id: new.id,
            webhook: new.webhook,
            url: new.url.clone(),
            event: new.event.clone(),
            event_id: new.event_id,
            status: Status::Pending,
            attempt: 0,
            due_at: Some(new.created_at),
            resend_of: new.resend_of,
            created_at: new.created_at,
            delivered_at: None,
            last: None,
        };
        self.deliveries
            .lock()
            .unwrap()
            .push((company, delivery, body));
        Ok(())
    }

    async fn begin_resend(
        &self,
        company: Uuid,
        job: &ResendJob,
        _: EncodedEvent,
    ) -> Result<u64, RepositoryError> {
        self.jobs.lock().unwrap().push((company, job.clone()));
        Ok(0)
    }

    async fn resend_job(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<ResendJob>, RepositoryError> {
        let all = self.jobs.lock().unwrap();
        let mut own = all
            .iter()
            .filter(|(of, job)| *of == company && job.id == id);
        Ok(own.next().map(|(_, job)| job.clone()))
    }

    async fn resend_jobs(
        &self,
        company: Uuid,
        webhook: Uuid,
        _: u32,
    ) -> Result<Vec<ResendJob>, RepositoryError> {
        let all = self.jobs.lock().unwrap();
        let own = all.iter().rev();
        let own = own.filter(|(of, job)| *of == company && job.webhook == webhook);
        Ok(own.map(|(_, job)| job.clone()).collect())
    }
}

struct Never;

#[async_trait]
impl EventWaiter for Never {
    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl EventFeed for Shelf {
    fn subscribe(&self) -> Box<dyn EventWaiter> {
        Box::new(Never)
    }

    async fn last_position(&self, company: Uuid) -> Result<i64, RepositoryError> {
        let events = self.repository.events(company, 0, usize::MAX).await?;
        Ok(events.last().map_or(0, |event| event.position))
    }

    async fn first_position(&self, company: Uuid) -> Result<i64, RepositoryError> {
        let events = self.repository.events(company, 0, 1).await?;
        Ok(events.first().map_or(1, |event| event.position))
    }

    async fn history(
        &self,
        company: Uuid,
        key: RecordKey,
        before: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        let events = self.repository.events(company, 0, usize::MAX).await?;
        let own = events.into_iter().rev();
        let own = own
            .filter(|event| event.event.subject.record() == Some(key) && event.position < before);
        Ok(own.take(limit).collect())
    }
}

#[async_trait]
impl Destinations for Shelf {
    async fn check(&self, url: &str) -> Result<(), String> {
        if url.contains("inside.example") {
            return Err("inside.example leads to 10.0.0.1 is a private address".to_owned());
        }
        Ok(())
    }
}

impl Vault for Shelf {
    fn seal(&self, _: Uuid, _: Uuid, secret: &Secret) -> Result<SealedSecret, VaultError> {
        Ok(SealedSecret(secret.reveal().bytes().rev().collect()))
    }

    fn open(&self, _: Uuid, _: Uuid, sealed: &SealedSecret) -> Result<Secret, VaultError> {
        let text = sealed.0.iter().rev().copied().collect();
        Secret::parse(String::from_utf8(text).unwrap()).map_err(VaultError)
    }
}
