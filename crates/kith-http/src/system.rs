//! Signs of life: `/healthz` and `/readyz` (contract, section 12).

use kith_api_types::Problem;
use poem::Response;
use poem::endpoint::{BoxEndpoint, EndpointExt, make};
use poem::http::StatusCode;

use crate::app::{App, answer};
use crate::reply::{self, Failure};

pub(crate) fn routes(app: &App) -> Vec<(&'static str, BoxEndpoint<'static>)> {
    let ready = app.ready.clone();
    let readyz = make(move |_| {
        let ready = ready.clone();
        async move {
            match ready().await {
                Ok(()) => Ok(ok("ready")),
                Err(reason) => Err(poem::Error::from(not_ready(reason))),
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
