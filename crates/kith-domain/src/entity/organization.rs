//! Organization: a company that one deals with.

use super::{EntityDef, FieldDef, FieldKind};

pub(super) static DEF: EntityDef = EntityDef {
    name: "organization",
    plural: "organizations",
    title: "Organization",
    description: "A company that one deals with, with its people and deals.",
    events: [
        "organization.created",
        "organization.updated",
        "organization.deleted",
    ],
    fields: &[FieldDef {
        name: "name",
        label: "Name",
        kind: FieldKind::Text {
            required: true,
            max: 300,
        },
        feeds: None,
    }],
    sort_name: &[0],
    searched: &[0],
};
