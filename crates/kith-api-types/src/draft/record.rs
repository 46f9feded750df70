//! One record: its members by the tables of the domain.

use kith_domain::draft::{CustomInput, Draft, NotesInput, Patch};
use kith_domain::entity::{EntityType, FieldDef, FieldKind, FieldValue};
use kith_domain::violation::Violation;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::links::Form;
use super::{IGNORED_MEMBERS, Problems, links, unknown_member};
use crate::tree::{Json, Kind};

/// What a body says about one record.
pub(super) struct RecordInput {
    /// Its `id`, if there is one.
    pub(super) id: Option<Result<Uuid, Violation>>,
    /// Its content.
    pub(super) draft: Draft,
}

/// The members of a record that can be written.
#[derive(Clone, Copy)]
enum Member {
    Field(usize),
    Link(usize),
    Notes,
    Custom,
}

/// Reads an object as a record of a type; problems go into the draft.
pub(super) fn read(entity: EntityType, json: Json<'_>) -> RecordInput {
    let mut draft = Draft::new(entity);
    let mut id = None;
    let mut problems = Problems::default();
    let mut seen = 0u64;
    let legible = json.members(|name, value| {
        let Some((position, member)) = member(entity, &name) else {
            if name == "id" {
                id = Some(links::id(value, "/id"));
            } else if !IGNORED_MEMBERS.contains(&&*name) {
                let holder = entity.one();
                problems.add(unknown_member("", &name, writable(entity), &holder));
            }
            return;
        };
        let bit = 1 << position;
        if seen & bit != 0 {
            let message = format!("`{name}` occurs twice in the object; send it once");
            problems.add(Violation::new(format!("/{name}"), "duplicate", message));
            return;
        }
        seen |= bit;
        match member {
            Member::Field(index) => {
                draft.fields[index] = field(&entity.fields()[index], value, &mut problems);
            }
            Member::Link(index) => {
                let def = &entity.links()[index];
                let form = if def.quantity {
                    Form::Lines(Some(Decimal::ONE))
                } else {
                    Form::Ids
                };
                draft.links[index] = patch(value, |value| {
                    links::items(def, &def.field, form, value, &mut problems)
                });
            }
            Member::Notes => draft.notes = patch(value, |value| notes(value, &mut problems)),
            Member::Custom => draft.custom = custom(value, &mut problems),
        }
    });
    if !legible {
        let message = "a member's name holds an escape that stands for no character";
        problems.add(Violation::new("", "invalid_text", message));
    }
    draft.problems = problems.found;
    RecordInput { id, draft }
}

/// The writable member with a name, and a number of its own.
fn member(entity: EntityType, name: &str) -> Option<(usize, Member)> {
    let fields = entity.fields();
    if let Some(index) = fields.iter().position(|field| field.name == name) {
        return (!fields[index].kind.is_derived()).then_some((index, Member::Field(index)));
    }
    let links = entity.links();
    if let Some(index) = links.iter().position(|link| link.field == name) {
        return Some((fields.len() + index, Member::Link(index)));
    }
    match name {
        "notes" => Some((fields.len() + links.len(), Member::Notes)),
        "customFieldValues" => Some((fields.len() + links.len() + 1, Member::Custom)),
        _ => None,
    }
}

/// Names of the members that can be written.
pub(super) fn writable(entity: EntityType) -> impl Iterator<Item = &'static str> + Clone {
    let fields = entity.fields().iter();
    let links = entity.links().iter();
    fields
        .filter(|field| !field.kind.is_derived())
        .map(|field| field.name)
        .chain(links.map(|link| link.field.as_str()))
        .chain(["notes", "customFieldValues"])
}

fn patch<'a, T>(json: Json<'a>, read: impl FnOnce(Json<'a>) -> Option<T>) -> Patch<T> {
    match json.kind() {
        Kind::Null => Patch::Null,
        _ => read(json).map_or(Patch::Unreadable, Patch::Set),
    }
}

fn field(def: &FieldDef, json: Json<'_>, problems: &mut Problems) -> Patch<FieldValue> {
    patch(json, |json| match def.kind {
        FieldKind::Text { .. } => text(def, json, problems).map(FieldValue::Text),
        FieldKind::Emails { .. } => emails(def, json, problems).map(FieldValue::Emails),
        FieldKind::Amount | FieldKind::TotalValue | FieldKind::TotalQuantity => {
            let place = format!("/{}", def.name);
            match links::number(json, &place, def.label) {
                Ok(number) => Some(FieldValue::Decimal(number)),
                Err(problem) => {
                    problems.add(problem);
                    None
                }
            }
        }
    })
}

