//! Random commands over whatever records there are: mostly sensible, sometimes not.

use kith_domain::decide::{Change, Command, LinkChange, LinkMode, NotesChange};
use kith_domain::draft::{CustomInput, Draft, LinkItem, NotesInput, Patch};
use kith_domain::entity::{EntityType, FieldKind, FieldValue};
use kith_domain::record::RecordKey;
use kith_domain::relation::Target;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Model, NOBODY, PLAIN, PRICE, STAGE, USERS, decimal};

const TEXTS: [&str; 6] = ["Ada", " Ada ", "Ben 😀", "Cleo", "", "\0"];
const AMOUNTS: [&str; 6] = [
    "0",
    "0.0001",
    "-3.5",
    "12.3400",
    "99999999999.9999",
    "0.00001",
];
const QUANTITIES: [&str; 6] = ["1", "2.5", "0.0001", "1.00", "1000", "0"];
const NOTES: [&str; 4] = [
    "",
    "Some *notes*",
    "# Heading\n\n- one\n- two",
    "Some *notes* ",
];

/// Chooses among the records of a type that exist when the command is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick(u8);

impl Pick {
    fn among(self, ids: &[Uuid]) -> Uuid {
        // The highest pick is nobody, so that a few commands name what does not exist.
        match usize::from(self.0) {
            u if u == usize::from(u8::MAX) || ids.is_empty() => NOBODY,
            index => ids[index % ids.len()],
        }
    }
}

/// Wanted links: whom, and which quantity if one is given.
type Links = Vec<(Pick, Option<usize>)>;

/// What a draft says, for any type.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    fields: [Option<usize>; 3],
    links: [Option<Links>; 4],
    notes: Option<usize>,
    custom: Option<usize>,
    /// Say odd things: clear what cannot be cleared, list links twice.
    sloppy: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(EntityType, Vec<Content>),
    Update(EntityType, Vec<(Pick, Content)>, Option<i64>),
    Delete(EntityType, Vec<Pick>),
    Link(EntityType, Pick, usize, Links, bool),
    Notes(EntityType, Pick, usize, bool),
}

pub(crate) fn ops(count: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..count)
}

