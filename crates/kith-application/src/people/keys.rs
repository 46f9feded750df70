//! The use cases on API keys.

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::people::{ApiKey as StoredKey, KeyDraft, may_see_key, no_such};
use kith_domain::ports::directory::Wanted;
use uuid::Uuid;

use super::{People, no_randomness};
use crate::credentials::ApiKey;
use crate::error::Error;

impl People {
    /// The keys that the actor may see, oldest first: all with readAll, their own with readOwn.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<StoredKey>, Error> {
        if !actor.permissions.contains(Resource::Api, Action::ReadAll) {
            actor.require(Resource::Api, Action::ReadOwn)?;
        }
        let keys = self.accounts.directory.keys(actor.company).await?;
        let seen = keys
            .into_iter()
            .filter(|key| may_see_key(actor.permissions, actor, key));
        Ok(seen.map(|key| self.accounts.with_use(key)).collect())
    }

    /// One key.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn key(&self, actor: &Actor, id: Uuid) -> Result<StoredKey, Error> {
        let keys = self.keys(actor).await?;
        let found = keys.into_iter().find(|key| key.id == id);
        Ok(found.ok_or_else(|| no_such("API key", id))?)
    }

    /// Makes a key for the actor; its secret is shown this once.
    ///
    /// # Errors
    /// What [`create_key`](kith_domain::people::Workspace::create_key) says, or a failure of the storage.
    pub async fn create_key(
        &self,
        actor: &Actor,
        draft: KeyDraft,
    ) -> Result<(StoredKey, ApiKey), Error> {
        let secret = ApiKey::generate().map_err(no_randomness)?;
        let sources = &self.accounts.sources;
        let (id, now) = (sources.ids.new_id(), sources.clock.now());
        let wanted = Wanted {
            keys: true,
            ..Wanted::default()
        };
        let key = self
            .decide(actor, wanted, |workspace| {
                workspace.create_key(actor, draft.clone(), secret.material(), id, now)
            })
            .await?;
        Ok((key, secret))
    }

    /// Renames a key.
    ///
    /// # Errors
    /// What [`rename_key`](kith_domain::people::Workspace::rename_key) says, or a failure of the storage.
    pub async fn rename_key(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: KeyDraft,
    ) -> Result<StoredKey, Error> {
        let key = self
            .decide(actor, handling(id), |workspace| {
                workspace.rename_key(actor, id, draft.clone())
            })
            .await?;
        Ok(self.accounts.with_use(key))
    }

    /// Gives a key a new secret, which is shown this once; the old one is worth nothing from then on.
    ///
    /// # Errors
    /// What [`rotate_key`](kith_domain::people::Workspace::rotate_key) says, or a failure of the storage.
    pub async fn rotate_key(&self, actor: &Actor, id: Uuid) -> Result<(StoredKey, ApiKey), Error> {
        let secret = ApiKey::generate().map_err(no_randomness)?;
        let key = self
            .decide(actor, handling(id), |workspace| {
                workspace.rotate_key(actor, id, secret.material())
            })
            .await?;
        Ok((key, secret))
    }

    /// Ends a key.
    ///
    /// # Errors
    /// What [`revoke_key`](kith_domain::people::Workspace::revoke_key) says, or a failure of the storage.
    pub async fn revoke_key(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        self.decide(actor, handling(id), |workspace| {
            workspace.revoke_key(actor, id)
        })
        .await
    }
}

/// What is to be seen to handle a key.
fn handling(id: Uuid) -> Wanted {
    Wanted {
        keys: true,
        owner_of: Some(id),
        ..Wanted::default()
    }
}
