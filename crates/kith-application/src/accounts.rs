//! Who is calling, and what whoever runs the server does: the making of companies and of keys.

mod trust;
mod usage;

use std::fmt;
use std::sync::Arc;

use kith_domain::actor::{Actor, Permissions};
use kith_domain::event::workspace::Told;
use kith_domain::locale::Currency;
use kith_domain::people::{
    ApiKey as StoredKey, Company, Decision, KeyMaterial, PasswordHash, Rejection, Role, User,
    UserStatus, Workspace,
};
use kith_domain::ports::RepositoryError;
use kith_domain::ports::directory::{Contribution, Directory, KeyUse, NewCompany, Wanted};
use kith_domain::violation::{Refusal, Violation};
use uuid::Uuid;

use crate::credentials::{ApiKey, CredentialError, key_digest};
use crate::error::Error;
use crate::sources::Sources;
use trust::Trust;
use usage::Usage;

/// What a caller has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An API key.
    Key(Uuid),
    /// The token of a session.
    Session(Uuid),
}

/// Somebody who may act, and what they have shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub actor: Arc<Actor>,
    /// How that is known.
    pub credential: Credential,
}

/// The answer to a key or to the token of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody: what was shown is unknown, revoked or expired.
    Unknown,
    /// Somebody who may not act: inactive, or not yet admitted.
    Inactive,
    /// Somebody who may act.
    Active(Identity),
}

