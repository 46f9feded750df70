//! A Kith server of our own, on a fresh SQLite file, for as long as a command needs one.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// A started server with one company in it; dropping it stops it.
pub(crate) struct Server {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// A key of the company's administrator.
    pub(crate) api_key: String,
    folder: PathBuf,
    process: Child,
}

impl Server {
    /// Starts `binary` in a folder of its own.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("kith-server-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let database = format!("sqlite://{}?mode=rwc", folder.join("kith.db").display());
        let listen = free_address()?;
        let kith = |args: &[&str]| {
            let mut command = shell::command(&binary.display().to_string(), args);
            command
                .current_dir(&folder)
                .env("KITH_DATABASE_URL", &database)
                .env("KITH_LISTEN", &listen);
            command
        };
        shell::quiet(&mut kith(&["migrate"]))?;
        let made = shell::output(&mut kith(&[
            "company",
            "create",
            "--name",
            "Clients",
            "--admin-email",
            "clients@example.com",
            "--json",
        ]))?;
        let made: Value = serde_json::from_slice(&made)
            .context("`kith company create --json` printed no JSON")?;
        let api_key = made["apiKey"]
            .as_str()
            .context("`kith company create --json` printed no apiKey")?
            .to_owned();
        let log = std::fs::File::create(folder.join("log"))?;
        let process = kith(&["serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self {
            url: format!("http://{listen}"),
            api_key,
            folder,
            process,
        };
        server.wait_until_ready(&listen)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, listen: &str) -> Result<()> {
        let start = Instant::now();
        while !is_ready(listen) {
            if start.elapsed() > Duration::from_secs(20) || self.process.try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("the server did not get ready\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

/// An address of this machine at which nobody listens.
pub(crate) fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Whether the server at this address says that it is ready.
pub(crate) fn is_ready(listen: &str) -> bool {
    let asked = || -> Result<String> {
        let mut stream = TcpStream::connect(listen)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
