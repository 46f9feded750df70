//! Webhook secrets: what they may be, and types that never print them.

use std::fmt;

/// Longest secret, in bytes.
pub const MAX_SECRET: usize = 500;

/// Marks a secret whose rest is the signing key in base64 (Standard Webhooks).
pub const ENCODED: &str = "whsec_";

/// A secret in clear. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret that somebody chose.
    ///
    /// # Errors
    /// What is wrong, as a sentence that does not repeat the secret.
    pub fn parse(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_SECRET {
            return Err(format!(
                "a secret has 1 to {MAX_SECRET} bytes, this one has {}",
                text.len()
            ));
        }
        if text.chars().any(char::is_control) {
            return Err("a secret has no control characters".to_owned());
        }
        if let Some(encoded) = text.strip_prefix(ENCODED)
            && !is_base64(encoded)
        {
            return Err(format!(
                "after {ENCODED} a secret is base64, as in {ENCODED}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            ));
        }
        Ok(Secret(text))
    }

    /// The secret in clear: to sign with, or to be shown to who may see it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A secret as it is stored: encrypted, readable by a [`crate::ports::vault::Vault`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub Vec<u8>);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(***)")
    }
}

/// Base64 of at least one byte in the standard alphabet, padded.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    !digits.is_empty()
        && padding <= 2
        && text.len().is_multiple_of(4)
        && digits
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_checked_and_never_printed() {
        for good in [
            "use-a-random-string-from-a-password-manager",
            "x",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_YQ==",
            "Ümläut 日本",
        ] {
            assert!(Secret::parse(good.to_owned()).is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_SECRET + 1);
        for bad in [
            "",
            long.as_str(),
            "a\nb",
            "whsec_",
            "whsec_a",
            "whsec_====",
            "whsec_YQ=",
            "whsec_Y-==",
        ] {
            match Secret::parse(bad.to_owned()) {
                Ok(_) => assert_eq!(bad, "", "accepted"),
                Err(error) => assert!(bad.len() < 8 || !error.contains(bad), "{error}"),
            }
        }
        let secret = Secret::parse("swordfish".to_owned());
        assert_eq!(format!("{secret:?}"), "Ok(Secret(***))");
        assert_eq!(
            format!("{:?}", SealedSecret(vec![1, 2])),
            "SealedSecret(***)"
        );
    }
}
