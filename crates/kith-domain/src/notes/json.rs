//! Documents as JSON: checked when they are read, written with members in a fixed order.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::node::{
    AttrRules, Attrs, Content, Kind, MARKS, Mark, NODES, Node, Rule, is_href, is_src,
};
use super::{MAX_DEPTH, NotesError, is_refused};

/// Reads and checks a document.
pub(super) fn read_document(value: &Value) -> Result<Node, NotesError> {
    let root = read_node(value, &mut Path(Vec::new()))?;
    if root.kind != Kind::Doc {
        return invalid(
            &Path(Vec::new()),
            format!(
                "the root must be {{\"type\":\"doc\"}}, not \"{}\"",
                root.kind.name()
            ),
        );
    }
    Ok(root)
}

/// Writes a node, in the order type, attrs, content, marks, text.
pub(super) fn write(root: &Node, limit: usize) -> Result<String, NotesError> {
    let mut out = String::new();
    write_node(root, limit, &mut out)?;
    if out.len() > limit {
        return Err(NotesError::DocumentTooLong { limit });
    }
    Ok(out)
}

fn write_node(node: &Node, limit: usize, out: &mut String) -> Result<(), NotesError> {
    if out.len() > limit {
        // Far beyond the limit nothing is gained by writing on.
        return Err(NotesError::DocumentTooLong { limit });
    }
    out.push_str("{\"type\":\"");
    out.push_str(node.kind.name());
    out.push('"');
    write_attrs(&node.attrs, out);
    if !node.content.is_empty() {
        out.push_str(",\"content\":[");
        for (index, child) in node.content.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_node(child, limit, out)?;
        }
        out.push(']');
    }
    if !node.marks.is_empty() {
        out.push_str(",\"marks\":[");
        for (index, mark) in node.marks.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str("{\"type\":\"");
            out.push_str(mark.kind.name());
            out.push('"');
            write_attrs(&mark.attrs, out);
            out.push('}');
        }
        out.push(']');
    }
    if node.kind == Kind::Text {
        out.push_str(",\"text\":");
        write_string(&node.text, out);
    }
    out.push('}');
    Ok(())
}

fn write_attrs(attrs: &Attrs, out: &mut String) {
    if attrs.is_empty() {
        return;
    }
    out.push_str(",\"attrs\":{");
    for (index, (name, value)) in attrs.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(name);
        out.push_str("\":");
        match value {
            Value::String(text) => write_string(text, out),
            other => out.push_str(&other.to_string()),
        }
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // No other control character passes the checks; were one stored, it must be escaped.
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Where in the document we are; text is made of it only for an error.
struct Path(Vec<Step>);

enum Step {
    Name(String),
    Index(usize),
}

impl Path {
    fn name(&mut self, name: &str) {
        self.0.push(Step::Name(name.to_owned()));
    }

    fn text(&self) -> String {
        let step = |step: &Step| match step {
            Step::Name(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        };
        self.0.iter().map(step).collect()
    }
}

fn invalid<T>(path: &Path, message: String) -> Result<T, NotesError> {
    let mut path = path.text();
    if path.is_empty() {
        path.push_str("the document");
    }
    Err(NotesError::Invalid { path, message })
}

fn read_node(value: &Value, path: &mut Path) -> Result<Node, NotesError> {
    // Every level of nodes adds two steps, `content` and the index.
    if path.0.len() / 2 > MAX_DEPTH {
        return Err(NotesError::TooDeep);
    }
    let Value::Object(object) = value else {
        return invalid(
            path,
            format!("a node must be an object, not {}", describe(value)),
        );
    };
    let name = match object.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(other) => {
            return invalid(
                path,
                format!("type must be a string, not {}", describe(other)),
            );
        }
        None => return invalid(path, "a node needs a type".to_owned()),
    };
    let Some(spec) = NODES.iter().find(|spec| spec.name == name) else {
        let known: Vec<_> = NODES.iter().map(|spec| spec.name).collect();
        let known = known.join(", ");
        return invalid(
            path,
            format!("unknown node type \"{}\"; known are {known}", short(name)),
        );
    };
    known_members(object, spec.kind, path)?;
    let mut node = Node::leaf(
        spec.kind,
        read_attrs(object.get("attrs"), spec.attrs, name, path)?,
    );
    match spec.kind {
        Kind::Heading if node.integer("level").is_none() => node.attrs.push(("level", 1.into())),
        Kind::TaskItem if node.attrs.is_empty() => node.attrs.push(("checked", false.into())),
        Kind::Image if node.attr("src").is_empty() => {
            return invalid(path, "an image needs attrs.src".to_owned());
        }
        Kind::Text => node.text = read_text(object.get("text"), path)?,
        _ => {}
    }
    node.marks = read_marks(object.get("marks"), spec.kind, path)?;
    node.content = read_content(object.get("content"), &node, path)?;
    Ok(node)
}

fn known_members(object: &Map<String, Value>, kind: Kind, path: &Path) -> Result<(), NotesError> {
    let unknown = object.iter().find(|(name, value)| {
        let known = matches!(name.as_str(), "type" | "attrs" | "content" | "marks")
            || (kind == Kind::Text && name.as_str() == "text");
        !known && !value.is_null()
    });
    match unknown {
        Some((name, _)) => invalid(
            path,
            format!(
                "unknown member \"{}\" of {}; known are type, attrs, content, marks and, for text, text",
                short(name),
                kind.name()
            ),
        ),
        None => Ok(()),
    }
}

fn read_text(value: Option<&Value>, path: &Path) -> Result<String, NotesError> {
    let Some(Value::String(text)) = value else {
        return invalid(path, "a text node needs a string as its text".to_owned());
    };
    if text.is_empty() {
        return invalid(
            path,
            "a text node must not be empty; leave it out".to_owned(),
        );
    }
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.clone()
    };
    match text.chars().find(|c| is_refused(*c)) {
        Some(c) => invalid(
            path,
            format!(
                "the text holds the control character U+{:04X}; only tab and newline are accepted",
                u32::from(c)
            ),
        ),
        None => Ok(text),
    }
}

