//! The use cases of Kith: authorise, load, decide, commit.
