//! Reading of companies, their people, roles, invitations and keys.

use std::collections::BTreeMap;

use kith_domain::actor::{Action, Actor, Limit, Permissions, Resource};
use kith_domain::people::{
    ApiKey, Company, Digest, Invitation, Members, Role, Scopes, User, UserStatus,
};
use kith_domain::ports::directory::KeyHolder;
use kith_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{bytes, statement};

const HOLDER: &str = "SELECT k.company_id, k.id, k.user_id, k.scopes, k.expires_at, a.status, p.resource, p.action \
    FROM api_key k JOIN account a ON a.company_id = k.company_id AND a.id = k.user_id \
    LEFT JOIN role_permission p ON p.company_id = a.company_id AND p.role_id = a.role_id \
    WHERE k.digest = $1 AND (k.expires_at IS NULL OR k.expires_at > $2)";

const COMPANY: &str = "SELECT id, name, country, currency, street, city, postal_code, website, phone, email, \
    vat_number, created_at, updated_at FROM company WHERE id = $1";

const USERS: &str = "SELECT id, email, first_name, last_name, country, avatar_url, status, role_id, \
    created_at, updated_at FROM account WHERE company_id = $1 ";

const ROLES: &str = "SELECT r.id, r.name, r.description, r.is_system, r.created_at, r.updated_at, p.resource, p.action \
    FROM role r LEFT JOIN role_permission p ON p.company_id = r.company_id AND p.role_id = r.id \
    WHERE r.company_id = $1 ORDER BY r.id";

const MEMBERS: &str = "SELECT role_id, count(*), sum(CASE WHEN status = 'active' THEN 1 ELSE 0 END) FROM account \
    WHERE company_id = $1 GROUP BY role_id";

const INVITATION: &str =
    "SELECT company_id, id, email, role_id, invited_by, created_at, expires_at FROM invitation ";

const KEYS: &str = "SELECT id, user_id, name, prefix, scopes, expires_at, last_used_at, created_at FROM api_key \
    WHERE company_id = $1 ORDER BY id";

pub(super) async fn rows(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = statement(connection, sql, values);
    connection.query_all_raw(statement).await
}

/// A right from two columns; none where they are null or name nothing.
pub(super) fn right(row: &QueryResult, at: usize) -> Result<Option<(Resource, Action)>, DbErr> {
    let resource: Option<String> = row.try_get_by_index(at)?;
    let action: Option<String> = row.try_get_by_index(at + 1)?;
    let resource = resource.as_deref().and_then(Resource::by_name);
    Ok(resource.zip(action.as_deref().and_then(Action::by_name)))
}

fn scopes(stored: Option<String>) -> Option<Scopes> {
    stored.map(|names| Scopes::of(names.split(',')))
}

fn unknown(what: &str) -> DbErr {
    DbErr::Custom(format!("{what} is unknown"))
}

