//! Who gets in, how long they stay, and who may give others a new password.

use super::*;
use crate::event::workspace;

const TOKEN: Digest = Digest([7; 32]);

fn hash(text: &str) -> PasswordHash {
    PasswordHash(text.to_owned())
}

fn session(id: u128, user: Uuid, opened: Timestamp) -> Session {
    Session::open(Uuid::from_u128(id), user, Visitor::default(), opened)
}

fn reset(id: u128, user: Uuid, given: Timestamp) -> PasswordReset {
    PasswordReset {
        id: Uuid::from_u128(id),
        user,
        created_at: given,
        expires_at: Timestamp(given.0 + MAILED_RESET_LASTS),
    }
}

/// The workspace with what somebody signs in with.
fn with_account(user: Uuid) -> Workspace {
    Workspace {
        account: Some(Account {
            user,
            password: Some(hash("old")),
            sessions: vec![session(0x50, user, NOW), session(0x51, user, NOW)],
            resets: vec![reset(0x60, user, NOW)],
        }),
        ..workspace()
    }
}

fn with_status(user: Uuid, status: UserStatus) -> Workspace {
    let mut workspace = with_account(user);
    let mut users = workspace.users.iter_mut();
    users.find(|known| known.id == user).unwrap().status = status;
    workspace
}

fn names<T>(decision: &Decision<T>) -> Vec<&'static str> {
    decision.logged.iter().map(|(name, _, _)| *name).collect()
}

#[test]
fn only_the_active_with_their_present_password_get_in() {
    let nobody = Workspace {
        account: None,
        ..workspace()
    };
    for (workspace, password, entry) in [
        (with_account(MIA), "old", "granted"),
        (with_account(MIA), "new", "wrong"),
        (with_status(MIA, UserStatus::Inactive), "old", "inactive"),
        (
            with_status(MIA, UserStatus::PendingAuthorization),
            "old",
            "inactive",
        ),
        (with_status(MIA, UserStatus::Inactive), "new", "wrong"),
        (with_account(ADA), "old", "wrong"),
        (nobody, "old", "wrong"),
    ] {
        let new = session(0x99, MIA, LATER);
        let decision = workspace.open_session(&hash(password), new.clone(), TOKEN);
        let decision = decision.unwrap();
        let found = match &decision.value {
            Entry::Granted(_) => "granted",
            Entry::Wrong => "wrong",
            Entry::Inactive => "inactive",
        };
        assert_eq!(found, entry);
        if entry == "granted" {
            assert_eq!(decision.writes, [Write::Session(new, TOKEN)]);
            assert_eq!(names(&decision), [workspace::SESSION_CREATED]);
        } else {
            assert!(decision.writes.is_empty() && decision.logged.is_empty());
        }
    }
}

#[test]
fn old_sessions_give_way() {
    let mut workspace = with_account(MIA);
    let over = session(1, MIA, Timestamp(NOW.0 - SESSION_LASTS));
    let many = (0..MAX_SESSIONS).map(|at| {
        let opened = Timestamp(NOW.0 - i64::try_from(at).unwrap());
        session(100 + u128::try_from(at).unwrap(), MIA, opened)
    });
    let sessions = std::iter::once(over).chain(many).collect();
    workspace.account.as_mut().unwrap().sessions = sessions;
    let new = session(0x99, MIA, NOW);
    let decision = workspace.open_session(&hash("old"), new.clone(), TOKEN);
    let oldest = Uuid::from_u128(99 + u128::try_from(MAX_SESSIONS).unwrap());
    assert_eq!(
        decision.unwrap().writes,
        [
            Write::NoSession(Uuid::from_u128(1)),
            Write::NoSession(oldest),
            Write::Session(new, TOKEN)
        ]
    );
}

