//! Requests as they arrive, and what their signatures have to be.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use uuid::Uuid;

/// Longest head of a request.
const LONGEST_HEAD: usize = 64 * 1024;

/// A request of a sender.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Where it was sent to.
    pub path: String,
    /// Header lines after the first line, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
    /// When its first byte was there.
    pub at: Instant,
}

impl Incoming {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// `webhook-id`.
    pub(super) fn webhook_id(&self) -> Option<Uuid> {
        self.header("webhook-id")?.parse().ok()
    }

    /// What is wrong with the request, if anything is.
    pub(super) fn problem(&self) -> Option<String> {
        let expected = ("content-type", "application/json");
        if self.header(expected.0) != Some(expected.1) {
            return Some(format!(
                "{} is {:?}",
                expected.0,
                self.header(expected.0).unwrap_or_default()
            ));
        }
        let (Some(id), Some(seconds)) =
            (self.header("webhook-id"), self.header("webhook-timestamp"))
        else {
            return Some("no webhook-id or webhook-timestamp".to_owned());
        };
        let [plain, standard] = signatures(&super::secret(&self.path), id, seconds, &self.body);
        for (name, signature) in [
            ("x-webhook-signature", plain),
            ("webhook-signature", standard),
        ] {
            if self.header(name) != Some(signature.as_str()) {
                return Some(format!("{name} of {id} is not that of the body"));
            }
        }
        None
    }
}

/// `X-Webhook-Signature` and `webhook-signature` under a secret without mark, from scratch.
pub fn signatures(secret: &str, id: &str, seconds: &str, body: &[u8]) -> [String; 2] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let plain = hmac::sign(&key, body);
    let mut hex = String::with_capacity(64);
    for byte in plain.as_ref() {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(digit.into(), 16));
        }
    }
    let mut context = hmac::Context::with_key(&key);
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        context.update(part);
    }
    let standard = STANDARD.encode(context.sign());
    [hex, format!("v1,{standard}")]
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Reads the next request; nothing if there is none, or if it is not one. `rest` holds what was read already.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
) -> Option<Incoming> {
    let mut at = (!rest.is_empty()).then(Instant::now);
    let end = loop {
        if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if rest.len() > LONGEST_HEAD || stream.read_buf(rest).await.ok()? == 0 {
            return None;
        }
        at.get_or_insert_with(Instant::now);
    };
    let head = std::str::from_utf8(rest.get(..end)?).ok()?;
    let (first, head) = head.split_once("\r\n")?;
    let path = first.split(' ').nth(1)?.to_owned();
    let length: usize = header(head, "content-length")?.parse().ok()?;
    let head = head.to_owned();
    while rest.len() < end + length {
        if stream.read_buf(rest).await.ok()? == 0 {
            return None;
        }
    }
    let body = rest.get(end..end + length)?.to_vec();
    rest.drain(..end + length);
    Some(Incoming {
        path,
        head,
        body,
        at: at?,
    })
}
