//! The document as its readers need it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn parsed(version: OpenApiVersion) -> Value {
    serde_json::from_str(&openapi(version)).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn it_is_made_without_state_and_always_the_same() {
    assert_eq!(openapi(OpenApiVersion::V3_1), openapi(OpenApiVersion::V3_1));
}

#[test]
fn every_type_has_every_operation_under_its_own_name() {
    let document = parsed(OpenApiVersion::V3_1);
    let operations = operations(&document);
    let ids: BTreeSet<_> = operations
        .iter()
        .map(|(_, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations.len());
    for title in ["Contact", "Organization", "Deal", "Service", "Task"] {
        for id in [
            "create", "get", "update", "patch", "delete", "link", "unlink",
        ] {
            assert!(ids.contains(format!("{id}{title}").as_str()), "{id}{title}");
        }
    }
}

#[test]
fn every_operation_says_how_it_fails() {
    let document = parsed(OpenApiVersion::V3_1);
    for (name, operation) in operations(&document) {
        let needs_credential = operation.get("security").is_some();
        let of_credentials = ["401", "403"].into_iter().filter(|_| needs_credential);
        for status in ["400", "500"].into_iter().chain(of_credentials) {
            let response = &operation["responses"][status];
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(
                *schema,
                json!("#/components/schemas/Problem"),
                "{name} {status}"
            );
        }
        assert!(
            operation["summary"].is_string() && operation["description"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn the_events_are_webhooks() {
    let document = parsed(OpenApiVersion::V3_1);
    let webhooks = document["webhooks"].as_object().unwrap();
    let names: BTreeSet<_> = webhooks.keys().map(String::as_str).collect();
    assert_eq!(names, kith_domain::event::names().collect());
    assert!(parsed(OpenApiVersion::V3_0).get("webhooks").is_none());
}

#[test]
fn each_version_keeps_to_its_dialect() {
    let modern = openapi(OpenApiVersion::V3_1);
    assert!(modern.contains("\"openapi\": \"3.1.0\"") && !modern.contains("nullable"));
    let old = openapi(OpenApiVersion::V3_0);
    assert!(old.contains("\"openapi\": \"3.0.3\"") && !old.contains("\"null\""));
    assert!(!old.contains("Event\""));
}

#[test]
fn the_older_document_names_the_media_type_that_its_generators_read() {
    let document = parsed(OpenApiVersion::V3_0);
    let create = &document["paths"]["/api/v1/contacts"]["post"]["responses"]["400"]["content"];
    let schema = &create["application/json"]["schema"]["$ref"];
    assert_eq!(*schema, json!("#/components/schemas/Problem"));
}
