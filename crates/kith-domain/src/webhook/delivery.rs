//! Deliveries of events to webhooks, and their attempts.

use std::fmt;
use std::net::SocketAddr;

use uuid::Uuid;

use super::schedule::{DisabledReason, RetryPolicy};
use crate::time::Timestamp;

/// How much of an answer is kept, in bytes.
pub const KEPT_BODY: usize = 16 * 1024;

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It waits for its first attempt, or for the next.
    Pending,
    /// An attempt is under way.
    Delivering,
    /// It was accepted with a status from 200 to 299.
    Success,
    /// It was not, and is not tried again.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 4] = [
        Status::Pending,
        Status::Delivering,
        Status::Success,
        Status::Failed,
    ];

    /// `pending`, `delivering`, `success`, `failed`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Delivering => "delivering",
            Status::Success => "success",
            Status::Failed => "failed",
        }
    }

    /// The status with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// The id of the delivery of an event to a webhook: it follows from the two, so that there cannot be a second one. It
/// sorts by the time of the event.
pub fn delivery_id(event: Uuid, webhook: Uuid) -> Uuid {
    // Time, version and variant of the event's id; the random bits of both.
    const RANDOM: u128 = 0x0000_0000_0000_0fff_3fff_ffff_ffff_ffff;
    Uuid::from_u128(event.as_u128() ^ (webhook.as_u128() & RANDOM))
}

/// What kind of failure an attempt met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No complete answer in time.
    Timeout,
    /// The host name was not resolved.
    Dns,
    /// No trusted, encrypted connection came about.
    Tls,
    /// No connection came about.
    Connect,
    /// The address is one that webhooks may not reach.
    BlockedAddress,
    /// The connection broke, or the answer was no HTTP.
    Protocol,
    /// The answer's status is outside of 200 to 299.
    Status,
    /// The webhook cannot be used: deleted, disabled, its URL or secret unusable.
    Webhook,
}

impl FailureKind {
    fn words(self) -> &'static str {
        match self {
            FailureKind::Timeout => "timeout",
            FailureKind::Dns => "dns",
            FailureKind::Tls => "tls",
            FailureKind::Connect => "connect",
            FailureKind::BlockedAddress => "blocked address",
            FailureKind::Protocol => "protocol",
            FailureKind::Status => "status",
            FailureKind::Webhook => "webhook",
        }
    }
}

/// Why an attempt failed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened.
    pub detail: String,
}

impl AttemptError {
    /// A failure.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        AttemptError {
            kind,
            detail: detail.into(),
        }
    }
}

/// `timeout: no complete answer within 10 s`.
impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.words(), self.detail)
    }
}

/// Where the time of an attempt went, in microseconds; none where a step did not happen (a kept connection).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Resolving the host name.
    pub dns: Option<u64>,
    /// Connecting, without the TLS handshake.
    pub connect: Option<u64>,
    /// The TLS handshake.
    pub tls: Option<u64>,
    /// From the start to the head of the answer.
    pub first_byte: Option<u64>,
    /// From the start to the end.
    pub total: u64,
}

/// One attempt: what was sent where, and what came back. Never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1, 2, …
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// Where it was sent.
    pub url: String,
    /// The address that was connected to.
    pub remote: Option<SocketAddr>,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's header lines, `name: value` each.
    pub headers: String,
    /// The beginning of the answer's body, at most [`KEPT_BODY`].
    pub body: Vec<u8>,
    /// What the receiver asked for with `Retry-After`.
    pub retry_after: Option<Timestamp>,
    /// Why it failed, unless it was accepted.
    pub error: Option<AttemptError>,
    /// Where the time went.
    pub timing: Timing,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was accepted.
    Done,
    /// It failed for good.
    GiveUp,
    /// It is tried again.
    Again(Timestamp),
}

/// What an attempt says about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing new.
    Same,
    /// It works again.
    Recovered,
    /// It fails since then.
    FailingSince(Timestamp),
    /// It is given up; it fails since then.
    Disabled(DisabledReason, Timestamp),
}

/// Judges an attempt that ended at `now`, by the webhook's rules. `jitter` is any number.
pub fn judge_attempt(
    attempt: &Attempt,
    policy: RetryPolicy,
    failing_since: Option<Timestamp>,
    now: Timestamp,
    jitter: u32,
) -> (Next, Health) {
    let Some(error) = &attempt.error else {
        let health = match failing_since {
            Some(_) => Health::Recovered,
            None => Health::Same,
        };
        return (Next::Done, health);
    };
    if error.kind == FailureKind::Webhook {
        return (Next::GiveUp, Health::Same);
    }
    let since = failing_since.unwrap_or(now);
    if let Some(reason) = DisabledReason::judge(attempt.status, failing_since, now) {
        return (Next::GiveUp, Health::Disabled(reason, since));
    }
    let health = match failing_since {
        Some(_) => Health::Same,
        None => Health::FailingSince(now),
    };
    match policy.next(attempt.number, now, jitter, attempt.retry_after) {
        Some(at) => (Next::Again(at), health),
        None => (Next::GiveUp, health),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_776_852_000_000);

    fn attempt(status: Option<u16>, error: Option<FailureKind>) -> Attempt {
        Attempt {
            number: 1,
            at: NOW,
            url: "https://hooks.example.com/".to_owned(),
            remote: None,
            status,
            headers: String::new(),
            body: Vec::new(),
            retry_after: None,
            error: error.map(|kind| AttemptError::new(kind, "it happened")),
            timing: Timing::default(),
        }
    }

    #[test]
    fn delivery_ids_follow_from_event_and_webhook() {
        let event = Uuid::from_u128(0x0197_0000_0000_7123_8456_0000_0000_0001);
        let webhook = Uuid::from_u128(0x0196_0000_0000_7fff_bfff_0000_0000_0002);
        let id = delivery_id(event, webhook);
        assert_eq!(id, delivery_id(event, webhook));
        assert_ne!(
            id,
            delivery_id(event, Uuid::from_u128(webhook.as_u128() + 1))
        );
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.as_u128() >> 80, event.as_u128() >> 80);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn attempts_are_judged_by_the_rules_of_the_webhook() {
        let standard = RetryPolicy::Standard;
        let ok = attempt(Some(204), None);
        assert_eq!(
            judge_attempt(&ok, standard, None, NOW, 0),
            (Next::Done, Health::Same)
        );
        assert_eq!(
            judge_attempt(&ok, standard, Some(NOW), NOW, 0),
            (Next::Done, Health::Recovered)
        );
        let failed = attempt(Some(500), Some(FailureKind::Status));
        assert_eq!(
            judge_attempt(&failed, RetryPolicy::None, None, NOW, 0),
            (Next::GiveUp, Health::FailingSince(NOW))
        );
        assert_eq!(
            judge_attempt(&failed, standard, Some(NOW), NOW, 0),
            (Next::Again(Timestamp(NOW.0 + 4_500)), Health::Same)
        );
        let gone = attempt(Some(410), Some(FailureKind::Status));
        assert_eq!(
            judge_attempt(&gone, standard, None, NOW, 0),
            (Next::GiveUp, Health::Disabled(DisabledReason::Gone, NOW))
        );
        let unusable = attempt(None, Some(FailureKind::Webhook));
        assert_eq!(
            judge_attempt(&unusable, standard, None, NOW, 0),
            (Next::GiveUp, Health::Same)
        );
    }

    #[test]
    fn errors_are_words() {
        let error = AttemptError::new(FailureKind::BlockedAddress, "10.0.0.1 is a private address");
        assert_eq!(
            error.to_string(),
            "blocked address: 10.0.0.1 is a private address"
        );
    }
}
