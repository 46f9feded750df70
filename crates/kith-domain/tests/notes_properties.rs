//! Properties of notes over random documents and random text.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use kith_domain::notes::Notes;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Pieces that mean something in Markdown, so that random text is seldom plain.
const PIECES: &[&str] = &[
    "a",
    "word",
    "x y",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\n\n\n\n",
    "\t",
    "*",
    "**",
    "***",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "``",
    "```",
    "```js\n",
    "~~~\n",
    "- ",
    "* ",
    "+ ",
    "1. ",
    "2) ",
    "10. ",
    "- [ ] ",
    "- [x] ",
    "  - ",
    "   1. ",
    "    ",
    "> ",
    ">",
    "# ",
    "## ",
    "#",
    "---",
    "===",
    "| a | b |\n| --- | :-: |\n| ",
    " | ",
    "|",
    "\\",
    "\\|",
    "[",
    "]",
    "(",
    ")",
    "](https://a.b/c)",
    "[x](https://a.b \"t\")",
    "[x]: https://q.r\n",
    "[x]",
    "![i](https://a.b/c.png)",
    "![",
    "!",
    "<",
    ">",
    "<u>",
    "</u>",
    "<em>",
    "</em>",
    "<strong>",
    "</strong>",
    "<br>",
    "<div>",
    "</div>\n",
    "<!-- c -->",
    "&",
    "&amp;",
    "&lt;",
    "&#42;",
    "&nbsp;",
    "&copy;",
    "\u{a0}",
    "https://a.b/c",
    "http://",
    "www.a.b",
    "ann@b.co",
    "@",
    ".",
    ":",
    "é",
    "🎉",
    "שלום",
    "字",
    "<https://a.b>",
    "  \n",
    "\\\n",
    "=",
    "-",
    "+",
    "1",
    "javascript:x",
    "[y](/z)",
    "\"",
    "'",
];

fn markdown() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::collection::vec(prop::sample::select(PIECES), 0..30).prop_map(|pieces| pieces.concat()),
        1 => "[ -~\n]{0,80}",
        1 => any::<String>().prop_map(|text| text.chars().filter(|c| !c.is_control() || *c == '\n').collect()),
    ]
}

/// Text without white space at its ends.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-z]{1,6}",
        1 => prop::sample::select(&["*", "**b**", "_a_", "`", "~~", "[x]", "\\", "a&b", "<b>", "1.", "-", "#", "+", ">", "|", "!", "é", "🎉", "שלום",
            "https://a.b", "a@b.co", "&amp;", "---", "=", "(x)", "3)", "[ ]", "\u{a0}x", "www.a.b", "x:", "~", "![a](b)", ":--", "```"][..]).prop_map(str::to_owned),
    ];
    prop::collection::vec(word, 1..5).prop_map(|words| words.join(" "))
}

fn marks() -> impl Strategy<Value = Vec<Value>> {
    let mark = prop::sample::subsequence(vec!["bold", "italic", "strike", "underline"], 0..3);
    let link = prop::option::weighted(
        0.2,
        prop::sample::select(
            &[
                "https://a.b/c",
                "mailto:a@b.c",
                "https://a.b/(c)_d?e=1&f=2#g*h",
            ][..],
        ),
    );
    (mark, link, prop::bool::weighted(0.1)).prop_map(|(names, link, code)| {
        let link = link.map(|href| json!({"type": "link", "attrs": {"href": href}}));
        let code = code.then(|| json!({"type": "code"}));
        link.into_iter()
            .chain(names.into_iter().map(|name| json!({"type": name})))
            .chain(code)
            .collect()
    })
}

/// Inline content that Markdown can say: white space belongs to no mark and does not stand at the ends.
fn inline(breaks: bool) -> impl Strategy<Value = Vec<Value>> {
    let piece = (words(), marks(), 0..if breaks { 5 } else { 3 });
    prop::collection::vec(piece, 1..5).prop_map(|pieces| {
        let mut out: Vec<Value> = Vec::new();
        for (index, (words, marks, before)) in pieces.into_iter().enumerate() {
            match before {
                1 if index > 0 => out.push(text(" ", &[])),
                3 if index > 0 => out.push(json!({"type": "hardBreak"})),
                4 if index > 0 => out.push(text("\n", &[])),
                _ => {}
            }
            let words = if marks.iter().any(|mark| mark["type"] == "code") {
                words.replace('\u{a0}', "")
            } else {
                words
            };
            out.push(text(words.trim(), &marks));
        }
        merged(out)
    })
}

