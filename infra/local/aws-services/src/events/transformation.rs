//! What a rule's target gets to see of an event: all of it, a part, a constant, or a template filled from it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One of the four forms of a target's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Transformation {
    Whole,
    Constant(String),
    Part(Path),
    Template {
        paths: Vec<(String, Path)>,
        template: String,
    },
}

/// `$.detail.name`: a way from an event to one of its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Path(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Segment {
    Member(String),
    Item(usize),
}

/// What a template may name besides its own paths.
pub(super) struct Surroundings<'a> {
    pub(super) rule_name: &'a str,
    pub(super) rule_arn: &'a str,
    pub(super) ingestion_time: &'a str,
}

impl Transformation {
    /// Reads the members of a target; the error names what is wrong.
    pub(super) fn of_target(target: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| target.get(name).and_then(Value::as_str);
        let given = ["Input", "InputPath", "InputTransformer"];
        if given
            .iter()
            .filter(|name| target.contains_key(**name))
            .count()
            > 1
        {
            return Err(
                "Only one of Input, InputPath, or InputTransformer must be provided".to_owned(),
            );
        }
        if let Some(input) = text("Input") {
            serde_json::from_str::<Value>(input)
                .map_err(|error| format!("JSON syntax error in input: {error}"))?;
            return Ok(Transformation::Constant(input.to_owned()));
        }
        if let Some(path) = text("InputPath") {
            return Ok(Transformation::Part(Path::parse(path)?));
        }
        let Some(transformer) = target.get("InputTransformer") else {
            return Ok(Transformation::Whole);
        };
        let Some(template) = transformer.get("InputTemplate").and_then(Value::as_str) else {
            return Err("InputTransformer has no InputTemplate".to_owned());
        };
        let mut paths = Vec::new();
        if let Some(Value::Object(named)) = transformer.get("InputPathsMap") {
            for (name, path) in named {
                let path = path
                    .as_str()
                    .ok_or_else(|| format!("the path of {name} is not text"))?;
                paths.push((name.clone(), Path::parse(path)?));
            }
        }
        let template = template.to_owned();
        for name in names_in(&template) {
            let known =
                paths.iter().any(|(path, _)| *path == name) || PREDEFINED.contains(&name.as_str());
            if !known {
                return Err(format!(
                    "InputTemplate for target contains undefined placeholder <{name}>"
                ));
            }
        }
        Ok(Transformation::Template { paths, template })
    }

    /// The text that the target gets.
    pub(super) fn apply(&self, event: &Value, surroundings: &Surroundings<'_>) -> String {
        match self {
            Transformation::Whole => event.to_string(),
            Transformation::Constant(text) => text.clone(),
            Transformation::Part(path) => path.find(event).unwrap_or(&Value::Null).to_string(),
            Transformation::Template { paths, template } => fill(template, |name| match name {
                "aws.events.rule-name" => Value::from(surroundings.rule_name),
                "aws.events.rule-arn" => Value::from(surroundings.rule_arn),
                "aws.events.event.ingestion-time" => Value::from(surroundings.ingestion_time),
                "aws.events.event" | "aws.events.event.json" => event.clone(),
                name => {
                    let path = paths.iter().find(|(path, _)| path == name);
                    path.and_then(|(_, path)| path.find(event))
                        .cloned()
                        .unwrap_or(Value::Null)
                }
            }),
        }
    }
}

const PREDEFINED: [&str; 5] = [
    "aws.events.rule-name",
    "aws.events.rule-arn",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        let refused =
            || format!("Invalid InputPath {text}, or the local runtime does not support it");
        let mut rest = text.strip_prefix('$').ok_or_else(refused)?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if let Some(member) = rest.strip_prefix('.') {
                let end = member.find(['.', '[']).unwrap_or(member.len());
                let name = &member[..end];
                if name.is_empty() || name == "*" {
                    return Err(refused());
                }
                segments.push(Segment::Member(name.to_owned()));
                rest = &member[end..];
            } else {
                let (inside, after) = rest
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once(']'))
                    .ok_or_else(refused)?;
                let quoted = inside
                    .strip_prefix('\'')
                    .and_then(|name| name.strip_suffix('\''));
                segments.push(match (quoted, inside.parse()) {
                    (Some(name), _) => Segment::Member(name.to_owned()),
                    (None, Ok(index)) => Segment::Item(index),
                    (None, Err(_)) => return Err(refused()),
                });
                rest = after;
            }
        }
        Ok(Self(segments))
    }

    fn find<'a>(&self, event: &'a Value) -> Option<&'a Value> {
        self.0
            .iter()
            .try_fold(event, |value, segment| match segment {
                Segment::Member(name) => value.get(name),
                Segment::Item(index) => value.get(index),
            })
    }
}

