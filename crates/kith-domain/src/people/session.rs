//! Sessions and passwords: how people sign in, and how they get a new password.

use uuid::Uuid;

use super::{
    Decision, Denial, Digest, PasswordHash, Rejection, UserStatus, Workspace, Write, conflict,
    no_such,
};
use crate::actor::{Action, Actor, Limit, Resource};
use crate::event::workspace::{self, Facts, Told, open};
use crate::text::excerpt;
use crate::time::Timestamp;

const HOUR: i64 = 60 * 60 * 1_000;

/// How long a session lasts after its last use, in milliseconds: 7 days.
pub const SESSION_LASTS: i64 = 7 * 24 * HOUR;

/// How old the last use that is known has to be before a further one is written down, in milliseconds: an hour, so that
/// hardly any read is a write.
pub const EXTEND_AFTER: i64 = HOUR;

/// Most sessions of a user; the one that was used longest ago gives way to a new one.
pub const MAX_SESSIONS: usize = 100;

/// How long a link for a new password is good that is sent to whoever asks for it, in milliseconds: an hour.
pub const MAILED_RESET_LASTS: i64 = HOUR;

/// The same for a link that an administrator hands over: a day.
pub const GRANTED_RESET_LASTS: i64 = 24 * HOUR;

/// Longest description of a browser that is kept, in characters.
const LONGEST_AGENT: usize = 300;

/// Where a session was opened from, to be shown to its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The network address.
    pub address: Option<String>,
    /// What the browser says of itself.
    pub user_agent: Option<String>,
}

/// A session; its token is known to the browser alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// Where it was opened from.
    pub visitor: Visitor,
    /// When it was opened.
    pub created_at: Timestamp,
    /// About when it was last used.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that is opened now.
    pub fn open(id: Uuid, user: Uuid, visitor: Visitor, now: Timestamp) -> Self {
        let user_agent = visitor.user_agent.map(|text| excerpt(&text, LONGEST_AGENT));
        Session {
            id,
            user,
            visitor: Visitor {
                user_agent,
                ..visitor
            },
            created_at: now,
            last_used_at: now,
            expires_at: Timestamp(now.0 + SESSION_LASTS),
        }
    }

    /// Whether it is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// The session after a use, if that is worth writing down.
    pub fn used(&self, now: Timestamp) -> Option<Session> {
        let is_due = now.0 - self.last_used_at.0 >= EXTEND_AFTER;
        is_due.then(|| Session {
            last_used_at: now,
            expires_at: Timestamp(now.0 + SESSION_LASTS),
            ..self.clone()
        })
    }

    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("userId", self.user.to_string()),
            open("address", self.visitor.address.clone()),
            open("userAgent", self.visitor.user_agent.clone()),
        ]
    }
}

/// Leave to choose a new password, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// Its id.
    pub id: Uuid,
    /// Whose password it is about.
    pub user: Uuid,
    /// When it was given.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl PasswordReset {
    /// Whether it is good no more.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// What a user signs in with, and where they are signed in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The user.
    pub user: Uuid,
    /// Their password, if they have one.
    pub password: Option<PasswordHash>,
    /// Their sessions, oldest first.
    pub sessions: Vec<Session>,
    /// Their links for a new password, oldest first.
    pub resets: Vec<PasswordReset>,
}

/// What becomes of somebody who wants to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They are in.
    Granted(Session),
    /// Address and password do not belong together.
    Wrong,
    /// They do, but the user may not act.
    Inactive,
}

impl Workspace {
    /// Opens a session for somebody who has shown a password, which `verified` is the hash of.
    ///
    /// # Errors
    /// None; what is wrong is said by [`Entry`].
    pub fn open_session(
        &self,
        verified: &PasswordHash,
        session: Session,
        token: Digest,
    ) -> Result<Decision<Entry>, Rejection> {
        let Some((account, is_active)) = self.account_of(session.user) else {
            return Ok(Decision::unchanged(Entry::Wrong));
        };
        if account.password.as_ref() != Some(verified) {
            // It was changed while the old one was looked at.
            return Ok(Decision::unchanged(Entry::Wrong));
        }
        if !is_active {
            return Ok(Decision::unchanged(Entry::Inactive));
        }
        Ok(self
            .new_session(account, session, token)
            .map(Entry::Granted))
    }

    fn new_session(&self, account: &Account, session: Session, token: Digest) -> Decision<Session> {
        let now = session.created_at;
        let (over, mut open): (Vec<_>, Vec<_>) = account
            .sessions
            .iter()
            .partition(|known| known.has_expired(now));
        open.sort_by_key(|known| (known.last_used_at, known.id));
        let too_many = (open.len() + 1).saturating_sub(MAX_SESSIONS);
        let gone = over.into_iter().chain(open.into_iter().take(too_many));
        let mut writes: Vec<_> = gone.map(|known| Write::NoSession(known.id)).collect();
        writes.push(Write::Session(session.clone(), token));
        let told = Told::State(session.facts());
        Decision {
            writes,
            logged: vec![(workspace::SESSION_CREATED, session.id, told)],
            value: session,
        }
    }

    /// Ends a session at the wish of whoever holds it.
    ///
    /// # Errors
    /// None: one that is gone is as good as ended.
    pub fn sign_out(&self, session: Uuid) -> Result<Decision<()>, Rejection> {
        let known = self.account.as_ref().map(|account| account.sessions.iter());
        let is_there = known.is_some_and(|mut known| known.any(|known| known.id == session));
        let mut decision = Decision::unchanged(());
        if is_there {
            decision.writes.push(Write::NoSession(session));
        }
        Ok(decision)
    }

