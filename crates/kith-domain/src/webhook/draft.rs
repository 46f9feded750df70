//! Making and changing webhooks: what is asked for, judged against the rules.

use uuid::Uuid;

use super::destination::{UrlRules, parse_url, spelling};
use super::schedule::RetryPolicy;
use super::secret::Secret;
use super::{EventSet, MAX_DESCRIPTION, Webhook};
use crate::draft::Patch;
use crate::event;
use crate::text::{clean, excerpt, nearest};
use crate::time::Timestamp;
use crate::violation::{Violation, pointer_token};

/// The wanted content of a new webhook, or the wanted changes of an existing one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebhookDraft {
    /// Where to send.
    pub url: Patch<String>,
    /// For people; null or empty clears.
    pub description: Patch<String>,
    /// 1 to 15 distinct event names.
    pub events: Patch<Vec<String>>,
    /// To sign with; null or empty clears.
    pub secret: Patch<SecretInput>,
    /// Whether events are sent.
    pub enabled: Patch<bool>,
    /// `none` or `standard`.
    pub retry_policy: Patch<String>,
    /// What the reader could not read; pointers are relative to the webhook.
    pub problems: Vec<Violation>,
}

/// A secret as it was given, not yet checked. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretInput(pub String);

impl std::fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretInput(***)")
    }
}

/// What becomes of the stored secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// It stays as it is.
    Keep,
    /// There is none from now on.
    Clear,
    /// This one from now on.
    Set(Secret),
}

