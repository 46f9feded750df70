//! The fields that can be asked about, and the operators that each has: derived from the entity tables and the columns.

use uuid::Uuid;

use crate::columns::{Column, ColumnType};
use crate::entity::{EntityType, FieldKind};
use crate::text::{excerpt, nearest};

/// Where a record keeps what a rule or a sort looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldRef {
    /// `id`.
    Id,
    /// `createdAt`.
    CreatedAt,
    /// `updatedAt`.
    UpdatedAt,
    /// `version`.
    Version,
    /// `notes`.
    Notes,
    /// An own field, by position in [`EntityType::fields`].
    Own(usize),
    /// The links of one relation, by position in [`EntityType::links`].
    Link(usize),
    /// A custom column, by id.
    Custom(Uuid),
}

/// What kind of values a field holds; it decides operators and operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterKind {
    /// The record's own id.
    Id,
    /// One text.
    Text,
    /// A list of e-mail addresses.
    Emails,
    /// A list of web addresses.
    Urls,
    /// A list of phone numbers.
    Phones,
    /// A number with at most this many decimals.
    Number {
        /// Decimals that the field can have.
        decimals: u32,
    },
    /// A point in time.
    Instant,
    /// A calendar date.
    Date,
    /// Money.
    Money,
    /// One of a column's options.
    Choice,
    /// Linked ids.
    Links,
    /// Markdown text that can only be searched.
    Notes,
}

/// What a rule asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Is this value.
    Equals,
    /// Contains this text, without regard to case.
    Contains,
    /// Is greater or later.
    Gt,
    /// Is not less or earlier.
    Gte,
    /// Is less or earlier.
    Lt,
    /// Is not greater or later.
    Lte,
    /// Is one of these.
    In,
    /// Is none of these, or there is no value.
    NotIn,
    /// Lies between these two, both included.
    Between,
    /// There is no value.
    IsNull,
    /// There is a value.
    IsNotNull,
    /// No link, or none of these.
    HasNone,
    /// A link, or one of these.
    HasSome,
    /// From midnight UTC that many days ago until the end of today.
    InLastDays,
}

use Operator::{
    Between, Contains, Equals, Gt, Gte, HasNone, HasSome, In, InLastDays, IsNotNull, IsNull, Lt,
    Lte, NotIn,
};

impl Operator {
    /// Every operator, in the order of the contract.
    pub const ALL: [Operator; 14] = [
        Equals, Contains, Gt, Gte, Lt, Lte, In, NotIn, Between, IsNull, IsNotNull, HasNone,
        HasSome, InLastDays,
    ];

    /// `notIn`.
    pub fn name(self) -> &'static str {
        match self {
            Equals => "equals",
            Contains => "contains",
            Gt => "gt",
            Gte => "gte",
            Lt => "lt",
            Lte => "lte",
            In => "in",
            NotIn => "notIn",
            Between => "between",
            IsNull => "isNull",
            IsNotNull => "isNotNull",
            HasNone => "hasNone",
            HasSome => "hasSome",
            InLastDays => "inLastDays",
        }
    }

    /// The operator with this name.
    pub fn by_name(name: &str) -> Option<Operator> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name() == name)
    }
}

impl FilterKind {
    /// The operators that fields of this kind have.
    pub fn operators(self) -> &'static [Operator] {
        match self {
            FilterKind::Id | FilterKind::Choice => &[Equals, In, NotIn, IsNull, IsNotNull],
            FilterKind::Text | FilterKind::Emails | FilterKind::Urls | FilterKind::Phones => {
                &[Equals, Contains, In, NotIn, IsNull, IsNotNull]
            }
            FilterKind::Number { .. } | FilterKind::Money => &[
                Equals, Gt, Gte, Lt, Lte, In, NotIn, Between, IsNull, IsNotNull,
            ],
            FilterKind::Instant | FilterKind::Date => &[
                Equals, Gt, Gte, Lt, Lte, In, NotIn, Between, IsNull, IsNotNull, InLastDays,
            ],
            FilterKind::Links => &[Equals, In, NotIn, IsNull, IsNotNull, HasNone, HasSome],
            FilterKind::Notes => &[Contains, IsNull, IsNotNull],
        }
    }

    /// What values of this kind are called in messages.
    pub fn name(self) -> &'static str {
        match self {
            FilterKind::Id => "id",
            FilterKind::Text => "text",
            FilterKind::Emails => "e-mail addresses",
            FilterKind::Urls => "web addresses",
            FilterKind::Phones => "phone numbers",
            FilterKind::Number { .. } => "number",
            FilterKind::Instant => "point in time",
            FilterKind::Date => "date",
            FilterKind::Money => "money",
            FilterKind::Choice => "option",
            FilterKind::Links => "links",
            FilterKind::Notes => "notes",
        }
    }

    /// What one value for a rule on this kind is, with an example.
    pub(super) fn accepted(self) -> &'static str {
        match self {
            FilterKind::Id | FilterKind::Links => {
                "an id such as \"01970b5e-6b9c-7cc0-8a3c-6f4dd3a5c001\""
            }
            FilterKind::Text | FilterKind::Notes => "a text such as \"Ada\"",
            FilterKind::Emails => "an e-mail address such as \"ada@example.com\"",
            FilterKind::Urls => "a web address such as \"https://example.com\"",
            FilterKind::Phones => "a phone number such as \"+4930123456\"",
            FilterKind::Number { .. } => "a number such as 1234.5",
            FilterKind::Instant => {
                "a date such as \"2026-04-22\" for the whole day (UTC), or an RFC 3339 time such as \"2026-04-22T10:00:00Z\""
            }
            FilterKind::Date => "a date such as \"2026-04-22\"",
            FilterKind::Money => {
                "an amount such as 100, \"100.50\", or of one currency only, \"100 USD\" or {\"amount\": 100, \"currency\": \"USD\"}"
            }
            FilterKind::Choice => "the value or the label of one of the column's options",
        }
    }
}

