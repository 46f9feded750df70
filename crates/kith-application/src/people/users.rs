//! The use cases on users.

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::people::{User, UserDraft, may_see, no_such};
use kith_domain::ports::directory::Wanted;
use kith_domain::text;
use uuid::Uuid;

use super::People;
use crate::error::Error;

impl People {
    /// The caller themselves, whatever their rights.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn me(&self, actor: &Actor) -> Result<User, Error> {
        self.find_user(actor, actor.user).await
    }

    /// One user that the actor may see.
    ///
    /// # Errors
    /// A missing right, their absence, or a failure of the storage.
    pub async fn user(&self, actor: &Actor, id: Uuid) -> Result<User, Error> {
        sees_some(actor)?;
        if !may_see(actor.permissions, actor, id) {
            return Err(no_such("user", id).into());
        }
        self.find_user(actor, id).await
    }

    /// The people that the actor may see whose name or address contains every word of `term`, by name: the page
    /// from `skip`, at most `take`, and how many there are in all.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn team(
        &self,
        actor: &Actor,
        term: &str,
        skip: u64,
        take: u32,
    ) -> Result<(Vec<User>, u64), Error> {
        sees_some(actor)?;
        let words: Vec<String> = term.split_whitespace().map(text::fold).collect();
        let mut users = self.accounts.directory.users(actor.company).await?;
        users.retain(|user| {
            let names = [&user.first_name, &user.last_name, &user.email];
            let names = names.map(|name| text::fold(name));
            may_see(actor.permissions, actor, user.id)
                && words
                    .iter()
                    .all(|word| names.iter().any(|name| name.contains(word)))
        });
        let total = u64::try_from(users.len()).unwrap_or(u64::MAX);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let take = usize::try_from(take).unwrap_or(usize::MAX);
        Ok((users.into_iter().skip(skip).take(take).collect(), total))
    }

    /// Changes a user.
    ///
    /// # Errors
    /// What [`update_user`](kith_domain::people::Workspace::update_user) says, or a failure of the storage.
    pub async fn update_user(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: UserDraft,
    ) -> Result<User, Error> {
        let now = self.accounts.sources.clock.now();
        let wanted = Wanted {
            users: vec![id],
            ..Wanted::default()
        };
        self.decide(actor, wanted, |workspace| {
            workspace.update_user(actor, id, draft.clone(), now)
        })
        .await
    }

    async fn find_user(&self, actor: &Actor, id: Uuid) -> Result<User, Error> {
        let found = self.accounts.directory.user(actor.company, id).await?;
        Ok(found.ok_or_else(|| no_such("user", id))?)
    }
}

/// Whether an actor sees any user: all, or themselves.
pub(super) fn sees_some(actor: &Actor) -> Result<(), Error> {
    if !actor.permissions.contains(Resource::Users, Action::ReadAll) {
        actor.require(Resource::Users, Action::ReadOwn)?;
    }
    Ok(())
}
