//! The company, its people, roles, invitations and keys over HTTP (contract, section 1).

mod company;
mod invitations;
mod keys;
mod roles;
mod users;

use std::sync::Arc;

use kith_api_types::schema;
use kith_application::{People, Sessions};
use poem::Response;
use poem::http::StatusCode;
use poem_openapi::registry::Registry;

use crate::app::App;
use crate::operation::{Operation, Surface};
use crate::reply;

/// The operations on people.
pub(crate) struct PeopleApi {
    people: Arc<People>,
    sessions: Arc<Sessions>,
}

impl PeopleApi {
    pub(crate) fn new(app: &App) -> Self {
        PeopleApi {
            people: Arc::clone(&app.people),
            sessions: Arc::clone(&app.sessions),
        }
    }
}

impl Surface for PeopleApi {
    const TAGS: &'static [(&'static str, &'static str)] = &[
        (users::TAG, "The people of the company."),
        (company::TAG, "The company itself."),
        (roles::TAG, "Named sets of rights."),
        (invitations::TAG, "How people join the company."),
        (
            keys::TAG,
            "Keys that act as their owner, with the owner's rights within their scopes.",
        ),
    ];

    fn operations() -> Vec<Operation<Self>> {
        let mut operations = users::operations();
        operations.extend(company::operations());
        operations.extend(roles::operations());
        operations.extend(invitations::operations());
        operations.extend(keys::operations());
        operations
    }

    fn schemas(registry: &mut Registry) {
        schema::people::register(registry);
    }
}

/// One thing as JSON.
pub(crate) fn shown(status: StatusCode, write: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = Vec::with_capacity(512);
    write(&mut body);
    reply::json(status, body)
}
