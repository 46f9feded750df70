//! The inline content of one paragraph, heading or cell, gathered from the parser's events.

use std::collections::HashMap;
use std::ops::Range;

use super::autolink;
use super::node::{Kind, MARKS, Mark, MarkKind, Node, is_href, is_src};

/// Gathers inline content.
#[derive(Debug, Default)]
pub(super) struct Builder {
    items: Vec<Item>,
    /// What is open, innermost last.
    open: Vec<Open>,
    levels: u32,
    image: Option<PendingImage>,
}

#[derive(Debug)]
struct Item {
    body: Body,
    marks: Vec<Mark>,
    /// The container it stands in; HTML tags pair up within one.
    level: u32,
}

#[derive(Debug)]
enum Body {
    /// Text with the ranges that were escaped.
    Text(String, Vec<Range<usize>>),
    /// Text in which no address is looked for.
    Literal(String),
    Tag(String),
    Node(Node),
}

#[derive(Debug)]
struct Open {
    /// All marks that are open here, at most one of each kind.
    marks: Vec<Mark>,
    link: Option<Mark>,
    level: u32,
    /// Text to add at the end, of a link that is not one.
    tail: String,
    /// Where its items begin.
    first: usize,
}

#[derive(Debug)]
struct PendingImage {
    depth: usize,
    alt: String,
    src: String,
    title: String,
}

impl Builder {
    /// Text; `escaped` if it was written with a backslash or as a reference.
    pub(super) fn text(&mut self, text: &str, escaped: bool) {
        if let Some(image) = &mut self.image {
            image.alt.push_str(text);
            return;
        }
        let level = self.level();
        if let Some(Item {
            body: Body::Text(so_far, ranges),
            level: last,
            ..
        }) = self.items.last_mut()
            && *last == level
        {
            if escaped {
                ranges.push(so_far.len()..so_far.len() + text.len());
            }
            so_far.push_str(text);
            return;
        }
        let ranges = if escaped {
            std::iter::once(0..text.len()).collect()
        } else {
            Vec::new()
        };
        self.push(Body::Text(text.to_owned(), ranges));
    }

    /// The end of a line that is not a hard break.
    pub(super) fn soft_break(&mut self) {
        if let Some(Item {
            body: Body::Text(text, _),
            ..
        }) = self.items.last_mut()
            && self.image.is_none()
        {
            text.truncate(text.trim_end_matches([' ', '\t']).len());
        }
        self.text("\n", false);
    }

    /// A hard break.
    pub(super) fn hard_break(&mut self) {
        if self.image.is_some() {
            self.text("\n", false);
        } else {
            self.push(Body::Node(Node::leaf(Kind::HardBreak, Vec::new())));
        }
    }

    /// A code span.
    pub(super) fn code(&mut self, text: &str) {
        if self.image.is_some() {
            self.text(text, false);
        } else if !text.is_empty() {
            let marks = vec![Mark::plain(MarkKind::Code)];
            self.push(Body::Node(Node::text(text.to_owned(), marks)));
        }
    }

    /// A raw HTML tag.
    pub(super) fn html(&mut self, raw: &str) {
        if self.image.is_some() {
            self.text(raw, false);
        } else {
            self.push(Body::Tag(raw.to_owned()));
        }
    }

    /// Text as it is, even where it looks like an address.
    pub(super) fn literal(&mut self, text: &str) {
        if self.image.is_some() {
            self.text(text, false);
        } else {
            self.push(Body::Literal(text.to_owned()));
        }
    }

    /// The beginning of a mark.
    pub(super) fn start(&mut self, mark: MarkKind) {
        self.open(Some(Mark::plain(mark)), String::new());
    }

    /// The beginning of a link; one that leads to another scheme than the accepted ones stays text.
    pub(super) fn start_link(&mut self, href: &str, title: &str) {
        if self.image.is_some() {
            self.open(None, String::new());
        } else if is_href(href) {
            self.open(Some(Mark::link(href, title)), String::new());
        } else {
            let title = if title.is_empty() {
                String::new()
            } else {
                format!(" \"{title}\"")
            };
            self.literal("[");
            self.open(None, format!("]({href}{title})"));
        }
    }

