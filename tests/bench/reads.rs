//! R1 to R6: questions about a large corpus, over HTTP and, in the same run, as SQL written by hand.
//!
//! Both must give the same records and totals, which is checked before anything is measured.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kith_tests::server::Process;
use kith_tests::{Api, Connection, binary};
use serde_json::json;
use uuid::Uuid;

use crate::by_hand::{Database, Statement};
use crate::load::{self, Bounds, Measured, Request, Requests};
use crate::questions::{Question, questions};
use crate::report;
use crate::{Options, work};
use kith_tests::usage::{self, Watched};

/// Most times that a question is asked in a run.
const MOST: usize = 5_000;

/// Questions before a run is measured.
const WARM: usize = 20;

/// What a question may cost beside the SQL by hand: this many times as much, and a millisecond.
const RATIO: f64 = 1.5;

/// Longest p95 of R1, R2, R4 and R6, in milliseconds.
const P95: f64 = 10.0;

/// Most memory above idle under 64 questions at once, in mebibytes, on SQLite.
const MEMORY: f64 = 40.0;

/// Where the corpus is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A database that `kith-corpus` has filled
    #[arg(long)]
    pub(crate) database_url: String,
    /// Whose company it is
    #[arg(long, default_value = "ada@corpus.example")]
    pub(crate) email: String,
    /// Write something before each question, so that every total is counted; CPU figures then hold the writes
    #[arg(long)]
    fresh: bool,
    /// Questions, by the beginnings of their names: r1, r2, …
    #[arg(long, value_delimiter = ',')]
    questions: Vec<String>,
}

/// A figure of one question.
pub(crate) struct Figures {
    pub(crate) measured: Measured,
    /// CPU of the asking or serving process and of PostgreSQL, microseconds each time.
    own_cpu: f64,
    database_cpu: f64,
}

/// Measures and prints.
pub(crate) async fn run(args: &Args, options: &Options) -> Result<()> {
    let url = &args.database_url;
    let mut database = Database::open(url).await?;
    let company = database.company(&args.email).await?;
    let process = Process::start(url)?;
    let key = key_of(url, &args.email)?;
    let api = Api::new(process.address, company, Uuid::nil(), &key);
    let postgres = database.postgres_pid().await?;
    let watched = Watched {
        server: process.pid(),
        postgres,
    };
    let asked: Vec<Question> = questions(&mut database, &api).await?;
    let name = database.name();

    let mut rows = Vec::new();
    let mut results = Vec::new();
    let mut misses = 0;
    for question in &asked {
        let chosen = args.questions.iter();
        let wanted = |name: &String| {
            question
                .name
                .to_lowercase()
                .starts_with(&name.to_lowercase())
        };
        if !args.questions.is_empty() && !chosen.clone().any(wanted) {
            continue;
        }
        compare(question, &api, &mut database).await?;
        let hand = ask_by_hand(question, &mut database, postgres, options).await?;
        let writer = args.fresh.then_some(&api);
        let http = ask_over_http(question, &api, watched, 1, writer, options).await?;
        let allowed = hand.measured.percentile(0.5) * RATIO + 1.0;
        let took = http.measured.percentile(0.5);
        let is_held =
            took <= allowed && (!question.is_bounded || http.measured.percentile(0.95) <= P95);
        misses += usize::from(!is_held);
        rows.push(vec![
            name.to_owned(),
            question.name.to_owned(),
            http.measured.requests.to_string(),
            format!("{took:.2}"),
            format!("{:.2}", http.measured.percentile(0.95)),
            format!("{:.0}", http.own_cpu),
            format!("{:.0}", http.database_cpu),
            format!("{:.2}", hand.measured.percentile(0.5)),
            format!("{:.2}", hand.measured.percentile(0.95)),
            format!("{:.0}", hand.own_cpu + hand.database_cpu),
            format!(
                "{:.2}",
                (took - 1.0).max(0.0) / hand.measured.percentile(0.5)
            ),
            if is_held { "held" } else { "MISSED" }.to_owned(),
        ]);
        results.push(json!({
            "database": name, "question": question.name, "p50": took, "p95": http.measured.percentile(0.95),
            "serverCpu": http.own_cpu, "databaseCpu": http.database_cpu,
            "byHand": {"p50": hand.measured.percentile(0.5), "p95": hand.measured.percentile(0.95),
                       "cpu": hand.own_cpu + hand.database_cpu},
            "held": is_held,
        }));
    }
    report::table(
        &[
            "database",
            "question",
            "asked",
            "p50 ms",
            "p95 ms",
            "CPU µs server",
            "database",
            "by hand p50",
            "p95",
            "CPU µs",
            "(p50 − 1 ms) ÷ by hand",
            "",
        ],
        &rows,
    );
    println!(
        "\nOne connection. Held: p50 at most {RATIO} times the SQL by hand and a millisecond; R1, R2, R4, R6: p95 at most {P95} ms."
    );

    let first = asked.first().context("no question")?;
    let many = ask_over_http(first, &api, watched, 16, None, options).await?;
    println!(
        "{}: at 16 connections {:.0} a second, p50 {:.2} ms, p95 {:.2} ms",
        first.name,
        many.measured.per_second(),
        many.measured.percentile(0.5),
        many.measured.percentile(0.95)
    );
    drop(process);
    let (idle, peak) = memory(first, url, &api, options).await?;
    println!(
        "{}: at 64 connections the server had {peak:.1} MiB at most, {:.1} above {idle:.1} when idle ({} allowed on SQLite)",
        first.name,
        peak - idle,
        MEMORY
    );
    println!("{misses} figures missed");
    options.save(&json!({
        "questions": results,
        "perSecondAt16": many.measured.per_second(),
        "memory": {"idle": idle, "peak": peak},
    }))
}