/// Tells who is calling, and changes companies.
pub struct Accounts {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) sources: Sources,
    trust: Trust,
    sessions: Trust,
    usage: Usage,
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
    /// They have too many keys.
    #[error(transparent)]
    Refused(#[from] Error),
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
    /// The hash of their password, if they have one.
    pub password_hash: Option<PasswordHash>,
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
    pub fn new(directory: Arc<dyn Directory>, sources: Sources) -> Self {
        Accounts {
            directory,
            sources,
            trust: Trust::default(),
            sessions: Trust::default(),
            usage: Usage::default(),
        }
    }

    /// Who is behind an API key. Answers are remembered for two seconds, unless something changes in this process.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn authenticate(&self, key: &str) -> Result<Caller, RepositoryError> {
        let digest = key_digest(key);
        let now = self.sources.clock.now();
        if let Some(caller) = self.trust.recall(&digest, now) {
            return Ok(caller);
        }
        let generation = self.trust.generation();
        let Some(holder) = self.directory.holder_of_key(&digest, now).await? else {
            return Ok(Caller::Unknown);
        };
        let caller = if holder.is_active {
            self.usage.note(KeyUse {
                company: holder.actor.company,
                key: holder.key,
                at: now,
            });
            Caller::Active(Identity {
                actor: Arc::new(holder.actor),
                credential: Credential::Key(holder.key),
            })
        } else {
            Caller::Inactive
        };
        self.trust.remember(generation, digest, now, &caller);
        Ok(caller)
    }

    /// Who is behind the token of a session, and whether it has just been extended, so that the browser has to be told.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn authenticate_session(
        &self,
        token: &str,
    ) -> Result<(Caller, bool), RepositoryError> {
        let digest = key_digest(token);
        let now = self.sources.clock.now();
        if let Some(caller) = self.sessions.recall(&digest, now) {
            return Ok((caller, false));
        }
        let generation = self.sessions.generation();
        let Some(holder) = self.directory.holder_of_session(&digest, now).await? else {
            return Ok((Caller::Unknown, false));
        };
        let (company, session) = (holder.actor.company, holder.session);
        let mut is_extended = false;
        let caller = if holder.is_active {
            if let Some(used) = session.used(now) {
                self.directory.session_used(company, &used).await?;
                is_extended = true;
            }
            Caller::Active(Identity {
                actor: Arc::new(holder.actor),
                credential: Credential::Session(session.id),
            })
        } else {
            Caller::Inactive
        };
        self.sessions.remember(generation, digest, now, &caller);
        Ok((caller, is_extended))
    }

    /// Writes down when keys were last used. To be called now and then, at most once a minute.
    ///
    /// # Errors
    /// When the storage does not do its part; what was to be written is lost then.
    pub async fn write_down_uses(&self) -> Result<(), RepositoryError> {
        let uses = self.usage.take();
        if uses.is_empty() {
            return Ok(());
        }
        self.directory.keys_used(&uses).await
    }

    /// A key as it is stored, with its last use as far as this process knows of a later one.
    pub(crate) fn with_use(&self, key: StoredKey) -> StoredKey {
        let known = self.usage.last(key.id);
        StoredKey {
            last_used_at: key.last_used_at.max(known),
            ..key
        }
    }

    /// Decides on what is there of a company, and writes it with its events, in the name of a user. What is known of
    /// callers is forgotten, so that they are looked up anew from then on.
    pub(crate) async fn decide<T: Send>(
        &self,
        company: Uuid,
        user: Uuid,
        wanted: &Wanted,
        mut decide: impl FnMut(&Workspace) -> Result<Decision<T>, Rejection> + Send,
    ) -> Result<T, Error> {
        let mut outcome = None;
        let mut contribute = |workspace: &Workspace| {
            let mut contribution = Contribution::default();
            outcome = Some(decide(workspace).map(|decision| {
                let logged = decision.logged.into_iter();
                let events = logged.map(|(name, subject, told): (_, _, Told)| {
                    self.sources.log_for(company, user, name, subject, told)
                });
                contribution = (decision.writes, events.collect());
                decision.value
            }));
            contribution
        };
        let changed = self
            .directory
            .change(company, wanted, &mut contribute)
            .await;
        self.trust.forget();
        self.sessions.forget();
        if !changed? {
            return Err(email_taken("").into());
        }
        match outcome {
            Some(outcome) => Ok(outcome?),
            None => {
                let reason = "the change was not decided".to_owned();
                Err(RepositoryError::Failed(reason).into())
            }
        }
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
        let email = administrator.email.clone();
        let mut company = self.company(name, administrator, members);
        let api_key = ApiKey::generate()?;
        let KeyMaterial { digest, prefix } = api_key.material();
        let user = company.users[0].0.id;
        let (id, now) = (self.sources.ids.new_id(), self.sources.clock.now());
        let name_of_key = "Initial key".to_owned();
        let first = StoredKey::unlimited(id, user, name_of_key, prefix, now);
        company.key = Some((first, digest));
        if !self.directory.create_company(&company).await? {
            return Err(AccountError::EmailTaken(email));
        }
        Ok(FoundedCompany {
            company: company.company.id,
            user,
            api_key,
        })
    }

    /// A company to be made, without a key.
    pub(crate) fn company(
        &self,
        name: &str,
        administrator: Person,
        members: Vec<Person>,
    ) -> NewCompany {
        let now = self.sources.clock.now();
        let administrators = self.role("Administrator", true, Permissions::all());
        let member = self.role("Member", false, Permissions::member());
        let mut users = vec![self.user(administrator, administrators.id)];
        users.extend(
            members
                .into_iter()
                .map(|person| self.user(person, member.id)),
        );
        NewCompany {
            company: Company {
                id: self.sources.ids.new_id(),
                name: name.to_owned(),
                currency: Currency::default().code().to_owned(),
                created_at: now,
                updated_at: now,
                ..Company::default()
            },
            roles: vec![administrators, member],
            users,
            key: None,
            events: Vec::new(),
        }
    }

    /// Makes a key for the user with an e-mail address.
    ///
    /// # Errors
    /// When there is no such user, they have too many keys, or the storage does not do its part.
    pub async fn create_key(&self, email: &str, name: &str) -> Result<ApiKey, AccountError> {
        let found = self.directory.user_by_email(email).await?;
        let (company, user) = found.ok_or_else(|| AccountError::NoSuchUser(email.to_owned()))?;
        self.store_key(company, user, name).await
    }

    /// The log names no user: whoever runs the server made the key.
    async fn store_key(
        &self,
        company: Uuid,
        user: Uuid,
        name: &str,
    ) -> Result<ApiKey, AccountError> {
        let key = ApiKey::generate()?;
        let (id, now) = (self.sources.ids.new_id(), self.sources.clock.now());
        let wanted = Wanted {
            keys: true,
            ..Wanted::default()
        };
        self.decide(company, Uuid::nil(), &wanted, |workspace| {
            workspace.create_key_for(user, name.to_owned(), key.material(), id, now)
        })
        .await?;
        Ok(key)
    }

    fn role(&self, name: &str, is_system: bool, permissions: Permissions) -> Role {
        let now = self.sources.clock.now();
        Role {
            id: self.sources.ids.new_id(),
            name: name.to_owned(),
            description: None,
            is_system,
            permissions,
            created_at: now,
            updated_at: now,
        }
    }

    fn user(&self, person: Person, role: Uuid) -> (User, Option<PasswordHash>) {
        let now = self.sources.clock.now();
        let user = User {
            id: self.sources.ids.new_id(),
            email: person.email,
            first_name: person.first_name,
            last_name: person.last_name,
            country: None,
            avatar_url: None,
            status: UserStatus::Active,
            role,
            created_at: now,
            updated_at: now,
        };
        (user, person.password_hash)
    }
}

/// That an address belongs to a user of whatever company.
pub(crate) fn email_taken(pointer: &str) -> Refusal {
    let message = "the e-mail address belongs to somebody who has an account already";
    Refusal::Conflict(Violation::new(pointer, "email_taken", message))
}
