//! E-mail addresses as contacts and columns of type email accept and store them (contract sections 2 and 4).

use email_address::{EmailAddress, Options};

/// The longest address that is accepted, in characters (RFC 5321, erratum 1690).
pub const MAX_LENGTH: usize = 254;

/// Why a text is not an address; the message says what is accepted, the caller adds where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing but white space.
    #[error("an e-mail address is empty; accepted: an address such as ada@example.com")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("an e-mail address has more than {MAX_LENGTH} characters")]
    TooLong,
    /// Not of the form `local@domain`, or with a display name, quotes, an address literal or a domain without a dot.
    #[error(
        "not an e-mail address; accepted: an address such as ada@example.com, without a name around it"
    )]
    Invalid,
}

/// Trims and checks one address and writes its domain in lower case; the local part keeps its case.
///
/// A second pass changes nothing. Quoted local parts (`"a b"@example.com`), address literals (`a@[127.0.0.1]`) and
/// domains without a dot are refused: they are valid in the RFC and a typo in a CRM.
///
/// # Errors
/// [`EmailError`] if the text is empty, too long or not an address.
pub fn parse_email(text: &str) -> Result<String, EmailError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(EmailError::Empty);
    }
    if text.chars().count() > MAX_LENGTH {
        return Err(EmailError::TooLong);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Invalid)?;
    let address = format!("{local}@{}", domain.to_lowercase());
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let plain =
        |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '(' | ')' | ','));
    match EmailAddress::parse_with_options(&address, options) {
        Ok(_) if address.chars().count() <= MAX_LENGTH && address.chars().all(plain) => Ok(address),
        _ => Err(EmailError::Invalid),
    }
}

/// What two addresses have in common if they are the same to a person: compare addresses by this, store them as parsed.
#[must_use]
pub fn comparison_key(address: &str) -> String {
    address.to_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepted_addresses_keep_the_local_part_and_lower_the_domain() {
        for (given, stored) in [
            ("ada@example.com", "ada@example.com"),
            ("  Ada.Lovelace@Example.COM\n", "Ada.Lovelace@example.com"),
            ("a+tag@sub.example.co.uk", "a+tag@sub.example.co.uk"),
            ("o'hara@example.ie", "o'hara@example.ie"),
            ("jörg@Müller.de", "jörg@müller.de"),
            ("用户@例子.公司", "用户@例子.公司"),
        ] {
            assert_eq!(parse_email(given).unwrap(), stored);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(parse_email(" \t"), Err(EmailError::Empty));
        assert_eq!(
            parse_email(&format!("{}@example.com", "a".repeat(250))),
            Err(EmailError::TooLong)
        );
        for given in [
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@@example.com",
            "ada@example..com",
            "ada@-example.com",
            "ada@example.com.",
            "Ada <ada@example.com>",
            "\"a b\"@example.com",
            "a b@example.com",
            "ada@[127.0.0.1]",
            "a,b@example.com",
            ".ada@example.com",
            "ada@exam\nple.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "a(comment)@example.com",
            "mailto:ada@example .com",
        ] {
            assert_eq!(parse_email(given), Err(EmailError::Invalid), "{given}");
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(text in "[ -~äßİΣΑ]{0,12}@[a-zA-ZäßİΣΑ0-9.-]{1,12}\\.[a-zA-ZΣ]{2,4}") {
            if let Ok(once) = parse_email(&text) {
                prop_assert_eq!(parse_email(&once), Ok(once.clone()));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse_email(&text);
        }
    }
}
