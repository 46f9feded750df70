//! Which rules an index answers, so that they may lead to the records.

use kith_domain::entity::{EntityType, FieldKind};
use kith_domain::filter::{FieldRef, Filter, Rule, Test};

use crate::columns::CompanyColumns;

/// Whether the records of a filter are found through indexes alone.
pub(super) fn is_indexed(filter: &Filter, entity: EntityType, columns: &CompanyColumns) -> bool {
    let is_indexed = |filter: &Filter| is_indexed(filter, entity, columns);
    match filter {
        Filter::All(filters) => filters.iter().any(is_indexed),
        Filter::Any(filters) => filters.iter().all(is_indexed),
        Filter::Not(_) => false,
        Filter::Rule(rule) => !rule.negated && is_rule_indexed(rule, entity, columns),
    }
}

fn is_rule_indexed(rule: &Rule, entity: EntityType, columns: &CompanyColumns) -> bool {
    if matches!(rule.test, Test::Absent | Test::Present | Test::Contains(_)) {
        return false;
    }
    match rule.field {
        FieldRef::Id | FieldRef::CreatedAt | FieldRef::UpdatedAt | FieldRef::Link(_) => true,
        FieldRef::Version | FieldRef::Notes => false,
        FieldRef::Own(at) => match entity.fields().get(at).map(|field| field.kind) {
            Some(FieldKind::Text { .. }) => entity.def().sort_name == [at],
            Some(FieldKind::Emails { .. }) | None => false,
            Some(FieldKind::Amount | FieldKind::TotalQuantity | FieldKind::TotalValue) => true,
        },
        FieldRef::Custom(id) => columns.slot(id).is_some(),
    }
}
