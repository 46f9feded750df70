//! Users as the public JSON shows them (contract, section 1).

use kith_domain::ports::directory::User;

use crate::json;

/// Appends a user as a JSON object.
pub fn write_user(out: &mut Vec<u8>, user: &User) {
    let text = |out: &mut Vec<u8>, name: &str, value: Option<&str>| {
        json::member(out, name);
        match value {
            Some(value) => json::string(out, value),
            None => out.extend_from_slice(b"null"),
        }
    };
    out.push(b'{');
    json::member(out, "id");
    json::id(out, user.id);
    text(out, "email", Some(&user.email));
    text(out, "firstName", Some(&user.first_name));
    text(out, "lastName", Some(&user.last_name));
    text(out, "country", user.country.as_deref());
    text(out, "avatarUrl", user.avatar_url.as_deref());
    text(out, "status", Some(&user.status));
    json::member(out, "roleId");
    json::id(out, user.role);
    json::member(out, "createdAt");
    json::timestamp(out, user.created_at);
    json::member(out, "updatedAt");
    json::timestamp(out, user.updated_at);
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
