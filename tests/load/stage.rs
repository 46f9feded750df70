//! A server, its database and a receiver, and tenants with webhooks.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kith_tests::faults::{make_tasks, subscribe};
use kith_tests::server::Process;
use kith_tests::usage::{self, Watched};
use kith_tests::{Api, Backend, Connection, Receiver, TestServer};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Events of one request, where many are made.
const PER_REQUEST: usize = 1_000;

/// Longest time of an attempt.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that takes part.
pub(crate) struct Stage {
    pub(crate) receiver: Receiver,
    server: TestServer,
    process: Process,
    postgres: Option<u32>,
}

impl Stage {
    /// A fresh database, served in a role.
    pub(crate) async fn start(backend: Backend, role: &str) -> Result<Self> {
        let receiver = Receiver::start().await?;
        let mut server = TestServer::start(backend).await?;
        let postgres = usage::postgres_pid(&server.database).await?;
        server.kill()?;
        let settings = receiver.settings(TIMEOUT);
        let process = Process::start_as(&server.database.url, role, &settings)?;
        Ok(Stage {
            receiver,
            server,
            process,
            postgres,
        })
    }

    /// The server stops and serves again in another role: `api` delivers nothing.
    pub(crate) async fn restart(&mut self, role: &str) -> Result<()> {
        self.process.terminate()?;
        self.process.ended().await?;
        let settings = self.receiver.settings(TIMEOUT);
        self.process = Process::start_as(&self.server.database.url, role, &settings)?;
        Ok(())
    }

    /// The first tenant.
    pub(crate) fn api(&self) -> Api {
        self.server.api.at(self.process.address)
    }

    /// Another tenant.
    pub(crate) fn tenant(&self, name: &str) -> Result<Api> {
        Ok(self.server.another_company(name)?.at(self.process.address))
    }

    /// The same tenant at the server as it runs now.
    pub(crate) fn again(&self, api: &Api) -> Api {
        api.at(self.process.address)
    }

    /// Webhooks of a tenant that want new tasks; their paths.
    pub(crate) async fn webhooks(
        &self,
        api: &Api,
        count: usize,
        behaviour: &str,
    ) -> Result<Vec<String>> {
        let made = subscribe(api, &self.receiver, count, behaviour, false).await?;
        Ok(made.into_iter().map(|(path, _)| path).collect())
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            server: self.process.pid(),
            postgres: self.postgres,
        }
    }

    /// Deliveries that are neither accepted nor given up.
    pub(crate) async fn open(&self) -> Result<usize> {
        let mut session = self.server.session().await?;
        let sql = "SELECT count(*) FROM delivery WHERE due_at IS NOT NULL";
        let open = session.numbers(sql, &[]).await?;
        Ok(usize::try_from(open.iter().sum::<i64>())?)
    }

    /// Waits until no delivery is open.
    pub(crate) async fn settled(&self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        while self.open().await? > 0 {
            ensure!(Instant::now() < until, "deliveries are still open");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

/// Makes events as fast as they are taken.
pub(crate) async fn fill(api: &Api, events: usize) -> Result<()> {
    let mut connection = Connection::open(api.address).await?;
    let mut left = events;
    while left > 0 {
        let now = left.min(PER_REQUEST);
        make_tasks(&mut connection, api, now).await?;
        left -= now;
    }
    Ok(())
}

/// A write and when it was asked for and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) id: Uuid,
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
}

/// Makes events at a steady rate, whether or not the last one is through.
pub(crate) async fn steadily(api: &Api, per_second: f64, seconds: f64) -> Result<Vec<Written>> {
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut writes = JoinSet::new();
    while Instant::now() < end {
        beat.tick().await;
        let api = api.clone();
        writes.spawn(async move { write(&api).await });
    }
    writes.join_all().await.into_iter().collect()
}

/// Makes events over connections that each send the next when the last one is answered.
pub(crate) async fn hard(api: &Api, connections: usize, seconds: f64) -> Result<Vec<Written>> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut writers = JoinSet::new();
    for _ in 0..connections {
        let api = api.clone();
        writers.spawn(async move {
            let mut written = Vec::new();
            while Instant::now() < end {
                written.push(write(&api).await?);
            }
            anyhow::Ok(written)
        });
    }
    let mut written = Vec::new();
    while let Some(of_one) = writers.join_next().await {
        written.extend(of_one??);
    }
    Ok(written)
}

async fn write(api: &Api) -> Result<Written> {
    let asked = Instant::now();
    let reply = api
        .send(
            "POST",
            "/tasks",
            "content-type: application/json\r\n",
            br#"{"name":"A"}"#,
        )
        .await?;
    let answered = Instant::now();
    ensure!(reply.status == 201, "{}", reply.text());
    let id = reply.json()["id"].as_str().unwrap_or_default().parse()?;
    Ok(Written {
        id,
        asked,
        answered,
    })
}
