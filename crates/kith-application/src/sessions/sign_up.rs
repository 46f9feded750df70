//! How people get an account by themselves: by an invitation, or by founding a company where that is allowed.

use kith_domain::event::workspace::{self, Told};
use kith_domain::people::{
    Denial, Founding, FoundingDraft, JoiningDraft, PasswordHash, User, Visitor, no_such,
};
use uuid::Uuid;

use super::{Sessions, SignIn, SignedIn};
use crate::accounts::{Person, email_taken};
use crate::credentials::NewPassword;
use crate::error::Error;
use crate::people::no_randomness;

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUp {
    /// Everybody; whoever was not invited founds a company.
    Open,
    /// Who was invited.
    #[default]
    Invitation,
    /// Nobody.
    Closed,
}

/// What somebody comes with who signs up.
pub enum Entrance {
    /// The token of an invitation.
    Invitation(String, JoiningDraft),
    /// A company to be founded.
    Founding(FoundingDraft),
}

impl Sessions {
    /// Makes a user of whoever was invited or founds a company, and signs them in.
    ///
    /// # Errors
    /// That nobody is admitted so, everything that is wrong, or a failure of the storage.
    pub async fn sign_up(
        &self,
        entrance: Entrance,
        password: NewPassword,
        visitor: Visitor,
    ) -> Result<Box<SignedIn>, Error> {
        let (company, user, hash) = match entrance {
            Entrance::Invitation(token, joining) => {
                self.admits(true)?;
                let passwords = &*self.surroundings.passwords;
                let accepted = self
                    .people
                    .accept_invitation(&token, joining, password, passwords);
                let (company, user, hash) = accepted.await?;
                (company, user.id, hash)
            }
            Entrance::Founding(draft) => {
                self.admits(false)?;
                let founding = draft.judge()?;
                // Whoever is there already need not wait for the rest.
                let known = self.directory().user_by_email(&founding.email).await?;
                if known.is_some() {
                    return Err(email_taken("/email").into());
                }
                let passwords = &self.surroundings.passwords;
                let hash = passwords.hash(password).await.map_err(no_randomness)?;
                let (company, user) = self.found(founding, hash.clone()).await?;
                (company, user, hash)
            }
        };
        match self.open(company, user, &hash, visitor).await? {
            SignIn::Granted(signed_in) => Ok(signed_in),
            SignIn::Wrong | SignIn::Inactive => Err(no_such("user", user).into()),
        }
    }

    /// Makes a user of whoever holds the token of an invitation, without signing them in.
    ///
    /// # Errors
    /// That nobody is admitted so, everything that is wrong, or a failure of the storage.
    pub async fn accept_invitation(
        &self,
        token: &str,
        joining: JoiningDraft,
        password: NewPassword,
    ) -> Result<User, Error> {
        self.admits(true)?;
        let passwords = &*self.surroundings.passwords;
        let accepted = self
            .people
            .accept_invitation(token, joining, password, passwords);
        Ok(accepted.await?.1)
    }

    /// Whether this server admits people, with an invitation or without one.
    ///
    /// # Errors
    /// That it does not.
    pub fn admits(&self, is_invited: bool) -> Result<(), Denial> {
        match self.surroundings.sign_up {
            SignUp::Closed => Err(Denial::SignUpClosed),
            SignUp::Invitation if !is_invited => Err(Denial::InvitationOnly),
            SignUp::Invitation | SignUp::Open => Ok(()),
        }
    }

    async fn found(
        &self,
        founding: Founding,
        password: PasswordHash,
    ) -> Result<(Uuid, Uuid), Error> {
        let administrator = Person {
            email: founding.email,
            first_name: founding.joining.first_name,
            last_name: founding.joining.last_name,
            password_hash: Some(password),
        };
        let mut new = self
            .accounts()
            .company(&founding.company, administrator, Vec::new());
        let company = new.company.id;
        let founders = new.users.iter().map(|(user, _)| {
            let told = Told::State(user.facts());
            let name = workspace::USER_CREATED;
            self.sources()
                .log_for(company, user.id, name, user.id, told)
        });
        new.events = founders.collect();
        let user = new.users[0].0.id;
        if self.directory().create_company(&new).await? {
            Ok((company, user))
        } else {
            Err(email_taken("/email").into())
        }
    }
}
