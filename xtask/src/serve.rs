//! `cargo xtask serve`: Kith with its demo workspace, and what to try.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{server, shell};

/// Builds, makes the demo when the database is new, prints how to try it, and becomes the server.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let fresh = args.iter().any(|arg| arg == "--fresh");
    let args: Vec<&String> = args.iter().filter(|arg| *arg != "--fresh").collect();
    let binary = shell::build_binary("kith-server", "kith", "release")?;
    let database = shell::target().join("kith-demo.db");
    let notes = shell::target().join("kith-demo.txt");
    if fresh || !database.is_file() || !notes.is_file() {
        for file in [
            "kith-demo.db",
            "kith-demo.db-wal",
            "kith-demo.db-shm",
            "kith-demo.txt",
        ] {
            let _absent = std::fs::remove_file(shell::target().join(file));
        }
        let said = make_demo(&binary, &database)?;
        std::fs::write(&notes, said)?;
    }
    let listen = listen_of(&args);
    print!("{}", guide(&std::fs::read_to_string(&notes)?, &listen));
    let error = shell::command(
        &binary.display().to_string(),
        ["serve", "--demo", "--database-url", &url(&database)],
    )
    .args(args)
    .exec();
    Err(error).context("cannot start kith")
}

fn url(database: &Path) -> String {
    format!("sqlite://{}?mode=rwc", database.display())
}

/// The first start, on an address nobody knows: the demo says its sign-in and key once, and we keep what it says.
fn make_demo(binary: &Path, database: &Path) -> Result<String> {
    let listen = server::free_address()?;
    let mut process = shell::command(
        &binary.display().to_string(),
        [
            "serve",
            "--demo",
            "--database-url",
            &url(database),
            "--listen",
            &listen,
        ],
    )
    .env("KITH_LOG", "warn")
    .stdin(Stdio::null())
    .stdout(Stdio::piped())
    .spawn()?;
    let stdout = process.stdout.take().context("no standard output")?;
    let reader = std::thread::spawn(move || {
        BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .collect::<Vec<_>>()
    });
    let start = Instant::now();
    while !server::is_ready(&listen) {
        if process.try_wait()?.is_some() || start.elapsed() > Duration::from_secs(60) {
            let _killed = process.kill();
            bail!("the demo did not start");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    shell::quiet(&mut shell::command(
        "kill",
        ["-TERM", &process.id().to_string()],
    ))?;
    let _status = process.wait()?;
    let lines = reader.join().unwrap_or_default();
    // What it says about the demo is indented.
    let said = lines.iter().filter(|line| line.starts_with(' '));
    Ok(said.map(|line| format!("{line}\n")).collect())
}

/// Where the server will listen, as far as its arguments and the environment tell.
fn listen_of(args: &[&String]) -> String {
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if let Some(value) = word.strip_prefix("--listen=") {
            return value.to_owned();
        }
        if *word == "--listen"
            && let Some(value) = words.next()
        {
            return (*value).clone();
        }
    }
    std::env::var("KITH_LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned())
}

/// What the demo said, the address, and three requests to try.
fn guide(said: &str, listen: &str) -> String {
    let key = said
        .split_whitespace()
        .find(|word| is_key(word))
        .unwrap_or("<the API key>");
    let base = format!("http://{listen}");
    format!(
        "\n{said}
Kith answers at {base}, its reference is at {base}/docs. Ctrl-C stops it. Try:

  curl -s -H 'x-api-key: {key}' {base}/api/v1/users/me
  curl -s -H 'x-api-key: {key}' -H 'content-type: application/json' \\
       -d '{{\"searchTerm\":\"a\",\"pagination\":{{\"page\":1,\"pageSize\":3}}}}' {base}/api/v1/contacts/search
  curl -s -H 'x-api-key: {key}' -H 'content-type: application/json' \\
       -d '{{\"firstName\":\"Ada\",\"lastName\":\"Lovelace\"}}' {base}/api/v1/contacts

"
    )
}

/// Keys are 64 characters of base62.
fn is_key(word: &str) -> bool {
    word.len() == 64 && word.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    //! What is printed fits what was asked for.

    use super::*;

    #[test]
    fn the_address_comes_from_the_arguments() {
        let args = ["--listen".to_owned(), "127.0.0.1:9000".to_owned()];
        assert_eq!(
            listen_of(&args.iter().collect::<Vec<_>>()),
            "127.0.0.1:9000"
        );
        let args = ["--listen=[::1]:9000".to_owned()];
        assert_eq!(listen_of(&args.iter().collect::<Vec<_>>()), "[::1]:9000");
    }

    #[test]
    fn the_key_is_found_in_what_the_demo_said() {
        let key = "a1B2".repeat(16);
        let text = guide(
            &format!("Sign in: demo@example.com\nAPI key: {key}\n"),
            "127.0.0.1:8080",
        );
        assert_eq!(text.matches(&key).count(), 4);
    }
}
