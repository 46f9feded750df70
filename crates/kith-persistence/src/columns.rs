//! A company's custom columns as they are stored, and the slots of the record tables that hold their values.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use kith_domain::columns::{Column, ColumnOptions, ColumnType};
use kith_domain::entity::EntityType;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::sql::{Cells, corrupt};

/// Most companies whose columns are remembered.
const REMEMBERED: usize = 4096;

/// What a slot can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SlotKind {
    /// What a text is sorted by.
    Text,
    /// Amounts, and the positions of options.
    Number,
    /// Days and milliseconds.
    Time,
}

/// A spare column of a record table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) kind: SlotKind,
    /// From 0.
    pub(crate) number: usize,
}

impl SlotKind {
    const ALL: [SlotKind; 3] = [SlotKind::Text, SlotKind::Number, SlotKind::Time];

    pub(crate) fn of(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Plain | ColumnType::Link | ColumnType::Email | ColumnType::Phone => {
                SlotKind::Text
            }
            ColumnType::Currency | ColumnType::SingleSelect => SlotKind::Number,
            ColumnType::Date | ColumnType::DateTime => SlotKind::Time,
        }
    }

    /// Slots of the kind in every record table.
    fn count(self) -> usize {
        match self {
            SlotKind::Text | SlotKind::Number => 24,
            SlotKind::Time => 16,
        }
    }

    fn prefix(self) -> char {
        match self {
            SlotKind::Text => 't',
            SlotKind::Number => 'n',
            SlotKind::Time => 'd',
        }
    }
}

impl Slot {
    /// Name of its column.
    pub(crate) fn name(self) -> &'static str {
        static NAMES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
            let names = |kind: SlotKind| {
                let numbers = 1..=kind.count();
                numbers
                    .map(|number| format!("{}{number}", kind.prefix()))
                    .collect()
            };
            SlotKind::ALL.map(names).into_iter().collect()
        });
        &NAMES[self.kind as usize][self.number]
    }

    fn by_name(name: &str) -> Option<Self> {
        let kind = SlotKind::ALL
            .into_iter()
            .find(|kind| name.starts_with(kind.prefix()))?;
        let number: usize = name.get(1..)?.parse().ok()?;
        let number = number.checked_sub(1)?;
        (number < kind.count()).then_some(Slot { kind, number })
    }
}

/// How many slots of each kind a statement writes: those that records may fill, rounded up so that few texts serve all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Widths([usize; 3]);

impl Widths {
    /// Makes room for the slots of a company's columns of a type.
    pub(crate) fn include(&mut self, columns: &CompanyColumns, entity: EntityType) {
        for slot in columns.slots_of(entity) {
            let room = (slot.number + 1).next_multiple_of(4).min(slot.kind.count());
            let width = &mut self.0[slot.kind as usize];
            *width = room.max(*width);
        }
    }

    /// The slots, in the order in which they are written.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        let widths = self.0;
        SlotKind::ALL.into_iter().flat_map(move |kind| {
            (0..widths[kind as usize]).map(move |number| Slot { kind, number })
        })
    }
}

/// A company's columns at one version.
#[derive(Debug, Default)]
pub(crate) struct CompanyColumns {
    /// Counts the changes of the company's columns.
    pub(crate) version: i64,
    pub(crate) columns: Arc<Vec<Column>>,
    slots: HashMap<Uuid, Slot>,
    held: HashMap<(EntityType, Slot), Uuid>,
}

impl CompanyColumns {
    /// What was read of a company at a version.
    pub(crate) fn of(version: i64, mut stored: Vec<(Column, Option<Slot>)>) -> Self {
        stored.sort_by_key(|(column, _)| column.id);
        let slots = stored
            .iter()
            .filter_map(|(column, slot)| Some((column.id, (*slot)?)))
            .collect();
        let columns = stored.into_iter().map(|(column, _)| column).collect();
        CompanyColumns::new(version, Arc::new(columns), slots)
    }

    /// The columns with the slots that they have.
    fn new(version: i64, columns: Arc<Vec<Column>>, slots: HashMap<Uuid, Slot>) -> Self {
        let held = columns.iter().filter_map(|column| {
            let slot = slots.get(&column.id)?;
            Some(((column.entity, *slot), column.id))
        });
        CompanyColumns {
            version,
            held: held.collect(),
            columns,
            slots,
        }
    }

