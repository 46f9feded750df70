//! Searches as the public JSON asks for them and answers them (contract, section 5).

use std::sync::Arc;

use kith_domain::columns::Column;
use kith_domain::filter::{SearchInput, SortInput};
use kith_domain::ports::Name;
use kith_domain::record::Record;
use kith_domain::violation::Violation;
use serde_json::Value;

use crate::column::write_columns;
use crate::draft::{Problems, ReadError, only_member, unknown_member};
use crate::json;
use crate::record::{NotesFormat, RecordJson};
use crate::tree::{Json, Kind};

const MEMBERS: [&str; 7] = [
    "filters",
    "searchTerm",
    "sortDescriptor",
    "pagination",
    "cursor",
    "pageSize",
    "withTotal",
];

/// Reads the body of a search. What its parts mean is judged by [`SearchInput::judge`].
///
/// # Errors
/// When the body is no JSON object of this shape, with every problem.
pub fn read(body: &[u8]) -> Result<SearchInput, ReadError> {
    let json = Json::parse(body)?;
    let mut input = SearchInput::default();
    let mut reader = Reader::default();
    let mut seen = 0u8;
    let is_object = json.members(|name, value| {
        let Some(position) = MEMBERS.iter().position(|known| *known == name) else {
            let known = MEMBERS.iter().copied();
            return reader
                .problems
                .add(unknown_member("", &name, known, "a search"));
        };
        if seen & (1 << position) != 0 {
            let message = format!("`{name}` occurs twice in the object; send it once");
            return reader
                .problems
                .add(Violation::new(format!("/{name}"), "duplicate", message));
        }
        seen |= 1 << position;
        // Null is how some clients say nothing.
        if value.kind() == Kind::Null {
            return;
        }
        match MEMBERS[position] {
            "filters" => input.filters = reader.tree("/filters", value),
            "searchTerm" => input.search_term = reader.text("/searchTerm", value),
            "sortDescriptor" => input.sort = reader.sort(value),
            "pagination" => reader.pagination(value, &mut input),
            "cursor" => input.cursor = reader.text("/cursor", value),
            "pageSize" => {
                let size = reader.count("/pageSize", value);
                reader.page_size("/pageSize", size, &mut input);
            }
            _ => input.with_total = reader.flag("/withTotal", value),
        }
    });
    if !is_object {
        let message = format!(
            "expected an object with members of {}, received {json}",
            MEMBERS.join(", ")
        );
        reader
            .problems
            .add(Violation::new("", "wrong_type", message));
    }
    reader.problems.none()?;
    Ok(input)
}

/// Reads parts of a search and notes what is wrong with them.
#[derive(Default)]
struct Reader {
    problems: Problems,
}

impl Reader {
    fn wrong_type(&mut self, pointer: &str, expected: &str, json: Json<'_>) {
        let message = format!("expected {expected}, received {json}");
        self.problems
            .add(Violation::new(pointer, "wrong_type", message));
    }

    fn tree(&mut self, pointer: &str, json: Json<'_>) -> Value {
        json.value().unwrap_or_else(|reason| {
            let message = format!("cannot be read: {reason}");
            self.problems
                .add(Violation::new(pointer, "invalid_value", message));
            Value::Null
        })
    }

    fn text(&mut self, pointer: &str, json: Json<'_>) -> Option<String> {
        let text = json.string();
        if text.is_none() {
            self.wrong_type(pointer, "a string", json);
        }
        text.map(Into::into)
    }

    fn flag(&mut self, pointer: &str, json: Json<'_>) -> Option<bool> {
        let flag = json.raw().parse().ok();
        if flag.is_none() {
            self.wrong_type(pointer, "true or false", json);
        }
        flag
    }

    fn count(&mut self, pointer: &str, json: Json<'_>) -> Option<u64> {
        let count = json.raw().parse().ok();
        if count.is_none() {
            self.wrong_type(pointer, "a whole number from 1", json);
        }
        count
    }

    fn page_size(&mut self, pointer: &str, size: Option<u64>, input: &mut SearchInput) {
        if input.page_size.is_some() && size.is_some() && input.page_size != size {
            let message = "pageSize is given twice, and differently; give it once";
            self.problems
                .add(Violation::new(pointer, "contradiction", message));
        }
        input.page_size = size.or(input.page_size);
    }

