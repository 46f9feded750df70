//! Dev workflow of Kith.
fn main() {}
