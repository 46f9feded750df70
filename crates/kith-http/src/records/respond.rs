//! Responses of operations on records: bytes straight from the records.

use std::sync::Arc;

use kith_api_types::search::{FoundJson, write_references};
use kith_api_types::{NotesFormat, RecordJson, column, json};
use kith_application::search;
use kith_domain::columns::Column;
use kith_domain::decide::Command;
use kith_domain::ports::{Name, StoredResponse};
use kith_domain::record::Record;
use poem::Response;
use poem::http::StatusCode;
use uuid::Uuid;

use crate::reply;

/// What a response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"contact": record, "customColumns": […]}`.
    Wrapped,
    /// `{items, pagination, nextCursor, customColumns}`.
    Page,
    /// `{customColumns, filterableFields, sortableFields}`.
    Configuration,
    /// The new record, 201.
    Created,
    /// The new records, 201.
    CreatedMany,
    /// The record.
    Record,
    /// The records.
    Records,
    /// The id of the deleted record.
    Id,
    /// The ids of the deleted records.
    Ids,
}

/// How an operation answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) shape: Shape,
    pub(crate) notes: NotesFormat,
}

impl Answer {
    /// The ids that a response to a deletion names.
    pub(crate) fn deleted_ids(self, command: &Command) -> Vec<Uuid> {
        match command {
            Command::Delete { ids, .. } => ids.clone(),
            Command::Create { .. }
            | Command::Update { .. }
            | Command::Link(_)
            | Command::Notes(_) => Vec::new(),
        }
    }

    /// The response to a change.
    pub(crate) fn render(self, records: &[Arc<Record>], deleted: &[Uuid]) -> StoredResponse {
        let status = match self.shape {
            Shape::Created | Shape::CreatedMany => 201,
            _ => 200,
        };
        let one = records.first();
        let size = records
            .iter()
            .map(|record| self.json(record).size_hint())
            .sum::<usize>();
        let mut body = Vec::with_capacity(size + deleted.len() * 39 + 2);
        let mut version = None;
        match self.shape {
            Shape::Wrapped | Shape::Created | Shape::Record => {
                if let Some(record) = one {
                    version = Some(record.version);
                    self.json(record).write(&mut body);
                }
            }
            Shape::CreatedMany | Shape::Records => {
                json::array(&mut body, records, |body, record| {
                    self.json(record).write(body)
                });
            }
            Shape::Id => deleted.iter().for_each(|id| json::id(&mut body, *id)),
            Shape::Ids => json::array(&mut body, deleted, |body, id| json::id(body, *id)),
            // Answers of reads: never of a change.
            Shape::Page | Shape::Configuration => {}
        }
        StoredResponse {
            status,
            version,
            body,
        }
    }

    fn json(self, record: &Record) -> RecordJson<'_> {
        RecordJson(record, self.notes)
    }
}

/// The response to `GET` of one record.
pub(crate) fn one(
    record: &Record,
    columns: &[Column],
    references: Option<&[Name]>,
    notes: NotesFormat,
) -> Response {
    let shown = RecordJson(record, notes);
    let mut body = Vec::with_capacity(shown.size_hint() + 64 + columns.len() * 256);
    body.push(b'{');
    json::member(&mut body, record.entity.name());
    shown.write(&mut body);
    json::member(&mut body, "customColumns");
    column::write_columns(&mut body, columns);
    if let Some(references) = references {
        json::member(&mut body, "references");
        write_references(&mut body, references);
    }
    body.push(b'}');
    reply::tagged(reply::json(StatusCode::OK, body), Some(record.version))
}

/// The response to a search.
pub(crate) fn page(
    found: &search::Answer,
    references: Option<&[Name]>,
    notes: NotesFormat,
) -> Response {
    let answer = FoundJson {
        records: &found.page.records,
        page: found.number,
        page_size: found.page_size,
        total: found.page.total,
        next_cursor: found.page.next_cursor.as_deref(),
        columns: &found.columns,
        references,
        notes,
    };
    reply::json(StatusCode::OK, answer.to_vec())
}

/// What records of a type can be asked.
pub(crate) fn configuration(found: &search::Configuration) -> Response {
    let body = column::configuration(&found.columns, &found.filterable, &found.sortable);
    reply::json(StatusCode::OK, body)
}
