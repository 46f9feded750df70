//! Passwords hashed and checked on threads of their own, a few at once.

use async_trait::async_trait;
use kith_application::credentials::{CredentialError, GivenPassword, NewPassword};
use kith_application::ports::Passwords;
use kith_domain::people::PasswordHash;
use tokio::sync::Semaphore;

/// Hashes passwords on the threads for blocking work.
pub(crate) struct BlockingPasswords {
    /// As many at once as there are processors: more would only take longer, and 19 MiB each.
    permits: Semaphore,
}

impl BlockingPasswords {
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        BlockingPasswords {
            permits: Semaphore::new(processors),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CredentialError> + Send + 'static,
    ) -> Result<T, CredentialError> {
        // It is never closed.
        let _permit = self.permits.acquire().await.map_err(|_| CredentialError)?;
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(CredentialError))
    }
}

#[async_trait]
impl Passwords for BlockingPasswords {
    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, CredentialError> {
        self.run(move || password.hash()).await
    }

    async fn matches(
        &self,
        password: GivenPassword,
        hash: PasswordHash,
    ) -> Result<bool, CredentialError> {
        self.run(move || password.matches(&hash)).await
    }
}
