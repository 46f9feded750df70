//! What the use cases on accounts ask of the world around them.

use std::fmt;

use async_trait::async_trait;
use kith_domain::people::PasswordHash;

use crate::credentials::{CredentialError, GivenPassword, NewPassword};

/// Hashes passwords and checks them, which takes tens of milliseconds and as many megabytes: on threads where that does
/// no harm, and few at once.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// See [`NewPassword::hash`].
    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, CredentialError>;

    /// See [`GivenPassword::matches`].
    async fn matches(
        &self,
        password: GivenPassword,
        hash: PasswordHash,
    ) -> Result<bool, CredentialError>;
}

/// A letter. It prints its address alone: what it says is for its reader.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// About what.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// A letter was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mail could not be sent: {0}")]
pub struct MailError(pub String);

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a letter over to a mail server.
    async fn send(&self, mail: Mail) -> Result<(), MailError>;
}
