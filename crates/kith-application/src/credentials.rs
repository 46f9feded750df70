//! API keys and passwords: made, digested and checked, never printed.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
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

/// A password that somebody shows, whatever it is.
pub struct GivenPassword(String);

impl GivenPassword {
    /// Takes a password.
    pub fn new(text: String) -> Self {
        GivenPassword(text)
    }

    /// Whether it is the one that was hashed. Takes tens of milliseconds: not for async threads.
    ///
    /// # Errors
    /// When the hash is none.
    pub fn matches(&self, hash: &PasswordHash) -> Result<bool, CredentialError> {
        let hash = phc::PasswordHash::new(&hash.0).map_err(|_| CredentialError)?;
        // Longer ones are never accepted when they are chosen; hashing them would only take time.
        let is_possible = self.0.chars().count() <= MAX_PASSWORD;
        let given = if is_possible { self.0.as_bytes() } else { b"" };
        let matches = Argon2::default().verify_password(given, &hash).is_ok();
        Ok(matches && is_possible)
    }
}

impl fmt::Debug for GivenPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GivenPassword(***)")
    }
}

/// The hash of nobody's password, made as others are: what is shown for an account that is not there is compared with
/// it, so that the answer takes as long.
pub fn decoy() -> PasswordHash {
    PasswordHash(DECOY.to_owned())
}

const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$a2l0aGtpdGhraXRoa2l0aA$jVZbi1eL8mHnVhVbVbJ9e6T6w2cT0U0rC6c1o4n2v1E";

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

    #[test]
    fn a_password_matches_its_own_hash_alone() {
        let hash = NewPassword::parse("correct horse".to_owned())
            .unwrap()
            .hash()
            .unwrap();
        let matches = |text: &str| GivenPassword::new(text.to_owned()).matches(&hash).unwrap();
        assert!(matches("correct horse"));
        for wrong in [
            "",
            "correct horse ",
            "Correct horse",
            &"x".repeat(MAX_PASSWORD + 1),
        ] {
            assert!(!matches(wrong), "{wrong}");
        }
        assert!(
            GivenPassword::new(String::new())
                .matches(&PasswordHash(String::new()))
                .is_err()
        );
    }

    #[test]
    fn the_decoy_takes_as_long_as_another_hash() {
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        let hash = hash_password("correct horse").unwrap();
        assert_eq!(parameters(&hash), parameters(DECOY));
        assert_eq!(hash.len(), DECOY.len());
        let nobody = GivenPassword::new("correct horse".to_owned());
        assert_eq!(nobody.matches(&decoy()).ok(), Some(false));
    }
}
