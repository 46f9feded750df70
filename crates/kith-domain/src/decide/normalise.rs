//! Values as callers give them, judged and brought into the one form that is stored (contract, section 2).

use std::collections::HashMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::draft::LinkItem;
use crate::entity::{FieldDef, FieldKind, FieldValue};
use crate::relation::LinkDef;
use crate::text;
use crate::violation::{Violation, pointer_token};

/// Amounts and quantities stay below this magnitude.
const AMOUNT_LIMIT: Decimal = Decimal::from_parts(0x4876_E800, 0x17, 0, false, 0);

/// Most decimals of amounts and quantities.
const MAX_SCALE: u32 = 4;

/// The stored form of an own field.
pub(super) fn field(def: &FieldDef, value: &FieldValue) -> Result<FieldValue, Vec<Violation>> {
    let at = |code, message: String| vec![Violation::new(format!("/{}", def.name), code, message)];
    match (def.kind, value) {
        (FieldKind::Text { required, max }, FieldValue::Text(given)) => {
            let clean = text::clean(given).map_err(|control| {
                let message = format!(
                    "{} contains the control character U+{:04X}; tab and newline are the only ones accepted",
                    def.label,
                    u32::from(control)
                );
                at("control_character", message)
            })?;
            let length = clean.chars().count();
            if length > max {
                let message = format!(
                    "{} has {length} characters; at most {max} are accepted",
                    def.label
                );
                return Err(at("too_long", message));
            }
            if required && length == 0 {
                return Err(at(
                    "required",
                    format!("{} is empty; 1 to {max} characters are accepted", def.label),
                ));
            }
            Ok(FieldValue::Text(clean))
        }
        (FieldKind::Emails { max }, FieldValue::Emails(given)) => {
            emails(def, given, max).map(FieldValue::Emails)
        }
        (FieldKind::Amount, FieldValue::Decimal(given)) => decimal(*given)
            .map(FieldValue::Decimal)
            .map_err(|message| at("out_of_range", format!("{} {message}", def.label))),
        (kind, _) => Err(at(
            "wrong_type",
            format!("{} takes {}", def.label, accepted(kind)),
        )),
    }
}

/// What a field takes, for messages.
pub(super) fn accepted(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text { .. } => "a string",
        FieldKind::Emails { .. } => "an array of e-mail addresses",
        FieldKind::Amount => "a number with up to 4 decimals",
        FieldKind::TotalValue | FieldKind::TotalQuantity => "nothing: it is derived",
    }
}

fn emails(def: &FieldDef, given: &[String], max: usize) -> Result<Vec<String>, Vec<Violation>> {
    let mut problems = Vec::new();
    if given.len() > max {
        let message = format!(
            "{} has {} entries; at most {max} are accepted",
            def.label,
            given.len()
        );
        problems.push(Violation::new(
            format!("/{}", def.name),
            "too_many",
            message,
        ));
    }
    let mut seen = HashMap::new();
    let mut emails = Vec::with_capacity(given.len());
    for (at, address) in given.iter().enumerate() {
        let pointer = format!("/{}/{at}", def.name);
        match crate::email::parse_email(address) {
            Ok(email) => {
                if let Some(first) = seen.insert(email.to_lowercase(), at) {
                    let message = format!(
                        "{email} is already listed at index {first}; addresses must be distinct"
                    );
                    problems.push(Violation::new(pointer, "duplicate", message));
                } else {
                    emails.push(email);
                }
            }
            Err(reason) => {
                problems.push(Violation::new(pointer, "invalid_email", reason.to_string()))
            }
        }
    }
    if problems.is_empty() {
        Ok(emails)
    } else {
        Err(problems)
    }
}

fn decimal(number: Decimal) -> Result<Decimal, String> {
    let number = number.normalize();
    if number.scale() > MAX_SCALE {
        return Err(format!(
            "is {number}; at most {MAX_SCALE} decimals are accepted"
        ));
    }
    if number.abs() >= AMOUNT_LIMIT {
        return Err(format!(
            "is {number}; a magnitude below 100000000000 is accepted"
        ));
    }
    Ok(number)
}

/// Checks the items of one link array by themselves: distinct, with quantities only where the relation has them.
/// `member` is the pointer of the array, `show_ids` whether the array lists bare ids.
pub(super) fn items(
    def: &LinkDef,
    member: &str,
    items: &[LinkItem],
    problems: &mut Vec<Violation>,
) {
    let mut seen: HashMap<Uuid, &LinkItem> = HashMap::with_capacity(items.len());
    for item in items {
        let pointer = format!("/{}/{}", pointer_token(member), item.at);
        if let Some(quantity) = item.quantity {
            if !def.of.quantity {
                let message = format!("links to {} have no quantity", def.relation);
                problems.push(Violation::new(
                    format!("{pointer}/quantity"),
                    "unknown_member",
                    message,
                ));
            } else if quantity <= Decimal::ZERO {
                let message =
                    format!("the quantity is {quantity}; a number greater than 0 is accepted");
                problems.push(Violation::new(
                    format!("{pointer}/quantity"),
                    "out_of_range",
                    message,
                ));
            } else if let Err(message) = decimal(quantity) {
                let message = format!("the quantity {message}");
                problems.push(Violation::new(
                    format!("{pointer}/quantity"),
                    "out_of_range",
                    message,
                ));
            }
        }
        if let Some(first) = seen.insert(item.id, item) {
            let message = match (first.quantity, item.quantity) {
                (Some(one), Some(other)) if one != other => format!(
                    "{} is already listed at index {} with quantity {one}, here with {other}; list it once",
                    item.id, first.at
                ),
                _ => format!(
                    "{} is already listed at index {}; list it once",
                    item.id, first.at
                ),
            };
            problems.push(Violation::new(pointer, "duplicate", message));
        }
    }
}
