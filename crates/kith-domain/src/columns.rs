//! Custom columns (contract, section 4).

/// A custom column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column;

/// A value of a custom column.
#[derive(Clone, Debug, PartialEq)]
pub enum CustomValue {
    /// Text.
    Text(String),
}
