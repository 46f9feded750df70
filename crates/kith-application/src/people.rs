//! The use cases on a company, its people, roles, invitations and keys.

mod invitations;
mod keys;
mod roles;
mod users;

use std::sync::Arc;

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::people::{Company, CompanyDraft, Decision, Rejection, Workspace, no_such};
use kith_domain::ports::directory::Wanted;

use crate::accounts::Accounts;
use crate::credentials::CredentialError;
use crate::error::Error;

/// The use cases on people. What needs which right is said by the decisions of [`kith_domain::people`].
pub struct People {
    pub(crate) accounts: Arc<Accounts>,
}

impl People {
    /// The use cases beside those that tell who is calling, who is looked up anew after a change.
    pub fn new(accounts: Arc<Accounts>) -> Self {
        People { accounts }
    }

    /// The company.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn company(&self, actor: &Actor) -> Result<Company, Error> {
        actor.require(Resource::Company, Action::ReadAll)?;
        let company = self.accounts.directory.company(actor.company).await?;
        Ok(company.ok_or_else(|| no_such("company", actor.company))?)
    }

    /// Changes the company.
    ///
    /// # Errors
    /// A missing right, a refusal, or a failure of the storage.
    pub async fn update_company(
        &self,
        actor: &Actor,
        draft: CompanyDraft,
    ) -> Result<Company, Error> {
        let now = self.accounts.sources.clock.now();
        self.decide(actor, Wanted::default(), |workspace| {
            workspace.update_company(actor, draft.clone(), now)
        })
        .await
    }

    /// Decides in the name of an actor, who is always among the users that the decision sees.
    async fn decide<T: Send>(
        &self,
        actor: &Actor,
        mut wanted: Wanted,
        decide: impl FnMut(&Workspace) -> Result<Decision<T>, Rejection> + Send,
    ) -> Result<T, Error> {
        wanted.users.push(actor.user);
        let accounts = &self.accounts;
        let decided = accounts.decide(actor.company, actor.user, &wanted, decide);
        decided.await
    }
}

pub(crate) fn no_randomness(error: CredentialError) -> Error {
    kith_domain::ports::RepositoryError::Failed(error.to_string()).into()
}
