//! Service: a product or an offering with a price.

use super::{EntityDef, FieldDef, FieldKind};

pub(super) static DEF: EntityDef = EntityDef {
    name: "service",
    plural: "services",
    title: "Service",
    description: "A product or an offering with a price, sold in deals.",
    events: ["service.created", "service.updated", "service.deleted"],
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
            name: "amount",
            label: "Amount",
            kind: FieldKind::Amount,
            feeds: Some("deals"),
        },
    ],
    sort_name: &[0],
    searched: &[0],
};
