//! The JSON of a request, read lazily: a value stays text until its reader knows what it should be, so that numbers
//! keep every digit, nothing is copied without need, and members that occur twice are seen.

use std::borrow::Cow;
use std::fmt;

use kith_domain::text::excerpt;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Why a body is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(pub String);

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One JSON value, as text that is known to be well-formed.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct Json<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Json<'a> {
    /// Checks that a body is one JSON value.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            NotJson(format!(
                "the body is not UTF-8: the byte at position {at} begins no character"
            ))
        })?;
        if text.trim_ascii().is_empty() {
            return Err(NotJson("the body is empty; JSON is expected".to_owned()));
        }
        serde_json::from_str(text)
            .map(Json)
            .map_err(|error| NotJson(format!("the body is not JSON: {error}")))
    }

    /// The type, by the first character.
    pub fn kind(self) -> Kind {
        match self.0.get().as_bytes().first() {
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            _ => Kind::Number,
        }
    }

    /// The text of a number; of other values their JSON.
    pub fn raw(self) -> &'a str {
        self.0.get()
    }

    /// The content of a string; `None` for other types and for escapes that stand for no character.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let text: Text<'a> = serde_json::from_str(self.0.get()).ok()?;
        Some(text.0)
    }

    /// Calls `each` with the elements of an array and their positions; whether it is an array.
    pub fn elements(self, each: impl FnMut(usize, Json<'a>)) -> bool {
        let mut reader = serde_json::Deserializer::from_str(self.0.get());
        self.kind() == Kind::Array && reader.deserialize_seq(Elements(each)).is_ok()
    }

    /// Calls `each` with the members of an object in their order; whether it is an object with legible names.
    pub fn members(self, each: impl FnMut(Cow<'a, str>, Json<'a>)) -> bool {
        let mut reader = serde_json::Deserializer::from_str(self.0.get());
        self.kind() == Kind::Object && reader.deserialize_map(Members(each)).is_ok()
    }

    /// The value as a tree.
    ///
    /// # Errors
    /// When it nests too deeply, or holds escapes or numbers that stand for nothing.
    pub fn value(self) -> Result<Value, String> {
        serde_json::from_str(self.0.get()).map_err(|error| error.to_string())
    }
}

/// What was received, for messages: `the string "abc"`, `the number 3`, `an array`.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Null => f.write_str("null"),
            Kind::Bool => f.write_str(self.0.get()),
            Kind::Number => write!(f, "the number {}", excerpt(self.0.get(), 40)),
            Kind::String => write!(f, "the string {}", excerpt(self.0.get(), 60)),
            Kind::Array => f.write_str("an array"),
            Kind::Object => f.write_str("an object"),
        }
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(usize, Json<'de>)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(item) = items.next_element()? {
            (self.0)(at, item);
            at += 1;
        }
        Ok(())
    }
}

struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, Json<'de>)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<Text<'de>, Json<'de>>()? {
            (self.0)(name.0, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn values_stay_text_until_they_are_asked_for() {
        let body = br#" {"a": 1.50, "b": "x\ny", "a": [null, true, {}], "c": "plain"} "#;
        let mut seen = Vec::new();
        let json = Json::parse(body).unwrap();
        assert!(json.members(|name, value| seen.push((name.into_owned(), value.to_string()))));
        let expected = [
            ("a", "the number 1.50"),
            ("b", r#"the string "x\ny""#),
            ("a", "an array"),
            ("c", "the string \"plain\""),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_no_json_says_why() {
        for (body, part) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"{\"a\":1,}", "line 1 column 8"),
            (b"{\"a\":\"\xff\"}", "position 6"),
            (b"{} {}", "trailing"),
            (b"\"a\0b\"", "control character"),
            (b"{\"a\":", "EOF"),
            (b"NaN", "expected"),
        ] {
            let message = Json::parse(body).unwrap_err().0;
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn deep_nesting_is_read_flat_and_refused_as_a_tree() {
        let body = "[".repeat(100_000) + &"]".repeat(100_000);
        let json = Json::parse(body.as_bytes()).unwrap();
        assert!(json.elements(|_, _| {}));
        assert!(json.value().unwrap_err().contains("recursion"));
    }

    #[test]
    fn a_lone_surrogate_is_no_string() {
        let json = Json::parse(br#""\ud800""#).unwrap();
        assert_eq!(json.string(), None);
    }
}
