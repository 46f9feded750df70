//! What of a document Markdown can say: white space, marks and tables brought to the form that is read back unchanged.

use super::builder::Nodes;
use super::node::{Kind, Mark, MarkKind, Node};
use super::table;

/// Where inline content stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a paragraph: lines may end.
    Paragraph,
    /// In a heading: one line.
    Heading,
    /// In a table's cell: one line, breaks written as tags.
    Cell,
}

/// The blocks as they would be read back. Doing it twice changes nothing more.
pub(super) fn blocks(nodes: &[Node], in_item: bool) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let is_first = in_item && out.is_empty();
        match block(node, is_first) {
            Some(block) if is_first && block.kind != Kind::Paragraph => {
                out.extend([Node::paragraph(Vec::new()), block]);
            }
            Some(block) => out.push(block),
            None => {}
        }
    }
    if in_item {
        while out.len() > 1 && out.last().is_some_and(Node::is_empty_paragraph) {
            out.pop();
        }
        if out.is_empty() {
            out.push(Node::paragraph(Vec::new()));
        }
    }
    out
}

fn block(node: &Node, is_first_of_item: bool) -> Option<Node> {
    let with = |attrs, content| {
        Some(Node {
            attrs,
            ..Node::with(node.kind, content)
        })
    };
    match node.kind {
        Kind::Paragraph => {
            let content = inline(&node.content, Place::Paragraph);
            match content.as_slice() {
                [only]
                    if only.kind == Kind::Image && only.marks.is_empty() && !is_first_of_item =>
                {
                    Some(only.clone())
                }
                _ => Some(Node::paragraph(content)),
            }
        }
        Kind::Heading => with(node.attrs.clone(), inline(&node.content, Place::Heading)),
        Kind::BulletList | Kind::TaskList => with(Vec::new(), items(node)),
        Kind::OrderedList => {
            let start = node.integer("start").filter(|start| *start > 1);
            let attrs = start
                .map(|start| ("start", start.into()))
                .into_iter()
                .collect();
            with(attrs, items(node))
        }
        Kind::Blockquote => {
            let mut content = blocks(&node.content, false);
            if content.is_empty() {
                content.push(Node::paragraph(Vec::new()));
            }
            with(Vec::new(), content)
        }
        Kind::CodeBlock => {
            let text: String = node
                .content
                .iter()
                .map(|child| child.text.as_str())
                .collect();
            let language = node
                .attr("language")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let attrs = match language.is_empty() {
                true => Vec::new(),
                false => vec![("language", language.into())],
            };
            let content = match text.is_empty() {
                true => Vec::new(),
                false => vec![Node::text(text, Vec::new())],
            };
            with(attrs, content)
        }
        Kind::HorizontalRule => with(Vec::new(), Vec::new()),
        Kind::Image => Some(image(node)),
        Kind::Table => table::normal(node),
        _ => None,
    }
}

fn items(list: &Node) -> Vec<Node> {
    let item = |item: &Node| {
        let attrs = match item.kind {
            Kind::TaskItem => vec![("checked", item.flag("checked").into())],
            _ => Vec::new(),
        };
        Node {
            attrs,
            ..Node::with(item.kind, blocks(&item.content, true))
        }
    };
    list.content.iter().map(item).collect()
}

fn image(node: &Node) -> Node {
    let mut attrs = vec![("src", node.attr("src").into())];
    for name in ["alt", "title"] {
        let text = one_line(node.attr(name));
        if !text.is_empty() {
            attrs.push((name, text.into()));
        }
    }
    Node {
        marks: node.marks.iter().map(mark).collect(),
        ..Node::leaf(Kind::Image, attrs)
    }
}

fn mark(mark: &Mark) -> Mark {
    match mark.kind {
        MarkKind::Link => Mark::link(mark.attr("href"), &one_line(mark.attr("title"))),
        kind => Mark::plain(kind),
    }
}

fn one_line(text: &str) -> String {
    text.split('\n')
        .map(|line| line.trim_matches(is_soft))
        .collect::<Vec<_>>()
        .join(" ")
        .trim_matches(is_soft)
        .to_owned()
}

