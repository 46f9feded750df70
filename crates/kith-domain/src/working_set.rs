//! The records that one transaction works on: loaded once, decided upon in turn, written once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::columns::{Column, CustomValue, ParseContext};
use crate::draft::Reference;
use crate::record::{Record, RecordKey};

/// What a unit of work needs to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadPlan {
    /// Records, complete with their links.
    pub records: Vec<RecordKey>,
    /// Users whose existence matters.
    pub users: Vec<Uuid>,
}

impl LoadPlan {
    /// Adds a record or a user.
    pub fn add(&mut self, reference: Reference) {
        match reference {
            Reference::Record(key) => self.records.push(key),
            Reference::User(id) => self.users.push(id),
        }
    }
}

/// The part of one company's data that a transaction has loaded, with the changes decided so far.
///
/// A key that was loaded and is not here does not exist. Decisions either change the set or, when they refuse, leave
/// it exactly as it was.
#[derive(Debug, Default)]
pub struct WorkingSet {
    entries: HashMap<RecordKey, Entry>,
    users: HashSet<Uuid>,
    columns: Arc<Vec<Column>>,
    context: ParseContext,
    /// How many stored records hold certain options of a column.
    option_counts: HashMap<(Uuid, Vec<String>), u64>,
}

#[derive(Debug)]
struct Entry {
    stored: Option<Arc<Record>>,
    current: Option<Arc<Record>>,
}

impl WorkingSet {
    /// An empty set that knows the company's custom columns.
    pub fn new(columns: Arc<Vec<Column>>) -> Self {
        WorkingSet {
            columns,
            ..WorkingSet::default()
        }
    }

    /// With what the company says about values that leave something out: its country and currency.
    #[must_use]
    pub fn in_context(mut self, context: ParseContext) -> Self {
        self.context = context;
        self
    }

    /// What the company says about values that leave something out.
    pub fn context(&self) -> &ParseContext {
        &self.context
    }

    /// Adds a record as it is stored. A record that is already there stays as it is.
    pub fn load(&mut self, record: impl Into<Arc<Record>>) {
        let record = record.into();
        self.entries.entry(record.key()).or_insert_with(|| Entry {
            stored: Some(Arc::clone(&record)),
            current: Some(record),
        });
    }

    /// Adds a user that exists.
    pub fn load_user(&mut self, id: Uuid) {
        self.users.insert(id);
    }

    /// Notes how many stored records hold the options that a unit asked about
    /// ([`OptionHolders`](crate::decide::OptionHolders)).
    pub fn load_option_count(&mut self, column: Uuid, options: Vec<String>, records: u64) {
        self.option_counts.insert((column, options), records);
    }

    /// The records in the set that hold one of a column's options, by key, and how many there are in all; nothing if
    /// nobody has counted them.
    pub(crate) fn option_holders(
        &self,
        column: &Column,
        options: &[String],
    ) -> Option<(Vec<RecordKey>, u64)> {
        let holds = |state: &Option<Arc<Record>>| {
            let value = state
                .as_ref()
                .and_then(|record| record.custom.get(&column.id));
            matches!(value, Some(CustomValue::Option(held)) if options.contains(held))
        };
        let asked = (column.id, options.to_vec());
        let mut count = self.option_counts.get(&asked).copied()?;
        let mut holders = Vec::new();
        for (key, entry) in &self.entries {
            // The count is of stored records; what the transaction has done so far comes on top.
            if holds(&entry.stored) {
                count = count.saturating_sub(1);
            }
            if holds(&entry.current) {
                count += 1;
                holders.push(*key);
            }
        }
        holders.sort_unstable();
        Some((holders, count))
    }

    /// The present state of a record, unless it does not exist (any more).
    pub fn get(&self, key: RecordKey) -> Option<&Arc<Record>> {
        self.entries.get(&key)?.current.as_ref()
    }

    /// Whether the set has something to say about a record: it was loaded, created or deleted.
    pub fn knows(&self, key: RecordKey) -> bool {
        self.entries.contains_key(&key)
    }

    /// Whether a user exists.
    pub fn has_user(&self, id: Uuid) -> bool {
        self.users.contains(&id)
    }

    /// The company's custom columns.
    pub fn columns(&self) -> &Arc<Vec<Column>> {
        &self.columns
    }

    /// Adds a column, or replaces the one with its id.
    pub(crate) fn put_column(&mut self, column: Column) {
        let columns = Arc::make_mut(&mut self.columns);
        match columns.iter_mut().find(|known| known.id == column.id) {
            Some(known) => *known = column,
            None => columns.push(column),
        }
    }

    /// Removes a column with the values that records hold in it. That is no change of the records.
    pub(crate) fn remove_column(&mut self, id: Uuid) {
        Arc::make_mut(&mut self.columns).retain(|column| column.id != id);
        for entry in self.entries.values_mut() {
            let is_same = match (&entry.stored, &entry.current) {
                (Some(stored), Some(current)) => Arc::ptr_eq(stored, current),
                _ => false,
            };
            let holding = |state: &&mut Arc<Record>| state.custom.contains_key(&id);
            if let Some(stored) = entry.stored.as_mut().filter(holding) {
                Arc::make_mut(stored).custom.remove(&id);
            }
            if is_same {
                entry.current = entry.stored.clone();
            } else if let Some(current) = entry.current.as_mut().filter(holding) {
                Arc::make_mut(current).custom.remove(&id);
            }
        }
    }

    /// Replaces the state of a record; `None` deletes it.
    pub(crate) fn put(&mut self, key: RecordKey, state: Option<Arc<Record>>) {
        match self.entries.get_mut(&key) {
            Some(entry) => entry.current = state,
            None => {
                self.entries.insert(
                    key,
                    Entry {
                        stored: None,
                        current: state,
                    },
                );
            }
        }
    }

    /// Every record whose present state is another than the stored one, by key.
    pub fn writes(&self) -> Vec<Write> {
        let mut writes: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(key, entry)| match (&entry.stored, &entry.current) {
                (None, None) => None,
                (None, Some(current)) => Some(Write::Insert(Arc::clone(current))),
                (Some(stored), None) => Some(Write::Delete {
                    key: *key,
                    stored: Arc::clone(stored),
                }),
                (Some(stored), Some(current)) if Arc::ptr_eq(stored, current) => None,
                (Some(stored), Some(current)) => Some(Write::Update {
                    stored: Arc::clone(stored),
                    current: Arc::clone(current),
                }),
            })
            .collect();
        writes.sort_unstable_by_key(Write::key);
        writes
    }
}

/// What has to be written so that storage holds the present state.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A new record with its links.
    Insert(Arc<Record>),
    /// A changed record; rows and links that are alike in both states need no write.
    Update {
        /// As it is stored.
        stored: Arc<Record>,
        /// As it is to be.
        current: Arc<Record>,
    },
    /// A record that goes, with its links.
    Delete {
        /// The record.
        key: RecordKey,
        /// As it is stored.
        stored: Arc<Record>,
    },
}

impl Write {
    /// The record that is written.
    pub fn key(&self) -> RecordKey {
        match self {
            Write::Insert(record) => record.key(),
            Write::Update { current, .. } => current.key(),
            Write::Delete { key, .. } => *key,
        }
    }
}
