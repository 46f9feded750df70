//! Schemas of signing in and up, sessions, and passwords.

use poem_openapi::registry::Registry;

use super::build::{add, flag, id, nullable, object, text};
use super::people::{time, whole};

/// Adds the schemas that only these operations have.
pub(super) fn register(registry: &mut Registry) {
    let password = || text("10 to 1,000 characters.");
    let address = || text("An e-mail address.");
    let sign_in = whole(
        "Who signs in.",
        vec![("email", address()), ("password", text("Their password."))],
    );
    add(registry, "SignIn", sign_in);
    let sign_up = object(
        "Who signs up: with `token` somebody who was invited, with `companyName` and `email` somebody who founds a company.",
        &["firstName", "password"],
        vec![
            ("token", text("The token of an invitation.")),
            ("companyName", text("1 to 300 characters.")),
            ("email", address()),
            ("firstName", text("Given name, 1 to 200 characters.")),
            ("lastName", text("Family name, up to 200 characters.")),
            ("password", password()),
        ],
    );
    add(registry, "SignUp", sign_up);
    let session = whole(
        "A place where the caller is signed in.",
        vec![
            ("id", id("The session.")),
            (
                "address",
                nullable(text("From which network address it was opened.")),
            ),
            (
                "userAgent",
                nullable(text("What the browser said of itself.")),
            ),
            ("isCurrent", flag("Whether the request came with it.")),
            ("createdAt", time("When it was opened.")),
            ("lastUsedAt", time("About when it was last used.")),
            (
                "expiresAt",
                time("When it ends if it is not used until then."),
            ),
        ],
    );
    add(registry, "Session", session);
    let change = whole(
        "A change of the caller's password.",
        vec![
            ("currentPassword", text("The present one.")),
            ("newPassword", password()),
        ],
    );
    add(registry, "PasswordChange", change);
    let reset = whole("Who needs a new password.", vec![("email", address())]);
    add(registry, "PasswordReset", reset);
    let completion = whole(
        "A new password, and the leave to choose it.",
        vec![
            ("token", text("What the link holds after its `#`.")),
            ("newPassword", password()),
        ],
    );
    add(registry, "PasswordResetCompletion", completion);
    let granted = whole(
        "Leave to choose a new password, to be handed over.",
        vec![
            ("userId", id("For whom it is.")),
            (
                "token",
                text("Chooses a new password, once; shown this once."),
            ),
            ("link", text("Where they can do so; it holds the token.")),
            ("expiresAt", time("Until when it is good.")),
        ],
    );
    add(registry, "PasswordResetLink", granted);
}
