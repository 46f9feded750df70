//! From what poem-openapi writes to valid documents.

use serde_json::{Map, Value, json};

use super::OpenApiVersion;

/// The finished document.
pub(super) fn finish(spec: &str, version: OpenApiVersion) -> String {
    // What poem-openapi has just written is JSON.
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    each_object(&mut document, &mut |object| clean(object));
    if let Value::Object(root) = &mut document {
        match version {
            OpenApiVersion::V3_1 => {
                root.insert("openapi".to_owned(), json!("3.1.0"));
                root.insert(
                    "security".to_owned(),
                    json!([{"apiKey": []}, {"bearer": []}, {"session": []}]),
                );
            }
            OpenApiVersion::V3_0 => {
                root.insert("openapi".to_owned(), json!("3.0.3"));
                root.insert(
                    "security".to_owned(),
                    json!([{"apiKey": []}, {"bearer": []}, {"session": []}]),
                );
                root.remove("webhooks");
                without_license_identifier(root);
                problems_as_json(root);
                without_unused_schemas(&mut document);
            }
        }
    }
    if version == OpenApiVersion::V3_1 {
        each_object(&mut document, &mut |object| modernise(object));
        unsigned_webhooks(&mut document);
    }
    // serde_json's maps are sorted; a tree of values always has a text.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Calls `change` with every object, innermost first.
fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|member| each_object(member, change));
            change(members);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        _ => {}
    }
}

/// What both versions want: parameters without noise, whole numbers as such.
fn clean(object: &mut Map<String, Value>) {
    if object.contains_key("in") || object.contains_key("deprecated") {
        object.remove("explode");
        if object.get("deprecated") == Some(&json!(false)) {
            object.remove("deprecated");
        }
    }
    for bound in ["minimum", "maximum"] {
        // Bounds are small and whole, or they stay as they are.
        if let Some(whole) = object
            .get(bound)
            .and_then(Value::as_f64)
            .filter(|number| number.fract() == 0.0)
        {
            object.insert(bound.to_owned(), json!(whole as i64));
        }
    }
}

/// From the dialect of 3.0 to JSON Schema 2020-12.
fn modernise(object: &mut Map<String, Value>) {
    if object.get("nullable") == Some(&json!(true)) {
        object.remove("nullable");
        if let Some(Value::String(kind)) = object.get("type").cloned() {
            object.insert("type".to_owned(), json!([kind, "null"]));
        } else if let Some(Value::Array(parts)) = object.remove("allOf") {
            let mut choices = parts;
            choices.push(json!({"type": "null"}));
            object.insert("anyOf".to_owned(), Value::Array(choices));
        }
    }
    for (flag, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if object.get(flag) == Some(&json!(true)) {
            let limit = object.remove(bound).unwrap_or_default();
            object.insert(flag.to_owned(), limit);
        }
    }
    let is_schema = object.contains_key("properties") || object.contains_key("type");
    if is_schema && let Some(example) = object.remove("example") {
        object.insert("examples".to_owned(), json!([example]));
    }
}

/// Webhooks are signed, not called with a key.
fn unsigned_webhooks(document: &mut Value) {
    if let Some(Value::Object(webhooks)) = document.get_mut("webhooks") {
        for webhook in webhooks.values_mut() {
            webhook["post"]["security"] = json!([]);
        }
    }
}

/// The generators that need 3.0 read a type from `application/json` alone, so problems are announced as that.
fn problems_as_json(root: &mut Map<String, Value>) {
    if let Some(paths) = root.get_mut("paths") {
        each_object(paths, &mut |object| {
            if let Some(problem) = object.remove("application/problem+json") {
                object.insert("application/json".to_owned(), problem);
            }
        });
    }
    if let Some(Value::String(description)) = root
        .get_mut("info")
        .and_then(|info| info.get_mut("description"))
    {
        description.push_str(
            "\n\nThis is the document for generators that need OpenAPI 3.0: it has no webhooks, and names the media type \
             of errors `application/json`; they are sent as `application/problem+json`.",
        );
    }
}

/// 3.0 knows a licence's name and address only.
fn without_license_identifier(root: &mut Map<String, Value>) {
    if let Some(Value::Object(license)) = root
        .get_mut("info")
        .and_then(|info| info.get_mut("license"))
    {
        license.remove("identifier");
        license.insert(
            "url".to_owned(),
            json!("https://spdx.org/licenses/MIT.html"),
        );
    }
}

/// Without webhooks nothing refers to the schemas of events.
fn without_unused_schemas(document: &mut Value) {
    loop {
        let mut used = std::collections::BTreeSet::new();
        references(document, &mut used);
        let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else {
            return;
        };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(name));
        if schemas.len() == before {
            return;
        }
    }
}

fn references(value: &Value, used: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                used.insert(name.trim_start_matches("#/components/schemas/").to_owned());
            }
            members.values().for_each(|member| references(member, used));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, used)),
        _ => {}
    }
}
