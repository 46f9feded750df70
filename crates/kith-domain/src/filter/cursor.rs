//! Cursors: where a page ended, as an opaque text that only its own search accepts.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::{Search, Sort, SortKey, SortKind};
use crate::record::Record;
use crate::time::Timestamp;

/// The place of a record in the order of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What decides the place; none for records without a value.
    pub key: Option<SortKey>,
    /// The record that the page ended with.
    pub id: Uuid,
}

/// A text that is no cursor of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// Not a cursor, or a changed one.
    #[error(
        "the cursor is not one that this server made; send nextCursor of the page before, unchanged"
    )]
    Unreadable,
    /// The cursor of other filters, terms or sorting.
    #[error(
        "the cursor belongs to another search; send the same filters, searchTerm and sortDescriptor with it, or start without a cursor"
    )]
    OtherSearch,
}

/// First byte of every cursor; raise it when the form changes.
const FORM: u8 = 1;

impl Search {
    /// The cursor after a record, which was the last of a page.
    pub fn cursor_after(&self, record: &Record) -> String {
        let cursor = Cursor {
            key: self.sort.key(record),
            id: record.id,
        };
        cursor.encode(self.fingerprint)
    }

    /// The text of a cursor of this search.
    pub fn encode_cursor(&self, cursor: &Cursor) -> String {
        cursor.encode(self.fingerprint)
    }
}

impl Cursor {
    fn encode(&self, fingerprint: u64) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(fingerprint.to_be_bytes());
        bytes.extend(self.id.as_bytes());
        if let Some(key) = &self.key {
            bytes.extend(key_text(key).into_bytes());
        }
        let sum = checksum(&bytes).to_be_bytes();
        bytes.extend(sum);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn decode(
        text: &str,
        sort: &Sort,
        fingerprint: u64,
    ) -> Result<Cursor, InvalidCursor> {
        let bytes = from_hex(text).ok_or(InvalidCursor::Unreadable)?;
        let (bytes, sum) = bytes
            .split_last_chunk::<8>()
            .ok_or(InvalidCursor::Unreadable)?;
        if checksum(bytes).to_be_bytes() != *sum {
            return Err(InvalidCursor::Unreadable);
        }
        let (&[form], rest) = bytes
            .split_first_chunk::<1>()
            .ok_or(InvalidCursor::Unreadable)?;
        let (made_for, rest) = rest
            .split_first_chunk::<8>()
            .ok_or(InvalidCursor::Unreadable)?;
        let (id, key) = rest
            .split_first_chunk::<16>()
            .ok_or(InvalidCursor::Unreadable)?;
        if form != FORM {
            return Err(InvalidCursor::Unreadable);
        }
        if *made_for != fingerprint.to_be_bytes() {
            return Err(InvalidCursor::OtherSearch);
        }
        let key = match key {
            [] => None,
            key => {
                let text = str::from_utf8(key).map_err(|_| InvalidCursor::Unreadable)?;
                Some(read_key(sort.kind, text).ok_or(InvalidCursor::Unreadable)?)
            }
        };
        Ok(Cursor {
            key,
            id: Uuid::from_bytes(*id),
        })
    }
}

/// A key as text, after a mark that tells an empty text from no key.
fn key_text(key: &SortKey) -> String {
    match key {
        SortKey::Text(text) => format!("={text}"),
        SortKey::Number(number) => format!("={}", number.normalize()),
        SortKey::Instant(at) => format!("={}", at.0),
        SortKey::Date(date) => format!("={date}"),
        SortKey::Choice(position) => format!("={position}"),
    }
}

fn read_key(kind: SortKind, text: &str) -> Option<SortKey> {
    // No key has a NUL, which PostgreSQL does not take.
    let text = text.strip_prefix('=').filter(|key| !key.contains('\0'))?;
    Some(match kind {
        SortKind::Text => SortKey::Text(text.to_owned()),
        SortKind::Number => SortKey::Number(Decimal::from_str_exact(text).ok()?),
        SortKind::Instant => SortKey::Instant(Timestamp(text.parse().ok()?)),
        SortKind::Date => SortKey::Date(text.parse::<NaiveDate>().ok()?),
        SortKind::Choice => SortKey::Choice(text.parse().ok()?),
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    // The longest key is a text of 200 characters.
    if !text.len().is_multiple_of(2) || text.len() > 2_000 {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .filter(|_| !byte.is_ascii_uppercase())
    };
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok())
        .collect()
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut fingerprint = Fingerprint::new();
    fingerprint.add_bytes(bytes);
    fingerprint.finish()
}

/// A 64-bit FNV-1a hash: the same on every server and in every version. It guards against mistakes, not attacks: a
/// forged cursor is a place in an answer that its sender may see anyway.
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn new() -> Self {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Adds a part, told apart from its neighbours.
    pub(super) fn add(&mut self, part: &str) {
        self.add_bytes(part.as_bytes());
        self.add_bytes(&[0xff]);
    }

    /// Adds JSON without regard to the order of members.
    pub(super) fn add_json(&mut self, value: &Value) {
        match value {
            Value::Array(items) => {
                self.add("[");
                items.iter().for_each(|item| self.add_json(item));
                self.add("]");
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| name.as_str());
                self.add("{");
                for (name, value) in members {
                    self.add(name);
                    self.add_json(value);
                }
                self.add("}");
            }
            scalar => self.add(&scalar.to_string()),
        }
    }

    pub(super) fn finish(self) -> u64 {
        self.0
    }
}
