//! What is wrong is refused with its place and what is accepted, and changes nothing.

use poem::http::Method;
use serde_json::json;

use crate::world::{KEY, NOBODY, World};

struct Case {
    method: Method,
    path: &'static str,
    body: String,
    status: u16,
    /// Pointers and codes.
    problems: &'static [(&'static str, &'static str)],
    /// A part of the text that says what is accepted.
    says: &'static str,
}

fn case(
    method: Method,
    path: &'static str,
    body: impl Into<String>,
    status: u16,
    problems: &'static [(&'static str, &'static str)],
    says: &'static str,
) -> Case {
    Case {
        method,
        path,
        body: body.into(),
        status,
        problems,
        says,
    }
}

/// `{contact}`, `{deal}` and `{service}` stand for records that exist, `{nobody}` for an id that does not.
fn cases() -> Vec<Case> {
    let post = || Method::POST;
    let put = || Method::PUT;
    let delete = || Method::DELETE;
    vec![
        // Wrong types, all at once.
        case(
            post(),
            "/contacts",
            r#"{"firstName": 1, "emails": "a@example.com", "dealIds": "x", "userIds": [1]}"#,
            400,
            &[
                ("/firstName", "wrong_type"),
                ("/emails", "wrong_type"),
                ("/dealIds", "wrong_type"),
                ("/userIds/0", "wrong_type"),
            ],
            "takes a string, received the number 1",
        ),
        case(
            post(),
            "/services",
            r#"{"name": "S", "amount": "12"}"#,
            400,
            &[("/amount", "wrong_type")],
            "a number with up to 4 decimals",
        ),
        case(
            post(),
            "/services",
            r#"{"name": "S", "amount": 1.23456}"#,
            400,
            &[("/amount", "out_of_range")],
            "at most 4 decimals",
        ),
        case(
            post(),
            "/services",
            r#"{"name": "S", "amount": 1e300}"#,
            400,
            &[("/amount", "out_of_range")],
            "100000000000",
        ),
        case(
            post(),
            "/services",
            r#"{"name": "S"}"#,
            400,
            &[("/amount", "required")],
            "a number with up to 4 decimals",
        ),
        case(
            post(),
            "/contacts",
            "[]",
            400,
            &[("", "wrong_type")],
            "an object",
        ),
        case(
            post(),
            "/contacts",
            "null",
            400,
            &[("", "wrong_type")],
            "received null",
        ),
        case(
            put(),
            "/contacts/{contact}",
            r#"{"firstName": null}"#,
            400,
            &[("/firstName", "required")],
            "a string",
        ),
        case(
            put(),
            "/contacts/{contact}",
            r#"{"dealIds": null}"#,
            400,
            &[("/dealIds", "null_links")],
            "[]",
        ),
        // Unknown members.
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "fistName": "B"}"#,
            400,
            &[("/fistName", "unknown_member")],
            "did you mean `firstName`?",
        ),
        case(
            post(),
            "/tasks",
            r#"{"name": "A", "dealIds": []}"#,
            400,
            &[("/dealIds", "unknown_member")],
            "accepted are name, userIds",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "firstName": "B"}"#,
            400,
            &[("/firstName", "duplicate")],
            "twice",
        ),
        // Not JSON.
        case(post(), "/contacts", "", 400, &[], "empty"),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A",}"#,
            400,
            &[],
            "line 1",
        ),
        case(
            post(),
            "/contacts",
            "{\"firstName\": \"A\0\"}",
            400,
            &[],
            "control character",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A\u0000"}"#,
            400,
            &[("/firstName", "control_character")],
            "U+0000",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "\ud800"}"#,
            400,
            &[("/firstName", "invalid_text")],
            "escape",
        ),
        case(
            post(),
            "/contacts",
            "[".repeat(200_000),
            400,
            &[],
            "not JSON",
        ),
        case(
            post(),
            "/contacts",
            "[".repeat(200_000) + &"]".repeat(200_000),
            400,
            &[("", "wrong_type")],
            "an object",
        ),
        case(
            post(),
            "/contacts",
            format!(
                r#"{{"firstName": "A", "notes": {{"type": "doc", "content": {}{}}}}}"#,
                "[".repeat(5_000),
                "]".repeat(5_000)
            ),
            400,
            &[("/notes", "invalid_notes")],
            "recursion",
        ),
        // Too long, too many, empty.
        case(
            post(),
            "/contacts",
            r#"{"firstName": "  "}"#,
            400,
            &[("/firstName", "required")],
            "1 to 200 characters",
        ),
        case(
            post(),
            "/contacts",
            json!({"firstName": "x".repeat(201)}).to_string(),
            400,
            &[("/firstName", "too_long")],
            "at most 200",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "emails": ["a@example.com", "A@example.com", "b"]}"#,
            400,
            &[("/emails/1", "duplicate"), ("/emails/2", "invalid_email")],
            "errors",
        ),
        case(
            post(),
            "/contacts/many",
            r#"{"contacts": []}"#,
            400,
            &[("/contacts", "required")],
            "1 to 1000",
        ),
        case(
            post(),
            "/contacts/many",
            r#"{"contacts": [{"firstName": "A"}, {"firstName": 1}, {"lastName": "B"}]}"#,
            400,
            &[
                ("/contacts/1/firstName", "wrong_type"),
                ("/contacts/2/firstName", "required"),
            ],
            "problems",
        ),
        // Duplicates and contradictions.
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "dealIds": ["{deal}", "{deal}"]}"#,
            400,
            &[("/dealIds/1", "duplicate")],
            "index 0",
        ),
        case(
            post(),
            "/deals",
            r#"{"name": "D", "services": [{"serviceId": "{service}", "quantity": 1}, {"serviceId": "{service}", "quantity": 2}]}"#,
            400,
            &[("/services/1", "duplicate")],
            "with quantity 1, here with 2",
        ),
        case(
            post(),
            "/deals",
            r#"{"name": "D", "services": [{"serviceId": "{service}", "quantity": 0}]}"#,
            400,
            &[("/services/0/quantity", "out_of_range")],
            "greater than 0",
        ),
        case(
            put(),
            "/contacts/many",
            r#"{"contacts": [{"id": "{contact}", "lastName": "A"}, {"id": "{contact}", "lastName": "B"}]}"#,
            400,
            &[("/contacts/1/id", "duplicate")],
            "index 0",
        ),
        case(
            delete(),
            "/contacts/many",
            r#"{"ids": ["{contact}", "{contact}"]}"#,
            400,
            &[("/ids/1", "duplicate")],
            "index 0",
        ),
        // What does not exist, or not for the caller.
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "dealIds": ["{nobody}"]}"#,
            404,
            &[("/dealIds/0", "not_found")],
            "no deal",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": 3, "dealIds": ["{nobody}"]}"#,
            400,
            &[("/firstName", "wrong_type"), ("/dealIds/0", "not_found")],
            "2 problems",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "organizationIds": ["{deal}"]}"#,
            404,
            &[("/organizationIds/0", "not_found")],
            "no organization",
        ),
        case(
            put(),
            "/contacts/{nobody}",
            r#"{"firstName": "A"}"#,
            404,
            &[],
            "no contact",
        ),
        case(
            put(),
            "/contacts/xyz",
            r#"{"firstName": "A"}"#,
            404,
            &[],
            "UUID",
        ),
        case(
            put(),
            "/deals/{contact}",
            r#"{"name": "A"}"#,
            404,
            &[],
            "no deal",
        ),
        case(delete(), "/contacts/{nobody}", "", 404, &[], "no contact"),
        case(
            delete(),
            "/contacts/many",
            r#"{"ids": ["{contact}", "{nobody}"]}"#,
            404,
            &[("/ids/1", "not_found")],
            "no contact",
        ),
        case(
            post(),
            "/contacts/{nobody}/links/deals",
            r#"{"ids": ["{deal}"]}"#,
            404,
            &[],
            "no contact",
        ),
        // Links that the types do not allow.
        case(
            post(),
            "/contacts/{contact}/links/services",
            r#"{"ids": ["{service}"]}"#,
            404,
            &[],
            "organizations, deals, users",
        ),
        case(
            post(),
            "/tasks/{contact}/links/contacts",
            r#"{"ids": ["{contact}"]}"#,
            404,
            &[],
            "its relations are users",
        ),
        case(
            post(),
            "/contacts/{contact}/links/deals",
            r#"{"deals": [{"dealId": "{deal}", "quantity": 2}]}"#,
            400,
            &[("/deals", "unknown_member"), ("/ids", "required")],
            "ids",
        ),
        case(
            post(),
            "/contacts/{contact}/links/deals",
            r#"{"ids": []}"#,
            400,
            &[("/ids", "required")],
            "at least one",
        ),
        case(
            post(),
            "/contacts/{contact}/links/deals",
            r#"{"ids": ["{nobody}"]}"#,
            404,
            &[("/ids/0", "not_found")],
            "no deal",
        ),
        // Custom columns and notes.
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "customFieldValues": [{"columnId": "{nobody}", "value": 1}]}"#,
            400,
            &[("/customFieldValues/0/columnId", "unknown_column")],
            "no custom column",
        ),
        case(
            post(),
            "/contacts",
            r#"{"firstName": "A", "customFieldValues": {"x": 1}}"#,
            400,
            &[("/customFieldValues", "wrong_type")],
            "columnId and value",
        ),
        case(
            put(),
            "/contacts/{contact}/notes",
            r#"{"notes": 3}"#,
            400,
            &[("/notes", "wrong_type")],
            "Markdown",
        ),
        case(
            put(),
            "/contacts/{contact}/notes",
            r#"{"note": "x"}"#,
            400,
            &[("/note", "unknown_member"), ("/notes", "required")],
            "missing",
        ),
        // Elsewhere in the request.
        case(
            Method::GET,
            "/contacts/{contact}?notesFormat=html",
            "",
            400,
            &[],
            "markdown and tiptap",
        ),
        case(
            Method::GET,
            "/contacts/{contact}?notesformat=tiptap",
            "",
            400,
            &[],
            "did you mean `notesFormat`?",
        ),
        case(Method::GET, "/contact", "", 404, &[], "/docs"),
        case(
            Method::GET,
            "/contacts/many",
            "",
            405,
            &[],
            "DELETE, POST, PUT",
        ),
    ]
}

