//! Task: a to-do item, linked to users only.

use super::{EntityDef, FieldDef, FieldKind};

pub(super) static DEF: EntityDef = EntityDef {
    name: "task",
    plural: "tasks",
    title: "Task",
    description: "A to-do item, assigned to users.",
    events: ["task.created", "task.updated", "task.deleted"],
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
