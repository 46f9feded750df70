//! The port that encrypts secrets before they are stored.

use uuid::Uuid;

use crate::webhook::secret::{SealedSecret, Secret};

/// A secret could not be encrypted or decrypted; the reason never holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VaultError(pub String);

/// Encrypts secrets at rest. A sealed secret opens for the webhook that it was sealed for, and no other.
pub trait Vault: Send + Sync {
    /// Encrypts the secret of a webhook.
    ///
    /// # Errors
    /// When there is no randomness.
    fn seal(
        &self,
        company: Uuid,
        webhook: Uuid,
        secret: &Secret,
    ) -> Result<SealedSecret, VaultError>;

    /// Decrypts it.
    ///
    /// # Errors
    /// When it was sealed with another key, for another webhook, or was altered.
    fn open(
        &self,
        company: Uuid,
        webhook: Uuid,
        sealed: &SealedSecret,
    ) -> Result<Secret, VaultError>;
}
