//! A search: a filter, a search term, an order and a window, judged together.

use serde_json::Value;

use super::cursor::Fingerprint;
use super::{Cursor, Filter, FilterContext, Sort, SortInput};
use crate::columns::Column;
use crate::entity::{EntityType, FieldValue};
use crate::record::Record;
use crate::text::{fold, has_control};
use crate::violation::Violation;

/// Records on a page if nothing is said.
pub const DEFAULT_PAGE_SIZE: u32 = 25;
/// Most records on a page.
pub const MAX_PAGE_SIZE: u32 = 1_000;
/// How many records pages can skip; further on, a cursor is needed.
pub const MAX_OFFSET: u64 = 10_000_000;
/// Longest search term, in characters.
const MAX_TERM: usize = 500;

/// A search as it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchInput {
    /// The array of rules; null is none.
    pub filters: Value,
    /// Words to look for.
    pub search_term: Option<String>,
    /// The order.
    pub sort: Option<SortInput>,
    /// The page, from 1.
    pub page: Option<u64>,
    /// Records on a page.
    pub page_size: Option<u64>,
    /// Where the page before ended, instead of a page number.
    pub cursor: Option<String>,
    /// Whether the total is wanted; it is if nothing is said.
    pub with_total: Option<bool>,
}

/// A judged search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The type of the records.
    pub entity: EntityType,
    /// Which records.
    pub filter: Filter,
    /// Words that they contain.
    pub term: SearchTerm,
    /// In which order.
    pub sort: Sort,
    /// Which part of the answer.
    pub window: Window,
    /// Whether the total is wanted.
    pub with_total: bool,
    /// What cursors of this search are bound to.
    pub(super) fingerprint: u64,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// A page by number.
    Page {
        /// From 1.
        page: u64,
        /// Records on it.
        size: u32,
    },
    /// What follows a place.
    After {
        /// The place.
        cursor: Cursor,
        /// How many records.
        size: u32,
    },
}

impl Window {
    /// Records on the page.
    pub fn size(&self) -> u32 {
        match self {
            Window::Page { size, .. } | Window::After { size, .. } => *size,
        }
    }

    /// The number of the page; none after a cursor.
    pub fn number(&self) -> Option<u64> {
        match self {
            Window::Page { page, .. } => Some(*page),
            Window::After { .. } => None,
        }
    }

    /// Records before the page; none after a cursor.
    pub fn offset(&self) -> u64 {
        match self {
            Window::Page { page, size } => page.saturating_sub(1).saturating_mul(u64::from(*size)),
            Window::After { .. } => 0,
        }
    }
}

/// Words that a record contains, each as a part of a searched field, without regard to case and accents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchTerm {
    /// Folded, distinct, not empty.
    tokens: Vec<String>,
}

impl SearchTerm {
    /// Splits a term at white space.
    ///
    /// # Errors
    /// A message if it is longer than 500 characters, or contains control characters that are no white space.
    pub fn parse(term: &str) -> Result<Self, String> {
        let length = term.chars().count();
        if length > MAX_TERM {
            return Err(format!(
                "the search term has {length} characters; accepted: at most {MAX_TERM}"
            ));
        }
        if has_control(term) {
            return Err(
                "the search term contains a control character; no text can be stored with one"
                    .to_owned(),
            );
        }
        let mut tokens: Vec<String> = Vec::new();
        for word in term.split_whitespace() {
            let folded = fold(word);
            let token = folded.trim();
            if !token.is_empty() && !tokens.iter().any(|other| other == token) {
                tokens.push(token.to_owned());
            }
        }
        Ok(SearchTerm { tokens })
    }

    /// The words, [folded](fold).
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether every record contains the term.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether a name part of a record begins with the first word: what a global search shows first.
    pub fn begins(&self, record: &Record) -> bool {
        let fields = record.entity.def().sort_name.iter();
        let mut names = fields.filter_map(|index| record.fields.get(*index));
        self.tokens
            .first()
            .is_some_and(|token| names.any(|name| fold(name.as_text()).starts_with(token)))
    }

    /// Whether a record contains every word.
    pub fn matches(&self, record: &Record) -> bool {
        let text = searched_text(record);
        self.tokens.iter().all(|token| text.contains(token))
    }
}