    /// The end of a mark or link.
    pub(super) fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if !open.tail.is_empty() {
            self.literal(&open.tail);
        }
        if let Some(mark) = open.link
            && open.first == self.items.len()
        {
            // A link without text would be lost.
            let mut node = Node::text(mark.attr("href").to_owned(), Vec::new());
            node.add_mark(&mark);
            self.push(Body::Node(node));
        }
    }

    /// The beginning of an image, up to whose end everything is its alternative text.
    pub(super) fn start_image(&mut self, src: &str, title: &str) {
        match &mut self.image {
            Some(image) => image.depth += 1,
            None => {
                self.image = Some(PendingImage {
                    depth: 0,
                    alt: String::new(),
                    src: src.to_owned(),
                    title: title.to_owned(),
                });
            }
        }
    }

    /// The end of an image.
    pub(super) fn end_image(&mut self) {
        if let Some(image) = &mut self.image
            && image.depth > 0
        {
            image.depth -= 1;
            return;
        }
        let Some(PendingImage {
            alt, src, title, ..
        }) = self.image.take()
        else {
            return;
        };
        if !is_src(&src) {
            self.literal(&format!("![{alt}]({src})"));
            return;
        }
        let mut attrs = vec![("src", src.into()), ("alt", alt.into())];
        if !title.is_empty() {
            attrs.push(("title", title.into()));
        }
        self.push(Body::Node(Node::leaf(Kind::Image, attrs)));
    }

    /// What was gathered, as nodes.
    pub(super) fn finish(mut self) -> Vec<Node> {
        self.pair_tags();
        let mut nodes = Nodes::default();
        for Item { body, marks, .. } in self.items {
            match body {
                Body::Tag(raw) | Body::Literal(raw) => nodes.text(raw, &marks),
                Body::Node(mut node) => {
                    if node.kind != Kind::HardBreak {
                        marks.iter().for_each(|mark| node.add_mark(mark));
                    }
                    nodes.push(node);
                }
                Body::Text(text, escaped) => nodes.linked(&text, &escaped, &marks),
            }
        }
        nodes.0
    }

    fn level(&self) -> u32 {
        self.open.last().map_or(0, |open| open.level)
    }

    fn open(&mut self, mark: Option<Mark>, tail: String) {
        self.levels += 1;
        let mut marks = self.marks();
        let link = mark.clone().filter(|mark| mark.kind == MarkKind::Link);
        if let Some(mark) = mark
            && !marks.iter().any(|other| other.kind == mark.kind)
        {
            marks.push(mark);
            marks.sort_by_key(|mark| mark.kind);
        }
        let first = self.items.len();
        self.open.push(Open {
            marks,
            link,
            level: self.levels,
            tail,
            first,
        });
    }

    fn marks(&self) -> Vec<Mark> {
        self.open
            .last()
            .map_or_else(Vec::new, |open| open.marks.clone())
    }

    fn push(&mut self, body: Body) {
        let marks = self.marks();
        let level = self.level();
        self.items.push(Item { body, marks, level });
    }

    /// Turns `<br>` into breaks and pairs of simple tags (`<u>…</u>`) into marks; other tags stay text.
    fn pair_tags(&mut self) {
        let mut tags = Tags::default();
        let mut pairs = Vec::new();
        for (index, item) in self.items.iter_mut().enumerate() {
            let Body::Tag(raw) = &item.body else { continue };
            let name = raw
                .trim_start_matches(['<', '/'])
                .trim_end_matches(['>', '/'])
                .trim();
            let name = name.to_ascii_lowercase();
            let closes = raw.starts_with("</");
            match mark_of(&name) {
                None if name == "br" && !closes => {
                    item.body = Body::Node(Node::leaf(Kind::HardBreak, Vec::new()));
                }
                None => {}
                Some(kind) if !closes => tags.open((kind, item.level), index),
                Some(kind) => {
                    let first = tags.close((kind, item.level));
                    let around = first.filter(|first| index > first + 1);
                    pairs.extend(around.map(|first| (kind, first, index)));
                }
            }
        }
        // How many pairs of each kind begin less those that end, item by item.
        let mut steps = vec![[0_i32; MARKS.len()]; self.items.len()];
        for (kind, first, last) in pairs {
            steps[first][kind as usize] += 1;
            steps[last][kind as usize] -= 1;
            self.items[first].body = Body::Literal(String::new());
            self.items[last].body = Body::Literal(String::new());
        }
        let mut open = [0_i32; MARKS.len()];
        for (item, steps) in self.items.iter_mut().zip(steps) {
            for (kind, _, _) in MARKS {
                open[*kind as usize] += steps[*kind as usize];
                let marked = item.marks.iter().any(|other| other.kind == *kind);
                if open[*kind as usize] > 0 && !marked {
                    item.marks.push(Mark::plain(*kind));
                    item.marks.sort_by_key(|mark| mark.kind);
                }
            }
        }
    }
}

