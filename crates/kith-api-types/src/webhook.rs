//! Webhooks, their deliveries and the event log as the public JSON shows them (contract, sections 6 and 7).

mod read;

use kith_domain::actor::Actor;
use kith_domain::event::CommittedEvent;
use kith_domain::ports::webhooks::{AttemptRecord, Delivery, DeliveryPage};
use kith_domain::time::Timestamp;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::resend::ResendJob;
use kith_domain::webhook::schedule::DisabledReason;
use uuid::Uuid;

use crate::json;

pub use read::{delivery_search, draft, resend_since, search_members};

/// Appends a webhook; its secret never.
pub fn write_webhook(out: &mut Vec<u8>, webhook: &Webhook) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, webhook.id);
    json::member(out, "url");
    json::string(out, &webhook.url);
    json::member(out, "description");
    json::optional(out, webhook.description.as_deref(), json::string);
    json::member(out, "events");
    json::array(out, webhook.events.names(), json::string);
    json::member(out, "hasSecret");
    json::flag(out, webhook.secret.is_some());
    json::member(out, "enabled");
    json::flag(out, webhook.enabled);
    json::member(out, "retryPolicy");
    json::string(out, webhook.retry_policy.name());
    json::member(out, "disabledReason");
    let reason = webhook.disabled_reason.map(DisabledReason::name);
    json::optional(out, reason, json::string);
    json::member(out, "failingSince");
    json::optional(out, webhook.failing_since, json::timestamp);
    json::member(out, "createdAt");
    json::timestamp(out, webhook.created_at);
    json::member(out, "updatedAt");
    json::timestamp(out, webhook.updated_at);
    out.push(b'}');
}

/// `{"secret": …}`: a secret that is revealed.
pub fn secret(secret: Option<&str>) -> Vec<u8> {
    let mut out = b"{\"secret\":".to_vec();
    json::optional(&mut out, secret, json::string);
    out.push(b'}');
    out
}

/// Appends a delivery; with the bytes that are sent and all attempts, if they are given.
pub fn write_delivery(
    out: &mut Vec<u8>,
    delivery: &Delivery,
    details: Option<(&[u8], &[AttemptRecord])>,
) {
    let last = delivery.last.as_ref();
    out.push(b'{');
    json::member(out, "id");
    json::id(out, delivery.id);
    json::member(out, "webhookId");
    json::id(out, delivery.webhook);
    json::member(out, "url");
    json::string(out, &delivery.url);
    json::member(out, "event");
    json::string(out, &delivery.event);
    json::member(out, "eventId");
    json::id(out, delivery.event_id);
    json::member(out, "status");
    json::string(out, delivery.status.name());
    json::member(out, "statusCode");
    json::optional(out, last.and_then(|last| last.status), |out, status| {
        json::integer(out, status.into());
    });
    json::member(out, "responseBody");
    json::optional(out, last, |out, last| lossy(out, &last.body));
    json::member(out, "error");
    json::optional(
        out,
        last.and_then(|last| last.error.as_deref()),
        json::string,
    );
    json::member(out, "durationMs");
    let total = last.and_then(|last| last.timing[4]);
    json::optional(out, total.map(|micros| micros / 1_000), json::integer);
    json::member(out, "attempt");
    json::integer(out, delivery.attempt.into());
    json::member(out, "nextAttemptAt");
    let is_waiting = delivery.status == kith_domain::webhook::delivery::Status::Pending;
    json::optional(out, delivery.due_at.filter(|_| is_waiting), json::timestamp);
    json::member(out, "resendOf");
    json::optional(out, delivery.resend_of, json::id);
    json::member(out, "createdAt");
    json::timestamp(out, delivery.created_at);
    json::member(out, "deliveredAt");
    json::optional(out, delivery.delivered_at, json::timestamp);
    if let Some((body, attempts)) = details {
        json::member(out, "requestBody");
        lossy(out, body);
        json::member(out, "attempts");
        json::array(out, attempts, write_attempt);
    }
    out.push(b'}');
}

