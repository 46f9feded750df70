//! The table of operations on records.

use kith_api_types::draft::{self, ReadError};
use kith_domain::decide::{Command, LinkMode};
use kith_domain::entity::EntityType;
use kith_domain::record::RecordKey;
use poem::http::Method;

use super::respond::Shape;

/// What can be done with records of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Get,
    Search,
    Configuration,
    Update,
    Delete,
    CreateMany,
    UpdateMany,
    DeleteMany,
    Link,
    Unlink,
    SetNotes,
    AppendNotes,
}

/// What the path of a request names; a part that it does not name is not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) key: RecordKey,
    /// Position in the links of the type.
    pub(crate) link: usize,
}

impl Operation {
    pub(crate) const ALL: [Operation; 13] = [
        Operation::Create,
        Operation::Get,
        Operation::Search,
        Operation::Configuration,
        Operation::Update,
        Operation::Delete,
        Operation::CreateMany,
        Operation::UpdateMany,
        Operation::DeleteMany,
        Operation::Link,
        Operation::Unlink,
        Operation::SetNotes,
        Operation::AppendNotes,
    ];

    /// The path after `/contacts`, as routes write it.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Operation::Create => "",
            Operation::Get | Operation::Update | Operation::Delete => "/:id",
            Operation::CreateMany | Operation::UpdateMany | Operation::DeleteMany => "/many",
            Operation::Search => "/search",
            Operation::Configuration => "/configuration",
            Operation::Link | Operation::Unlink => "/:id/links/:relation",
            Operation::SetNotes => "/:id/notes",
            Operation::AppendNotes => "/:id/notes/append",
        }
    }

    /// The path after `/contacts`, as OpenAPI writes it.
    pub(crate) fn path(self) -> String {
        self.route()
            .replace(":id", "{id}")
            .replace(":relation", "{relation}")
    }

    /// The methods, the customary one first.
    pub(crate) fn methods(self) -> Vec<Method> {
        match self {
            Operation::Get | Operation::Configuration => vec![Method::GET],
            Operation::Create
            | Operation::Search
            | Operation::CreateMany
            | Operation::Link
            | Operation::AppendNotes => {
                vec![Method::POST]
            }
            Operation::Update => vec![Method::PUT, Method::PATCH],
            Operation::UpdateMany | Operation::SetNotes => vec![Method::PUT],
            Operation::Delete | Operation::DeleteMany | Operation::Unlink => vec![Method::DELETE],
        }
    }

    /// Whether the request has a body.
    pub(crate) fn has_body(self) -> bool {
        !matches!(
            self,
            Operation::Get | Operation::Configuration | Operation::Delete
        )
    }

    /// Whether the operation changes records.
    pub(crate) fn changes(self) -> bool {
        !matches!(
            self,
            Operation::Get | Operation::Search | Operation::Configuration
        )
    }

    /// Whether one record can be asked to be at a version.
    pub(crate) fn takes_if_match(self) -> bool {
        self.route().contains(":id") && self.changes()
    }

    /// Whether the request can carry an idempotency key: it posts, and changes something.
    pub(crate) fn takes_idempotency_key(self) -> bool {
        self.changes() && self.methods().contains(&Method::POST)
    }

    /// Whether the names of linked things can be asked for.
    pub(crate) fn takes_include(self) -> bool {
        matches!(self, Operation::Get | Operation::Search)
    }

    /// What the response holds.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Operation::Get => Shape::Wrapped,
            Operation::Search => Shape::Page,
            Operation::Configuration => Shape::Configuration,
            Operation::Create => Shape::Created,
            Operation::Update | Operation::Link | Operation::Unlink => Shape::Record,
            Operation::SetNotes | Operation::AppendNotes => Shape::Record,
            Operation::CreateMany => Shape::CreatedMany,
            Operation::UpdateMany => Shape::Records,
            Operation::Delete => Shape::Id,
            Operation::DeleteMany => Shape::Ids,
        }
    }

    /// The command that a request of the operation means; none if the operation only reads.
    pub(crate) fn command(
        self,
        entity: EntityType,
        target: Target,
        expected_version: Option<i64>,
        body: &[u8],
    ) -> Option<Result<Command, ReadError>> {
        let Target { key, link } = target;
        let command = match self {
            Operation::Get | Operation::Search | Operation::Configuration => return None,
            Operation::Create => draft::create(entity, body),
            Operation::CreateMany => draft::create_many(entity, body),
            Operation::Update => draft::update(key, expected_version, body),
            Operation::UpdateMany => draft::update_many(entity, body),
            Operation::Delete => Ok(Command::Delete {
                entity,
                ids: vec![key.id],
                expected_version,
                batch: false,
            }),
            Operation::DeleteMany => draft::delete_many(entity, body),
            Operation::Link => draft::link(key, link, LinkMode::Link, expected_version, body),
            Operation::Unlink => draft::link(key, link, LinkMode::Unlink, expected_version, body),
            Operation::SetNotes => draft::notes(key, false, expected_version, body),
            Operation::AppendNotes => draft::notes(key, true, expected_version, body),
        };
        Some(command)
    }
}
