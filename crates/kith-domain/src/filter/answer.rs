//! The answer to a search over records in memory: small data, tests, and the measure of every other answer.

use super::{Search, Window};
use crate::record::Record;

/// A part of the records that a search finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    /// The records of the page, in order.
    pub records: Vec<&'a Record>,
    /// How many the search finds on all pages.
    pub total: u64,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

impl Search {
    /// Whether a record is found, whatever the page.
    pub fn finds(&self, record: &Record) -> bool {
        record.entity == self.entity && self.filter.matches(record) && self.term.matches(record)
    }

    /// Searches records in memory.
    pub fn answer<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Answer<'a> {
        let mut found: Vec<_> = records
            .into_iter()
            .filter(|record| self.finds(record))
            .collect();
        found.sort_by(|one, other| self.sort.compare(one, other));
        let total = found.len() as u64;
        let start = match &self.window {
            Window::Page { .. } => usize::try_from(self.window.offset())
                .unwrap_or(usize::MAX)
                .min(found.len()),
            Window::After { cursor, .. } => found
                .iter()
                .position(|record| self.sort.is_after(record, cursor))
                .unwrap_or(found.len()),
        };
        let mut page = found.split_off(start);
        let size = self.window.size() as usize;
        let has_more = page.len() > size;
        page.truncate(size);
        let next_cursor = page
            .last()
            .filter(|_| has_more)
            .map(|last| self.cursor_after(last));
        Answer {
            records: page,
            total,
            next_cursor,
        }
    }
}
