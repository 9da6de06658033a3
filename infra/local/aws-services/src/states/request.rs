//! Checks the members of a request against what the action takes, in AWS's words. [`super::StepFunctions::call`] comes here
//! before anything else is looked at; `actions` says what each action takes.

use serde_json::{Map, Value};

use crate::failure::ServiceError;

/// What a member may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text of so many characters.
    Text {
        least: usize,
        most: usize,
    },
    /// Text that AWS does not repeat in its errors.
    Secret {
        least: usize,
        most: usize,
    },
    /// Text of so many characters that matches a pattern; the pattern is what AWS shows.
    Pattern {
        most: usize,
        pattern: &'static str,
        matches: fn(&str) -> bool,
    },
    /// One of these words, in the order in which AWS lists them.
    Word(&'static [&'static str]),
    /// A whole number.
    Whole {
        least: i64,
        most: i64,
    },
    /// Any number.
    Number {
        least: f64,
        most: f64,
    },
    Flag,
    List {
        least: usize,
        most: usize,
        of: &'static Kind,
    },
    /// An object: the name of its shape and its members.
    Object(&'static str, &'static [Member]),
}

/// A member of a request or of an object in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Kind,
}

/// Refuses a request whose members are not what the action takes. A member that AWS does not have either is refused by name.
pub(super) fn check(action: &str, members: &[Member], input: &Value) -> Result<(), ServiceError> {
    let empty = Map::new();
    let given = input.as_object().unwrap_or(&empty);
    if let Some(unknown) = given
        .keys()
        .find(|name| members.iter().all(|member| member.name != name.as_str()))
    {
        return Err(ServiceError::unsupported_parameter(action, unknown));
    }
    let mut complaints = Vec::new();
    object(members, given, "", &mut complaints)?;
    if complaints.is_empty() {
        return Ok(());
    }
    let count = complaints.len();
    let errors = if count == 1 { "error" } else { "errors" };
    Err(ServiceError::validation(format!(
        "{count} validation {errors} detected: {}",
        complaints.join("; ")
    )))
}

