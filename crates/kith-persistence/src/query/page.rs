//! Pages of records, names, and the search over all types.

use std::borrow::Cow;
use std::sync::Arc;

use kith_domain::columns::ColumnType;
use kith_domain::entity::FieldKind;
use kith_domain::filter::{Cursor, FieldRef, Filter, Search, SortField, Test, Window};
use kith_domain::ports::{Page, RepositoryError};
use kith_domain::record::Record;
use kith_domain::scope::{Reach, Scope};

use super::filter::Conditions;
use super::leader::is_indexed;
use super::order::Order;
use super::{Approach, Statement};
use crate::columns::CompanyColumns;
use crate::indexes::{Index, WORTHWHILE};
use crate::shape::{Shape, snake};
use crate::sql::Dialect;
use crate::store::Store;
use crate::writer::count_column;

/// A row that is looked up costs as much as this many that are walked over.
const LOOKUP: u128 = 2;

/// How many records are counted to find out whether a rule finds few.
const TRIED: i64 = 2_000;

/// A search on its way.
struct Question<'a> {
    store: &'a Store,
    /// Whose eyes it is seen with.
    scope: &'a Scope,
    columns: &'a CompanyColumns,
    /// With the scope as a part of its filter.
    search: &'a Search,
    /// Which of the rules that all have to hold finds fewest records, where that is known.
    leader: Option<usize>,
}

/// Which records of the order a statement reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All, if all have a value.
    All,
    /// Those with a value.
    Present,
    /// Those without.
    Absent,
}

impl Store {
    pub(crate) async fn read_page(
        &self,
        scope: &Scope,
        search: &Search,
    ) -> Result<Page, RepositoryError> {
        let company = scope.company;
        let columns = match self.remembered.latest(company) {
            Some(columns) => columns,
            None => self.read_columns(company).await?.0,
        };
        let Some(search) = within(search, scope) else {
            return Ok(Page {
                records: Vec::new(),
                total: search.with_total.then_some(0),
                next_cursor: None,
            });
        };
        let mut question = Question {
            store: self,
            scope,
            columns: &columns,
            search: &search,
            leader: None,
        };
        question.see_to_indexes().await?;
        question.leader = question.find_leader().await?;
        question.answer().await
    }

    pub(crate) async fn explain_page(
        &self,
        scope: &Scope,
        search: &Search,
    ) -> Result<Vec<String>, RepositoryError> {
        let columns = self.read_columns(scope.company).await?.0;
        let Some(search) = within(search, scope) else {
            return Ok(Vec::new());
        };
        let mut question = Question {
            store: self,
            scope,
            columns: &columns,
            search: &search,
            leader: None,
        };
        question.see_to_indexes().await?;
        question.leader = question.find_leader().await?;
        let total = question.count(Part::All, None).await?;
        let approach = question.approach(Some(total)).await?;
        let part = match question.order(&mut question.statement()).present {
            Some(_) => Part::Present,
            None => Part::All,
        };
        let offset = search.window.offset();
        let limit = u64::from(search.window.size()) + 1;
        let mut lines = Vec::new();
        let counted = search
            .with_total
            .then(|| question.count_sql(Part::All, None));
        let page = question.page_sql(part, approach, offset, limit);
        for (statement, text) in counted.into_iter().chain([page]) {
            let (explain, at) = match statement.dialect {
                Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
                Dialect::Postgres => ("EXPLAIN (COSTS OFF)", 0),
            };
            let plan = self.ask(&statement, format!("{explain} {text}"), |row| {
                row.text(at).map(str::to_owned)
            });
            lines.extend(plan.await?);
        }
        Ok(lines)
    }
}

/// A search among what a caller may see; nothing if that is nothing.
fn within<'a>(search: &'a Search, scope: &Scope) -> Option<Cow<'a, Search>> {
    let entity = search.entity;
    let reach = scope.reach_of(entity);
    if reach == Reach::All && scope.shows_all_links(entity) {
        return Some(Cow::Borrowed(search));
    }
    let own = match reach {
        Reach::All => Filter::everything(),
        Reach::Own => Filter::of_user(entity, scope.user),
        Reach::Nothing => return None,
    };
    let mut limited = search.clone();
    limited.filter = limited.filter.within(scope, entity).and(own);
    Some(Cow::Owned(limited))
}

