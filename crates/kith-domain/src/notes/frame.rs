//! What the reader of Markdown keeps of a part of the document until it ends.

use pulldown_cmark::Alignment;

use super::builder::Builder;
use super::node::{Kind, Node};

/// A part of the document that the parser has begun and not ended.
pub(super) struct Frame {
    /// Where it begins in the source.
    pub(super) start: usize,
    pub(super) body: Body,
}

/// What such a part has gathered.
pub(super) enum Body {
    /// A document, quote or item.
    Blocks {
        kind: Kind,
        nodes: Vec<Node>,
        last_end: usize,
        checked: Option<bool>,
    },
    List {
        start: Option<u64>,
        items: Vec<Node>,
    },
    /// A paragraph or heading; `implicit` if the parser did not announce it (in tight lists).
    Leaf {
        level: Option<i64>,
        builder: Builder,
        implicit: bool,
        end: usize,
    },
    Code {
        language: String,
        text: String,
    },
    Html(String),
    Table {
        aligns: Vec<Alignment>,
        rows: Vec<Node>,
    },
    Row {
        header: bool,
        cells: Vec<Node>,
        last_end: usize,
    },
    Cell(Builder),
}

impl Frame {
    /// What it is, if blocks stand in it.
    pub(super) fn container(&self) -> Option<Kind> {
        match self.body {
            Body::Blocks { kind, .. } => Some(kind),
            _ => None,
        }
    }

    pub(super) fn blocks(kind: Kind, start: usize, content: usize) -> Frame {
        let body = Body::Blocks {
            kind,
            nodes: Vec::new(),
            last_end: content,
            checked: None,
        };
        Frame { start, body }
    }

    pub(super) fn leaf(start: usize, level: Option<i64>, implicit: bool) -> Frame {
        let body = Body::Leaf {
            level,
            builder: Builder::default(),
            implicit,
            end: start,
        };
        Frame { start, body }
    }
}

/// A code block; the parser's text ends with the line end before the fence.
pub(super) fn code_block(language: String, mut text: String) -> Node {
    if text.ends_with('\n') {
        text.pop();
    }
    let language = Some(language).filter(|language| !language.is_empty());
    let text = Some(text).filter(|text| !text.is_empty());
    Node {
        attrs: language
            .map(|name| ("language", name.into()))
            .into_iter()
            .collect(),
        ..Node::with(
            Kind::CodeBlock,
            text.map(|text| Node::text(text, Vec::new()))
                .into_iter()
                .collect(),
        )
    }
}

/// Raw HTML as the text of paragraphs: blank lines cannot stand inside one.
pub(super) fn html_parts(raw: &str) -> impl Iterator<Item = &str> {
    raw.split("\n\n")
        .map(|part| part.trim_matches('\n').trim_end())
        .filter(|part| !part.is_empty())
}

/// An item begins with a paragraph: a heading in its place becomes one, before anything else an empty one is put.
pub(super) fn lead(nodes: &mut Vec<Node>) {
    match nodes.first_mut() {
        Some(first) if first.kind == Kind::Heading => {
            *first = Node::paragraph(std::mem::take(&mut first.content));
        }
        _ => nodes.insert(0, Node::paragraph(Vec::new())),
    }
}

/// A task without text (`- [ ] `), which the parser takes for an item with brackets in it.
pub(super) fn empty_task(source: &str, nodes: &mut [Node]) -> Option<bool> {
    let first = nodes.first_mut()?;
    let checked = match first.content.as_slice() {
        [text] if text.text == "[ ]" => false,
        [text] if matches!(text.text.as_str(), "[x]" | "[X]") => true,
        _ => return None,
    };
    let rest = source
        .get(1..)?
        .trim_start_matches([' ', '\t'])
        .strip_prefix('[')?;
    if !rest.get(1..)?.strip_prefix(']')?.starts_with([' ', '\t']) {
        return None;
    }
    first.content.clear();
    Some(checked)
}

/// One list, or as many as there are runs of tasks and of plain items.
pub(super) fn lists(start: Option<u64>, items: Vec<Node>) -> Vec<Node> {
    let mut lists: Vec<Node> = Vec::new();
    for item in items {
        let kind = match (start, item.kind) {
            (Some(_), _) => Kind::OrderedList,
            (None, Kind::TaskItem) => Kind::TaskList,
            (None, _) => Kind::BulletList,
        };
        match lists.last_mut() {
            Some(list) if list.kind == kind => list.content.push(item),
            _ => lists.push(Node::with(kind, vec![item])),
        }
    }
    if let (Some(number), Some(list)) = (start, lists.first_mut())
        && number > 1
    {
        list.attrs.push(("start", number.into()));
    }
    lists
}
