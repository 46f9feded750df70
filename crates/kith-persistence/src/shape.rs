//! How a record lies in its tables: columns and links, derived from the domain's tables of fields and relations.

mod custom;
mod derived;

use std::sync::LazyLock;

use kith_domain::entity::{EntityType, FieldKind, FieldValue};
use kith_domain::notes::Notes;
use kith_domain::record::Record;
use kith_domain::relation::{LinkDef, RELATIONS, Relation};
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::columns::{CompanyColumns, Widths};
use crate::query::Statement;
use crate::sql::{Cells, Column, Dialect, Listed, aggregate, corrupt};

pub(crate) use custom::{LOWER, ValueRows, days};
use derived::Derived;
pub(crate) use derived::{key_column, lower_column};

/// Decimals of the stored integers.
const SCALE: u32 = 4;

/// Further decimals of a total value, in a column of their own.
const REST_SCALE: u32 = 8;

/// Column of a link table that holds the quantity.
pub(crate) const QUANTITY: &str = "quantity";

/// The columns of every record table before its own fields.
const COMMON: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// A record table.
pub(crate) struct Shape {
    pub(crate) entity: EntityType,
    /// `company_id`, the common columns, the own fields, `notes`, `custom`, and what follows from them for questions:
    /// what is written, before the slots.
    pub(crate) columns: Vec<&'static str>,
    derived: Vec<Derived>,
    select: [String; 2],
    /// How many of the columns make up a record.
    own_cells: usize,
}

static SHAPES: LazyLock<Vec<Shape>> =
    LazyLock::new(|| EntityType::ALL.into_iter().map(Shape::new).collect());

