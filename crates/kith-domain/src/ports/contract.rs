//! The contract of [`Repository`] as tests that every implementation runs: in memory, SQLite, PostgreSQL, yours.
//!
//! An implementation writes a [`Fixture`] and either calls [`run_all`], or makes every case a test of its own:
//!
//! ```ignore
//! fn run(case: &str) {
//!     runtime().block_on(kith_domain::ports::contract::run(&MyFixture, case));
//! }
//! kith_domain::repository_contract!(run);
//! ```
//!
//! The cases need nothing but the port: their units of work are commands decided by [`crate::decide`], with events
//! in a form of their own. A case that does not hold panics. After each case the whole event log is compared with
//! what the units did, with what the notifier heard, and with the records as they are now.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, for the test binaries of other crates"
)]

mod claims;
mod columns;
mod crowds;
mod log;
mod records;
mod refusals;
mod scopes;
mod together;
mod unit;
mod world;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Notifier, Repository};
use world::World;

/// Makes workspaces for the cases.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A new workspace whose repository tells `notifier` of each commit. The storage behind it may hold other
    /// companies, also those of cases that run at the same time.
    async fn workspace(&self, notifier: Arc<dyn Notifier>) -> Workspace;
}

/// Two companies without records, in one storage.
pub struct Workspace {
    /// The repository under test.
    pub repository: Arc<dyn Repository>,
    /// Further repositories over the same storage, as other processes would have; none if there cannot be any. Their
    /// notifiers are their own affair.
    pub peers: Vec<Arc<dyn Repository>>,
    /// A company that no other case uses.
    pub company: Uuid,
    /// At least two users of the company.
    pub users: Vec<Uuid>,
    /// Another company that no other case uses.
    pub other_company: Uuid,
    /// At least one user of the other company.
    pub other_users: Vec<Uuid>,
    /// Dropped after the case: whatever the storage needs to live as long.
    pub guard: Box<dyn Send + Sync>,
}

/// One case.
pub struct Case {
    /// What holds, as the name of a test.
    pub name: &'static str,
    run: for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        /// Every case.
        pub static CASES: &[Case] = &[
            $($(Case { name: stringify!($name), run: |world| Box::pin($module::$name(world)) },)+)+
        ];
    };
}

cases! {
    records:
        every_type_reads_back_as_created,
        links_show_at_both_ends,
        totals_are_exact,
        an_update_changes_what_it_names,
        what_changes_nothing_writes_nothing,
        a_deletion_unlinks_the_neighbours;
    refusals:
        absence_is_none,
        tenants_do_not_see_each_other,
        a_refusal_changes_nothing,
        a_stale_version_changes_nothing;
    scopes:
        what_is_outside_a_scope_is_absent,
        links_outside_a_scope_stay,
        who_reads_only_their_own_is_assigned_what_they_make;
    log:
        events_come_in_order,
        the_log_is_read_in_pages,
        events_keep_their_bytes;
    claims:
        a_claim_runs_once,
        a_key_is_not_for_two_requests,
        a_refused_unit_leaves_no_claim,
        claims_at_the_same_time_run_once;
    columns:
        columns_belong_to_a_company,
        custom_values_read_back,
        more_columns_than_slots_hold_values,
        a_deleted_column_takes_its_values_along,
        options_in_use_are_kept_or_replaced,
        columns_change_while_records_are_written;
    crowds:
        many_units_link_one_organization,
        changes_that_build_on_what_was_read_lose_nothing,
        totals_stay_exact_under_contention,
        a_deletion_races_with_links,
        refused_units_do_not_harm_their_neighbours,
        an_abandoned_unit_runs_as_a_whole_or_not_at_all,
        a_thousand_creations_in_one_command,
        an_organization_with_five_thousand_contacts_goes;
}

/// Runs one case by name.
///
/// # Panics
/// When the case does not hold, or there is none of this name.
pub async fn run(fixture: &dyn Fixture, name: &str) {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
    let world = World::new(fixture).await;
    (case.run)(&world).await;
    world.audit().await;
}

/// Runs every case in turn.
///
/// # Panics
/// When a case does not hold; its name is the function in which it panicked.
pub async fn run_all(fixture: &dyn Fixture) {
    for case in CASES {
        run(fixture, case.name).await;
    }
}

/// Makes a `#[test]` of every case: calls the given `fn(&str)` with its name. A further test fails if a case is
/// missing here.
#[macro_export]
macro_rules! repository_contract {
    ($run:path) => {
        $crate::repository_contract! { $run:
            every_type_reads_back_as_created,
            links_show_at_both_ends,
            totals_are_exact,
            an_update_changes_what_it_names,
            what_changes_nothing_writes_nothing,
            a_deletion_unlinks_the_neighbours,
            absence_is_none,
            tenants_do_not_see_each_other,
            a_refusal_changes_nothing,
            a_stale_version_changes_nothing,
            what_is_outside_a_scope_is_absent,
            links_outside_a_scope_stay,
            who_reads_only_their_own_is_assigned_what_they_make,
            events_come_in_order,
            the_log_is_read_in_pages,
            events_keep_their_bytes,
            a_claim_runs_once,
            a_key_is_not_for_two_requests,
            a_refused_unit_leaves_no_claim,
            claims_at_the_same_time_run_once,
            columns_belong_to_a_company,
            custom_values_read_back,
            more_columns_than_slots_hold_values,
            a_deleted_column_takes_its_values_along,
            options_in_use_are_kept_or_replaced,
            columns_change_while_records_are_written,
            many_units_link_one_organization,
            changes_that_build_on_what_was_read_lose_nothing,
            totals_stay_exact_under_contention,
            a_deletion_races_with_links,
            refused_units_do_not_harm_their_neighbours,
            an_abandoned_unit_runs_as_a_whole_or_not_at_all,
            a_thousand_creations_in_one_command,
            an_organization_with_five_thousand_contacts_goes,
        }
    };
    ($run:path: $($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                $run(stringify!($name));
            }
        )+

        #[test]
        fn no_case_is_left_out() {
            let listed = [$(stringify!($name)),+];
            let cases = $crate::ports::contract::CASES.iter().map(|case| case.name);
            assert!(cases.eq(listed), "the list of repository_contract! is not that of CASES");
        }
    };
}
