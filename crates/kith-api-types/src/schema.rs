//! The schemas of the OpenAPI document, derived from the tables of the domain: one path for all entity types.

mod build;
mod column;
mod event;
pub mod people;
mod record;
mod search;
mod session;
pub mod webhook;

pub use build::{array, intern, nullable, number, object, reference, text};
pub use event::event_schema;
use kith_domain::entity::EntityType;
use kith_domain::relation::LinkDef;
use poem_openapi::registry::{MetaSchema, Registry};
use serde_json::json;

/// Adds the schemas of records, requests, events and problems.
pub fn register(registry: &mut Registry) {
    for entity in EntityType::ALL {
        record::register(registry, entity);
        event::register(registry, entity);
        search::register(registry, entity);
    }
    record::register_common(registry);
    search::register_common(registry);
    people::register_users(registry);
    problem(registry);
}

/// Names of the schemas about a type of records.
#[derive(Clone, Copy, Debug)]
pub struct Names(pub EntityType);

impl Names {
    /// `Contact`: a record as responses show it.
    pub fn record(self) -> String {
        self.0.def().title.to_owned()
    }

    /// `ContactCreate`: a new record.
    pub fn create(self) -> String {
        format!("{}Create", self.0.def().title)
    }

    /// `ContactCreateMany`: new records.
    pub fn create_many(self) -> String {
        format!("{}CreateMany", self.0.def().title)
    }

    /// `ContactUpdate`: changes of a record.
    pub fn update(self) -> String {
        format!("{}Update", self.0.def().title)
    }

    /// `ContactUpdateItem`: changes of a record with its id.
    pub fn update_item(self) -> String {
        format!("{}UpdateItem", self.0.def().title)
    }

    /// `ContactUpdateMany`: changes of records.
    pub fn update_many(self) -> String {
        format!("{}UpdateMany", self.0.def().title)
    }

    /// `ContactAnswer`: a record with the columns of its type.
    pub fn answer(self) -> String {
        format!("{}Answer", self.0.def().title)
    }

    /// `ContactSearchResult`: a page of records.
    pub fn search_result(self) -> String {
        format!("{}SearchResult", self.0.def().title)
    }

    /// `ContactSnapshot`: a record as events carry it.
    pub fn snapshot(self) -> String {
        format!("{}Snapshot", self.0.def().title)
    }

    /// `ContactChanges`: what moved, as events carry it.
    pub fn changes(self) -> String {
        format!("{}Changes", self.0.def().title)
    }
}

/// Schemas of the bodies that link along one end of a relation.
pub fn link_bodies(link: &LinkDef) -> Vec<String> {
    let mut bodies = vec!["LinkIds".to_owned()];
    if link.quantity {
        bodies.push(record::link_quantities(link));
    }
    bodies
}

/// Name of the schema of errors.
pub const PROBLEM: &str = "Problem";

fn problem(registry: &mut Registry) {
    let place = "JSON Pointer (RFC 6901) into the request body; empty for the body itself.";
    build::add(
        registry,
        "Violation",
        object(
            "One problem of a request, with its place.",
            &["pointer", "code", "message"],
            vec![
                ("pointer", text(place)),
                (
                    "code",
                    text("Stable and machine-readable: `required`, `too_long`, `not_found`, …"),
                ),
                (
                    "message",
                    text("What is wrong, what was received and what is accepted."),
                ),
            ],
        ),
    );
    let status = MetaSchema {
        description: Some("The HTTP status."),
        ..MetaSchema::new_with_format("integer", "int32")
    };
    let mut schema = object(
        "Why a request was not done: problem details of RFC 9457.",
        &["type", "title", "status", "detail", "code", "requestId"],
        vec![
            ("type", text("`urn:kith:problem:` and the code.")),
            ("title", text("The code in words.")),
            ("status", build::inline(status)),
            ("detail", text("What is wrong here.")),
            (
                "code",
                text("Stable and machine-readable: `validation_failed`, `not_found`, …"),
            ),
            (
                "requestId",
                text(
                    "The id of the request, as in the header X-Request-Id and in the server's log.",
                ),
            ),
            (
                "errors",
                array(
                    "All problems of the request at once.",
                    reference("Violation"),
                ),
            ),
        ],
    );
    schema.example = Some(json!({
        "type": "urn:kith:problem:validation_failed",
        "title": "The request is not valid",
        "status": 400,
        "detail": "First name is empty; 1 to 200 characters are accepted",
        "code": "validation_failed",
        "requestId": "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44",
        "errors": [{
            "pointer": "/firstName",
            "code": "required",
            "message": "First name is empty; 1 to 200 characters are accepted"
        }]
    }));
    build::add(registry, PROBLEM, schema);
}

#[cfg(test)]
mod tests;