/// One field that can be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterField {
    /// What a rule calls it: `firstName`, or a column's id.
    pub name: String,
    /// For people: `First name`, or a column's label.
    pub label: String,
    /// What it holds.
    pub kind: FilterKind,
    /// Where it is.
    pub field: FieldRef,
}

impl FilterField {
    /// The operators that the field has.
    pub fn operators(&self) -> &'static [Operator] {
        self.kind.operators()
    }
}

/// Every field of a type that can be asked about: common ones, own ones, links, custom columns.
pub fn fields_of(entity: EntityType, columns: &[Column]) -> Vec<FilterField> {
    let field = |name: &str, label: &str, kind: FilterKind, field: FieldRef| FilterField {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        field,
    };
    let own = entity.fields().iter().enumerate().map(|(index, own)| {
        field(
            own.name,
            own.label,
            kind_of_own(own.kind),
            FieldRef::Own(index),
        )
    });
    let links = entity.links().iter().enumerate().map(|(index, link)| {
        field(
            &link.field,
            &capitalised(link.relation),
            FilterKind::Links,
            FieldRef::Link(index),
        )
    });
    let custom = columns
        .iter()
        .filter(|column| column.entity == entity)
        .map(|column| {
            let kind = kind_of_column(column.column_type());
            field(
                &column.id.to_string(),
                &column.label,
                kind,
                FieldRef::Custom(column.id),
            )
        });
    let common = [
        field("id", "Id", FilterKind::Id, FieldRef::Id),
        field(
            "createdAt",
            "Created at",
            FilterKind::Instant,
            FieldRef::CreatedAt,
        ),
        field(
            "updatedAt",
            "Updated at",
            FilterKind::Instant,
            FieldRef::UpdatedAt,
        ),
        field(
            "version",
            "Version",
            FilterKind::Number { decimals: 0 },
            FieldRef::Version,
        ),
    ];
    let notes = field("notes", "Notes", FilterKind::Notes, FieldRef::Notes);
    common
        .into_iter()
        .chain(own)
        .chain(links)
        .chain([notes])
        .chain(custom)
        .collect()
}

/// The field that a rule names: by name, a column by its id, or by its exact label where no field has that name.
pub fn find_field<'a>(fields: &'a [FilterField], name: &str) -> Option<&'a FilterField> {
    let canonical = match name {
        // The member that holds them is called `services`, since it carries quantities.
        "serviceIds" => "services",
        name => name,
    };
    let by_id = || {
        let id = Uuid::parse_str(name).ok()?;
        fields
            .iter()
            .find(|field| field.field == FieldRef::Custom(id))
    };
    let is_custom = |field: &FilterField| matches!(field.field, FieldRef::Custom(_));
    fields
        .iter()
        .find(|field| field.name == canonical)
        .or_else(by_id)
        .or_else(|| {
            fields
                .iter()
                .find(|field| is_custom(field) && field.label == name)
        })
}

/// What to say of a name that no field has, with the nearest one.
pub(super) fn unknown_field(entity: EntityType, fields: &[FilterField], name: &str) -> String {
    let names = fields.iter().flat_map(|field| match field.field {
        FieldRef::Custom(_) => [field.label.as_str(), field.name.as_str()],
        _ => [field.name.as_str(), field.label.as_str()],
    });
    let guess = match nearest(name, names) {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None => ".".to_owned(),
    };
    format!(
        "{} have no field \"{}\"{guess}",
        entity.plural(),
        excerpt(name, 80)
    )
}

/// Every field with its operators; fields with the same operators are listed together.
pub(super) fn listing(fields: &[FilterField]) -> String {
    let mut groups: Vec<(&[Operator], Vec<String>)> = Vec::new();
    for field in fields {
        let name = match field.field {
            FieldRef::Custom(_) => format!("\"{}\" ({})", field.label, field.name),
            _ => field.name.clone(),
        };
        match groups.iter_mut().find(|group| group.0 == field.operators()) {
            Some(group) => group.1.push(name),
            None => groups.push((field.operators(), vec![name])),
        }
    }
    let groups: Vec<_> = groups
        .iter()
        .map(|(operators, names)| format!("{}: {}", names.join(", "), operator_names(operators)))
        .collect();
    groups.join("; ")
}

/// `equals, in, notIn`.
pub(super) fn operator_names(operators: &[Operator]) -> String {
    let names: Vec<_> = operators.iter().map(|operator| operator.name()).collect();
    names.join(", ")
}

pub(super) fn kind_of_own(kind: FieldKind) -> FilterKind {
    match kind {
        FieldKind::Text { .. } => FilterKind::Text,
        FieldKind::Emails { .. } => FilterKind::Emails,
        FieldKind::Amount | FieldKind::TotalQuantity => FilterKind::Number { decimals: 4 },
        FieldKind::TotalValue => FilterKind::Number { decimals: 8 },
    }
}

fn kind_of_column(column_type: ColumnType) -> FilterKind {
    match column_type {
        ColumnType::Plain => FilterKind::Text,
        ColumnType::Date => FilterKind::Date,
        ColumnType::DateTime => FilterKind::Instant,
        ColumnType::Currency => FilterKind::Money,
        ColumnType::SingleSelect => FilterKind::Choice,
        ColumnType::Link => FilterKind::Urls,
        ColumnType::Email => FilterKind::Emails,
        ColumnType::Phone => FilterKind::Phones,
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
