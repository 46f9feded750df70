//! Event envelopes: the exact bytes that are stored, streamed and sent to webhooks (contract, section 6).

mod shown;

use kith_domain::diff::{Changes, Moved};
use kith_domain::draft::Reference;
use kith_domain::event::workspace::{Facts, Told, WorkspaceEvent};
use kith_domain::event::{Event, Happening};
use kith_domain::ports::EventEncoder;
use kith_domain::record::{CustomValues, Record, RecordKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::json;
use crate::record::{self, NotesFormat, RecordJson};

/// Renders events as JSON envelopes: `{event, data: {userId, companyId, entityId, payload}, timestamp}`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonEventEncoder;

impl EventEncoder for JsonEventEncoder {
    fn encode(&self, event: &Event) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + payload_size(event));
        out.extend_from_slice(b"{");
        json::member(&mut out, "event");
        json::string(&mut out, event.name());
        json::member(&mut out, "data");
        out.push(b'{');
        json::member(&mut out, "userId");
        json::id(&mut out, event.user);
        json::member(&mut out, "companyId");
        json::id(&mut out, event.company);
        json::member(&mut out, "entityId");
        json::id(&mut out, event.key.id);
        json::member(&mut out, "payload");
        payload(&mut out, event);
        out.push(b'}');
        json::member(&mut out, "timestamp");
        json::timestamp(&mut out, event.at);
        out.push(b'}');
        out
    }

    fn shown(
        &self,
        body: &[u8],
        key: RecordKey,
        sees: &mut dyn FnMut(Reference) -> bool,
    ) -> Option<Vec<u8>> {
        shown::envelope(body, key, sees)
    }

    /// `{<kind>: state}`, with `changes` where fields moved, or `{<kind>Id: id}`.
    fn encode_workspace(&self, event: &WorkspaceEvent) -> Vec<u8> {
        let kind = event.kind();
        let state = |facts: &Facts| {
            let id = ("id".to_owned(), Value::from(event.subject.to_string()));
            let facts = facts.iter();
            let facts = facts.map(|(name, fact)| ((*name).to_owned(), fact.shown()));
            Value::Object([id].into_iter().chain(facts).collect())
        };
        let payload = match &event.told {
            Told::State(facts) => json!({ kind: state(facts) }),
            Told::Moved(now, moved) => {
                let changes = moved.iter().map(|(name, before, now)| {
                    let pair = json!({ "previous": before.shown(), "current": now.shown() });
                    ((*name).to_owned(), pair)
                });
                json!({ kind: state(now), "changes": Value::Object(changes.collect()) })
            }
            Told::Id => json!({ format!("{kind}Id"): event.subject.to_string() }),
        };
        let envelope = json!({
            "event": event.name,
            "data": {
                "userId": event.user.to_string(),
                "companyId": event.company.to_string(),
                "entityId": event.subject.to_string(),
                "payload": payload,
            },
            "timestamp": event.at.to_string(),
        });
        envelope.to_string().into_bytes()
    }
}

fn payload_size(event: &Event) -> usize {
    match &event.happening {
        Happening::Created(record) => RecordJson(record, NotesFormat::Tiptap).size_hint(),
        Happening::Updated(changes) => {
            RecordJson(&changes.current, NotesFormat::Tiptap).size_hint() * 2
                + RecordJson(&changes.previous, NotesFormat::Tiptap).size_hint()
        }
        Happening::Deleted => 0,
    }
}

fn payload(out: &mut Vec<u8>, event: &Event) {
    let name = event.key.entity.name();
    out.push(b'{');
    match &event.happening {
        Happening::Created(record) => {
            json::member(out, name);
            RecordJson(record, NotesFormat::Tiptap).write(out);
        }
        Happening::Updated(changes) => {
            json::member(out, name);
            RecordJson(&changes.current, NotesFormat::Tiptap).write(out);
            json::member(out, "changes");
            write_changes(out, changes);
        }
        Happening::Deleted => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"Id\":");
            json::id(out, event.key.id);
        }
    }
    out.push(b'}');
}

/// Appends `{field: {previous, current}}` with what moved.
pub fn write_changes(out: &mut Vec<u8>, changes: &Changes) {
    let entity = changes.current.entity;
    out.push(b'{');
    for part in &changes.moved {
        let name = match part {
            Moved::Field(index) => entity.fields()[*index].name,
            Moved::Link(index) => entity.links()[*index].field.as_str(),
            Moved::Notes => "notes",
            Moved::Custom(_) => "customFieldValues",
        };
        json::member(out, name);
        out.push(b'{');
        json::member(out, "previous");
        write_part(out, part, &changes.previous);
        json::member(out, "current");
        write_part(out, part, &changes.current);
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_part(out: &mut Vec<u8>, part: &Moved, state: &Record) {
    match part {
        Moved::Field(index) => record::field(out, &state.fields[*index]),
        Moved::Link(index) => {
            record::links(out, &state.entity.links()[*index], &state.links[*index]);
        }
        Moved::Notes => record::notes(out, state.notes.as_ref(), NotesFormat::Tiptap),
        Moved::Custom(columns) => custom_values_of(out, columns, &state.custom),
    }
}

fn custom_values_of(out: &mut Vec<u8>, columns: &[Uuid], values: &CustomValues) {
    let held = columns
        .iter()
        .filter_map(|column| values.get(column).map(|value| (*column, value)));
    record::custom_values(out, held);
}

#[cfg(test)]
mod tests;
