//! Notes against what Tiptap's own Markdown extension makes of the same input (`xtask/notes-golden`).
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use kith_domain::notes::Notes;
use serde_json::{Map, Value};

fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(list: &str) -> (Vec<Value>, Map<String, Value>) {
    let golden = data("notes-golden.json");
    let exceptions = data("notes-golden-exceptions.json");
    let cases = golden[list].as_array().unwrap().clone();
    (cases, exceptions[list].as_object().unwrap().clone())
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

/// The document as text, after Tiptap's has lost what says nothing: nulls, empty lists, the order of marks.
fn canonical(document: &Value) -> String {
    match Notes::from_document(document) {
        Ok(Some(notes)) => notes.document().to_owned(),
        Ok(None) => "nothing".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}

fn read(markdown: &str) -> String {
    let notes = Notes::from_markdown(markdown).unwrap();
    notes.map_or_else(|| "nothing".to_owned(), |notes| notes.document().to_owned())
}

fn rendered(document: &Value) -> String {
    let notes = Notes::from_document(document).unwrap();
    notes.map_or_else(String::new, |notes| notes.to_markdown())
}

/// The expectation: Tiptap's, or the listed exception with its reason.
fn expected<'a>(case: &'a Value, exceptions: &'a Map<String, Value>, member: &str) -> &'a Value {
    let exception = exceptions
        .get(name(case))
        .and_then(|exception| exception.get(member));
    exception.unwrap_or(&case[member])
}

#[test]
fn markdown_is_read_as_tiptap_reads_it() {
    let (cases, exceptions) = cases("markdown");
    let mut wrong = Vec::new();
    for case in &cases {
        let ours = read(case["markdown"].as_str().unwrap());
        let theirs = canonical(expected(case, &exceptions, "document"));
        if ours != theirs {
            wrong.push(format!(
                "{}: {}\n  ours   {ours}\n  theirs {theirs}",
                name(case),
                case["markdown"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_was_read_is_written_as_tiptap_writes_it() {
    let (cases, exceptions) = cases("markdown");
    let mut wrong = Vec::new();
    for case in &cases {
        let notes = Notes::from_markdown(case["markdown"].as_str().unwrap()).unwrap();
        let ours = Value::from(notes.map_or_else(String::new, |notes| notes.to_markdown()));
        let theirs = expected(case, &exceptions, "rendered");
        if ours != *theirs {
            wrong.push(format!(
                "{}: {}\n  ours   {ours}\n  theirs {theirs}",
                name(case),
                case["markdown"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn documents_are_written_as_tiptap_writes_them() {
    let (cases, exceptions) = cases("documents");
    let mut wrong = Vec::new();
    for case in &cases {
        let ours = Value::from(rendered(&case["document"]));
        let theirs = expected(case, &exceptions, "rendered");
        if ours != *theirs {
            wrong.push(format!(
                "{}\n  ours   {ours}\n  theirs {theirs}",
                name(case)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_second_pass_changes_nothing() {
    for list in ["markdown", "documents"] {
        for case in cases(list).0 {
            let notes = match case.get("markdown") {
                Some(markdown) => Notes::from_markdown(markdown.as_str().unwrap()).unwrap(),
                None => Notes::from_document(&case["document"]).unwrap(),
            };
            let Some(first) = notes.map(|notes| notes.to_markdown()) else {
                continue;
            };
            let second = Notes::from_markdown(&first)
                .unwrap()
                .map(|notes| notes.to_markdown());
            assert_eq!(second.as_ref(), Some(&first), "{list}: {}", name(&case));
        }
    }
}

#[test]
fn every_exception_is_needed_and_has_a_reason() {
    for list in ["markdown", "documents"] {
        let (cases, exceptions) = cases(list);
        for (key, exception) in exceptions {
            let case = cases
                .iter()
                .find(|case| name(case) == key)
                .expect("an exception names a case");
            assert!(
                exception["reason"]
                    .as_str()
                    .is_some_and(|reason| reason.len() > 10),
                "{key}"
            );
            for member in ["document", "rendered"] {
                if let Some(ours) = exception.get(member) {
                    assert_ne!(
                        ours, &case[member],
                        "{list} {key}: {member} is no exception"
                    );
                }
            }
        }
    }
}

#[test]
fn there_are_enough_cases() {
    let count = cases("markdown").0.len() + cases("documents").0.len();
    assert!(count >= 300, "{count}");
}
