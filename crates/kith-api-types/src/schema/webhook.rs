//! Schemas of webhooks, their deliveries and the event log.

use kith_domain::event;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::resend::JobStatus;
use kith_domain::webhook::schedule::{DisabledReason, RetryPolicy};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::json;

use super::build::{
    add, array, choice, flag, formatted, id, inline, nullable, object, reference, text,
};

/// Adds the schemas of webhooks and deliveries.
pub fn register(registry: &mut Registry) {
    webhooks(registry);
    deliveries(registry);
    resends(registry);
    log(registry);
}

fn integer(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema::new_with_format("integer", "int64");
    inline(MetaSchema {
        description: Some(description),
        ..schema
    })
}

fn url() -> (&'static str, MetaSchemaRef) {
    let schema = formatted(
        "uri",
        "Where events are sent: https, and not to a private or otherwise special address.",
    );
    ("url", schema)
}

fn description() -> (&'static str, MetaSchemaRef) {
    (
        "description",
        nullable(text("For people, up to 1,000 characters.")),
    )
}

fn events() -> (&'static str, MetaSchemaRef) {
    let names = choice("The name of an event.", event::names());
    let schema = inline(MetaSchema {
        description: Some("Which events are sent, each name once."),
        items: Some(Box::new(names)),
        min_items: Some(1),
        max_items: Some(15),
        unique_items: Some(true),
        ..MetaSchema::new("array")
    });
    ("events", schema)
}

fn enabled() -> (&'static str, MetaSchemaRef) {
    (
        "enabled",
        flag("Whether events are sent; true if nothing is said."),
    )
}

fn retry_policy() -> (&'static str, MetaSchemaRef) {
    let names = RetryPolicy::ALL.into_iter().map(RetryPolicy::name);
    let schema = choice(
        "`none` (the default): a failed delivery is not tried again. `standard`: up to ten attempts over about three days.",
        names,
    );
    ("retryPolicy", schema)
}

fn secret() -> (&'static str, MetaSchemaRef) {
    let schema = nullable(text(
        "Signs deliveries; never shown again. May begin with `whsec_`, followed by base64.",
    ));
    ("secret", schema)
}

fn webhooks(registry: &mut Registry) {
    let properties = vec![
        ("id", id("Made by Kith.")),
        url(),
        description(),
        events(),
        ("hasSecret", flag("Whether deliveries are signed.")),
        enabled(),
        retry_policy(),
        (
            "disabledReason",
            nullable(choice(
                "Why the server disabled it: `gone` (it answered 410) or `failing` (no success for five days).",
                DisabledReason::ALL.into_iter().map(DisabledReason::name),
            )),
        ),
        (
            "failingSince",
            nullable(formatted(
                "date-time",
                "The first failure since the last success.",
            )),
        ),
        (
            "createdAt",
            formatted("date-time", "When it was created, UTC."),
        ),
        (
            "updatedAt",
            formatted("date-time", "When it last changed, UTC."),
        ),
    ];
    let required: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
    add(
        registry,
        "Webhook",
        object("A webhook.", &required, properties),
    );
    let settable = || {
        vec![
            url(),
            description(),
            events(),
            secret(),
            enabled(),
            retry_policy(),
        ]
    };
    let example = json!({
        "url": "https://hooks.example.com/kith", "events": ["contact.created", "deal.updated"],
        "secret": "use-a-random-string-from-a-password-manager"
    });
    let create = MetaSchema {
        example: Some(example),
        ..object("A new webhook.", &["url", "events"], settable())
    };
    add(registry, "WebhookCreate", create);
    let update = MetaSchema {
        example: Some(json!({"enabled": false})),
        ..object(
            "Changes of a webhook: what is absent stays as it is.",
            &[],
            settable(),
        )
    };
    add(registry, "WebhookUpdate", update);
    let revealed = vec![("secret", nullable(text("The secret in clear.")))];
    add(
        registry,
        "WebhookSecret",
        object("A secret that was revealed.", &["secret"], revealed),
    );
}

fn delivery() -> Vec<(&'static str, MetaSchemaRef)> {
    let statuses = Status::ALL.into_iter().map(Status::name);
    vec![
        ("id", id("Made by Kith.")),
        ("webhookId", id("The webhook, which may be deleted by now.")),
        ("url", text("Where it was sent last, or will be sent.")),
        ("event", text("The name of the event.")),
        (
            "eventId",
            id("The `webhook-id` that the receiver sees, the same on retries and resends."),
        ),
        ("status", choice("How far it is.", statuses)),
        (
            "statusCode",
            nullable(integer("The status of the last answer.")),
        ),
        (
            "responseBody",
            nullable(text("The first 16 KiB of the last answer.")),
        ),
        (
            "error",
            nullable(text("Why the last attempt failed, in words.")),
        ),
        (
            "durationMs",
            nullable(integer("How long the last attempt took.")),
        ),
        (
            "attempt",
            integer("Attempts that were made, without the one that is under way."),
        ),
        (
            "nextAttemptAt",
            nullable(formatted("date-time", "When it is tried, or tried again.")),
        ),
        ("resendOf", nullable(id("The delivery that it repeats."))),
        (
            "createdAt",
            formatted("date-time", "When it was made, UTC."),
        ),
        (
            "deliveredAt",
            nullable(formatted("date-time", "When it was accepted, UTC.")),
        ),
    ]
}