impl Question<'_> {
    async fn answer(&self) -> Result<Page, RepositoryError> {
        let search = self.search;
        let (total, mut records) = self.total_and_records().await?;
        let size = search.window.size() as usize;
        let has_more = records.len() > size;
        records.truncate(size);
        let next_cursor = records
            .last()
            .filter(|_| has_more)
            .map(|last| search.cursor_after(last));
        Ok(Page {
            records: records.into_iter().map(Arc::new).collect(),
            total,
            next_cursor,
        })
    }

    async fn total_and_records(&self) -> Result<(Option<u64>, Vec<Record>), RepositoryError> {
        let search = self.search;
        let is_alike = self.store.dialect() == Dialect::Postgres && self.is_alike_either_way();
        if !search.with_total {
            let approach = match is_alike {
                true => Approach::Walk,
                false => self.approach(None).await?,
            };
            return Ok((None, self.records(approach, None).await?));
        }
        if self.asks_nothing() {
            let total = self.all().await?;
            return Ok((
                Some(total),
                self.records(Approach::Walk, Some(total)).await?,
            ));
        }
        if is_alike {
            // Neither waits for the other.
            let (total, records) = tokio::join!(self.total(), self.records(Approach::Walk, None));
            return Ok((Some(total?), records?));
        }
        let total = self.total().await?;
        let approach = self.approach(Some(total)).await?;
        Ok((Some(total), self.records(approach, Some(total)).await?))
    }

    /// Whether the text of the question does not depend on the approach.
    fn is_alike_either_way(&self) -> bool {
        let text = |approach| {
            let mut statement = self.statement();
            let order = self.order(&mut self.statement());
            self.conditions(Part::All, approach, &order, &mut statement)
        };
        text(Approach::Filter) == text(Approach::Walk)
    }

    async fn approach(&self, total: Option<u64>) -> Result<Approach, RepositoryError> {
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
    async fn see_to_indexes(&self) -> Result<(), RepositoryError> {
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
    async fn find_leader(&self) -> Result<Option<usize>, RepositoryError> {
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

    fn asks_nothing(&self) -> bool {
        self.search.filter == Filter::everything() && self.search.term.is_empty()
    }

    /// How many records are found: counted, unless that was done before and nothing has changed since.
    async fn total(&self) -> Result<u64, RepositoryError> {
        let totals = &self.store.totals;
        let key = totals.key(self.scope, self.search);
        // Read before it is counted: what is committed in between makes the total one of a later position, which is
        // then asked for in vain and counted again.
        let text = "SELECT seq, columns_version FROM company_position WHERE company_id = $1";
        let statement = self.statement();
        let read = self.store.ask(&statement, text.to_owned(), |row| {
            Ok((row.int(0)?, row.int(1)?))
        });
        let position = read.await?.first().copied().unwrap_or_default();
        if let Some((at, total)) = totals.get(key)
            && at == position
        {
            return Ok(total);
        }
        let total = self.count(Part::All, None).await?;
        totals.put(key, position, total);
        Ok(total)
    }

    /// How many records of the type there are.
    async fn all(&self) -> Result<u64, RepositoryError> {
        let column = count_column(self.search.entity);
        let text = format!("SELECT {column} FROM company_position WHERE company_id = $1");
        let counts = self
            .store
            .ask(&self.statement(), text, |row| row.int(0))
            .await?;
        let count = counts.first().copied().unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The records of the page and one more, if there is one.
    async fn records(
        &self,
        approach: Approach,
        total: Option<u64>,
    ) -> Result<Vec<Record>, RepositoryError> {
        let offset = self.search.window.offset();
        if total.is_some_and(|total| total <= offset) {
            return Ok(Vec::new());
        }
        let wanted = u64::from(self.search.window.size()) + 1;
        if self.order(&mut self.statement()).present.is_none() {
            return self.part(Part::All, approach, offset, wanted).await;
        }
        // Records without a value are not in the index of the order: they are read when the others do not fill the page.
        let cursor = self.cursor();
        let mut records = Vec::new();
        if cursor.is_none_or(|cursor| cursor.key.is_some()) {
            records = self.part(Part::Present, approach, offset, wanted).await?;
        }
        let found = records.len() as u64;
        if found < wanted {
            let passed = if found == 0 && offset > 0 {
                self.count(Part::Present, None).await?
            } else {
                offset
            };
            let skip = offset.saturating_sub(passed);
            records.extend(
                self.part(Part::Absent, approach, skip, wanted - found)
                    .await?,
            );
        }
        Ok(records)
    }

    async fn part(
        &self,
        part: Part,
        approach: Approach,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Record>, RepositoryError> {
        let (statement, text) = self.page_sql(part, approach, offset, limit);
        let shape = Shape::of(self.search.entity);
        self.store
            .ask(&statement, text, |row| shape.read(row))
            .await
    }

    /// The ids of the page are found first, so that whatever else a record has is read for them only.
    fn page_sql(
        &self,
        part: Part,
        approach: Approach,
        offset: u64,
        limit: u64,
    ) -> (Statement, String) {
        let mut statement = self.statement();
        let order = self.order(&mut statement);
        let mut conditions = self.conditions(part, approach, &order, &mut statement);
        if let Some(cursor) = self.cursor() {
            conditions.push(match part {
                // Those without a value follow all that have one.
                Part::Absent if cursor.key.is_some() => "TRUE".to_owned(),
                Part::Absent => order.after_id(cursor, &mut statement),
                Part::All | Part::Present => order.after(cursor, &mut statement),
            });
        }
        let is_sqlite = statement.dialect == Dialect::Sqlite;
        let hidden = is_sqlite && approach == Approach::Filter;
        let by = |hidden| match part {
            Part::Absent => order.by_id(hidden),
            Part::All | Part::Present => order.by(hidden),
        };
        let shape = Shape::of(self.search.entity);
        let table = shape.table();
        let limit = statement.int(i64::try_from(limit).unwrap_or(i64::MAX));
        let skip = match offset {
            0 => String::new(),
            offset => format!(
                " OFFSET {}",
                statement.int(i64::try_from(offset).unwrap_or(i64::MAX))
            ),
        };
        let text = format!(
            "SELECT {} FROM (SELECT r.id AS found FROM {table} r WHERE {} ORDER BY {} LIMIT {limit}{skip}) p \
             CROSS JOIN {table} r WHERE r.company_id = $1 AND r.id = p.found ORDER BY {}",
            shape.select_within(self.scope, &mut statement),
            conditions.join(" AND "),
            by(hidden),
            by(is_sqlite)
        );
        (statement, text)
    }

    /// How many records a part has, or whether it has at least `enough`.
    async fn count(&self, part: Part, enough: Option<u64>) -> Result<u64, RepositoryError> {
        let (statement, text) = self.count_sql(part, enough);
        let counts = self.store.ask(&statement, text, |row| row.int(0)).await?;
        Ok(counts
            .first()
            .and_then(|count| u64::try_from(*count).ok())
            .unwrap_or_default())
    }

    fn count_sql(&self, part: Part, enough: Option<u64>) -> (Statement, String) {
        let mut statement = self.statement();
        // Where the order plays no part, nothing of it may be bound.
        let order = match part {
            Part::All => self.order(&mut self.statement()),
            Part::Present | Part::Absent => self.order(&mut statement),
        };
        let conditions = self
            .conditions(part, Approach::Filter, &order, &mut statement)
            .join(" AND ");
        let table = self.search.entity.name();
        let text = match enough {
            None => format!("SELECT count(*) FROM {table} r WHERE {conditions}"),
            Some(enough) => format!(
                "SELECT count(*) FROM (SELECT 1 FROM {table} r WHERE {conditions} LIMIT {enough}) f"
            ),
        };
        (statement, text)
    }

    fn statement(&self) -> Statement {
        Statement::new(self.store.dialect(), self.scope.company)
    }

    fn order(&self, statement: &mut Statement) -> Order {
        let Search {
            entity,
            sort,
            filter,
            ..
        } = self.search;
        Order::new(*entity, self.columns, sort, filter, statement)
    }

    fn cursor(&self) -> Option<&Cursor> {
        match &self.search.window {
            Window::After { cursor, .. } => Some(cursor),
            Window::Page { .. } => None,
        }
    }

    fn conditions(
        &self,
        part: Part,
        approach: Approach,
        order: &Order,
        statement: &mut Statement,
    ) -> Vec<String> {
        let mut parts = vec!["r.company_id = $1".to_owned()];
        match (part, &order.present) {
            (Part::Present, Some(present)) => parts.push(present.clone()),
            (Part::Absent, Some(present)) => parts.push(format!("NOT ({present})")),
            _ => {}
        }
        let walked = match part {
            Part::Absent => vec!["r.id".to_owned()],
            Part::All | Part::Present => order.walked(),
        };
        let mut conditions = Conditions {
            entity: self.search.entity,
            scope: self.scope,
            columns: self.columns,
            approach,
            walked: &walked,
            leader: match approach {
                Approach::Filter => self.leader,
                Approach::Walk => None,
            },
            is_follower: false,
            statement,
        };
        if !self.search.term.is_empty() {
            parts.push(conditions.term(&self.search.term));
        }
        if self.search.filter != Filter::everything() {
            parts.push(conditions.filter(&self.search.filter));
        }
        parts
    }
}
