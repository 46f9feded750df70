//! The steps of a long command: each is timed, all are reported, none hides another's failure.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What became of a step that did not fail.
pub(crate) enum Outcome {
    /// It ran and passed.
    Done,
    /// It was left out, or part of it was, for this reason.
    LeftOut(String),
}

/// Steps in their order, with their times and ends.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(String, Duration, Result<Outcome>)>,
}

impl Report {
    /// Runs a step and remembers how it went; the next one runs either way.
    pub(crate) fn step(&mut self, name: &str, body: impl FnOnce() -> Result<Outcome>) {
        println!("\n──── {name}");
        let start = Instant::now();
        let end = body();
        if let Err(error) = &end {
            eprintln!("{name} failed: {error:#}");
        }
        self.rows.push((name.to_owned(), start.elapsed(), end));
    }

    /// Prints the table; an error names the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n──── steps");
        let mut failed = Vec::new();
        let mut total = Duration::ZERO;
        for (name, time, end) in &self.rows {
            total += *time;
            let word = match end {
                Ok(Outcome::Done) => "passed".to_owned(),
                Ok(Outcome::LeftOut(reason)) => format!("LEFT OUT: {reason}"),
                Err(_) => {
                    failed.push(name.as_str());
                    "FAILED".to_owned()
                }
            };
            println!("{name:<22} {:>8.1} s  {word}", time.as_secs_f64());
        }
        println!("{:<22} {:>8.1} s", "total", total.as_secs_f64());
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}
