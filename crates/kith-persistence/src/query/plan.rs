//! How a question is best asked: which indexes it needs, which of its rules leads, and along what it goes.

use kith_domain::columns::ColumnType;
use kith_domain::entity::FieldKind;
use kith_domain::filter::{FieldRef, Filter, Search, SortField, Test};
use kith_domain::ports::RepositoryError;

use super::Approach;
use super::filter::Conditions;
use super::leader::is_indexed;
use super::page::{Part, Question};
use crate::indexes::{Index, WORTHWHILE};
use crate::shape::snake;
use crate::sql::Dialect;

/// A row that is looked up costs as much as this many that are walked over.
const LOOKUP: u128 = 2;

/// How many records are counted to find out whether a rule finds few.
const TRIED: i64 = 2_000;

impl Question<'_> {
    pub(super) async fn approach(&self, total: Option<u64>) -> Result<Approach, RepositoryError> {
        let walk_from = self.store.walk_from;
        if self.asks_nothing() {
            return Ok(Approach::Walk);
        }
        let found = match total {
            Some(total) => total,
            None => self.count(Part::All, Some(walk_from)).await?,
        };
        if found < walk_from {
            return self.of_few(found).await;
        }
        let offset = self.search.window.offset();
        let (Some(total), 1..) = (total, offset) else {
            return Ok(Approach::Walk);
        };
        // A walk passes all records on the way to the page, a filter sorts all that are found.
        let passed = u128::from(self.all().await?) * u128::from(offset) / u128::from(total);
        Ok(if passed > 2 * u128::from(total) {
            Approach::Filter
        } else {
            Approach::Walk
        })
    }

    /// Makes the indexes that the question needs and nobody has needed before.
    pub(super) async fn see_to_indexes(&self) -> Result<(), RepositoryError> {
        let mut wanted = self.indexes();
        wanted.retain(|index| !self.store.indexes.has(index));
        if !wanted.is_empty() && self.all().await? >= WORTHWHILE {
            for index in wanted {
                self.store.indexes.make(index).await;
            }
        }
        Ok(())
    }

    /// The indexes that the order and the rules use. Those of slots were made with their columns, unless a server
    /// stopped in between.
    fn indexes(&self) -> Vec<Index> {
        let Search {
            entity,
            sort,
            filter,
            ..
        } = self.search;
        let of_field = |field: FieldRef| match field {
            FieldRef::CreatedAt => Some(vec!["created_at".to_owned()]),
            FieldRef::UpdatedAt => Some(vec!["updated_at".to_owned()]),
            FieldRef::Own(at) => {
                let own = entity.fields().get(at)?;
                let name = snake(own.name);
                match own.kind {
                    FieldKind::Amount | FieldKind::TotalQuantity => Some(vec![name]),
                    FieldKind::TotalValue => Some(vec![name.clone(), format!("{name}_rest")]),
                    FieldKind::Text { .. } if entity.def().sort_name == [at] => {
                        Some(vec!["name_key".to_owned()])
                    }
                    FieldKind::Text { .. } | FieldKind::Emails { .. } => None,
                }
            }
            _ => None,
        };
        let of_column = |field: FieldRef| match field {
            FieldRef::Custom(column) => {
                let slot = self.columns.slot(column)?;
                Some(Index::of_slot(*entity, slot))
            }
            field => Some(Index::of(*entity, of_field(field)?)),
        };
        let rules = filter.rules();
        let ordered = match sort.field {
            SortField::Name => Some(Index::of(*entity, vec!["name_key".to_owned()])),
            // Ids are in this order.
            SortField::Field(FieldRef::CreatedAt) => None,
            SortField::Field(field) => of_column(field),
        };
        let asked = rules
            .iter()
            .filter(|rule| !matches!(rule.test, Test::Contains(_)))
            .filter_map(|rule| of_column(rule.field));
        let counted = rules
            .iter()
            .filter_map(|rule| match (rule.field, &rule.test) {
                (FieldRef::Custom(column), Test::Texts(_)) => {
                    let known = self.columns.get(column)?;
                    let is_choice = known.column_type() == ColumnType::SingleSelect;
                    let slot = self.columns.slot(column).filter(|_| is_choice)?;
                    Some(Index::to_count(*entity, slot))
                }
                _ => None,
            });
        let counted =
            counted.filter(|_| self.search.with_total && self.store.dialect() == Dialect::Postgres);
        ordered.into_iter().chain(asked).chain(counted).collect()
    }

    /// The approach where few records are found: SQLite walks where the page is full sooner along its order, if what is
    /// found lies evenly in it, than what is found is looked up.
    async fn of_few(&self, found: u64) -> Result<Approach, RepositoryError> {
        if self.store.dialect() == Dialect::Postgres || found < self.store.walk_from / 10 {
            return Ok(Approach::Filter);
        }
        let window = &self.search.window;
        let wanted = window.offset() + u64::from(window.size()) + 1;
        let walked = u128::from(self.all().await?) * u128::from(wanted);
        let looked_up = u128::from(found) * u128::from(found) * LOOKUP;
        Ok(if walked <= looked_up {
            Approach::Walk
        } else {
            Approach::Filter
        })
    }

    /// The rule that finds fewest records, on SQLite, which knows nothing of the values: each that an index answers is
    /// tried for itself, up to a bound. None if all find many.
    pub(super) async fn find_leader(&self) -> Result<Option<usize>, RepositoryError> {
        let Filter::All(filters) = &self.search.filter else {
            return Ok(None);
        };
        if self.store.dialect() == Dialect::Postgres || filters.len() < 2 {
            return Ok(None);
        }
        let table = self.search.entity.name();
        let mut statement = self.statement();
        let limit = statement.int(TRIED);
        let mut tried = Vec::new();
        let mut texts = Vec::new();
        for (at, filter) in filters.iter().enumerate() {
            if is_indexed(filter, self.search.entity, self.columns) {
                let condition = Conditions {
                    entity: self.search.entity,
                    scope: self.scope,
                    columns: self.columns,
                    approach: Approach::Filter,
                    walked: &[],
                    leader: None,
                    is_follower: false,
                    statement: &mut statement,
                }
                .filter(filter);
                texts.push(format!(
                    "SELECT count(*) FROM (SELECT 1 FROM {table} r WHERE r.company_id = $1 AND {condition} LIMIT {limit})"
                ));
                tried.push(at);
            }
        }
        if tried.len() < 2 {
            return Ok(None);
        }
        let text = texts.join(" UNION ALL ");
        let counts = self.store.ask(&statement, text, |row| row.int(0)).await?;
        let fewest = tried
            .into_iter()
            .zip(counts)
            .min_by_key(|(_, count)| *count);
        Ok(fewest.filter(|(_, count)| *count < TRIED).map(|(at, _)| at))
    }
}