pub(super) async fn holder(
    connection: &impl ConnectionTrait,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<KeyHolder>, DbErr> {
    let rows = rows(connection, HOLDER, vec![bytes(digest), now.0.into()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let rights = rows.iter().map(|row| right(row, 6));
    let rights: Vec<_> = rights.collect::<Result<_, DbErr>>()?;
    let role: Permissions = rights.into_iter().flatten().collect();
    let scopes = scopes(first.try_get_by_index(3)?);
    let until: Option<i64> = first.try_get_by_index(4)?;
    let status: String = first.try_get_by_index(5)?;
    Ok(Some(KeyHolder {
        key: first.try_get_by_index(1)?,
        actor: Actor {
            company: first.try_get_by_index(0)?,
            user: first.try_get_by_index(2)?,
            permissions: scopes.map_or(role, |scopes| role.within(scopes.rights())),
            limit: Limit {
                rights: scopes.map_or(Permissions::all(), Scopes::rights),
                until: until.map(Timestamp),
            },
        },
        is_active: UserStatus::by_name(&status) == Some(UserStatus::Active),
    }))
}

pub(super) async fn company(
    connection: &impl ConnectionTrait,
    company: Uuid,
) -> Result<Option<Company>, DbErr> {
    let rows = rows(connection, COMPANY, vec![company.into()]).await?;
    let company = rows.first().map(|row| {
        Ok(Company {
            id: row.try_get_by_index(0)?,
            name: row.try_get_by_index(1)?,
            country: row.try_get_by_index(2)?,
            currency: row.try_get_by_index(3)?,
            street: row.try_get_by_index(4)?,
            city: row.try_get_by_index(5)?,
            postal_code: row.try_get_by_index(6)?,
            website: row.try_get_by_index(7)?,
            phone: row.try_get_by_index(8)?,
            email: row.try_get_by_index(9)?,
            vat_number: row.try_get_by_index(10)?,
            created_at: Timestamp(row.try_get_by_index(11)?),
            updated_at: Timestamp(row.try_get_by_index(12)?),
        })
    });
    company.transpose()
}

/// Users of a company, which is the first value; `rest` is the rest of the statement.
pub(super) async fn users(
    connection: &impl ConnectionTrait,
    rest: &str,
    values: Vec<Value>,
) -> Result<Vec<User>, DbErr> {
    let rows = rows(connection, &format!("{USERS}{rest}"), values).await?;
    let users = rows.iter().map(|row| {
        let status: String = row.try_get_by_index(6)?;
        Ok(User {
            id: row.try_get_by_index(0)?,
            email: row.try_get_by_index(1)?,
            first_name: row.try_get_by_index(2)?,
            last_name: row.try_get_by_index(3)?,
            country: row.try_get_by_index(4)?,
            avatar_url: row.try_get_by_index(5)?,
            status: UserStatus::by_name(&status).ok_or_else(|| unknown("a user's status"))?,
            role: row.try_get_by_index(7)?,
            created_at: Timestamp(row.try_get_by_index(8)?),
            updated_at: Timestamp(row.try_get_by_index(9)?),
        })
    });
    users.collect()
}

pub(super) async fn roles(
    connection: &impl ConnectionTrait,
    company: Uuid,
) -> Result<Vec<Role>, DbErr> {
    let mut roles: Vec<(Role, Vec<(Resource, Action)>)> = Vec::new();
    for row in rows(connection, ROLES, vec![company.into()]).await? {
        let id: Uuid = row.try_get_by_index(0)?;
        if roles.last().is_none_or(|(last, _)| last.id != id) {
            let role = Role {
                id,
                name: row.try_get_by_index(1)?,
                description: row.try_get_by_index(2)?,
                is_system: row.try_get_by_index::<i64>(3)? == 1,
                permissions: Permissions::default(),
                created_at: Timestamp(row.try_get_by_index(4)?),
                updated_at: Timestamp(row.try_get_by_index(5)?),
            };
            roles.push((role, Vec::new()));
        }
        if let Some((_, rights)) = roles.last_mut() {
            rights.extend(right(&row, 6)?);
        }
    }
    let roles = roles.into_iter().map(|(role, rights)| Role {
        permissions: rights.into_iter().collect(),
        ..role
    });
    Ok(roles.collect())
}

pub(super) async fn members(
    connection: &impl ConnectionTrait,
    company: Uuid,
) -> Result<BTreeMap<Uuid, Members>, DbErr> {
    let rows = rows(connection, MEMBERS, vec![company.into()]).await?;
    let count = |row: &QueryResult, at| {
        let count: i64 = row.try_get_by_index(at)?;
        Ok::<_, DbErr>(u64::try_from(count).unwrap_or_default())
    };
    let members = rows.iter().map(|row| {
        let members = Members {
            all: count(row, 1)?,
            active: count(row, 2)?,
        };
        Ok((row.try_get_by_index(0)?, members))
    });
    members.collect()
}

fn read_invitation(row: &QueryResult) -> Result<(Uuid, Invitation), DbErr> {
    let invitation = Invitation {
        id: row.try_get_by_index(1)?,
        email: row.try_get_by_index(2)?,
        role: row.try_get_by_index(3)?,
        invited_by: row.try_get_by_index(4)?,
        created_at: Timestamp(row.try_get_by_index(5)?),
        expires_at: Timestamp(row.try_get_by_index(6)?),
    };
    Ok((row.try_get_by_index(0)?, invitation))
}

pub(super) async fn invitations(
    connection: &impl ConnectionTrait,
    company: Uuid,
) -> Result<Vec<Invitation>, DbErr> {
    let sql = format!("{INVITATION}WHERE company_id = $1 ORDER BY id");
    let rows = rows(connection, &sql, vec![company.into()]).await?;
    let found = rows.iter().map(read_invitation);
    found
        .map(|found| found.map(|(_, invitation)| invitation))
        .collect()
}

pub(super) async fn invitation_of(
    connection: &impl ConnectionTrait,
    digest: &Digest,
) -> Result<Option<(Uuid, Invitation)>, DbErr> {
    let sql = format!("{INVITATION}WHERE digest = $1");
    let rows = rows(connection, &sql, vec![bytes(digest)]).await?;
    rows.first().map(read_invitation).transpose()
}

pub(super) async fn keys(
    connection: &impl ConnectionTrait,
    company: Uuid,
) -> Result<Vec<ApiKey>, DbErr> {
    let rows = rows(connection, KEYS, vec![company.into()]).await?;
    let time = |row: &QueryResult, at| {
        let time: Option<i64> = row.try_get_by_index(at)?;
        Ok::<_, DbErr>(time.map(Timestamp))
    };
    let keys = rows.iter().map(|row| {
        Ok(ApiKey {
            id: row.try_get_by_index(0)?,
            user: row.try_get_by_index(1)?,
            name: row.try_get_by_index(2)?,
            prefix: row.try_get_by_index(3)?,
            scopes: scopes(row.try_get_by_index(4)?),
            expires_at: time(row, 5)?,
            last_used_at: time(row, 6)?,
            created_at: Timestamp(row.try_get_by_index(7)?),
        })
    });
    keys.collect()
}