/// Names of columns live as long as the program: the tables are built once.
fn lasting(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

impl Shape {
    pub(crate) fn of(entity: EntityType) -> &'static Shape {
        &SHAPES[entity.index()]
    }

    fn new(entity: EntityType) -> Self {
        let mut columns = vec!["company_id"];
        columns.extend(COMMON);
        for field in entity.fields() {
            let name = snake(field.name);
            if field.kind == FieldKind::TotalValue {
                columns.push(lasting(name.clone()));
                columns.push(lasting(format!("{name}_rest")));
            } else {
                columns.push(lasting(name));
            }
        }
        columns.extend(["notes", "custom"]);
        let select = [Dialect::Sqlite, Dialect::Postgres].map(|dialect| {
            let own = columns.iter().map(|column| format!("r.{column}"));
            let links = entity
                .links()
                .iter()
                .flat_map(|link| links_sql(link, dialect, None));
            own.chain(links).collect::<Vec<_>>().join(", ")
        });
        let own_cells = columns.len();
        let derived = Derived::of(entity);
        columns.extend(derived.iter().map(|derived| derived.column(entity)));
        Shape {
            entity,
            columns,
            derived,
            select,
            own_cells,
        }
    }

    /// How many cells [`Shape::read`] reads.
    pub(crate) fn cells(&self) -> usize {
        let links = self.entity.links().iter();
        self.own_cells
            + links
                .map(|link| 1 + usize::from(link.quantity))
                .sum::<usize>()
    }

    pub(crate) fn table(&self) -> &'static str {
        self.entity.name()
    }

    /// The list of a `SELECT` that [`Shape::read`] understands; the record table goes by the name `r`.
    pub(crate) fn select(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Sqlite => &self.select[0],
            Dialect::Postgres => &self.select[1],
        }
    }

    /// As [`Shape::select`], with the links that a caller may see.
    pub(crate) fn select_within(&self, scope: &Scope, statement: &mut Statement) -> String {
        let dialect = statement.dialect;
        if scope.shows_all_links(self.entity) {
            return self.select(dialect).to_owned();
        }
        let own = &self.columns[..self.own_cells];
        let mut cells: Vec<_> = own.iter().map(|column| format!("r.{column}")).collect();
        for link in self.entity.links() {
            let seen = statement.seen(scope, link.target, &format!("l.{}", ends(link).1));
            cells.extend(links_sql(link, dialect, seen.as_deref()));
        }
        cells.join(", ")
    }

    /// The query for the records whose tenants and ids are the columns of the set `$k`.
    pub(crate) fn load(&self, dialect: Dialect) -> String {
        format!(
            "SELECT {} FROM $k CROSS JOIN {} r WHERE r.company_id = $k.c1 AND r.id = $k.c2",
            self.select(dialect),
            self.table()
        )
    }

    /// A record from a row of [`Shape::select`], beginning at column 0.
    pub(crate) fn read(&self, row: &(impl Cells + ?Sized)) -> Result<Record, sqlx::Error> {
        let mut at = 1 + COMMON.len();
        let mut fields = Vec::with_capacity(self.entity.fields().len());
        for field in self.entity.fields() {
            fields.push(read_field(field.kind, row, at)?);
            at += if field.kind == FieldKind::TotalValue {
                2
            } else {
                1
            };
        }
        let notes = row
            .optional_text(at)?
            .map(|text| Notes::from_stored(text.to_owned()));
        let custom = custom::read(row.optional_text(at + 1)?)?;
        at += 2;
        let mut links = Vec::with_capacity(self.entity.links().len());
        for link in self.entity.links() {
            links.push(row.links(at, link.quantity)?);
            at += if link.quantity { 2 } else { 1 };
        }
        Ok(Record {
            entity: self.entity,
            id: row.uuid(1)?,
            version: row.int(2)?,
            created_at: Timestamp(row.int(3)?),
            updated_at: Timestamp(row.int(4)?),
            notes,
            custom,
            fields,
            links,
        })
    }

    /// The written columns with the slots that any record may fill.
    pub(crate) fn columns_with(&self, widths: &Widths) -> Vec<&'static str> {
        let mut columns = self.columns.clone();
        columns.extend(widths.slots().map(|slot| slot.name()));
        columns
    }

    /// The cells of the columns after the common ones, for records in order, each with its company's columns.
    pub(crate) fn content(
        &self,
        records: &[(&CompanyColumns, &Record)],
        widths: &Widths,
    ) -> Vec<Column> {
        let mut columns = self.own_content(records);
        for derived in &self.derived {
            let cells = records.iter().map(|(_, record)| derived.cell(record));
            columns.push(Column::Text(cells.collect()));
        }
        for slot in widths.slots() {
            columns.push(custom::slot_column(slot, self.entity, records));
        }
        columns
    }

    fn own_content(&self, records: &[(&CompanyColumns, &Record)]) -> Vec<Column> {
        let mut columns = Vec::new();
        for (index, field) in self.entity.fields().iter().enumerate() {
            let values = records.iter().map(|(_, record)| &record.fields[index]);
            match field.kind {
                FieldKind::Text { .. } => {
                    columns.push(Column::Text(
                        values
                            .map(|value| Some(value.as_text().to_owned()))
                            .collect(),
                    ));
                }
                FieldKind::Emails { .. } => {
                    columns.push(Column::Text(
                        values.map(|value| Some(emails_text(value))).collect(),
                    ));
                }
                FieldKind::Amount | FieldKind::TotalQuantity => {
                    columns.push(Column::Int(
                        values
                            .map(|value| Some(to_scaled(value.as_decimal())))
                            .collect(),
                    ));
                }
                FieldKind::TotalValue => {
                    let (whole, rest) = values.map(|value| split_total(value.as_decimal())).unzip();
                    columns.push(Column::Int(whole));
                    columns.push(Column::Int(rest));
                }
            }
        }
        let notes = records.iter().map(|(_, record)| {
            record
                .notes
                .as_ref()
                .map(|notes| notes.document().to_owned())
        });
        columns.push(Column::Text(notes.collect()));
        columns.push(Column::Text(
            records
                .iter()
                .map(|(_, record)| custom::text(&record.custom))
                .collect(),
        ));
        columns
    }
}

/// The columns of a link table: tenant, left end, right end, and the quantity where it has one.
pub(crate) fn link_columns(relation: &'static Relation) -> &'static [&'static str] {
    static COLUMNS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
        let columns = RELATIONS.iter().map(|relation| {
            let mut columns = vec![
                "company_id",
                lasting(format!("{}_id", relation.left.name())),
            ];
            columns.push(lasting(format!("{}_id", relation.right.name())));
            columns.extend(relation.quantity.then_some(QUANTITY));
            columns
        });
        columns.collect()
    });
    let index = RELATIONS
        .iter()
        .position(|other| other == relation)
        .unwrap_or_default();
    &COLUMNS[index]
}

