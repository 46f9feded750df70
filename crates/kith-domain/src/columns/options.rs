//! The options of a column, judged.

use std::collections::HashSet;

use uuid::Uuid;

use super::draft::{OptionDraft, OptionsDraft, line};
use super::{ColumnOptions, ColumnType, MAX_LABEL, MAX_OPTIONS, ParseContext, SelectOption};
use crate::draft::Patch;
use crate::locale::Currency;
use crate::text::excerpt;
use crate::violation::Violation;

/// Longest display format or colour, in characters.
const MAX_HINT: usize = 100;

/// The options of a column after a draft; `present` are those that it has. Problems are added to the list.
pub(super) fn options(
    column_type: ColumnType,
    draft: &OptionsDraft,
    present: Option<&ColumnOptions>,
    context: &ParseContext,
    new_value: &mut dyn FnMut() -> Uuid,
    problems: &mut Vec<Violation>,
) -> Option<ColumnOptions> {
    refuse_foreign(column_type, draft, problems);
    match column_type {
        ColumnType::Plain => Some(ColumnOptions::Plain),
        ColumnType::Date => Some(ColumnOptions::Date {
            display_format: display_format(draft, present, problems)?,
        }),
        ColumnType::DateTime => Some(ColumnOptions::DateTime {
            display_format: display_format(draft, present, problems)?,
        }),
        ColumnType::Currency => Some(ColumnOptions::Currency {
            currency: currency(draft, present, context, problems)?,
        }),
        ColumnType::SingleSelect => {
            let present = match present {
                Some(ColumnOptions::SingleSelect { options }) => options.as_slice(),
                _ => &[],
            };
            Some(ColumnOptions::SingleSelect {
                options: choices(&draft.options, present, new_value, problems)?,
            })
        }
        ColumnType::Link => Some(ColumnOptions::Link {
            allow_multiple: allow_multiple(draft, present),
        }),
        ColumnType::Email => Some(ColumnOptions::Email {
            allow_multiple: allow_multiple(draft, present),
        }),
        ColumnType::Phone => Some(ColumnOptions::Phone {
            allow_multiple: allow_multiple(draft, present),
        }),
    }
}

/// Options of other types are refused by name, unless they are null.
fn refuse_foreign(column_type: ColumnType, draft: &OptionsDraft, problems: &mut Vec<Violation>) {
    use ColumnType::{Currency, Date, DateTime, Email, Link, Phone, SingleSelect};
    let given: [(&str, bool, &[ColumnType]); 4] = [
        (
            "displayFormat",
            is_set(&draft.display_format),
            &[Date, DateTime],
        ),
        ("currency", is_set(&draft.currency), &[Currency]),
        ("options", is_set(&draft.options), &[SingleSelect]),
        (
            "allowMultiple",
            is_set(&draft.allow_multiple),
            &[Link, Email, Phone],
        ),
    ];
    for (name, is_given, types) in given {
        if is_given && !types.contains(&column_type) {
            let types: Vec<_> = types.iter().map(|column_type| column_type.name()).collect();
            let message = format!(
                "a column of type {} has no option `{name}`; columns of type {} have",
                column_type.name(),
                types.join(", ")
            );
            problems.push(Violation::new(
                format!("/options/{name}"),
                "not_applicable",
                message,
            ));
        }
    }
}

fn is_set<T>(patch: &Patch<T>) -> bool {
    matches!(patch, Patch::Set(_))
}

fn display_format(
    draft: &OptionsDraft,
    present: Option<&ColumnOptions>,
    problems: &mut Vec<Violation>,
) -> Option<Option<String>> {
    match &draft.display_format {
        Patch::Null => Some(None),
        Patch::Absent | Patch::Unreadable => Some(match present {
            Some(
                ColumnOptions::Date { display_format } | ColumnOptions::DateTime { display_format },
            ) => display_format.clone(),
            _ => None,
        }),
        Patch::Set(text) => match line(text, MAX_HINT) {
            Ok(format) => Some(Some(format)),
            Err((code, reason)) => {
                problems.push(Violation::new(
                    "/options/displayFormat",
                    code,
                    format!("`displayFormat` {reason}"),
                ));
                None
            }
        },
    }
}

fn currency(
    draft: &OptionsDraft,
    present: Option<&ColumnOptions>,
    context: &ParseContext,
    problems: &mut Vec<Violation>,
) -> Option<Currency> {
    match (&draft.currency, present) {
        (Patch::Absent | Patch::Unreadable, Some(ColumnOptions::Currency { currency })) => {
            Some(*currency)
        }
        (Patch::Absent | Patch::Unreadable | Patch::Null, _) => Some(context.currency),
        (Patch::Set(code), _) => match code.parse() {
            Ok(currency) => Some(currency),
            Err(error) => {
                let message = format!("`currency` is \"{}\": {error}", excerpt(code, 20));
                problems.push(Violation::new(
                    "/options/currency",
                    "unknown_currency",
                    message,
                ));
                None
            }
        },
    }
}