    fn sort(&mut self, json: Json<'_>) -> Option<SortInput> {
        let mut field = None;
        let mut direction = None;
        let is_object = json.members(|name, value| match &*name {
            "field" => field = self.text("/sortDescriptor/field", value),
            "direction" if value.kind() == Kind::Null => {}
            "direction" => direction = self.text("/sortDescriptor/direction", value),
            _ => {
                let known = ["field", "direction"].into_iter();
                self.problems.add(unknown_member(
                    "/sortDescriptor",
                    &name,
                    known,
                    "a sortDescriptor",
                ));
            }
        });
        if !is_object {
            self.wrong_type(
                "/sortDescriptor",
                "an object with field and direction",
                json,
            );
            return None;
        }
        // A missing field is judged as one without a name, together with the list of those that there are.
        Some(SortInput {
            field: field.unwrap_or_default(),
            direction,
        })
    }

    fn pagination(&mut self, json: Json<'_>, input: &mut SearchInput) {
        let is_object = json.members(|name, value| match &*name {
            "page" | "pageSize" if value.kind() == Kind::Null => {}
            "page" => input.page = self.count("/pagination/page", value),
            "pageSize" => {
                let size = self.count("/pagination/pageSize", value);
                self.page_size("/pagination/pageSize", size, input);
            }
            _ => {
                let known = ["page", "pageSize"].into_iter();
                self.problems
                    .add(unknown_member("/pagination", &name, known, "pagination"));
            }
        });
        if !is_object {
            self.wrong_type("/pagination", "an object with page and pageSize", json);
        }
    }
}

/// The answer to a search.
#[derive(Clone, Copy, Debug)]
pub struct FoundJson<'a> {
    /// The records of the page, in order.
    pub records: &'a [Arc<Record>],
    /// The page's number, unless it follows a cursor.
    pub page: Option<u64>,
    /// Records on a full page.
    pub page_size: u32,
    /// How many the search finds on all pages, if that was wanted.
    pub total: Option<u64>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<&'a str>,
    /// The custom columns of the type.
    pub columns: &'a [Column],
    /// The names of all linked things, if they were wanted.
    pub references: Option<&'a [Name]>,
    /// How notes are shown.
    pub notes: NotesFormat,
}

impl FoundJson<'_> {
    /// The answer as JSON.
    pub fn to_vec(self) -> Vec<u8> {
        let shown = |record| RecordJson(record, self.notes);
        let size: usize = self
            .records
            .iter()
            .map(|record| shown(record).size_hint())
            .sum();
        let mut out = Vec::with_capacity(size + 1_024);
        out.push(b'{');
        json::member(&mut out, "items");
        json::array(&mut out, self.records, |out, record| {
            shown(record).write(out)
        });
        json::member(&mut out, "pagination");
        self.pagination(&mut out);
        json::member(&mut out, "nextCursor");
        match self.next_cursor {
            Some(cursor) => json::string(&mut out, cursor),
            None => out.extend_from_slice(b"null"),
        }
        json::member(&mut out, "customColumns");
        write_columns(&mut out, self.columns);
        if let Some(references) = self.references {
            json::member(&mut out, "references");
            write_references(&mut out, references);
        }
        out.push(b'}');
        out
    }

    fn pagination(self, out: &mut Vec<u8>) {
        let pages = self
            .total
            .map(|total| total.div_ceil(u64::from(self.page_size.max(1))));
        out.push(b'{');
        json::member(out, "page");
        count(out, self.page);
        json::member(out, "pageSize");
        count(out, Some(self.page_size.into()));
        json::member(out, "total");
        count(out, self.total);
        json::member(out, "totalPages");
        count(out, pages);
        out.push(b'}');
    }
}

/// Appends a map from id to `{type, name}`.
pub fn write_references(out: &mut Vec<u8>, references: &[Name]) {
    out.push(b'{');
    for (at, named) in references.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::id(out, named.id);
        out.extend_from_slice(b":{");
        json::member(out, "type");
        json::string(out, named.target.name());
        json::member(out, "name");
        json::string(out, &named.name);
        out.push(b'}');
    }
    out.push(b'}');
}

/// Reads the body of a search over all types: `{searchTerm}`.
///
/// # Errors
/// When the body is no JSON object of this shape.
pub fn read_term(body: &[u8]) -> Result<String, ReadError> {
    let (_, json) = only_member(Json::parse(body)?, &["searchTerm"])?;
    let mut reader = Reader::default();
    let term = reader.text("/searchTerm", json);
    reader.problems.none()?;
    Ok(term.unwrap_or_default())
}