/// What search terms are looked for in: the searched fields of a record, folded, one a line.
pub fn searched_text(record: &Record) -> String {
    let fields = record
        .entity
        .def()
        .searched
        .iter()
        .filter_map(|index| record.fields.get(*index));
    let texts = fields.flat_map(|field| match field {
        FieldValue::Text(text) => std::slice::from_ref(text),
        FieldValue::Emails(emails) => emails.as_slice(),
        FieldValue::Decimal(_) => &[],
    });
    let texts: Vec<_> = texts
        .filter(|text| !text.is_empty())
        .map(|text| fold(text))
        .collect();
    texts.join("\n")
}

impl SearchInput {
    /// Judges the search.
    ///
    /// # Errors
    /// Every problem, with pointers into `{filters, searchTerm, sortDescriptor, pagination, cursor, pageSize}`.
    pub fn judge(
        &self,
        entity: EntityType,
        columns: &[Column],
        context: &FilterContext,
    ) -> Result<Search, Vec<Violation>> {
        let mut problems = Vec::new();
        let filter = Filter::parse(entity, columns, context, &self.filters, "/filters")
            .unwrap_or_else(|found| {
                problems.extend(found);
                Filter::everything()
            });
        let term = SearchTerm::parse(self.search_term.as_deref().unwrap_or("")).unwrap_or_else(
            |message| {
                problems.push(Violation::new(
                    "/searchTerm",
                    "invalid_search_term",
                    message,
                ));
                SearchTerm::default()
            },
        );
        let sort = match &self.sort {
            None => Sort::default(),
            Some(sort) => sort.judge(entity, columns).unwrap_or_else(|found| {
                problems.extend(
                    found
                        .into_iter()
                        .map(|problem| problem.under("/sortDescriptor")),
                );
                Sort::default()
            }),
        };
        let mut fingerprint = Fingerprint::new();
        fingerprint.add(entity.name());
        fingerprint.add_json(&self.filters);
        fingerprint.add(&term.tokens.join(" "));
        fingerprint.add(&format!("{sort:?}"));
        let fingerprint = fingerprint.finish();
        let window = self.window(&sort, fingerprint, &mut problems);
        match window {
            Some(window) if problems.is_empty() => Ok(Search {
                entity,
                filter,
                term,
                sort,
                window,
                with_total: self.with_total.unwrap_or(true),
                fingerprint,
            }),
            _ => Err(problems),
        }
    }

    fn window(
        &self,
        sort: &Sort,
        fingerprint: u64,
        problems: &mut Vec<Violation>,
    ) -> Option<Window> {
        let in_page = if self.cursor.is_some() {
            ""
        } else {
            "/pagination"
        };
        let size = self.page_size.unwrap_or(u64::from(DEFAULT_PAGE_SIZE));
        let size = u32::try_from(size)
            .ok()
            .filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
        if size.is_none() {
            let given = self.page_size.unwrap_or_default();
            let message = format!("pageSize is {given}; accepted: 1 to {MAX_PAGE_SIZE}");
            problems.push(Violation::new(
                format!("{in_page}/pageSize"),
                "out_of_range",
                message,
            ));
        }
        if let Some(cursor) = &self.cursor {
            if self.page.is_some() {
                let message = "a search takes a page or a cursor, not both";
                problems.push(Violation::new("/cursor", "contradiction", message));
            }
            // With other problems the search is not the one that the cursor came from.
            if !problems.is_empty() {
                return None;
            }
            return match Cursor::decode(cursor, sort, fingerprint) {
                Ok(cursor) => Some(Window::After {
                    cursor,
                    size: size?,
                }),
                Err(error) => {
                    problems.push(Violation::new(
                        "/cursor",
                        "invalid_cursor",
                        error.to_string(),
                    ));
                    None
                }
            };
        }
        let page = self.page.unwrap_or(1);
        let size = size?;
        let offset = page
            .checked_sub(1)
            .and_then(|before| before.checked_mul(u64::from(size)));
        match offset {
            Some(offset) if offset <= MAX_OFFSET => Some(Window::Page { page, size }),
            _ => {
                let last = MAX_OFFSET / u64::from(size) + 1;
                let message = format!(
                    "page is {page}; accepted with this pageSize: 1 to {last}; further on, send nextCursor as cursor"
                );
                problems.push(Violation::new("/pagination/page", "out_of_range", message));
                None
            }
        }
    }
}
