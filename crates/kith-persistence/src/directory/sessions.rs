//! Sessions, passwords, and leave to choose a new one.

use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::people::{
    Account, Digest, PasswordHash, PasswordReset, Session, UserStatus, Visitor,
};
use kith_domain::ports::directory::{Credentials, SessionHolder};
use kith_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};
use uuid::Uuid;

use super::bytes;
use super::read::{right, rows};
use super::write::{run, text};

const HOLDER: &str = "SELECT s.company_id, s.id, s.user_id, s.address, s.user_agent, s.created_at, s.last_used_at, \
    s.expires_at, a.status, p.resource, p.action \
    FROM session s JOIN account a ON a.company_id = s.company_id AND a.id = s.user_id \
    LEFT JOIN role_permission p ON p.company_id = a.company_id AND p.role_id = a.role_id \
    WHERE s.digest = $1 AND s.expires_at > $2";

const SESSIONS: &str = "SELECT company_id, id, user_id, address, user_agent, created_at, last_used_at, expires_at \
    FROM session WHERE company_id = $1 AND user_id = $2 ORDER BY id";

const RESET: &str =
    "SELECT company_id, id, user_id, created_at, expires_at FROM password_reset WHERE ";

/// A session from the columns after the company.
fn session(row: &QueryResult) -> Result<Session, DbErr> {
    Ok(Session {
        id: row.try_get_by_index(1)?,
        user: row.try_get_by_index(2)?,
        visitor: Visitor {
            address: row.try_get_by_index(3)?,
            user_agent: row.try_get_by_index(4)?,
        },
        created_at: Timestamp(row.try_get_by_index(5)?),
        last_used_at: Timestamp(row.try_get_by_index(6)?),
        expires_at: Timestamp(row.try_get_by_index(7)?),
    })
}

fn read_reset(row: &QueryResult) -> Result<PasswordReset, DbErr> {
    Ok(PasswordReset {
        id: row.try_get_by_index(1)?,
        user: row.try_get_by_index(2)?,
        created_at: Timestamp(row.try_get_by_index(3)?),
        expires_at: Timestamp(row.try_get_by_index(4)?),
    })
}

pub(super) async fn holder(
    connection: &impl ConnectionTrait,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<SessionHolder>, DbErr> {
    let rows = rows(connection, HOLDER, vec![bytes(digest), now.0.into()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let rights = rows.iter().map(|row| right(row, 9));
    let rights: Vec<_> = rights.collect::<Result<_, DbErr>>()?;
    let status: String = first.try_get_by_index(8)?;
    let session = session(first)?;
    Ok(Some(SessionHolder {
        actor: Actor {
            company: first.try_get_by_index(0)?,
            user: session.user,
            permissions: rights.into_iter().flatten().collect::<Permissions>(),
            limit: Limit::none(),
        },
        session,
        is_active: UserStatus::by_name(&status) == Some(UserStatus::Active),
    }))
}

pub(super) async fn of_user(
    connection: &impl ConnectionTrait,
    company: Uuid,
    user: Uuid,
) -> Result<Vec<Session>, DbErr> {
    let rows = rows(connection, SESSIONS, vec![company.into(), user.into()]).await?;
    rows.iter().map(session).collect()
}

pub(super) async fn credentials(
    connection: &impl ConnectionTrait,
    email: &str,
) -> Result<Option<Credentials>, DbErr> {
    let sql = "SELECT company_id, id, password_hash FROM account WHERE email_key = $1";
    let rows = rows(connection, sql, vec![email.to_lowercase().into()]).await?;
    let found = rows.first().map(|row| {
        let password: Option<String> = row.try_get_by_index(2)?;
        Ok(Credentials {
            company: row.try_get_by_index(0)?,
            user: row.try_get_by_index(1)?,
            password: password.map(PasswordHash),
        })
    });
    found.transpose()
}

/// What a user signs in with; `None` if there is no such user.
pub(super) async fn account(
    connection: &impl ConnectionTrait,
    company: Uuid,
    user: Uuid,
) -> Result<Option<Account>, DbErr> {
    let sql = "SELECT password_hash FROM account WHERE company_id = $1 AND id = $2";
    let ids = || vec![company.into(), user.into()];
    let found = rows(connection, sql, ids()).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let password: Option<String> = row.try_get_by_index(0)?;
    let sql = format!("{RESET}company_id = $1 AND user_id = $2 ORDER BY id");
    let resets = rows(connection, &sql, ids()).await?;
    Ok(Some(Account {
        user,
        password: password.map(PasswordHash),
        sessions: of_user(connection, company, user).await?,
        resets: resets.iter().map(read_reset).collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn reset_of(
    connection: &impl ConnectionTrait,
    digest: &Digest,
) -> Result<Option<(Uuid, PasswordReset)>, DbErr> {
    let sql = format!("{RESET}digest = $1");
    let rows = rows(connection, &sql, vec![bytes(digest)]).await?;
    let found = rows
        .first()
        .map(|row| Ok((row.try_get_by_index(0)?, read_reset(row)?)));
    found.transpose()
}

/// The last use of a session; a later one that is known stays.
pub(super) async fn used(
    transaction: DatabaseTransaction,
    company: Uuid,
    session: &Session,
) -> Result<(), DbErr> {
    let sql = "UPDATE session SET last_used_at = $3, expires_at = $4 \
               WHERE company_id = $1 AND id = $2 AND last_used_at < $3";
    let values = vec![
        company.into(),
        session.id.into(),
        session.last_used_at.0.into(),
        session.expires_at.0.into(),
    ];
    run(&transaction, sql, values).await?;
    transaction.commit().await
}

pub(super) async fn open(
    transaction: &DatabaseTransaction,
    company: Uuid,
    session: &Session,
    token: &Digest,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO session (company_id, id, user_id, digest, address, user_agent, created_at, last_used_at, \
               expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = vec![
        company.into(),
        session.id.into(),
        session.user.into(),
        bytes(token),
        text(session.visitor.address.as_ref()),
        text(session.visitor.user_agent.as_ref()),
        session.created_at.0.into(),
        session.last_used_at.0.into(),
        session.expires_at.0.into(),
    ];
    run(transaction, sql, values).await
}

pub(super) async fn password(
    transaction: &DatabaseTransaction,
    company: Uuid,
    user: Uuid,
    password: &PasswordHash,
) -> Result<(), DbErr> {
    let sql = "UPDATE account SET password_hash = $3 WHERE company_id = $1 AND id = $2";
    let values = vec![company.into(), user.into(), password.0.clone().into()];
    run(transaction, sql, values).await
}

pub(super) async fn reset(
    transaction: &DatabaseTransaction,
    company: Uuid,
    reset: &PasswordReset,
    token: &Digest,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO password_reset (company_id, id, user_id, digest, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let values = vec![
        company.into(),
        reset.id.into(),
        reset.user.into(),
        bytes(token),
        reset.created_at.0.into(),
        reset.expires_at.0.into(),
    ];
    run(transaction, sql, values).await
}
