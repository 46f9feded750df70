//! The relationships: typed, many-to-many, stored once, visible from both ends (contract, section 2).

use std::sync::LazyLock;

use crate::entity::EntityType;

/// What an end of a relation points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Records of a type.
    Record(EntityType),
    /// Users of the company.
    User,
}

impl Target {
    /// `contact`, `user`.
    pub fn name(self) -> &'static str {
        match self {
            Target::Record(entity) => entity.name(),
            Target::User => "user",
        }
    }

    /// `contacts`, `users`: the name of the relation that points here.
    pub fn plural(self) -> &'static str {
        match self {
            Target::Record(entity) => entity.plural(),
            Target::User => "users",
        }
    }
}

/// A pair of things that may be linked.
#[derive(Debug, PartialEq, Eq)]
pub struct Relation {
    /// Unique name; persistence calls its table so: `contact_organization`.
    pub name: &'static str,
    /// The first end, always a record type.
    pub left: EntityType,
    /// The second end.
    pub right: Target,
    /// Whether a link carries a quantity, shown on the left end.
    pub quantity: bool,
}

/// Every pair that may be linked.
pub static RELATIONS: [Relation; 9] = {
    use EntityType::{Contact, Deal, Organization, Service, Task};
    const fn records(name: &'static str, left: EntityType, right: EntityType) -> Relation {
        Relation {
            name,
            left,
            right: Target::Record(right),
            quantity: false,
        }
    }
    const fn users(name: &'static str, left: EntityType) -> Relation {
        Relation {
            name,
            left,
            right: Target::User,
            quantity: false,
        }
    }
    [
        records("contact_organization", Contact, Organization),
        records("contact_deal", Contact, Deal),
        records("organization_deal", Organization, Deal),
        Relation {
            name: "deal_service",
            left: Deal,
            right: Target::Record(Service),
            quantity: true,
        },
        users("contact_user", Contact),
        users("organization_user", Organization),
        users("deal_user", Deal),
        users("service_user", Service),
        users("task_user", Task),
    ]
};

/// One end of a relation, as the records of one type hold it.
#[derive(Debug)]
pub struct LinkDef {
    /// The relation.
    pub of: &'static Relation,
    /// Position of the relation in [`RELATIONS`].
    pub index: usize,
    /// Whether the holder is the left end.
    pub is_left: bool,
    /// What is linked.
    pub target: Target,
    /// Name in paths: `organizations`.
    pub relation: &'static str,
    /// JSON member: `organizationIds`, or `services` where a quantity is shown.
    pub field: String,
    /// Whether this end shows quantities: `[{serviceId, quantity}]`.
    pub quantity: bool,
    /// Position of the other end in the links of the linked type; none for users.
    pub mirror: Option<usize>,
}

static LINKS: LazyLock<Vec<Vec<LinkDef>>> =
    LazyLock::new(|| EntityType::ALL.map(links).into_iter().collect());

/// The ends of relations that records of a type hold: records in the order of [`EntityType::ALL`], then users.
pub fn links_of(entity: EntityType) -> &'static [LinkDef] {
    &LINKS[entity.index()]
}

fn ends(entity: EntityType) -> Vec<(usize, bool, Target)> {
    let mut ends: Vec<_> = RELATIONS
        .iter()
        .enumerate()
        .flat_map(|(index, relation)| {
            let left = (relation.left == entity).then_some((index, true, relation.right));
            let right = (relation.right == Target::Record(entity)).then_some((
                index,
                false,
                Target::Record(relation.left),
            ));
            left.into_iter().chain(right)
        })
        .collect();
    ends.sort_by_key(|end| end.2);
    ends
}

fn links(entity: EntityType) -> Vec<LinkDef> {
    ends(entity)
        .into_iter()
        .map(|(index, is_left, target)| {
            let of = &RELATIONS[index];
            let quantity = of.quantity && is_left;
            let mirror = match target {
                Target::User => None,
                Target::Record(other) => ends(other).iter().position(|end| end.0 == index),
            };
            LinkDef {
                of,
                index,
                is_left,
                target,
                relation: target.plural(),
                field: if quantity {
                    target.plural().to_owned()
                } else {
                    format!("{}Ids", target.name())
                },
                quantity,
                mirror,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_type_holds_the_links_of_the_contract() {
        let expected = [
            (
                EntityType::Contact,
                vec!["organizationIds", "dealIds", "userIds"],
            ),
            (
                EntityType::Organization,
                vec!["contactIds", "dealIds", "userIds"],
            ),
            (
                EntityType::Deal,
                vec!["contactIds", "organizationIds", "services", "userIds"],
            ),
            (EntityType::Service, vec!["dealIds", "userIds"]),
            (EntityType::Task, vec!["userIds"]),
        ];
        for (entity, fields) in expected {
            let held: Vec<_> = entity
                .links()
                .iter()
                .map(|link| link.field.as_str())
                .collect();
            assert_eq!(held, fields, "{entity}");
        }
    }

    #[test]
    fn the_mirror_of_a_mirror_is_the_link_itself() {
        for entity in EntityType::ALL {
            for (position, link) in entity.links().iter().enumerate() {
                let Target::Record(other) = link.target else {
                    assert_eq!(link.mirror, None);
                    continue;
                };
                let back = &other.links()[link.mirror.unwrap()];
                assert_eq!(back.index, link.index);
                assert_eq!(back.mirror, Some(position));
            }
        }
    }
}
