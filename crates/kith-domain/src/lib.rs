//! The pure core of Kith: records, relations, decisions, diffs, events and the ports they sit behind.