fn allow_multiple(draft: &OptionsDraft, present: Option<&ColumnOptions>) -> bool {
    match (&draft.allow_multiple, present) {
        (Patch::Set(allow), _) => *allow,
        (
            Patch::Absent | Patch::Unreadable,
            Some(
                ColumnOptions::Link { allow_multiple }
                | ColumnOptions::Email { allow_multiple }
                | ColumnOptions::Phone { allow_multiple },
            ),
        ) => *allow_multiple,
        _ => true,
    }
}

fn choices(
    drafts: &Patch<Vec<OptionDraft>>,
    present: &[SelectOption],
    new_value: &mut dyn FnMut() -> Uuid,
    problems: &mut Vec<Violation>,
) -> Option<Vec<SelectOption>> {
    let drafts = match drafts {
        Patch::Absent | Patch::Unreadable if !present.is_empty() => return Some(present.to_vec()),
        Patch::Set(drafts) if (1..=MAX_OPTIONS).contains(&drafts.len()) => drafts,
        other => {
            let given = match other {
                Patch::Set(drafts) => format!("has {} entries", drafts.len()),
                _ => "is missing".to_owned(),
            };
            let message = format!(
                "`options` {given}; a singleSelect has 1 to {MAX_OPTIONS} options, each with a label"
            );
            problems.push(Violation::new("/options/options", "options_count", message));
            return None;
        }
    };
    let before = problems.len();
    let mut choices: Vec<_> = drafts
        .iter()
        .enumerate()
        .filter_map(|(at, draft)| choice(at, draft, present, new_value, problems))
        .collect();
    refuse_duplicates(&choices, problems);
    choices.sort_by_key(|(_, choice)| choice.index);
    (problems.len() == before).then(|| choices.into_iter().map(|(_, choice)| choice).collect())
}

fn choice(
    at: usize,
    draft: &OptionDraft,
    present: &[SelectOption],
    new_value: &mut dyn FnMut() -> Uuid,
    problems: &mut Vec<Violation>,
) -> Option<(usize, SelectOption)> {
    let mut judge = |name: &str, text: &str, max: usize| {
        line(text, max)
            .map_err(|(code, reason)| {
                let message = format!("the {name} of option {} {reason}", at + 1);
                problems.push(Violation::new(
                    format!("/options/options/{at}/{name}"),
                    code,
                    message,
                ));
            })
            .ok()
    };
    let label = judge("label", &draft.label, MAX_LABEL);
    let color = match draft.color.as_deref().map(str::trim) {
        None | Some("") => Some(None),
        Some(color) => judge("color", color, MAX_HINT).map(Some),
    };
    let value = match &draft.value {
        Some(value) => judge("value", value, MAX_LABEL),
        None => {
            let folded = draft.label.trim().to_lowercase();
            let kept = present
                .iter()
                .find(|option| option.label.to_lowercase() == folded);
            Some(kept.map_or_else(|| new_value().to_string(), |option| option.value.clone()))
        }
    };
    let index = draft.index.unwrap_or(u32::try_from(at).unwrap_or(u32::MAX));
    let option = SelectOption {
        value: value?,
        label: label?,
        color: color?,
        index,
        is_default: draft.is_default,
    };
    Some((at, option))
}

fn refuse_duplicates(choices: &[(usize, SelectOption)], problems: &mut Vec<Violation>) {
    let (mut values, mut labels) = (HashSet::new(), HashSet::new());
    let mut default = None;
    for (at, option) in choices {
        if !values.insert(option.value.as_str()) {
            let message = format!(
                "two options have the value \"{}\"; values are distinct",
                option.value
            );
            problems.push(Violation::new(
                format!("/options/options/{at}/value"),
                "duplicate",
                message,
            ));
        }
        if !labels.insert(option.label.to_lowercase()) {
            let message = format!(
                "two options have the label \"{}\"; labels are distinct without regard to case",
                option.label
            );
            problems.push(Violation::new(
                format!("/options/options/{at}/label"),
                "duplicate",
                message,
            ));
        }
        match default {
            Some(first) if option.is_default => {
                let message = format!(
                    "\"{first}\" and \"{}\" are both the default; there is at most one",
                    option.label
                );
                problems.push(Violation::new(
                    format!("/options/options/{at}/isDefault"),
                    "duplicate",
                    message,
                ));
            }
            _ if option.is_default => default = Some(option.label.as_str()),
            _ => {}
        }
    }
}
