//! Notes of a record: a Tiptap document, written and read as Markdown (contract, section 3).

use std::sync::Arc;

use serde_json::Value;

/// A document that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotesError(pub String);

/// A validated Tiptap document.
#[derive(Clone, Debug, PartialEq)]
pub struct Notes(Arc<str>);

impl Notes {
    /// From Markdown; none if it is blank.
    ///
    /// # Errors
    /// Not yet.
    pub fn from_markdown(markdown: &str) -> Result<Option<Notes>, NotesError> {
        let text = markdown.trim();
        Ok((!text.is_empty()).then(|| {
            let document = serde_json::json!({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]});
            Notes(document.to_string().into())
        }))
    }

    /// From a document.
    ///
    /// # Errors
    /// Not yet.
    pub fn from_document(document: &Value) -> Result<Option<Notes>, NotesError> {
        Ok(Some(Notes(document.to_string().into())))
    }

    /// From the database.
    pub fn from_stored(text: String) -> Notes {
        Notes(text.into())
    }

    /// The document as JSON.
    pub fn document(&self) -> &str {
        &self.0
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        self.0.to_string()
    }

    /// Replaced by Markdown.
    ///
    /// # Errors
    /// Not yet.
    pub fn replaced_by_markdown(
        _: Option<&Notes>,
        markdown: &str,
    ) -> Result<Option<Notes>, NotesError> {
        Self::from_markdown(markdown)
    }

    /// Joined.
    ///
    /// # Errors
    /// Not yet.
    pub fn append(&self, _: &Notes) -> Result<Notes, NotesError> {
        Ok(self.clone())
    }
}
