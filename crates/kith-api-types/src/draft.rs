//! Request bodies, read into commands of the domain with every problem of a body at once (contract, sections 2 and 11).
//!
//! Readers judge shapes: types, member names, what is listed twice. What a value means is judged by the domain, which
//! adds its own findings to [`Draft::problems`].

mod links;
mod record;

use kith_domain::decide::{Change, Command, LinkChange, LinkMode, NotesChange};
use kith_domain::draft::{Draft, NotesInput};
use kith_domain::entity::EntityType;
use kith_domain::record::RecordKey;
use kith_domain::violation::{Violation, pointer_token};
use uuid::Uuid;

use crate::tree::{Json, Kind, NotJson};
use kith_domain::text::{excerpt, nearest};

/// Most records of one request.
pub const MAX_BATCH: usize = 1_000;

/// Most problems that are listed for one record or one array; whoever sent more sees these first.
const MAX_PROBLEMS: usize = 100;

/// Members of a record that are ignored on input, so that a fetched record can be sent back.
pub const IGNORED_MEMBERS: [&str; 7] = [
    "companyId",
    "id",
    "createdAt",
    "updatedAt",
    "version",
    "totalValue",
    "totalQuantity",
];

/// Why a body became no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error(transparent)]
    NotJson(#[from] NotJson),
    /// It has not the shape of the request.
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
}

/// A new record: `POST /contacts`.
///
/// # Errors
/// When the body is no JSON object.
pub fn create(entity: EntityType, body: &[u8]) -> Result<Command, ReadError> {
    let json = object(Json::parse(body)?, entity)?;
    let drafts = vec![record::read(entity, json).draft];
    Ok(Command::Create {
        entity,
        drafts,
        batch: false,
    })
}

/// New records: `POST /contacts/many`, `{"contacts": […]}`.
///
/// # Errors
/// When the body is not of this shape.
pub fn create_many(entity: EntityType, body: &[u8]) -> Result<Command, ReadError> {
    let mut drafts = Vec::new();
    let mut problems = Problems::default();
    let plural = entity.plural();
    batch(
        Json::parse(body)?,
        plural,
        &mut problems,
        |at, json, problems| match object(json, entity) {
            Ok(json) => drafts.push((at, record::read(entity, json).draft)),
            Err(_) => problems.add(not_an_object(format!("/{plural}/{at}"), json, entity)),
        },
    );
    problems.or_with_drafts(entity, drafts.iter().map(|(at, draft)| (*at, draft)))?;
    let drafts = drafts.into_iter().map(|(_, draft)| draft).collect();
    Ok(Command::Create {
        entity,
        drafts,
        batch: true,
    })
}

/// Changes of one record: `PUT` or `PATCH /contacts/{id}`.
///
/// # Errors
/// When the body is no JSON object.
pub fn update(
    key: RecordKey,
    expected_version: Option<i64>,
    body: &[u8],
) -> Result<Command, ReadError> {
    let json = object(Json::parse(body)?, key.entity)?;
    let draft = record::read(key.entity, json).draft;
    let changes = vec![Change {
        id: key.id,
        expected_version,
        draft,
    }];
    Ok(Command::Update {
        entity: key.entity,
        changes,
        batch: false,
    })
}

/// Changes of many records: `PUT /contacts/many`, `{"contacts": [{id, …}]}`.
///
/// # Errors
/// When the body is not of this shape, or a record has no id.
pub fn update_many(entity: EntityType, body: &[u8]) -> Result<Command, ReadError> {
    let mut changes = Vec::new();
    let mut problems = Problems::default();
    let plural = entity.plural();
    batch(
        Json::parse(body)?,
        plural,
        &mut problems,
        |at, json, problems| {
            let place = format!("/{plural}/{at}");
            if json.kind() != Kind::Object {
                return problems.add(not_an_object(place, json, entity));
            }
            let record::RecordInput { id, draft } = record::read(entity, json);
            let id = id.unwrap_or_else(|| {
                let message = format!(
                    "id is missing; each of the {plural} needs the id of the record to change"
                );
                Err(Violation::new("/id", "required", message))
            });
            let id = id.unwrap_or_else(|problem| {
                problems.add(problem.under(&place));
                Uuid::nil()
            });
            changes.push((
                at,
                Change {
                    id,
                    expected_version: None,
                    draft,
                },
            ));
        },
    );
    problems.or_with_drafts(
        entity,
        changes.iter().map(|(at, change)| (*at, &change.draft)),
    )?;
    let changes = changes.into_iter().map(|(_, change)| change).collect();
    Ok(Command::Update {
        entity,
        changes,
        batch: true,
    })
}

