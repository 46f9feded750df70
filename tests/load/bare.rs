//! The least that a delivery costs: a loop that signs and posts the same bytes with the same client, and keeps nothing.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use kith_tests::Receiver;
use kith_tests::receiver::{self, Incoming, signatures};
use kith_tests::usage::Watched;
use reqwest::{Certificate, Client, redirect};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use uuid::Uuid;

/// What to post, and how often.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the receiver listens
    #[arg(long)]
    base: String,
    /// Paths, each with connections of its own
    #[arg(long, value_delimiter = ',')]
    path: Vec<String>,
    /// Its certificate
    #[arg(long)]
    root: PathBuf,
    /// The envelope
    #[arg(long)]
    body: String,
    /// Requests
    #[arg(long)]
    requests: usize,
    /// Connections for each path
    #[arg(long)]
    connections: usize,
}

/// What it came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    /// Microseconds of CPU for each request.
    pub(crate) cpu: f64,
}

/// Runs the loop in a process of its own.
pub(crate) fn measure(
    receiver: &Receiver,
    paths: &[String],
    model: &Incoming,
    connections: usize,
    requests: usize,
) -> Result<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .arg("bare")
        .args(["--base", &receiver.url("")])
        .args(["--path", &paths.join(",")])
        .args(["--root", &receiver.root().display().to_string()])
        .args(["--body", std::str::from_utf8(&model.body)?])
        .args(["--requests", &requests.to_string()])
        .args(["--connections", &connections.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the bare loop ended with {}",
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Is that process.
pub(crate) async fn run(args: &Args) -> Result<()> {
    // There is no other one yet.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = Certificate::from_pem_bundle(&std::fs::read(&args.root)?)?;
    let client = Client::builder()
        .user_agent(concat!("Kith-Webhooks/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(args.connections * args.path.len())
        .tls_certs_merge(roots)
        .build()?;
    let left = Arc::new(AtomicUsize::new(args.requests));
    let watched = Watched {
        server: std::process::id(),
        postgres: None,
    };
    let before = watched.cpu()?;
    let started = Instant::now();
    let mut posting = JoinSet::new();
    for path in &args.path {
        for _ in 0..args.connections {
            let url = format!("{}{path}", args.base);
            let (client, left) = (client.clone(), Arc::clone(&left));
            posting.spawn(post(client, url, path.clone(), args.body.clone(), left));
        }
    }
    while let Some(done) = posting.join_next().await {
        done??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cost = Cost {
        per_second: args.requests as f64 / seconds,
        cpu: watched.cpu_since(before)?.server / args.requests as f64,
    };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "stands for a whole program, which has no ports"
)]
async fn post(
    client: Client,
    url: String,
    path: String,
    model: String,
    left: Arc<AtomicUsize>,
) -> Result<()> {
    let secret = receiver::secret(&path);
    let at = model.find(r#""entityId":""#).context("no entityId")? + 12;
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        let id = Uuid::now_v7().to_string();
        // Each is about something else, as deliveries are.
        let mut body = model.clone();
        body.replace_range(at..at + id.len(), &id);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let now = now.to_string();
        let [plain, standard] = signatures(&secret, &id, &now, body.as_bytes());
        let reply = client
            .post(&url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &now)
            .header("webhook-signature", standard)
            .header("x-webhook-signature", plain)
            .body(body)
            .send()
            .await?;
        ensure!(reply.status() == 200, "{}", reply.status());
        reply.bytes().await?;
    }
    Ok(())
}
