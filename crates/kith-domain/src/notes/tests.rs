//! What is refused and how it is said, limits, and the rules of replacing and appending.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::{Value, json};

use super::node::{MARKS, NODES};
use super::{MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_MARKDOWN_CHARS, Notes, NotesError};

fn doc(content: Value) -> Value {
    json!({"type": "doc", "content": content})
}

fn paragraph(content: Value) -> Value {
    json!({"type": "paragraph", "content": content})
}

fn notes(markdown: &str) -> Notes {
    Notes::from_markdown(markdown).unwrap().unwrap()
}

fn refusal(document: &Value) -> String {
    match Notes::from_document(document) {
        Err(error) => error.to_string(),
        Ok(notes) => panic!("{document} was accepted as {notes:?}"),
    }
}

#[test]
fn tables_stand_in_the_order_of_their_enums() {
    for (index, spec) in NODES.iter().enumerate() {
        assert_eq!(spec.kind as usize, index, "{}", spec.name);
    }
    for (index, (kind, name, _)) in MARKS.iter().enumerate() {
        assert_eq!(*kind as usize, index, "{name}");
    }
}

#[test]
fn what_is_not_accepted_is_named_with_its_place() {
    let text = |marks: Value| {
        doc(json!([paragraph(
            json!([{"type": "text", "text": "a", "marks": marks}])
        )]))
    };
    let cases = [
        (
            json!("x"),
            "the document: a node must be an object, not \"x\"",
        ),
        (json!({}), "the document: a node needs a type"),
        (
            paragraph(json!([])),
            "the document: the root must be {\"type\":\"doc\"}, not \"paragraph\"",
        ),
        (
            doc(json!([{"type": "video"}])),
            "/content/0: unknown node type \"video\"; known are doc, paragraph, text, heading",
        ),
        (
            doc(json!([{"type": "paragraph", "foo": 1}])),
            "/content/0: unknown member \"foo\" of paragraph",
        ),
        (
            doc(json!({})),
            "the document: content must be an array, not an object",
        ),
        (
            doc(json!([{"type": "text", "text": "a"}])),
            "/content/0: text cannot stand in doc",
        ),
        (
            doc(json!([{"type": "bulletList"}])),
            "/content/0: bulletList must not be empty; it takes listItem",
        ),
        (
            doc(json!([{"type": "bulletList", "content": [paragraph(json!([]))]}])),
            "paragraph cannot stand in bulletList; it takes listItem",
        ),
        (
            doc(json!([{"type": "heading", "attrs": {"level": 7}}])),
            "/content/0/attrs/level: must be an integer from 1 to 6, not 7",
        ),
        (
            doc(json!([{"type": "paragraph", "attrs": {"color": "red"}}])),
            "/content/0/attrs: unknown attribute \"color\"; paragraph takes no attributes",
        ),
        (
            doc(json!([{"type": "image", "attrs": {"alt": "a"}}])),
            "/content/0: an image needs attrs.src",
        ),
        (
            doc(json!([{"type": "image", "attrs": {"src": "javascript:x"}}])),
            "/content/0/attrs/src: must be an address",
        ),
        (
            doc(json!([paragraph(json!([{"type": "text", "text": ""}]))])),
            "a text node must not be empty",
        ),
        (
            doc(json!([paragraph(
                json!([{"type": "text", "text": "a\u{0}"}])
            )])),
            "the control character U+0000",
        ),
        (
            doc(json!([{"type": "paragraph", "marks": [{"type": "bold"}]}])),
            "/content/0/marks/0: paragraph cannot carry marks",
        ),
        (
            text(json!([{"type": "glow"}])),
            "/content/0/content/0/marks/0: unknown mark \"glow\"; known are link, bold, code, italic, strike, underline",
        ),
        (
            text(json!([{"type": "link"}])),
            "/content/0/content/0/marks/0: a link needs attrs.href",
        ),
        (
            text(json!([{"type": "link", "attrs": {"href": "javascript:x"}}])),
            "/content/0/content/0/marks/0/attrs/href: must be an address that begins with http:, https:, mailto: or tel:, not \"javascript:x\"",
        ),
        (
            text(json!([{"type": "link", "attrs": {"href": " https://a.b"}}])),
            "attrs/href: must be an address",
        ),
        (
            text(json!([{"type": "link", "attrs": {"href": "/a"}}])),
            "attrs/href: must be an address",
        ),
        (
            doc(
                json!([{"type": "codeBlock", "content": [{"type": "text", "text": "a", "marks": [{"type": "bold"}]}]}]),
            ),
            "text cannot stand in codeBlock; it takes text without marks",
        ),
    ];
    for (document, expected) in cases {
        let message = refusal(&document);
        assert!(message.contains(expected), "{message}\n  {expected}");
    }
}