/// White space that Markdown does not keep at the ends of a line.
fn is_soft(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

/// A piece of inline content: white space, text without any, or something else than text.
struct Piece {
    node: Node,
    /// Spaces, tabs and line ends.
    soft: bool,
    /// Any white space: a mark cannot begin or end with it.
    white: bool,
}

/// Inline content as it would be read back.
pub(super) fn inline(nodes: &[Node], place: Place) -> Vec<Node> {
    let mut pieces = trimmed(pieces(nodes), place);
    drop_marks_at_edges(&mut pieces);
    let mut out = Nodes::default();
    pieces.into_iter().for_each(|piece| out.push(piece.node));
    out.0
}

fn pieces(nodes: &[Node]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for node in nodes {
        match node.kind {
            Kind::Text => {
                let marks: Vec<Mark> = node.marks.iter().map(mark).collect();
                let is_code = node.has(MarkKind::Code);
                let mut rest = node.text.as_str();
                while let Some(first) = rest.chars().next() {
                    let class = (is_soft(first), first.is_whitespace());
                    let end = rest
                        .find(|c: char| (is_soft(c), c.is_whitespace()) != class)
                        .unwrap_or(rest.len());
                    let (text, tail) = rest.split_at(end);
                    let text = if is_code {
                        text.replace('\n', " ")
                    } else {
                        text.to_owned()
                    };
                    let node = Node::text(text, marks.clone());
                    pieces.push(Piece {
                        node,
                        soft: class.0,
                        white: class.1,
                    });
                    rest = tail;
                }
            }
            Kind::Image => pieces.push(Piece {
                node: image(node),
                soft: false,
                white: false,
            }),
            _ => {
                let node = Node::leaf(Kind::HardBreak, Vec::new());
                pieces.push(Piece {
                    node,
                    soft: false,
                    white: false,
                });
            }
        }
    }
    pieces
}

/// Without white space at the ends of lines; a run of it with a line end in it is that line end alone.
fn trimmed(pieces: Vec<Piece>, place: Place) -> Vec<Piece> {
    let is_break = |piece: &Piece| piece.node.kind == Kind::HardBreak;
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut run: Vec<Piece> = Vec::new();
    for piece in pieces {
        if piece.soft {
            run.push(piece);
            continue;
        }
        let at_edge = out.last().is_none_or(is_break) || is_break(&piece);
        let spaces = std::mem::take(&mut run);
        if !at_edge {
            out.extend(space(spaces, place));
        }
        if !(is_break(&piece) && out.is_empty()) {
            out.push(piece);
        }
    }
    while out.last().is_some_and(is_break) {
        out.pop();
    }
    out
}

/// White space between two pieces.
fn space(run: Vec<Piece>, place: Place) -> Vec<Piece> {
    let has_line_end = run.iter().any(|piece| piece.node.text.contains('\n'));
    if run.is_empty() || (!has_line_end && place != Place::Cell) {
        return run;
    }
    let mut marks = run
        .first()
        .map(|piece| piece.node.marks.clone())
        .unwrap_or_default();
    marks.retain(|mark| run.iter().all(|piece| piece.node.marks.contains(mark)));
    let node = match place {
        Place::Cell if has_line_end => Node::leaf(Kind::HardBreak, Vec::new()),
        Place::Paragraph => Node::text("\n".to_owned(), marks),
        Place::Heading | Place::Cell => Node::text(" ".to_owned(), marks),
    };
    let soft = node.kind == Kind::Text;
    vec![Piece {
        node,
        soft,
        white: soft,
    }]
}

fn drop_marks_at_edges(pieces: &mut [Piece]) {
    for index in 0..pieces.len() {
        let (before, rest) = pieces.split_at_mut(index);
        keep_shared(&mut rest[0], before.last());
    }
    for index in (0..pieces.len()).rev() {
        let (before, after) = pieces.split_at_mut(index + 1);
        keep_shared(&mut before[index], after.first());
    }
}

fn keep_shared(piece: &mut Piece, neighbour: Option<&Piece>) {
    if piece.white {
        piece
            .node
            .marks
            .retain(|mark| neighbour.is_some_and(|other| other.node.marks.contains(mark)));
    }
}
