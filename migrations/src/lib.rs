//! Schema steps of Kith.
