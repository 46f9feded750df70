//! The port to webhooks and to what was delivered.

use async_trait::async_trait;
use uuid::Uuid;

use super::RepositoryError;
use crate::event::EncodedEvent;
use crate::time::Timestamp;
use crate::webhook::Webhook;
use crate::webhook::delivery::Status;
use crate::webhook::resend::ResendJob;

/// A delivery as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The webhook, which may be gone.
    pub webhook: Uuid,
    /// Where it was sent last, or will be sent.
    pub url: String,
    /// The name of the event.
    pub event: String,
    /// The event's id, the same on retries and resends.
    pub event_id: Uuid,
    /// How far it is.
    pub status: Status,
    /// Attempts that were begun.
    pub attempt: u32,
    /// When the next attempt is due, if there will be one.
    pub due_at: Option<Timestamp>,
    /// The delivery that this one repeats.
    pub resend_of: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was accepted.
    pub delivered_at: Option<Timestamp>,
    /// What came of the last attempt, if that is known.
    pub last: Option<AttemptRecord>,
}

/// An attempt as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// 1, 2, …
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// Where it was sent.
    pub url: String,
    /// The address that was connected to.
    pub remote: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's header lines.
    pub headers: String,
    /// The beginning of the answer's body.
    pub body: Vec<u8>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// Resolving, connecting, TLS, to the first byte, altogether; in microseconds.
    pub timing: [Option<i64>; 5],
}

/// Which deliveries to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliverySearch {
    /// Of this webhook.
    pub webhook: Option<Uuid>,
    /// In this status.
    pub status: Option<Status>,
    /// Of this event name.
    pub event: Option<String>,
    /// With this text in the URL or the event's name, in any case.
    pub term: Option<String>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub until: Option<Timestamp>,
    /// Only those before this one, in the order of the list.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: u32,
    /// Of at most so many it is asked whether they are meant, where no index knows it.
    pub looked_at: u32,
}

/// A part of the deliveries that are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    /// What [`DeliverySearch::before`] of the next page is, if there may be more: also where this one has fewer than
    /// it has room for.
    pub next: Option<Uuid>,
}

/// A delivery to be added besides those of the writes: a resend, or a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id.
    pub id: Uuid,
    /// The webhook.
    pub webhook: Uuid,
    /// Where it will be sent.
    pub url: String,
    /// The name of the event.
    pub event: String,
    /// What receivers see as `webhook-id`.
    pub event_id: Uuid,
    /// The delivery that it repeats.
    pub resend_of: Option<Uuid>,
    /// The bytes to send; none for those of the delivery that it repeats.
    pub body: Option<Vec<u8>>,
    /// When.
    pub created_at: Timestamp,
}

/// Keeps webhooks and their deliveries.
///
/// A query starts with the tenant; absence is `None`, empty or `false`, never an error. A change of a webhook holds for
/// every write that begins after it returned.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// All webhooks of a company, oldest first.
    async fn webhooks(&self, company: Uuid) -> Result<Vec<Webhook>, RepositoryError>;

    /// One webhook.
    async fn webhook(&self, company: Uuid, id: Uuid) -> Result<Option<Webhook>, RepositoryError>;

    /// Stores a webhook, a new one or all of an existing one, with the event that tells of it.
    async fn put_webhook(
        &self,
        company: Uuid,
        webhook: &Webhook,
        log: EncodedEvent,
    ) -> Result<(), RepositoryError>;

    /// Deletes a webhook; its deliveries stay. `false`, and nothing logged, if there is none.
    async fn delete_webhook(
        &self,
        company: Uuid,
        id: Uuid,
        log: EncodedEvent,
    ) -> Result<bool, RepositoryError>;

    /// Logs something that changes nothing.
    async fn log(&self, company: Uuid, log: EncodedEvent) -> Result<(), RepositoryError>;

    /// A page of deliveries, newest first.
    async fn deliveries(
        &self,
        company: Uuid,
        search: &DeliverySearch,
    ) -> Result<DeliveryPage, RepositoryError>;

    /// One delivery with the bytes that are sent.
    async fn delivery(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<(Delivery, Vec<u8>)>, RepositoryError>;

    /// The attempts of a delivery, in order.
    async fn attempts(
        &self,
        company: Uuid,
        delivery: Uuid,
    ) -> Result<Vec<AttemptRecord>, RepositoryError>;

    /// Adds a delivery, due at once.
    async fn add_delivery(
        &self,
        company: Uuid,
        delivery: &NewDelivery,
    ) -> Result<(), RepositoryError>;

    /// Stores a job that sends failed deliveries again, with the event that tells of it; how many it is about.
    async fn begin_resend(
        &self,
        company: Uuid,
        job: &ResendJob,
        log: EncodedEvent,
    ) -> Result<u64, RepositoryError>;

    /// One job.
    async fn resend_job(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<ResendJob>, RepositoryError>;

    /// The jobs of a webhook, newest first.
    async fn resend_jobs(
        &self,
        company: Uuid,
        webhook: Uuid,
        limit: u32,
    ) -> Result<Vec<ResendJob>, RepositoryError>;
}

/// Says where webhooks may be sent.
#[async_trait]
pub trait Destinations: Send + Sync {
    /// Whether a URL could be sent to now: its host's addresses are looked up and judged. A name that does not resolve
    /// at present is no problem.
    ///
    /// # Errors
    /// Why not, as a sentence.
    async fn check(&self, url: &str) -> Result<(), String>;
}
