//! The names of members in integrations: capitals where the API has none, and times as text. `tasks` calls it.

use serde_json::{Map, Value};

/// `listObjectsV2` as the API has it: `ListObjectsV2`.
pub(super) fn pascal(action: &str) -> String {
    upper_first(action)
}

pub(super) fn upper_first(name: &str) -> String {
    first_letter(name, |letter| letter.to_ascii_uppercase())
}

pub(super) fn lower_first(name: &str) -> String {
    first_letter(name, |letter| letter.to_ascii_lowercase())
}

fn first_letter(name: &str, change: impl Fn(char) -> char) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(&change)
        .into_iter()
        .chain(letters)
        .collect()
}

pub(super) fn renamed_top(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (rename(name), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Renames the members at every depth; documents in text stay as they are.
pub(super) fn renamed(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (rename(name), renamed(value, rename)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        other => other.clone(),
    }
}

/// Times as the SDK integrations write them: text instead of seconds.
pub(super) fn with_dates(value: Value) -> Value {
    let is_date =
        |name: &str| name.ends_with("Date") || name.ends_with("DateTime") || name == "Timestamp";
    let written = |seconds: f64| {
        let at = jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()?;
        Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    };
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let date = value.as_f64().filter(|_| is_date(&name)).and_then(written);
                let value = date.map_or_else(|| with_dates(value), Value::from);
                (name, value)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(with_dates).collect(),
        other => other,
    }
}
