//! Event patterns: exact values, prefix, suffix, exists, anything-but, numeric. Another operator is refused by name.
//! (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html)

use serde_json::Value;

/// Refuses a pattern that this runtime would read wrongly.
pub(super) fn check(pattern: &Value) -> Result<(), String> {
    let Value::Object(members) = pattern else {
        return Err("the pattern must be a JSON object".to_owned());
    };
    for (name, value) in members {
        match value {
            _ if name.starts_with('$') => {
                return Err(format!("the local runtime does not support {name}"));
            }
            Value::Object(_) => check(value)?,
            Value::Array(alternatives) if alternatives.is_empty() => {
                return Err("Empty arrays are not allowed".to_owned());
            }
            Value::Array(alternatives) => alternatives.iter().try_for_each(check_alternative)?,
            _ => return Err(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

fn check_alternative(alternative: &Value) -> Result<(), String> {
    let Value::Object(operator) = alternative else {
        return Ok(());
    };
    match operator.iter().next() {
        Some((name, value)) if operator.len() == 1 => match (name.as_str(), value) {
            ("prefix" | "suffix", Value::String(_)) | ("exists", Value::Bool(_)) => Ok(()),
            ("anything-but", Value::Object(_)) => {
                Err("the local runtime does not support anything-but with an operator".to_owned())
            }
            ("anything-but", _) => Ok(()),
            ("numeric", Value::Array(parts))
                if !parts.is_empty() && parts.len().is_multiple_of(2) =>
            {
                let known = |pair: &[Value]| {
                    matches!(pair[0].as_str(), Some("<" | "<=" | ">" | ">=" | "="))
                        && pair[1].is_number()
                };
                if parts.chunks(2).all(known) {
                    return Ok(());
                }
                Err("numeric takes pairs of a comparison and a number".to_owned())
            }
            (other, _) => Err(format!(
                "the local runtime does not support the operator {other}"
            )),
        },
        _ => Err("an operator must be an object with one member".to_owned()),
    }
}

/// Whether the event is one that the pattern is for. The pattern has been checked.
pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    let Value::Object(members) = pattern else {
        return false;
    };
    members.iter().all(|(name, wanted)| {
        let found = event.get(name);
        match wanted {
            Value::Array(alternatives) => alternatives
                .iter()
                .any(|alternative| fits(alternative, found)),
            // What is not there has no members either, which is what `exists: false` may ask for.
            nested => match found {
                Some(Value::Array(items)) => items.iter().any(|item| matches(nested, item)),
                found => matches(nested, found.unwrap_or(&Value::Null)),
            },
        }
    })
}

fn fits(alternative: &Value, found: Option<&Value>) -> bool {
    let operator = alternative
        .as_object()
        .and_then(|operator| operator.iter().next());
    if let Some((name, Value::Bool(wanted))) = operator
        && name == "exists"
    {
        return found.is_some() == *wanted;
    }
    let Some(found) = found else {
        return false;
    };
    // A list in the event fits if one of its values does.
    if let Value::Array(values) = found {
        return values.iter().any(|value| fits(alternative, Some(value)));
    }
    match operator {
        None => same(alternative, found),
        Some((name, operand)) => match (name.as_str(), operand) {
            ("prefix", Value::String(prefix)) => {
                found.as_str().is_some_and(|text| text.starts_with(prefix))
            }
            ("suffix", Value::String(suffix)) => {
                found.as_str().is_some_and(|text| text.ends_with(suffix))
            }
            ("anything-but", Value::Array(values)) => {
                !values.iter().any(|value| same(value, found))
            }
            ("anything-but", value) => !same(value, found),
            ("numeric", Value::Array(parts)) => {
                found.as_f64().is_some_and(|number| in_range(parts, number))
            }
            _ => false,
        },
    }
}

/// Numbers are the same when their values are, however they are written.
fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => wanted == found,
    }
}

fn in_range(parts: &[Value], number: f64) -> bool {
    parts.chunks(2).all(|pair| {
        let bound = pair[1].as_f64().unwrap_or(f64::NAN);
        match pair[0].as_str() {
            Some("<") => number < bound,
            Some("<=") => number <= bound,
            Some(">") => number > bound,
            Some(">=") => number >= bound,
            Some("=") => number == bound,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operator_that_is_not_known_is_refused_by_name() {
        let error = check(&json!({"source": [{"wildcard": "aws.*"}]})).unwrap_err();
        assert!(error.contains("wildcard"), "{error}");
        assert!(check(&json!({"source": "aws.states"})).is_err());
    }

    #[test]
    fn every_member_must_fit_and_any_alternative_will_do() {
        let event = json!({"source": "aws.states", "detail": {"status": "ABORTED", "count": 3}, "resources": ["a", "b"]});
        for (pattern, expected) in [
            (
                json!({"source": ["aws.states"], "detail": {"status": ["FAILED", "ABORTED"]}}),
                true,
            ),
            (json!({"detail": {"status": ["FAILED"]}}), false),
            (
                json!({"source": [{"prefix": "aws."}], "resources": ["b"]}),
                true,
            ),
            (
                json!({"detail": {"status": [{"anything-but": ["ABORTED"]}]}}),
                false,
            ),
            (
                json!({"nothing": {"here": [{"exists": false}]}, "detail": {"count": [3.0]}}),
                true,
            ),
            (json!({"nothing": {"here": [{"exists": true}]}}), false),
            (
                json!({"detail": {"error": [{"exists": false}], "count": [{"numeric": [">", 2, "<=", 3]}]}}),
                true,
            ),
        ] {
            check(&pattern).unwrap();
            assert_eq!(matches(&pattern, &event), expected, "{pattern}");
        }
    }
}