fn read_content(
    value: Option<&Value>,
    parent: &Node,
    path: &mut Path,
) -> Result<Vec<Node>, NotesError> {
    let rule = parent.kind.spec().content;
    let empty = Vec::new();
    let items = match value {
        None | Some(Value::Null) => &empty,
        Some(Value::Array(items)) => items,
        Some(other) => {
            return invalid(
                path,
                format!("content must be an array, not {}", describe(other)),
            );
        }
    };
    if items.is_empty() && matches!(rule, Content::Some(_) | Content::SomeBlocks) {
        let message = format!(
            "{} must not be empty; it takes {}",
            parent.kind.name(),
            expected(rule)
        );
        return invalid(path, message);
    }
    let mut nodes: Vec<Node> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        path.name("content");
        path.0.push(Step::Index(index));
        let node = read_node(item, path)?;
        if !fits(rule, &node) {
            let message = format!(
                "{} cannot stand in {}; it takes {}",
                node.kind.name(),
                parent.kind.name(),
                expected(rule)
            );
            return invalid(path, message);
        }
        path.0.truncate(path.0.len() - 2);
        nodes.push(node);
    }
    Ok(nodes)
}

fn fits(rule: Content, node: &Node) -> bool {
    match rule {
        Content::None => false,
        Content::Blocks | Content::SomeBlocks => node.kind.is_block(),
        Content::Inline => node.kind.is_inline(),
        Content::Code => node.kind == Kind::Text && node.marks.is_empty(),
        Content::Some(kinds) | Content::Any(kinds) => kinds.contains(&node.kind),
    }
}

fn expected(rule: Content) -> String {
    match rule {
        Content::None => "nothing".to_owned(),
        Content::Blocks | Content::SomeBlocks => {
            "paragraph, heading, lists, blockquote, codeBlock, horizontalRule, table and image"
                .to_owned()
        }
        Content::Inline => "text, hardBreak and image".to_owned(),
        Content::Code => "text without marks".to_owned(),
        Content::Some(kinds) | Content::Any(kinds) => {
            let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            names.join(" and ")
        }
    }
}

