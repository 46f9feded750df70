//! Writing of companies, their people, roles, invitations and keys.

use kith_domain::people::{
    ApiKey, Company, Digest, Invitation, PasswordHash, Role, Scopes, User, Write,
};
use kith_domain::ports::directory::KeyUse;
use kith_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{bytes, sessions, statement};

pub(super) async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    let statement = statement(transaction, sql, values);
    transaction.execute_raw(statement).await.map(drop)
}

pub(super) fn text(value: Option<&String>) -> Value {
    Value::String(value.cloned())
}

fn time(value: Option<Timestamp>) -> Value {
    Value::BigInt(value.map(|at| at.0))
}

fn scopes(scopes: Option<Scopes>) -> Value {
    Value::String(scopes.map(|scopes| scopes.names().join(",")))
}

/// Writes one thing that was decided.
pub(super) async fn apply(
    transaction: &DatabaseTransaction,
    company: Uuid,
    write: &Write,
) -> Result<(), DbErr> {
    let delete = async |table: &str, id: Uuid| {
        let sql = format!("DELETE FROM {table} WHERE company_id = $1 AND id = $2");
        run(transaction, &sql, vec![company.into(), id.into()]).await
    };
    match write {
        Write::Company(changed) => update_company(transaction, changed).await,
        Write::Role(changed) => role(transaction, company, changed).await,
        Write::NoRole(id) => delete("role", *id).await,
        Write::User(changed) => update_user(transaction, company, changed).await,
        Write::NewUser(new, password) => user(transaction, company, new, Some(password)).await,
        Write::Invitation(new, token) => invitation(transaction, company, new, token).await,
        Write::NoInvitation(id) => delete("invitation", *id).await,
        Write::Key(changed) => rename_key(transaction, company, changed).await,
        Write::NewKey(new, digest) => key(transaction, company, new, digest).await,
        Write::NoKey(id) => delete("api_key", *id).await,
        Write::Session(new, token) => sessions::open(transaction, company, new, token).await,
        Write::NoSession(id) => delete("session", *id).await,
        Write::Password(user, password) => {
            sessions::password(transaction, company, *user, password).await
        }
        Write::Reset(new, token) => sessions::reset(transaction, company, new, token).await,
        Write::NoReset(id) => delete("password_reset", *id).await,
        Write::NoResets(user) => {
            let sql = "DELETE FROM password_reset WHERE company_id = $1 AND user_id = $2";
            run(transaction, sql, vec![company.into(), (*user).into()]).await
        }
        Write::NoResetsOfRole(role) => {
            let sql = "DELETE FROM password_reset WHERE company_id = $1 AND user_id IN \
                (SELECT a.id FROM account a WHERE a.company_id = $1 AND a.role_id = $2)";
            run(transaction, sql, vec![company.into(), (*role).into()]).await
        }
    }
}

/// A new company.
pub(super) async fn company(
    transaction: &DatabaseTransaction,
    company: &Company,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO company (id, name, currency, created_at, updated_at) VALUES ($1, '', '', $2, $2)";
    let values = vec![company.id.into(), company.created_at.0.into()];
    run(transaction, sql, values).await?;
    update_company(transaction, company).await?;
    let sql = "INSERT INTO company_position (company_id, seq) VALUES ($1, $2)";
    run(transaction, sql, vec![company.id.into(), 0_i64.into()]).await
}

async fn update_company(transaction: &DatabaseTransaction, company: &Company) -> Result<(), DbErr> {
    let sql = "UPDATE company SET name = $2, country = $3, currency = $4, street = $5, city = $6, postal_code = $7, \
               website = $8, phone = $9, email = $10, vat_number = $11, updated_at = $12 WHERE id = $1";
    let values = vec![
        company.id.into(),
        company.name.clone().into(),
        text(company.country.as_ref()),
        company.currency.clone().into(),
        text(company.street.as_ref()),
        text(company.city.as_ref()),
        text(company.postal_code.as_ref()),
        text(company.website.as_ref()),
        text(company.phone.as_ref()),
        text(company.email.as_ref()),
        text(company.vat_number.as_ref()),
        company.updated_at.0.into(),
    ];
    run(transaction, sql, values).await
}

