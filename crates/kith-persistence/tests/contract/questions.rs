//! Questions about records, compared with what the domain says they mean.

mod columns;
mod oracle;
mod plans;
mod scale;
mod totals;
mod world;
