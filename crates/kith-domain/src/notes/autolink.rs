//! Addresses in plain text that become links, by the rules of marked (the parser inside Tiptap's extension).

use std::ops::Range;

/// An address found in text.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it stands.
    pub(super) range: Range<usize>,
    /// The characters that make it an address; escaped, they do not.
    pub(super) trigger: Range<usize>,
    /// Where the link leads; `None` for `ftp:`, which notes do not link.
    pub(super) href: Option<String>,
}

/// The addresses in a text, in order, without overlap.
pub(super) fn find(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hit = match bytes[at].to_ascii_lowercase() {
            b'h' | b'f' | b'w' => url(text, at),
            b'@' => email(text, found.last().map_or(0, |last| last.range.end), at),
            _ => None,
        };
        match hit {
            Some(hit) => {
                at = hit.range.end.max(at + 1);
                found.push(hit);
            }
            None => at += 1,
        }
    }
    found
}

fn url(text: &str, start: usize) -> Option<Found> {
    let rest = text.get(start..)?;
    let prefix = ["https://", "http://", "ftp://", "www."]
        .into_iter()
        .find(|prefix| {
            rest.get(..prefix.len()).is_some_and(|head| {
                if *prefix == "www." {
                    head == *prefix
                } else {
                    head.eq_ignore_ascii_case(prefix)
                }
            })
        })?;
    let body = rest.get(prefix.len()..)?;
    if !body.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') {
        return None;
    }
    let end = body
        .find(|c: char| c.is_whitespace() || c == '<')
        .unwrap_or(body.len());
    let whole = rest.get(..prefix.len() + end)?;
    let address = whole.get(..trimmed_len(whole))?;
    if address.len() <= prefix.len() {
        return None;
    }
    let href = match prefix {
        "ftp://" => None,
        "www." => Some(format!("http://{address}")),
        _ => Some(address.to_owned()),
    };
    let trigger = match prefix {
        "www." => start + 3..start + 4,
        _ => start + prefix.len() - 3..start + prefix.len(),
    };
    let range = start..start + address.len();
    Some(Found {
        range,
        trigger,
        href,
    })
}

/// The length without what belongs to the sentence rather than to the address.
fn trimmed_len(address: &str) -> usize {
    let bytes = address.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'(' => match address[at..].find(')') {
                Some(close) => at += close + 1,
                None => break,
            },
            b'&' => {
                let name = address[at + 1..].find(|c: char| !c.is_ascii_alphanumeric());
                match name {
                    Some(len) if len > 0 && closes(&address[at + 1 + len..]) => break,
                    _ => at += 1,
                }
            }
            byte if is_sentence(byte) => {
                let run = bytes[at..]
                    .iter()
                    .take_while(|byte| is_sentence(**byte))
                    .count();
                if at + run == bytes.len() {
                    break;
                }
                at += run;
            }
            _ => at += 1,
        }
    }
    // `at` stops only on ASCII bytes or at the end, so it is a boundary.
    at
}

/// Whether only a semicolon and punctuation of the sentence are left.
fn closes(rest: &str) -> bool {
    rest.starts_with(';') && rest.bytes().all(is_sentence)
}

fn is_sentence(byte: u8) -> bool {
    b"?!.,:;*_'\"~)".contains(&byte)
}

fn email(text: &str, from: usize, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let local = bytes[from..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(byte))
        .count();
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let label = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| is_label(byte))
            .count()
    };
    let first = label(at + 1);
    if local == 0 || first == 0 {
        return None;
    }
    let mut end = at + 1 + first;
    let mut last = None;
    while bytes.get(end) == Some(&b'.') {
        let len = label(end + 1);
        // A label ends with a letter or digit, and neither a hyphen nor an underscore may follow.
        let fits = |len: &usize| {
            bytes[end + len].is_ascii_alphanumeric()
                && !matches!(bytes.get(end + 1 + len), Some(b'-' | b'_'))
        };
        let whole = (len > 0 && bytes[end + len].is_ascii_alphanumeric())
            && bytes.get(end + 1 + len) == Some(&b'.');
        if let Some(len) = (1..=len).rev().find(fits) {
            last = Some(end + 1 + len);
        }
        if !whole {
            break;
        }
        end += 1 + len;
    }
    let range = at - local..last?;
    let href = Some(format!("mailto:{}", &text[range.clone()]));
    Some(Found {
        range,
        trigger: at..at + 1,
        href,
    })
}