fn text(def: &FieldDef, json: Json<'_>, problems: &mut Problems) -> Option<String> {
    string(json, &format!("/{}", def.name), def.label, problems)
}

fn string(json: Json<'_>, place: &str, label: &str, problems: &mut Problems) -> Option<String> {
    if json.kind() != Kind::String {
        let message = format!("{label} takes a string, received {json}");
        problems.add(Violation::new(place, "wrong_type", message));
        return None;
    }
    let text = json.string();
    if text.is_none() {
        let message = format!("{label} holds an escape that stands for no character");
        problems.add(Violation::new(place, "invalid_text", message));
    }
    text.map(Into::into)
}

fn emails(def: &FieldDef, json: Json<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let mut emails = Vec::new();
    let mut legible = true;
    let is_array = json.elements(|at, element| {
        if problems.is_full() {
            return;
        }
        let place = format!("/{}/{at}", def.name);
        match string(element, &place, "an e-mail address", problems) {
            Some(email) => emails.push(email),
            None => legible = false,
        }
    });
    if !is_array {
        let message = format!(
            "{} takes an array of e-mail addresses, received {json}",
            def.label
        );
        problems.add(Violation::new(
            format!("/{}", def.name),
            "wrong_type",
            message,
        ));
    }
    (is_array && legible).then_some(emails)
}

/// Reads notes that are not null: Markdown, or a document.
pub(super) fn notes(json: Json<'_>, problems: &mut Problems) -> Option<NotesInput> {
    match json.kind() {
        Kind::String => string(json, "/notes", "notes", problems).map(NotesInput::Markdown),
        Kind::Object => match json.value() {
            Ok(document) => Some(NotesInput::Document(document)),
            Err(reason) => {
                let message = format!("the document cannot be read: {reason}");
                problems.add(Violation::new("/notes", "invalid_notes", message));
                None
            }
        },
        _ => {
            let message = format!(
                "notes takes a Markdown string, a Tiptap document ({{\"type\": \"doc\", …}}) or null, received {json}"
            );
            problems.add(Violation::new("/notes", "wrong_type", message));
            None
        }
    }
}

fn custom(json: Json<'_>, problems: &mut Problems) -> Vec<CustomInput> {
    let mut inputs = Vec::new();
    let is_array = json.elements(|at, element| {
        if !problems.is_full() {
            inputs.extend(custom_value(at, element, problems));
        }
    });
    if !is_array {
        let message = format!(
            "customFieldValues takes an array of objects with columnId and value, received {json}"
        );
        problems.add(Violation::new("/customFieldValues", "wrong_type", message));
    }
    inputs
}

fn custom_value(at: usize, json: Json<'_>, problems: &mut Problems) -> Option<CustomInput> {
    let place = format!("/customFieldValues/{at}");
    let mut column = None;
    let mut value = None;
    let is_object = json.members(|name, member| {
        let slot_taken = match &*name {
            "columnId" => column
                .replace(links::id(member, &format!("{place}/columnId")))
                .is_some(),
            "value" => value.replace(member.value()).is_some(),
            _ => {
                let known = ["columnId", "value"].into_iter();
                problems.add(unknown_member(&place, &name, known, "a custom value"));
                false
            }
        };
        if slot_taken {
            let message = format!("`{name}` occurs twice in the object; send it once");
            problems.add(Violation::new(
                format!("{place}/{name}"),
                "duplicate",
                message,
            ));
        }
    });
    if !is_object {
        let message = format!("expected an object with columnId and value, received {json}");
        problems.add(Violation::new(place, "wrong_type", message));
        return None;
    }
    let column = column.unwrap_or_else(|| {
        Err(Violation::new(
            format!("{place}/columnId"),
            "required",
            "columnId is missing",
        ))
    });
    let value = match value {
        Some(value) => value.map_err(|reason| {
            let message = format!("the value cannot be read: {reason}");
            Violation::new(format!("{place}/value"), "invalid_value", message)
        }),
        None => Err(Violation::new(
            format!("{place}/value"),
            "required",
            "value is missing; null clears the column",
        )),
    };
    match (column, value) {
        (Ok(column), Ok(value)) => Some(CustomInput { at, column, value }),
        (column, value) => {
            column
                .err()
                .into_iter()
                .chain(value.err())
                .for_each(|problem| problems.add(problem));
            None
        }
    }
}
