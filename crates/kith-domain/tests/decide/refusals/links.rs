//! Links: whom, how often, with which quantity.

use kith_domain::decide::{Command, LinkChange, LinkMode};
use kith_domain::draft::{Draft, LinkItem};
use kith_domain::entity::EntityType::{self, Contact, Deal, Organization, Service, Task};
use kith_domain::record::RecordKey;
use kith_domain::violation::Violation;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::model::{NOBODY, USERS, decimal, named};
use super::{Setting, create};

#[test]
fn links() {
    let mut setting = Setting::new();
    let (contact, deal) = (setting.key(Contact, 0), setting.key(Deal, 0));
    let [organization, service] = [setting.id(Organization, 0), setting.id(Service, 0)];
    let one = Decimal::ONE;
    let lines = |lines: &[(Uuid, Decimal)]| Draft::new(Deal).lines("services", lines.to_vec());
    let cases: Vec<(Command, &[(&str, &str)])> = vec![
        (
            Command::update(
                contact.id,
                Draft::new(Contact).links("organizations", [organization, NOBODY]),
            ),
            &[("/organizationIds/1", "not_found")],
        ),
        // The id of a record of another type is the id of nothing.
        (
            Command::update(
                contact.id,
                Draft::new(Contact).links("organizations", [deal.id]),
            ),
            &[("/organizationIds/0", "not_found")],
        ),
        (
            Command::update(
                contact.id,
                Draft::new(Contact).links("users", [USERS[0], NOBODY]),
            ),
            &[("/userIds/1", "not_found")],
        ),
        (
            Command::update(
                contact.id,
                Draft::new(Contact).links("organizations", [organization, organization]),
            ),
            &[("/organizationIds/1", "duplicate")],
        ),
        (
            Command::update(contact.id, Draft::new(Contact).links("services", [service])),
            &[("/services", "unknown_member")],
        ),
        (
            create(named(Task, "t").links("contacts", [contact.id])),
            &[("/contacts", "unknown_member")],
        ),
        (
            Command::update(
                contact.id,
                Draft::new(Contact).lines("organizations", [(organization, one)]),
            ),
            &[("/organizationIds/0/quantity", "unknown_member")],
        ),
        (
            Command::update(deal.id, lines(&[(service, one), (service, one)])),
            &[("/services/1", "duplicate")],
        ),
        (
            Command::update(deal.id, lines(&[(service, one), (service, Decimal::TWO)])),
            &[("/services/1", "duplicate")],
        ),
        (
            Command::update(deal.id, lines(&[(service, Decimal::ZERO)])),
            &[("/services/0/quantity", "out_of_range")],
        ),
        (
            Command::update(deal.id, lines(&[(service, -one)])),
            &[("/services/0/quantity", "out_of_range")],
        ),
        (
            Command::update(deal.id, lines(&[(service, decimal("0.00001"))])),
            &[("/services/0/quantity", "out_of_range")],
        ),
        (
            Command::update(deal.id, lines(&[(service, decimal("100000000000"))])),
            &[("/services/0/quantity", "out_of_range")],
        ),
        (
            Command::update(deal.id, lines(&[(NOBODY, one)])),
            &[("/services/0/serviceId", "not_found")],
        ),
        (
            Command::link(contact, "organizations", [organization, NOBODY]).unwrap(),
            &[("/ids/1", "not_found")],
        ),
        (
            Command::unlink(contact, "organizations", [NOBODY]).unwrap(),
            &[("/ids/0", "not_found")],
        ),
        (
            Command::link(contact, "users", [NOBODY]).unwrap(),
            &[("/ids/0", "not_found")],
        ),
        (
            Command::link(contact, "organizations", [organization, organization]).unwrap(),
            &[("/ids/1", "duplicate")],
        ),
        (
            Command::link(
                RecordKey {
                    entity: Contact,
                    id: NOBODY,
                },
                "organizations",
                [organization],
            )
            .unwrap(),
            &[("", "not_found")],
        ),
        (
            Command::Link(LinkChange {
                key: deal,
                link: Deal.link_index("services").unwrap(),
                mode: LinkMode::Link,
                expected_version: None,
                member: "services",
                items: vec![LinkItem::with_quantity(4, NOBODY, Decimal::ZERO)],
                problems: vec![Violation::new(
                    "/services/0",
                    "wrong_type",
                    "no object at all",
                )],
            }),
            &[
                ("/services/0", "wrong_type"),
                ("/services/4/quantity", "out_of_range"),
                ("/services/4/serviceId", "not_found"),
            ],
        ),
    ];
    for (command, expected) in cases {
        setting.expect(&command, expected);
    }
    let contradictory = lines(&[(service, one), (service, Decimal::TWO)]);
    let refusal = setting
        .refused(&Command::update(deal.id, contradictory))
        .to_string();
    assert!(
        refusal.contains("quantity 1") && refusal.contains("with 2"),
        "{refusal}"
    );
    for entity in EntityType::ALL {
        let key = setting.key(entity, 0);
        assert_eq!(
            Command::link(key, entity.plural(), []),
            None,
            "no type links to itself"
        );
    }
}
