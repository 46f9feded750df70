//! Derived totals: a relation with quantities adds up amount × quantity on its left end, in exact decimals.

use std::collections::{BTreeSet, HashSet};

use rust_decimal::Decimal;
use uuid::Uuid;

use super::stage::Stage;
use crate::entity::{EntityType, FieldKind, FieldValue};
use crate::record::{Record, RecordKey};
use crate::relation::Target;

/// Totals stay below this magnitude (9 × 10^14), so that they fit a 64-bit integer at 4 decimals.
pub(super) const TOTAL_LIMIT: Decimal = Decimal::from_parts(0x944C_4000, 0x0003_328B, 0, false, 0);

/// Decimals of amounts and quantities.
const SCALE: u32 = 4;

/// Decimals of their products.
const VALUE_SCALE: u32 = 8;

/// Brings the totals up to date with what the request changed. Only the lines that moved are looked at, so the other
/// services of a deal need not be loaded.
///
/// # Errors
/// The records whose totals would leave the range that is kept exactly.
pub(super) fn derive_totals(stage: &mut Stage<'_>) -> Result<(), Vec<RecordKey>> {
    let repriced = repriced(stage);
    let mut overflowing = Vec::new();
    for key in holders(stage, &repriced) {
        let Some((value, quantity)) = moved_totals(stage, key, &repriced) else {
            overflowing.push(key);
            continue;
        };
        if let Some(record) = stage.edit(key) {
            for (def, field) in key.entity.fields().iter().zip(&mut record.fields) {
                match def.kind {
                    FieldKind::TotalValue => *field = FieldValue::Decimal(value),
                    FieldKind::TotalQuantity => *field = FieldValue::Decimal(quantity),
                    FieldKind::Text { .. } | FieldKind::Emails { .. } | FieldKind::Amount => {}
                }
            }
        }
    }
    if overflowing.is_empty() {
        Ok(())
    } else {
        Err(overflowing)
    }
}

/// Records whose amount the request changed.
fn repriced(stage: &Stage<'_>) -> HashSet<RecordKey> {
    stage
        .touched()
        .filter(|key| {
            key.entity
                .fields()
                .iter()
                .any(|field| field.feeds.is_some())
        })
        .filter(|key| match (stage.set.get(*key), stage.get(*key)) {
            (Some(before), Some(after)) => amount(before) != amount(after),
            _ => false,
        })
        .collect()
}

/// Records whose totals may have moved: their lines changed, or a line was repriced.
fn holders(stage: &Stage<'_>, repriced: &HashSet<RecordKey>) -> BTreeSet<RecordKey> {
    let relined = stage
        .touched()
        .filter(|key| quantity_link(key.entity).is_some());
    let feeding = repriced
        .iter()
        .filter_map(|key| stage.get(*key))
        .flat_map(|record| {
            let links = record.entity.links().iter().zip(&record.links);
            links
                .filter(|(def, _)| def.of.quantity)
                .flat_map(|(def, links)| {
                    let entity = def.of.left;
                    links
                        .ids()
                        .iter()
                        .map(move |id| RecordKey { entity, id: *id })
                })
        });
    relined
        .chain(feeding)
        .filter(|key| stage.get(*key).is_some())
        .collect()
}

/// The totals of a record after the request, or nothing if they are too large.
fn moved_totals(
    stage: &Stage<'_>,
    key: RecordKey,
    repriced: &HashSet<RecordKey>,
) -> Option<(Decimal, Decimal)> {
    let after = stage.get(key)?;
    let before = stage.set.get(key).map(AsRef::as_ref);
    let (link, line_type) = quantity_link(key.entity)?;
    let quantity_in = |record: Option<&Record>, id: Uuid| {
        record
            .and_then(|record| record.links[link].quantity(id))
            .unwrap_or_default()
    };
    let mut moved: BTreeSet<Uuid> = after.links[link]
        .iter()
        .filter(|(id, quantity)| quantity_in(before, *id) != *quantity)
        .map(|(id, _)| id)
        .collect();
    if let Some(before) = before {
        moved.extend(before.links[link].ids_not_in(&after.links[link]));
    }
    moved.extend(
        repriced
            .iter()
            .map(|line| line.id)
            .filter(|id| after.links[link].contains(*id)),
    );

    let mut value = units(total(after, FieldKind::TotalValue), VALUE_SCALE)?;
    let mut quantity = units(total(after, FieldKind::TotalQuantity), SCALE)?;
    for id in moved {
        let line = RecordKey {
            entity: line_type,
            id,
        };
        let old_quantity = units(quantity_in(before, id), SCALE)?;
        let new_quantity = units(quantity_in(Some(after), id), SCALE)?;
        let old_amount = stage
            .set
            .get(line)
            .map_or(Decimal::ZERO, |line| amount(line));
        let new_amount = stage.get(line).map_or(Decimal::ZERO, amount);
        value = value
            .checked_add(new_quantity.checked_mul(units(new_amount, SCALE)?)?)?
            .checked_sub(old_quantity.checked_mul(units(old_amount, SCALE)?)?)?;
        quantity = quantity
            .checked_add(new_quantity)?
            .checked_sub(old_quantity)?;
    }
    let value = Decimal::try_from_i128_with_scale(value, VALUE_SCALE).ok()?;
    let quantity = Decimal::try_from_i128_with_scale(quantity, SCALE).ok()?;
    let fits = value.abs() < TOTAL_LIMIT && quantity.abs() < TOTAL_LIMIT;
    fits.then(|| (value.normalize(), quantity.normalize()))
}

/// A decimal as a whole number of units of `10^-scale`; none if it has more decimals. Whole numbers, because products
/// of large decimals would be rounded to 28 digits, which the sum might then not show.
fn units(number: Decimal, scale: u32) -> Option<i128> {
    let number = number.normalize();
    let up = scale.checked_sub(number.scale())?;
    number.mantissa().checked_mul(10_i128.checked_pow(up)?)
}

/// The link of a type that shows quantities, with the type of its lines.
fn quantity_link(entity: EntityType) -> Option<(usize, EntityType)> {
    let links = entity.links().iter().enumerate();
    links
        .filter(|(_, def)| def.quantity)
        .find_map(|(index, def)| match def.target {
            Target::Record(line) => Some((index, line)),
            Target::User => None,
        })
}

fn amount(record: &Record) -> Decimal {
    total(record, FieldKind::Amount)
}

fn total(record: &Record, kind: FieldKind) -> Decimal {
    let fields = record.entity.fields().iter().zip(&record.fields);
    let mut found = fields.filter(|(def, _)| def.kind == kind);
    found
        .next()
        .map_or(Decimal::ZERO, |(_, value)| value.as_decimal())
}