/// The names between `<` and `>`.
fn names_in(template: &str) -> Vec<String> {
    let names = std::cell::RefCell::new(Vec::new());
    fill(template, |name| {
        names.borrow_mut().push(name.to_owned());
        Value::Null
    });
    names.into_inner()
}

/// Puts values in. Between quotes a value appears as text, elsewhere as JSON.
fn fill(template: &str, value_of: impl Fn(&str) -> Value) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut quoted = false;
    let mut rest = template;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        match letter {
            '\\' => {
                // An escaped letter belongs to the text, a quote above all.
                let escaped = after.chars().next().map_or(0, char::len_utf8);
                filled.push_str(&rest[..1 + escaped]);
                rest = &after[escaped..];
                continue;
            }
            '"' => quoted = !quoted,
            '<' => {
                let name = after.split_once('>').filter(|(name, _)| is_name(name));
                if let Some((name, after)) = name {
                    let value = value_of(name);
                    match (&value, quoted) {
                        (Value::Null, true) => {}
                        (Value::String(text), true) => filled.push_str(&inside_quotes(text)),
                        (other, true) => filled.push_str(&inside_quotes(&other.to_string())),
                        (other, false) => filled.push_str(&other.to_string()),
                    }
                    rest = after;
                    continue;
                }
            }
            _ => {}
        }
        filled.push(letter);
        rest = after;
    }
    filled
}

fn is_name(name: &str) -> bool {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(legal)
}

fn inside_quotes(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(target: &Value, event: &Value) -> String {
        let transformation = Transformation::of_target(target.as_object().unwrap()).unwrap();
        let surroundings = Surroundings {
            rule_name: "reaper",
            rule_arn: "arn:rule",
            ingestion_time: "2026-11-21T02:00:00Z",
        };
        transformation.apply(event, &surroundings)
    }

    #[test]
    fn refuses_a_template_that_names_nothing_known() {
        let target = json!({"InputTransformer": {"InputTemplate": "{\"a\": <name>}"}});
        let error = Transformation::of_target(target.as_object().unwrap()).unwrap_err();
        assert!(error.contains("<name>"), "{error}");
    }

    #[test]
    fn refuses_two_kinds_of_input_at_once() {
        let target = json!({"Input": "{}", "InputPath": "$"});
        assert!(Transformation::of_target(target.as_object().unwrap()).is_err());
    }

    #[test]
    fn refuses_a_path_that_it_cannot_follow() {
        for path in ["detail", "$.a[*]", "$..a", "$.a[?(@.b)]"] {
            let target = json!({"InputPath": path});
            assert!(
                Transformation::of_target(target.as_object().unwrap()).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_template_is_filled_as_text_in_quotes_and_as_json_elsewhere() {
        let event = json!({"detail": {"name": "a \"b\"", "count": 3, "input": {"x": 1}}});
        let target = json!({"InputTransformer": {
            "InputPathsMap": {"name": "$.detail.name", "count": "$.detail.count", "input": "$.detail.input", "none": "$.no"},
            "InputTemplate": "{\"text\": \"<name> of <aws.events.rule-name>\", \"name\": <name>, \"count\": <count>, \"input\": <input>, \"none\": <none>}",
        }});
        let filled: Value = serde_json::from_str(&apply(&target, &event)).unwrap();
        assert_eq!(
            filled,
            json!({"text": "a \"b\" of reaper", "name": "a \"b\"", "count": 3, "input": {"x": 1}, "none": null})
        );
    }

    #[test]
    fn a_path_picks_a_part() {
        let event = json!({"resources": ["arn:one"], "detail": {"a": 1}});
        assert_eq!(
            apply(&json!({"InputPath": "$.resources[0]"}), &event),
            "\"arn:one\""
        );
        assert_eq!(
            apply(&json!({"InputPath": "$.detail"}), &event),
            "{\"a\":1}"
        );
        assert_eq!(
            apply(&json!({"InputPath": "$['detail']['a']"}), &event),
            "1"
        );
    }
}