/// Deletion of many records: `DELETE /contacts/many`, `{"ids": […]}`.
///
/// # Errors
/// When the body is not of this shape.
pub fn delete_many(entity: EntityType, body: &[u8]) -> Result<Command, ReadError> {
    let mut ids = Vec::new();
    let mut problems = Problems::default();
    batch(
        Json::parse(body)?,
        "ids",
        &mut problems,
        |at, json, problems| match links::id(json, &format!("/ids/{at}")) {
            Ok(id) => ids.push(id),
            Err(problem) => problems.add(problem),
        },
    );
    problems.none()?;
    Ok(Command::Delete {
        entity,
        ids,
        expected_version: None,
        batch: true,
    })
}

/// Links added or removed: `POST` or `DELETE /contacts/{id}/links/organizations`, `{"ids": […]}`, or, for a relation
/// with quantities, `{"services": [{serviceId, quantity}]}`. `link` is the position in [`EntityType::links`].
///
/// # Errors
/// When the body is not of this shape.
pub fn link(
    key: RecordKey,
    link: usize,
    mode: LinkMode,
    expected_version: Option<i64>,
    body: &[u8],
) -> Result<Command, ReadError> {
    let def = &key.entity.links()[link];
    let accepted: &[&'static str] = if def.quantity {
        &["ids", def.relation]
    } else {
        &["ids"]
    };
    let (member, json) = only_member(Json::parse(body)?, accepted)?;
    let mut problems = Problems::default();
    // An existing link keeps its quantity unless another one is given.
    let form = if member == "ids" {
        links::Form::Ids
    } else {
        links::Form::Lines(None)
    };
    let items = links::items(def, member, form, json, &mut problems).unwrap_or_default();
    if items.is_empty() && problems.found.is_empty() {
        problems.add(Violation::new(
            format!("/{member}"),
            "required",
            format!("{member} is empty; list at least one"),
        ));
    }
    let problems = problems.found;
    Ok(Command::Link(LinkChange {
        key,
        link,
        mode,
        expected_version,
        member,
        items,
        problems,
    }))
}

/// Notes replaced or appended to: `PUT /contacts/{id}/notes`, `POST /contacts/{id}/notes/append`, `{"notes": …}`.
///
/// # Errors
/// When the body is not of this shape.
pub fn notes(
    key: RecordKey,
    append: bool,
    expected_version: Option<i64>,
    body: &[u8],
) -> Result<Command, ReadError> {
    let (_, json) = only_member(Json::parse(body)?, &["notes"])?;
    let mut problems = Problems::default();
    let notes = match json.kind() {
        Kind::Null if append => {
            let message = "notes is null; to append, send a Markdown string or a Tiptap document";
            problems.add(Violation::new("/notes", "wrong_type", message));
            None
        }
        Kind::Null => None,
        _ => record::notes(json, &mut problems),
    };
    problems.none()?;
    Ok(Command::Notes(NotesChange {
        key,
        expected_version,
        notes,
        append,
    }))
}

/// A notes value on its own, as other surfaces take it.
///
/// # Errors
/// When it is neither a string, a document nor null.
pub fn notes_input(json: Json<'_>) -> Result<Option<NotesInput>, Violation> {
    let mut problems = Problems::default();
    let notes = match json.kind() {
        Kind::Null => None,
        _ => record::notes(json, &mut problems),
    };
    problems.found.into_iter().next().map_or(Ok(notes), Err)
}

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Problems {
    found: Vec<Violation>,
}

impl Problems {
    pub(crate) fn add(&mut self, problem: Violation) {
        if self.found.len() < MAX_PROBLEMS {
            self.found.push(problem);
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// What was found, to be told with what the domain finds.
    pub(crate) fn into_found(self) -> Vec<Violation> {
        self.found
    }

    pub(crate) fn none(self) -> Result<(), ReadError> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(ReadError::Invalid(self.found))
        }
    }

