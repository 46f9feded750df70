//! Schemas of the company, its people, roles, invitations and keys.

use kith_domain::actor::{Action, Resource};
use kith_domain::people::UserStatus;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};

use super::build::{
    add, array, choice, flag, formatted, id, inline, nullable, object, reference, text,
};

/// Adds the schemas that only the operations on people have.
pub fn register(registry: &mut Registry) {
    company(registry);
    changes_of_users(registry);
    roles(registry);
    invitations(registry);
    keys(registry);
    super::session::register(registry);
}

/// Users as they are, and searches for them.
pub(super) fn register_users(registry: &mut Registry) {
    let status = UserStatus::ALL.into_iter().map(UserStatus::name);
    let status = choice("Only active users may act.", status);
    let members = [
        "id",
        "email",
        "firstName",
        "lastName",
        "country",
        "avatarUrl",
        "status",
        "roleId",
        "createdAt",
        "updatedAt",
    ];
    let user = object(
        "A person of the company.",
        &members,
        vec![
            ("id", id("The user.")),
            ("email", text("Unique across the server.")),
            ("firstName", text("Given name.")),
            ("lastName", text("Family name.")),
            ("country", nullable(text("ISO 3166-1 alpha-2."))),
            ("avatarUrl", nullable(text("A picture."))),
            ("status", status),
            ("roleId", id("Their role.")),
            ("createdAt", formatted("date-time", "When they were added.")),
            (
                "updatedAt",
                formatted("date-time", "When they last changed."),
            ),
        ],
    );
    add(registry, "User", user);
    let page = object(
        "A page of people.",
        &["items", "pagination"],
        vec![
            ("items", array("The people, by name.", reference("User"))),
            ("pagination", reference("Pagination")),
        ],
    );
    add(registry, "UserSearchResult", page);
    let wanted = object(
        "Which people.",
        &[],
        vec![
            (
                "searchTerm",
                text("Words; every one must occur in the name or the address."),
            ),
            ("pagination", reference("PageRequest")),
        ],
    );
    add(registry, "UserSearch", wanted);
}

pub(super) fn time(description: &'static str) -> MetaSchemaRef {
    formatted("date-time", description)
}

