//! Changes of passwords: by showing the present one, or with a link.

use kith_domain::actor::Actor;
use kith_domain::people::{
    GRANTED_RESET_LASTS, MAILED_RESET_LASTS, PasswordReset, no_such, unlimited,
};
use kith_domain::ports::directory::Wanted;
use kith_domain::time::Timestamp;
use kith_domain::violation::{NOT_FOUND, Refusal, Violation};
use uuid::Uuid;

use super::{Sessions, broken_hash};
use crate::accounts::Credential;
use crate::credentials::{GivenPassword, NewPassword, Token, decoy, key_digest};
use crate::error::Error;
use crate::people::no_randomness;
use crate::ports::{Mail, MailError};

/// A link for a new password that an administrator hands over; shown once.
#[derive(Debug)]
pub struct GrantedReset {
    /// What it is good for, and until when.
    pub reset: PasswordReset,
    /// What its holder shows.
    pub token: Token,
}

/// Why a link for a new password was not sent.
#[derive(Debug, thiserror::Error)]
pub enum ResetMailError {
    /// The leave could not be given.
    #[error(transparent)]
    Storage(#[from] Error),
    /// The mail server did not take it.
    #[error(transparent)]
    Mail(#[from] MailError),
}

impl Sessions {
    /// Gives the actor a new password if `present` is the one they have, and ends their other sessions: all but the one
    /// of `credential`. `false` if it is not.
    ///
    /// # Errors
    /// A credential with limits, or a failure of the storage.
    pub async fn change_password(
        &self,
        actor: &Actor,
        credential: Credential,
        present: GivenPassword,
        password: NewPassword,
    ) -> Result<bool, Error> {
        unlimited(actor)?;
        let user = self.directory().user(actor.company, actor.user).await?;
        let user = user.ok_or_else(|| no_such("user", actor.user))?;
        let known = self.directory().credentials(&user.email).await?;
        let known = known.and_then(|known| known.password);
        let verified = known.clone().unwrap_or_else(decoy);
        let passwords = &self.surroundings.passwords;
        let matches = passwords.matches(present, verified.clone()).await;
        if !matches.map_err(broken_hash)? || known.is_none() {
            return Ok(false);
        }
        let password = passwords.hash(password).await.map_err(no_randomness)?;
        let session = match credential {
            Credential::Session(id) => Some(id),
            Credential::Key(_) => None,
        };
        self.decide(actor, |workspace| {
            workspace.change_password(actor, &verified, password.clone(), session)
        })
        .await
    }

    /// Sends a link for a new password to the active user with an address, if there is one and a mail server; whoever
    /// asked for it is told the same in any case, and does not wait for it.
    ///
    /// # Errors
    /// When the storage or the mail server does not do its part.
    pub async fn mail_reset(&self, email: &str) -> Result<(), ResetMailError> {
        let Some(mailer) = &self.surroundings.mailer else {
            tracing::info!("a link for a new password was asked for, but no mail server is set");
            return Ok(());
        };
        let found = self.directory().credentials(email.trim()).await;
        let Some(known) = found.map_err(Error::from)? else {
            return Ok(());
        };
        let token = Token::generate().map_err(no_randomness)?;
        let reset = self.reset(known.user, MAILED_RESET_LASTS);
        let wanted = Wanted {
            account: Some(known.user),
            ..Wanted::default()
        };
        let given = self
            .accounts()
            .decide(known.company, known.user, &wanted, |workspace| {
                workspace.mail_reset(reset.clone(), token.digest())
            })
            .await?;
        let user = self.directory().user(known.company, known.user).await;
        if let Some((_, user)) = given.zip(user.map_err(Error::from)?) {
            let text = format!(
                "Hello {},\n\nsomebody, probably you, asked for a new password for {}. Within an hour you can choose one \
                 here, once:\n\n{}\n\nIf it was not you, there is nothing to do: your password stays as it is.\n",
                user.first_name,
                user.email,
                self.reset_link(&token)
            );
            let mail = Mail {
                to: user.email,
                subject: "Choose a new password".to_owned(),
                text,
            };
            mailer.send(mail).await?;
        }
        Ok(())
    }

    /// Gives leave to choose a new password for a user, to be handed over.
    ///
    /// # Errors
    /// What [`grant_reset`](kith_domain::people::Workspace::grant_reset) says, or a failure of the storage.
    pub async fn grant_reset(&self, actor: &Actor, user: Uuid) -> Result<GrantedReset, Error> {
        let token = Token::generate().map_err(no_randomness)?;
        let reset = self.reset(user, GRANTED_RESET_LASTS);
        let wanted = Wanted {
            users: vec![actor.user],
            account: Some(user),
            ..Wanted::default()
        };
        let (company, by) = (actor.company, actor.user);
        let reset = self
            .accounts()
            .decide(company, by, &wanted, |workspace| {
                workspace.grant_reset(actor, reset.clone(), token.digest())
            })
            .await?;
        Ok(GrantedReset { reset, token })
    }

    /// Where a token can be shown. It stands where no server's log sees it.
    pub fn reset_link(&self, token: &Token) -> String {
        let base = &self.surroundings.public_url;
        format!("{base}/password-reset#{}", token.reveal())
    }

    /// Sets the password that the holder of a token chose. Theirs is not hashed in vain.
    ///
    /// # Errors
    /// That the token is worth nothing, or a failure of the storage.
    pub async fn complete_reset(&self, token: &str, password: NewPassword) -> Result<(), Error> {
        let now = self.sources().clock.now();
        let found = self.directory().reset_of_token(&key_digest(token)).await?;
        let (company, reset) = found
            .filter(|(_, reset)| !reset.has_expired(now))
            .ok_or_else(worthless)?;
        let passwords = &self.surroundings.passwords;
        let password = passwords.hash(password).await.map_err(no_randomness)?;
        let now = self.sources().clock.now();
        let wanted = Wanted {
            account: Some(reset.user),
            ..Wanted::default()
        };
        let completed = self
            .accounts()
            .decide(company, reset.user, &wanted, |workspace| {
                workspace.complete_reset(&reset, password.clone(), now)
            })
            .await;
        match completed {
            // It was used meanwhile, or the user may not act any more.
            Err(Error::Refused(Refusal::NotFound(_))) => Err(worthless()),
            other => other,
        }
    }

    fn reset(&self, user: Uuid, lasts: i64) -> PasswordReset {
        let now = self.sources().clock.now();
        PasswordReset {
            id: self.sources().ids.new_id(),
            user,
            created_at: now,
            expires_at: Timestamp(now.0 + lasts),
        }
    }
}

fn worthless() -> Error {
    let message = "this link for a new password is worth nothing: it never existed, was used or replaced, or has expired";
    Refusal::NotFound(vec![Violation::new("", NOT_FOUND, message)]).into()
}
