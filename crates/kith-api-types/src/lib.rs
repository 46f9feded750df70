//! The public JSON of Kith: records, drafts, problems, event bodies and their schemas.
