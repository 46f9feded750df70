//! Schemas of people.

use poem_openapi::registry::{MetaSchema, Registry};
use serde_json::json;

use super::build::{add, array, formatted, id, inline, nullable, object, reference, text};

pub(super) fn register(registry: &mut Registry) {
    let status = MetaSchema {
        description: Some("Only active users may act."),
        enum_items: vec![
            json!("active"),
            json!("inactive"),
            json!("pendingAuthorization"),
        ],
        ..MetaSchema::new("string")
    };
    let members = [
        "id",
        "email",
        "firstName",
        "lastName",
        "country",
        "avatarUrl",
        "status",
        "roleId",
        "createdAt",
        "updatedAt",
    ];
    let user = object(
        "A person of the company.",
        &members,
        vec![
            ("id", id("The user.")),
            ("email", text("Unique across the server.")),
            ("firstName", text("Given name.")),
            ("lastName", text("Family name.")),
            ("country", nullable(text("ISO 3166-1 alpha-2."))),
            ("avatarUrl", nullable(text("A picture."))),
            ("status", inline(status)),
            ("roleId", id("Their role.")),
            ("createdAt", formatted("date-time", "When they were added.")),
            (
                "updatedAt",
                formatted("date-time", "When they last changed."),
            ),
        ],
    );
    add(registry, "User", user);
    let page = object(
        "A page of people.",
        &["items", "pagination"],
        vec![
            ("items", array("The people, by name.", reference("User"))),
            ("pagination", reference("Pagination")),
        ],
    );
    add(registry, "UserSearchResult", page);
    let wanted = object(
        "Which people.",
        &[],
        vec![
            (
                "searchTerm",
                text("Words; every one must occur in the name or the address."),
            ),
            ("pagination", reference("PageRequest")),
        ],
    );
    add(registry, "UserSearch", wanted);
}
