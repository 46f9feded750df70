//! Contact: a person.

use super::{EntityDef, FieldDef, FieldKind};

pub(super) static DEF: EntityDef = EntityDef {
    name: "contact",
    plural: "contacts",
    title: "Contact",
    description: "A person, with the organizations and deals they belong to.",
    events: ["contact.created", "contact.updated", "contact.deleted"],
    fields: &[
        FieldDef {
            name: "firstName",
            label: "First name",
            kind: FieldKind::Text {
                required: true,
                max: 200,
            },
            feeds: None,
        },
        FieldDef {
            name: "lastName",
            label: "Last name",
            kind: FieldKind::Text {
                required: false,
                max: 200,
            },
            feeds: None,
        },
        FieldDef {
            name: "emails",
            label: "E-mail addresses",
            kind: FieldKind::Emails { max: 20 },
            feeds: None,
        },
    ],
    sort_name: &[1, 0],
    searched: &[0, 1, 2],
};