fn write_attempt(out: &mut Vec<u8>, attempt: &AttemptRecord) {
    out.push(b'{');
    json::member(out, "number");
    json::integer(out, attempt.number.into());
    json::member(out, "at");
    json::timestamp(out, attempt.at);
    json::member(out, "url");
    json::string(out, &attempt.url);
    json::member(out, "remoteAddress");
    json::optional(out, attempt.remote.as_deref(), json::string);
    json::member(out, "statusCode");
    json::optional(out, attempt.status, |out, status| {
        json::integer(out, status.into())
    });
    json::member(out, "responseHeaders");
    json::string(out, &attempt.headers);
    json::member(out, "responseBody");
    lossy(out, &attempt.body);
    json::member(out, "error");
    json::optional(out, attempt.error.as_deref(), json::string);
    json::member(out, "timing");
    out.push(b'{');
    let names = [
        "dnsMicros",
        "connectMicros",
        "tlsMicros",
        "firstByteMicros",
        "totalMicros",
    ];
    for (name, micros) in names.into_iter().zip(attempt.timing) {
        json::member(out, name);
        json::optional(out, micros, json::integer);
    }
    out.extend_from_slice(b"}}");
}

/// `{items, nextCursor}`: a page of deliveries.
pub fn delivery_page(page: &DeliveryPage) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 * (page.deliveries.len() + 1));
    out.push(b'{');
    json::member(&mut out, "items");
    json::array(&mut out, &page.deliveries, |out, delivery| {
        write_delivery(out, delivery, None)
    });
    json::member(&mut out, "nextCursor");
    json::optional(&mut out, page.next, json::id);
    out.push(b'}');
    out
}

/// The body of a test.
pub fn test_body(actor: &Actor, webhook: Uuid, at: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(b'{');
    json::member(&mut out, "event");
    json::string(&mut out, "webhook.test");
    json::member(&mut out, "data");
    out.push(b'{');
    for (name, id) in [
        ("userId", actor.user),
        ("companyId", actor.company),
        ("entityId", webhook),
    ] {
        json::member(&mut out, name);
        json::id(&mut out, id);
    }
    json::member(&mut out, "payload");
    out.push(b'{');
    json::member(&mut out, "webhookId");
    json::id(&mut out, webhook);
    out.extend_from_slice(b"}}");
    json::member(&mut out, "timestamp");
    json::timestamp(&mut out, at);
    out.push(b'}');
    out
}

/// Appends an event of the log: its envelope as it was sent, with its position and id before the rest.
pub fn write_event(out: &mut Vec<u8>, event: &CommittedEvent) {
    out.push(b'{');
    json::member(out, "position");
    json::integer(out, event.position);
    json::member(out, "id");
    json::id(out, event.event.id);
    match event.event.body.strip_prefix(b"{") {
        Some(rest) if rest != b"}" => {
            out.push(b',');
            out.extend_from_slice(rest);
        }
        _ => out.push(b'}'),
    }
}

/// `{items, next}`: a part of the event log. `next` is where to go on reading.
pub fn event_page(events: &[CommittedEvent], next: Option<i64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(b'{');
    json::member(&mut out, "items");
    json::array(&mut out, events, write_event);
    json::member(&mut out, "next");
    json::optional(&mut out, next, json::integer);
    out.push(b'}');
    out
}

/// Appends a job that sends failed deliveries again.
pub fn write_resend_job(out: &mut Vec<u8>, job: &ResendJob) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, job.id);
    json::member(out, "webhookId");
    json::id(out, job.webhook);
    json::member(out, "userId");
    json::id(out, job.user);
    json::member(out, "since");
    json::timestamp(out, job.since);
    json::member(out, "status");
    json::string(out, job.status.name());
    for (name, count) in [("total", job.total), ("resent", job.resent)] {
        json::member(out, name);
        json::integer(out, i64::try_from(count).unwrap_or(i64::MAX));
    }
    json::member(out, "error");
    json::optional(out, job.problem.as_deref(), json::string);
    json::member(out, "createdAt");
    json::timestamp(out, job.until);
    json::member(out, "updatedAt");
    json::timestamp(out, job.updated_at);
    json::member(out, "finishedAt");
    json::optional(out, job.finished_at, json::timestamp);
    out.push(b'}');
}

/// Bytes as text, with a replacement character for what is no UTF-8.
fn lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    json::string(out, &String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests;
