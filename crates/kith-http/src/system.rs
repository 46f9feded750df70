//! Signs of life: `/healthz` and `/readyz` (contract, section 12).

use std::sync::Arc;

use kith_api_types::Problem;
use poem::Response;
use poem::endpoint::{BoxEndpoint, EndpointExt, make};
use poem::http::StatusCode;

use crate::app::{App, answer};
use crate::reply::{self, Failure};

pub(crate) fn routes(app: &App) -> Vec<(&'static str, BoxEndpoint<'static>)> {
    let health = Arc::clone(&app.health);
    let readyz = make(move |_| {
        let health = Arc::clone(&health);
        async move {
            match health.check().await {
                Ok(()) => Ok(ok("ready")),
                Err(error) => Err(poem::Error::from(not_ready(error.to_string()))),
            }
        }
    });
    vec![
        ("/healthz", answer(|| ok("alive"))),
        ("/readyz", readyz.boxed()),
    ]
}

fn ok(word: &str) -> Response {
    reply::json(
        StatusCode::OK,
        format!("{{\"status\":\"{word}\"}}").into_bytes(),
    )
}

fn not_ready(reason: String) -> Failure {
    let detail = "the database cannot be reached, or its schema is not the one of this version";
    let problem = Problem::new(503, "not_ready", "Not ready", detail);
    Failure {
        cause: Some(reason),
        ..Failure::from(problem)
    }
}
