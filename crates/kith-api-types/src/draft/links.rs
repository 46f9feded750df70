//! Arrays of links: bare ids, or objects with a quantity.

use kith_domain::draft::LinkItem;
use kith_domain::relation::LinkDef;
use kith_domain::violation::Violation;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Problems, parse_id, unknown_member};
use crate::tree::{Json, Kind};

/// Reads an id.
pub(super) fn id(json: Json<'_>, pointer: &str) -> Result<Uuid, Violation> {
    let expected = "a UUID such as 0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
    if json.kind() != Kind::String {
        let message = format!("expected {expected}, received {json}");
        return Err(Violation::new(pointer, "wrong_type", message));
    }
    json.string()
        .and_then(|text| parse_id(&text))
        .ok_or_else(|| {
            Violation::new(
                pointer,
                "invalid_id",
                format!("{json} is no id; expected {expected}"),
            )
        })
}

/// What an array of links consists of.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// Ids.
    Ids,
    /// Objects with an id and a quantity, and the quantity of those that give none.
    Lines(Option<Decimal>),
}

/// Reads an array of links; nothing if it is no array.
pub(super) fn items(
    def: &LinkDef,
    member: &str,
    form: Form,
    json: Json<'_>,
    problems: &mut Problems,
) -> Option<Vec<LinkItem>> {
    // Every id takes 39 bytes with its quotes and comma.
    let mut items = Vec::with_capacity(json.raw().len() / 39 + 1);
    let is_array = json.elements(|at, element| {
        if problems.is_full() {
            return;
        }
        let item = match form {
            Form::Lines(default) => line(def, member, at, default, element, problems),
            Form::Ids => match id(element, &format!("/{member}/{at}")) {
                Ok(id) => Some(LinkItem::id(at, id)),
                Err(problem) => {
                    problems.add(problem);
                    None
                }
            },
        };
        items.extend(item);
    });
    if is_array {
        return Some(items);
    }
    let of = match form {
        Form::Lines(_) => format!("objects with {}Id and quantity", def.target.name()),
        Form::Ids => format!("ids of {}", def.relation),
    };
    let message = format!("{member} takes an array of {of}, received {json}");
    problems.add(Violation::new(format!("/{member}"), "wrong_type", message));
    None
}

/// Reads `{serviceId, quantity}`.
fn line(
    def: &LinkDef,
    member: &str,
    at: usize,
    default: Option<Decimal>,
    json: Json<'_>,
    problems: &mut Problems,
) -> Option<LinkItem> {
    let place = format!("/{member}/{at}");
    let id_member = format!("{}Id", def.target.name());
    let mut linked = None;
    let mut quantity = None;
    let is_object = json.members(|name, value| {
        let slot_taken = if name == id_member {
            linked
                .replace(id(value, &format!("{place}/{id_member}")))
                .is_some()
        } else if name == "quantity" {
            quantity
                .replace(number(value, &format!("{place}/quantity"), "quantity"))
                .is_some()
        } else {
            let known = [id_member.as_str(), "quantity"].into_iter();
            problems.add(unknown_member(&place, &name, known, "a link"));
            false
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
        let message = format!("expected an object with {id_member} and quantity, received {json}");
        problems.add(Violation::new(place, "wrong_type", message));
        return None;
    }
    let quantity = match quantity {
        None => Some(default),
        Some(Ok(quantity)) => Some(Some(quantity)),
        Some(Err(problem)) => {
            problems.add(problem);
            None
        }
    };
    match linked {
        None => {
            let message = format!("{id_member} is missing");
            problems.add(Violation::new(
                format!("{place}/{id_member}"),
                "required",
                message,
            ));
            None
        }
        Some(Err(problem)) => {
            problems.add(problem);
            None
        }
        Some(Ok(id)) => quantity.map(|quantity| LinkItem { at, id, quantity }),
    }
}

/// Reads a decimal from the digits of a JSON number, never by way of a binary fraction.
pub(super) fn number(json: Json<'_>, pointer: &str, label: &str) -> Result<Decimal, Violation> {
    if json.kind() != Kind::Number {
        let message = format!("{label} takes a number with up to 4 decimals, received {json}");
        return Err(Violation::new(pointer, "wrong_type", message));
    }
    let text = json.raw();
    let exact = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        Decimal::from_str_exact(text)
    };
    exact.map_err(|_| {
        let message = format!(
            "{label} is {json}; up to 4 decimals and a magnitude below 100000000000 are accepted"
        );
        Violation::new(pointer, "out_of_range", message)
    })
}
