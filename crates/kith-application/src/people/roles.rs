//! The use cases on roles.

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::people::{Role, RoleDraft, no_such};
use kith_domain::ports::directory::Wanted;
use uuid::Uuid;

use super::People;
use super::users::sees_some;
use crate::error::Error;

impl People {
    /// The roles, oldest first; to whom only sees themselves, their own.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn roles(&self, actor: &Actor) -> Result<Vec<Role>, Error> {
        sees_some(actor)?;
        let mut roles = self.accounts.directory.roles(actor.company).await?;
        if !actor.permissions.contains(Resource::Users, Action::ReadAll) {
            let own = self.me(actor).await?.role;
            roles.retain(|role| role.id == own);
        }
        Ok(roles)
    }

    /// One role.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn role(&self, actor: &Actor, id: Uuid) -> Result<Role, Error> {
        let roles = self.roles(actor).await?;
        let found = roles.into_iter().find(|role| role.id == id);
        Ok(found.ok_or_else(|| no_such("role", id))?)
    }

    /// Makes a role.
    ///
    /// # Errors
    /// What [`create_role`](kith_domain::people::Workspace::create_role) says, or a failure of the storage.
    pub async fn create_role(&self, actor: &Actor, draft: RoleDraft) -> Result<Role, Error> {
        let sources = &self.accounts.sources;
        let (id, now) = (sources.ids.new_id(), sources.clock.now());
        self.decide(actor, Wanted::default(), |workspace| {
            workspace.create_role(actor, draft.clone(), id, now)
        })
        .await
    }

    /// Changes a role.
    ///
    /// # Errors
    /// What [`update_role`](kith_domain::people::Workspace::update_role) says, or a failure of the storage.
    pub async fn update_role(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: RoleDraft,
    ) -> Result<Role, Error> {
        let now = self.accounts.sources.clock.now();
        self.decide(actor, Wanted::default(), |workspace| {
            workspace.update_role(actor, id, draft.clone(), now)
        })
        .await
    }

    /// Deletes a role that nobody has.
    ///
    /// # Errors
    /// What [`delete_role`](kith_domain::people::Workspace::delete_role) says, or a failure of the storage.
    pub async fn delete_role(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let wanted = Wanted {
            invitations: true,
            ..Wanted::default()
        };
        self.decide(actor, wanted, |workspace| workspace.delete_role(actor, id))
            .await
    }
}
