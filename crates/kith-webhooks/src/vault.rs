//! Secrets at rest: AES-256-GCM under a key from a file that only the server's user can read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kith_domain::ports::vault::{Vault, VaultError};
use kith_domain::webhook::secret::{SealedSecret, Secret};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// First byte of a sealed secret: how the rest is to be read.
const VERSION: u8 = 1;

/// Bytes of a key.
const KEY: usize = 32;

/// Seals with a key.
pub struct KeyVault {
    key: LessSafeKey,
    random: SystemRandom,
}

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or made.
    #[error("the key file {0}: {1}")]
    File(String, std::io::Error),
    /// It holds no key.
    #[error("the key file {0} must hold 32 bytes in base64 (44 characters)")]
    NotAKey(String),
    /// No randomness.
    #[error("the system has no randomness for a new key")]
    NoRandomness,
}

impl KeyVault {
    /// A vault with this key.
    ///
    /// # Errors
    /// Never for 32 bytes.
    pub fn new(key: &[u8; KEY]) -> Result<Self, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| VaultError("the key cannot be used".to_owned()))?;
        Ok(KeyVault {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }

    /// The vault with the key in a file (`KITH_SECRET_KEY_FILE`), which is made, readable by its owner only, if there
    /// is none. Blocks: for the start of the program.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds no key.
    pub fn open_file(path: &Path) -> Result<Self, KeyFileError> {
        let name = path.display().to_string();
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(path)?;
                fs::read_to_string(path)
            }
            read => read,
        };
        let text = text.map_err(|error| KeyFileError::File(name.clone(), error))?;
        let bytes = STANDARD.decode(text.trim()).ok();
        let key = bytes.and_then(|bytes| <[u8; KEY]>::try_from(bytes).ok());
        let vault = key.and_then(|key| KeyVault::new(&key).ok());
        vault.ok_or(KeyFileError::NotAKey(name))
    }
}

/// Makes a key file; if another process was faster, its file stays.
fn make(path: &Path) -> Result<(), KeyFileError> {
    let failed = |error| KeyFileError::File(path.display().to_string(), error);
    let mut key = [0; KEY];
    let mut suffix = [0; 4];
    let random = SystemRandom::new();
    random
        .fill(&mut key)
        .and_then(|()| random.fill(&mut suffix))
        .map_err(|_| KeyFileError::NoRandomness)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:08x}", u32::from_be_bytes(suffix)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft).map_err(failed)?;
    let written = writeln!(file, "{}", STANDARD.encode(key)).and_then(|()| file.sync_all());
    // A link appears with its whole content or not at all, and never replaces a key that is in use.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

/// What a sealed secret is bound to.
fn bound(company: Uuid, webhook: Uuid) -> Aad<[u8; 32]> {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(company.as_bytes());
    bytes[16..].copy_from_slice(webhook.as_bytes());
    Aad::from(bytes)
}

impl Vault for KeyVault {
    fn seal(
        &self,
        company: Uuid,
        webhook: Uuid,
        secret: &Secret,
    ) -> Result<SealedSecret, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| VaultError("the system has no randomness".to_owned()))?;
        let mut text = secret.reveal().as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                bound(company, webhook),
                &mut text,
            )
            .map_err(|_| VaultError("the secret cannot be encrypted".to_owned()))?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Ok(SealedSecret(sealed))
    }

    fn open(
        &self,
        company: Uuid,
        webhook: Uuid,
        sealed: &SealedSecret,
    ) -> Result<Secret, VaultError> {
        let unreadable = || {
            VaultError(
                "the secret cannot be decrypted; was it stored under another key?".to_owned(),
            )
        };
        let rest = sealed.0.strip_prefix(&[VERSION]).ok_or_else(unreadable)?;
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or_else(unreadable)?;
        let mut text = text.to_vec();
        let text = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                bound(company, webhook),
                &mut text,
            )
            .map_err(|_| unreadable())?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| unreadable())?;
        Secret::parse(text).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;

    use super::*;

    const COMPANY: Uuid = Uuid::from_u128(1);
    const WEBHOOK: Uuid = Uuid::from_u128(2);

    #[test]
    fn a_sealed_secret_opens_for_its_webhook_only() {
        let vault = KeyVault::new(&[7; KEY]).unwrap();
        let secret = Secret::parse("swordfish".to_owned()).unwrap();
        let sealed = vault.seal(COMPANY, WEBHOOK, &secret).unwrap();
        assert_eq!(vault.open(COMPANY, WEBHOOK, &sealed).unwrap(), secret);
        assert_ne!(sealed, vault.seal(COMPANY, WEBHOOK, &secret).unwrap());
        assert!(!sealed.0.windows(9).any(|window| window == b"swordfish"));
        assert!(vault.open(COMPANY, COMPANY, &sealed).is_err());
        assert!(vault.open(WEBHOOK, WEBHOOK, &sealed).is_err());
        let other = KeyVault::new(&[8; KEY]).unwrap();
        assert!(other.open(COMPANY, WEBHOOK, &sealed).is_err());
        for at in 0..sealed.0.len() {
            let mut altered = sealed.clone();
            altered.0[at] ^= 1;
            assert!(vault.open(COMPANY, WEBHOOK, &altered).is_err(), "byte {at}");
        }
        assert!(
            vault
                .open(COMPANY, WEBHOOK, &SealedSecret(vec![VERSION]))
                .is_err()
        );
    }

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kith-vault-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_only() {
        let folder = scratch("made");
        let path = folder.join("kith.key");
        let secret = Secret::parse("swordfish".to_owned()).unwrap();
        let sealed = KeyVault::open_file(&path)
            .unwrap()
            .seal(COMPANY, WEBHOOK, &secret)
            .unwrap();
        let again = KeyVault::open_file(&path).unwrap();
        assert_eq!(again.open(COMPANY, WEBHOOK, &sealed).unwrap(), secret);
        // A slower process leaves the file alone.
        make(&path).unwrap();
        assert!(
            KeyVault::open_file(&path)
                .unwrap()
                .open(COMPANY, WEBHOOK, &sealed)
                .is_ok()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        let folder = scratch("refused");
        let path = folder.join("kith.key");
        fs::write(&path, "short").unwrap();
        assert!(matches!(
            KeyVault::open_file(&path),
            Err(KeyFileError::NotAKey(_))
        ));
        let missing = folder.join("nowhere").join("kith.key");
        assert!(matches!(
            KeyVault::open_file(&missing),
            Err(KeyFileError::File(..))
        ));
        fs::remove_dir_all(folder).unwrap();
    }
}