/// The names that a search over all types found, as `{"items": [{type, id, name}]}`.
pub fn found_names(names: &[Name]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + names.len() * 128);
    out.extend_from_slice(b"{\"items\":");
    json::array(&mut out, names, |out, named| {
        out.push(b'{');
        json::member(out, "type");
        json::string(out, named.target.name());
        json::member(out, "id");
        json::id(out, named.id);
        json::member(out, "name");
        json::string(out, &named.name);
        out.push(b'}');
    });
    out.push(b'}');
    out
}

fn count(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use kith_domain::entity::EntityType;
    use kith_domain::filter::{fields_of, sortable_fields};
    use kith_domain::relation::Target;
    use kith_domain::time::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_empty_search_asks_for_everything() {
        for body in [
            "{}",
            r#"{"filters": null, "sortDescriptor": null, "pagination": {"page": null}}"#,
        ] {
            assert_eq!(read(body.as_bytes()).unwrap(), SearchInput::default());
        }
    }

    #[test]
    fn every_part_is_read() {
        let body = json!({
            "filters": [{"field": "name", "operator": "contains", "value": "a"}], "searchTerm": "x y",
            "sortDescriptor": {"field": "name", "direction": "desc"}, "pagination": {"page": 2, "pageSize": 10},
            "withTotal": false
        });
        let input = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(input.filters[0]["field"], "name");
        assert_eq!(input.search_term.as_deref(), Some("x y"));
        assert_eq!(input.sort.unwrap().direction.as_deref(), Some("desc"));
        assert_eq!(
            (input.page, input.page_size, input.with_total),
            (Some(2), Some(10), Some(false))
        );
        let input = read(br#"{"cursor": "abc", "pageSize": 50}"#).unwrap();
        assert_eq!(
            (input.cursor.as_deref(), input.page_size),
            (Some("abc"), Some(50))
        );
    }

    #[test]
    fn what_is_wrong_is_told_at_once() {
        let body = br#"{"filter": [], "searchTerm": 1, "sortDescriptor": "name", "pagination": {"page": 1.5, "size": 3, "pageSize": 5},
            "pageSize": 6, "cursor": true, "withTotal": "yes", "withTotal": true}"#;
        let Err(ReadError::Invalid(problems)) = read(body) else {
            panic!()
        };
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.pointer.as_str(), problem.code))
            .collect();
        assert_eq!(
            found,
            [
                ("/filter", "unknown_member"),
                ("/searchTerm", "wrong_type"),
                ("/sortDescriptor", "wrong_type"),
                ("/pagination/page", "wrong_type"),
                ("/pagination/size", "unknown_member"),
                ("/pageSize", "contradiction"),
                ("/cursor", "wrong_type"),
                ("/withTotal", "wrong_type"),
                ("/withTotal", "duplicate"),
            ]
        );
    }

    #[test]
    fn answers_have_the_shape_that_clients_know() {
        let mut record = Record::empty(EntityType::Task, Uuid::from_u128(1), Timestamp(0));
        record.version = 1;
        let named = Name {
            id: Uuid::from_u128(5),
            target: Target::User,
            name: "Ada \"A\"".to_owned(),
        };
        let found = FoundJson {
            records: &[Arc::new(record)],
            page: Some(3),
            page_size: 25,
            total: Some(51),
            next_cursor: None,
            columns: &[],
            references: Some(&[named]),
            notes: NotesFormat::Markdown,
        };
        let answer: Value = serde_json::from_slice(&found.to_vec()).unwrap();
        assert_eq!(answer["items"][0]["version"], 1);
        assert_eq!(
            answer["pagination"],
            json!({"page": 3, "pageSize": 25, "total": 51, "totalPages": 3})
        );
        assert_eq!(answer["nextCursor"], Value::Null);
        assert_eq!(answer["customColumns"], json!([]));
        let id = Uuid::from_u128(5).to_string();
        assert_eq!(
            answer["references"][id],
            json!({"type": "user", "name": "Ada \"A\""})
        );
    }

    #[test]
    fn configurations_list_fields_with_their_operators() {
        for entity in EntityType::ALL {
            let configuration: Value = serde_json::from_slice(&crate::column::configuration(
                &[],
                &fields_of(entity, &[]),
                &sortable_fields(entity, &[]),
            ))
            .unwrap();
            let fields = configuration["filterableFields"].as_array().unwrap();
            assert!(fields.iter().all(|field| {
                field["operators"]
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
            }));
            assert!(fields.iter().any(|field| field["field"] == "userIds"));
            assert_eq!(configuration["sortableFields"][0]["field"], "createdAt");
        }
    }
}
