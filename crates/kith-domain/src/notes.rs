//! Notes of a record: a Tiptap document, written and read as Markdown (contract, section 3).
//!
//! The mapping is that of Tiptap's own `@tiptap/markdown` for the nodes and marks listed in [`node`]; the
//! golden cases beside the tests come from it. Where Tiptap's text would not be read back as it was written,
//! ours differs by as little as keeps the text and makes a second pass change nothing.

mod autolink;
mod builder;
mod entities;
mod frame;
mod inline_markdown;
mod json;
mod markdown;
mod node;
mod normal;
mod parse;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use node::{Kind, Node};

/// The most characters of Markdown that are accepted.
pub const MAX_MARKDOWN_CHARS: usize = 65_535;
/// The most bytes of a Tiptap document that are accepted.
pub const MAX_DOCUMENT_BYTES: usize = 262_144;
/// The most bytes of the document that an accepted Markdown text may turn into (marks and nested lists are wordy as JSON).
const MAX_CONVERTED_BYTES: usize = 1_048_576;
/// How deep nodes may be nested; a list and its item count as two.
pub const MAX_DEPTH: usize = 48;

/// Why notes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotesError {
    /// More Markdown than is accepted.
    #[error(
        "the notes have {actual} characters of Markdown; at most {MAX_MARKDOWN_CHARS} are accepted"
    )]
    MarkdownTooLong {
        /// Characters received.
        actual: usize,
    },
    /// More document than is accepted.
    #[error("the notes' document takes more than {limit} bytes of JSON, the most that is accepted")]
    DocumentTooLong {
        /// Bytes accepted.
        limit: usize,
    },
    /// Nested deeper than is accepted.
    #[error("the notes are nested more than {MAX_DEPTH} levels deep; flatten the lists or quotes")]
    TooDeep,
    /// A part of the document that is not accepted.
    #[error("{path}: {message}")]
    Invalid {
        /// JSON Pointer into the document, empty for its root.
        path: String,
        /// What was wrong, what was received and what is accepted.
        message: String,
    },
    /// A control character, in Markdown.
    #[error(
        "character {position} of the notes is the control character U+{code:04X}; only tab and newline are accepted"
    )]
    ControlCharacter {
        /// Which character, counted from 1.
        position: usize,
        /// Its code point.
        code: u32,
    },
}

/// A Tiptap document that was checked, with text in it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Notes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: String,
    /// Parsed on first need; `None` inside if the stored text is no document.
    root: OnceLock<Option<Node>>,
}

impl Notes {
    /// Reads Markdown; `None` if it is blank.
    ///
    /// # Errors
    /// Too long, nested too deeply, or with control characters.
    pub fn from_markdown(markdown: &str) -> Result<Option<Notes>, NotesError> {
        let actual = markdown.chars().count();
        if actual > MAX_MARKDOWN_CHARS {
            return Err(NotesError::MarkdownTooLong { actual });
        }
        let markdown = markdown.replace("\r\n", "\n").replace('\r', "\n");
        let control = markdown.chars().enumerate().find(|(_, c)| is_refused(*c));
        if let Some((index, c)) = control {
            return Err(NotesError::ControlCharacter {
                position: index + 1,
                code: c.into(),
            });
        }
        let root = parse::document(&markdown)?;
        if is_blank(&root) {
            return Ok(None);
        }
        Self::new(root, MAX_CONVERTED_BYTES).map(Some)
    }

    /// Checks a Tiptap document (`{"type":"doc","content":[…]}`); `None` if it is `null` or holds nothing but empty paragraphs.
    ///
    /// # Errors
    /// Names the place and what is accepted: unknown nodes, marks and attributes, wrong nesting, other schemes of
    /// links than http, https, mailto and tel, a document that is too long or nested too deeply.
    pub fn from_document(document: &Value) -> Result<Option<Notes>, NotesError> {
        if document.is_null() {
            return Ok(None);
        }
        let root = json::read_document(document)?;
        if is_blank(&root) {
            return Ok(None);
        }
        Self::new(root, MAX_DOCUMENT_BYTES).map(Some)
    }

    /// Takes what [`Notes::document`] gave before; the database is trusted, nothing is parsed until it is needed.
    pub fn from_stored(text: String) -> Notes {
        Notes(Arc::new(Inner {
            text,
            root: OnceLock::new(),
        }))
    }

    /// What a Markdown text makes of the stored notes: a text equal to what they render to changes nothing, so that
    /// reading and writing back loses nothing that Markdown cannot say.
    ///
    /// # Errors
    /// As [`Notes::from_markdown`].
    pub fn replaced_by_markdown(
        stored: Option<&Notes>,
        markdown: &str,
    ) -> Result<Option<Notes>, NotesError> {
        match stored {
            Some(stored) if stored.to_markdown() == markdown => Ok(Some(stored.clone())),
            _ => Self::from_markdown(markdown),
        }
    }

    /// The document as compact JSON with members in a fixed order: as stored and as sent in events.
    pub fn document(&self) -> &str {
        &self.0.text
    }

    /// The notes as Markdown.
    pub fn to_markdown(&self) -> String {
        match self.root() {
            Some(root) => markdown::render(root),
            None => self.0.text.clone(),
        }
    }

    /// These notes followed by others; the nodes of both stay as they are.
    ///
    /// # Errors
    /// [`NotesError::DocumentTooLong`] if both together are longer than is accepted.
    pub fn append(&self, more: &Notes) -> Result<Notes, NotesError> {
        let content = |notes: &Notes| match notes.root() {
            Some(root) => root.content.clone(),
            None => vec![Node::paragraph(vec![Node::text(
                notes.0.text.clone(),
                Vec::new(),
            )])],
        };
        let mut all = content(self);
        all.extend(content(more));
        let limit = MAX_DOCUMENT_BYTES.max(self.0.text.len());
        Self::new(Node::with(Kind::Doc, all), limit)
    }

    fn new(root: Node, limit: usize) -> Result<Notes, NotesError> {
        let text = json::write(&root, limit)?;
        let cell = OnceLock::new();
        let _ = cell.set(Some(root));
        Ok(Notes(Arc::new(Inner { text, root: cell })))
    }

    fn root(&self) -> Option<&Node> {
        let read = || {
            let value: Value = serde_json::from_str(&self.0.text).ok()?;
            json::read_document(&value).ok()
        };
        self.0.root.get_or_init(read).as_ref()
    }
}

/// Deep equality of the documents: the order of members, and absent against null, make no difference.
impl PartialEq for Notes {
    fn eq(&self, other: &Notes) -> bool {
        self.0.text == other.0.text
            || matches!((self.root(), other.root()), (Some(a), Some(b)) if a == b)
    }
}

fn is_blank(root: &Node) -> bool {
    root.content.iter().all(Node::is_empty_paragraph)
}

/// Whether a character is refused in notes.
fn is_refused(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n')
}