/// A new key of somebody.
pub(crate) fn key_of(url: &str, email: &str) -> Result<String> {
    let key = [
        "api-key", "create", "--email", email, "--name", "bench", "--json",
    ];
    let key: serde_json::Value = serde_json::from_str(&binary::run(url, &key)?)?;
    Ok(key["apiKey"].as_str().context("no key")?.to_owned())
}

/// Whether both ways give the same records and totals.
async fn compare(question: &Question, api: &Api, database: &mut Database) -> Result<()> {
    for (at, ask) in question.asks.iter().enumerate() {
        let reply = api
            .send_raw(ask.method, &ask.path, &work::head(api), ask.body.as_bytes())
            .await?;
        ensure!(reply.status == 200, "{}: {}", question.name, reply.text());
        let reply = reply.json();
        let mut by_hand = Vec::new();
        let mut total = None;
        for statement in &ask.by_hand {
            match statement {
                Statement::Count(_) => total = Some(database.count(statement).await?),
                Statement::Rows(_) => by_hand.extend(database.ids(statement).await?),
            }
        }
        if ask.method == "GET" {
            // The record, then whatever it is linked with.
            let found = reply["references"].as_object().context("no references")?;
            let mut found: Vec<Uuid> = found.keys().filter_map(|id| id.parse().ok()).collect();
            let mut linked = by_hand.split_off(1);
            found.sort();
            linked.sort();
            ensure!(found == linked, "{} {at}: other references", question.name);
            continue;
        }
        let items = reply["items"].as_array().context("no items")?.iter();
        let found: Vec<Uuid> = items
            .filter_map(|item| item["id"].as_str()?.parse().ok())
            .collect();
        ensure!(
            found == by_hand,
            "{} {at}: {found:?} over HTTP, {by_hand:?} by hand",
            question.name
        );
        ensure!(!found.is_empty(), "{} {at} finds nothing", question.name);
        let told = reply["pagination"]["total"].as_i64();
        ensure!(
            told == total,
            "{} {at}: totals {told:?}, {total:?}",
            question.name
        );
    }
    Ok(())
}

