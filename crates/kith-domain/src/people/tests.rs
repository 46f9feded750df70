//! Who may do what to whom, as tables.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod sessions;

use super::*;
use crate::actor::{Limit, right_by_name};
use crate::draft::Patch;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_776_852_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 1);

const ADMINISTRATOR: Uuid = Uuid::from_u128(0xA0);
const LEAD: Uuid = Uuid::from_u128(0xA1);
const MEMBER: Uuid = Uuid::from_u128(0xA2);

/// Ada administers, Lea leads, Mia is a member.
const ADA: Uuid = Uuid::from_u128(1);
const LEA: Uuid = Uuid::from_u128(2);
const MIA: Uuid = Uuid::from_u128(3);

fn rights(names: &str) -> Permissions {
    names
        .split(' ')
        .map(|name| right_by_name(name).unwrap())
        .collect()
}

fn lead() -> Permissions {
    rights(
        "contacts:readAll contacts:update users:readAll users:create users:update users:delete \
         api:create api:readAll api:update api:delete",
    )
}

fn role(id: Uuid, name: &str, permissions: Permissions) -> Role {
    Role {
        id,
        name: name.to_owned(),
        description: None,
        is_system: id == ADMINISTRATOR,
        permissions,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn user(id: Uuid, role: Uuid, email: &str) -> User {
    User {
        id,
        email: email.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Byron".to_owned(),
        country: None,
        avatar_url: None,
        status: UserStatus::Active,
        role,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn key(id: u128, user: Uuid, scopes: Option<Scopes>) -> ApiKey {
    ApiKey {
        id: Uuid::from_u128(id),
        user,
        name: "key".to_owned(),
        prefix: "abcdef".to_owned(),
        scopes,
        expires_at: None,
        last_used_at: None,
        created_at: NOW,
    }
}

fn workspace() -> Workspace {
    let one = Members { all: 1, active: 1 };
    Workspace {
        company: Company {
            id: Uuid::from_u128(0xC0),
            name: "Engines".to_owned(),
            currency: "EUR".to_owned(),
            ..Company::default()
        },
        roles: vec![
            role(ADMINISTRATOR, "Administrator", Permissions::all()),
            role(LEAD, "Lead", lead()),
            role(MEMBER, "Member", rights("contacts:readAll users:readAll")),
        ],
        members: [ADMINISTRATOR, LEAD, MEMBER].map(|role| (role, one)).into(),
        users: vec![
            user(ADA, ADMINISTRATOR, "ada@example.com"),
            user(LEA, LEAD, "lea@example.com"),
            user(MIA, MEMBER, "mia@example.com"),
        ],
        invitations: Vec::new(),
        keys: vec![
            key(0x10, ADA, None),
            key(0x20, LEA, None),
            key(0x30, MIA, None),
        ],
        account: None,
    }
}

/// Somebody whose credential was read when they had every right: what counts is what they have now.
fn actor(user: Uuid) -> Actor {
    Actor {
        company: Uuid::from_u128(0xC0),
        user,
        permissions: Permissions::all(),
        limit: Limit::none(),
    }
}

fn limited(user: Uuid, scopes: &str) -> Actor {
    Actor {
        limit: Limit {
            rights: rights(scopes),
            until: None,
        },
        ..actor(user)
    }
}

/// What came of a decision, in a word.
fn word<T: std::fmt::Debug>(decided: Result<Decision<T>, Rejection>) -> &'static str {
    match decided {
        Ok(decision) if decision.writes.is_empty() => "unchanged",
        Ok(decision) => {
            assert!(!decision.logged.is_empty());
            "done"
        }
        Err(Rejection::Missing(_)) => "missing",
        Err(Rejection::Denied(denial)) => match denial {
            Denial::Grants(_) => "grants",
            Denial::HigherRole(..) => "higher role",
            Denial::OwnRole => "own role",
            Denial::SystemRole(_) => "system role",
            Denial::HigherUser(_) => "higher user",
            Denial::WiderKey(_) => "wider key",
            Denial::LimitedKey => "limited key",
            Denial::OthersKey => "another's key",
            Denial::OwnPassword => "own password",
            Denial::SignUpClosed | Denial::InvitationOnly => "no sign-up",
        },
        Err(Rejection::Refused(Refusal::NotFound(_))) => "not found",
        Err(Rejection::Refused(Refusal::Invalid(_))) => "invalid",
        Err(Rejection::Refused(Refusal::Conflict(conflict))) => conflict.code,
        Err(other) => panic!("{other}"),
    }
}

fn assign(role: Uuid) -> UserDraft {
    UserDraft {
        role: Patch::Set(role),
        ..UserDraft::default()
    }
}

fn status(name: &str) -> UserDraft {
    UserDraft {
        status: Patch::Set(name.to_owned()),
        ..UserDraft::default()
    }
}

fn first_name(name: &str) -> UserDraft {
    UserDraft {
        first_name: Patch::Set(name.to_owned()),
        ..UserDraft::default()
    }
}

#[test]
fn users_are_changed_by_those_who_hold_as_much() {
    let nobody = Uuid::from_u128(0xFF);
    for (who, whom, draft, expected) in [
        (actor(ADA), MIA, assign(LEAD), "done"),
        (actor(ADA), MIA, first_name("Ada"), "unchanged"),
        (actor(ADA), nobody, first_name("X"), "not found"),
        (actor(ADA), MIA, assign(nobody), "not found"),
        (actor(ADA), MIA, status("gone"), "invalid"),
        (actor(ADA), MIA, status("pendingAuthorization"), "invalid"),
        (actor(ADA), MIA, first_name(" "), "invalid"),
        // Those who may change users get no further than they are.
        (actor(LEA), MIA, status("inactive"), "done"),
        (actor(LEA), MIA, assign(LEAD), "done"),
        (actor(LEA), MIA, assign(ADMINISTRATOR), "grants"),
        (actor(LEA), LEA, assign(ADMINISTRATOR), "grants"),
        (actor(LEA), LEA, assign(MEMBER), "done"),
        (actor(LEA), ADA, first_name("X"), "higher user"),
        (actor(LEA), ADA, status("inactive"), "higher user"),
        // The others change their own profile only.
        (actor(MIA), MIA, first_name("Mia"), "done"),
        (actor(MIA), MIA, assign(LEAD), "missing"),
        (actor(MIA), MIA, status("inactive"), "missing"),
        (actor(MIA), LEA, first_name("X"), "missing"),
        // A limited key is not its owner.
        (
            limited(ADA, "contacts:readAll"),
            ADA,
            first_name("X"),
            "missing",
        ),
        (
            limited(ADA, "users:update users:readAll"),
            ADA,
            first_name("X"),
            "higher user",
        ),
        (
            limited(ADA, "users:update users:readAll"),
            MIA,
            first_name("X"),
            "higher user",
        ),
        (
            limited(ADA, "users:update"),
            MIA,
            first_name("X"),
            "not found",
        ),
        // Nobody is locked out.
        (actor(ADA), ADA, status("inactive"), "last_administrator"),
        (actor(ADA), ADA, assign(MEMBER), "last_administrator"),
    ] {
        let told = format!("{who:?} {whom} {draft:?}");
        let decided = workspace().update_user(&who, whom, draft, LATER);
        assert_eq!(word(decided), expected, "{told}");
    }
}

#[test]
fn an_address_cannot_be_changed_and_what_was_read_can_be_sent_back() {
    let mut workspace = workspace();
    workspace.users[0].first_name = String::new();
    let as_read = UserDraft {
        first_name: Patch::Set(String::new()),
        last_name: Patch::Set("Byron".to_owned()),
        country: Patch::Null,
        avatar_url: Patch::Null,
        status: Patch::Set("active".to_owned()),
        role: Patch::Set(ADMINISTRATOR),
        email: Patch::Set("ada@example.com".to_owned()),
        problems: Vec::new(),
    };
    let decided = workspace.update_user(&actor(ADA), ADA, as_read, LATER);
    assert_eq!(word(decided), "unchanged");
    let draft = UserDraft {
        email: Patch::Set("eve@example.com".to_owned()),
        ..UserDraft::default()
    };
    let decided = workspace.update_user(&actor(ADA), ADA, draft, LATER);
    assert_eq!(word(decided), "invalid");
}

#[test]
fn somebody_higher_who_was_made_inactive_is_not_made_active_by_somebody_lower() {
    let mut workspace = workspace();
    workspace.users.push(User {
        status: UserStatus::Inactive,
        ..user(Uuid::from_u128(4), ADMINISTRATOR, "eva@example.com")
    });
    let eva = Uuid::from_u128(4);
    let decided = workspace.update_user(&actor(LEA), eva, status("active"), LATER);
    assert_eq!(word(decided), "higher user");
    let decided = workspace.update_user(&actor(ADA), eva, status("active"), LATER);
    assert_eq!(word(decided), "done");
}

#[test]
fn the_last_administrator_is_the_last_active_one() {
    let mut workspace = workspace();
    let second = Members { all: 3, active: 2 };
    workspace.members.insert(ADMINISTRATOR, second);
    let decided = workspace.update_user(&actor(ADA), ADA, status("inactive"), LATER);
    assert_eq!(word(decided), "done");
}

#[test]
fn what_counts_is_the_role_of_the_moment() {
    let mut workspace = workspace();
    // Lea was demoted while her request was on its way.
    workspace.users[1].role = MEMBER;
    let decided = workspace.update_user(&actor(LEA), MIA, status("inactive"), LATER);
    assert_eq!(word(decided), "missing");
    // Mia was made inactive.
    workspace.users[2].status = UserStatus::Inactive;
    let decided = workspace.update_user(&actor(MIA), MIA, first_name("X"), LATER);
    assert_eq!(word(decided), "missing");
}

fn role_draft(name: &str, permissions: Permissions) -> RoleDraft {
    RoleDraft {
        name: Patch::Set(name.to_owned()),
        permissions: Patch::Set(permissions),
        ..RoleDraft::default()
    }
}

#[test]
fn roles_grant_what_their_makers_hold() {
    let id = Uuid::from_u128(0xA9);
    let nothing = Permissions::default();
    for (who, draft, expected) in [
        (actor(ADA), role_draft("Seller", Permissions::all()), "done"),
        (actor(ADA), role_draft(" member ", nothing), "name_taken"),
        (actor(ADA), role_draft("LEAD", nothing), "name_taken"),
        (actor(ADA), role_draft("", nothing), "invalid"),
        (actor(ADA), RoleDraft::default(), "invalid"),
        (
            actor(LEA),
            role_draft("Reader", rights("contacts:readOwn")),
            "done",
        ),
        (
            actor(LEA),
            role_draft("Seller", rights("deals:create")),
            "grants",
        ),
        (actor(MIA), role_draft("Reader", nothing), "missing"),
        (
            limited(ADA, "users:create"),
            role_draft("R", rights("deals:create")),
            "grants",
        ),
    ] {
        let told = format!("{who:?} {draft:?}");
        let decided = workspace().create_role(&who, draft, id, LATER);
        assert_eq!(word(decided), expected, "{told}");
    }
    for (who, role, draft, expected) in [
        (actor(ADA), MEMBER, role_draft("Members", lead()), "done"),
        (actor(ADA), MEMBER, RoleDraft::default(), "unchanged"),
        (
            actor(ADA),
            ADMINISTRATOR,
            role_draft("Root", lead()),
            "system role",
        ),
        (actor(ADA), id, RoleDraft::default(), "not found"),
        (
            actor(LEA),
            MEMBER,
            role_draft("Member", rights("contacts:update")),
            "done",
        ),
        (
            actor(LEA),
            MEMBER,
            role_draft("Member", rights("tasks:update")),
            "grants",
        ),
        (
            actor(LEA),
            LEAD,
            role_draft("Lead", Permissions::all()),
            "own role",
        ),
        (
            actor(LEA),
            LEAD,
            role_draft("Lead", Permissions::default()),
            "own role",
        ),
        (actor(MIA), MEMBER, role_draft("Member", lead()), "missing"),
    ] {
        let told = format!("{who:?} {role} {draft:?}");
        let decided = workspace().update_role(&who, role, draft, LATER);
        assert_eq!(word(decided), expected, "{told}");
    }
    let mut workspace = workspace();
    workspace.roles.push(Role {
        permissions: rights("deals:create"),
        ..role(id, "Seller", Permissions::default())
    });
    let lower = role_draft("Seller", Permissions::default());
    let decided = workspace.update_role(&actor(LEA), id, lower, LATER);
    assert_eq!(word(decided), "higher role");
    assert_eq!(word(workspace.delete_role(&actor(LEA), id)), "higher role");
    assert_eq!(word(workspace.delete_role(&actor(ADA), id)), "done");
    assert_eq!(word(workspace.delete_role(&actor(ADA), MEMBER)), "in_use");
    let system = workspace.delete_role(&actor(ADA), ADMINISTRATOR);
    assert_eq!(word(system), "system role");
}

fn invite(email: &str, role: Uuid) -> InvitationDraft {
    InvitationDraft {
        email: Patch::Set(email.to_owned()),
        role: Patch::Set(role),
        problems: Vec::new(),
    }
}

#[test]
fn people_are_invited_into_roles_that_are_not_higher() {
    let (token, id) = (Digest([1; 32]), Uuid::from_u128(0xE0));
    for (who, draft, expected) in [
        (actor(ADA), invite("Eva@example.com", ADMINISTRATOR), "done"),
        (actor(ADA), invite("eva", MEMBER), "invalid"),
        (
            actor(ADA),
            invite("MIA@example.com", MEMBER),
            "already_member",
        ),
        (actor(ADA), invite("eva@example.com", id), "not found"),
        (actor(LEA), invite("eva@example.com", LEAD), "done"),
        (
            actor(LEA),
            invite("eva@example.com", ADMINISTRATOR),
            "grants",
        ),
        (actor(MIA), invite("eva@example.com", MEMBER), "missing"),
    ] {
        let told = format!("{who:?} {draft:?}");
        let decided = workspace().invite(&who, draft, token, id, NOW);
        assert_eq!(word(decided), expected, "{told}");
    }
}

#[test]
fn an_invitation_is_open_for_seven_days_and_accepted_once() {
    let (token, id) = (Digest([1; 32]), Uuid::from_u128(0xE0));
    let mut workspace = workspace();
    let draft = || invite("eva@example.com", MEMBER);
    let made = workspace.invite(&actor(ADA), draft(), token, id, NOW);
    let invitation = made.unwrap().value;
    let end = Timestamp(NOW.0 + 7 * 86_400_000);
    assert_eq!(invitation.expires_at, end);
    workspace.invitations.push(invitation);

    let again = Uuid::from_u128(0xE1);
    let decided = workspace.invite(&actor(ADA), draft(), token, again, LATER);
    assert_eq!(word(decided), "already_invited");
    let replaced = workspace.invite(&actor(ADA), draft(), token, again, end);
    let writes = replaced.unwrap().writes;
    assert_eq!(writes[0], Write::NoInvitation(id));
    assert!(matches!(writes[1], Write::Invitation(..)));

    let joining = JoiningDraft {
        first_name: Patch::Set("Eva".to_owned()),
        ..JoiningDraft::default()
    };
    let joining = joining.judge().unwrap();
    let password = PasswordHash("$argon2id$".to_owned());
    let accept = |workspace: &Workspace, now| {
        let (joining, password) = (joining.clone(), password.clone());
        workspace.accept_invitation(id, joining, password, Uuid::from_u128(9), now)
    };
    assert_eq!(word(accept(&workspace, end)), "not found");
    let accepted = accept(&workspace, LATER).unwrap();
    assert_eq!(accepted.value.role, MEMBER);
    assert_eq!(accepted.value.status, UserStatus::Active);
    assert!(!format!("{:?}", accepted.writes).contains("argon2id"));
    workspace.invitations.clear();
    assert_eq!(word(accept(&workspace, LATER)), "not found");
    let nameless = JoiningDraft {
        first_name: Patch::Set(String::new()),
        ..JoiningDraft::default()
    };
    assert_eq!(nameless.problems().len(), 1);
}

fn key_draft(scopes: Option<&str>, expires_at: Option<&str>) -> KeyDraft {
    let scopes = scopes.map(|names| match names {
        "read" => ScopesInput::Word("read".to_owned()),
        names => ScopesInput::List(names.split(' ').map(str::to_owned).collect()),
    });
    KeyDraft {
        name: Patch::Set("key".to_owned()),
        expires_at: expires_at.map_or(Patch::Absent, |at| Patch::Set(at.to_owned())),
        scopes: scopes.map_or(Patch::Absent, Patch::Set),
        problems: Vec::new(),
    }
}

fn material() -> KeyMaterial {
    KeyMaterial {
        digest: Digest([2; 32]),
        prefix: "ghijkl".to_owned(),
    }
}

#[test]
fn a_key_reaches_no_further_than_what_it_is_made_with() {
    let reader = |user| Actor {
        limit: Limit {
            rights: Permissions::reading(),
            until: None,
        },
        ..actor(user)
    };
    let ending = |at| Actor {
        limit: Limit {
            until: Some(at),
            ..Limit::none()
        },
        ..actor(ADA)
    };
    let minter = || limited(ADA, "api:create contacts:readAll");
    let soon = Some("2026-04-22T11:00:00Z");
    let hour = Timestamp(NOW.0 + 3_600_000);
    for (who, draft, expected) in [
        (actor(ADA), key_draft(None, None), "done"),
        (actor(ADA), key_draft(Some("read"), soon), "done"),
        (actor(ADA), key_draft(Some("contacts:fly"), None), "invalid"),
        (
            actor(ADA),
            key_draft(None, Some("2026-04-22T10:00:00Z")),
            "invalid",
        ),
        (actor(ADA), key_draft(None, Some("soon")), "invalid"),
        (
            actor(LEA),
            key_draft(Some("contacts:readOwn"), None),
            "done",
        ),
        (
            actor(LEA),
            key_draft(Some("contacts:delete"), None),
            "grants",
        ),
        (actor(MIA), key_draft(None, None), "missing"),
        (reader(ADA), key_draft(Some("read"), None), "missing"),
        (minter(), key_draft(None, None), "wider key"),
        (minter(), key_draft(Some("read"), None), "wider key"),
        (
            minter(),
            key_draft(Some("contacts:readAll deals:readAll"), None),
            "wider key",
        ),
        (minter(), key_draft(Some("contacts:readAll"), None), "done"),
        (ending(hour), key_draft(None, None), "wider key"),
        (ending(hour), key_draft(None, soon), "done"),
        (ending(LATER), key_draft(None, soon), "wider key"),
    ] {
        let told = format!("{who:?} {draft:?}");
        let id = Uuid::from_u128(0xB0);
        let decided = workspace().create_key(&who, draft, material(), id, NOW);
        assert_eq!(word(decided), expected, "{told}");
    }
    let mut workspace = workspace();
    workspace.keys = (0..MAX_KEYS as u128).map(|id| key(id, ADA, None)).collect();
    let id = Uuid::from_u128(0xB000);
    let decided = workspace.create_key(&actor(ADA), key_draft(None, None), material(), id, NOW);
    assert_eq!(word(decided), "too_many");
}

#[test]
fn keys_are_handled_by_their_owners_and_by_those_who_hold_as_much() {
    let key = |id: u128| Uuid::from_u128(id);
    let handler = || limited(ADA, "api:update api:delete api:readAll");
    for (who, id, rotated, revoked) in [
        (actor(ADA), key(0x10), "done", "done"),
        (actor(ADA), key(0x20), "another's key", "done"),
        (actor(ADA), key(0xFF), "not found", "not found"),
        (actor(LEA), key(0x10), "higher user", "higher user"),
        (actor(LEA), key(0x20), "done", "done"),
        (actor(LEA), key(0x30), "another's key", "done"),
        (actor(MIA), key(0x30), "missing", "missing"),
        // The new secret of a wider key would be shown to the narrower one.
        (handler(), key(0x10), "wider key", "done"),
        (handler(), key(0x30), "higher user", "higher user"),
        (
            limited(ADA, "api:update api:delete"),
            key(0x30),
            "not found",
            "not found",
        ),
    ] {
        let told = format!("{who:?} {id}");
        let decided = workspace().rotate_key(&who, id, material());
        assert_eq!(word(decided), rotated, "rotate {told}");
        let decided = workspace().revoke_key(&who, id);
        assert_eq!(word(decided), revoked, "revoke {told}");
    }
    let rename = KeyDraft {
        name: Patch::Set(" CI ".to_owned()),
        ..KeyDraft::default()
    };
    let renamed = workspace()
        .rename_key(&actor(LEA), key(0x30), rename)
        .unwrap();
    assert_eq!(renamed.value.name, "CI");
}

#[test]
fn scopes_are_stored_by_their_names() {
    for names in ["read", "contacts:create,contacts:readAll", "api:delete"] {
        let scopes = Scopes::of(names.split(','));
        assert_eq!(scopes.names().join(","), names);
    }
    assert_eq!(Scopes::of(["read"].into_iter()), Scopes::Read);
    let unknown = Scopes::of(["fly"].into_iter());
    assert_eq!(unknown.rights(), Permissions::default());
}

#[test]
fn the_company_is_checked_field_by_field() {
    let set = |text: &str| Patch::Set(text.to_owned());
    let draft = CompanyDraft {
        country: set("de"),
        currency: set("chf"),
        city: set(" Berlin "),
        website: set("https://Engines.example"),
        phone: set("030 1234567"),
        email: set("office@Engines.example"),
        ..CompanyDraft::default()
    };
    let changed = workspace().update_company(&actor(ADA), draft, LATER);
    let company = changed.unwrap().value;
    assert_eq!(company.country.as_deref(), Some("DE"));
    assert_eq!(company.currency, "CHF");
    assert_eq!(company.city.as_deref(), Some("Berlin"));
    assert_eq!(company.website.as_deref(), Some("https://engines.example"));
    assert_eq!(company.phone.as_deref(), Some("+49301234567"));
    assert_eq!(company.updated_at, LATER);
    let wrong = CompanyDraft {
        name: set(" "),
        country: set("Atlantis"),
        currency: Patch::Null,
        street: set(&"x".repeat(301)),
        website: set("ftp://engines.example"),
        phone: set("030 1234567"),
        email: set("office"),
        ..CompanyDraft::default()
    };
    let refused = workspace().update_company(&actor(ADA), wrong, LATER);
    let Err(Rejection::Refused(Refusal::Invalid(problems))) = refused else {
        panic!("{refused:?}");
    };
    let places: Vec<_> = problems
        .iter()
        .map(|found| found.pointer.as_str())
        .collect();
    let expected = [
        "/name",
        "/country",
        "/currency",
        "/street",
        "/website",
        "/phone",
        "/email",
    ];
    assert_eq!(places, expected);
    let decided = workspace().update_company(&actor(LEA), CompanyDraft::default(), LATER);
    assert_eq!(word(decided), "missing");
}
