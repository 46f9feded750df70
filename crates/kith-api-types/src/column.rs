//! Custom columns as the public JSON shows them (contract, section 4), and what a type's records can be asked.

use kith_domain::columns::Column;
use kith_domain::entity::EntityType;
use kith_domain::filter::{Operator, fields_of, sortable_fields};

use crate::json;

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

/// Appends those of the columns that extend a type.
pub fn write_columns(out: &mut Vec<u8>, entity: EntityType, columns: &[Column]) {
    let own = columns.iter().filter(|column| column.entity == entity);
    json::array(out, own, write_column);
}

/// `{customColumns, filterableFields, sortableFields}` of a type.
pub fn configuration(entity: EntityType, columns: &[Column]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4_096);
    out.push(b'{');
    json::member(&mut out, "customColumns");
    write_columns(&mut out, entity, columns);
    json::member(&mut out, "filterableFields");
    json::array(&mut out, fields_of(entity, columns), |out, field| {
        named(out, &field.name, &field.label);
        json::member(out, "operators");
        json::array(out, field.operators(), |out, operator: &Operator| {
            json::string(out, operator.name())
        });
        out.push(b'}');
    });
    json::member(&mut out, "sortableFields");
    json::array(&mut out, sortable_fields(entity, columns), |out, field| {
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