#[test]
fn every_node_and_mark_is_kept_as_it_came() {
    let document = json!({"type": "doc", "content": [
        {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "a"}]},
        {"type": "paragraph", "content": [
            {"type": "text", "marks": [{"type": "link", "attrs": {"href": "tel:+49", "target": "_blank", "rel": "noopener", "title": "t"}}, {"type": "bold"}, {"type": "code"}, {"type": "italic"}, {"type": "strike"}, {"type": "underline"}], "text": "b"},
            {"type": "hardBreak"}]},
        {"type": "orderedList", "attrs": {"start": 3, "type": "a"}, "content": [{"type": "listItem", "content": [{"type": "paragraph"}]}]},
        {"type": "taskList", "content": [{"type": "taskItem", "attrs": {"checked": true}, "content": [{"type": "paragraph"}]}]},
        {"type": "codeBlock", "attrs": {"language": "js"}, "content": [{"type": "text", "text": "c\n\td"}]},
        {"type": "table", "content": [{"type": "tableRow", "content": [
            {"type": "tableHeader", "attrs": {"colspan": 2, "rowspan": 1, "colwidth": [100, 200], "align": "left"}, "content": [{"type": "paragraph"}]}]}]},
        {"type": "image", "attrs": {"src": "data:image/png;base64,AA==", "alt": "e", "width": 10, "height": "50%"}},
        {"type": "horizontalRule"}]});
    let notes = Notes::from_document(&document).unwrap().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(notes.document()).unwrap(),
        document
    );
}

#[test]
fn the_order_of_members_and_null_make_no_difference() {
    let one = r#"{"type":"doc","content":[{"type":"paragraph","attrs":{"textAlign":null},"content":[{"text":"a","type":"text","marks":[{"type":"italic"},{"type":"bold"}]}]},{"type":"paragraph","content":[]}]}"#;
    let two = r#"{"content":[{"type":"paragraph","content":[{"marks":[{"type":"bold"},{"attrs":null,"type":"italic"}],"type":"text","text":"a"}]},{"type":"paragraph"}],"type":"doc"}"#;
    let read = |text: &str| {
        Notes::from_document(&serde_json::from_str(text).unwrap())
            .unwrap()
            .unwrap()
    };
    assert_eq!(read(one), read(two));
    assert_eq!(read(one).document(), read(two).document());
    assert_eq!(Notes::from_stored(one.to_owned()), read(two));
    assert_ne!(read(one), notes("a"));
}

#[test]
fn blank_notes_are_none() {
    for markdown in ["", " ", "\n\n\n", "\t\n", "&nbsp;", "\u{a0}"] {
        assert_eq!(
            Notes::from_markdown(markdown).unwrap(),
            None,
            "{markdown:?}"
        );
    }
    for document in [
        json!(null),
        doc(json!([])),
        doc(json!(null)),
        doc(json!([paragraph(json!([])), {"type": "paragraph"}])),
    ] {
        assert_eq!(Notes::from_document(&document).unwrap(), None, "{document}");
    }
}

#[test]
fn limits_are_exact() {
    let longest = "a".repeat(MAX_MARKDOWN_CHARS);
    assert_eq!(notes(&longest).to_markdown(), longest);
    // Characters, not bytes.
    assert!(Notes::from_markdown(&"é".repeat(MAX_MARKDOWN_CHARS)).is_ok());
    let error = Notes::from_markdown(&(longest + "a")).unwrap_err();
    assert_eq!(
        error,
        NotesError::MarkdownTooLong {
            actual: MAX_MARKDOWN_CHARS + 1
        }
    );

    let around = doc(json!([paragraph(json!([{"type": "text", "text": "a"}]))]))
        .to_string()
        .len()
        - 1;
    let long = |bytes: usize| {
        doc(json!([paragraph(
            json!([{"type": "text", "text": "a".repeat(bytes - around)}])
        )]))
    };
    let notes = Notes::from_document(&long(MAX_DOCUMENT_BYTES))
        .unwrap()
        .unwrap();
    assert_eq!(notes.document().len(), MAX_DOCUMENT_BYTES);
    let error = Notes::from_document(&long(MAX_DOCUMENT_BYTES + 1)).unwrap_err();
    assert_eq!(
        error,
        NotesError::DocumentTooLong {
            limit: MAX_DOCUMENT_BYTES
        }
    );
    assert_eq!(notes.append(&notes).unwrap_err(), error);
}

