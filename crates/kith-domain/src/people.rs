//! The people of a company, their roles, invitations and keys: what they are and what may be done with them, as pure
//! decisions on what is there (contract, section 1).
//!
//! Nobody gets further by these decisions than they were: what is granted, assigned, edited or handed out is compared
//! with the rights that the actor holds at this moment, within the limit of their credential.

mod company;
mod invitation;
mod judge;
mod key;
mod role;
mod session;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::actor::{Action, Actor, Limit, MissingRight, Permissions, Resource};
use crate::event::workspace::Told;
use crate::violation::{NOT_FOUND, Refusal, Violation};

pub use company::{Company, CompanyDraft};
pub use invitation::{
    Founding, FoundingDraft, INVITATION_LASTS, Invitation, InvitationDraft, Joining, JoiningDraft,
    MAX_INVITATIONS,
};
pub use key::{ApiKey, KeyDraft, KeyMaterial, MAX_KEYS, Scopes, ScopesInput, may_see_key};
pub use role::{MAX_ROLES, Role, RoleDraft};
pub use session::{
    Account, EXTEND_AFTER, Entry, GRANTED_RESET_LASTS, MAILED_RESET_LASTS, MAX_SESSIONS,
    PasswordReset, SESSION_LASTS, Session, Visitor, unlimited,
};
pub use user::{User, UserDraft, UserStatus, may_see};

/// How many users have a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// In whatever status.
    pub all: u64,
    /// Those who may act.
    pub active: u64,
}

/// What there is of a company while nobody else may change it: its roles, and of the rest what was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workspace {
    /// The company.
    pub company: Company,
    /// All roles, oldest first.
    pub roles: Vec<Role>,
    /// By role, how many users have it.
    pub members: BTreeMap<Uuid, Members>,
    /// The users that were asked for.
    pub users: Vec<User>,
    /// All invitations that are open or have expired, oldest first, if they were asked for.
    pub invitations: Vec<Invitation>,
    /// All keys, oldest first, if they were asked for.
    pub keys: Vec<ApiKey>,
    /// What the user signs in with for whom it was asked.
    pub account: Option<Account>,
}

/// What a decision writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// The company as it now is.
    Company(Company),
    /// A role as it now is.
    Role(Role),
    /// The end of a role.
    NoRole(Uuid),
    /// A user as they now are.
    User(User),
    /// Somebody new, with the argon2id PHC string of their password.
    NewUser(User, PasswordHash),
    /// A new invitation, with the SHA-256 of its token.
    Invitation(Invitation, Digest),
    /// The end of an invitation.
    NoInvitation(Uuid),
    /// A key as it now is.
    Key(ApiKey),
    /// A key that is new, or has a new secret.
    NewKey(ApiKey, Digest),
    /// The end of a key.
    NoKey(Uuid),
    /// A new session, with the SHA-256 of its token.
    Session(Session, Digest),
    /// The end of a session.
    NoSession(Uuid),
    /// The new password of a user.
    Password(Uuid, PasswordHash),
    /// Leave to choose a new password, with the SHA-256 of its token.
    Reset(PasswordReset, Digest),
    /// The end of such leave.
    NoReset(Uuid),
    /// The end of all that a user was given.
    NoResets(Uuid),
    /// The end of all that the users of a role were given.
    NoResetsOfRole(Uuid),
}