    /// Ends a session of the actor.
    ///
    /// # Errors
    /// That there is none, or a credential with limits.
    pub fn revoke_session(&self, actor: &Actor, session: Uuid) -> Result<Decision<()>, Rejection> {
        unlimited(actor)?;
        let account = self.account_of(actor.user).map(|(account, _)| account);
        let mut sessions = account.into_iter().flat_map(|account| &account.sessions);
        if !sessions.any(|known| known.id == session) {
            return Err(no_such("session", session).into());
        }
        let logged = (workspace::SESSION_REVOKED, session, Told::Id);
        Ok(Decision::of((), Write::NoSession(session), logged))
    }

    /// Gives the actor a new password for one that they have shown, which `verified` is the hash of; ends their other
    /// sessions. `false` if theirs is another one meanwhile.
    ///
    /// # Errors
    /// A credential with limits.
    pub fn change_password(
        &self,
        actor: &Actor,
        verified: &PasswordHash,
        password: PasswordHash,
        present: Option<Uuid>,
    ) -> Result<Decision<bool>, Rejection> {
        unlimited(actor)?;
        match self.account_of(actor.user) {
            Some((account, true)) if account.password.as_ref() == Some(verified) => {
                Ok(new_password(account, password, present).map(|()| true))
            }
            _ => Ok(Decision::unchanged(false)),
        }
    }

    /// Gives leave to choose a new password to whoever reads the mail of an active user; `None` if they may not act.
    ///
    /// # Errors
    /// None.
    pub fn mail_reset(
        &self,
        reset: PasswordReset,
        token: Digest,
    ) -> Result<Decision<Option<PasswordReset>>, Rejection> {
        match self.account_of(reset.user) {
            Some((account, true)) => Ok(new_reset(account, reset, token).map(Some)),
            _ => Ok(Decision::unchanged(None)),
        }
    }

    /// The same at the wish of somebody who hands the link over.
    ///
    /// # Errors
    /// A missing right, the user's absence, that they may do more than the actor or are not active, a credential that ends or has scopes,
    /// since whoever chooses a password gets further, or that the actor has a password themselves.
    pub fn grant_reset(
        &self,
        actor: &Actor,
        reset: PasswordReset,
        token: Digest,
    ) -> Result<Decision<PasswordReset>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Update)?;
        let user = self.users.iter().find(|user| user.id == reset.user);
        let user = user
            .filter(|user| super::may_see(held, actor, user.id))
            .ok_or_else(|| no_such("user", reset.user))?;
        unlimited(actor)?;
        let rights = self.rights_of_user(user);
        if !held.covers(rights) {
            return Err(Denial::HigherUser(rights.beyond(held)).into());
        }
        let Some((account, is_active)) = self.account_of(user.id) else {
            return Err(no_such("user", user.id).into());
        };
        if !is_active {
            let message = "this user is not active; make them active first";
            return Err(conflict("", "inactive_user", message));
        }
        if user.id == actor.user && account.password.is_some() {
            return Err(Denial::OwnPassword.into());
        }
        let logged = (workspace::USER_PASSWORD_RESET, user.id, Told::Id);
        let mut decision = new_reset(account, reset, token);
        decision.logged.push(logged);
        Ok(decision)
    }

    /// Sets the password that somebody chose who holds the token of `reset`; ends all their sessions.
    ///
    /// # Errors
    /// That the leave is gone or has expired, or that the user may not act.
    pub fn complete_reset(
        &self,
        reset: &PasswordReset,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<Decision<()>, Rejection> {
        let account = match self.account_of(reset.user) {
            Some((account, true)) => account,
            _ => return Err(no_such("password reset", reset.id).into()),
        };
        let known = account.resets.iter().find(|known| known.id == reset.id);
        if known.is_none_or(|known| known.has_expired(now)) {
            return Err(no_such("password reset", reset.id).into());
        }
        Ok(new_password(account, password, None))
    }

    /// What a user signs in with, and whether they may act.
    fn account_of(&self, id: Uuid) -> Option<(&Account, bool)> {
        let account = self.account.as_ref().filter(|known| known.user == id)?;
        let user = self.users.iter().find(|user| user.id == id)?;
        Some((account, user.status == UserStatus::Active))
    }
}

/// Whether a credential may handle what its owner signs in with: one with scopes or an end may not, for it would get
/// further by it.
///
/// # Errors
/// That it has limits.
pub fn unlimited(actor: &Actor) -> Result<(), Denial> {
    if actor.limit == Limit::none() {
        Ok(())
    } else {
        Err(Denial::LimitedKey)
    }
}

fn new_password(account: &Account, password: PasswordHash, present: Option<Uuid>) -> Decision<()> {
    let sessions = account.sessions.iter().map(|known| known.id);
    let others = sessions.filter(|known| Some(*known) != present);
    let mut writes = vec![Write::Password(account.user, password)];
    writes.extend(others.map(Write::NoSession));
    let resets = account.resets.iter();
    writes.extend(resets.map(|known| Write::NoReset(known.id)));
    Decision {
        value: (),
        writes,
        logged: vec![(workspace::USER_PASSWORD_CHANGED, account.user, Told::Id)],
    }
}

fn new_reset(account: &Account, reset: PasswordReset, token: Digest) -> Decision<PasswordReset> {
    let now = reset.created_at;
    let resets = account.resets.iter();
    let over = resets.filter(|known| known.has_expired(now));
    let mut writes: Vec<_> = over.map(|known| Write::NoReset(known.id)).collect();
    writes.push(Write::Reset(reset.clone(), token));
    Decision {
        value: reset,
        writes,
        logged: Vec::new(),
    }
}
