//! Figures beside their limits.

use kith_tests::Backend;

/// What a figure is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// It is only told.
    None,
    AtMost(f64),
    AtLeast(f64),
}

/// A measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    backend: Backend,
    name: String,
    measured: f64,
    limit: Limit,
}

impl Figure {
    pub(crate) fn new(backend: Backend, name: impl Into<String>, measured: f64) -> Self {
        Figure {
            backend,
            name: name.into(),
            measured,
            limit: Limit::None,
        }
    }

    pub(crate) fn at_most(mut self, limit: f64) -> Self {
        self.limit = Limit::AtMost(limit);
        self
    }

    pub(crate) fn at_least(mut self, limit: f64) -> Self {
        self.limit = Limit::AtLeast(limit);
        self
    }

    fn cells(&self) -> Vec<String> {
        let verdict = |held: bool| if held { "held" } else { "MISSED" };
        let (limit, verdict) = match self.limit {
            Limit::None => (String::new(), ""),
            Limit::AtMost(most) => (format!("≤ {most:.2}"), verdict(self.measured <= most)),
            Limit::AtLeast(least) => (format!("≥ {least:.2}"), verdict(self.measured >= least)),
        };
        vec![
            self.backend.name().to_owned(),
            self.name.clone(),
            format!("{:.2}", self.measured),
            limit,
            verdict.to_owned(),
        ]
    }
}

/// Prints figures as a table.
pub(crate) fn print(figures: &[Figure]) {
    let cells: Vec<_> = figures.iter().map(Figure::cells).collect();
    let headings = ["database", "figure", "measured", "limit", ""];
    print!("{}", kith_tests::table(&headings, &cells));
}

/// The value that this part of the values does not exceed; they get sorted.
pub(crate) fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    // A part of a length is within the length.
    let at = (part * last as f64).round() as usize;
    values.get(at).copied().unwrap_or_default()
}