fn read_marks(value: Option<&Value>, kind: Kind, path: &mut Path) -> Result<Vec<Mark>, NotesError> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return invalid(
                path,
                format!("marks must be an array, not {}", describe(other)),
            );
        }
    };
    let mut holder = Node::leaf(kind, Vec::new());
    for (index, item) in items.iter().enumerate() {
        path.name("marks");
        path.0.push(Step::Index(index));
        let name = item.get("type").and_then(Value::as_str);
        let Some(name) = name else {
            return invalid(path, "a mark must be an object with a type".to_owned());
        };
        let Some((mark, _, rules)) = MARKS.iter().find(|(_, known, _)| *known == name) else {
            let known: Vec<_> = MARKS.iter().map(|(_, name, _)| *name).collect();
            let known = known.join(", ");
            return invalid(
                path,
                format!("unknown mark \"{}\"; known are {known}", short(name)),
            );
        };
        if !kind.is_inline() {
            return invalid(path, format!("{} cannot carry marks", kind.name()));
        }
        let attrs = read_attrs(item.get("attrs"), rules, name, path)?;
        if name == "link" && !attrs.iter().any(|(name, _)| *name == "href") {
            return invalid(path, "a link needs attrs.href".to_owned());
        }
        holder.add_mark(&Mark {
            kind: *mark,
            attrs: Arc::new(attrs),
        });
        path.0.truncate(path.0.len() - 2);
    }
    Ok(holder.marks)
}

fn read_attrs(
    value: Option<&Value>,
    rules: AttrRules,
    owner: &str,
    path: &mut Path,
) -> Result<Attrs, NotesError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(object)) => object,
        Some(other) => {
            return invalid(
                path,
                format!("attrs must be an object, not {}", describe(other)),
            );
        }
    };
    let unknown = object
        .iter()
        .find(|(name, value)| !value.is_null() && !rules.iter().any(|(known, _)| known == name));
    if let Some((name, _)) = unknown {
        let known: Vec<_> = rules.iter().map(|(name, _)| *name).collect();
        let known = if known.is_empty() {
            "no attributes".to_owned()
        } else {
            known.join(", ")
        };
        path.name("attrs");
        return invalid(
            path,
            format!(
                "unknown attribute \"{}\"; {owner} takes {known}",
                short(name)
            ),
        );
    }
    let mut attrs = Attrs::new();
    for (name, rule) in rules {
        match object.get(*name) {
            None | Some(Value::Null) => {}
            Some(value) => match checked(value, *rule) {
                Ok(value) => attrs.push((name, value)),
                Err(accepted) => {
                    path.name("attrs");
                    path.name(name);
                    return invalid(path, format!("must be {accepted}, not {}", describe(value)));
                }
            },
        }
    }
    Ok(attrs)
}

/// The value in its one form, or what is accepted.
fn checked(value: &Value, rule: Rule) -> Result<Value, String> {
    // An integer may come as 2.0 from clients that know one kind of number.
    let integer = |value: &Value| match value.as_i64() {
        Some(integer) => Some(integer),
        None => value
            .as_f64()
            .filter(|f| f.fract() == 0.0 && f.abs() < 1e9)
            .map(|f| f as i64),
    };
    let text = value.as_str().filter(|text| !text.chars().any(is_refused));
    match rule {
        Rule::Integer(low, high) => match integer(value) {
            Some(number) if (low..=high).contains(&number) => Ok(number.into()),
            _ => Err(format!("an integer from {low} to {high}")),
        },
        Rule::Bool => value
            .as_bool()
            .map(Value::Bool)
            .ok_or_else(|| "true or false".to_owned()),
        Rule::Text => text
            .map(Value::from)
            .ok_or_else(|| "a string without control characters".to_owned()),
        Rule::OneOf(known) => match text {
            Some(text) if known.contains(&text) => Ok(text.into()),
            _ => Err(format!("one of {}", known.join(", "))),
        },
        Rule::Href => match text {
            Some(text) if is_href(text) => Ok(text.into()),
            _ => Err("an address that begins with http:, https:, mailto: or tel:".to_owned()),
        },
        Rule::Src => match text {
            Some(text) if is_src(text) => Ok(text.into()),
            _ => Err(
                "an address that begins with http:, https: or data:image/, or has no scheme"
                    .to_owned(),
            ),
        },
        Rule::Widths => {
            let widths = value
                .as_array()
                .map(|list| list.iter().map(integer).collect::<Option<Vec<_>>>());
            match widths {
                Some(Some(widths)) if widths.len() <= 1000 => Ok(widths.into()),
                _ => Err("an array of whole numbers".to_owned()),
            }
        }
        Rule::Length => match (integer(value), text) {
            (Some(number), _) => Ok(number.into()),
            (None, Some(text)) => Ok(text.into()),
            (None, None) => Err("a whole number or a string".to_owned()),
        },
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("\"{}\"", short(text)),
        other => other.to_string(),
    }
}

/// At most 60 characters of what was received.
fn short(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() {
        format!("{start}…")
    } else {
        start
    }
}