#[tokio::test]
async fn each_is_a_clear_refusal_and_changes_nothing() {
    let world = World::new();
    let ids = [
        (
            "{contact}",
            world.made("/contacts", &json!({"firstName": "Ada"})).await,
        ),
        ("{deal}", world.made("/deals", &json!({"name": "D"})).await),
        (
            "{service}",
            world
                .made("/services", &json!({"name": "S", "amount": 1}))
                .await,
        ),
        ("{nobody}", NOBODY.to_owned()),
    ];
    let filled = |text: &str| {
        ids.iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    };
    for case in cases() {
        let reply = world
            .call(case.method.clone(), &filled(case.path), filled(&case.body))
            .await;
        let name = format!(
            "{} {} {:.200}: {}",
            case.method, case.path, case.body, reply.body
        );
        assert_eq!(reply.status, case.status, "{name}");
        let expected: Vec<_> = case
            .problems
            .iter()
            .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
            .collect();
        assert_eq!(reply.problems(case.status), expected, "{name}");
        assert!(
            reply.body.replace("\\\"", "\"").contains(case.says),
            "{name}"
        );
    }
    for (path, member) in [
        ("{contact}", "/contacts/{contact}"),
        ("{deal}", "/deals/{deal}"),
        ("{service}", "/services/{service}"),
    ] {
        let record = world.get(&filled(member)).await;
        assert!(
            record.body.contains("\"version\":1}"),
            "{path}: {}",
            record.body
        );
    }
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::new();
    let body = json!({"firstName": "x".repeat(5 * 1024 * 1024)}).to_string();
    assert_eq!(
        world
            .call(Method::POST, "/contacts", body)
            .await
            .problems(413),
        []
    );
    let body = json!({"firstName": "x".repeat(5 * 1024 * 1024 - 100)}).to_string();
    let problems = world
        .call(Method::POST, "/contacts", body)
        .await
        .problems(400);
    assert_eq!(problems, [("/firstName".to_owned(), "too_long".to_owned())]);
}

#[tokio::test]
async fn invalid_utf_8_is_no_json() {
    let reply = World::new()
        .call(
            Method::POST,
            "/contacts",
            b"{\"firstName\": \"\xff\"}".as_slice(),
        )
        .await;
    assert_eq!(reply.problems(400), []);
    assert!(reply.body.contains("UTF-8"), "{}", reply.body);
}

#[tokio::test]
async fn bodies_say_that_they_are_json() {
    let world = World::new();
    for (content_type, status) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=utf-8"), 201),
        (Some("application/merge-patch+json"), 201),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (None, 415),
    ] {
        let mut headers = vec![("x-api-key", KEY)];
        headers.extend(content_type.map(|content_type| ("content-type", content_type)));
        let reply = world
            .send(Method::POST, "/api/v1/tasks", &headers, r#"{"name": "T"}"#)
            .await;
        assert_eq!(reply.status, status, "{content_type:?}: {}", reply.body);
    }
}
