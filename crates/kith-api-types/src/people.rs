//! The company, its people, roles, invitations and keys as the public JSON shows them (contract, section 1).

mod read;

use kith_domain::people::{
    ApiKey, Company, Invitation, PasswordReset, Role, Scopes, Session, User,
};
use kith_domain::time::Timestamp;

use crate::json;

pub use read::{
    Acceptance, SigningUp, Texts, acceptance, company, invitation, key, key_name, password_change,
    password_reset, reset_completion, role, sign_in, sign_up, user,
};

fn text(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    json::member(out, name);
    json::optional(out, value, json::string);
}

fn time(out: &mut Vec<u8>, name: &str, value: impl Into<Option<Timestamp>>) {
    json::member(out, name);
    json::optional(out, value.into(), json::timestamp);
}

/// Appends the company.
pub fn write_company(out: &mut Vec<u8>, company: &Company) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, company.id);
    text(out, "name", Some(&company.name));
    text(out, "country", company.country.as_deref());
    text(out, "currency", Some(&company.currency));
    text(out, "street", company.street.as_deref());
    text(out, "city", company.city.as_deref());
    text(out, "postalCode", company.postal_code.as_deref());
    text(out, "website", company.website.as_deref());
    text(out, "phone", company.phone.as_deref());
    text(out, "email", company.email.as_deref());
    text(out, "vatNumber", company.vat_number.as_deref());
    time(out, "createdAt", company.created_at);
    time(out, "updatedAt", company.updated_at);
    out.push(b'}');
}

/// Appends a role.
pub fn write_role(out: &mut Vec<u8>, role: &Role) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, role.id);
    text(out, "name", Some(&role.name));
    text(out, "description", role.description.as_deref());
    json::member(out, "isSystemRole");
    json::flag(out, role.is_system);
    json::member(out, "permissions");
    json::array(out, role.permissions.iter(), |out, (resource, action)| {
        out.push(b'{');
        text(out, "resource", Some(resource.name()));
        text(out, "action", Some(action.name()));
        out.push(b'}');
    });
    time(out, "createdAt", role.created_at);
    time(out, "updatedAt", role.updated_at);
    out.push(b'}');
}

/// Appends an invitation; with its token, if it has just been made.
pub fn write_invitation(out: &mut Vec<u8>, invitation: &Invitation, token: Option<&str>) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, invitation.id);
    text(out, "email", Some(&invitation.email));
    json::member(out, "roleId");
    json::id(out, invitation.role);
    json::member(out, "invitedById");
    json::id(out, invitation.invited_by);
    time(out, "createdAt", invitation.created_at);
    time(out, "expiresAt", invitation.expires_at);
    if token.is_some() {
        text(out, "token", token);
    }
    out.push(b'}');
}

/// Appends a key; with its secret, if that has just been made.
pub fn write_key(out: &mut Vec<u8>, key: &ApiKey, secret: Option<&str>) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, key.id);
    json::member(out, "userId");
    json::id(out, key.user);
    text(out, "name", Some(&key.name));
    text(out, "prefix", Some(&key.prefix));
    json::member(out, "scopes");
    json::optional(out, key.scopes.map(Scopes::names), |out, names| {
        json::array(out, &names, |out, name| json::string(out, name));
    });
    time(out, "expiresAt", key.expires_at);
    time(out, "lastUsedAt", key.last_used_at);
    time(out, "createdAt", key.created_at);
    if secret.is_some() {
        text(out, "key", secret);
    }
    out.push(b'}');
}

/// Appends a session; whether it is the one that the request came with.
pub fn write_session(out: &mut Vec<u8>, session: &Session, is_current: bool) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, session.id);
    text(out, "address", session.visitor.address.as_deref());
    text(out, "userAgent", session.visitor.user_agent.as_deref());
    json::member(out, "isCurrent");
    json::flag(out, is_current);
    time(out, "createdAt", session.created_at);
    time(out, "lastUsedAt", session.last_used_at);
    time(out, "expiresAt", session.expires_at);
    out.push(b'}');
}

/// Appends leave to choose a new password, with its token and a link that holds it.
pub fn write_reset(out: &mut Vec<u8>, reset: &PasswordReset, token: &str, link: &str) {
    out.push(b'{');
    json::member(out, "userId");
    json::id(out, reset.user);
    text(out, "token", Some(token));
    text(out, "link", Some(link));
    time(out, "expiresAt", reset.expires_at);
    out.push(b'}');
}

/// Appends a user as a JSON object.
pub fn write_user(out: &mut Vec<u8>, user: &User) {
    out.push(b'{');
    json::member(out, "id");
    json::id(out, user.id);
    text(out, "email", Some(&user.email));
    text(out, "firstName", Some(&user.first_name));
    text(out, "lastName", Some(&user.last_name));
    text(out, "country", user.country.as_deref());
    text(out, "avatarUrl", user.avatar_url.as_deref());
    text(out, "status", Some(user.status.name()));
    json::member(out, "roleId");
    json::id(out, user.role);
    time(out, "createdAt", user.created_at);
    time(out, "updatedAt", user.updated_at);
    out.push(b'}');
}

/// A page of users.
pub fn users_page(users: &[User], page: u64, page_size: u32, total: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + users.len() * 320);
    out.push(b'{');
    json::member(&mut out, "items");
    json::array(&mut out, users, write_user);
    json::member(&mut out, "pagination");
    let pages = total.div_ceil(u64::from(page_size.max(1)));
    let numbers = format!(
        "{{\"page\":{page},\"pageSize\":{page_size},\"total\":{total},\"totalPages\":{pages}}}}}"
    );
    out.extend_from_slice(numbers.as_bytes());
    out
}
