//! Members of a request, judged one by one with every problem at once.

use crate::draft::Patch;
use crate::text::{clean, excerpt};
use crate::violation::{Refusal, Violation};

/// Collects what is wrong.
pub(super) struct Judge(Vec<Violation>);

impl Judge {
    /// With what the reader could not read.
    pub(super) fn new(problems: Vec<Violation>) -> Self {
        Judge(problems)
    }

    pub(super) fn add(&mut self, member: &str, code: &'static str, message: impl Into<String>) {
        let pointer = format!("/{member}");
        self.0.push(Violation::new(pointer, code, message));
    }

    /// Says that a member has to be there.
    pub(super) fn required<T>(&mut self, member: &str, patch: &Patch<T>, holder: &str) {
        if matches!(patch, Patch::Absent) {
            let message = format!("`{member}` is missing; {holder} needs it");
            self.add(member, "required", message);
        }
    }

    /// A member that always has a value.
    pub(super) fn value<T: PartialEq, I>(
        &mut self,
        member: &str,
        patch: Patch<I>,
        place: &mut T,
        parse: impl FnOnce(I) -> Result<T, String>,
    ) {
        match patch {
            Patch::Absent | Patch::Unreadable => {}
            Patch::Null => {
                let message = format!("`{member}` is null; it needs a value");
                self.add(member, "required", message);
            }
            Patch::Set(given) => match parse(given) {
                Ok(value) => *place = value,
                Err(reason) => self.add(member, "invalid", reason),
            },
        }
    }

    /// A text that always has a value, of a number of characters.
    pub(super) fn text(
        &mut self,
        member: &str,
        patch: Patch<String>,
        place: &mut String,
        lengths: std::ops::RangeInclusive<usize>,
    ) {
        self.value(member, patch, place, |text| line(member, &text, lengths));
    }

    /// The same of something that is there; the present text is never judged, so that what was read can be sent back.
    pub(super) fn changed_text(
        &mut self,
        member: &str,
        patch: Patch<String>,
        place: &mut String,
        lengths: std::ops::RangeInclusive<usize>,
    ) {
        if !matches!(&patch, Patch::Set(text) if text == place) {
            self.text(member, patch, place, lengths);
        }
    }

    /// A text that null or an empty text clears; the present one is never judged.
    pub(super) fn optional(
        &mut self,
        member: &str,
        patch: Patch<String>,
        place: &mut Option<String>,
        parse: impl FnOnce(&str) -> Result<String, String>,
    ) {
        match patch {
            Patch::Absent | Patch::Unreadable => {}
            Patch::Null => *place = None,
            Patch::Set(text) if Some(&text) == place.as_ref() => {}
            Patch::Set(text) if text.trim().is_empty() => *place = None,
            Patch::Set(text) => match parse(text.trim()) {
                Ok(value) => *place = Some(value),
                Err(reason) => {
                    let message = format!("`{member}` is `{}`: {reason}", excerpt(text.trim(), 60));
                    self.add(member, "invalid", message);
                }
            },
        }
    }

    /// Everything that is wrong, if anything is.
    pub(super) fn done(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(self.0))
        }
    }
}

/// A text of a number of characters, trimmed, without control characters.
pub(super) fn line(
    member: &str,
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<String, String> {
    let text = clean(text).map_err(|control| {
        let code = u32::from(control);
        format!("`{member}` contains the control character U+{code:04X}")
    })?;
    let length = text.chars().count();
    if lengths.contains(&length) {
        return Ok(text);
    }
    let (least, most) = lengths.into_inner();
    Err(format!(
        "`{member}` has {length} characters; {least} to {most} are accepted"
    ))
}
