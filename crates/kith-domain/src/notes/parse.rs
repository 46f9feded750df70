//! Markdown read into a document: pulldown-cmark's events, arranged as Tiptap's extension arranges marked's tokens.

use std::ops::Range;

use pulldown_cmark::{Alignment, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::builder::Builder;
use super::frame::{Body, Frame, code_block, empty_task, html_parts, lead, lists};
use super::node::{Kind, MarkKind, Node};
use super::source::{Gaps, content_end, with_escaped_pipes};
use super::{MAX_CONVERTED_BYTES, MAX_DEPTH, NotesError, entities};

/// More events than a document of [`MAX_CONVERTED_BYTES`] can come from: short rows of a table with very many columns
/// are filled up with cells.
const MAX_EVENTS: usize = 150_000;

/// Reads a document. Line ends must be `\n`.
pub(super) fn document(markdown: &str) -> Result<Node, NotesError> {
    let source = with_escaped_pipes(markdown);
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let gaps = Gaps::new(&source, options);
    let mut reader = Reader {
        source: &source,
        gaps,
        stack: vec![Frame::blocks(Kind::Doc, 0, 0)],
    };
    for (count, (event, range)) in Parser::new_ext(&source, options)
        .into_offset_iter()
        .enumerate()
    {
        if count > MAX_EVENTS {
            let limit = MAX_CONVERTED_BYTES;
            return Err(NotesError::DocumentTooLong { limit });
        }
        reader.event(event, range);
        if reader.stack.len() >= MAX_DEPTH {
            return Err(NotesError::TooDeep);
        }
    }
    reader.close_implicit();
    let end = source.len();
    match reader.stack.pop() {
        Some(Frame {
            body:
                Body::Blocks {
                    kind,
                    mut nodes,
                    last_end,
                    ..
                },
            ..
        }) => {
            reader.gaps.fill_end(Kind::Doc, last_end..end, &mut nodes);
            Ok(Node::with(kind, nodes))
        }
        _ => Ok(Node::with(Kind::Doc, Vec::new())),
    }
}

struct Reader<'a> {
    source: &'a str,
    gaps: Gaps<'a>,
    stack: Vec<Frame>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Rule => {
                self.close_implicit();
                self.add(Node::leaf(Kind::HorizontalRule, Vec::new()), range);
            }
            Event::TaskListMarker(checked) => self.task_marker(checked, range),
            Event::Text(text) => self.text(&text, range),
            Event::Html(raw) => match self.stack.last_mut() {
                Some(Frame {
                    body: Body::Html(text),
                    ..
                }) => text.push_str(&raw),
                _ => self.inline(range, |builder| builder.literal(&raw)),
            },
            Event::InlineHtml(raw) => self.inline(range, |builder| builder.html(&raw)),
            Event::Code(text) => self.inline(range, |builder| builder.code(&text)),
            Event::SoftBreak => self.inline(range, Builder::soft_break),
            Event::HardBreak => self.inline(range, Builder::hard_break),
            // Only with options that are off; the text is kept all the same.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.inline(range, |builder| builder.text(&text, false));
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        let mark = match &tag {
            Tag::Emphasis => Some(MarkKind::Italic),
            Tag::Strong => Some(MarkKind::Bold),
            Tag::Strikethrough => Some(MarkKind::Strike),
            _ => None,
        };
        if let Some(mark) = mark {
            return self.inline(range, |builder| builder.start(mark));
        }
        let frame = match tag {
            Tag::Link {
                link_type,
                dest_url,
                title,
                ..
            } => {
                let href = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.into_string(),
                };
                return self.inline(range, |builder| builder.start_link(&href, &title));
            }
            Tag::Image {
                dest_url, title, ..
            } => {
                return self.inline(range, |builder| builder.start_image(&dest_url, &title));
            }
            Tag::Heading { level, .. } => Frame::leaf(range.start, Some(level as i64), false),
            Tag::BlockQuote(_) => Frame::blocks(Kind::Blockquote, range.start, range.start),
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let body = Body::Code {
                    language,
                    text: String::new(),
                };
                Frame {
                    start: range.start,
                    body,
                }
            }
            Tag::HtmlBlock => Frame {
                start: range.start,
                body: Body::Html(String::new()),
            },
            Tag::List(start) => Frame {
                start: range.start,
                body: Body::List {
                    start,
                    items: Vec::new(),
                },
            },
            Tag::Item => {
                let marker = self.source[range.clone()]
                    .find(|c: char| !c.is_ascii_digit())
                    .map_or(1, |digits| digits + 1);
                let content = (range.start + marker).min(range.end);
                Frame::blocks(Kind::ListItem, range.start, content)
            }
            Tag::Table(aligns) => Frame {
                start: range.start,
                body: Body::Table {
                    aligns,
                    rows: Vec::new(),
                },
            },
            Tag::TableHead | Tag::TableRow => {
                let header = matches!(tag, Tag::TableHead);
                let body = Body::Row {
                    header,
                    cells: Vec::new(),
                    last_end: range.start,
                };
                Frame {
                    start: range.start,
                    body,
                }
            }
            Tag::TableCell => Frame {
                start: range.start,
                body: Body::Cell(Builder::default()),
            },
            // Paragraphs, and what only options that are off would give.
            _ => Frame::leaf(range.start, None, false),
        };
        self.close_implicit();
        self.stack.push(frame);
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link => {
                return self.inline(range, Builder::end);
            }
            TagEnd::Image => return self.inline(range, Builder::end_image),
            _ => self.close_implicit(),
        }
        if let Some(frame) = self.stack.pop() {
            self.finish(frame, range);
        }
    }

    /// Puts a finished frame into the one it stands in.
    fn finish(&mut self, frame: Frame, range: Range<usize>) {
        match frame.body {
            Body::Leaf {
                level: Some(level),
                builder,
                ..
            } => {
                let node = Node {
                    attrs: vec![("level", level.into())],
                    ..Node::with(Kind::Heading, builder.finish())
                };
                self.add(node, frame.start..range.end);
            }
            Body::Leaf {
                level: None,
                builder,
                ..
            } => {
                self.add_paragraph(builder.finish(), frame.start..range.end);
            }
            Body::Code { language, text } => {
                self.add(code_block(language, text), frame.start..range.end);
            }
            Body::Html(raw) => {
                for (index, text) in html_parts(&raw).enumerate() {
                    let node = Node::paragraph(vec![Node::text(text.to_owned(), Vec::new())]);
                    let start = if index == 0 { frame.start } else { range.end };
                    self.add(node, start..range.end);
                }
            }
            Body::Blocks {
                kind,
                mut nodes,
                last_end,
                checked,
            } => {
                let end = last_end.max(range.end);
                self.gaps.fill_end(kind, last_end..end, &mut nodes);
                if nodes
                    .first()
                    .is_none_or(|first| kind == Kind::ListItem && first.kind != Kind::Paragraph)
                {
                    lead(&mut nodes);
                }
                match kind {
                    Kind::ListItem => self.add_item(nodes, checked, frame.start),
                    _ => self.add(Node::with(kind, nodes), frame.start..end),
                }
            }
            Body::List { start, items } => {
                for list in lists(start, items) {
                    self.add(list, frame.start..range.end);
                }
            }
            Body::Cell(builder) => self.add_cell(builder, range),
            Body::Row {
                mut cells,
                last_end,
                ..
            } => {
                self.add_overflow(&mut cells, last_end..range.end);
                if let Some(Frame {
                    body: Body::Table { rows, .. },
                    ..
                }) = self.stack.last_mut()
                {
                    rows.push(Node::with(Kind::TableRow, cells));
                }
            }
            Body::Table { rows, .. } => {
                self.add(Node::with(Kind::Table, rows), frame.start..range.end);
            }
        }
    }

    fn add_paragraph(&mut self, content: Vec<Node>, range: Range<usize>) {
        let raw = self.source.get(range.clone()).unwrap_or("");
        let raw = raw.trim_end_matches(['\n', ' ']);
        if raw == "&nbsp;" || raw == "\u{a0}" {
            return self.add(Node::paragraph(Vec::new()), range);
        }
        let is_first_of_item = matches!(
            self.stack.last(),
            Some(Frame { body: Body::Blocks { kind: Kind::ListItem, nodes, .. }, .. }) if nodes.is_empty()
        );
        let node = match content.as_slice() {
            [image] if image.kind == Kind::Image && image.marks.is_empty() && !is_first_of_item => {
                image.clone()
            }
            _ => Node::paragraph(content),
        };
        self.add(node, range);
    }

    /// Adds a block to the container on top, after the empty paragraphs that the blank lines before it stand for.
    fn add(&mut self, node: Node, range: Range<usize>) {
        let is_quote = |frame: &&Frame| frame.container() == Some(Kind::Blockquote);
        let quotes = self.stack.iter().filter(is_quote).count();
        let Some(Frame {
            body:
                Body::Blocks {
                    kind,
                    nodes,
                    last_end,
                    ..
                },
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        if range.start > *last_end {
            self.gaps.fill(*kind, *last_end..range.start, nodes);
        }
        nodes.push(node);
        *last_end = content_end(self.source, range, quotes).max(*last_end);
    }

    fn add_item(&mut self, nodes: Vec<Node>, checked: Option<bool>, start: usize) {
        let Some(Frame {
            body: Body::List {
                start: number,
                items,
            },
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        let mut nodes = nodes;
        let checked = match number {
            Some(_) => None,
            None => checked.or_else(|| empty_task(&self.source[start..], &mut nodes)),
        };
        let item = match checked {
            Some(checked) => Node {
                attrs: vec![("checked", checked.into())],
                ..Node::with(Kind::TaskItem, nodes)
            },
            None => Node::with(Kind::ListItem, nodes),
        };
        items.push(item);
    }

    fn task_marker(&mut self, checked: bool, range: Range<usize>) {
        let in_numbers = self.stack.iter().rev().find_map(|frame| match frame.body {
            Body::List { start, .. } => Some(start.is_some()),
            _ => None,
        });
        if in_numbers == Some(true) {
            let raw = self.source[range.clone()].trim_end().to_owned() + " ";
            return self.inline(range, |builder| builder.literal(&raw));
        }
        for frame in self.stack.iter_mut().rev() {
            if let Body::Blocks {
                checked: state,
                last_end,
                ..
            } = &mut frame.body
            {
                *state = Some(checked);
                *last_end = range.end.max(*last_end);
                return;
            }
        }
    }

    fn add_cell(&mut self, builder: Builder, range: Range<usize>) {
        let [.., table, row] = self.stack.as_mut_slice() else {
            return;
        };
        let (
            Body::Table { aligns, .. },
            Body::Row {
                header,
                cells,
                last_end,
            },
        ) = (&table.body, &mut row.body)
        else {
            return;
        };
        let kind = if *header {
            Kind::TableHeader
        } else {
            Kind::TableCell
        };
        let align = match aligns.get(cells.len()) {
            Some(Alignment::Left) => Some("left"),
            Some(Alignment::Center) => Some("center"),
            Some(Alignment::Right) => Some("right"),
            Some(Alignment::None) | None => None,
        };
        let attrs = align
            .map(|align| ("align", align.into()))
            .into_iter()
            .collect();
        let content = vec![Node::paragraph(builder.finish())];
        cells.push(Node {
            attrs,
            ..Node::with(kind, content)
        });
        *last_end = range.end;
    }

    /// Text of cells beyond the header's columns goes into the last cell.
    fn add_overflow(&self, cells: &mut [Node], range: Range<usize>) {
        let rest = self
            .source
            .get(range)
            .unwrap_or("")
            .trim_matches(['|', ' ', '\t', '\n']);
        let paragraph = cells.last_mut().and_then(|cell| cell.content.last_mut());
        if let Some(paragraph) = paragraph
            && !rest.is_empty()
        {
            paragraph
                .content
                .push(Node::text(format!(" {rest}"), Vec::new()));
        }
    }

    fn text(&mut self, text: &str, range: Range<usize>) {
        match self.stack.last_mut() {
            Some(Frame {
                body: Body::Code { text: code, .. },
                ..
            }) => code.push_str(text),
            Some(Frame {
                body: Body::Html(html),
                ..
            }) => html.push_str(text),
            _ => {
                let raw = self.source.get(range.clone()).unwrap_or("");
                let escaped = range.start > 0
                    && self.source.as_bytes()[range.start - 1] == b'\\'
                    && raw == text;
                if raw != text && raw.starts_with('&') {
                    match entities::decode(raw) {
                        Some(c) => self.inline(range, |builder| {
                            builder.text(c.encode_utf8(&mut [0; 4]), true)
                        }),
                        None => self.inline(range, |builder| builder.text(raw, false)),
                    }
                } else if escaped {
                    // The backslash belongs to the first character only.
                    let first = text.chars().next().map_or(0, char::len_utf8);
                    let (head, tail) = text.split_at(first);
                    self.inline(range, |builder| {
                        builder.text(head, true);
                        if !tail.is_empty() {
                            builder.text(tail, false);
                        }
                    });
                } else {
                    self.inline(range, |builder| builder.text(text, false));
                }
            }
        }
    }

    /// Hands inline content to the paragraph, heading or cell on top; opens a paragraph where none was announced.
    fn inline(&mut self, range: Range<usize>, add: impl FnOnce(&mut Builder)) {
        let top = self.stack.last().and_then(Frame::container);
        if top.is_some() {
            self.stack.push(Frame::leaf(range.start, None, true));
        }
        match self.stack.last_mut() {
            Some(Frame {
                body: Body::Leaf { builder, end, .. },
                ..
            }) => {
                *end = range.end.max(*end);
                add(builder);
            }
            Some(Frame {
                body: Body::Cell(builder),
                ..
            }) => add(builder),
            _ => {}
        }
    }

    fn close_implicit(&mut self) {
        if matches!(
            self.stack.last(),
            Some(Frame {
                body: Body::Leaf { implicit: true, .. },
                ..
            })
        ) && let Some(Frame {
            start,
            body: Body::Leaf { builder, end, .. },
        }) = self.stack.pop()
        {
            self.add_paragraph(builder.finish(), start..end);
        }
    }
}
