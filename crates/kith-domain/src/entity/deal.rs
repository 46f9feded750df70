//! Deal: a sales opportunity, whose totals follow from its services.

use super::{EntityDef, FieldDef, FieldKind};

pub(super) static DEF: EntityDef = EntityDef {
    name: "deal",
    plural: "deals",
    title: "Deal",
    description: "A sales opportunity, whose totals follow from its services.",
    events: ["deal.created", "deal.updated", "deal.deleted"],
    fields: &[
        FieldDef {
            name: "name",
            label: "Name",
            kind: FieldKind::Text {
                required: true,
                max: 300,
            },
            feeds: None,
        },
        FieldDef {
            name: "totalValue",
            label: "Total value",
            kind: FieldKind::TotalValue,
            feeds: None,
        },
        FieldDef {
            name: "totalQuantity",
            label: "Total quantity",
            kind: FieldKind::TotalQuantity,
            feeds: None,
        },
    ],
    sort_name: &[0],
    searched: &[0],
};
