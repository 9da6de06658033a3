//! Reads YAML and JSON (YAML holds all of JSON) into nodes that know their line, for the rules of `pipeline validate`.

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// A value with the place where it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From 1.
    pub line: usize,
    /// A CloudFormation short form such as `Ref`, `Sub`, `GetAtt`, without its exclamation mark.
    pub tag: Option<String>,
    /// What stands there.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// true or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Fields in the order of the file.
    Map(Vec<Field>),
}

/// One field of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
    /// Its value.
    pub node: Node,
}

/// Why a file could not be read, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntaxError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Reads a YAML document.
pub fn parse_yaml(text: &str) -> Result<Node, SyntaxError> {
    let documents = MarkedYaml::load_from_str(text).map_err(|error| SyntaxError {
        line: error.marker().line(),
        message: error.info().to_owned(),
    })?;
    match documents.first() {
        Some(document) => Ok(convert(document)),
        None => Err(SyntaxError {
            line: 1,
            message: "the file is empty".to_owned(),
        }),
    }
}

/// Reads a JSON document: strictly, as AWS does; the lines come from the YAML reader.
pub fn parse_json(text: &str) -> Result<Node, SyntaxError> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(SyntaxError {
            line: error.line().max(1),
            message: format!("not JSON: {error}"),
        });
    }
    parse_yaml(text)
}

fn convert(yaml: &MarkedYaml<'_>) -> Node {
    let line = yaml.span.start.line();
    let plain = |value| Node {
        line,
        tag: None,
        value,
    };
    match &yaml.data {
        YamlData::Tagged(tag, inner) => {
            let mut node = convert(inner);
            // The reader gives the place to the tag, not to what the tag is on.
            node.line = node.line.max(line);
            node.tag = Some(tag.suffix.trim_start_matches('!').to_owned());
            node
        }
        YamlData::Value(scalar) => plain(convert_scalar(scalar)),
        YamlData::Representation(text, ..) => plain(Value::Text(text.to_string())),
        YamlData::Sequence(items) => plain(Value::List(items.iter().map(convert).collect())),
        YamlData::Mapping(fields) => plain(Value::Map(
            fields
                .iter()
                .map(|(key, value)| Field {
                    name: convert(key).to_text(),
                    line: key.span.start.line(),
                    node: convert(value),
                })
                .collect(),
        )),
        YamlData::Alias(_) | YamlData::BadValue => plain(Value::Null),
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::Number(*number as f64),
        Scalar::FloatingPoint(number) => Value::Number(number.into_inner()),
        Scalar::String(text) => Value::Text(text.to_string()),
    }
}

impl Node {
    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.field(name).map(|field| &field.node)
    }

    /// The field of that name, with the line of its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The node below, field by field.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// All fields; none if this is no map.
    pub fn fields(&self) -> &[Field] {
        match &self.value {
            Value::Map(fields) => fields,
            _ => &[],
        }
    }

    /// All items; none if this is no list.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Calls `visit` for every text below and at this node.
    pub fn each_text(&self, visit: &mut dyn FnMut(&Node, &str)) {
        match &self.value {
            Value::Text(text) => visit(self, text),
            Value::List(items) => items.iter().for_each(|item| item.each_text(visit)),
            Value::Map(fields) => fields.iter().for_each(|field| field.node.each_text(visit)),
            _ => {}
        }
    }

    /// The line of the deepest node on the way that a JSON pointer (`/States/Load/Next`) names, so that a pointer to
    /// something missing still leads to the place where it is missing. A field's line is that of its name.
    pub fn line_of(&self, pointer: &str) -> usize {
        let (mut node, mut line) = (self, self.line);
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Map(fields) => match fields.iter().find(|field| field.name == name) {
                    Some(field) => (node, line) = (&field.node, field.line),
                    None => return line,
                },
                Value::List(items) => match name
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                {
                    Some(item) => (node, line) = (item, item.line),
                    None => return line,
                },
                _ => return line,
            }
        }
        line
    }

    fn to_text(&self) -> String {
        match &self.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\n      \"Type\": \"Choice\",\n      \"Choices\": [\n        {\"Next\": \"B\"},\n        {\"Next\": \"C\"}\n      ]\n    },\n    \"a/b\": {}\n  }\n}\n";

    #[test]
    fn a_trailing_comma_is_no_json_and_its_line_is_named() {
        let error = parse_json("{\n  \"a\": 1,\n}").unwrap_err();
        assert_eq!(error.line, 3);
    }

    #[test]
    fn broken_yaml_is_reported_with_its_line() {
        assert_eq!(parse_yaml("a: 1\nb: [1, 2\nc: 3\n").unwrap_err().line, 3);
    }

    #[test]
    fn a_field_given_twice_is_an_error() {
        assert!(parse_json("{\"a\": 1, \"a\": 2}").is_err());
    }

    #[test]
    fn json_pointers_lead_to_lines() {
        let node = parse_json(MACHINE).unwrap();
        assert_eq!(node.line_of(""), 1);
        assert_eq!(node.line_of("/States/A"), 4);
        assert_eq!(node.line_of("/States/A/Choices/1/Next"), 8);
        assert_eq!(node.line_of("/States/a~1b"), 11);
        assert_eq!(
            node.line_of("/States/A/Default"),
            4,
            "a missing field leads to its owner"
        );
    }

    #[test]
    fn short_forms_of_cloudformation_keep_their_tag() {
        let node = parse_yaml("A: !Ref Bucket\nB: !Sub 'x-${Y}'\nC: !GetAtt F.Arn\n").unwrap();
        let tag = |name| node.get(name).unwrap().tag.clone().unwrap();
        assert_eq!(
            (tag("A"), tag("B"), tag("C")),
            ("Ref".into(), "Sub".into(), "GetAtt".into())
        );
        assert_eq!(node.get("C").unwrap().text(), Some("F.Arn"));
    }
}