type Properties = Vec<(&'static str, MetaSchemaRef)>;

/// A schema of which every member is there.
pub(super) fn whole(description: &'static str, properties: Properties) -> MetaSchema {
    let names: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
    object(description, &names, properties)
}

fn company(registry: &mut Registry) {
    let own = || -> Properties {
        vec![
            ("name", text("1 to 300 characters.")),
            ("country", nullable(text("ISO 3166-1 alpha-2."))),
            ("currency", text("ISO 4217.")),
            ("street", nullable(text("Up to 300 characters."))),
            ("city", nullable(text("Up to 200 characters."))),
            ("postalCode", nullable(text("Up to 40 characters."))),
            ("website", nullable(text("https or http."))),
            (
                "phone",
                nullable(text("E.164; accepted too as it is dialled in the country.")),
            ),
            ("email", nullable(text("An address."))),
            ("vatNumber", nullable(text("Up to 40 characters."))),
        ]
    };
    let mut shown = vec![("id", id("The company."))];
    shown.extend(own());
    shown.push(("createdAt", time("When it was made.")));
    shown.push(("updatedAt", time("When it last changed.")));
    add(registry, "Company", whole("The company.", shown));
    let changes = object("Changes of the company.", &[], own());
    add(registry, "CompanyUpdate", changes);
}

fn changes_of_users(registry: &mut Registry) {
    let status = [UserStatus::Active, UserStatus::Inactive].map(UserStatus::name);
    let changes = object(
        "Changes of a user.",
        &[],
        vec![
            ("firstName", text("Given name, 1 to 200 characters.")),
            ("lastName", text("Family name, up to 200 characters.")),
            ("country", nullable(text("ISO 3166-1 alpha-2."))),
            ("avatarUrl", nullable(text("A picture: https or http."))),
            (
                "status",
                choice("Only active users may act.", status.into_iter()),
            ),
            ("roleId", id("Their role.")),
        ],
    );
    add(registry, "UserUpdate", changes);
}

fn roles(registry: &mut Registry) {
    let permission = whole(
        "A right: what may be done to what.",
        vec![
            (
                "resource",
                choice("To what.", Resource::all().map(Resource::name)),
            ),
            (
                "action",
                choice("What.", Action::ALL.into_iter().map(Action::name)),
            ),
        ],
    );
    add(registry, "Permission", permission);
    let own = || -> Properties {
        vec![
            (
                "name",
                text("1 to 100 characters, unique in the company in any case."),
            ),
            ("description", nullable(text("Up to 1,000 characters."))),
            (
                "permissions",
                array("What it allows.", reference("Permission")),
            ),
        ]
    };
    let mut shown = vec![("id", id("The role."))];
    shown.extend(own());
    shown.push((
        "isSystemRole",
        flag("Whether it can be neither edited nor deleted."),
    ));
    shown.push(("createdAt", time("When it was made.")));
    shown.push(("updatedAt", time("When it last changed.")));
    add(registry, "Role", whole("A named set of rights.", shown));
    add(
        registry,
        "RoleCreate",
        object("A new role.", &["name"], own()),
    );
    add(
        registry,
        "RoleUpdate",
        object("Changes of a role.", &[], own()),
    );
}

fn invitations(registry: &mut Registry) {
    let shown = || -> Properties {
        vec![
            ("id", id("The invitation.")),
            ("email", text("Whom it is for.")),
            ("roleId", id("The role that they will have.")),
            ("invitedById", id("Who invited them.")),
            ("createdAt", time("When it was made.")),
            ("expiresAt", time("Until when it can be accepted.")),
        ]
    };
    let invitation = whole("An invitation that was not accepted yet.", shown());
    add(registry, "Invitation", invitation);
    let mut made = shown();
    made.push(("token", text("Accepts the invitation; shown this once.")));
    let made = whole("An invitation with its token.", made);
    add(registry, "InvitationWithToken", made);
    let wanted = whole(
        "Whom to invite.",
        vec![
            ("email", text("Their address.")),
            ("roleId", id("The role that they will have.")),
        ],
    );
    add(registry, "InvitationCreate", wanted);
    let accepted = object(
        "Who accepts an invitation.",
        &["token", "firstName", "password"],
        vec![
            ("token", text("The token of the invitation.")),
            ("firstName", text("Given name, 1 to 200 characters.")),
            ("lastName", text("Family name, up to 200 characters.")),
            ("password", text("10 to 1,000 characters.")),
        ],
    );
    add(registry, "InvitationAcceptance", accepted);
}

fn keys(registry: &mut Registry) {
    let rights = || {
        let text = "Names of rights, as in `contacts:readAll`; or `read` alone, for all reading.";
        array(text, self::text("`read`, or a resource and an action."))
    };
    let shown = || -> Properties {
        vec![
            ("id", id("The key.")),
            ("userId", id("The owner, as whom it acts.")),
            ("name", text("For people, 1 to 300 characters.")),
            ("prefix", text("The first six characters.")),
            ("scopes", nullable(rights())),
            (
                "expiresAt",
                nullable(time("Until when it is valid, if it ends.")),
            ),
            ("lastUsedAt", nullable(time("About when it was last used."))),
            ("createdAt", time("When it was made.")),
        ]
    };
    add(registry, "ApiKey", whole("An API key.", shown()));
    let mut made = shown();
    made.push(("key", text("The key itself; shown this once.")));
    let made = whole("An API key with its secret.", made);
    add(registry, "ApiKeyWithSecret", made);
    let scopes = inline(MetaSchema {
        description: Some(
            "What the key is narrowed to: `read`, or names of rights; without it, it has all rights of its owner.",
        ),
        any_of: vec![text("`read`: all reading."), rights()],
        ..MetaSchema::ANY
    });
    let wanted = object(
        "A new key.",
        &["name"],
        vec![
            ("name", text("For people, 1 to 300 characters.")),
            (
                "expiresAt",
                nullable(time("Until when it is valid; without it, it does not end.")),
            ),
            ("scopes", scopes),
        ],
    );
    add(registry, "ApiKeyCreate", wanted);
    let changes = whole(
        "A change of a key.",
        vec![("name", text("For people, 1 to 300 characters."))],
    );
    add(registry, "ApiKeyUpdate", changes);
}
