//! What breaks is said, what does not is not.

use serde_json::{Value, json};

use super::*;

/// A document with one operation that takes and returns a thing.
fn document(request: &Value, response: &Value) -> Value {
    json!({
        "paths": {"/things": {"post": {
            "operationId": "createThing",
            "parameters": [{"in": "query", "name": "include", "schema": {"type": "string"}}],
            "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
            "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
        }}},
        "webhooks": {"thing.created": {"post": {"requestBody": {"content": {"application/json": {"schema": response}}}}}},
        "components": {"schemas": {"Thing": response}},
    })
}

fn thing() -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 300}, "size": {"type": ["number", "null"]}, "kind": {"enum": ["a", "b"]}},
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The thing, with one place changed.
fn changed(pointer: &str, value: Value) -> Value {
    let mut thing = thing();
    let (parent, member) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if let Some(object) = thing.pointer_mut(parent).and_then(Value::as_object_mut) {
        if value.is_null() {
            object.remove(member);
        } else {
            object.insert(member.to_owned(), value);
        }
    }
    thing
}

fn request(new: &Value) -> Vec<String> {
    compare(&document(&thing(), &thing()), &document(new, &thing()))
}

fn response(new: &Value) -> Vec<String> {
    compare(&document(&thing(), &thing()), &document(&thing(), new))
}

#[test]
fn the_same_document_breaks_nothing() {
    assert!(request(&thing()).is_empty());
}

#[test]
fn more_members_and_wider_requests_break_nothing() {
    assert!(request(&changed("/properties/note", json!({"type": "string"}))).is_empty());
    assert!(request(&changed("/properties/name/maxLength", json!(500))).is_empty());
    assert!(request(&changed("/properties/name/type", json!(["string", "null"]))).is_empty());
    assert!(request(&changed("/properties/kind/enum", json!(["a", "b", "c"]))).is_empty());
    assert!(request(&changed("/required", json!([]))).is_empty());
}

#[test]
fn more_members_and_narrower_responses_break_nothing() {
    assert!(response(&changed("/properties/note", json!({"type": "string"}))).is_empty());
    assert!(response(&changed("/properties/size/type", json!("number"))).is_empty());
    assert!(response(&changed("/required", json!(["name", "size"]))).is_empty());
}

#[test]
fn narrower_requests_break() {
    assert_eq!(
        request(&changed("/required", json!(["name", "size"]))).len(),
        1
    );
    assert_eq!(
        request(&changed("/properties/size/type", json!("number"))).len(),
        1
    );
    assert_eq!(
        request(&changed("/properties/name/maxLength", json!(200))).len(),
        1
    );
    assert_eq!(
        request(&changed("/properties/name/minLength", json!(1))).len(),
        1
    );
    assert_eq!(
        request(&changed("/properties/kind/enum", json!(["a"]))).len(),
        1
    );
    assert_eq!(request(&changed("/properties/size", Value::Null)).len(), 1);
}

#[test]
fn wider_or_smaller_responses_break() {
    // Each is said twice: once for the response, once for the webhook.
    assert_eq!(response(&changed("/properties/size", Value::Null)).len(), 2);
    assert_eq!(response(&changed("/required", json!([]))).len(), 2);
    assert_eq!(
        response(&changed("/properties/name/type", json!(["string", "null"]))).len(),
        2
    );
}

#[test]
fn removed_paths_operations_parameters_and_webhooks_break() {
    let old = document(&thing(), &thing());
    for (pointer, member) in [
        ("/paths", "/things"),
        ("/paths/~1things", "post"),
        ("/paths/~1things/post", "parameters"),
        ("/paths/~1things/post", "operationId"),
        ("/paths/~1things/post/responses", "201"),
        ("/webhooks", "thing.created"),
    ] {
        let mut new = old.clone();
        if let Some(object) = new.pointer_mut(pointer).and_then(Value::as_object_mut) {
            object.remove(member);
        }
        assert_eq!(compare(&old, &new).len(), 1, "{pointer} {member}");
    }
}

#[test]
fn a_schema_that_holds_itself_ends() {
    let rule =
        json!({"type": "object", "properties": {"not": {"$ref": "#/components/schemas/Thing"}}});
    assert!(compare(&document(&thing(), &rule), &document(&thing(), &rule)).is_empty());
}