/// The tags that are open, by what they are and where they stand.
#[derive(Default)]
struct Tags {
    /// In order, with the item's index.
    open: Vec<((MarkKind, u32), usize)>,
    /// For each, where it stands in `open`.
    places: HashMap<(MarkKind, u32), Vec<usize>>,
}

impl Tags {
    fn open(&mut self, tag: (MarkKind, u32), item: usize) {
        self.places.entry(tag).or_default().push(self.open.len());
        self.open.push((tag, item));
    }

    /// The item that opened it; what was opened since and not closed is forgotten.
    fn close(&mut self, tag: (MarkKind, u32)) -> Option<usize> {
        let at = *self.places.get(&tag)?.last()?;
        let item = self.open.get(at)?.1;
        for (forgotten, _) in self.open.drain(at..) {
            if let Some(places) = self.places.get_mut(&forgotten) {
                places.pop();
            }
        }
        Some(item)
    }
}

fn mark_of(tag: &str) -> Option<MarkKind> {
    match tag {
        "strong" | "b" => Some(MarkKind::Bold),
        "em" | "i" => Some(MarkKind::Italic),
        "s" | "del" | "strike" => Some(MarkKind::Strike),
        "u" => Some(MarkKind::Underline),
        _ => None,
    }
}

/// Inline nodes; neighbouring text with the same marks is one node.
#[derive(Debug, Default)]
pub(super) struct Nodes(pub(super) Vec<Node>);

impl Nodes {
    /// Adds a node.
    pub(super) fn push(&mut self, node: Node) {
        if node.kind == Kind::Text {
            if node.text.is_empty() {
                return;
            }
            if let Some(last) = self.0.last_mut()
                && last.kind == Kind::Text
                && last.marks == node.marks
            {
                last.text.push_str(&node.text);
                return;
            }
        }
        self.0.push(node);
    }

    fn text(&mut self, text: String, marks: &[Mark]) {
        self.push(Node::text(text, marks.to_vec()));
    }

    /// Adds text, with links where it holds addresses.
    fn linked(&mut self, text: &str, escaped: &[Range<usize>], marks: &[Mark]) {
        let mut done = 0;
        if !marks.iter().any(|mark| mark.kind == MarkKind::Link) {
            for found in autolink::find(text) {
                let broken = escaped.iter().any(|range| {
                    range.start < found.trigger.end && found.trigger.start < range.end
                });
                let Some(href) = found.href.filter(|href| !broken && is_href(href)) else {
                    continue;
                };
                self.text(text[done..found.range.start].to_owned(), marks);
                let mut link = Node::text(text[found.range.clone()].to_owned(), marks.to_vec());
                link.add_mark(&Mark::link(&href, ""));
                self.push(link);
                done = found.range.end;
            }
        }
        self.text(text[done..].to_owned(), marks);
    }
}
