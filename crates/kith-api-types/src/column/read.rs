//! Bodies that make and change custom columns.

use kith_domain::columns::{ColumnDraft, ColumnPatch, ColumnType, OptionDraft, OptionsDraft};
use kith_domain::draft::Patch;
use kith_domain::entity::EntityType;
use kith_domain::violation::Violation;

use crate::draft::ReadError;
use crate::reader::{Members, Reader};
use crate::tree::{Json, Kind};

const COLUMN: Members = Members {
    holder: "a column",
    known: &["label", "entityType", "type", "options", "replaceWith"],
    ignored: &["id", "createdAt", "updatedAt", "companyId"],
};

const NEW_COLUMN: Members = Members {
    known: &["label", "entityType", "type", "options"],
    ..COLUMN
};

const OPTIONS: Members = Members {
    holder: "options",
    known: &["displayFormat", "currency", "options", "allowMultiple"],
    ignored: &[],
};

const OPTION: Members = Members {
    holder: "an option",
    known: &["value", "label", "color", "index", "isDefault"],
    ignored: &[],
};

/// A new column: `{label, entityType, type, options}`.
///
/// # Errors
/// When the body is not of this shape, with every problem.
pub fn create(body: &[u8]) -> Result<ColumnDraft, ReadError> {
    let mut reader = Reader::default();
    let (patch, seen) = column(&mut reader, NEW_COLUMN, Json::parse(body)?);
    let mut required = |present: bool, member: &str, takes: &str| {
        if !present && !seen.iter().any(|seen| seen == member) {
            let message = format!("{member} is missing; it takes {takes}");
            reader
                .problems
                .add(Violation::new(format!("/{member}"), "required", message));
        }
    };
    required(patch.label != Patch::Absent, "label", "a string");
    required(patch.entity.is_some(), "entityType", &names_of_types());
    required(patch.column_type.is_some(), "type", &names_of_kinds());
    reader.none()?;
    let label = match patch.label {
        Patch::Set(label) => label,
        Patch::Absent | Patch::Null | Patch::Unreadable => String::new(),
    };
    match (patch.entity, patch.column_type) {
        (Some(entity), Some(column_type)) => Ok(ColumnDraft {
            entity,
            label,
            column_type,
            options: patch.options,
        }),
        // Both are there, or there was a problem.
        _ => Err(ReadError::Invalid(Vec::new())),
    }
}

/// Changes of a column: what is absent stays as it is.
///
/// # Errors
/// When the body is not of this shape, with every problem.
pub fn update(body: &[u8]) -> Result<ColumnPatch, ReadError> {
    let mut reader = Reader::default();
    let (patch, _) = column(&mut reader, COLUMN, Json::parse(body)?);
    reader.none()?;
    Ok(patch)
}

/// A type of records by its name, singular or plural.
///
/// # Errors
/// What is accepted.
pub fn entity(name: &str) -> Result<EntityType, String> {
    EntityType::by_name(name).ok_or_else(|| format!("accepted are {}", names_of_types()))
}

fn names_of_types() -> String {
    EntityType::ALL.map(EntityType::name).join(", ")
}

fn names_of_kinds() -> String {
    ColumnType::ALL.map(ColumnType::name).join(", ")
}

/// A column, with the names of the members that it has.
fn column(reader: &mut Reader, members: Members, json: Json<'_>) -> (ColumnPatch, Vec<String>) {
    let mut patch = ColumnPatch::default();
    let seen = reader.object("", members, json, |reader, name, value| match name {
        "label" => patch.label = reader.text("/label", value),
        "entityType" => {
            patch.entity = reader.named("/entityType", value, EntityType::by_name, names_of_types);
        }
        "type" => {
            patch.column_type = reader.named("/type", value, ColumnType::by_name, names_of_kinds);
        }
        "options" if value.kind() == Kind::Null => {}
        "options" => patch.options = options(reader, value),
        _ => patch.replace_with = reader.text("/replaceWith", value),
    });
    (patch, seen)
}

