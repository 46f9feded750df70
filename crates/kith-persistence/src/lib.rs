//! Kith on SQLite and PostgreSQL through sea-orm.
