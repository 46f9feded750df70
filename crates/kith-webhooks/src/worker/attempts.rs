//! One attempt: the secret opened, the request sent, the outcome judged.

use std::sync::Arc;

use bytes::Bytes;
use kith_domain::event::EncodedEvent;
use kith_domain::event::workspace::{Told, WEBHOOK_DISABLED, WorkspaceEvent, open};
use kith_domain::ports::deliveries::{Claimed, Outcome};
use kith_domain::ports::vault::Vault;
use kith_domain::ports::{Clock, EventEncoder, Ids};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{
    Attempt, AttemptError, FailureKind, Health, Timing, judge_attempt,
};
use kith_domain::webhook::schedule::DisabledReason;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::sender::{Request, Transport};

/// The part of the work that needs the secret.
pub(super) struct Signing {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) encoder: Arc<dyn EventEncoder>,
    pub(super) random: SystemRandom,
}

impl Signing {
    /// Makes the attempt that was claimed.
    pub(super) async fn deliver(&self, claimed: Claimed) -> Outcome {
        let policy = claimed
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.retry_policy);
        let failing_since = claimed
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.failing_since);
        let company = claimed.company;
        let (delivery, webhook, claim) = (claimed.id, claimed.webhook, claimed.claim);
        let attempt = self.attempt(claimed).await;
        let now = self.clock.now();
        let (next, health) = judge_attempt(
            &attempt,
            policy.unwrap_or_default(),
            failing_since,
            now,
            self.jitter(),
        );
        let log = match health {
            Health::Disabled(reason, _) => Some(self.disabled(company, webhook, reason, now)),
            _ => None,
        };
        Outcome {
            company,
            delivery,
            webhook,
            claim,
            attempt,
            at: now,
            next,
            health,
            log,
        }
    }

    /// The event that tells of a webhook that is disabled, by the server itself.
    fn disabled(
        &self,
        company: Uuid,
        webhook: Uuid,
        reason: DisabledReason,
        at: Timestamp,
    ) -> EncodedEvent {
        let event = WorkspaceEvent {
            id: self.ids.new_id(),
            company,
            user: Uuid::nil(),
            at,
            name: WEBHOOK_DISABLED,
            subject: webhook,
            told: Told::State(vec![open("disabledReason", reason.name())]),
        };
        EncodedEvent::of_workspace(&event, &*self.encoder)
    }

    async fn attempt(&self, claimed: Claimed) -> Attempt {
        let number = claimed.attempt;
        let refused = |url: String, reason: &str| Attempt {
            number,
            at: self.clock.now(),
            url,
            remote: None,
            status: None,
            headers: String::new(),
            body: Vec::new(),
            retry_after: None,
            error: Some(AttemptError::new(FailureKind::Webhook, reason)),
            timing: Timing::default(),
        };
        let Some(endpoint) = claimed.endpoint else {
            return refused(String::new(), "the webhook was deleted");
        };
        let url = endpoint.url.clone();
        if !endpoint.enabled {
            return refused(url, "the webhook is disabled");
        }
        let sealed = endpoint.secret.as_ref();
        let secret = sealed.map(|sealed| self.vault.open(claimed.company, claimed.webhook, sealed));
        let secret = match secret.transpose() {
            Ok(secret) => secret,
            Err(error) => return refused(url, &error.to_string()),
        };
        let request = Request {
            url,
            body: Bytes::from(claimed.body),
            event_id: claimed.event_id,
            secret,
            number,
        };
        self.transport.send(request).await
    }

    fn jitter(&self) -> u32 {
        let mut bytes = [0; 4];
        // Without randomness there is no jitter, which does no harm.
        let _ = self.random.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }
}
