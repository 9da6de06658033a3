//! `get_json_object`: a value out of a JSON text, by a path such as `$.items[0].name`.

use serde_json::Value;

use super::udf::{Function, TEXT, at, texts};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("get_json_object", 2..=2, TEXT, |arguments| {
            let (text, path) = (arguments.text(0)?, arguments.text(1)?);
            texts(arguments.rows, |row| get(at(&text, row)?, at(&path, row)?))
        }),
        // A column of `json_tuple`: a member of the outermost object.
        Function::new("hive_json_key", 2..=2, TEXT, |arguments| {
            let (text, key) = (arguments.text(0)?, arguments.text(1)?);
            texts(arguments.rows, |row| {
                let root: Value = serde_json::from_str(at(&text, row)?).ok()?;
                match root.get(at(&key, row)?)? {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                }
            })
        }),
    ]
}

/// One step of a path.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
    All,
}

fn get(text: &str, path: &str) -> Option<String> {
    let root: Value = serde_json::from_str(text).ok()?;
    let mut found = vec![&root];
    let mut many = false;
    for step in steps(path)? {
        many |= matches!(step, Step::All)
            || (matches!(step, Step::Key(_)) && found.iter().any(|value| value.is_array()));
        found = found
            .into_iter()
            .flat_map(|value| follow(value, &step))
            .collect();
    }
    if many && found.len() != 1 {
        return (!found.is_empty())
            .then(|| Value::Array(found.into_iter().cloned().collect()).to_string());
    }
    match found.first()? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn follow<'a>(value: &'a Value, step: &Step<'_>) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Key(key), Value::Object(members)) => members.get(*key).into_iter().collect(),
        // A key of an array is looked up in each of its items.
        (Step::Key(key), Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.get(*key))
            .flat_map(|found| match found {
                Value::Array(inner) => inner.iter().collect(),
                other => vec![other],
            })
            .collect(),
        (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(members)) => members.values().collect(),
        _ => Vec::new(),
    }
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            steps.push(if &after[..end] == "*" {
                Step::All
            } else {
                Step::Key(&after[..end])
            });
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match inside.trim_matches(['\'', '"']) {
                "*" => Step::All,
                key if key.len() < inside.len() => Step::Key(key),
                number => Step::Index(number.parse().ok()?),
            });
            rest = after;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_null() {
        for (text, path) in [
            ("{", "$.a"),
            ("{}", "$.a"),
            ("{\"a\":null}", "$.a"),
            ("[1]", "$[1]"),
            ("{}", "a"),
        ] {
            assert_eq!(get(text, path), None, "{text} {path}");
        }
    }

    #[test]
    fn follows_keys_indexes_and_wildcards() {
        let text = r#"{"a":{"b c":[{"n":1},{"n":"x"}]},"t":true}"#;
        assert_eq!(get(text, "$.a['b c'][1].n").unwrap(), "x");
        assert_eq!(get(text, "$.a['b c'][*].n").unwrap(), r#"[1,"x"]"#);
        assert_eq!(get(text, "$.t").unwrap(), "true");
        assert_eq!(get(text, "$.a['b c'][0]").unwrap(), r#"{"n":1}"#);
    }
}
