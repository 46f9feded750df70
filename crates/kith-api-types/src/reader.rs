//! Bodies read member by member, with every problem of their shape at once.

use kith_domain::draft::Patch;
use kith_domain::violation::Violation;

use crate::draft::{Problems, ReadError, unknown_member};
use crate::tree::{Json, Kind};

/// Which members an object takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members {
    /// What the object is, for messages: `a column`.
    pub(crate) holder: &'static str,
    /// Those that are read.
    pub(crate) known: &'static [&'static str],
    /// Those that are passed over, so that what was shown can be sent back.
    pub(crate) ignored: &'static [&'static str],
}

/// Reads values and collects what is wrong with their shapes.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) problems: Problems,
}

impl Reader {
    pub(crate) fn wrong_type(&mut self, pointer: &str, takes: &str, json: Json<'_>) {
        let message = format!("expected {takes}, received {json}");
        self.problems
            .add(Violation::new(pointer, "wrong_type", message));
    }

    /// Calls `each` with the known members of an object, each once; gives their names.
    pub(crate) fn object<'a>(
        &mut self,
        pointer: &str,
        members: Members,
        json: Json<'a>,
        mut each: impl FnMut(&mut Self, &str, Json<'a>),
    ) -> Vec<String> {
        let Members {
            holder,
            known,
            ignored,
        } = members;
        let mut seen: Vec<String> = Vec::new();
        let is_object = json.members(|name, value| {
            if ignored.contains(&&*name) {
                return;
            }
            if !known.contains(&&*name) {
                let problem = unknown_member(pointer, &name, known.iter().copied(), holder);
                return self.problems.add(problem);
            }
            if seen.iter().any(|seen| *seen == name) {
                let message = format!("`{name}` occurs twice in the object; send it once");
                return self.problems.add(Violation::new(
                    format!("{pointer}/{name}"),
                    "duplicate",
                    message,
                ));
            }
            seen.push(name.to_string());
            each(self, &name, value);
        });
        if !is_object {
            let takes = format!("an object with members of {}", known.join(", "));
            self.wrong_type(pointer, &takes, json);
        }
        seen
    }

    /// A string or null.
    pub(crate) fn text(&mut self, pointer: &str, json: Json<'_>) -> Patch<String> {
        self.patch(pointer, json, "a string", |json| {
            json.string().map(Into::into)
        })
    }

    /// True, false or null.
    pub(crate) fn flag(&mut self, pointer: &str, json: Json<'_>) -> Patch<bool> {
        self.patch(pointer, json, "true or false", |json| {
            json.raw().parse().ok()
        })
    }

    /// A value that `read` understands, or null.
    pub(crate) fn patch<T>(
        &mut self,
        pointer: &str,
        json: Json<'_>,
        takes: &str,
        read: impl FnOnce(Json<'_>) -> Option<T>,
    ) -> Patch<T> {
        if json.kind() == Kind::Null {
            return Patch::Null;
        }
        match read(json) {
            Some(value) => Patch::Set(value),
            None => {
                self.wrong_type(pointer, takes, json);
                Patch::Unreadable
            }
        }
    }

    /// A value with one of several names.
    pub(crate) fn named<T>(
        &mut self,
        pointer: &str,
        json: Json<'_>,
        by_name: impl FnOnce(&str) -> Option<T>,
        names: impl FnOnce() -> String,
    ) -> Option<T> {
        let found = json.string().and_then(|name| by_name(&name));
        if found.is_none() {
            let message = format!("accepted are {}, received {json}", names());
            self.problems
                .add(Violation::new(pointer, "not_accepted", message));
        }
        found
    }

    /// Everything that is wrong, if anything is.
    pub(crate) fn none(self) -> Result<(), ReadError> {
        self.problems.none()
    }
}
