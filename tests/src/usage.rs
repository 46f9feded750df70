//! What processes have used: CPU and memory, from `/proc`.

use crate::{Backend, Database};
use anyhow::{Context, Result};

/// Microseconds of one clock tick: Linux shows times to programs in hundredths of a second.
const TICK: f64 = 10_000.0;

/// CPU that a server and its database have used so far, in microseconds, user and system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Of the server.
    pub server: f64,
    /// Of PostgreSQL, if that is the database.
    pub database: f64,
}

/// Whose CPU is counted.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The process of the server.
    pub server: u32,
    /// The first process of PostgreSQL, if that is the database.
    pub postgres: Option<u32>,
}

impl Watched {
    /// CPU until now.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn cpu(self) -> Result<Cpu> {
        Ok(Cpu {
            server: Times::of(self.server)?.own,
            database: self.postgres.map_or(Ok(0.0), family)?,
        })
    }

    /// CPU since then.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn cpu_since(self, before: Cpu) -> Result<Cpu> {
        let now = self.cpu()?;
        Ok(Cpu {
            server: now.server - before.server,
            database: now.database - before.database,
        })
    }
}

struct Times {
    parent: u32,
    /// Of the process itself.
    own: f64,
    /// Of its children that have ended and were waited for.
    ended: f64,
}

impl Times {
    fn of(pid: u32) -> Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} is not on this machine"))?;
        // The name, in brackets, may hold anything; the state follows it.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |at: usize| -> Result<f64> {
            let field = fields.get(at).context("stat is short")?;
            Ok(field.parse()?)
        };
        Ok(Times {
            parent: fields.get(1).context("stat is short")?.parse()?,
            own: (number(11)? + number(12)?) * TICK,
            ended: (number(13)? + number(14)?) * TICK,
        })
    }
}

/// A process with its children, those that have ended too.
fn family(pid: u32) -> Result<f64> {
    let head = Times::of(pid)?;
    let mut sum = head.own + head.ended;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process that ends meanwhile counts with its parent.
        if let Ok(times) = Times::of(child)
            && times.parent == pid
        {
            sum += times.own + times.ended;
        }
    }
    Ok(sum)
}

/// The first process of the PostgreSQL behind a database; none for SQLite.
///
/// # Errors
/// When a process is gone.
pub async fn postgres_pid(database: &Database) -> Result<Option<u32>> {
    if database.backend == Backend::Sqlite {
        return Ok(None);
    }
    if let Ok(pid) = std::env::var("KITH_TEST_POSTGRES_PID") {
        return Ok(Some(
            pid.parse().context("KITH_TEST_POSTGRES_PID is no number")?,
        ));
    }
    let mut session = database.session().await?;
    let pids = session
        .numbers("SELECT pg_backend_pid()::bigint", &[])
        .await?;
    let backend = pids.first().context("no process id")?;
    parent(u32::try_from(*backend)?).map(Some)
}

/// The process that started a process.
///
/// # Errors
/// When a process is gone.
pub fn parent(pid: u32) -> Result<u32> {
    Ok(Times::of(pid)?.parent)
}

/// Memory of a process in mebibytes: now, and at most since [`forget_peak`].
///
/// # Errors
/// When a process is gone.
pub fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_ascii_whitespace().next());
        let kibibytes: f64 = number.context("no memory in status")?.parse()?;
        Ok(kibibytes / 1024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

/// Lets the peak of a process begin anew.
///
/// # Errors
/// When a process is gone.
pub fn forget_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}
