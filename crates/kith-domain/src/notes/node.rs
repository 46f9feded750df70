//! The nodes and marks that notes are made of, as tables: names, attributes, what may stand in what.

use std::sync::Arc;

use serde_json::Value;

/// The attributes that a node or mark may have.
pub(super) type AttrRules = &'static [(&'static str, Rule)];

/// An attribute's name and value; null is never kept.
pub(super) type Attrs = Vec<(&'static str, Value)>;

/// One node of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// In the order of [`NodeSpec::attrs`].
    pub(super) attrs: Attrs,
    pub(super) content: Vec<Node>,
    /// In the order of [`MarkKind`], each kind once.
    pub(super) marks: Vec<Mark>,
    /// Of text nodes only.
    pub(super) text: String,
}

/// A mark on a text node or an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) kind: MarkKind,
    /// Shared, because a link's address is repeated on each piece of its text.
    pub(super) attrs: Arc<Attrs>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Doc,
    Paragraph,
    Text,
    Heading,
    BulletList,
    OrderedList,
    ListItem,
    TaskList,
    TaskItem,
    Blockquote,
    CodeBlock,
    HorizontalRule,
    HardBreak,
    Table,
    TableRow,
    TableHeader,
    TableCell,
    Image,
}

/// What a mark is, in the order in which Tiptap ranks them (the first goes outermost).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum MarkKind {
    Link,
    Bold,
    Code,
    Italic,
    Strike,
    Underline,
}

/// What may stand in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing.
    None,
    /// Any number of blocks.
    Blocks,
    /// At least one block.
    SomeBlocks,
    /// Text, hard breaks and images.
    Inline,
    /// Text without marks.
    Code,
    /// At least one node of these kinds.
    Some(&'static [Kind]),
    /// Any number of nodes of these kinds.
    Any(&'static [Kind]),
}

/// What an attribute's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// An integer within the bounds.
    Integer(i64, i64),
    /// True or false.
    Bool,
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A link's address.
    Href,
    /// An image's address.
    Src,
    /// An array of column widths.
    Widths,
    /// A whole number or a string, such as `"50%"`.
    Length,
}

/// A row of [`NODES`].
#[derive(Debug)]
pub(super) struct NodeSpec {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) attrs: AttrRules,
    pub(super) content: Content,
}

const CELL: AttrRules = &[
    ("colspan", Rule::Integer(1, 1000)),
    ("rowspan", Rule::Integer(1, 1000)),
    ("colwidth", Rule::Widths),
    ("align", Rule::OneOf(&["left", "center", "right"])),
];
const IMAGE: AttrRules = &[
    ("src", Rule::Src),
    ("alt", Rule::Text),
    ("title", Rule::Text),
    ("width", Rule::Length),
    ("height", Rule::Length),
];
const ORDERED: AttrRules = &[
    ("start", Rule::Integer(0, 999_999_999)),
    ("type", Rule::OneOf(&["1", "a", "A", "i", "I"])),
];
const LINK: AttrRules = &[
    ("href", Rule::Href),
    ("target", Rule::Text),
    ("rel", Rule::Text),
    ("class", Rule::Text),
    ("title", Rule::Text),
];

/// Every node.
pub(super) const NODES: &[NodeSpec] = &[
    spec(Kind::Doc, "doc", &[], Content::Blocks),
    spec(Kind::Paragraph, "paragraph", &[], Content::Inline),
    spec(Kind::Text, "text", &[], Content::None),
    spec(
        Kind::Heading,
        "heading",
        &[("level", Rule::Integer(1, 6))],
        Content::Inline,
    ),
    spec(
        Kind::BulletList,
        "bulletList",
        &[],
        Content::Some(&[Kind::ListItem]),
    ),
    spec(
        Kind::OrderedList,
        "orderedList",
        ORDERED,
        Content::Some(&[Kind::ListItem]),
    ),
    spec(Kind::ListItem, "listItem", &[], Content::SomeBlocks),
    spec(
        Kind::TaskList,
        "taskList",
        &[],
        Content::Some(&[Kind::TaskItem]),
    ),
    spec(
        Kind::TaskItem,
        "taskItem",
        &[("checked", Rule::Bool)],
        Content::SomeBlocks,
    ),
    spec(Kind::Blockquote, "blockquote", &[], Content::SomeBlocks),
    spec(
        Kind::CodeBlock,
        "codeBlock",
        &[("language", Rule::Text)],
        Content::Code,
    ),
    spec(Kind::HorizontalRule, "horizontalRule", &[], Content::None),
    spec(Kind::HardBreak, "hardBreak", &[], Content::None),
    spec(Kind::Table, "table", &[], Content::Some(&[Kind::TableRow])),
    spec(
        Kind::TableRow,
        "tableRow",
        &[],
        Content::Any(&[Kind::TableHeader, Kind::TableCell]),
    ),
    spec(Kind::TableHeader, "tableHeader", CELL, Content::Blocks),
    spec(Kind::TableCell, "tableCell", CELL, Content::Blocks),
    spec(Kind::Image, "image", IMAGE, Content::None),
];

/// Every mark, in the order of [`MarkKind`].
pub(super) const MARKS: &[(MarkKind, &str, AttrRules)] = &[
    (MarkKind::Link, "link", LINK),
    (MarkKind::Bold, "bold", &[]),
    (MarkKind::Code, "code", &[]),
    (MarkKind::Italic, "italic", &[]),
    (MarkKind::Strike, "strike", &[]),
    (MarkKind::Underline, "underline", &[]),
];

