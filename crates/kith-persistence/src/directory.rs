//! Companies, their people and their keys.

use std::collections::HashSet;

use async_trait::async_trait;
use kith_domain::actor::{Action, Actor, Permissions, Resource};
use kith_domain::ports::RepositoryError;
use kith_domain::ports::directory::{Directory, KeyHolder, NewApiKey, NewCompany, User};
use kith_domain::time::Timestamp;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, QueryResult, SqlErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use uuid::Uuid;

use crate::store::{Store, unavailable};

/// The status of people who may act.
const ACTIVE: &str = "active";

const HOLDER: &str = "SELECT k.company_id, k.user_id, a.status, p.resource, p.action FROM api_key k \
    JOIN account a ON a.company_id = k.company_id AND a.id = k.user_id \
    LEFT JOIN role_permission p ON p.company_id = a.company_id AND p.role_id = a.role_id \
    WHERE k.digest = $1 AND (k.expires_at IS NULL OR k.expires_at > $2)";

const USERS: &str = "SELECT id, email, first_name, last_name, country, avatar_url, status, role_id, \
    created_at, updated_at FROM account WHERE company_id = $1 ORDER BY last_name, first_name, id";

fn read_user(row: &QueryResult) -> Result<User, DbErr> {
    Ok(User {
        id: row.try_get_by_index(0)?,
        email: row.try_get_by_index(1)?,
        first_name: row.try_get_by_index(2)?,
        last_name: row.try_get_by_index(3)?,
        country: row.try_get_by_index(4)?,
        avatar_url: row.try_get_by_index(5)?,
        status: row.try_get_by_index(6)?,
        role: row.try_get_by_index(7)?,
        created_at: Timestamp(row.try_get_by_index(8)?),
        updated_at: Timestamp(row.try_get_by_index(9)?),
    })
}

fn statement(connection: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

fn text(value: &Option<String>) -> Value {
    Value::String(value.clone())
}

/// A transaction that may write; on SQLite it takes the write lock at once, so that it cannot fail half-way.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    connection.begin_with_options(options).await
}

#[async_trait]
impl Directory for Store {
    async fn holder_of_key(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<KeyHolder>, RepositoryError> {
        let values = vec![Value::Bytes(Some(digest.to_vec())), now.0.into()];
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, HOLDER, values))
            .await
            .map_err(unavailable)?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let company: Uuid = first.try_get_by_index(0).map_err(unavailable)?;
        let user: Uuid = first.try_get_by_index(1).map_err(unavailable)?;
        let status: String = first.try_get_by_index(2).map_err(unavailable)?;
        let mut rights = HashSet::new();
        for row in &rows {
            let resource: Option<String> = row.try_get_by_index(3).map_err(unavailable)?;
            let action: Option<String> = row.try_get_by_index(4).map_err(unavailable)?;
            let right = resource
                .as_deref()
                .and_then(Resource::by_name)
                .zip(action.as_deref().and_then(Action::by_name));
            rights.extend(right);
        }
        let permissions: Permissions = rights.into_iter().collect();
        Ok(Some(KeyHolder {
            actor: Actor {
                company,
                user,
                permissions,
            },
            is_active: status == ACTIVE,
        }))
    }

    async fn create_company(&self, company: &NewCompany) -> Result<bool, RepositoryError> {
        match insert_company(&self.admin, company).await {
            Ok(()) => Ok(true),
            Err(error) => match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => Ok(false),
                _ => Err(unavailable(error)),
            },
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

    async fn users(&self, company: Uuid) -> Result<Vec<User>, RepositoryError> {
        let values = vec![company.into()];
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, USERS, values))
            .await
            .map_err(unavailable)?;
        let users = rows.iter().map(read_user).collect::<Result<_, DbErr>>();
        users.map_err(unavailable)
    }

    async fn create_api_key(&self, key: &NewApiKey) -> Result<(), RepositoryError> {
        let sql = "INSERT INTO api_key (company_id, id, user_id, name, digest, prefix, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = vec![
            key.company.into(),
            key.id.into(),
            key.user.into(),
            key.name.clone().into(),
            Value::Bytes(Some(key.digest.to_vec())),
            key.prefix.clone().into(),
            key.created_at.0.into(),
        ];
        let transaction = begin(&self.admin).await.map_err(unavailable)?;
        transaction
            .execute_raw(statement(&transaction, sql, values))
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
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

async fn insert_company(
    connection: &DatabaseConnection,
    company: &NewCompany,
) -> Result<(), DbErr> {
    let now: Value = company.created_at.0.into();
    let id: Value = company.id.into();
    let transaction = begin(connection).await?;
    let mut inserts = vec![
        (
            "INSERT INTO company (id, name, country, currency, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                id.clone(),
                company.name.clone().into(),
                text(&company.country),
                company.currency.clone().into(),
                now.clone(),
                now.clone(),
            ],
        ),
        (
            "INSERT INTO company_position (company_id, seq) VALUES ($1, $2)",
            vec![id.clone(), 0_i64.into()],
        ),
    ];
    for role in &company.roles {
        inserts.push((
            "INSERT INTO role (company_id, id, name, is_system, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                id.clone(),
                role.id.into(),
                role.name.clone().into(),
                i64::from(role.is_system).into(),
                now.clone(),
                now.clone(),
            ],
        ));
        inserts.extend(role.permissions.iter().map(|(resource, action)| {
            (
                "INSERT INTO role_permission (company_id, role_id, resource, action) VALUES ($1, $2, $3, $4)",
                vec![id.clone(), role.id.into(), resource.name().into(), action.name().into()],
            )
        }));
    }
    inserts.extend(company.users.iter().map(|user| {
        (
            "INSERT INTO account (company_id, id, email, email_key, first_name, last_name, status, role_id, \
             password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            vec![
                id.clone(),
                user.id.into(),
                user.email.clone().into(),
                user.email.to_lowercase().into(),
                user.first_name.clone().into(),
                user.last_name.clone().into(),
                ACTIVE.into(),
                user.role.into(),
                text(&user.password_hash),
                now.clone(),
                now.clone(),
            ],
        )
    }));
    for (sql, values) in inserts {
        transaction
            .execute_raw(statement(&transaction, sql, values))
            .await?;
    }
    transaction.commit().await
}