#[test]
fn depth_is_bounded_on_every_way_in() {
    let quotes = |depth: usize| {
        let inside = paragraph(json!([{"type": "text", "text": "a"}]));
        doc(json!([(0..depth).fold(
            inside,
            |inside, _| json!({"type": "blockquote", "content": [inside]})
        )]))
    };
    assert!(Notes::from_document(&quotes(MAX_DEPTH - 2)).is_ok());
    assert_eq!(
        Notes::from_document(&quotes(MAX_DEPTH - 1)).unwrap_err(),
        NotesError::TooDeep
    );
    for deep in [
        "> ".repeat(1000) + "a",
        ">".repeat(60_000),
        "- ".repeat(10_000) + "a",
        "1. ".repeat(10_000) + "a",
    ] {
        assert_eq!(
            Notes::from_markdown(&deep).unwrap_err(),
            NotesError::TooDeep
        );
    }
    // What Markdown makes is accepted as a document.
    let deepest = notes(&(">".repeat(MAX_DEPTH - 3) + " a"));
    let value: Value = serde_json::from_str(deepest.document()).unwrap();
    assert_eq!(Notes::from_document(&value).unwrap(), Some(deepest));
}

#[test]
fn a_table_that_swells_is_refused() {
    let table = "a|".repeat(8_000) + "\n" + &"-|".repeat(8_000) + "\n" + &"a\n".repeat(16_000);
    assert!(matches!(
        Notes::from_markdown(&table),
        Err(NotesError::DocumentTooLong { .. })
    ));
}

#[test]
fn control_characters_are_refused() {
    let error = Notes::from_markdown("a\u{0}b").unwrap_err();
    assert_eq!(
        error.to_string(),
        "character 2 of the notes is the control character U+0000; only tab and newline are accepted"
    );
    assert_eq!(notes("a\r\nb\rc").to_markdown(), "a\nb\nc");
}

#[test]
fn replacing_by_what_was_read_changes_nothing() {
    let document = doc(json!([paragraph(
        json!([{"type": "text", "text": "a", "marks": [{"type": "link", "attrs": {"href": "https://b.c", "target": "_blank"}}]}])
    )]));
    let stored = Notes::from_document(&document).unwrap().unwrap();
    let markdown = stored.to_markdown();
    assert_eq!(
        Notes::replaced_by_markdown(Some(&stored), &markdown).unwrap(),
        Some(stored.clone())
    );
    // The same text without stored notes knows nothing of the target.
    assert_ne!(
        Notes::replaced_by_markdown(None, &markdown).unwrap(),
        Some(stored.clone())
    );
    assert_eq!(
        Notes::replaced_by_markdown(Some(&stored), "b").unwrap(),
        Some(notes("b"))
    );
    assert_eq!(
        Notes::replaced_by_markdown(Some(&stored), "").unwrap(),
        None
    );
}

#[test]
fn appending_joins_with_one_blank_line() {
    assert_eq!(
        notes("a").append(&notes("b")).unwrap().to_markdown(),
        "a\n\nb"
    );
    // Two lists stay two.
    let lists = notes("- a").append(&notes("- b")).unwrap();
    assert_eq!(lists.to_markdown(), "- a\n\n* b");
    assert_eq!(notes(&lists.to_markdown()), lists);
}

#[test]
fn stored_text_that_is_no_document_is_shown_as_it_is() {
    let broken = Notes::from_stored("oops".to_owned());
    assert_eq!(broken.to_markdown(), "oops");
    assert_eq!(
        broken.append(&notes("a")).unwrap().to_markdown(),
        "oops\n\na"
    );
}
