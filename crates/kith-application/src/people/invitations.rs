//! The use cases on invitations.

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::draft::Patch;
use kith_domain::people::{Invitation, InvitationDraft, JoiningDraft, PasswordHash, User, no_such};
use kith_domain::ports::directory::Wanted;
use kith_domain::violation::{NOT_FOUND, Refusal, Violation};
use uuid::Uuid;

use super::{People, no_randomness};
use crate::credentials::{NewPassword, Token, key_digest};
use crate::error::Error;
use crate::ports::Passwords;

impl People {
    /// The invitations that have been neither accepted nor revoked, oldest first.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn invitations(&self, actor: &Actor) -> Result<Vec<Invitation>, Error> {
        actor.require(Resource::Users, Action::ReadAll)?;
        Ok(self.accounts.directory.invitations(actor.company).await?)
    }

    /// One invitation.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn invitation(&self, actor: &Actor, id: Uuid) -> Result<Invitation, Error> {
        let invitations = self.invitations(actor).await?;
        let found = invitations.into_iter().find(|known| known.id == id);
        Ok(found.ok_or_else(|| no_such("invitation", id))?)
    }

    /// Invites somebody; the token is shown this once.
    ///
    /// # Errors
    /// What [`invite`](kith_domain::people::Workspace::invite) says, or a failure of the storage.
    pub async fn invite(
        &self,
        actor: &Actor,
        draft: InvitationDraft,
    ) -> Result<(Invitation, Token), Error> {
        let token = Token::generate().map_err(no_randomness)?;
        let sources = &self.accounts.sources;
        let (id, now) = (sources.ids.new_id(), sources.clock.now());
        let email = match &draft.email {
            Patch::Set(email) => Some(email.trim().to_owned()),
            Patch::Absent | Patch::Null | Patch::Unreadable => None,
        };
        let wanted = Wanted {
            email,
            invitations: true,
            ..Wanted::default()
        };
        let invitation = self
            .decide(actor, wanted, |workspace| {
                workspace.invite(actor, draft.clone(), token.digest(), id, now)
            })
            .await?;
        Ok((invitation, token))
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// What [`revoke_invitation`](kith_domain::people::Workspace::revoke_invitation) says, or a failure of the storage.
    pub async fn revoke_invitation(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let wanted = Wanted {
            invitations: true,
            ..Wanted::default()
        };
        self.decide(actor, wanted, |workspace| {
            workspace.revoke_invitation(actor, id)
        })
        .await
    }

    /// Makes an active user of whoever holds the token of an invitation; with their company and
    /// the hash of their password, which is not made in vain.
    ///
    /// # Errors
    /// That the token is worth nothing, everything that is wrong with the rest, that the address has an account
    /// meanwhile, or a failure of the storage.
    pub(crate) async fn accept_invitation(
        &self,
        token: &str,
        joining: JoiningDraft,
        password: NewPassword,
        passwords: &dyn Passwords,
    ) -> Result<(Uuid, User, PasswordHash), Error> {
        let joining = joining.judge()?;
        let (directory, sources) = (&self.accounts.directory, &self.accounts.sources);
        let found = directory.invitation_of_token(&key_digest(token)).await?;
        let (company, invitation) = found
            .filter(|(_, invitation)| !invitation.has_expired(sources.clock.now()))
            .ok_or_else(worthless)?;
        let password = passwords.hash(password).await.map_err(no_randomness)?;
        let (user, now) = (sources.ids.new_id(), sources.clock.now());
        let wanted = Wanted {
            invitations: true,
            ..Wanted::default()
        };
        let accepted = self.accounts.decide(company, user, &wanted, |workspace| {
            let (joining, password) = (joining.clone(), password.clone());
            workspace.accept_invitation(invitation.id, joining, password, user, now)
        });
        match accepted.await {
            // Somebody was faster, or it was revoked meanwhile.
            Err(Error::Refused(Refusal::NotFound(_))) => Err(worthless()),
            other => Ok((company, other?, password)),
        }
    }
}

fn worthless() -> Error {
    let message = "there is no invitation with this token: it never existed, was accepted or revoked, or has expired";
    Refusal::NotFound(vec![Violation::new("", NOT_FOUND, message)]).into()
}