fn text(value: &str, marks: &[Value]) -> Value {
    match marks {
        [] => json!({"type": "text", "text": value}),
        marks => json!({"type": "text", "marks": marks, "text": value}),
    }
}

/// Neighbouring text with the same marks is one node.
fn merged(nodes: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for node in nodes {
        match out.last_mut() {
            Some(last)
                if last["type"] == "text"
                    && node["type"] == "text"
                    && last.get("marks") == node.get("marks") =>
            {
                last["text"] = format!(
                    "{}{}",
                    last["text"].as_str().unwrap(),
                    node["text"].as_str().unwrap()
                )
                .into();
            }
            _ => out.push(node),
        }
    }
    out
}

fn paragraph() -> impl Strategy<Value = Value> {
    inline(true).prop_map(|content| json!({"type": "paragraph", "content": content}))
}

fn table() -> impl Strategy<Value = Value> {
    (1..4_usize, 0..3_usize).prop_flat_map(|(columns, rows)| {
        let cell = prop::collection::vec(prop::option::weighted(0.8, inline(false)), columns);
        (prop::collection::vec(cell, rows + 1), prop::collection::vec(prop::option::of(prop::sample::select(&["left", "center", "right"][..])), columns)).prop_map(
            |(rows, aligns)| {
                let rows = rows.into_iter().enumerate().map(|(index, cells)| {
                    let kind = if index == 0 { "tableHeader" } else { "tableCell" };
                    let cells = cells.into_iter().zip(&aligns).map(|(content, align)| {
                        json!({"type": kind, "attrs": {"align": align}, "content": [{"type": "paragraph", "content": content.unwrap_or_default()}]})
                    });
                    json!({"type": "tableRow", "content": cells.collect::<Vec<_>>()})
                });
                json!({"type": "table", "content": rows.collect::<Vec<_>>()})
            },
        )
    })
}

fn block() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => paragraph(),
        2 => (1..7, inline(false)).prop_map(|(level, content)| json!({"type": "heading", "attrs": {"level": level}, "content": content})),
        1 => (prop::option::of("[a-z]{1,5}"), prop::collection::vec(prop::sample::select(PIECES), 0..6)).prop_map(|(language, text)| {
            let text = text.concat();
            let content = if text.is_empty() { json!([]) } else { json!([{"type": "text", "text": text}]) };
            json!({"type": "codeBlock", "attrs": {"language": language}, "content": content})
        }),
        1 => Just(json!({"type": "horizontalRule"})),
        1 => Just(json!({"type": "paragraph"})),
        1 => words().prop_map(|alt| json!({"type": "image", "attrs": {"src": "https://a.b/c.png", "alt": alt}})),
        1 => table(),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let item = (prop::option::weighted(0.9, paragraph()), prop::collection::vec(inner.clone(), 0..3)).prop_map(|(first, mut rest)| {
            while rest.last().is_some_and(is_empty) {
                rest.pop();
            }
            let mut content = vec![first.unwrap_or_else(|| json!({"type": "paragraph"}))];
            content.extend(rest);
            content
        });
        let items = prop::collection::vec((item, any::<bool>()), 1..4).boxed();
        let plain = |items: Vec<(Vec<Value>, bool)>| items.into_iter().map(|(content, _)| json!({"type": "listItem", "content": content})).collect::<Vec<_>>();
        prop_oneof![
            items.clone().prop_map(move |items| json!({"type": "bulletList", "content": plain(items)})),
            (items.clone(), 1..120).prop_map(move |(items, start)| {
                let attrs = if start == 1 { json!({}) } else { json!({"start": start}) };
                json!({"type": "orderedList", "attrs": attrs, "content": plain(items)})
            }),
            items.prop_map(|items| {
                let items = items.into_iter().map(|(content, checked)| json!({"type": "taskItem", "attrs": {"checked": checked}, "content": content}));
                json!({"type": "taskList", "content": items.collect::<Vec<_>>()})
            }),
            prop::collection::vec(inner, 1..3).prop_map(|content| json!({"type": "blockquote", "content": content})),
        ]
    })
}

