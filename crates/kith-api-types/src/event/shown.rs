//! Events for readers who may not see everything: the stored envelope, with the links that are inside their scope.
//!
//! All other members keep the text that they were stored with, so that numbers keep every digit.

use kith_domain::draft::Reference;
use kith_domain::record::RecordKey;
use kith_domain::relation::LinkDef;
use uuid::Uuid;

use crate::json;
use crate::tree::Json;

/// Whether the reader may see something.
type Sees<'s> = dyn FnMut(Reference) -> bool + 's;

/// The envelope as the reader may see it; `None` where nothing is left of what moved.
pub(super) fn envelope(body: &[u8], key: RecordKey, sees: &mut Sees<'_>) -> Option<Vec<u8>> {
    let mut is_visible = true;
    let shown = object(Json::parse(body).ok()?, |out, name, value| {
        if name != "data" {
            return copy(out, name, value);
        }
        let data = object(value, |out, name, value| {
            if name != "payload" {
                return copy(out, name, value);
            }
            let payload = object(value, |out, name, value| {
                let part = if name == "changes" {
                    let changes = changes(value, key, sees);
                    is_visible &= changes.as_deref() != Some(b"{}");
                    changes
                } else if name == key.entity.name() {
                    record(value, key, sees)
                } else {
                    return copy(out, name, value);
                };
                put(out, name, part)
            });
            put(out, name, payload)
        });
        put(out, name, data)
    });
    shown.filter(|_| is_visible)
}

fn record(value: Json<'_>, key: RecordKey, sees: &mut Sees<'_>) -> Option<Vec<u8>> {
    object(value, |out, name, value| match link_of(key, name) {
        Some(link) => {
            let shown = links(value, link, sees);
            put(out, name, shown)
        }
        None => copy(out, name, value),
    })
}

/// What moved, without the links that moved unseen.
fn changes(value: Json<'_>, key: RecordKey, sees: &mut Sees<'_>) -> Option<Vec<u8>> {
    object(value, |out, name, value| {
        let Some(link) = link_of(key, name) else {
            return copy(out, name, value);
        };
        let mut states = Vec::new();
        let pair = object(value, |out, name, value| {
            let shown = links(value, link, sees);
            states.extend(shown.clone());
            put(out, name, shown)
        })?;
        match states.as_slice() {
            [previous, current] if previous == current => Some(()),
            _ => put(out, name, Some(pair)),
        }
    })
}

/// The items of a link array that are seen.
fn links(value: Json<'_>, link: &LinkDef, sees: &mut Sees<'_>) -> Option<Vec<u8>> {
    let mut shown = Vec::new();
    let mut is_legible = true;
    let is_array = value.elements(|_, item| match id_of(item, link) {
        Some(id) if sees(Reference::new(link.target, id)) => shown.push(item.raw()),
        Some(_) => {}
        None => is_legible = false,
    });
    (is_array && is_legible).then(|| format!("[{}]", shown.join(",")).into_bytes())
}

fn id_of(item: Json<'_>, link: &LinkDef) -> Option<Uuid> {
    let mut id = item.string();
    let member = format!("{}Id", link.target.name());
    item.members(|name, value| {
        if name == member {
            id = value.string();
        }
    });
    Uuid::parse_str(&id?).ok()
}

fn link_of(key: RecordKey, name: &str) -> Option<&'static LinkDef> {
    let mut links = key.entity.links().iter();
    links.find(|link| link.field == name)
}

/// An object made of another, member by member; `None` if a member cannot be read.
fn object<'a>(
    value: Json<'a>,
    mut each: impl FnMut(&mut Vec<u8>, &str, Json<'a>) -> Option<()>,
) -> Option<Vec<u8>> {
    let mut out = vec![b'{'];
    let mut is_legible = true;
    let is_object = value.members(|name, value| {
        is_legible &= each(&mut out, &name, value).is_some();
    });
    out.push(b'}');
    (is_object && is_legible).then_some(out)
}

fn copy(out: &mut Vec<u8>, name: &str, value: Json<'_>) -> Option<()> {
    put(out, name, Some(value.raw().as_bytes().to_vec()))
}

fn put(out: &mut Vec<u8>, name: &str, value: Option<Vec<u8>>) -> Option<()> {
    json::member(out, name);
    out.extend(value?);
    Some(())
}
