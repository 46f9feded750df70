//! Changes of the workspace itself: who did what to its people, roles, keys, columns and webhooks (contract, section 6).
//!
//! They stand in the same log as the events of records, in the same order, but no webhook can subscribe to them.

use serde_json::Value;
use uuid::Uuid;

use crate::time::Timestamp;

/// `company.updated`.
pub const COMPANY_UPDATED: &str = "company.updated";
/// `user.created`.
pub const USER_CREATED: &str = "user.created";
/// `user.updated`.
pub const USER_UPDATED: &str = "user.updated";
/// `user.passwordChanged`: by its owner, or with a link for a new one.
pub const USER_PASSWORD_CHANGED: &str = "user.passwordChanged";
/// `user.passwordResetGranted`: somebody was given a link to choose a new password, to be handed over.
pub const USER_PASSWORD_RESET: &str = "user.passwordResetGranted";
/// `role.created`.
pub const ROLE_CREATED: &str = "role.created";
/// `role.updated`.
pub const ROLE_UPDATED: &str = "role.updated";
/// `role.deleted`.
pub const ROLE_DELETED: &str = "role.deleted";
/// `invitation.created`.
pub const INVITATION_CREATED: &str = "invitation.created";
/// `invitation.revoked`.
pub const INVITATION_REVOKED: &str = "invitation.revoked";
/// `invitation.accepted`.
pub const INVITATION_ACCEPTED: &str = "invitation.accepted";
/// `session.created`: somebody signed in.
pub const SESSION_CREATED: &str = "session.created";
/// `session.revoked`.
pub const SESSION_REVOKED: &str = "session.revoked";
/// `apiKey.created`.
pub const API_KEY_CREATED: &str = "apiKey.created";
/// `apiKey.updated`.
pub const API_KEY_UPDATED: &str = "apiKey.updated";
/// `apiKey.rotated`.
pub const API_KEY_ROTATED: &str = "apiKey.rotated";
/// `apiKey.revoked`.
pub const API_KEY_REVOKED: &str = "apiKey.revoked";
/// `customColumn.created`.
pub const COLUMN_CREATED: &str = "customColumn.created";
/// `customColumn.updated`.
pub const COLUMN_UPDATED: &str = "customColumn.updated";
/// `customColumn.deleted`.
pub const COLUMN_DELETED: &str = "customColumn.deleted";
/// `webhook.created`.
pub const WEBHOOK_CREATED: &str = "webhook.created";
/// `webhook.updated`.
pub const WEBHOOK_UPDATED: &str = "webhook.updated";
/// `webhook.deleted`.
pub const WEBHOOK_DELETED: &str = "webhook.deleted";
/// `webhook.disabled`: by the server, which stands as the nil user.
pub const WEBHOOK_DISABLED: &str = "webhook.disabled";
/// `webhook.secretRevealed`.
pub const WEBHOOK_SECRET_REVEALED: &str = "webhook.secretRevealed";
/// `webhook.resendStarted`: everything that failed since a time is sent again.
pub const WEBHOOK_RESEND_STARTED: &str = "webhook.resendStarted";

/// Every name.
pub const NAMES: [&str; 26] = [
    COMPANY_UPDATED,
    USER_CREATED,
    USER_UPDATED,
    USER_PASSWORD_CHANGED,
    USER_PASSWORD_RESET,
    ROLE_CREATED,
    ROLE_UPDATED,
    ROLE_DELETED,
    INVITATION_CREATED,
    INVITATION_REVOKED,
    INVITATION_ACCEPTED,
    SESSION_CREATED,
    SESSION_REVOKED,
    API_KEY_CREATED,
    API_KEY_UPDATED,
    API_KEY_ROTATED,
    API_KEY_REVOKED,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_DELETED,
    WEBHOOK_CREATED,
    WEBHOOK_UPDATED,
    WEBHOOK_DELETED,
    WEBHOOK_DISABLED,
    WEBHOOK_SECRET_REVEALED,
    WEBHOOK_RESEND_STARTED,
];

/// What is known of one field of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Shown as it is.
    Open(Value),
    /// A digest or cipher text that tells whether a secret moved; shown as stars, or null where there is none.
    Secret(Option<Vec<u8>>),
}

impl Fact {
    /// What the log shows.
    pub fn shown(&self) -> Value {
        match self {
            Fact::Open(value) => value.clone(),
            Fact::Secret(None) => Value::Null,
            Fact::Secret(Some(_)) => Value::from("***"),
        }
    }
}

/// The state of an object, field by field; the same fields in the same order for all objects of a kind.
pub type Facts = Vec<(&'static str, Fact)>;

/// A field that is shown as it is.
pub fn open(name: &'static str, value: impl Into<Value>) -> (&'static str, Fact) {
    (name, Fact::Open(value.into()))
}

/// What an event tells of its object.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Its state.
    State(Facts),
    /// Its state now, and the fields that moved: name, before, now.
    Moved(Facts, Vec<(&'static str, Fact, Fact)>),
    /// Only that it is the one.
    Id,
}

/// A change of the workspace, to be stored in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkspaceEvent {
    /// UUID version 7.
    pub id: Uuid,
    /// The tenant.
    pub company: Uuid,
    /// Who caused it; nil for the server itself.
    pub user: Uuid,
    /// When.
    pub at: Timestamp,
    /// One of [`NAMES`].
    pub name: &'static str,
    /// The object.
    pub subject: Uuid,
    /// What is told of it.
    pub told: Told,
}

impl WorkspaceEvent {
    /// The kind of the object, as the name begins: `customColumn`.
    pub fn kind(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// What moved between two states of an object; `None` if nothing did, which is no event.
pub fn moved(before: &Facts, now: Facts) -> Option<Told> {
    let pairs = before.iter().zip(&now);
    let moved: Vec<_> = pairs
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| (*name, old.clone(), new.clone()))
        .collect();
    (!moved.is_empty()).then_some(Told::Moved(now, moved))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use super::*;

    fn facts(name: &str, secret: Option<&[u8]>) -> Facts {
        vec![
            open("name", name),
            ("secret", Fact::Secret(secret.map(<[u8]>::to_vec))),
        ]
    }

    #[test]
    fn only_what_moved_is_told_and_secrets_are_stars() {
        assert_eq!(moved(&facts("a", None), facts("a", None)), None);
        let told = moved(&facts("a", Some(b"1")), facts("a", Some(b"2")));
        let Some(Told::Moved(_, moved)) = told else {
            panic!("the secret moved");
        };
        let shown: Vec<_> = moved
            .iter()
            .map(|(name, old, new)| (*name, old.shown(), new.shown()))
            .collect();
        assert_eq!(shown, [("secret", "***".into(), "***".into())]);
        assert_eq!(Fact::Secret(None).shown(), Value::Null);
    }

    #[test]
    fn names_are_distinct_and_none_is_an_event_of_a_record() {
        let mut names: Vec<_> = NAMES.to_vec();
        names.extend(crate::event::names());
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
