//! `POST /search`: names across all types.

use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, search};
use kith_application::Searches;
use kith_domain::actor::Actor;
use poem::Request;
use poem::http::StatusCode;

use crate::app::App;
use crate::body;
use crate::operation::{Answer, Operation, Surface, post};
use crate::reply;

/// The search over all types.
pub(crate) struct FindApi {
    searches: Arc<Searches>,
}

impl FindApi {
    pub(crate) fn new(app: &App) -> Self {
        FindApi {
            searches: Arc::clone(&app.searches),
        }
    }
}

impl Surface for FindApi {
    const TAGS: &'static [(&'static str, &'static str)] = &[("search", "Names across all types.")];

    fn operations() -> Vec<Operation<Self>> {
        let texts = [
            "searchAll",
            "Search all types",
            "Records of all types that the caller may read whose searched text contains every word: those whose name begins with the first word come first, at most 50 of each type.",
        ];
        vec![
            post("/search", texts)
                .takes("FindRequest")
                .answers(200, "What was found.", reference("FindResult"))
                .does(find),
        ]
    }
}

async fn find(api: Arc<FindApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let term = search::read_term(body.bytes()).map_err(Problem::from)?;
    let names = api.searches.find(&actor, &term).await?;
    Ok(reply::json(StatusCode::OK, search::found_names(&names)))
}
