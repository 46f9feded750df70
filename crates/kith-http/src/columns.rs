//! Custom columns over HTTP (contract, section 4).

use std::sync::Arc;

use kith_api_types::schema::{array, reference};
use kith_api_types::{Problem, column};
use kith_application::Columns;
use kith_domain::actor::Actor;
use kith_domain::columns::Column;
use kith_domain::entity::EntityType;
use kith_domain::text::excerpt;
use poem::http::StatusCode;
use poem::{Request, Response};
use poem_openapi::registry::{MetaOperationParam, MetaSchema};

use crate::app::App;
use crate::operation::{
    Answer, Operation, Surface, delete, get, id_of, id_schema, in_query, post, put,
};
use crate::reply::{self, Failure};
use crate::{body, query};

/// What an id in a path is expected to be the id of.
const COLUMN: &str = "custom column";

/// The operations on custom columns.
pub(crate) struct ColumnsApi {
    columns: Arc<Columns>,
}

impl ColumnsApi {
    pub(crate) fn new(app: &App) -> Self {
        ColumnsApi {
            columns: Arc::clone(&app.columns),
        }
    }
}

impl Surface for ColumnsApi {
    const TAGS: &'static [(&'static str, &'static str)] = &[(
        "custom-columns",
        "Custom columns: fields that a company adds to its records.",
    )];

    fn operations() -> Vec<Operation<Self>> {
        let column = || reference("CustomColumn");
        vec![
            get(
                "/custom-columns",
                [
                    "listCustomColumns",
                    "List the custom columns",
                    "Those of one type of records, or of all that the caller may read; oldest first.",
                ],
            )
            .parameters(vec![of_type()])
            .answers(200, "The columns.", array("The columns.", column()))
            .does(list),
            post(
                "/custom-columns",
                [
                    "createCustomColumn",
                    "Create a custom column",
                    "Needs the right to create records of its type. A default option fills the value of records created from then on.",
                ],
            )
            .takes("CustomColumnCreate")
            .answers(201, "The new column.", column())
            .does(create),
            get(
                "/custom-columns/:id",
                ["getCustomColumn", "Get a custom column", "One column."],
            )
            .of("The column.")
            .answers(200, "The column.", column())
            .does(one),
            put(
                "/custom-columns/:id",
                [
                    "updateCustomColumn",
                    "Change a custom column",
                    "What is absent stays as it is; the type is fixed. Removing an option that records hold is refused with 409, unless `replaceWith` names another option for them, or null to clear it.",
                ],
            )
            .or_patch("patchCustomColumn", "Change a custom column (PATCH)")
            .of("The column.")
            .takes("CustomColumnUpdate")
            .answers(200, "The column as it now is.", column())
            .fails([409])
            .does(update),
            delete(
                "/custom-columns/:id",
                [
                    "deleteCustomColumn",
                    "Delete a custom column",
                    "The column goes with the values that records hold in it.",
                ],
            )
            .of("The column.")
            .answers(
                200,
                "The id of the deleted column.",
                id_schema("The id of the deleted column."),
            )
            .does(remove),
        ]
    }
}

fn of_type() -> MetaOperationParam {
    let schema = MetaSchema {
        enum_items: EntityType::ALL
            .iter()
            .map(|entity| entity.name().into())
            .collect(),
        ..MetaSchema::new("string")
    };
    let about = "Only the columns of this type of records.";
    in_query("entityType", about, schema)
}

async fn list(api: Arc<ColumnsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let listed = api.columns.list(&actor, wanted_type(&request)?).await?;
    let mut body = Vec::new();
    column::write_columns(&mut body, &listed);
    Ok(reply::json(StatusCode::OK, body))
}

async fn create(api: Arc<ColumnsApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = column::create(body.bytes()).map_err(Problem::from)?;
    let made = api.columns.create(&actor, draft).await?;
    Ok(shown(StatusCode::CREATED, &made))
}

async fn one(api: Arc<ColumnsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let found = api.columns.get(&actor, id_of(&request, COLUMN)?).await?;
    Ok(shown(StatusCode::OK, &found))
}

async fn update(api: Arc<ColumnsApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let id = id_of(&request, COLUMN)?;
    let body = body::json(&mut request).await?;
    let patch = column::update(body.bytes()).map_err(Problem::from)?;
    let changed = api.columns.update(&actor, id, patch).await?;
    Ok(shown(StatusCode::OK, &changed))
}

async fn remove(api: Arc<ColumnsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, COLUMN)?;
    api.columns.delete(&actor, id).await?;
    Ok(reply::id(id))
}

fn shown(status: StatusCode, shown: &Column) -> Response {
    let mut body = Vec::with_capacity(512);
    column::write_column(&mut body, shown);
    reply::json(status, body)
}

/// The `entityType` of the query string.
fn wanted_type(request: &Request) -> Result<Option<EntityType>, Failure> {
    let mut wanted = None;
    for (name, value) in query::pairs(request) {
        if name != "entityType" {
            return Err(query::unknown(name, &["entityType"]));
        }
        let entity = column::entity(value).map_err(|accepted| {
            query::invalid(format!(
                "entityType is `{}`; {accepted}",
                excerpt(value, 60)
            ))
        })?;
        wanted = Some(entity);
    }
    Ok(wanted)
}
