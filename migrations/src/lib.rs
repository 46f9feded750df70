//! Schema steps of Kith: forward-only, the same on SQLite and PostgreSQL. House rules: `README.md` beside this crate.

mod ddl;
mod m0001_core;
mod m0002_search;
mod m0003_webhooks;
mod m0004_upkeep;
mod m0005_deliveries;
mod m0006_people;
mod m0007_sessions;
mod m0008_claims;

use sea_orm_migration::{MigrationTrait, async_trait};
pub use sea_orm_migration::{MigratorTrait, sea_orm};

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_core::Step),
            Box::new(m0002_search::Step),
            Box::new(m0003_webhooks::Step),
            Box::new(m0004_upkeep::Step),
            Box::new(m0005_deliveries::Step),
            Box::new(m0006_people::Step),
            Box::new(m0007_sessions::Step),
            Box::new(m0008_claims::Step),
        ]
    }
}
