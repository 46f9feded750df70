//! The limits that results are seen beside: a handler that does nothing, and the same SQL by hand.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use kith_tests::server::Process;
use kith_tests::{Backend, TestServer};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Route, Server, get, handler};
use serde_json::json;

use crate::load::{self, Bounds, Requests};
use crate::report::Row;
use crate::{Options, work};
use kith_tests::usage::{self, Watched};

#[handler]
fn nothing() {}

/// Serves the handler that does nothing, and says where, as the server does.
pub(crate) async fn serve_empty() -> Result<()> {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor
        .local_addr()
        .first()
        .and_then(|address| address.as_socket_addr().copied())
        .context("no address")?;
    let fields = json!({"message": "listening", "address": address.to_string()});
    eprintln!("{}", json!({ "fields": fields }));
    let routes = Route::new().at("/", get(nothing));
    Ok(Server::new_with_acceptor(acceptor).run(routes).await?)
}

/// What the handler that does nothing costs.
pub(crate) async fn empty(options: &Options) -> Result<Vec<Row>> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("empty")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let process = Process::spawn(command)?;
    let watched = Watched {
        server: process.pid(),
        postgres: None,
    };
    let requests: Requests = std::sync::Arc::new(|_| load::Request {
        method: "GET",
        path: "/".to_owned(),
        body: String::new(),
        status: 200,
    });
    let mut rows = Vec::new();
    for &connections in &options.connections {
        let bounds = Bounds {
            connections,
            seconds: options.seconds.min(1.0),
            requests: usize::MAX / 2,
        };
        usage::forget_peak(watched.server)?;
        let before = watched.cpu()?;
        let measured = load::drive(process.address, "", bounds, 0, &requests).await?;
        let cpu = watched.cpu_since(before)?;
        let peak = usage::memory(watched.server)?.1;
        rows.push(Row::new(
            "–",
            "empty handler",
            connections,
            &measured,
            1,
            cpu,
            peak,
        ));
    }
    Ok(rows)
}

/// What the rows of W1, or of W6 with links, cost when they are written by hand, in a process of their own.
pub(crate) async fn by_hand(
    backend: Backend,
    records: usize,
    options: &Options,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &connections in &options.connections {
        // Kith makes the database and the organizations, and is gone then.
        let mut server = TestServer::start(backend).await?;
        let postgres = usage::postgres_pid(&server.database).await?;
        work::organizations(&server.api).await?;
        server.kill()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["sql", "--company", &server.api.company.to_string()])
            .args(["--clients", &connections.to_string()])
            .args(["--records", &records.to_string()])
            .args(["--for-seconds", &options.seconds.to_string()])
            .args(["--url", &server.database.url]);
        if let Some(pid) = postgres {
            command.args(["--postgres-pid", &pid.to_string()]);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(
            output.status.success(),
            "SQL by hand ended with {}",
            output.status
        );
        rows.push(serde_json::from_slice(&output.stdout)?);
    }
    Ok(rows)
}