/// The columns of a link table that hold the two ends of a link, the holder's first.
pub(crate) fn ends(link: &LinkDef) -> (String, String) {
    let (left, right) = (link.of.left.name(), link.of.right.name());
    let (own, other) = if link.is_left {
        (left, right)
    } else {
        (right, left)
    };
    (format!("{own}_id"), format!("{other}_id"))
}

/// Aggregates of the links of a record `r`: the ids, and the quantities where the end shows them; of those links `l`
/// that a caller may see.
fn links_sql(link: &LinkDef, dialect: Dialect, seen: Option<&str>) -> Vec<String> {
    let (own, other) = ends(link);
    let mut from = format!(
        "FROM {} l WHERE l.company_id = r.company_id AND l.{own} = r.id",
        link.of.name
    );
    if let Some(seen) = seen {
        from = format!("{from} AND {seen}");
    }
    let id = format!("l.{other}");
    if link.quantity {
        let quantity = format!("l.{QUANTITY}");
        vec![
            aggregate(dialect, Listed::Ids, &id, &from, Some(&id)),
            aggregate(dialect, Listed::Numbers, &quantity, &from, Some(&id)),
        ]
    } else {
        vec![aggregate(dialect, Listed::Ids, &id, &from, None)]
    }
}

fn read_field(
    kind: FieldKind,
    row: &(impl Cells + ?Sized),
    at: usize,
) -> Result<FieldValue, sqlx::Error> {
    Ok(match kind {
        FieldKind::Text { .. } => FieldValue::Text(row.text(at)?.to_owned()),
        FieldKind::Emails { .. } => FieldValue::Emails(read_emails(row.text(at)?)?),
        FieldKind::Amount | FieldKind::TotalQuantity => {
            FieldValue::Decimal(from_scaled(row.int(at)?))
        }
        FieldKind::TotalValue => FieldValue::Decimal(join_total(row.int(at)?, row.int(at + 1)?)),
    })
}

fn read_emails(text: &str) -> Result<Vec<String>, sqlx::Error> {
    if text == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(corrupt)
}

fn emails_text(value: &FieldValue) -> String {
    match value {
        FieldValue::Emails(emails) if !emails.is_empty() => {
            serde_json::Value::from(emails.as_slice()).to_string()
        }
        FieldValue::Emails(_) | FieldValue::Text(_) | FieldValue::Decimal(_) => "[]".to_owned(),
    }
}

/// `firstName` → `first_name`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A decimal with up to 4 decimals as a 64-bit integer. The domain keeps values in range.
pub(crate) fn to_scaled(number: Decimal) -> i64 {
    let mut number = number;
    number.rescale(SCALE);
    number
        .mantissa()
        .to_i64()
        .unwrap_or(if number.is_sign_negative() {
            i64::MIN
        } else {
            i64::MAX
        })
}

/// The decimal behind a stored integer.
pub(crate) fn from_scaled(stored: i64) -> Decimal {
    Decimal::new(stored, SCALE).normalize()
}

/// A total as stored: whole units of 10^-4, rounded down, and the rest in units of 10^-8.
pub(crate) fn split_total(total: Decimal) -> (Option<i64>, Option<i64>) {
    let mut total = total;
    total.rescale(REST_SCALE);
    let units = total.mantissa();
    let step = 10_i128.pow(REST_SCALE - SCALE);
    (
        units.div_euclid(step).to_i64(),
        units.rem_euclid(step).to_i64(),
    )
}

fn join_total(whole: i64, rest: i64) -> Decimal {
    let step = 10_i128.pow(REST_SCALE - SCALE);
    Decimal::from_i128_with_scale(i128::from(whole) * step + i128::from(rest), REST_SCALE)
        .normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_survive_storage_exactly() {
        for text in [
            "0",
            "0.00000001",
            "-0.00000001",
            "12.5",
            "899999999999999.99999999",
            "-3.00010002",
        ] {
            let total = Decimal::from_str_exact(text).unwrap_or_default();
            let (whole, rest) = split_total(total);
            assert_eq!(
                join_total(whole.unwrap_or_default(), rest.unwrap_or_default()),
                total,
                "{text}"
            );
        }
    }

    #[test]
    fn names_become_columns() {
        assert_eq!(snake("firstName"), "first_name");
        assert_eq!(
            Shape::of(EntityType::Deal).columns[5..9],
            ["name", "total_value", "total_value_rest", "total_quantity"]
        );
    }
}
