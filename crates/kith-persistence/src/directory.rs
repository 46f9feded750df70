//! Companies, their people, roles, invitations, keys and sessions.

mod change;
mod read;
mod sessions;
mod write;

use async_trait::async_trait;
use kith_domain::people::{
    ApiKey, Company, Digest, Invitation, PasswordReset, Role, Session, User, Write,
};
use kith_domain::ports::RepositoryError;
use kith_domain::ports::directory::{
    Credentials, Decide, Directory, KeyHolder, KeyUse, NewCompany, SessionHolder, Wanted,
};
use kith_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, SqlErr, Statement, Value};
use uuid::Uuid;

use crate::log;
use crate::store::{Store, unavailable};

fn statement(connection: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

fn bytes(digest: &Digest) -> Value {
    Value::Bytes(Some(digest.0.to_vec()))
}

/// Whether a statement failed because something is there already.
fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

#[async_trait]
impl Directory for Store {
    async fn holder_of_key(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<KeyHolder>, RepositoryError> {
        let holder = read::holder(&self.reads, digest, now).await;
        holder.map_err(unavailable)
    }

    async fn holder_of_session(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<SessionHolder>, RepositoryError> {
        let holder = sessions::holder(&self.reads, digest, now).await;
        holder.map_err(unavailable)
    }

    async fn session_used(&self, company: Uuid, session: &Session) -> Result<(), RepositoryError> {
        let transaction = self.begin_change().await.map_err(unavailable)?;
        let written = sessions::used(transaction, company, session).await;
        written.map_err(unavailable)
    }

    async fn sessions(&self, company: Uuid, user: Uuid) -> Result<Vec<Session>, RepositoryError> {
        let sessions = sessions::of_user(&self.reads, company, user).await;
        sessions.map_err(unavailable)
    }

    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, RepositoryError> {
        let credentials = sessions::credentials(&self.reads, email).await;
        credentials.map_err(unavailable)
    }

    async fn reset_of_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Uuid, PasswordReset)>, RepositoryError> {
        let found = sessions::reset_of(&self.reads, digest).await;
        found.map_err(unavailable)
    }

    async fn create_company(&self, company: &NewCompany) -> Result<bool, RepositoryError> {
        match self.insert_company(company).await {
            Ok(()) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<(Uuid, Uuid)>, RepositoryError> {
        let sql = "SELECT company_id, id FROM account WHERE email_key = $1";
        let values = vec![email.to_lowercase().into()];
        let row = self
            .reads
            .query_one_raw(statement(&self.reads, sql, values))
            .await
            .map_err(unavailable)?;
        let ids = row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
        ids.transpose().map_err(|error: DbErr| unavailable(error))
    }

    async fn company(&self, company: Uuid) -> Result<Option<Company>, RepositoryError> {
        let found = read::company(&self.reads, company).await;
        found.map_err(unavailable)
    }

    async fn users(&self, company: Uuid) -> Result<Vec<User>, RepositoryError> {
        let sql = "ORDER BY last_name, first_name, id";
        let users = read::users(&self.reads, sql, vec![company.into()]).await;
        users.map_err(unavailable)
    }

    async fn user(&self, company: Uuid, id: Uuid) -> Result<Option<User>, RepositoryError> {
        let values = vec![company.into(), id.into()];
        let users = read::users(&self.reads, "AND id = $2", values).await;
        Ok(users.map_err(unavailable)?.pop())
    }

    async fn roles(&self, company: Uuid) -> Result<Vec<Role>, RepositoryError> {
        let roles = read::roles(&self.reads, company).await;
        roles.map_err(unavailable)
    }

    async fn invitations(&self, company: Uuid) -> Result<Vec<Invitation>, RepositoryError> {
        let invitations = read::invitations(&self.reads, company).await;
        invitations.map_err(unavailable)
    }

    async fn invitation_of_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Uuid, Invitation)>, RepositoryError> {
        let found = read::invitation_of(&self.reads, digest).await;
        found.map_err(unavailable)
    }

    async fn keys(&self, company: Uuid) -> Result<Vec<ApiKey>, RepositoryError> {
        let keys = read::keys(&self.reads, company).await;
        keys.map_err(unavailable)
    }

    async fn keys_used(&self, uses: &[KeyUse]) -> Result<(), RepositoryError> {
        let transaction = self.begin_change().await.map_err(unavailable)?;
        let written = write::uses(transaction, uses).await;
        written.map_err(unavailable)
    }

    async fn change(
        &self,
        company: Uuid,
        wanted: &Wanted,
        decide: &mut Decide<'_>,
    ) -> Result<bool, RepositoryError> {
        match self.change_company(company, wanted, decide).await {
            Ok(()) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn is_empty(&self) -> Result<bool, RepositoryError> {
        let sql = "SELECT 1 FROM company LIMIT 1";
        let row = self
            .reads
            .query_one_raw(statement(&self.reads, sql, Vec::new()))
            .await;
        Ok(row.map_err(unavailable)?.is_none())
    }
}

impl Store {
    async fn insert_company(&self, new: &NewCompany) -> Result<(), DbErr> {
        let transaction = self.begin_change().await?;
        let company = new.company.id;
        write::company(&transaction, &new.company).await?;
        for role in &new.roles {
            write::apply(&transaction, company, &Write::Role(role.clone())).await?;
        }
        for (user, password) in &new.users {
            write::user(&transaction, company, user, password.as_ref()).await?;
        }
        if let Some((key, digest)) = &new.key {
            let first = Write::NewKey(key.clone(), *digest);
            write::apply(&transaction, company, &first).await?;
        }
        let logged = log::append(&transaction, company, &new.events).await?;
        transaction.commit().await?;
        self.announce(&logged);
        Ok(())
    }
}
