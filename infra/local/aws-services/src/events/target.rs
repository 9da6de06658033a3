//! What a rule's target gets to see: the event, a part of it, a constant, or a template filled from it.

use serde_json::Value;

use crate::failure::ServiceError;

/// Refuses a target that this runtime cannot serve.
pub(super) fn check(target: &Value) -> Result<(), ServiceError> {
    let arn = target["Arn"].as_str().unwrap_or_default();
    if !arn.contains(":states:") && !arn.contains(":sns:") {
        return Err(ServiceError::validation(format!(
            "the local runtime supports state machines and topics as targets, not {arn}"
        )));
    }
    const KNOWN: [&str; 7] = ["Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "RetryPolicy"];
    let members = target.as_object().into_iter().flat_map(serde_json::Map::keys);
    match members.into_iter().find(|member| !KNOWN.contains(&member.as_str()) && *member != "DeadLetterConfig") {
        Some(member) => Err(ServiceError::unsupported_parameter("PutTargets", member)),
        None => Ok(()),
    }
}

/// The target's input for an event; a template that is not JSON gives text.
pub(super) fn input(target: &Value, event: &Value) -> Result<Value, ServiceError> {
    if let Some(constant) = target["Input"].as_str() {
        return Ok(parsed(constant.to_owned()));
    }
    if let Some(path) = target["InputPath"].as_str() {
        return Ok(at(event, path)?.cloned().unwrap_or(Value::Null));
    }
    let transformer = &target["InputTransformer"];
    let Some(template) = transformer["InputTemplate"].as_str() else {
        return Ok(event.clone());
    };
    let mut filled = String::with_capacity(template.len());
    let (mut rest, mut quoted) = (template, false);
    while let Some(position) = rest.find(['<', '"']) {
        filled.push_str(&rest[..position]);
        let tail = &rest[position..];
        let name = tail.strip_prefix('<').and_then(|tail| tail.split_once('>'));
        let path = name.and_then(|(name, _)| transformer["InputPathsMap"][name].as_str());
        match (name, path) {
            (Some((_, after)), Some(path)) => {
                let value = at(event, path)?.cloned().unwrap_or(Value::Null);
                match value {
                    Value::String(text) if quoted => filled.push_str(&text),
                    other => filled.push_str(&other.to_string()),
                }
                rest = after;
            }
            _ => {
                if tail.starts_with('"') && !filled.ends_with('\\') {
                    quoted = !quoted;
                }
                filled.push_str(&tail[..1]);
                rest = &tail[1..];
            }
        }
    }
    filled.push_str(rest);
    Ok(parsed(filled))
}

fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A plain path: `$`, `$.detail.status`, `$.resources[0]`.
fn at<'a>(event: &'a Value, path: &str) -> Result<Option<&'a Value>, ServiceError> {
    let unreadable = || ServiceError::validation(format!("the local runtime cannot read the path {path}"));
    let rest = path.strip_prefix('$').ok_or_else(unreadable)?;
    let mut pointer = String::new();
    for segment in rest.split('.').filter(|segment| !segment.is_empty()) {
        let mut parts = segment.split('[');
        pointer.push('/');
        pointer.push_str(parts.next().unwrap_or_default());
        for index in parts {
            let index = index.strip_suffix(']').filter(|index| index.parse::<usize>().is_ok()).ok_or_else(unreadable)?;
            pointer.push('/');
            pointer.push_str(index);
        }
    }
    Ok(event.pointer(&pointer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_takes_values_bare_and_inside_quotes() {
        let event = json!({"detail": {"arn": "a:b", "count": 2}});
        let target = json!({"InputTransformer": {
            "InputPathsMap": {"arn": "$.detail.arn", "count": "$.detail.count"},
            "InputTemplate": "{\"Arn\": <arn>, \"Count\": <count>, \"Text\": \"<count> of <arn>\"}",
        }});
        assert_eq!(input(&target, &event).unwrap(), json!({"Arn": "a:b", "Count": 2, "Text": "2 of a:b"}));
    }

    #[test]
    fn a_path_that_cannot_be_read_is_refused() {
        assert!(input(&json!({"InputPath": "$.detail[*]"}), &json!({})).is_err());
        assert_eq!(input(&json!({"InputPath": "$.resources[1]"}), &json!({"resources": ["a", "b"]})).unwrap(), "b");
    }
}
