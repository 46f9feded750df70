//! Small schemas, put together.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};

static INTERNED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The text with a lifetime as poem-openapi wants it. Each text is kept once, so what is kept is bounded by the texts
/// of the document, however often that is made.
pub fn intern(text: impl AsRef<str>) -> &'static str {
    let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    match interned.get(text.as_ref()) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(text.as_ref().to_owned().into_boxed_str());
            interned.insert(kept);
            kept
        }
    }
}

/// Adds a named schema.
pub(super) fn add(registry: &mut Registry, name: &str, schema: MetaSchema) {
    registry.schemas.insert(name.to_owned(), schema);
}

/// The named schema.
pub fn reference(name: impl Into<String>) -> MetaSchemaRef {
    MetaSchemaRef::Reference(name.into())
}

pub(super) fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

/// A string.
pub fn text(description: &'static str) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        ..MetaSchema::new("string")
    })
}

/// A string of a format.
pub(super) fn formatted(format: &'static str, description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema::new_with_format("string", format);
    inline(MetaSchema {
        description: Some(description),
        ..schema
    })
}

/// One of several names.
pub(super) fn choice(
    description: &'static str,
    names: impl Iterator<Item = &'static str>,
) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        enum_items: names.map(Into::into).collect(),
        ..MetaSchema::new("string")
    })
}

/// True or false.
pub(super) fn flag(description: &'static str) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        ..MetaSchema::new("boolean")
    })
}

/// The id of something.
pub(super) fn id(description: &'static str) -> MetaSchemaRef {
    formatted("uuid", description)
}

/// A decimal number.
pub fn number(description: &'static str) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        ..MetaSchema::new("number")
    })
}

/// An array.
pub fn array(description: &'static str, items: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        items: Some(Box::new(items)),
        ..MetaSchema::new("array")
    })
}

/// The same, or null.
pub fn nullable(schema: MetaSchemaRef) -> MetaSchemaRef {
    match schema {
        MetaSchemaRef::Inline(schema) => inline(MetaSchema {
            nullable: true,
            ..*schema
        }),
        MetaSchemaRef::Reference(name) => inline(MetaSchema {
            nullable: true,
            all_of: vec![reference(name)],
            ..MetaSchema::ANY
        }),
    }
}

/// An object.
pub fn object(
    description: &'static str,
    required: &[&'static str],
    properties: Vec<(&'static str, MetaSchemaRef)>,
) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        required: required.to_vec(),
        properties,
        ..MetaSchema::new("object")
    }
}
