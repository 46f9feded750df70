//! The use cases on signing in and out, signing up, and passwords.

mod passwords;
mod sign_up;

use std::fmt;
use std::sync::Arc;

use kith_domain::actor::Actor;
use kith_domain::people::{
    Decision, Entry, PasswordHash, Rejection, Session, User, Visitor, Workspace, no_such, unlimited,
};
use kith_domain::ports::RepositoryError;
use kith_domain::ports::directory::{Directory, Wanted};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::credentials::{CredentialError, GivenPassword, Token, decoy};
use crate::error::Error;
use crate::people::{People, no_randomness};
use crate::ports::{Mailer, Passwords};
use crate::sources::Sources;

pub use passwords::{GrantedReset, ResetMailError};
pub use sign_up::{Entrance, SignUp};

/// What signing in depends on besides accounts.
pub struct Surroundings {
    /// Hashes passwords.
    pub passwords: Arc<dyn Passwords>,
    /// Sends links for a new password, if there is a mail server.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// What links begin with: the address that people use, without a slash at its end.
    pub public_url: String,
}

/// The use cases on sessions.
pub struct Sessions {
    people: Arc<People>,
    surroundings: Surroundings,
}

/// Somebody who has just signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Their session.
    pub session: Session,
    /// Its token, for their browser alone.
    pub token: Token,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("user", &self.user.id)
            .field("session", &self.session.id)
            .finish_non_exhaustive()
    }
}

/// What becomes of somebody who wants to sign in.
#[derive(Debug)]
pub enum SignIn {
    /// They are in.
    Granted(Box<SignedIn>),
    /// There is no such account, or the password is another one; which of them is not told.
    Wrong,
    /// Address and password belong together, but the user may not act.
    Inactive,
}

impl Sessions {
    /// The use cases beside those on people.
    pub fn new(people: Arc<People>, surroundings: Surroundings) -> Self {
        Sessions {
            people,
            surroundings,
        }
    }

    fn accounts(&self) -> &Accounts {
        &self.people.accounts
    }

    fn directory(&self) -> &dyn Directory {
        &*self.people.accounts.directory
    }

    fn sources(&self) -> &Sources {
        &self.people.accounts.sources
    }

    /// Opens a session for whoever shows an address and its password. It takes as long when there is no such account.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn sign_in(
        &self,
        email: &str,
        password: GivenPassword,
        visitor: Visitor,
    ) -> Result<SignIn, Error> {
        let found = self.directory().credentials(email.trim()).await?;
        let (owner, hash) = match found {
            Some(found) => (Some((found.company, found.user)), found.password),
            None => (None, None),
        };
        let owner = owner.filter(|_| hash.is_some());
        let hash = hash.unwrap_or_else(decoy);
        let passwords = &self.surroundings.passwords;
        let matches = passwords.matches(password, hash.clone()).await;
        let Some((company, user)) = owner.filter(|_| matches.as_ref().is_ok_and(|right| *right))
        else {
            matches.map_err(broken_hash)?;
            return Ok(SignIn::Wrong);
        };
        self.open(company, user, &hash, visitor).await
    }

    /// Opens a session for a user whose password is known to have been shown.
    async fn open(
        &self,
        company: Uuid,
        user: Uuid,
        verified: &PasswordHash,
        visitor: Visitor,
    ) -> Result<SignIn, Error> {
        let token = Token::generate().map_err(no_randomness)?;
        let (id, now) = (self.sources().ids.new_id(), self.sources().clock.now());
        let session = Session::open(id, user, visitor, now);
        let wanted = Wanted {
            account: Some(user),
            ..Wanted::default()
        };
        let entry = self
            .accounts()
            .decide(company, user, &wanted, |workspace| {
                workspace.open_session(verified, session.clone(), token.digest())
            })
            .await?;
        let session = match entry {
            Entry::Granted(session) => session,
            Entry::Wrong => return Ok(SignIn::Wrong),
            Entry::Inactive => return Ok(SignIn::Inactive),
        };
        let user = self.directory().user(company, user).await?;
        let user = user.ok_or_else(|| no_such("user", session.user))?;
        Ok(SignIn::Granted(Box::new(SignedIn {
            user,
            session,
            token,
        })))
    }

    /// Ends the session that a caller has shown.
    ///
    /// # Errors
    /// When the storage does not do its part.
    pub async fn sign_out(&self, actor: &Actor, session: Uuid) -> Result<(), Error> {
        self.decide(actor, |workspace| workspace.sign_out(session))
            .await
    }

    /// The actor's sessions, oldest first.
    ///
    /// # Errors
    /// A credential with limits, or a failure of the storage.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<Session>, Error> {
        unlimited(actor)?;
        let now = self.sources().clock.now();
        let sessions = self.directory().sessions(actor.company, actor.user).await?;
        let open = sessions
            .into_iter()
            .filter(|session| !session.has_expired(now));
        Ok(open.collect())
    }

    /// Ends one of the actor's sessions.
    ///
    /// # Errors
    /// What [`revoke_session`](kith_domain::people::Workspace::revoke_session) says, or a failure of the storage.
    pub async fn revoke(&self, actor: &Actor, session: Uuid) -> Result<(), Error> {
        self.decide(actor, |workspace| workspace.revoke_session(actor, session))
            .await
    }

    /// Decides on what the actor signs in with.
    async fn decide<T: Send>(
        &self,
        actor: &Actor,
        decide: impl FnMut(&Workspace) -> Result<Decision<T>, Rejection> + Send,
    ) -> Result<T, Error> {
        let wanted = Wanted {
            account: Some(actor.user),
            ..Wanted::default()
        };
        let decided = self
            .accounts()
            .decide(actor.company, actor.user, &wanted, decide);
        decided.await
    }
}

fn broken_hash(error: CredentialError) -> Error {
    RepositoryError::Failed(format!("a password could not be checked: {error}")).into()
}
