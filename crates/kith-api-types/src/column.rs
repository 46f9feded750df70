//! Custom columns as the public JSON shows them (contract, section 4), and what a type's records can be asked.

mod read;

use kith_domain::columns::Column;
use kith_domain::filter::{FilterField, Operator, SortableField};

use crate::json;

pub use read::{create, entity, update};

/// Appends a custom column.
pub fn write_column(out: &mut Vec<u8>, column: &Column) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, column.id);
    json::member(out, "label");
    json::string(out, &column.label);
    json::member(out, "entityType");
    json::string(out, column.entity.name());
    json::member(out, "type");
    json::string(out, column.column_type().name());
    json::member(out, "options");
    // Writing a tree of values into a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, &column.options.to_json());
    json::member(out, "createdAt");
    json::timestamp(out, column.created_at);
    json::member(out, "updatedAt");
    json::timestamp(out, column.updated_at);
    out.push(b'}');
}

/// Appends columns.
pub fn write_columns(out: &mut Vec<u8>, columns: &[Column]) {
    json::array(out, columns, write_column);
}

/// `{customColumns, filterableFields, sortableFields}`: what records of a type can be asked.
pub fn configuration(
    columns: &[Column],
    filterable: &[FilterField],
    sortable: &[SortableField],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(4_096);
    out.push(b'{');
    json::member(&mut out, "customColumns");
    write_columns(&mut out, columns);
    json::member(&mut out, "filterableFields");
    json::array(&mut out, filterable, |out, field| {
        named(out, &field.name, &field.label);
        json::member(out, "operators");
        json::array(out, field.operators(), |out, operator: &Operator| {
            json::string(out, operator.name())
        });
        out.push(b'}');
    });
    json::member(&mut out, "sortableFields");
    json::array(&mut out, sortable, |out, field| {
        named(out, &field.name, &field.label);
        out.push(b'}');
    });
    out.push(b'}');
    out
}

fn named(out: &mut Vec<u8>, field: &str, label: &str) {
    out.push(b'{');
    json::member(out, "field");
    json::string(out, field);
    json::member(out, "label");
    json::string(out, label);
}