fn op() -> impl Strategy<Value = Op> {
    let entity = || select(&EntityType::ALL[..]);
    let version = prop_oneof![9 => Just(None), 1 => (1..4_i64).prop_map(Some)];
    prop_oneof![
        2 => (entity(), vec(content(), 1..3)).prop_map(|(entity, contents)| Op::Create(entity, contents)),
        4 => (entity(), vec((pick(), content()), 1..3), version)
            .prop_map(|(entity, changes, version)| Op::Update(entity, changes, version)),
        1 => (entity(), vec(pick(), 1..3)).prop_map(|(entity, picks)| Op::Delete(entity, picks)),
        4 => (entity(), pick(), 0..4_usize, links(), any::<bool>())
            .prop_map(|(entity, pick, link, links, add)| Op::Link(entity, pick, link, links, add)),
        1 => (entity(), pick(), 0..NOTES.len(), any::<bool>())
            .prop_map(|(entity, pick, notes, append)| Op::Notes(entity, pick, notes, append)),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![40 => (0..u8::MAX).prop_map(Pick), 1 => Just(Pick(u8::MAX))]
}

/// An index, seldom of the last ones, which are bad values.
fn choice(count: usize, bad: usize) -> impl Strategy<Value = usize> {
    prop_oneof![30 => 0..count - bad, 1 => 0..count]
}

fn links() -> impl Strategy<Value = Links> {
    vec(
        (pick(), prop::option::of(choice(QUANTITIES.len(), 1))),
        0..4,
    )
}

fn content() -> impl Strategy<Value = Content> {
    let field = || prop::option::weighted(0.6, choice(TEXTS.len(), 2));
    let links = || prop::option::weighted(0.4, links());
    (
        [field(), field(), field()],
        [links(), links(), links(), links()],
        prop::option::weighted(0.2, 0..NOTES.len()),
        prop::option::weighted(0.3, choice(5, 1)),
        prop::bool::weighted(0.04),
    )
        .prop_map(|(fields, links, notes, custom, sloppy)| Content {
            fields,
            links,
            notes,
            custom,
            sloppy,
        })
}

impl Op {
    /// The command over the records of the model.
    pub(crate) fn command(&self, model: &Model) -> Command {
        match self {
            Op::Create(entity, contents) => {
                let drafts = contents.iter().map(|content| {
                    let mut draft = content.draft(*entity, model);
                    for (def, patch) in entity.fields().iter().zip(&mut draft.fields) {
                        if def.kind.is_required() && *patch == Patch::Absent && !content.sloppy {
                            *patch = Patch::Set(value(def.kind, 0));
                        }
                    }
                    draft
                });
                Command::create_many(*entity, drafts)
            }
            Op::Update(entity, changes, expected_version) => {
                let ids = model.of(*entity);
                let mut changes: Vec<_> = changes
                    .iter()
                    .map(|(pick, content)| Change {
                        id: pick.among(&ids),
                        expected_version: *expected_version,
                        draft: content.draft(*entity, model),
                    })
                    .collect();
                if changes[0].id != NOBODY {
                    changes.dedup_by_key(|change| change.id);
                }
                Command::Update {
                    entity: *entity,
                    batch: changes.len() > 1,
                    changes,
                }
            }
            Op::Delete(entity, picks) => {
                let ids = model.of(*entity);
                Command::delete_many(*entity, picks.iter().map(|pick| pick.among(&ids)))
            }
            Op::Link(entity, pick, link, links, add) => {
                let id = pick.among(&model.of(*entity));
                let link = link % entity.links().len();
                let key = RecordKey {
                    entity: *entity,
                    id,
                };
                let sloppy = links.len() == 3;
                Command::Link(LinkChange {
                    key,
                    link,
                    mode: if *add {
                        LinkMode::Link
                    } else {
                        LinkMode::Unlink
                    },
                    expected_version: None,
                    member: "ids",
                    items: items(links, *entity, link, sloppy, model),
                    problems: Vec::new(),
                })
            }
            Op::Notes(entity, pick, notes, append) => Command::Notes(NotesChange {
                key: RecordKey {
                    entity: *entity,
                    id: pick.among(&model.of(*entity)),
                },
                expected_version: None,
                notes: Some(NotesInput::Markdown(NOTES[*notes].to_owned())),
                append: *append,
            }),
        }
    }
}

impl Content {
    fn draft(&self, entity: EntityType, model: &Model) -> Draft {
        let mut draft = Draft::new(entity);
        for ((def, patch), wanted) in entity
            .fields()
            .iter()
            .zip(&mut draft.fields)
            .zip(self.fields)
        {
            *patch = match wanted {
                Some(_) if def.kind.is_derived() && !self.sloppy => Patch::Absent,
                Some(0) if self.sloppy => Patch::Null,
                Some(index) => Patch::Set(value(def.kind, index)),
                None => Patch::Absent,
            };
        }
        for (link, (patch, wanted)) in draft.links.iter_mut().zip(&self.links).enumerate() {
            *patch = match wanted {
                Some(links) if self.sloppy && links.is_empty() => Patch::Null,
                Some(links) => Patch::Set(items(links, entity, link, self.sloppy, model)),
                None => Patch::Absent,
            };
        }
        draft.notes = match self.notes {
            Some(0) => Patch::Null,
            Some(index) => Patch::Set(NotesInput::Markdown(NOTES[index].to_owned())),
            None => Patch::Absent,
        };
        draft.custom = self
            .custom
            .and_then(|index| custom(entity, index))
            .into_iter()
            .collect();
        draft
    }
}

fn value(kind: FieldKind, index: usize) -> FieldValue {
    match kind {
        FieldKind::Text { .. } => FieldValue::Text(TEXTS[index].to_owned()),
        FieldKind::Emails { .. } => {
            let emails = ["a@example.com", "b@example.com", "c@Example.COM"].map(str::to_owned);
            FieldValue::Emails(match index {
                0 => Vec::new(),
                1 => emails.to_vec(),
                2 => emails.iter().rev().cloned().collect(),
                3 => vec!["a@example.com".to_owned()],
                _ => vec!["nobody".to_owned()],
            })
        }
        FieldKind::Amount | FieldKind::TotalValue | FieldKind::TotalQuantity => {
            FieldValue::Decimal(decimal(AMOUNTS[index]))
        }
    }
}

fn items(
    links: &Links,
    entity: EntityType,
    link: usize,
    sloppy: bool,
    model: &Model,
) -> Vec<LinkItem> {
    let def = &entity.links()[link];
    let ids = match def.target {
        Target::Record(other) => model.of(other),
        Target::User => USERS.to_vec(),
    };
    let mut items: Vec<LinkItem> = Vec::new();
    for (pick, quantity) in links {
        let id = pick.among(&ids);
        let quantity = quantity.filter(|_| def.of.quantity || sloppy);
        let quantity = quantity.map(|index| decimal(QUANTITIES[index]));
        if sloppy || items.iter().all(|item| item.id != id) {
            items.push(LinkItem {
                at: items.len(),
                id,
                quantity,
            });
        }
    }
    items
}

fn custom(entity: EntityType, index: usize) -> Option<CustomInput> {
    let (column, values): (_, [Value; 5]) = match entity {
        EntityType::Contact => (
            PLAIN,
            [json!("Ada"), json!(""), json!(null), json!("Bo"), json!([])],
        ),
        EntityType::Deal => (
            STAGE,
            [
                json!("won"),
                json!("OPEN"),
                json!(null),
                json!("open"),
                json!("x"),
            ],
        ),
        EntityType::Service => (
            PRICE,
            [
                json!(1),
                json!("1.0 EUR"),
                json!(null),
                json!("2 USD"),
                json!("x"),
            ],
        ),
        EntityType::Organization | EntityType::Task => return None,
    };
    let value = values.into_iter().nth(index)?;
    Some(CustomInput {
        at: 0,
        column,
        value,
    })
}