const fn spec(kind: Kind, name: &'static str, attrs: AttrRules, content: Content) -> NodeSpec {
    NodeSpec {
        kind,
        name,
        attrs,
        content,
    }
}

impl Kind {
    /// Its row.
    pub(super) fn spec(self) -> &'static NodeSpec {
        // The rows stand in the order of the enum (a test says so).
        &NODES[self as usize]
    }

    /// Its name in documents.
    pub(super) fn name(self) -> &'static str {
        self.spec().name
    }

    /// Whether it may stand where blocks stand.
    pub(super) fn is_block(self) -> bool {
        !matches!(
            self,
            Kind::Doc
                | Kind::Text
                | Kind::HardBreak
                | Kind::ListItem
                | Kind::TaskItem
                | Kind::TableRow
                | Kind::TableHeader
                | Kind::TableCell
        )
    }

    /// Whether it may stand in a paragraph.
    pub(super) fn is_inline(self) -> bool {
        matches!(self, Kind::Text | Kind::HardBreak | Kind::Image)
    }

    /// Whether it is one of the three lists.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Kind::BulletList | Kind::OrderedList | Kind::TaskList)
    }
}

impl MarkKind {
    /// Its name in documents.
    pub(super) fn name(self) -> &'static str {
        MARKS[self as usize].1
    }
}

impl Mark {
    /// A mark without attributes.
    pub(super) fn plain(kind: MarkKind) -> Mark {
        Mark {
            kind,
            attrs: Arc::default(),
        }
    }

    /// A link.
    pub(super) fn link(href: &str, title: &str) -> Mark {
        let mut attrs: Attrs = vec![("href", href.into())];
        if !title.is_empty() {
            attrs.push(("title", title.into()));
        }
        Mark {
            kind: MarkKind::Link,
            attrs: Arc::new(attrs),
        }
    }

    /// A string attribute; empty if it is absent.
    pub(super) fn attr(&self, name: &str) -> &str {
        text_of(&self.attrs, name)
    }
}

impl Node {
    /// A node with children only.
    pub(super) fn with(kind: Kind, content: Vec<Node>) -> Node {
        Node {
            kind,
            attrs: Vec::new(),
            content,
            marks: Vec::new(),
            text: String::new(),
        }
    }

    /// A paragraph.
    pub(super) fn paragraph(content: Vec<Node>) -> Node {
        Node::with(Kind::Paragraph, content)
    }

    /// A text node.
    pub(super) fn text(text: String, marks: Vec<Mark>) -> Node {
        Node {
            marks,
            text,
            ..Node::with(Kind::Text, Vec::new())
        }
    }

    /// A node without children.
    pub(super) fn leaf(kind: Kind, attrs: Attrs) -> Node {
        Node {
            attrs,
            ..Node::with(kind, Vec::new())
        }
    }

    /// Whether it is a paragraph without content.
    pub(super) fn is_empty_paragraph(&self) -> bool {
        self.kind == Kind::Paragraph && self.content.is_empty()
    }

    /// A string attribute; empty if it is absent.
    pub(super) fn attr(&self, name: &str) -> &str {
        text_of(&self.attrs, name)
    }

    /// An integer attribute.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        value_of(&self.attrs, name).and_then(Value::as_i64)
    }

    /// Whether a boolean attribute is true.
    pub(super) fn flag(&self, name: &str) -> bool {
        value_of(&self.attrs, name).and_then(Value::as_bool) == Some(true)
    }

    /// Whether the mark is on it.
    pub(super) fn has(&self, kind: MarkKind) -> bool {
        self.marks.iter().any(|mark| mark.kind == kind)
    }

    /// Adds a mark unless one of its kind is there.
    pub(super) fn add_mark(&mut self, mark: &Mark) {
        let at = self.marks.partition_point(|other| other.kind < mark.kind);
        if self
            .marks
            .get(at)
            .is_none_or(|other| other.kind != mark.kind)
        {
            self.marks.insert(at, mark.clone());
        }
    }
}

fn value_of<'a>(attrs: &'a Attrs, name: &str) -> Option<&'a Value> {
    attrs.iter().find(|(key, _)| *key == name).map(|(_, v)| v)
}

fn text_of<'a>(attrs: &'a Attrs, name: &str) -> &'a str {
    value_of(attrs, name).and_then(Value::as_str).unwrap_or("")
}

/// Whether a link may lead there: http, https, mailto and tel.
pub(super) fn is_href(href: &str) -> bool {
    let clean = !href.chars().any(|c| c.is_control() || c.is_whitespace());
    let scheme = scheme_of(href).map(str::to_ascii_lowercase);
    clean && matches!(scheme.as_deref(), Some("http" | "https" | "mailto" | "tel"))
}

/// Whether an image may come from there: http, https, an embedded image, or an address without a scheme.
pub(super) fn is_src(src: &str) -> bool {
    let clean = !src.is_empty() && !src.chars().any(|c| c.is_control() || c.is_whitespace());
    let known = match scheme_of(src).map(str::to_ascii_lowercase).as_deref() {
        None | Some("http" | "https") => true,
        Some("data") => src
            .get(5..11)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("image/")),
        Some(_) => false,
    };
    clean && known
}

fn scheme_of(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once(':')?;
    let mut chars = scheme.chars();
    let valid = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    valid.then_some(scheme)
}
