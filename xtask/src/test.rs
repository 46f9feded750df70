//! `cargo xtask test`: everything that has to pass, each step timed.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::postgres::{self, Durability, Postgres};
use crate::report::{Outcome, Report};
use crate::{clients, deps, openapi, shell, tidy};

const STEPS: [&str; 9] = [
    "fmt",
    "tidy",
    "check-deps",
    "clippy",
    "build",
    "openapi",
    "clients",
    "doc-tests",
    "tests",
];

/// Runs the steps that are asked for, all of them by default.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(chosen) = choose(args)? else {
        println!("{}", STEPS.join("\n"));
        return Ok(());
    };
    let wanted = |step: &str| chosen.contains(&step);
    let mut report = Report::default();
    if wanted("fmt") {
        report.step("fmt", || {
            done(shell::run(&mut shell::cargo(&["fmt", "--all", "--check"])))
        });
    }
    if wanted("tidy") {
        report.step("tidy", || done(tidy::run()));
    }
    if wanted("check-deps") {
        report.step("check-deps", || done(deps::run()));
    }
    if wanted("clippy") {
        report.step("clippy", || {
            let mut clippy = shell::cargo(&[
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]);
            done(shell::run(&mut clippy))
        });
    }
    let mut binary = None;
    if ["build", "openapi", "tests", "doc-tests", "clients"]
        .iter()
        .any(|step| wanted(step))
    {
        report.step("build", || {
            binary = Some(shell::build_binary("kith-server", "kith", "dev")?);
            Ok(Outcome::Done)
        });
    }
    let built = || {
        binary
            .as_ref()
            .context("there is no server: its build failed")
    };
    if wanted("openapi") {
        report.step("openapi", || {
            done(built().and_then(|binary| openapi::check(binary)))
        });
    }
    if wanted("clients") {
        for client in clients::ALL {
            report.step(&format!("clients: {}", client.name), || {
                clients::check(client, built()?)
            });
        }
    }
    if wanted("doc-tests") {
        report.step("doc-tests", || {
            done(shell::run(&mut shell::cargo(&[
                "test",
                "--locked",
                "--workspace",
                "--doc",
                "--quiet",
            ])))
        });
    }
    let mut counted = Counted::default();
    if wanted("tests") {
        report.step("tests", || tests(built()?, &mut counted));
    }
    let outcome = report.finish();
    if wanted("tests") {
        println!(
            "tests: {} passed, {} failed",
            counted.passed, counted.failed
        );
    }
    outcome
}

fn done(outcome: Result<()>) -> Result<Outcome> {
    outcome.map(|()| Outcome::Done)
}

/// The steps that the arguments leave; `None` to list them.
fn choose(args: &[String]) -> Result<Option<Vec<&'static str>>> {
    let mut chosen = STEPS.to_vec();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let only = match word.as_str() {
            "--list" => return Ok(None),
            "--only" => true,
            "--skip" => false,
            other => bail!("no option `{other}`: --only STEP,…, --skip STEP,…, --list"),
        };
        let named: Vec<&str> = words.next().context("which steps?")?.split(',').collect();
        if let Some(unknown) = named.iter().find(|name| !STEPS.contains(name)) {
            bail!("no step `{unknown}`: {}", STEPS.join(", "));
        }
        chosen.retain(|step| named.contains(step) == only);
    }
    Ok(Some(chosen))
}

/// All tests, once: they run on SQLite, and on PostgreSQL too where they find its address in the environment.
fn tests(binary: &Path, counted: &mut Counted) -> Result<Outcome> {
    let postgres = Postgres::start(Durability::None)?;
    if postgres.is_none() && shell::in_ci() {
        bail!("{}", postgres::MISSING);
    }
    let mut command = runner();
    command.env("KITH_BIN", binary);
    if let Some(postgres) = &postgres {
        println!("PostgreSQL: {}", postgres.url());
        command.env("KITH_TEST_POSTGRES_URL", postgres.url());
    }
    counted.run(&mut command)?;
    Ok(match postgres {
        Some(_) => Outcome::Done,
        None => Outcome::LeftOut(format!("PostgreSQL: {}", postgres::MISSING)),
    })
}

/// nextest where it is installed, the runner of cargo otherwise.
fn runner() -> Command {
    if shell::found("cargo-nextest") {
        shell::cargo(&["nextest", "run", "--locked", "--workspace"])
    } else {
        shell::cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ])
    }
}

/// How many tests passed and failed, read from what their runner said.
#[derive(Default)]
struct Counted {
    passed: u64,
    failed: u64,
}

impl Counted {
    /// Runs the test runner with its output shown line by line, and counts.
    fn run(&mut self, command: &mut Command) -> Result<()> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the test runner")?;
        let stdout = process.stdout.take().context("no standard output")?;
        let stderr = process.stderr.take().context("no standard error")?;
        let (of_stdout, of_stderr) = std::thread::scope(|scope| {
            let other = scope.spawn(|| show_and_count(stdout));
            let own = show_and_count(stderr);
            (other.join().unwrap_or_default(), own)
        });
        for counts in [of_stdout, of_stderr] {
            self.passed += counts.0;
            self.failed += counts.1;
        }
        let status = process.wait()?;
        if !status.success() {
            bail!("the test runner ended with {status}");
        }
        Ok(())
    }
}

fn show_and_count(stream: impl Read) -> (u64, u64) {
    let mut counts = (0, 0);
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some((passed, failed)) = counts_of(&line) {
            counts = (counts.0 + passed, counts.1 + failed);
        }
    }
    counts
}

/// Passed and failed tests of a closing line of nextest or cargo.
fn counts_of(line: &str) -> Option<(u64, u64)> {
    let line = line.trim_start();
    let of_nextest = line.starts_with("Summary [") && line.contains("run: ");
    if !of_nextest && !line.starts_with("test result: ") {
        return None;
    }
    let number_before = |word: &str| -> u64 {
        let mut words = line
            .split([' ', ',', ';', '(', ')'])
            .filter(|part| !part.is_empty())
            .rev();
        words.find(|part| *part == word);
        words
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    };
    Some((number_before("passed"), number_before("failed")))
}

#[cfg(test)]
mod tests {
    //! Steps are chosen by name.
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn steps_are_taken_and_left_by_name() {
        assert_eq!(choose(&[]).unwrap().unwrap(), STEPS);
        assert_eq!(
            choose(&words("--only fmt,tidy")).unwrap().unwrap(),
            ["fmt", "tidy"]
        );
        assert_eq!(
            choose(&words("--skip clients")).unwrap().unwrap().len(),
            STEPS.len() - 1
        );
        assert!(choose(&words("--only nothing")).is_err());
        assert!(choose(&words("--list")).unwrap().is_none());
    }

    #[test]
    fn closing_lines_are_counted() {
        let nextest =
            "     Summary [   1.2s] 40 tests run: 38 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(counts_of(nextest), Some((38, 2)));
        assert_eq!(
            counts_of("test result: ok. 18 passed; 0 failed; 0 ignored"),
            Some((18, 0))
        );
        assert_eq!(counts_of("test a ... ok"), None);
    }
}