    /// If the batch itself has problems, those of its drafts are told along with them.
    fn or_with_drafts<'a>(
        mut self,
        entity: EntityType,
        drafts: impl Iterator<Item = (usize, &'a Draft)>,
    ) -> Result<(), ReadError> {
        if self.found.is_empty() {
            return Ok(());
        }
        for (at, draft) in drafts {
            let place = format!("/{}/{at}", entity.plural());
            for problem in &draft.problems {
                self.add(problem.clone().under(&place));
            }
        }
        Err(ReadError::Invalid(self.found))
    }
}

fn object<'a>(json: Json<'a>, entity: EntityType) -> Result<Json<'a>, ReadError> {
    if json.kind() == Kind::Object {
        Ok(json)
    } else {
        Err(ReadError::Invalid(vec![not_an_object(
            String::new(),
            json,
            entity,
        )]))
    }
}

fn not_an_object(pointer: String, json: Json<'_>, entity: EntityType) -> Violation {
    let message = format!(
        "expected an object with the members of {}, received {json}",
        entity.one()
    );
    Violation::new(pointer, "wrong_type", message)
}

/// Calls `each` with the 1 to [`MAX_BATCH`] elements of the one member of a body.
fn batch<'a>(
    json: Json<'a>,
    member: &'static str,
    problems: &mut Problems,
    mut each: impl FnMut(usize, Json<'a>, &mut Problems),
) {
    let list = match only_member(json, &[member]) {
        Ok((_, list)) => list,
        Err(ReadError::Invalid(found)) => {
            return found.into_iter().for_each(|problem| problems.add(problem));
        }
        Err(ReadError::NotJson(_)) => return,
    };
    let mut count = 0;
    let is_array = list.elements(|at, element| {
        count = at + 1;
        if at < MAX_BATCH {
            each(at, element, problems);
        }
    });
    let pointer = format!("/{member}");
    if !is_array {
        let message = format!("{member} takes an array of 1 to {MAX_BATCH}, received {list}");
        problems.add(Violation::new(pointer, "wrong_type", message));
    } else if count == 0 {
        let message = format!("{member} is empty; 1 to {MAX_BATCH} are accepted");
        problems.add(Violation::new(pointer, "required", message));
    } else if count > MAX_BATCH {
        let message = format!("{member} has {count} elements; 1 to {MAX_BATCH} are accepted");
        problems.add(Violation::new(pointer, "too_many", message));
    }
}

/// The value of the one member of an object, which may have one of several names.
pub(crate) fn only_member<'a>(
    json: Json<'a>,
    accepted: &[&'static str],
) -> Result<(&'static str, Json<'a>), ReadError> {
    let names = accepted.join("` or `");
    let mut problems = Problems::default();
    let mut found: Option<(&'static str, Json<'a>)> = None;
    let is_object =
        json.members(
            |name, value| match (accepted.iter().find(|known| **known == name), found) {
                (Some(known), None) => found = Some((known, value)),
                (Some(known), Some((first, _))) => {
                    let message = if *known == first {
                        format!("`{known}` occurs twice in the object; send it once")
                    } else {
                        format!("`{known}` and `{first}` are both given; send one of them")
                    };
                    problems.add(Violation::new(format!("/{known}"), "duplicate", message));
                }
                (None, _) => problems.add(unknown_member(
                    "",
                    &name,
                    accepted.iter().copied(),
                    "the body",
                )),
            },
        );
    if !is_object {
        let message = format!("expected an object with `{names}`, received {json}");
        problems.add(Violation::new("", "wrong_type", message));
    } else if found.is_none() {
        let message = format!("`{names}` is missing");
        let pointer = accepted
            .first()
            .map_or(String::new(), |name| format!("/{name}"));
        problems.add(Violation::new(pointer, "required", message));
    }
    match found {
        Some(found) if problems.found.is_empty() => Ok(found),
        _ => Err(ReadError::Invalid(problems.found)),
    }
}

/// A member that nothing knows, with the nearest known name.
pub(crate) fn unknown_member<'a>(
    place: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    holder: &str,
) -> Violation {
    let shown = excerpt(name, 60);
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let known: Vec<_> = known.collect();
    let message = format!(
        "{holder} has no member `{shown}`; {hint}accepted are {}",
        known.join(", ")
    );
    Violation::new(
        format!("{place}/{}", pointer_token(&shown)),
        "unknown_member",
        message,
    )
}

/// The id in a path or in a body: 36 characters with hyphens.
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
