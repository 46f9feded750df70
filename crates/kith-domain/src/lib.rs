//! The pure core of Kith: what a record is, which records may be linked, what a change does and which events follow.
//!
//! Nothing here performs I/O, reads a clock or draws random numbers; those are parameters or [`ports`].
//! A service that embeds Kith builds [`draft::Draft`]s, runs them through [`decide`] inside its own
//! [`ports::Repository`], and receives the [`event::Event`]s.

pub mod actor;
pub mod columns;
pub mod decide;
pub mod diff;
pub mod draft;
pub mod email;
pub mod entity;
pub mod event;
pub mod filter;
pub mod locale;
pub mod notes;
pub mod people;
pub mod ports;
pub mod record;
pub mod relation;
pub mod scope;
pub mod text;
pub mod time;
pub mod violation;
pub mod webhook;
pub mod working_set;
