//! API keys and passwords: made, digested and checked, never printed.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use kith_domain::people::{Digest, KeyMaterial, PasswordHash};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of an API key.
const KEY_LENGTH: usize = 64;

/// Characters of a token: as hard to guess as 256 bits.
const TOKEN_LENGTH: usize = 43;

/// Shortest accepted password, in characters.
pub const MIN_PASSWORD: usize = 10;

/// Longest accepted password, in characters.
pub const MAX_PASSWORD: usize = 1_000;

/// The system's source of randomness failed, or a parameter of the hash is impossible.
#[derive(Debug, thiserror::Error)]
#[error("could not make a credential")]
pub struct CredentialError;

/// An API key in clear: 64 characters base62, shown once and never stored.
pub struct ApiKey(String);

impl ApiKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, CredentialError> {
        random_text(KEY_LENGTH).map(ApiKey)
    }

    /// The key, to be shown to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn material(&self) -> KeyMaterial {
        KeyMaterial {
            digest: key_digest(&self.0),
            prefix: self.prefix().to_owned(),
        }
    }

    /// The beginning, for display.
    pub fn prefix(&self) -> &str {
        &self.0[..6]
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

/// SHA-256 of a key or token as a caller sent it.
pub fn key_digest(key: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    Digest(bytes)
}

/// The token of a link in clear: 43 characters base62, shown once and never stored.
pub struct Token(String);

impl Token {
    /// A new random token.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, CredentialError> {
        random_text(TOKEN_LENGTH).map(Token)
    }

    /// The token, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn digest(&self) -> Digest {
        key_digest(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// A password that somebody chose, of an accepted length.
pub struct NewPassword(String);

impl NewPassword {
    /// Takes a password.
    ///
    /// # Errors
    /// What is accepted; the password is not repeated.
    pub fn parse(text: String) -> Result<Self, String> {
        let length = text.chars().count();
        if (MIN_PASSWORD..=MAX_PASSWORD).contains(&length) {
            return Ok(NewPassword(text));
        }
        Err(format!(
            "the password has {length} characters; {MIN_PASSWORD} to {MAX_PASSWORD} are accepted"
        ))
    }

    /// See [`hash_password`].
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn hash(&self) -> Result<PasswordHash, CredentialError> {
        hash_password(&self.0).map(PasswordHash)
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(***)")
    }
}

/// Random base62 text.
///
/// # Errors
/// When the system has no randomness.
pub fn random_text(length: usize) -> Result<String, CredentialError> {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        random.fill(&mut bytes).map_err(|_| CredentialError)?;
        // Only bytes below 4 × 62 count, so that every character is equally likely.
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(length - text.len()));
    }
    Ok(text)
}

/// The argon2id PHC string of a password. Takes tens of milliseconds: not for async threads.
///
/// # Errors
/// When the system has no randomness.
pub fn hash_password(password: &str) -> Result<String, CredentialError> {
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| CredentialError)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn keys_are_64_base62_characters_and_do_not_print_themselves() {
        let key = ApiKey::generate().unwrap();
        assert_eq!(key.reveal().len(), 64);
        assert!(
            key.reveal()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        assert_ne!(key.reveal(), ApiKey::generate().unwrap().reveal());
        assert!(!format!("{key:?}").contains(key.prefix()));
    }
}
