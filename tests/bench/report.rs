//! Results as a table for people and as JSON for programs.

use serde::{Deserialize, Serialize};

use crate::load::Measured;
use kith_tests::usage::Cpu;

/// The outcome of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) database: String,
    pub(crate) work: String,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    /// Records of one request; CPU is per record.
    pub(crate) records: usize,
    /// Microseconds of CPU per record, user and system.
    pub(crate) server_cpu: f64,
    pub(crate) database_cpu: f64,
    /// Most memory of the server during the run, in mebibytes.
    pub(crate) peak_memory: f64,
    /// Microseconds of CPU that the same costs at least, where that is known.
    pub(crate) limit: Option<f64>,
}

impl Row {
    pub(crate) fn new(
        database: &str,
        work: &str,
        connections: usize,
        measured: &Measured,
        records: usize,
        cpu: Cpu,
        peak_memory: f64,
    ) -> Self {
        let done = (measured.requests * records).max(1) as f64;
        Row {
            database: database.to_owned(),
            work: work.to_owned(),
            connections,
            requests: measured.requests,
            per_second: measured.per_second(),
            p50: measured.percentile(0.5),
            p95: measured.percentile(0.95),
            p99: measured.percentile(0.99),
            records,
            server_cpu: cpu.server / done,
            database_cpu: cpu.database / done,
            peak_memory,
            limit: None,
        }
    }

    /// CPU of server and database per record.
    pub(crate) fn cpu(&self) -> f64 {
        self.server_cpu + self.database_cpu
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            self.database.clone(),
            self.work.clone(),
            self.connections.to_string(),
            self.requests.to_string(),
            format!("{:.0}", self.per_second),
            format!("{:.2}", self.p50),
            format!("{:.2}", self.p95),
            format!("{:.2}", self.p99),
            format!("{:.1}", self.server_cpu),
            format!("{:.1}", self.database_cpu),
            format!("{:.1}", self.cpu()),
        ];
        match self.limit {
            Some(limit) => {
                cells.push(format!("{limit:.1}"));
                cells.push(format!("{:.2}", self.cpu() / limit));
            }
            None => cells.extend([String::new(), String::new()]),
        }
        cells.push(format!("{:.1}", self.peak_memory));
        cells
    }
}

const HEADINGS: [&str; 14] = [
    "database",
    "work",
    "conns",
    "requests",
    "req/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "CPU µs server",
    "database",
    "sum",
    "limit",
    "× limit",
    "peak MiB",
];

/// Prints rows as a table.
pub(crate) fn print(rows: &[Row]) {
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    table(&HEADINGS, &cells);
}

/// Prints a table with aligned columns: the first two to the left, numbers to the right.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    print!("{}", kith_tests::table(headings, rows));
}