async fn ask_by_hand(
    question: &Question,
    database: &mut Database,
    postgres: Option<u32>,
    options: &Options,
) -> Result<Figures> {
    let watched = Watched {
        server: std::process::id(),
        postgres,
    };
    for number in 0..WARM {
        for statement in &question.asks[number % question.asks.len()].by_hand {
            database.run(statement).await?;
        }
    }
    let before = watched.cpu()?;
    let started = Instant::now();
    let mut latencies = Vec::new();
    while started.elapsed().as_secs_f64() < options.seconds && latencies.len() < MOST {
        let ask = &question.asks[latencies.len() % question.asks.len()];
        let sent = Instant::now();
        for statement in &ask.by_hand {
            database.run(statement).await?;
        }
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    let measured = Measured::new(started, latencies);
    Ok(Figures::new(measured, watched.cpu_since(before)?))
}

/// Asks over HTTP; with a writer, who writes something before each question, so that no total can be remembered (one
/// connection then).
pub(crate) async fn ask_over_http(
    question: &Question,
    api: &Api,
    watched: Watched,
    connections: usize,
    writer: Option<&Api>,
    options: &Options,
) -> Result<Figures> {
    let requests = requests(question);
    let head = work::head(api);
    let bounds = Bounds {
        connections,
        seconds: options.seconds,
        requests: WARM.max(connections),
    };
    load::drive(api.address, &head, bounds, 0, &requests).await?;
    let bounds = Bounds {
        requests: MOST,
        ..bounds
    };
    let before = watched.cpu()?;
    let measured = match writer {
        None => load::drive(api.address, &head, bounds, 0, &requests).await?,
        Some(writer) => ask_freshly(&requests, api, writer, bounds).await?,
    };
    Ok(Figures::new(measured, watched.cpu_since(before)?))
}

async fn ask_freshly(
    requests: &Requests,
    api: &Api,
    writer: &Api,
    bounds: Bounds,
) -> Result<Measured> {
    let head = work::head(api);
    let mut connection = Connection::open(api.address).await?;
    let started = Instant::now();
    let mut latencies = Vec::new();
    // The writes take their time too, so that a run is twice as long.
    while started.elapsed().as_secs_f64() < 2.0 * bounds.seconds
        && latencies.len() < bounds.requests
    {
        let task = json!({"name": "written in between"});
        writer.create("tasks", &task).await?.expect(201);
        latencies.push(load::send(&mut connection, &head, &requests(latencies.len())).await?);
    }
    Ok(Measured::new(started, latencies))
}

/// Memory of a fresh server when idle, and at most under 64 questions at once.
async fn memory(
    question: &Question,
    url: &str,
    api: &Api,
    options: &Options,
) -> Result<(f64, f64)> {
    let process = Process::start(url)?;
    let api = api.at(process.address);
    api.send_raw("GET", "/readyz", "", b"").await?;
    let (idle, _) = usage::memory(process.pid())?;
    usage::forget_peak(process.pid())?;
    let bounds = Bounds {
        connections: 64,
        seconds: options.seconds,
        requests: MOST,
    };
    load::drive(
        api.address,
        &work::head(&api),
        bounds,
        0,
        &requests(question),
    )
    .await?;
    Ok((idle, usage::memory(process.pid())?.1))
}

fn requests(question: &Question) -> Requests {
    let asks = Arc::clone(&question.asks);
    Arc::new(move |number| {
        let ask = &asks[number % asks.len()];
        Request {
            method: ask.method,
            path: ask.path.clone(),
            body: ask.body.clone(),
            status: 200,
        }
    })
}

impl Figures {
    fn new(measured: Measured, cpu: usage::Cpu) -> Self {
        let asked = measured.requests.max(1) as f64;
        Figures {
            measured,
            own_cpu: cpu.server / asked,
            database_cpu: cpu.database / asked,
        }
    }
}