fn options(reader: &mut Reader, json: Json<'_>) -> OptionsDraft {
    let mut options = OptionsDraft::default();
    if json.kind() == Kind::Array {
        // The list of a singleSelect itself: what else could an array of options be?
        options.options = list(reader, "/options", json);
        return options;
    }
    reader.object(
        "/options",
        OPTIONS,
        json,
        |reader, name, value| match name {
            "displayFormat" => {
                options.display_format = reader.text("/options/displayFormat", value);
            }
            "currency" => options.currency = reader.text("/options/currency", value),
            "allowMultiple" => {
                options.allow_multiple = reader.flag("/options/allowMultiple", value);
            }
            _ => options.options = list(reader, "/options/options", value),
        },
    );
    options
}

fn list(reader: &mut Reader, place: &str, json: Json<'_>) -> Patch<Vec<OptionDraft>> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    let mut list = Vec::new();
    let is_array = json.elements(|at, element| {
        let option = option(reader, &format!("{place}/{at}"), element);
        list.push(option);
    });
    if is_array {
        return Patch::Set(list);
    }
    reader.wrong_type(place, "an array of options", json);
    Patch::Unreadable
}

fn option(reader: &mut Reader, pointer: &str, json: Json<'_>) -> OptionDraft {
    let mut option = OptionDraft::default();
    reader.object(pointer, OPTION, json, |reader, name, value| {
        let place = format!("{pointer}/{name}");
        match name {
            "value" => option.value = given(reader.text(&place, value)),
            "label" => option.label = given(reader.text(&place, value)).unwrap_or_default(),
            "color" => option.color = given(reader.text(&place, value)),
            "index" if value.kind() == Kind::Null => {}
            "index" => {
                option.index = value.raw().parse().ok();
                if option.index.is_none() {
                    reader.wrong_type(&place, "a whole number from 0", value);
                }
            }
            _ => option.is_default = given(reader.flag(&place, value)).unwrap_or_default(),
        }
    });
    option
}

fn given<T>(patch: Patch<T>) -> Option<T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Absent | Patch::Null | Patch::Unreadable => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_read_with_their_options() {
        let body = json!({
            "label": "Stage", "entityType": "deal", "type": "singleSelect", "id": "ignored",
            "options": {"options": [{"label": "Won", "color": "green", "isDefault": true}, {"label": "Lost", "index": 3}]}
        });
        let draft = create(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            (draft.entity, draft.column_type),
            (EntityType::Deal, ColumnType::SingleSelect)
        );
        let Patch::Set(options) = draft.options.options else {
            panic!()
        };
        assert!(options[0].is_default && options[0].value.is_none());
        assert_eq!(options[1].index, Some(3));
        let patch =
            update(br#"{"label": null, "replaceWith": null, "options": {"allowMultiple": false}}"#)
                .unwrap();
        assert_eq!(
            (patch.label, patch.replace_with),
            (Patch::Null, Patch::Null)
        );
        assert_eq!(patch.options.allow_multiple, Patch::Set(false));
    }

    #[test]
    fn what_is_wrong_is_told_at_once() {
        let body = br#"{"entityType": "person", "type": "money", "replaceWith": "x", "lable": "A",
            "options": {"format": 1, "currency": 3, "options": [{"index": -1}, 4]}}"#;
        let Err(ReadError::Invalid(problems)) = create(body) else {
            panic!()
        };
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.pointer.as_str(), problem.code))
            .collect();
        assert_eq!(
            found,
            [
                ("/entityType", "not_accepted"),
                ("/type", "not_accepted"),
                ("/replaceWith", "unknown_member"),
                ("/lable", "unknown_member"),
                ("/options/format", "unknown_member"),
                ("/options/currency", "wrong_type"),
                ("/options/options/0/index", "wrong_type"),
                ("/options/options/1", "wrong_type"),
                ("/label", "required"),
            ]
        );
    }
}
