//! What three custom values and notes add to the cost of a create.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::load::{self, Bounds, Requests};
use crate::report::{self, Row};
use crate::{Options, work};
use kith_tests::usage::{self, Watched};

/// Most requests of one run.
const MOST: usize = 10_000;

/// Requests before a run is measured.
const WARM: usize = 100;

/// Measures and prints.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut rows = Vec::new();
    for backend in options.databases() {
        let mut server = TestServer::start(backend).await?;
        let organizations = Arc::new(work::organizations(&server.api).await?);
        let columns = Arc::new(columns(&server.api).await?);
        for &connections in &options.connections {
            for with_values in [false, true] {
                let (organizations, columns) = (Arc::clone(&organizations), Arc::clone(&columns));
                let make: Requests = Arc::new(move |number| {
                    let organization = &organizations[number % organizations.len()];
                    let mut request = work::create_contact(organization, number);
                    if with_values {
                        request.body.pop();
                        request.body += &values(&columns, number);
                    }
                    request
                });
                rows.push(measure(&mut server, with_values, connections, options, &make).await?);
            }
        }
    }
    report::print(&rows);
    options.save(&json!({ "values": rows }))
}

async fn columns(api: &Api) -> Result<Vec<String>> {
    let stages = ["New", "Won", "Lost"].map(|label| json!({"value": label, "label": label}));
    let mut ids = Vec::new();
    for body in [
        json!({"label": "Stage", "entityType": "contact", "type": "singleSelect", "options": {"options": stages}}),
        json!({"label": "Revenue", "entityType": "contact", "type": "currency"}),
        json!({"label": "City", "entityType": "contact", "type": "plain"}),
    ] {
        let reply = api.call("POST", "/custom-columns", &body).await?;
        ensure!(reply.status == 201, "{}", reply.text());
        let made = reply.json();
        ids.push(made["id"].as_str().context("no id")?.to_owned());
    }
    Ok(ids)
}

/// The rest of a body: three values and notes.
fn values(columns: &[String], number: usize) -> String {
    let values = [
        json!(["New", "Won", "Lost"][number % 3]),
        json!(number % 100_000),
        json!(format!("Berlin {}", number % 40)),
    ];
    let values: Vec<Value> = columns
        .iter()
        .zip(values)
        .map(|(column, value)| json!({"columnId": column, "value": value}))
        .collect();
    let notes = json!(
        "Met at the **spring fair**; asked for an offer.\n\n- prefers calls\n- renews in *autumn*"
    );
    format!(
        r#","notes":{notes},"customFieldValues":{}}}"#,
        Value::from(values)
    )
}

async fn measure(
    server: &mut TestServer,
    with_values: bool,
    connections: usize,
    options: &Options,
    make: &Requests,
) -> Result<Row> {
    let watched = Watched {
        server: server.process().pid(),
        postgres: usage::postgres_pid(&server.database).await?,
    };
    let api = &server.api;
    let head = work::head(api);
    let bounds = Bounds {
        connections,
        seconds: options.seconds,
        requests: WARM,
    };
    load::drive(api.address, &head, bounds, 0, make).await?;
    let bounds = Bounds {
        requests: MOST,
        ..bounds
    };
    usage::forget_peak(watched.server)?;
    let before = watched.cpu()?;
    let measured = load::drive(api.address, &head, bounds, WARM, make).await?;
    let cpu = watched.cpu_since(before)?;
    let peak = usage::memory(watched.server)?.1;
    let name = if with_values {
        "W1, 3 values and notes"
    } else {
        "W1"
    };
    let backend = server.database.backend.name();
    Ok(Row::new(
        backend,
        name,
        connections,
        &measured,
        1,
        cpu,
        peak,
    ))
}
