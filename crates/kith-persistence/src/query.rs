//! Questions about records, compiled to SQL for both databases: one compiler for searches, counts and names.

mod filter;
mod leader;
mod names;
mod order;
mod page;
mod plan;
mod statement;
mod totals;

pub(crate) use statement::{Statement, Value};
pub(crate) use totals::Totals;

/// How a statement finds its rows. SQLite is told; PostgreSQL weighs that itself by what it knows of the data, and is
/// given the question in the form that suits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approach {
    /// Through the indexes of what is asked for; what was found is sorted.
    Filter,
    /// Along the index of the order, until the page is full: when much is found.
    Walk,
}
