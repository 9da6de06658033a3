//! Reads YAML (and so JSON) into nodes with their places; CloudFormation's short forms (`!Ref`) and long forms
//! (`Fn::Join:`) become the same calls.

use std::path::Path;
use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::Number;

use crate::problem::{Position, Problem};
use crate::template::node::{Entry, Intrinsic, Kind, Node};

/// Reads a text that holds exactly one document.
pub(crate) fn read(file: &Arc<Path>, text: &str) -> Result<Node, Vec<Problem>> {
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let marker = error.marker();
        let position = Position {
            file: Arc::clone(file),
            line: marker.line(),
            column: marker.col() + 1,
        };
        vec![position.problem(format!("not YAML: {}", error.info()))]
    })?;
    let [document] = documents.as_slice() else {
        let found = documents.len();
        let problem = Position::file(Arc::clone(file))
            .problem(format!("one YAML document expected, {found} found"));
        return Err(vec![problem]);
    };
    let mut reader = Reader {
        file,
        problems: Vec::new(),
    };
    let node = reader.node(document);
    if reader.problems.is_empty() {
        Ok(node)
    } else {
        Err(reader.problems)
    }
}

struct Reader<'a> {
    file: &'a Arc<Path>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn position(&self, yaml: &MarkedYaml<'_>) -> Position {
        Position {
            file: Arc::clone(self.file),
            line: yaml.span.start.line(),
            column: yaml.span.start.col() + 1,
        }
    }

    fn node(&mut self, yaml: &MarkedYaml<'_>) -> Node {
        let position = self.position(yaml);
        let kind = match &yaml.data {
            YamlData::Value(scalar) => self.scalar(&position, scalar),
            YamlData::Representation(text, _, _) => Kind::String(text.to_string()),
            YamlData::Sequence(items) => {
                Kind::List(items.iter().map(|item| self.node(item)).collect())
            }
            YamlData::Mapping(mapping) => self.mapping(mapping.iter()),
            YamlData::Tagged(tag, inner) if tag.handle == "!" && !tag.suffix.is_empty() => {
                let argument = self.node(inner);
                let argument = Node {
                    position: position.clone(),
                    kind: argument.kind,
                };
                Kind::Call(Intrinsic::from_tag(&tag.suffix), Box::new(argument))
            }
            YamlData::Tagged(tag, _) => {
                let problem = position.problem(format!("the YAML tag {tag} is not supported"));
                self.problems.push(problem);
                Kind::Null
            }
            YamlData::Alias(_) => {
                self.problems
                    .push(position.problem("a YAML alias without its anchor"));
                Kind::Null
            }
            YamlData::BadValue => {
                self.problems
                    .push(position.problem("a value that its YAML tag does not allow"));
                Kind::Null
            }
        };
        Node { position, kind }
    }

    fn scalar(&mut self, position: &Position, scalar: &Scalar<'_>) -> Kind {
        match scalar {
            Scalar::Null => Kind::Null,
            Scalar::Boolean(value) => Kind::Bool(*value),
            Scalar::Integer(value) => Kind::Number(Number::from(*value)),
            Scalar::FloatingPoint(value) => match Number::from_f64(value.into_inner()) {
                Some(number) => Kind::Number(number),
                None => {
                    self.problems
                        .push(position.problem("neither infinity nor NaN has a place here"));
                    Kind::Null
                }
            },
            Scalar::String(text) => Kind::String(text.to_string()),
        }
    }

    fn mapping<'y>(
        &mut self,
        entries: impl Iterator<Item = (&'y MarkedYaml<'y>, &'y MarkedYaml<'y>)>,
    ) -> Kind {
        let mut read = Vec::new();
        for (key, value) in entries {
            let position = self.position(key);
            let key = self.node(key);
            let Some(key) = key.scalar_text() else {
                self.problems
                    .push(position.problem(format!("{} cannot be a key", key.kind_name())));
                continue;
            };
            let value = self.node(value);
            read.push(Entry {
                key,
                position,
                value,
            });
        }
        match read.as_slice() {
            [only] => match Intrinsic::from_key(&only.key) {
                Some(intrinsic) => Kind::Call(intrinsic, Box::new(only.value.clone())),
                None => Kind::Map(read),
            },
            _ => Kind::Map(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Node, Vec<Problem>> {
        read(&Arc::from(Path::new("t.yaml")), text)
    }

    #[test]
    fn text_that_is_not_yaml_is_placed() {
        let problems = read_text("A: 1\nB: [1, 2\nC: 3\n").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].to_string().starts_with("t.yaml:3"),
            "{}",
            problems[0]
        );
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused() {
        let problems = read_text("A: 1\nA: 2\n").unwrap_err();
        assert!(problems[0].message.contains("not YAML"), "{}", problems[0]);
    }

    #[test]
    fn short_and_long_forms_are_the_same_call() {
        let short = read_text("V: !Sub '${A}-b'\n").unwrap();
        let long = read_text("V:\n  Fn::Sub: '${A}-b'\n").unwrap();
        let call = |node: &Node| match &node.get("V").unwrap().kind {
            Kind::Call(intrinsic, argument) => {
                (intrinsic.clone(), argument.as_str().unwrap().to_owned())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(call(&short), call(&long));
        assert_eq!(call(&short).0, Intrinsic::Sub);
    }

    #[test]
    fn every_value_knows_its_line_and_column() {
        let node = read_text("A:\n  - B: x\n    C: !Ref D\n").unwrap();
        let item = &node.get("A").unwrap().items().unwrap()[0];
        assert_eq!(item.get("B").unwrap().position.to_string(), "t.yaml:2:8");
        assert_eq!(item.get("C").unwrap().position.line, 3);
    }

    #[test]
    fn nested_calls_keep_their_arguments() {
        let node = read_text("V: !If [A, !GetAtt B.C, !Ref 'AWS::NoValue']\n").unwrap();
        let text = node.to_json().to_string();
        assert_eq!(
            text,
            r#"{"V":{"Fn::If":["A",{"Fn::GetAtt":"B.C"},{"Ref":"AWS::NoValue"}]}}"#
        );
    }
}