#[test]
fn a_session_lasts_for_a_week_after_its_last_use() {
    let opened = session(1, MIA, NOW);
    assert!(!opened.has_expired(Timestamp(NOW.0 + SESSION_LASTS - 1)));
    assert!(opened.has_expired(Timestamp(NOW.0 + SESSION_LASTS)));
    assert_eq!(opened.used(Timestamp(NOW.0 + EXTEND_AFTER - 1)), None);
    let used = Timestamp(NOW.0 + EXTEND_AFTER);
    let extended = opened.used(used).unwrap();
    assert_eq!(extended.last_used_at, used);
    assert_eq!(extended.expires_at, Timestamp(used.0 + SESSION_LASTS));
    let long = Visitor {
        user_agent: Some("x".repeat(10_000)),
        ..Visitor::default()
    };
    let agent = Session::open(opened.id, MIA, long, NOW).visitor.user_agent;
    assert!(agent.unwrap().chars().count() <= 301);
}

#[test]
fn sessions_are_ended_by_their_owner_alone() {
    let workspace = with_account(MIA);
    let own = Uuid::from_u128(0x50);
    let decision = workspace.revoke_session(&actor(MIA), own).unwrap();
    assert_eq!(decision.writes, [Write::NoSession(own)]);
    assert_eq!(names(&decision), [workspace::SESSION_REVOKED]);
    for (who, id) in [(actor(MIA), Uuid::from_u128(0x77)), (actor(ADA), own)] {
        let refused = workspace.revoke_session(&who, id);
        assert!(matches!(
            refused,
            Err(Rejection::Refused(Refusal::NotFound(_)))
        ));
    }
    let scoped = limited(MIA, "contacts:readAll");
    let refused = workspace.revoke_session(&scoped, own).unwrap_err();
    assert_eq!(refused, Denial::LimitedKey.into());
    let decision = workspace.sign_out(own).unwrap();
    assert_eq!(decision.writes, [Write::NoSession(own)]);
    let again = workspace.sign_out(Uuid::from_u128(0x77)).unwrap();
    assert!(again.writes.is_empty());
}

#[test]
fn a_new_password_ends_what_the_old_one_opened() {
    let workspace = with_account(MIA);
    let present = Some(Uuid::from_u128(0x50));
    for (verified, actor, present, ended) in [
        ("old", actor(MIA), present, Some(vec![0x51])),
        ("old", actor(MIA), None, Some(vec![0x50, 0x51])),
        ("other", actor(MIA), present, None),
        ("old", actor(ADA), present, None),
    ] {
        let decision = workspace.change_password(&actor, &hash(verified), hash("new"), present);
        let decision = decision.unwrap();
        assert_eq!(decision.value, ended.is_some());
        let Some(ended) = ended else {
            assert!(decision.writes.is_empty() && decision.logged.is_empty());
            continue;
        };
        let mut writes = vec![Write::Password(MIA, hash("new"))];
        writes.extend(
            ended
                .into_iter()
                .map(|id| Write::NoSession(Uuid::from_u128(id))),
        );
        writes.push(Write::NoReset(Uuid::from_u128(0x60)));
        assert_eq!(decision.writes, writes);
        assert_eq!(names(&decision), [workspace::USER_PASSWORD_CHANGED]);
    }
    let ending = Actor {
        limit: Limit {
            until: Some(LATER),
            ..Limit::none()
        },
        ..actor(MIA)
    };
    for actor in [limited(MIA, "users:update"), ending] {
        let refused = workspace.change_password(&actor, &hash("old"), hash("new"), None);
        assert_eq!(refused.unwrap_err(), Denial::LimitedKey.into());
    }
}

