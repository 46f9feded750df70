//! Who is calling, and the making of companies, people and keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use kith_domain::actor::{Action, Actor, Permissions, Resource};
use kith_domain::ports::directory::{
    Directory, KeyHolder, NewApiKey, NewCompany, NewRole, NewUser, User,
};
use kith_domain::ports::{Clock, Ids, RepositoryError};
use kith_domain::text;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::credentials::{ApiKey, CredentialError, key_digest};
use crate::error::Error;

/// How long a key is trusted without asking the directory again, in milliseconds.
const TRUST_MS: i64 = 2_000;

/// Most keys that are remembered.
const REMEMBERED: usize = 10_000;

/// The answer to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody: the key is unknown, revoked or expired.
    Unknown,
    /// Somebody who may not act: inactive, or not yet admitted.
    Inactive,
    /// Somebody who may act.
    Active(Arc<Actor>),
}

/// The use cases about people and keys.
pub struct Accounts {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    remembered: RwLock<HashMap<[u8; 32], (Timestamp, Caller)>>,
}

/// A company that has just been made.
pub struct FoundedCompany {
    /// The tenant.
    pub company: Uuid,
    /// Its administrator.
    pub user: Uuid,
    /// The administrator's key.
    pub api_key: ApiKey,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The e-mail address belongs to somebody already.
    #[error("the e-mail address {0} is already taken")]
    EmailTaken(String),
    /// Nobody has this e-mail address.
    #[error("there is no user with the e-mail address {0}")]
    NoSuchUser(String),
    /// No randomness.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The storage did not do its part.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// A person of a new company.
pub struct Person {
    /// Their address.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Argon2id PHC string of their password, if they have one.
    pub password_hash: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// The use cases over a directory.
    pub fn new(directory: Arc<dyn Directory>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Accounts {
            directory,
            clock,
            ids,
            remembered: RwLock::default(),
        }
    }

    /// Who is behind an API key. Answers are remembered for two seconds.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn authenticate(&self, key: &str) -> Result<Caller, RepositoryError> {
        let digest = key_digest(key);
        let now = self.clock.now();
        if let Some(caller) = self.remembered(&digest, now) {
            return Ok(caller);
        }
        let caller = match self.directory.holder_of_key(&digest, now).await? {
            None => return Ok(Caller::Unknown),
            Some(KeyHolder {
                is_active: false, ..
            }) => Caller::Inactive,
            Some(KeyHolder {
                actor,
                is_active: true,
            }) => Caller::Active(Arc::new(actor)),
        };
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(digest, (now, caller.clone()));
        Ok(caller)
    }

    fn remembered(&self, digest: &[u8; 32], now: Timestamp) -> Option<Caller> {
        let remembered = self
            .remembered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = remembered.get(digest)?;
        (0..TRUST_MS)
            .contains(&(now.0 - since.0))
            .then(|| caller.clone())
    }

    /// The caller themselves.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn me(&self, actor: &Actor) -> Result<Option<User>, Error> {
        let users = self.directory.users(actor.company).await?;
        Ok(users.into_iter().find(|user| user.id == actor.user))
    }

    /// The people that the caller may see whose name or address contains every word of `term`, by name: the page
    /// from `skip`, at most `take`, and how many there are in all.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn team(
        &self,
        actor: &Actor,
        term: &str,
        skip: u64,
        take: u32,
    ) -> Result<(Vec<User>, u64), Error> {
        let sees_all = actor.permissions.contains(Resource::Users, Action::ReadAll);
        if !sees_all {
            actor.require(Resource::Users, Action::ReadOwn)?;
        }
        let words: Vec<String> = term.split_whitespace().map(text::fold).collect();
        let mut users = self.directory.users(actor.company).await?;
        users.retain(|user| {
            let names = [&user.first_name, &user.last_name, &user.email];
            let names = names.map(|name| text::fold(name));
            (sees_all || user.id == actor.user)
                && words
                    .iter()
                    .all(|word| names.iter().any(|name| name.contains(word)))
        });
        let total = u64::try_from(users.len()).unwrap_or(u64::MAX);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let take = usize::try_from(take).unwrap_or(usize::MAX);
        Ok((users.into_iter().skip(skip).take(take).collect(), total))
    }

    /// Whether there is no company yet.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn is_empty(&self) -> Result<bool, RepositoryError> {
        self.directory.is_empty().await
    }

    /// Makes a company with the two roles of the contract, its administrator (the first person), members (the
    /// others), and a key for the administrator.
    ///
    /// # Errors
    /// When an address is taken, or the storage does not do its part.
    pub async fn found_company(
        &self,
        name: &str,
        administrator: Person,
        members: Vec<Person>,
    ) -> Result<FoundedCompany, AccountError> {
        let now = self.clock.now();
        let administrators = self.role("Administrator", true, Permissions::all());
        let member = self.role("Member", false, Permissions::member());
        let email = administrator.email.clone();
        let mut users = vec![self.user(administrator, administrators.id)];
        users.extend(
            members
                .into_iter()
                .map(|person| self.user(person, member.id)),
        );
        let company = NewCompany {
            id: self.ids.new_id(),
            name: name.to_owned(),
            currency: "EUR".to_owned(),
            country: None,
            roles: vec![administrators, member],
            users,
            created_at: now,
        };
        if !self.directory.create_company(&company).await? {
            return Err(AccountError::EmailTaken(email));
        }
        let user = company.users[0].id;
        let api_key = self.store_key(company.id, user, "Initial key").await?;
        Ok(FoundedCompany {
            company: company.id,
            user,
            api_key,
        })
    }

    /// Makes a key for the user with an e-mail address.
    ///
    /// # Errors
    /// When there is no such user, or the storage does not do its part.
    pub async fn create_key(&self, email: &str, name: &str) -> Result<ApiKey, AccountError> {
        let found = self.directory.user_by_email(email).await?;
        let (company, user) = found.ok_or_else(|| AccountError::NoSuchUser(email.to_owned()))?;
        self.store_key(company, user, name).await
    }

    async fn store_key(
        &self,
        company: Uuid,
        user: Uuid,
        name: &str,
    ) -> Result<ApiKey, AccountError> {
        let key = ApiKey::generate()?;
        let stored = NewApiKey {
            id: self.ids.new_id(),
            company,
            user,
            name: name.to_owned(),
            digest: key.digest(),
            prefix: key.prefix().to_owned(),
            created_at: self.clock.now(),
        };
        self.directory.create_api_key(&stored).await?;
        Ok(key)
    }

    fn role(&self, name: &str, is_system: bool, permissions: Permissions) -> NewRole {
        NewRole {
            id: self.ids.new_id(),
            name: name.to_owned(),
            is_system,
            permissions,
        }
    }

    fn user(&self, person: Person, role: Uuid) -> NewUser {
        NewUser {
            id: self.ids.new_id(),
            email: person.email,
            first_name: person.first_name,
            last_name: person.last_name,
            role,
            password_hash: person.password_hash,
        }
    }
}
