//! The port to companies, their people and their keys.

use async_trait::async_trait;
use uuid::Uuid;

use super::RepositoryError;
use crate::actor::{Actor, Permissions};
use crate::time::Timestamp;

/// A role to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Its id.
    pub id: Uuid,
    /// Unique in the company.
    pub name: String,
    /// Whether it can be neither edited nor deleted.
    pub is_system: bool,
    /// What it allows.
    pub permissions: Permissions,
}

/// A user to be stored, active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Their id.
    pub id: Uuid,
    /// Unique across the server, compared case-insensitively.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Their role.
    pub role: Uuid,
    /// The password as an argon2id PHC string, if they have one.
    pub password_hash: Option<String>,
}

/// A tenant to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCompany {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// ISO 3166-1 alpha-2, if known.
    pub country: Option<String>,
    /// The roles it starts with.
    pub roles: Vec<NewRole>,
    /// The people it starts with.
    pub users: Vec<NewUser>,
    /// When.
    pub created_at: Timestamp,
}

/// An API key to be stored; of the key itself only the digest and the beginning are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub company: Uuid,
    /// The owner, as whom it acts.
    pub user: Uuid,
    /// For people.
    pub name: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// The first six characters, for display.
    pub prefix: String,
    /// When.
    pub created_at: Timestamp,
}

/// What is known of the caller behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The owner with their present rights.
    pub actor: Actor,
    /// Whether the owner is active.
    pub is_active: bool,
}

/// A user as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: Uuid,
    /// Unique across the server, compared case-insensitively.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// ISO 3166-1 alpha-2, if known.
    pub country: Option<String>,
    /// A picture, if there is one.
    pub avatar_url: Option<String>,
    /// `active`, `inactive` or `pendingAuthorization`.
    pub status: String,
    /// Their role.
    pub role: Uuid,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they last changed.
    pub updated_at: Timestamp,
}

/// Keeps companies, their people and their keys.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The owner of the key with this digest, unless it is unknown, revoked, or expired at `now`.
    async fn holder_of_key(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<KeyHolder>, RepositoryError>;

    /// Stores a company with its roles and people. `false`, and nothing stored, if an e-mail address is taken.
    async fn create_company(&self, company: &NewCompany) -> Result<bool, RepositoryError>;

    /// The company and id of the user with this e-mail address, in any case.
    async fn user_by_email(&self, email: &str) -> Result<Option<(Uuid, Uuid)>, RepositoryError>;

    /// Everybody of a company, by last name, first name and id.
    async fn users(&self, company: Uuid) -> Result<Vec<User>, RepositoryError>;

    /// Stores a key.
    async fn create_api_key(&self, key: &NewApiKey) -> Result<(), RepositoryError>;

    /// Whether there is no company yet.
    async fn is_empty(&self) -> Result<bool, RepositoryError>;
}