/// The argon2id PHC string of a password. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// The SHA-256 of a key or token. It prints as stars.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// A change that is to be logged: its name, what it is about, and what is told.
pub type Logged = (&'static str, Uuid, Told);

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<T> {
    /// What it is about, as it now is.
    pub value: T,
    /// What is written, in order; nothing if nothing changes.
    pub writes: Vec<Write>,
    /// What is logged.
    pub logged: Vec<Logged>,
}

impl<T> Decision<T> {
    /// Nothing changes.
    fn unchanged(value: T) -> Self {
        Decision {
            value,
            writes: Vec::new(),
            logged: Vec::new(),
        }
    }

    fn of(value: T, write: Write, logged: Logged) -> Self {
        Decision {
            value,
            writes: vec![write],
            logged: vec![logged],
        }
    }

    /// The same decision, about something else.
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Decision<U> {
        Decision {
            value: change(self.value),
            writes: self.writes,
            logged: self.logged,
        }
    }
}

/// Why something was not decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The actor lacks a right.
    #[error(transparent)]
    Missing(#[from] MissingRight),
    /// The actor holds the right, but not for this.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The request is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What somebody may not do although they hold the right for things of the kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// To grant or assign what they do not hold themselves.
    #[error("nobody can grant rights that they do not hold; you lack {0}")]
    Grants(Permissions),
    /// To change or take away a role that allows more than they hold.
    #[error("the role `{0}` allows more than you may do; you lack {1}")]
    HigherRole(String, Permissions),
    /// To edit the role that they have.
    #[error("nobody can edit the role that they have themselves")]
    OwnRole,
    /// To change or delete a system role.
    #[error("`{0}` is a system role; it can be neither edited nor deleted")]
    SystemRole(String),
    /// To change somebody who may do more than they, or the keys of such a person.
    #[error("this user may do more than you; you lack {0}")]
    HigherUser(Permissions),
    /// To get hold of a key that reaches further than the one they use.
    #[error("a key cannot give more than the key that asks for it has{}", reach(.0))]
    WiderKey(Limit),
    /// To be shown the secret of somebody else's key, which would last if that person were to get further.
    #[error("the new secret of a key is shown to its owner only; revoke the key instead")]
    OthersKey,
    /// To handle sessions and passwords with a key that does not reach as far as they do.
    #[error(
        "sessions and passwords reach as far as their owner; a key that has scopes or expires cannot handle them"
    )]
    LimitedKey,
    /// To get around one's own password.
    #[error(
        "your own password is changed by showing the present one; whoever forgot it asks for a link, or somebody else"
    )]
    OwnPassword,
    /// To sign up where nobody is admitted.
    #[error("nobody can sign up at this server")]
    SignUpClosed,
    /// To sign up without an invitation.
    #[error(
        "at this server only those who were invited can sign up; show the token of the invitation"
    )]
    InvitationOnly,
}

/// How far a key may reach that is made with one of a limit, as the rest of a sentence.
fn reach(limit: &Limit) -> String {
    let mut text = String::new();
    if limit.is_narrow() {
        text = format!("; its scopes have to be among {}", limit.rights);
    }
    if let Some(until) = limit.until {
        text.push_str(&format!("; it has to expire by {until}"));
    }
    text
}

impl Workspace {
    /// What an actor holds at this moment: their credential may have been read before their role changed.
    pub fn rights_of(&self, actor: &Actor) -> Permissions {
        let user = self.users.iter().find(|user| user.id == actor.user);
        let role = user
            .filter(|user| user.status == UserStatus::Active)
            .and_then(|user| self.role(user.role));
        let role = role.map_or(Permissions::default(), |role| role.permissions);
        if actor.limit.is_narrow() {
            role.within(actor.limit.rights)
        } else {
            role
        }
    }

    /// Checks a right as it is at this moment.
    fn require(
        &self,
        actor: &Actor,
        resource: Resource,
        action: Action,
    ) -> Result<Permissions, MissingRight> {
        let held = self.rights_of(actor);
        let present = Actor {
            permissions: held,
            ..actor.clone()
        };
        present.require(resource, action)?;
        Ok(held)
    }

    fn role(&self, id: Uuid) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    fn members(&self, role: Uuid) -> Members {
        self.members.get(&role).copied().unwrap_or_default()
    }

    /// What somebody's role allows, whatever their status.
    fn rights_of_user(&self, user: &User) -> Permissions {
        self.role(user.role)
            .map_or(Permissions::default(), |role| role.permissions)
    }

    /// The role that a request wants to assign: it exists, and the actor holds all that it allows.
    fn assignable(&self, id: Uuid, held: Permissions) -> Result<&Role, Rejection> {
        let role = self.role(id).ok_or_else(|| {
            let message = format!("there is no role with the id {id}");
            Refusal::NotFound(vec![Violation::new("/roleId", NOT_FOUND, message)])
        })?;
        granted(role.permissions, held)?;
        Ok(role)
    }
}

/// Whether somebody who holds `held` may give `rights` to somebody.
///
/// # Errors
/// What they lack.
pub fn granted(rights: Permissions, held: Permissions) -> Result<(), Denial> {
    if held.covers(rights) {
        Ok(())
    } else {
        Err(Denial::Grants(rights.beyond(held)))
    }
}

/// That there is nothing with an id, as for everything that does not exist for the caller.
pub fn no_such(what: &str, id: Uuid) -> Refusal {
    let message = format!("there is no {what} with the id {id}");
    Refusal::NotFound(vec![Violation::new("", NOT_FOUND, message)])
}

fn conflict(pointer: &str, code: &'static str, message: impl Into<String>) -> Rejection {
    Refusal::Conflict(Violation::new(pointer, code, message)).into()
}
