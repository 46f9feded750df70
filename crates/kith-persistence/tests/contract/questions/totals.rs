//! Totals stay true, whoever writes.

use kith_domain::columns::ColumnType;
use kith_domain::decide::ColumnCommand;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType::Contact;
use kith_domain::filter::{FilterContext, SearchInput};
use kith_domain::ports::Repository;
use kith_domain::time::Timestamp;
use serde_json::json;

use super::columns::{contact, on_each};
use super::world::{Task, World, draft_of};

impl World {
    async fn total(&self, filters: serde_json::Value) -> Option<u64> {
        let schema = self.store.schema(self.company).await.unwrap();
        let input = SearchInput {
            filters,
            ..SearchInput::default()
        };
        let context = FilterContext {
            parse: schema.context,
            now: Timestamp(1_776_852_000_000),
        };
        let search = input.judge(Contact, &schema.columns, &context).unwrap();
        let page = self.store.search(&self.scope(), &search).await.unwrap();
        page.total
    }
}

#[test]
fn a_total_is_counted_again_when_anybody_has_written() {
    on_each(async |database| {
        let world = World::new(database, 5_000).await;
        let peer = World::peer(database, &world).await;
        let column = world
            .column(draft_of(Contact, "Stage", ColumnType::SingleSelect))
            .await;
        let won = json!([{"field": column.id, "operator": "equals", "value": "Won"}]);
        let named = json!([{"field": "firstName", "operator": "equals", "value": "Ada"}]);
        for expected in 1..=3 {
            let writer = if expected == 2 { &*peer } else { &world };
            writer.create(contact(column.id, "Won")).await;
            for _ in 0..2 {
                assert_eq!(world.total(won.clone()).await, Some(expected));
                assert_eq!(world.total(named.clone()).await, Some(expected));
                assert_eq!(peer.total(won.clone()).await, Some(expected));
            }
        }
        // A column takes its values along, though no record changes.
        let filled = json!([{"not": {"field": "firstName", "operator": "equals", "value": "x"}}]);
        let gone = ColumnCommand::Delete { id: column.id };
        peer.run(Task::Columns(gone)).await.unwrap();
        peer.create(Draft::new(Contact).text("firstName", "Ada"))
            .await;
        assert_eq!(world.total(filled).await, Some(4));
        assert_eq!(world.total(named).await, Some(4));
    });
}
