//! A change of a company: what is there, a decision on it, and what it writes, in one transaction.

use kith_domain::people::Workspace;
use kith_domain::ports::directory::{Decide, Wanted};
use sea_orm::{DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{read, sessions, write};
use crate::log;
use crate::store::Store;

impl Store {
    /// The row of the company's position is locked first, as by every write, so that decisions follow one another.
    pub(super) async fn change_company(
        &self,
        company: Uuid,
        wanted: &Wanted,
        decide: &mut Decide<'_>,
    ) -> Result<(), DbErr> {
        let transaction = self.begin_change().await?;
        log::append(&transaction, company, &[]).await?;
        let workspace = load(&transaction, company, wanted).await?;
        let (writes, events) = decide(&workspace);
        if writes.is_empty() && events.is_empty() {
            return transaction.rollback().await;
        }
        for write in &writes {
            write::apply(&transaction, company, write).await?;
        }
        let logged = log::append(&transaction, company, &events).await?;
        transaction.commit().await?;
        self.announce(&logged);
        Ok(())
    }
}

async fn load(
    transaction: &DatabaseTransaction,
    company: Uuid,
    wanted: &Wanted,
) -> Result<Workspace, DbErr> {
    let found = read::company(transaction, company).await?;
    let (conditions, values) = users(company, wanted);
    let mut workspace = Workspace {
        company: found.ok_or_else(|| DbErr::RecordNotFound(format!("company {company}")))?,
        roles: read::roles(transaction, company).await?,
        members: read::members(transaction, company).await?,
        users: read::users(transaction, &conditions, values).await?,
        ..Workspace::default()
    };
    if wanted.invitations {
        workspace.invitations = read::invitations(transaction, company).await?;
    }
    if wanted.keys {
        workspace.keys = read::keys(transaction, company).await?;
    }
    if let Some(user) = wanted.account {
        workspace.account = sessions::account(transaction, company, user).await?;
    }
    Ok(workspace)
}

/// The condition for the users that are wanted, with its values.
fn users(company: Uuid, wanted: &Wanted) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![company.into()];
    let mut ways = Vec::new();
    let mut way = |condition: &str, value: Value| {
        values.push(value);
        ways.push(condition.replace('?', &format!("${}", values.len())));
    };
    for id in wanted.users.iter().chain(&wanted.account) {
        way("id = ?", (*id).into());
    }
    if let Some(email) = &wanted.email {
        way("email_key = ?", email.to_lowercase().into());
    }
    if let Some(key) = wanted.owner_of {
        let owner = "id = (SELECT user_id FROM api_key WHERE company_id = $1 AND id = ?)";
        way(owner, key.into());
    }
    if ways.is_empty() {
        return ("AND 1 = 0".to_owned(), values);
    }
    (format!("AND ({})", ways.join(" OR ")), values)
}
