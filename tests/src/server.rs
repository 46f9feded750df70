//! The built program, serving on a free port until it is dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::api::Api;
use crate::binary;
use crate::database::{Backend, Database, Event, Session};

/// How long a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a database of its own, with one company in it.
pub struct TestServer {
    /// The database.
    pub database: Arc<Database>,
    /// The company's administrator.
    pub api: Api,
    process: Process,
}

/// A running `kith serve`; dropping it kills it.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Completes when the program has closed its standard error, which is when it ends.
    closed: oneshot::Receiver<()>,
}

impl TestServer {
    /// Starts one on a fresh database.
    ///
    /// # Errors
    /// When it does not get ready, with what it logged.
    pub async fn start(backend: Backend) -> Result<Self> {
        let database = Arc::new(Database::create(backend).await?);
        let process = Process::start(&database.url)?;
        let api = found_company(&database.url, process.address, "Analytical Engines")?;
        Ok(TestServer {
            database,
            api,
            process,
        })
    }

    /// Another company in the same database, seen through the same server.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn another_company(&self, name: &str) -> Result<Api> {
        found_company(&self.database.url, self.process.address, name)
    }

    /// A caller with another key of a person.
    ///
    /// # Errors
    /// When there is no such person.
    pub fn key_of(&self, email: &str) -> Result<String> {
        let args = [
            "api-key", "create", "--email", email, "--name", "test", "--json",
        ];
        let made = binary::run(&self.database.url, &args)?;
        member(&serde_json::from_str(&made)?, "apiKey")
    }

    /// Starts a further server on the same database; the administrator as its caller.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn beside(&self) -> Result<(Process, Api)> {
        let process = Process::start(&self.database.url)?;
        let api = self.api.at(process.address);
        Ok((process, api))
    }

    /// Kills the server as a power cut would.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts the server anew on the same database; callers made before have to be made anew too.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn restart(&mut self) -> Result<()> {
        if self.process.is_running()? {
            self.process.kill()?;
        }
        self.process = Process::start(&self.database.url)?;
        self.api = self.api.at(self.process.address);
        Ok(())
    }

    /// The running program.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// What the server logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A connection to the database past the server.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self) -> Result<Session> {
        self.database.session().await
    }

    /// The company's events after a position.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(&self, after: i64) -> Result<Vec<Event>> {
        self.database.events(self.api.company, after).await
    }
}

impl Process {
    /// Starts a server on a database and waits until it listens.
    ///
    /// # Errors
    /// When it does not get there, with what it logged.
    pub fn start(database_url: &str) -> Result<Self> {
        Self::start_as(database_url, "all", &[])
    }

    /// Starts a server in a role with further settings and waits until it works. One that serves no HTTP is at an
    /// unspecified address.
    ///
    /// # Errors
    /// When it does not get there, with what it logged.
    pub fn start_as(database_url: &str, role: &str, settings: &[(&str, String)]) -> Result<Self> {
        let mut command = binary::command(database_url, &["serve", "--role", role])?;
        command
            .env("KITH_LISTEN", "127.0.0.1:0")
            .env("KITH_LOG_FORMAT", "json")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts a command that logs in JSON that it is `listening`, and at which `address`, or that it delivers.
    ///
    /// # Errors
    /// When it does not get there, with what it logged.
    pub fn spawn(mut command: Command) -> Result<Self> {
        let mut child = command.spawn().context("the program cannot be started")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, listening) = mpsc::channel();
        let (open, closed) = oneshot::channel();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            let _open = open;
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = listening_at(&line) {
                    // Nobody waits any more when this is said again.
                    let _ = found.send(address);
                }
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        match listening.recv_timeout(PATIENCE) {
            Ok(address) => Ok(Process {
                address,
                child,
                log,
                closed,
            }),
            Err(_) => {
                // It may have ended already.
                let _ = child.kill();
                let status = child.wait()?;
                let log = log
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .join("\n");
                bail!("the server does not listen ({status})\n{log}")
            }
        }
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.join("\n")
    }

    /// Kills it and waits for its end.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks it to stop.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn terminate(&self) -> Result<()> {
        let status = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()?;
        if !status.success() {
            bail!("kill ended with {status}");
        }
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        // Nothing is ever sent: the sender is dropped.
        let _ = tokio::time::timeout(PATIENCE, &mut self.closed)
            .await
            .context("the server does not end")?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line of the log that says where the server listens, or that it has work without listening.
fn listening_at(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    match fields.get("message")?.as_str()? {
        "listening" => fields.get("address")?.as_str()?.parse().ok(),
        "delivering webhooks" => Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        _ => None,
    }
}

/// Makes a company with the command line; its administrator as a caller.
fn found_company(database_url: &str, address: SocketAddr, name: &str) -> Result<Api> {
    let email = format!("ada@{}.example", name.to_lowercase().replace(' ', "-"));
    let args = [
        "company",
        "create",
        "--name",
        name,
        "--admin-email",
        &email,
        "--json",
    ];
    let made: Value = serde_json::from_str(&binary::run(database_url, &args)?)?;
    let id = |name| -> Result<Uuid> { Ok(member(&made, name)?.parse()?) };
    Ok(Api::new(
        address,
        id("companyId")?,
        id("userId")?,
        &member(&made, "apiKey")?,
    ))
}

fn member(json: &Value, name: &str) -> Result<String> {
    let found = json.get(name).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("the program printed no {name}"))?
        .to_owned())
}