impl WebhookDraft {
    /// Judges a new webhook.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `{url, description, events, secret, enabled, retryPolicy}`.
    pub fn create(
        self,
        rules: &UrlRules,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(Webhook, SecretChange), Vec<Violation>> {
        let fresh = Webhook {
            id,
            url: String::new(),
            description: None,
            events: EventSet::default(),
            secret: None,
            enabled: true,
            retry_policy: RetryPolicy::default(),
            disabled_reason: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        let mut problems = Vec::new();
        for (name, is_absent) in [
            ("url", self.url == Patch::Absent),
            ("events", self.events == Patch::Absent),
        ] {
            if is_absent {
                let message = format!("`{name}` is missing; a webhook needs it");
                problems.push(Violation::new(format!("/{name}"), "required", message));
            }
        }
        self.judge(fresh, rules, problems)
    }

    /// Judges changes of a webhook. A changed URL, or switching on again, forgets past failures.
    ///
    /// # Errors
    /// As [`WebhookDraft::create`].
    pub fn update(
        self,
        webhook: &Webhook,
        rules: &UrlRules,
        now: Timestamp,
    ) -> Result<(Webhook, SecretChange), Vec<Violation>> {
        let (mut changed, secret) = self.judge(webhook.clone(), rules, Vec::new())?;
        if changed.url != webhook.url || (changed.enabled && !webhook.enabled) {
            changed.failing_since = None;
            changed.disabled_reason = None;
        }
        if changed != *webhook || secret != SecretChange::Keep {
            changed.updated_at = now;
        }
        Ok((changed, secret))
    }

    fn judge(
        self,
        mut webhook: Webhook,
        rules: &UrlRules,
        mut problems: Vec<Violation>,
    ) -> Result<(Webhook, SecretChange), Vec<Violation>> {
        problems.extend(self.problems);
        match self.url {
            Patch::Set(text) => match parse_url(&text, rules) {
                Ok(url) => webhook.url = spelling(&url, &text),
                Err(reason) => problems.push(Violation::new("/url", "invalid", reason)),
            },
            Patch::Null => problems.push(null("url")),
            Patch::Absent | Patch::Unreadable => {}
        }
        match self.description {
            Patch::Set(text) => match description(&text) {
                Ok(text) => webhook.description = text,
                Err(problem) => problems.push(problem),
            },
            Patch::Null => webhook.description = None,
            Patch::Absent | Patch::Unreadable => {}
        }
        match self.events {
            Patch::Set(names) => match events(&names) {
                Ok(events) => webhook.events = events,
                Err(found) => problems.extend(found),
            },
            Patch::Null => problems.push(null("events")),
            Patch::Absent | Patch::Unreadable => {}
        }
        let secret = match self.secret {
            Patch::Set(SecretInput(text)) if text.is_empty() => SecretChange::Clear,
            Patch::Set(SecretInput(text)) => match Secret::parse(text) {
                Ok(secret) => SecretChange::Set(secret),
                Err(reason) => {
                    problems.push(Violation::new("/secret", "invalid", reason));
                    SecretChange::Keep
                }
            },
            Patch::Null => SecretChange::Clear,
            Patch::Absent | Patch::Unreadable => SecretChange::Keep,
        };
        match self.enabled {
            Patch::Set(enabled) => webhook.enabled = enabled,
            Patch::Null => problems.push(null("enabled")),
            Patch::Absent | Patch::Unreadable => {}
        }
        match self.retry_policy {
            Patch::Set(name) => match RetryPolicy::by_name(&name) {
                Some(policy) => webhook.retry_policy = policy,
                None => {
                    let message = format!(
                        "`{}` is no retry policy; there are none and standard",
                        excerpt(&name, 40)
                    );
                    problems.push(Violation::new("/retryPolicy", "invalid", message));
                }
            },
            Patch::Null => webhook.retry_policy = RetryPolicy::default(),
            Patch::Absent | Patch::Unreadable => {}
        }
        if problems.is_empty() {
            Ok((webhook, secret))
        } else {
            Err(problems)
        }
    }
}

fn null(name: &str) -> Violation {
    Violation::new(
        format!("/{}", pointer_token(name)),
        "required",
        format!("`{name}` is null; a webhook needs it"),
    )
}

fn description(text: &str) -> Result<Option<String>, Violation> {
    let problem = |code, message: String| Violation::new("/description", code, message);
    let text = clean(text).map_err(|control| {
        let message = format!("`description` has the control character {control:?}");
        problem("invalid", message)
    })?;
    let length = text.chars().count();
    if length > MAX_DESCRIPTION {
        let message = format!(
            "`description` has {length} characters, at most {MAX_DESCRIPTION} are accepted"
        );
        return Err(problem("too_long", message));
    }
    Ok((!text.is_empty()).then_some(text))
}

fn events(names: &[String]) -> Result<EventSet, Vec<Violation>> {
    let mut set = EventSet::default();
    let mut problems = Vec::new();
    if names.is_empty() {
        let message = "`events` is empty; a webhook subscribes to 1 to 15 events";
        problems.push(Violation::new("/events", "required", message));
    }
    for (at, name) in names.iter().enumerate() {
        let pointer = format!("/events/{at}");
        match EventSet::of(name) {
            Some(one) if set.contains_all(one) => {
                let message = format!("`{name}` is there twice");
                problems.push(Violation::new(pointer, "duplicate", message));
            }
            Some(one) => set = set.with(one),
            None => {
                let all: Vec<_> = event::names().collect();
                let near = nearest(name, all.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!(
                    "`{}` is no event{near} There are {}",
                    excerpt(name, 60),
                    all.join(", ")
                );
                problems.push(Violation::new(pointer, "invalid", message));
            }
        }
    }
    if problems.is_empty() {
        Ok(set)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const NOW: Timestamp = Timestamp(1_776_852_000_000);
    const LATER: Timestamp = Timestamp(1_776_852_000_001);

    fn draft() -> WebhookDraft {
        WebhookDraft {
            url: Patch::Set("https://hooks.example.com/kith".to_owned()),
            events: Patch::Set(vec![
                "deal.updated".to_owned(),
                "contact.created".to_owned(),
            ]),
            ..WebhookDraft::default()
        }
    }

    fn webhook() -> Webhook {
        draft()
            .create(&UrlRules::default(), Uuid::nil(), NOW)
            .unwrap()
            .0
    }

    #[test]
    fn a_webhook_needs_a_url_and_events_and_is_enabled_by_default() {
        let webhook = webhook();
        assert!(webhook.enabled);
        assert_eq!(webhook.retry_policy, RetryPolicy::None);
        let names: Vec<_> = webhook.events.names().collect();
        assert_eq!(names, ["contact.created", "deal.updated"]);
        let problems = WebhookDraft::default()
            .create(&UrlRules::default(), Uuid::nil(), NOW)
            .unwrap_err();
        let places: Vec<_> = problems.iter().map(|p| p.pointer.as_str()).collect();
        assert_eq!(places, ["/url", "/events"]);
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let bad = WebhookDraft {
            url: Patch::Set("http://hooks.example.com/".to_owned()),
            description: Patch::Set("x".repeat(1_001)),
            events: Patch::Set(
                ["contact.created", "contact.created", "contacts.created"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            secret: Patch::Set(SecretInput("whsec_!".to_owned())),
            enabled: Patch::Null,
            retry_policy: Patch::Set("always".to_owned()),
            problems: Vec::new(),
        };
        let problems = bad
            .create(&UrlRules::default(), Uuid::nil(), NOW)
            .unwrap_err();
        let places: Vec<_> = problems
            .iter()
            .map(|problem| (problem.pointer.as_str(), problem.code))
            .collect();
        assert_eq!(
            places,
            [
                ("/url", "invalid"),
                ("/description", "too_long"),
                ("/events/1", "duplicate"),
                ("/events/2", "invalid"),
                ("/secret", "invalid"),
                ("/enabled", "required"),
                ("/retryPolicy", "invalid"),
            ]
        );
        assert!(
            problems[3]
                .message
                .contains("did you mean `contact.created`?")
        );
    }

    #[test]
    fn an_update_changes_what_it_names_only() {
        let before = Webhook {
            failing_since: Some(NOW),
            ..webhook()
        };
        let (same, secret) = WebhookDraft::default()
            .update(&before, &UrlRules::default(), LATER)
            .unwrap();
        assert_eq!((&same, secret), (&before, SecretChange::Keep));
        let patch = WebhookDraft {
            description: Patch::Set(" Orders ".to_owned()),
            secret: Patch::Set(SecretInput("swordfish".to_owned())),
            ..WebhookDraft::default()
        };
        let (after, secret) = patch.update(&before, &UrlRules::default(), LATER).unwrap();
        assert_eq!(after.description.as_deref(), Some("Orders"));
        assert_eq!(after.updated_at, LATER);
        assert_eq!(after.failing_since, Some(NOW));
        assert!(matches!(secret, SecretChange::Set(secret) if secret.reveal() == "swordfish"));
    }

    #[test]
    fn switching_on_again_forgets_past_failures() {
        let disabled = Webhook {
            enabled: false,
            disabled_reason: Some(super::super::schedule::DisabledReason::Failing),
            failing_since: Some(NOW),
            ..webhook()
        };
        let patch = WebhookDraft {
            enabled: Patch::Set(true),
            ..WebhookDraft::default()
        };
        let (after, _) = patch
            .update(&disabled, &UrlRules::default(), LATER)
            .unwrap();
        assert!(after.enabled && after.disabled_reason.is_none() && after.failing_since.is_none());
    }
}