#[test]
fn a_link_is_good_once_for_a_while_and_for_the_active() {
    let (good, late) = (LATER, Timestamp(NOW.0 + MAILED_RESET_LASTS));
    let known = reset(0x60, MIA, NOW);
    for (workspace, reset, now, is_good) in [
        (with_account(MIA), known.clone(), good, true),
        (with_account(MIA), known.clone(), late, false),
        (with_account(MIA), reset(0x61, MIA, NOW), good, false),
        (with_account(ADA), known.clone(), good, false),
        (
            with_status(MIA, UserStatus::Inactive),
            known.clone(),
            good,
            false,
        ),
    ] {
        let completed = workspace.complete_reset(&reset, hash("new"), now);
        assert_eq!(completed.is_ok(), is_good);
        if let Ok(decision) = completed {
            assert_eq!(
                decision.writes,
                [
                    Write::Password(MIA, hash("new")),
                    Write::NoSession(Uuid::from_u128(0x50)),
                    Write::NoSession(Uuid::from_u128(0x51)),
                    Write::NoReset(Uuid::from_u128(0x60)),
                ]
            );
        }
    }
    let new = reset(0x70, MIA, late);
    let mailed = with_account(MIA).mail_reset(new.clone(), TOKEN).unwrap();
    assert_eq!(
        mailed.writes,
        [
            Write::NoReset(Uuid::from_u128(0x60)),
            Write::Reset(new.clone(), TOKEN)
        ]
    );
    let inactive = with_status(MIA, UserStatus::Inactive);
    let mailed = inactive.mail_reset(new, TOKEN).unwrap();
    assert_eq!((mailed.value, mailed.writes), (None, Vec::new()));
}

#[test]
fn links_are_given_to_those_who_may_do_no_more() {
    let ending = Actor {
        limit: Limit {
            until: Some(LATER),
            ..Limit::none()
        },
        ..actor(ADA)
    };
    let above = |lead: Permissions| Denial::HigherUser(Permissions::all().beyond(lead));
    for (who, target, expected) in [
        (actor(ADA), LEA, None),
        (actor(ADA), MIA, None),
        (actor(LEA), MIA, None),
        (actor(LEA), ADA, Some(Rejection::from(above(lead())))),
        (actor(ADA), ADA, Some(Denial::OwnPassword.into())),
        (ending, MIA, Some(Denial::LimitedKey.into())),
        (
            limited(ADA, "users:update users:readAll"),
            MIA,
            Some(Denial::LimitedKey.into()),
        ),
        (
            actor(MIA),
            LEA,
            Some(
                MissingRight {
                    resource: Resource::Users,
                    action: Action::Update,
                }
                .into(),
            ),
        ),
    ] {
        let new = reset(0x70, target, NOW);
        let given = with_account(target).grant_reset(&who, new.clone(), TOKEN);
        match (given, expected) {
            (Ok(decision), None) => {
                assert_eq!(decision.writes, [Write::Reset(new, TOKEN)]);
                assert_eq!(names(&decision), [workspace::USER_PASSWORD_RESET]);
            }
            (given, expected) => assert_eq!(given.err(), expected, "{who:?} {target}"),
        }
    }
    let gone = reset(0x70, Uuid::from_u128(99), NOW);
    let refused = with_account(MIA).grant_reset(&actor(ADA), gone, TOKEN);
    assert!(matches!(
        refused,
        Err(Rejection::Refused(Refusal::NotFound(_)))
    ));
    // Whoever has no password yet may give themselves one.
    let mut workspace = with_account(ADA);
    workspace.account.as_mut().unwrap().password = None;
    let own = workspace.grant_reset(&actor(ADA), reset(0x70, ADA, NOW), TOKEN);
    assert!(own.is_ok());
    let inactive = with_status(MIA, UserStatus::Inactive);
    let refused = inactive.grant_reset(&actor(ADA), reset(0x70, MIA, NOW), TOKEN);
    assert!(matches!(
        refused,
        Err(Rejection::Refused(Refusal::Conflict(_)))
    ));
}

#[test]
fn what_is_secret_prints_as_stars() {
    let account = with_account(MIA).account;
    let write = Write::Session(session(1, MIA, NOW), TOKEN);
    let shown = format!(
        "{account:?} {write:?} {:?}",
        Write::Password(MIA, hash("old"))
    );
    assert!(!shown.contains("old") && !shown.contains("7, 7"), "{shown}");
}
