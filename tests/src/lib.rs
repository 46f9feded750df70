//! End-to-end tests of Kith.
