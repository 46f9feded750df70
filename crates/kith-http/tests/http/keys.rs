//! A company in memory that stays as it is: changes are decided upon and not kept.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use async_trait::async_trait;
use kith_application::credentials::{hash_password, key_digest};
use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::people::{
    Account, ApiKey, Company, Digest, EXTEND_AFTER, Invitation, Members, PasswordHash,
    PasswordReset, Role, Session, User, UserStatus, Visitor, Workspace,
};
use kith_domain::ports::directory::{
    Credentials, Decide, Directory, KeyHolder, KeyUse, NewCompany, SessionHolder, Wanted,
};
use kith_domain::ports::{Health, RepositoryError};
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::world::{COMPANY, KEY, USER};

const ROLE: Uuid = Uuid::from_u128(0xA0);
const SESSION: Uuid = Uuid::from_u128(0x5E);

/// The administrator's password.
pub(crate) const PASSWORD: &str = "correct horse battery";

fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash_password(PASSWORD).unwrap())
}

/// Three keys: an administrator's, one without rights, one of an inactive user.
pub(crate) struct Keys;

#[async_trait]
impl Health for Keys {
    async fn check(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}

fn user(id: Uuid, first: &str, last: &str) -> User {
    User {
        id,
        email: format!("{first}@example.com").to_lowercase(),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        country: None,
        avatar_url: None,
        status: UserStatus::Active,
        role: ROLE,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

fn workspace() -> Workspace {
    let members = Members { all: 2, active: 2 };
    Workspace {
        company: Company {
            id: COMPANY,
            name: "Analytical Engines".to_owned(),
            currency: "EUR".to_owned(),
            ..Company::default()
        },
        roles: vec![Role {
            id: ROLE,
            name: "Administrator".to_owned(),
            description: None,
            is_system: true,
            permissions: Permissions::all(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }],
        members: BTreeMap::from([(ROLE, members)]),
        users: vec![
            user(USER, "Ada", "Byron"),
            user(Uuid::from_u128(0xA1), "Zoë", "Lindqvist"),
        ],
        account: Some(Account {
            user: USER,
            password: Some(PasswordHash(password_hash().to_owned())),
            ..Account::default()
        }),
        ..Workspace::default()
    }
}

#[async_trait]
impl Directory for Keys {
    async fn holder_of_key(
        &self,
        digest: &Digest,
        _: Timestamp,
    ) -> Result<Option<KeyHolder>, RepositoryError> {
        let holder = |permissions, is_active| KeyHolder {
            key: Uuid::from_u128(0xB0),
            actor: Actor {
                company: COMPANY,
                user: USER,
                permissions,
                limit: Limit::none(),
            },
            is_active,
        };
        let known = [
            (KEY, holder(Permissions::all(), true)),
            ("powerless-key", holder(Permissions::default(), true)),
            ("inactive-key", holder(Permissions::all(), false)),
        ];
        let mut found = known
            .into_iter()
            .filter(|(key, _)| key_digest(key) == *digest);
        Ok(found.next().map(|(_, holder)| holder))
    }

    async fn holder_of_session(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<SessionHolder>, RepositoryError> {
        let holder = |opened, is_active| SessionHolder {
            session: Session::open(SESSION, USER, Visitor::default(), opened),
            actor: Actor {
                company: COMPANY,
                user: USER,
                permissions: Permissions::all(),
                limit: Limit::none(),
            },
            is_active,
        };
        let long_ago = Timestamp(now.0 - EXTEND_AFTER);
        let known = [
            ("session", holder(now, true)),
            ("session-from-an-hour-ago", holder(long_ago, true)),
            ("inactive-session", holder(long_ago, false)),
        ];
        let mut found = known
            .into_iter()
            .filter(|(token, _)| key_digest(token) == *digest);
        Ok(found.next().map(|(_, holder)| holder))
    }

    async fn session_used(&self, _: Uuid, _: &Session) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn sessions(&self, _: Uuid, _: Uuid) -> Result<Vec<Session>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, RepositoryError> {
        Ok((email == "ada@example.com").then(|| Credentials {
            company: COMPANY,
            user: USER,
            password: Some(PasswordHash(password_hash().to_owned())),
        }))
    }

    async fn reset_of_token(
        &self,
        _: &Digest,
    ) -> Result<Option<(Uuid, PasswordReset)>, RepositoryError> {
        Ok(None)
    }

    async fn create_company(&self, _: &NewCompany) -> Result<bool, RepositoryError> {
        Ok(false)
    }

    async fn user_by_email(&self, _: &str) -> Result<Option<(Uuid, Uuid)>, RepositoryError> {
        Ok(None)
    }

    async fn company(&self, _: Uuid) -> Result<Option<Company>, RepositoryError> {
        Ok(Some(workspace().company))
    }

    async fn users(&self, _: Uuid) -> Result<Vec<User>, RepositoryError> {
        Ok(workspace().users)
    }

    async fn user(&self, _: Uuid, id: Uuid) -> Result<Option<User>, RepositoryError> {
        Ok(workspace().users.into_iter().find(|user| user.id == id))
    }

    async fn roles(&self, _: Uuid) -> Result<Vec<Role>, RepositoryError> {
        Ok(workspace().roles)
    }

    async fn invitations(&self, _: Uuid) -> Result<Vec<Invitation>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn invitation_of_token(
        &self,
        _: &Digest,
    ) -> Result<Option<(Uuid, Invitation)>, RepositoryError> {
        Ok(None)
    }

    async fn keys(&self, _: Uuid) -> Result<Vec<ApiKey>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn keys_used(&self, _: &[KeyUse]) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn change(
        &self,
        _: Uuid,
        _: &Wanted,
        decide: &mut Decide<'_>,
    ) -> Result<bool, RepositoryError> {
        decide(&workspace());
        Ok(true)
    }

    async fn is_empty(&self) -> Result<bool, RepositoryError> {
        Ok(true)
    }
}