fn object(
    members: &[Member],
    given: &Map<String, Value>,
    path: &str,
    complaints: &mut Vec<String>,
) -> Result<(), ServiceError> {
    for member in members {
        let at = format!("{path}{}", member.name);
        match given.get(member.name) {
            None | Some(Value::Null) if member.required => {
                complaints.push(complaint("null", &at, "Member must not be null"));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(&member.kind, value, &at, complaints)?,
        }
    }
    Ok(())
}

fn check_value(
    kind: &Kind,
    value: &Value,
    at: &str,
    complaints: &mut Vec<String>,
) -> Result<(), ServiceError> {
    match *kind {
        Kind::Text { least, most } => {
            let text = text(value)?;
            let shown = format!("'{text}' ");
            length(text.chars().count(), least, most, &shown, at, complaints);
        }
        Kind::Secret { least, most } => {
            length(text(value)?.len(), least, most, "", at, complaints);
        }
        Kind::Pattern {
            most,
            pattern,
            matches,
        } => {
            let text = text(value)?;
            let shown = format!("'{text}' ");
            let before = complaints.len();
            length(text.chars().count(), 1, most, &shown, at, complaints);
            if complaints.len() == before && !matches(text) {
                let wanted = format!("Member must satisfy regular expression pattern: {pattern}");
                complaints.push(complaint(&format!("'{text}'"), at, &wanted));
            }
        }
        Kind::Word(words) => {
            let text = text(value)?;
            if !words.contains(&text) {
                let wanted = format!("Member must satisfy enum value set: [{}]", words.join(", "));
                complaints.push(complaint(&format!("'{text}'"), at, &wanted));
            }
        }
        Kind::Whole { least, most } => {
            let Some(number) = value.as_i64() else {
                return Err(wrong_type(value, "Integer"));
            };
            let bound = if number < least {
                Some(("greater", least))
            } else {
                (number > most).then_some(("less", most))
            };
            if let Some((side, bound)) = bound {
                let wanted = format!("Member must have value {side} than or equal to {bound}");
                complaints.push(complaint(&format!("'{number}'"), at, &wanted));
            }
        }
        Kind::Number { least, most } => {
            let Some(number) = value.as_f64() else {
                return Err(wrong_type(value, "Float"));
            };
            let bound = if number < least {
                Some(("greater", least))
            } else {
                (number > most).then_some(("less", most))
            };
            if let Some((side, bound)) = bound {
                let wanted = format!("Member must have value {side} than or equal to {bound}");
                complaints.push(complaint(&format!("'{number}'"), at, &wanted));
            }
        }
        Kind::Flag => {
            if !value.is_boolean() {
                return Err(wrong_type(value, "Boolean"));
            }
        }
        Kind::List { least, most, of } => {
            let Some(items) = value.as_array() else {
                return Err(wrong_type(value, "List"));
            };
            let shown = format!("'{}' ", shown(kind, value));
            length(items.len(), least, most, &shown, at, complaints);
            for (position, item) in items.iter().enumerate() {
                let at = format!("{at}.{}.member", position + 1);
                check_value(of, item, &at, complaints)?;
            }
        }
        Kind::Object(_, members) => {
            let Some(given) = value.as_object() else {
                return Err(wrong_type(value, "Map"));
            };
            if let Some(unknown) = given
                .keys()
                .find(|name| members.iter().all(|member| member.name != name.as_str()))
            {
                return Err(ServiceError::validation(format!(
                    "the local runtime does not know the member {at}.{unknown}"
                )));
            }
            object(members, given, &format!("{at}."), complaints)?;
        }
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str, ServiceError> {
    value.as_str().ok_or_else(|| wrong_type(value, "String"))
}

fn length(
    length: usize,
    least: usize,
    most: usize,
    shown: &str,
    at: &str,
    complaints: &mut Vec<String>,
) {
    let bound = if length < least {
        ("greater", least)
    } else if length > most {
        ("less", most)
    } else {
        return;
    };
    complaints.push(format!(
        "Value {shown}at '{at}' failed to satisfy constraint: Member must have length {} than or equal to {}",
        bound.0, bound.1
    ));
}

fn complaint(shown: &str, at: &str, wanted: &str) -> String {
    format!("Value {shown} at '{at}' failed to satisfy constraint: {wanted}")
}

/// A value as AWS's errors show it: objects by the name of their shape.
fn shown(kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::List { of, .. }, Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| shown(of, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Kind::Object(name, members), Value::Object(given)) => {
            let fields: Vec<String> = members
                .iter()
                .filter_map(|member| {
                    let value = given.get(member.name)?;
                    Some(format!("{}={}", member.name, shown(&member.kind, value)))
                })
                .collect();
            format!("{name}({})", fields.join(", "))
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// What AWS says when the JSON itself has the wrong type.
fn wrong_type(value: &Value, wanted: &str) -> ServiceError {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => {
            return ServiceError::new(
                "SerializationException",
                "Start of list found where not expected",
            );
        }
        Value::Object(_) => {
            return ServiceError::new(
                "SerializationException",
                "Start of structure or map found where not expected",
            );
        }
    };
    ServiceError::new(
        "SerializationException",
        format!("{found} can not be converted to a {wanted}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::actions;
    use super::*;

    fn refusal(action: &str, input: Value) -> String {
        check(action, actions::members(action).unwrap(), &input)
            .unwrap_err()
            .message
    }

    #[test]
    fn counts_and_lists_what_is_wrong() {
        assert_eq!(
            refusal(
                "CreateActivity",
                json!({"name": "x".repeat(81), "tags": [{"key": ""}]})
            ),
            format!(
                "2 validation errors detected: Value '{}' at 'name' failed to satisfy constraint: Member must have length less \
                 than or equal to 80; Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length \
                 greater than or equal to 1",
                "x".repeat(81)
            )
        );
    }

    #[test]
    fn names_a_required_member_that_is_missing() {
        assert_eq!(
            refusal("StopExecution", json!({})),
            "1 validation error detected: Value null at 'executionArn' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn does_not_repeat_what_may_be_secret() {
        let long = "x".repeat(262_145);
        assert_eq!(
            refusal("SendTaskSuccess", json!({"taskToken": "t", "output": long})),
            "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less than or \
             equal to 262144"
        );
    }

    #[test]
    fn shows_objects_in_lists_by_their_shape() {
        let item = json!({"stateMachineVersionArn": "a", "weight": 50});
        let message = refusal(
            "CreateStateMachineAlias",
            json!({"name": "live", "routingConfiguration": [item, item, item]}),
        );
        assert!(
            message.starts_with(
                "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=a, weight=50), "
            ),
            "{message}"
        );
        assert!(
            message.ends_with("Member must have length less than or equal to 2"),
            "{message}"
        );
    }

    #[test]
    fn refuses_a_member_that_no_action_has_by_name() {
        let message = refusal("ListActivities", json!({"colour": "red"}));
        assert!(message.contains("colour"), "{message}");
    }

    #[test]
    fn tells_a_wrong_type_from_a_wrong_value() {
        let members = actions::members("ListActivities").unwrap();
        let error = check("ListActivities", members, &json!({"maxResults": "5"})).unwrap_err();
        assert_eq!(error.code, "SerializationException");
        assert_eq!(
            error.message,
            "STRING_VALUE can not be converted to a Integer"
        );
    }
}