async fn role(transaction: &DatabaseTransaction, company: Uuid, role: &Role) -> Result<(), DbErr> {
    let sql = "INSERT INTO role (company_id, id, name, name_key, description, is_system, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (company_id, id) DO UPDATE SET \
               name = excluded.name, name_key = excluded.name_key, description = excluded.description, \
               updated_at = excluded.updated_at";
    let values = vec![
        company.into(),
        role.id.into(),
        role.name.clone().into(),
        role.name_key().into(),
        text(role.description.as_ref()),
        i64::from(role.is_system).into(),
        role.created_at.0.into(),
        role.updated_at.0.into(),
    ];
    run(transaction, sql, values).await?;
    let sql = "DELETE FROM role_permission WHERE company_id = $1 AND role_id = $2";
    run(transaction, sql, vec![company.into(), role.id.into()]).await?;
    let sql = "INSERT INTO role_permission (company_id, role_id, resource, action) VALUES ($1, $2, $3, $4)";
    for (resource, action) in role.permissions.iter() {
        let values = vec![
            company.into(),
            role.id.into(),
            resource.name().into(),
            action.name().into(),
        ];
        run(transaction, sql, values).await?;
    }
    Ok(())
}

/// A new user.
pub(super) async fn user(
    transaction: &DatabaseTransaction,
    company: Uuid,
    user: &User,
    password: Option<&PasswordHash>,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO account (company_id, id, email, email_key, first_name, last_name, country, avatar_url, \
               status, role_id, password_hash, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let values = vec![
        company.into(),
        user.id.into(),
        user.email.clone().into(),
        user.email.to_lowercase().into(),
        user.first_name.clone().into(),
        user.last_name.clone().into(),
        text(user.country.as_ref()),
        text(user.avatar_url.as_ref()),
        user.status.name().into(),
        user.role.into(),
        text(password.map(|password| &password.0)),
        user.created_at.0.into(),
        user.updated_at.0.into(),
    ];
    run(transaction, sql, values).await
}

async fn update_user(
    transaction: &DatabaseTransaction,
    company: Uuid,
    user: &User,
) -> Result<(), DbErr> {
    let sql = "UPDATE account SET first_name = $3, last_name = $4, country = $5, avatar_url = $6, status = $7, \
               role_id = $8, updated_at = $9 WHERE company_id = $1 AND id = $2";
    let values = vec![
        company.into(),
        user.id.into(),
        user.first_name.clone().into(),
        user.last_name.clone().into(),
        text(user.country.as_ref()),
        text(user.avatar_url.as_ref()),
        user.status.name().into(),
        user.role.into(),
        user.updated_at.0.into(),
    ];
    run(transaction, sql, values).await
}

async fn invitation(
    transaction: &DatabaseTransaction,
    company: Uuid,
    invitation: &Invitation,
    token: &Digest,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO invitation (company_id, id, email, email_key, role_id, invited_by, digest, created_at, \
               expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = vec![
        company.into(),
        invitation.id.into(),
        invitation.email.clone().into(),
        invitation.email.to_lowercase().into(),
        invitation.role.into(),
        invitation.invited_by.into(),
        bytes(token),
        invitation.created_at.0.into(),
        invitation.expires_at.0.into(),
    ];
    run(transaction, sql, values).await
}

/// A new key, or a new secret of one.
async fn key(
    transaction: &DatabaseTransaction,
    company: Uuid,
    key: &ApiKey,
    digest: &Digest,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO api_key (company_id, id, user_id, name, digest, prefix, scopes, expires_at, last_used_at, \
               created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (company_id, id) DO UPDATE SET digest = excluded.digest, prefix = excluded.prefix, \
               last_used_at = excluded.last_used_at";
    let values = vec![
        company.into(),
        key.id.into(),
        key.user.into(),
        key.name.clone().into(),
        bytes(digest),
        key.prefix.clone().into(),
        scopes(key.scopes),
        time(key.expires_at),
        time(key.last_used_at),
        key.created_at.0.into(),
    ];
    run(transaction, sql, values).await
}

async fn rename_key(
    transaction: &DatabaseTransaction,
    company: Uuid,
    key: &ApiKey,
) -> Result<(), DbErr> {
    let sql = "UPDATE api_key SET name = $3 WHERE company_id = $1 AND id = $2";
    let values = vec![company.into(), key.id.into(), key.name.clone().into()];
    run(transaction, sql, values).await
}

/// When keys were last used; a later use that is known stays.
pub(super) async fn uses(transaction: DatabaseTransaction, uses: &[KeyUse]) -> Result<(), DbErr> {
    let sql = "UPDATE api_key SET last_used_at = $3 WHERE company_id = $1 AND id = $2 \
               AND (last_used_at IS NULL OR last_used_at < $3)";
    for used in uses {
        let values = vec![used.company.into(), used.key.into(), used.at.0.into()];
        run(&transaction, sql, values).await?;
    }
    transaction.commit().await
}
