//! The port to companies, their people, roles, invitations, keys and sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::RepositoryError;
use crate::actor::Actor;
use crate::event::EncodedEvent;
use crate::people::{
    ApiKey, Company, Digest, Invitation, PasswordHash, PasswordReset, Role, Session, User,
    Workspace, Write,
};
use crate::time::Timestamp;

/// A tenant to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCompany {
    /// The company.
    pub company: Company,
    /// The roles it starts with.
    pub roles: Vec<Role>,
    /// The people it starts with, and their passwords, if they have one.
    pub users: Vec<(User, Option<PasswordHash>)>,
    /// The first key of its administrator.
    pub key: Option<(ApiKey, Digest)>,
    /// What its log begins with.
    pub events: Vec<EncodedEvent>,
}

/// What is known of the caller behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key: Uuid,
    /// The owner with their present rights, within the scopes of the key.
    pub actor: Actor,
    /// Whether the owner is active.
    pub is_active: bool,
}

/// What is known of the caller behind a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHolder {
    /// The session.
    pub session: Session,
    /// Its user with their present rights.
    pub actor: Actor,
    /// Whether they are active.
    pub is_active: bool,
}

/// The password of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The tenant.
    pub company: Uuid,
    /// The user.
    pub user: Uuid,
    /// Their password, if they have one.
    pub password: Option<PasswordHash>,
}

/// What a decision needs to see besides the company and its roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// These users.
    pub users: Vec<Uuid>,
    /// The user with this e-mail address, in any case.
    pub email: Option<String>,
    /// All invitations.
    pub invitations: bool,
    /// All keys.
    pub keys: bool,
    /// The owner of this key.
    pub owner_of: Option<Uuid>,
    /// What this user signs in with, and the user.
    pub account: Option<Uuid>,
}

/// What happens in a change: what is written, and the events that tell of it. Nothing, if nothing is to change.
pub type Contribution = (Vec<Write>, Vec<EncodedEvent>);

/// Decides on what is there. It may be called again if the transaction fails, and then starts afresh.
pub type Decide<'a> = dyn FnMut(&Workspace) -> Contribution + Send + 'a;

/// When a key was last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The tenant.
    pub company: Uuid,
    /// The key.
    pub key: Uuid,
    /// When.
    pub at: Timestamp,
}

/// Keeps companies, their people, roles, invitations, keys and sessions.
///
/// A query starts with the tenant, except where a credential or an address says which tenant it is. Absence is `None`
/// or empty, never an error.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The owner of the key with this digest, unless it is unknown, revoked, or expired at `now`.
    async fn holder_of_key(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<KeyHolder>, RepositoryError>;

    /// The user of the session with this digest, unless it is unknown, ended, or expired at `now`.
    async fn holder_of_session(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<SessionHolder>, RepositoryError>;

    /// Notes the last use of a session, and until when it lasts now. One that is gone is passed over.
    async fn session_used(&self, company: Uuid, session: &Session) -> Result<(), RepositoryError>;

    /// The sessions of a user, oldest first, those that have expired among them.
    async fn sessions(&self, company: Uuid, user: Uuid) -> Result<Vec<Session>, RepositoryError>;

    /// The password of the user with this e-mail address, in any case.
    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, RepositoryError>;

    /// The leave to choose a new password with the token of this digest, and its company.
    async fn reset_of_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Uuid, PasswordReset)>, RepositoryError>;

    /// Stores a company with its roles and people. `false`, and nothing stored, if an e-mail address is taken.
    async fn create_company(&self, company: &NewCompany) -> Result<bool, RepositoryError>;

    /// The company and id of the user with this e-mail address, in any case.
    async fn user_by_email(&self, email: &str) -> Result<Option<(Uuid, Uuid)>, RepositoryError>;

    /// A company.
    async fn company(&self, company: Uuid) -> Result<Option<Company>, RepositoryError>;

    /// Everybody of a company, by last name, first name and id.
    async fn users(&self, company: Uuid) -> Result<Vec<User>, RepositoryError>;

    /// One user.
    async fn user(&self, company: Uuid, id: Uuid) -> Result<Option<User>, RepositoryError>;

    /// The roles of a company, oldest first.
    async fn roles(&self, company: Uuid) -> Result<Vec<Role>, RepositoryError>;

    /// The invitations of a company that have been neither accepted nor revoked, oldest first.
    async fn invitations(&self, company: Uuid) -> Result<Vec<Invitation>, RepositoryError>;

    /// The invitation with the token of this digest, and its company.
    async fn invitation_of_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Uuid, Invitation)>, RepositoryError>;

    /// The keys of a company, oldest first.
    async fn keys(&self, company: Uuid) -> Result<Vec<ApiKey>, RepositoryError>;

    /// Notes when keys were last used. Keys that are gone are passed over.
    async fn keys_used(&self, uses: &[KeyUse]) -> Result<(), RepositoryError>;

    /// Changes a company in one transaction: while nobody else changes it, what is there is read, decided upon,
    /// written and logged. `false`, and nothing stored, if an e-mail address is taken by a user of whatever company.
    async fn change(
        &self,
        company: Uuid,
        wanted: &Wanted,
        decide: &mut Decide<'_>,
    ) -> Result<bool, RepositoryError>;

    /// Whether there is no company yet.
    async fn is_empty(&self) -> Result<bool, RepositoryError>;
}
