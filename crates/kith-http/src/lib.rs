//! The HTTP surface of Kith.