    /// The next version: columns that stay keep their slots, new ones get the first that is free, if there is one.
    pub(crate) fn changed_to(&self, columns: Arc<Vec<Column>>) -> Self {
        let mut slots: HashMap<_, _> = columns
            .iter()
            .filter_map(|column| Some((column.id, *self.slots.get(&column.id)?)))
            .collect();
        for column in columns.iter() {
            if self.get(column.id).is_some() {
                continue;
            }
            let kind = SlotKind::of(column.column_type());
            let taken = |slot: Slot| {
                let mut others = columns.iter().filter(|other| other.entity == column.entity);
                others.any(|other| slots.get(&other.id) == Some(&slot))
            };
            let mut free = (0..kind.count())
                .map(|number| Slot { kind, number })
                .filter(|slot| !taken(*slot));
            if let Some(slot) = free.next() {
                slots.insert(column.id, slot);
            }
        }
        CompanyColumns::new(self.version + 1, columns, slots)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The slot of a column; none if all were taken.
    pub(crate) fn slot(&self, column: Uuid) -> Option<Slot> {
        self.slots.get(&column).copied()
    }

    /// The column that a slot belongs to.
    pub(crate) fn column_in(&self, entity: EntityType, slot: Slot) -> Option<Uuid> {
        self.held.get(&(entity, slot)).copied()
    }

    fn slots_of(&self, entity: EntityType) -> impl Iterator<Item = Slot> {
        self.held
            .keys()
            .filter(move |(of, _)| *of == entity)
            .map(|(_, slot)| *slot)
    }

    /// Every slot that a column has.
    pub(crate) fn slots_in_use(&self) -> impl Iterator<Item = (EntityType, Slot)> {
        self.held.keys().copied()
    }

    /// Place of an option in its column; after the last for one that is not there.
    pub(crate) fn rank(&self, column: Uuid, option: &str) -> i64 {
        let options = self.get(column).map_or(&[][..], Column::select_options);
        let place = options.iter().position(|known| known.value == option);
        i64::try_from(place.unwrap_or(options.len())).unwrap_or(i64::MAX)
    }

    /// Whether a column holds e-mail addresses.
    pub(crate) fn holds_emails(&self, column: Uuid) -> bool {
        self.get(column)
            .is_some_and(|column| column.column_type() == ColumnType::Email)
    }
}

/// What [`read`] reads of `custom_column c`.
pub(crate) const SELECT: &str =
    "c.id, c.entity_type, c.label, c.type, c.options, c.slot, c.created_at, c.updated_at";

/// A column with its slot from a row of [`SELECT`], beginning at `at`.
pub(crate) fn read(
    row: &(impl Cells + ?Sized),
    at: usize,
) -> Result<(Column, Option<Slot>), sqlx::Error> {
    let unknown = || sqlx::Error::Decode("a custom column is not readable".into());
    let entity = EntityType::by_name(row.text(at + 1)?).ok_or_else(unknown)?;
    let column_type = ColumnType::by_name(row.text(at + 3)?).ok_or_else(unknown)?;
    let options = serde_json::from_str(row.text(at + 4)?).map_err(corrupt)?;
    let column = Column {
        id: row.uuid(at)?,
        entity,
        label: row.text(at + 2)?.to_owned(),
        options: ColumnOptions::from_stored(column_type, &options).map_err(corrupt)?,
        created_at: Timestamp(row.int(at + 6)?),
        updated_at: Timestamp(row.int(at + 7)?),
    };
    let slot = row.optional_text(at + 5)?.and_then(Slot::by_name);
    Ok((column, slot))
}

/// The columns of companies that this process has seen, each at the version that it saw: to be used only by those who
/// know the present version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<RwLock<HashMap<Uuid, Arc<CompanyColumns>>>>);

impl Remembered {
    /// The columns at a version, if they are remembered.
    pub(crate) fn at(&self, company: Uuid, version: i64) -> Option<Arc<CompanyColumns>> {
        if version == 0 {
            // Nobody has ever made a column.
            return Some(Arc::default());
        }
        self.latest(company)
            .filter(|known| known.version == version)
    }

    /// The columns as they were last seen.
    pub(crate) fn latest(&self, company: Uuid) -> Option<Arc<CompanyColumns>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&company).cloned()
    }

    /// Remembers columns, unless a later version is known.
    pub(crate) fn put(&self, company: Uuid, columns: Arc<CompanyColumns>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(&company) {
            known.clear();
        }
        let newest = known.entry(company).or_insert_with(|| Arc::clone(&columns));
        if newest.version < columns.version {
            *newest = columns;
        }
    }
}