fn deliveries(registry: &mut Registry) {
    let required: Vec<_> = delivery().iter().map(|(name, _)| *name).collect();
    let plain = object(
        "A delivery of an event to a webhook.",
        &required,
        delivery(),
    );
    add(registry, "WebhookDelivery", plain);
    let mut detailed = delivery();
    detailed.push(("requestBody", text("The body that is sent, byte for byte.")));
    detailed.push((
        "attempts",
        array("Every attempt, in order.", reference("WebhookAttempt")),
    ));
    let required: Vec<_> = detailed.iter().map(|(name, _)| *name).collect();
    let details = object(
        "A delivery with its body and attempts.",
        &required,
        detailed,
    );
    add(registry, "WebhookDeliveryDetails", details);
    let micros = |what| nullable(integer(what));
    let timing = vec![
        (
            "dnsMicros",
            micros("Resolving the host name; null on a kept connection."),
        ),
        (
            "connectMicros",
            micros("Connecting, without the TLS handshake; null on a kept connection."),
        ),
        (
            "tlsMicros",
            micros("The TLS handshake; null on a kept connection, and without TLS."),
        ),
        (
            "firstByteMicros",
            micros("From the start to the head of the answer."),
        ),
        ("totalMicros", micros("From the start to the end.")),
    ];
    let attempt = vec![
        ("number", integer("1, 2, …")),
        ("at", formatted("date-time", "When it began, UTC.")),
        ("url", text("Where it was sent.")),
        (
            "remoteAddress",
            nullable(text("The address that was connected to.")),
        ),
        ("statusCode", nullable(integer("The status of the answer."))),
        ("responseHeaders", text("The header lines of the answer.")),
        ("responseBody", text("The first 16 KiB of the answer.")),
        ("error", nullable(text("Why it failed, in words."))),
        (
            "timing",
            inline(object("Where the time went.", &[], timing)),
        ),
    ];
    let required: Vec<_> = attempt.iter().map(|(name, _)| *name).collect();
    add(
        registry,
        "WebhookAttempt",
        object("One attempt of a delivery.", &required, attempt),
    );
    let page = vec![
        (
            "items",
            array("Newest first.", reference("WebhookDelivery")),
        ),
        (
            "nextCursor",
            nullable(id(
                "The `cursor` of the next page, which may be empty; null on the last.",
            )),
        ),
    ];
    add(
        registry,
        "WebhookDeliveryPage",
        object("A page of deliveries.", &["items", "nextCursor"], page),
    );
    let statuses = Status::ALL.into_iter().map(Status::name);
    let search = vec![
        ("searchTerm", text("Text in the URL or the event's name.")),
        (
            "status",
            choice("Only deliveries in this status.", statuses),
        ),
        ("webhookId", id("Only deliveries of this webhook.")),
        ("event", text("Only deliveries of this event.")),
        (
            "from",
            formatted("date-time", "Only deliveries made at or after this time."),
        ),
        (
            "until",
            formatted("date-time", "Only deliveries made before this time."),
        ),
        (
            "pageSize",
            integer("Most deliveries on the page, 1 to 100; 25 if nothing is said."),
        ),
        ("cursor", id("The `nextCursor` of the page before.")),
    ];
    add(
        registry,
        "WebhookDeliverySearch",
        object("Which deliveries to list.", &[], search),
    );
}

fn resends(registry: &mut Registry) {
    let since = || formatted("date-time", "Deliveries made at or after this time.");
    let begin = MetaSchema {
        example: Some(json!({"since": "2026-04-22T10:00:00Z"})),
        ..object(
            "Which failed deliveries to send again.",
            &["since"],
            vec![("since", since())],
        )
    };
    add(registry, "WebhookResendCreate", begin);
    let statuses = JobStatus::ALL.into_iter().map(JobStatus::name);
    let properties = vec![
        ("id", id("Made by Kith.")),
        ("webhookId", id("The webhook.")),
        ("userId", id("Who asked for it.")),
        ("since", since()),
        (
            "status",
            choice(
                "`running`, `done`, or `stopped` because the webhook was deleted or disabled.",
                statuses,
            ),
        ),
        (
            "total",
            integer("How many failed deliveries there were to be sent again when it began."),
        ),
        (
            "resent",
            integer("How many of them it has made new deliveries for."),
        ),
        ("error", nullable(text("Why it was stopped, in words."))),
        ("createdAt", formatted("date-time", "When it began, UTC.")),
        (
            "updatedAt",
            formatted("date-time", "When it last made deliveries, UTC."),
        ),
        (
            "finishedAt",
            nullable(formatted("date-time", "When it ended, UTC.")),
        ),
    ];
    let required: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
    let job = object(
        "A job that sends again what a webhook has failed to accept.",
        &required,
        properties,
    );
    add(registry, "WebhookResend", job);
}

fn log(registry: &mut Registry) {
    let data = vec![
        ("userId", id("Who caused the change.")),
        ("companyId", id("The company.")),
        ("entityId", id("The record.")),
        (
            "payload",
            inline(MetaSchema {
                description: Some("What the event is about, as in the webhook of its name."),
                ..MetaSchema::new("object")
            }),
        ),
    ];
    let required: Vec<_> = data.iter().map(|(name, _)| *name).collect();
    let data = object("What happened.", &required, data);
    let event = vec![
        (
            "position",
            integer("Place in the company's log, in commit order."),
        ),
        (
            "id",
            id("The event's id: the `webhook-id` of its deliveries."),
        ),
        ("event", choice("The name of the event.", event::names())),
        ("data", inline(data)),
        (
            "timestamp",
            formatted("date-time", "When it was written, UTC."),
        ),
    ];
    let required: Vec<_> = event.iter().map(|(name, _)| *name).collect();
    add(
        registry,
        "EventLogEntry",
        object("An event of the log.", &required, event),
    );
    let page = vec![
        ("items", array("The events.", reference("EventLogEntry"))),
        (
            "next",
            nullable(integer(
                "Where to go on reading; null if there is nothing more to read on this way.",
            )),
        ),
    ];
    add(
        registry,
        "EventPage",
        object("A part of the event log.", &["items", "next"], page),
    );
}