fn is_empty(node: &Value) -> bool {
    node["type"] == "paragraph" && node.get("content").is_none()
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec(block(), 1..5)
        .prop_map(|content| json!({"type": "doc", "content": content}))
}

/// Letters and digits, the text that must not get lost.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn text_of(node: &Value, out: &mut String) {
    out.push_str(node["text"].as_str().unwrap_or(""));
    for child in node["content"].as_array().into_iter().flatten() {
        text_of(child, out);
    }
}

fn attrs_of(node: &Value, out: &mut String) {
    for (name, value) in node["attrs"].as_object().into_iter().flatten() {
        if let (Some(text), true) = (value.as_str(), name != "align") {
            out.push_str(text);
            out.push(' ');
        }
    }
    let inside = ["content", "marks"]
        .into_iter()
        .filter_map(|name| node[name].as_array());
    inside.flatten().for_each(|child| attrs_of(child, out));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_document_is_read_as_itself(document in document()) {
        let Some(notes) = Notes::from_document(&document).unwrap() else { return Ok(()) };
        let markdown = notes.to_markdown();
        let read = Notes::from_markdown(&markdown).unwrap();
        let read = read.as_ref().map(Notes::document);
        prop_assert_eq!(read, Some(notes.document()), "{}", markdown);
    }

    #[test]
    fn a_second_pass_changes_nothing(markdown in markdown()) {
        let Some(notes) = Notes::from_markdown(&markdown).unwrap() else { return Ok(()) };
        let first = notes.to_markdown();
        let second = Notes::from_markdown(&first).unwrap().map_or_else(String::new, |notes| notes.to_markdown());
        prop_assert_eq!(&second, &first, "{}", notes.document());
    }

    #[test]
    fn no_text_is_lost_in_reading(markdown in markdown()) {
        let notes = Notes::from_markdown(&markdown).unwrap();
        // Whatever was written is in the document, be it as text or as an attribute.
        let document = notes.map_or(Value::Null, |notes| serde_json::from_str(notes.document()).unwrap());
        let (mut kept, mut attrs) = (String::new(), String::new());
        text_of(&document, &mut kept);
        attrs_of(&document, &mut attrs);
        kept.push_str(&attrs);
        for word in ["word", "שלום", "字", "🎉", "é"] {
            prop_assert!(kept.matches(word).count() >= markdown.matches(word).count(), "{}: {}", word, document);
        }
    }

    #[test]
    fn no_text_is_lost_in_writing(document in document()) {
        let Some(notes) = Notes::from_document(&document).unwrap() else { return Ok(()) };
        let again = Notes::from_markdown(&notes.to_markdown()).unwrap().expect("text");
        let (mut before, mut after) = (String::new(), String::new());
        text_of(&document, &mut before);
        text_of(&serde_json::from_str(again.document()).unwrap(), &mut after);
        prop_assert_eq!(letters(&before), letters(&after));
    }

    #[test]
    fn a_document_is_accepted_as_it_was_given_out(markdown in markdown()) {
        let Some(notes) = Notes::from_markdown(&markdown).unwrap() else { return Ok(()) };
        let value: Value = serde_json::from_str(notes.document()).unwrap();
        let again = Notes::from_document(&value).unwrap().expect("text");
        prop_assert_eq!(again.document(), notes.document());
        prop_assert_eq!(&again, &notes);
        let stored = Notes::from_stored(notes.document().to_owned());
        prop_assert_eq!(stored.to_markdown(), notes.to_markdown());
    }

    #[test]
    fn writing_back_what_was_read_changes_nothing(document in document()) {
        let Some(notes) = Notes::from_document(&document).unwrap() else { return Ok(()) };
        let back = Notes::replaced_by_markdown(Some(&notes), &notes.to_markdown()).unwrap();
        prop_assert_eq!(back.as_ref(), Some(&notes));
    }

    #[test]
    fn appending_keeps_both(first in document(), second in document()) {
        let (Some(first), Some(second)) = (Notes::from_document(&first).unwrap(), Notes::from_document(&second).unwrap()) else { return Ok(()) };
        let both = first.append(&second).unwrap();
        let content = |notes: &Notes| serde_json::from_str::<Value>(notes.document()).unwrap()["content"].as_array().unwrap().clone();
        let joined: Vec<Value> = content(&first).into_iter().chain(content(&second)).collect();
        prop_assert_eq!(content(&both), joined);
    }
}
