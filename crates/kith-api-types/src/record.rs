//! Records as the public JSON shows them (contract, section 2), written straight to bytes.

use kith_domain::columns::CustomValue;
use kith_domain::entity::FieldValue;
use kith_domain::notes::Notes;
use kith_domain::record::{LinkSet, Record};
use kith_domain::relation::LinkDef;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::json;

/// How notes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotesFormat {
    /// As Markdown text: REST and MCP.
    #[default]
    Markdown,
    /// As a Tiptap document: events, and REST on request.
    Tiptap,
}

/// A record with the form that its notes take.
#[derive(Clone, Copy, Debug)]
pub struct RecordJson<'a>(pub &'a Record, pub NotesFormat);

impl RecordJson<'_> {
    /// Appends the record as a JSON object.
    pub fn write(self, out: &mut Vec<u8>) {
        let RecordJson(record, format) = self;
        out.push(b'{');
        json::member(out, "id");
        json::id(out, record.id);
        for (def, value) in record.entity.fields().iter().zip(&record.fields) {
            json::member(out, def.name);
            field(out, value);
        }
        json::member(out, "notes");
        notes(out, record.notes.as_ref(), format);
        for (def, set) in record.entity.links().iter().zip(&record.links) {
            json::member(out, &def.field);
            links(out, def, set);
        }
        json::member(out, "customFieldValues");
        let values = record.custom.iter();
        custom_values(out, values.map(|(column, value)| (*column, value)));
        json::member(out, "createdAt");
        json::timestamp(out, record.created_at);
        json::member(out, "updatedAt");
        json::timestamp(out, record.updated_at);
        json::member(out, "version");
        json::integer(out, record.version);
        out.push(b'}');
    }

    /// The record as JSON.
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size_hint());
        self.write(&mut out);
        out
    }

    /// About how many bytes the record takes.
    pub fn size_hint(self) -> usize {
        let links: usize = self.0.links.iter().map(LinkSet::len).sum();
        let notes = self
            .0
            .notes
            .as_ref()
            .map_or(0, |notes| notes.document().len());
        512 + links * 40 + notes + self.0.custom.len() * 100
    }
}

/// For embedding in JSON that serde writes; [`RecordJson::write`] costs less.
impl Serialize for RecordJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = String::from_utf8(self.to_vec()).map_err(S::Error::custom)?;
        let raw = RawValue::from_string(text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Appends the value of an own field.
pub(crate) fn field(out: &mut Vec<u8>, value: &FieldValue) {
    match value {
        FieldValue::Text(text) => json::string(out, text),
        FieldValue::Emails(emails) => {
            json::array(out, emails, |out, email| json::string(out, email));
        }
        FieldValue::Decimal(number) => json::decimal(out, *number),
    }
}

/// Appends notes, or `null`.
pub(crate) fn notes(out: &mut Vec<u8>, notes: Option<&Notes>, format: NotesFormat) {
    match (notes, format) {
        (None, _) => out.extend_from_slice(b"null"),
        (Some(notes), NotesFormat::Markdown) => json::string(out, &notes.to_markdown()),
        (Some(notes), NotesFormat::Tiptap) => out.extend_from_slice(notes.document().as_bytes()),
    }
}

/// Appends a set of links: ids, or objects where the end shows quantities.
pub(crate) fn links(out: &mut Vec<u8>, def: &LinkDef, set: &LinkSet) {
    if !def.quantity {
        out.reserve(set.len() * 39 + 2);
        return json::array(out, set.ids(), |out, id| json::id(out, *id));
    }
    json::array(out, set.iter(), |out, (id, quantity)| {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(def.target.name().as_bytes());
        out.extend_from_slice(b"Id\":");
        json::id(out, id);
        json::member(out, "quantity");
        json::decimal(out, quantity);
        out.push(b'}');
    });
}

/// Appends values of custom columns as `[{columnId, value}]`.
pub(crate) fn custom_values<'a>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = (Uuid, &'a CustomValue)>,
) {
    json::array(out, values, |out, (column, value)| {
        out.push(b'{');
        json::member(out, "columnId");
        json::id(out, column);
        json::member(out, "value");
        custom_value(out, value);
        out.push(b'}');
    });
}

fn custom_value(out: &mut Vec<u8>, value: &CustomValue) {
    // Writing strings, and arrays and objects of strings, into a vector cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use kith_domain::entity::EntityType;
    use kith_domain::time::Timestamp;

    use super::*;

    fn json_of(entity: EntityType) -> String {
        let mut record = Record::empty(entity, Uuid::from_u128(0xE1), Timestamp(0));
        record.version = 3;
        for (set, def) in record.links.iter_mut().zip(entity.links()) {
            *set = LinkSet::new(def.quantity);
            set.insert(Uuid::from_u128(7), "2.50".parse().unwrap());
        }
        for value in &mut record.fields {
            match value {
                FieldValue::Text(text) => text.push_str("\"A\""),
                FieldValue::Emails(emails) => emails.push("a@example.com".to_owned()),
                FieldValue::Decimal(number) => *number = "99999999999.9999".parse().unwrap(),
            }
        }
        String::from_utf8(RecordJson(&record, NotesFormat::Markdown).to_vec()).unwrap()
    }

    #[test]
    fn each_type_has_its_golden_form() {
        let id = "\"00000000-0000-0000-0000-000000000007\"";
        let end = format!(
            r#""userIds":[{id}],"customFieldValues":[],"createdAt":"1970-01-01T00:00:00.000Z","updatedAt":"1970-01-01T00:00:00.000Z","version":3}}"#
        );
        let start = r#"{"id":"00000000-0000-0000-0000-0000000000e1","#;
        let golden = [
            format!(
                r#""firstName":"\"A\"","lastName":"\"A\"","emails":["a@example.com"],"notes":null,"organizationIds":[{id}],"dealIds":[{id}],"#
            ),
            format!(r#""name":"\"A\"","notes":null,"contactIds":[{id}],"dealIds":[{id}],"#),
            format!(
                r#""name":"\"A\"","totalValue":99999999999.9999,"totalQuantity":99999999999.9999,"notes":null,"contactIds":[{id}],"organizationIds":[{id}],"services":[{{"serviceId":{id},"quantity":2.5}}],"#
            ),
            format!(r#""name":"\"A\"","amount":99999999999.9999,"notes":null,"dealIds":[{id}],"#),
            r#""name":"\"A\"","notes":null,"#.to_owned(),
        ];
        for (entity, middle) in EntityType::ALL.into_iter().zip(golden) {
            assert_eq!(json_of(entity), format!("{start}{middle}{end}"));
        }
    }

    #[test]
    fn serde_writes_the_same() {
        let record = Record::empty(EntityType::Deal, Uuid::from_u128(0xE1), Timestamp(0));
        let shown = RecordJson(&record, NotesFormat::Tiptap);
        assert_eq!(serde_json::to_vec(&shown).unwrap(), shown.to_vec());
    }
}
