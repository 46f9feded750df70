//! A throw-away PostgreSQL: found on this machine or installed where that is allowed, in a folder of its own, gone at the end.
//!
//! A shell stands guard beside it, whose standard input is a pipe from this process: when this process ends, however
//! it ends, the guard stops the server and deletes the folder.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A running cluster; dropping it stops the server and deletes its files.
pub(crate) struct Postgres {
    url: String,
    data: PathBuf,
    guard: Child,
}

/// What a crash of the machine may cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Commits wait for the disk, as in production: for measuring.
    Full,
    /// Commits do not wait: for tests, whose data nobody needs after a power cut.
    None,
}

const GUARD: &str = r#"
cat >/dev/null
"$@" stop -D "$DATA" -m immediate -w >/dev/null 2>&1
rm -rf "$FOLDER"
"#;

/// `cargo xtask postgres`: one for experiments.
pub(crate) fn run() -> Result<()> {
    let Some(postgres) = Postgres::start(Durability::None)? else {
        bail!("{MISSING}");
    };
    println!("KITH_TEST_POSTGRES_URL={}", postgres.url());
    println!("Enter ends it.");
    let mut byte = [0];
    let _ended = std::io::stdin().read(&mut byte)?;
    Ok(())
}

/// Said where no PostgreSQL was found.
pub(crate) const MISSING: &str = "no PostgreSQL here (initdb and pg_ctl, on PATH or in /usr/lib/postgresql/*/bin) and none could be installed";

impl Postgres {
    /// Starts one, or says `None` where there is none and none can be installed.
    pub(crate) fn start(durability: Durability) -> Result<Option<Self>> {
        let Some(bin) = find_or_install()? else {
            return Ok(None);
        };
        let folder = std::env::temp_dir().join(format!("kith-pg-{}", std::process::id()));
        let data = folder.join("data");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let user = User::choose()?;
        user.own(&folder)?;
        let pg_ctl = user.command(&bin.join("pg_ctl"))?;

        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args(&pg_ctl)
            .env("DATA", &data)
            .env("FOLDER", &folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is for us; the guard acts when we are gone
            .spawn()
            .context("cannot start sh")?;

        match launch(&user, &bin, &pg_ctl, &folder, &data, durability) {
            Ok(url) => Ok(Some(Self { url, data, guard })),
            Err(error) => {
                drop(guard.stdin.take());
                let _status = guard.wait();
                Err(error)
            }
        }
    }

    /// Where it listens: a superuser's address of the database `postgres`, from where tests make their own.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The process id of the server, whose children do the work.
    pub(crate) fn pid(&self) -> Result<u32> {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        file.lines()
            .next()
            .and_then(|line| line.trim().parse().ok())
            .context("postmaster.pid names no process")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _status = self.guard.wait();
    }
}

fn launch(
    user: &User,
    bin: &Path,
    pg_ctl: &[String],
    folder: &Path,
    data: &Path,
    durability: Durability,
) -> Result<String> {
    let mut initdb = user.command(&bin.join("initdb"))?;
    initdb.extend(
        [
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
        ]
        .map(str::to_owned),
    );
    initdb.push(data.display().to_string());
    shell::quiet(&mut in_folder(&initdb, folder))?;

    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=300",
        folder.display()
    );
    options.push_str(match durability {
        Durability::Full => " -c shared_buffers=512MB -c max_wal_size=4GB",
        Durability::None => " -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
    });
    let mut start = pg_ctl.to_vec();
    start.extend(["start", "-w", "-D"].map(str::to_owned));
    start.push(data.display().to_string());
    start.push("-l".to_owned());
    start.push(folder.join("log").display().to_string());
    start.push("-o".to_owned());
    start.push(options);
    // Not `quiet`: the server would inherit the pipes, and reading them would never end.
    let status = in_folder(&start, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .status()?;
    if !status.success() {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        bail!("PostgreSQL did not start\n{log}");
    }
    Ok(format!("postgres://postgres@127.0.0.1:{port}/postgres"))
}

fn in_folder(words: &[String], folder: &Path) -> Command {
    let (program, args) = words
        .split_first()
        .map_or(("false", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("LC_ALL", "C");
    command
}

/// Whom PostgreSQL runs as: it refuses to run as root.
enum User {
    /// As whoever we are.
    Own,
    /// As this one, because we are root.
    Other(&'static str),
}

impl User {
    fn choose() -> Result<Self> {
        let uid = shell::output(&mut shell::command("id", ["-u"]))?;
        if uid.trim_ascii() != b"0" {
            return Ok(Self::Own);
        }
        for name in ["postgres", "nobody"] {
            if shell::quiet(&mut shell::command("id", ["-u", name])).is_ok() {
                return Ok(Self::Other(name));
            }
        }
        bail!(
            "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"
        )
    }

    fn own(&self, folder: &Path) -> Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other(name) => shell::quiet(shell::command("chown", [*name]).arg(folder)),
        }
    }

    /// The words that run `program` as this user; arguments follow.
    fn command(&self, program: &Path) -> Result<Vec<String>> {
        let program = program.display().to_string();
        let name = match self {
            Self::Own => return Ok(vec![program]),
            Self::Other(name) => *name,
        };
        let words: Vec<&str> = if shell::found("setpriv") {
            let group = shell::output(&mut shell::command("id", ["-g", name]))?;
            let group = String::from_utf8_lossy(&group).trim().to_owned();
            return Ok(vec![
                "setpriv".to_owned(),
                format!("--reuid={name}"),
                format!("--regid={group}"),
                "--clear-groups".to_owned(),
                "--".to_owned(),
                program,
            ]);
        } else if shell::found("runuser") {
            vec!["runuser", "-u", name, "--"]
        } else if shell::found("su") {
            // `sh -c 'exec "$0" "$@"' program args…`
            vec!["su", "-s", "/bin/sh", name, "-c", r#"exec "$0" "$@""#, "--"]
        } else {
            bail!("root needs setpriv, runuser or su to start PostgreSQL as `{name}`");
        };
        Ok(words
            .into_iter()
            .map(str::to_owned)
            .chain([program])
            .collect())
    }
}

fn find_or_install() -> Result<Option<PathBuf>> {
    if let Some(bin) = find() {
        return Ok(Some(bin));
    }
    let root =
        shell::output(&mut shell::command("id", ["-u"])).is_ok_and(|uid| uid.trim_ascii() == b"0");
    if !root || !shell::found("apt-get") {
        return Ok(None);
    }
    println!("installing PostgreSQL with apt-get");
    let installed = shell::quiet(&mut shell::command("apt-get", ["update"])).and_then(|()| {
        shell::quiet(
            shell::command(
                "apt-get",
                ["install", "--yes", "--no-install-recommends", "postgresql"],
            )
            .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    });
    if let Err(error) = installed {
        println!("{error:#}");
    }
    Ok(find())
}

/// The folder of initdb and pg_ctl: on `PATH`, or the newest of Debian's.
fn find() -> Option<PathBuf> {
    let complete = |dir: &Path| dir.join("initdb").is_file() && dir.join("pg_ctl").is_file();
    if let Some(dir) = shell::which("initdb")
        .and_then(|file| file.parent().map(Path::to_path_buf))
        .filter(|dir| complete(dir))
    {
        return Some(dir);
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, dir)| complete(dir))
        .collect();
    versions.sort();
    versions.pop().map(|(_, dir)| dir)
}
