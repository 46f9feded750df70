//! The binary `kith`.
fn main() {}
