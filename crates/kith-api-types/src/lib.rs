//! The public JSON of Kith: records, drafts, problems, event bodies and their schemas.
//!
//! Shapes only: no rules, no queries, nothing of HTTP. Everything is derived from the tables of `kith-domain`.

pub mod column;
pub mod draft;
pub mod event;
pub mod json;
pub mod people;
pub mod problem;
mod reader;
pub mod record;
pub mod schema;
pub mod search;
pub mod tree;
pub mod webhook;

pub use event::JsonEventEncoder;
pub use problem::Problem;
pub use record::{NotesFormat, RecordJson};
