//! Signatures of deliveries: `X-Webhook-Signature`, and beside it the scheme of Standard Webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kith_domain::webhook::secret::{ENCODED, Secret};
use ring::hmac::{self, HMAC_SHA256};
use uuid::Uuid;

/// HMAC-SHA256 of the raw body under the bytes of the secret as it was given, in lower-case hex.
pub fn plain(secret: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(HMAC_SHA256, secret.reveal().as_bytes());
    hex(hmac::sign(&key, body).as_ref())
}

/// The `webhook-signature` of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
///
/// The key is what follows `whsec_`, decoded from base64; a secret without that mark is the key itself. `seconds` is
/// what the `webhook-timestamp` header says.
pub fn standard(secret: &Secret, id: Uuid, seconds: i64, body: &[u8]) -> String {
    standard_text(secret, &id.to_string(), seconds, body)
}

fn standard_text(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    let text = secret.reveal();
    let decoded = text
        .strip_prefix(ENCODED)
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = hmac::Key::new(HMAC_SHA256, decoded.as_deref().unwrap_or(text.as_bytes()));
    let mut context = hmac::Context::with_key(&key);
    context.update(id.as_bytes());
    context.update(b".");
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]));
    digits.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::*;

    fn hmac_hex(key: &[u8], data: &[u8]) -> String {
        hex(hmac::sign(&hmac::Key::new(HMAC_SHA256, key), data).as_ref())
    }

    fn secret(text: &str) -> Secret {
        Secret::parse(text.to_owned()).unwrap()
    }

    /// RFC 4231, test cases 1 to 4, 6 and 7.
    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 6] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &counted,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hmac_hex(key, data), expected);
        }
        let body = b"what do ya want for nothing?";
        assert_eq!(
            plain(&secret("Jefe"), body),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// The example that all libraries of Standard Webhooks test with.
    #[test]
    fn the_standard_signature_is_that_of_the_libraries() {
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(standard_text(&key, id, 1_614_265_330, body), expected);
    }

    /// Made by `xtask/webhook-vectors` with the libraries that receivers use.
    #[test]
    fn signatures_are_those_of_the_libraries() {
        let files = [
            include_str!("../tests/data/standard-webhooks-npm.json"),
            include_str!("../tests/data/standard-webhooks-pypi.json"),
        ];
        for file in files {
            let file: Value = serde_json::from_str(file).unwrap();
            let vectors = file["vectors"].as_array().unwrap();
            assert!(vectors.len() >= 9);
            for vector in vectors {
                let text = |name: &str| vector[name].as_str().unwrap();
                let signature = standard_text(
                    &secret(text("secret")),
                    text("id"),
                    vector["timestamp"].as_i64().unwrap(),
                    text("body").as_bytes(),
                );
                let case = format!("{}: {}", file["library"], text("name"));
                assert_eq!(signature, text("signature"), "{case}");
            }
        }
    }

    #[test]
    fn a_secret_without_the_mark_is_the_key_itself() {
        let id = Uuid::nil();
        let signed = format!("{id}.7.body");
        let expected = hmac::sign(
            &hmac::Key::new(HMAC_SHA256, b"swordfish"),
            signed.as_bytes(),
        );
        let expected = format!("v1,{}", STANDARD.encode(expected));
        assert_eq!(standard(&secret("swordfish"), id, 7, b"body"), expected);
    }
}
