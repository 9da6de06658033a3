//! The SAM template with its lines, as the rules ask it: resources by type, references, definitions and their
//! substitutions. It evaluates nothing.

use super::machine::substitutions_in;
use super::source::{Field, Node, SyntaxError, Value, parse_yaml};

/// The template.
#[derive(Debug, Clone)]
pub struct Template {
    /// Relative to the project.
    pub file: String,
    /// The parsed document.
    pub node: Node,
}

/// A state machine resource whose definition is a file.
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    /// The resource's logical id.
    pub id: &'a str,
    /// Where the resource's name stands.
    pub line: usize,
    /// The `DefinitionUri`.
    pub uri: &'a Node,
    /// The `DefinitionSubstitutions`.
    pub substitutions: &'a [Field],
}

/// A use of a parameter, a resource or a condition somewhere in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name before any dot: a logical id, a parameter, or `AWS::Region` and its like.
    pub base: String,
    /// Where it stands.
    pub line: usize,
    /// Whether it names a condition.
    pub condition: bool,
}

impl Template {
    /// Reads the template.
    pub fn parse(file: &str, text: &str) -> Result<Self, SyntaxError> {
        Ok(Self {
            file: file.to_owned(),
            node: parse_yaml(text)?,
        })
    }

    /// The resources.
    pub fn resources(&self) -> &[Field] {
        self.node
            .get("Resources")
            .map(Node::fields)
            .unwrap_or_default()
    }

    /// The resource of that logical id.
    pub fn resource(&self, id: &str) -> Option<&Node> {
        self.node.at(&["Resources", id])
    }

    /// Its type, such as `AWS::Serverless::Function`.
    pub fn type_of(&self, id: &str) -> Option<&str> {
        self.resource(id)?.get("Type")?.text()
    }

    /// The Lambda functions.
    pub fn functions(&self) -> impl Iterator<Item = &Field> {
        self.resources().iter().filter(|resource| {
            let kind = resource.node.get("Type").and_then(Node::text);
            matches!(
                kind,
                Some("AWS::Serverless::Function" | "AWS::Lambda::Function")
            )
        })
    }

    /// The state machines whose definition is a file.
    pub fn definitions(&self) -> impl Iterator<Item = Definition<'_>> {
        self.resources().iter().filter_map(|resource| {
            let uri = resource.node.at(&["Properties", "DefinitionUri"])?;
            uri.text()?;
            let substitutions = resource.node.at(&["Properties", "DefinitionSubstitutions"]);
            Some(Definition {
                id: &resource.name,
                line: resource.line,
                uri,
                substitutions: substitutions.map(Node::fields).unwrap_or_default(),
            })
        })
    }

    /// The value of a substitution or property as far as it can be read without evaluating: a literal, or the default of
    /// the parameter that it refers to. With the line of that value.
    pub fn literal<'a>(&'a self, node: &'a Node) -> Option<(&'a str, usize)> {
        match node.tag.as_deref() {
            None => node.text().map(|text| (text, node.line)),
            Some("Ref") => {
                let default = self.node.at(&["Parameters", node.text()?, "Default"])?;
                default.text().map(|text| (text, default.line))
            }
            Some(_) => None,
        }
    }

    /// Every reference in the template.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        collect(&self.node, &[], &mut found);
        found
    }
}

/// The logical id or parameter that a value refers to, if it is one reference: `!Ref X.Alias`, `!GetAtt X.Arn`.
pub fn refers_to(node: &Node) -> Option<&str> {
    let text = match node.tag.as_deref() {
        Some("Ref" | "GetAtt") => match &node.value {
            Value::List(parts) => parts.first()?.text()?,
            _ => node.text()?,
        },
        None => match node.fields() {
            [field] if matches!(field.name.as_str(), "Ref" | "Fn::GetAtt") => {
                match &field.node.value {
                    Value::List(parts) => parts.first()?.text()?,
                    _ => field.node.text()?,
                }
            }
            _ => return None,
        },
        Some(_) => return None,
    };
    Some(base(text))
}

fn base(text: &str) -> &str {
    text.split('.').next().unwrap_or(text)
}

fn collect(node: &Node, local: &[&str], found: &mut Vec<Reference>) {
    let mut add = |text: &str, line: usize, condition: bool| {
        found.push(Reference {
            base: base(text).to_owned(),
            line,
            condition,
        });
    };
    match node.tag.as_deref() {
        Some("Ref") => {
            return node
                .text()
                .into_iter()
                .for_each(|text| add(text, node.line, false));
        }
        Some("GetAtt") => {
            let first = node.items().first().and_then(Node::text).or(node.text());
            return first
                .into_iter()
                .for_each(|text| add(text, node.line, false));
        }
        Some("Condition") => {
            return node
                .text()
                .into_iter()
                .for_each(|text| add(text, node.line, true));
        }
        Some("Sub") => return collect_sub(node, local, found),
        Some("If") => {
            if let Some(condition) = node.items().first().and_then(Node::text) {
                add(condition, node.line, true);
            }
        }
        _ => {}
    }
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(item, local, found)),
        Value::Map(fields) => {
            for field in fields {
                match field.name.as_str() {
                    "Ref" => field.node.text().into_iter().for_each(|text| {
                        found.push(Reference {
                            base: base(text).to_owned(),
                            line: field.line,
                            condition: false,
                        });
                    }),
                    "Fn::GetAtt" => {
                        let first = field
                            .node
                            .items()
                            .first()
                            .and_then(Node::text)
                            .or(field.node.text());
                        first.into_iter().for_each(|text| {
                            found.push(Reference {
                                base: base(text).to_owned(),
                                line: field.line,
                                condition: false,
                            });
                        });
                    }
                    "Fn::Sub" => collect_sub(&field.node, local, found),
                    "DependsOn" => {
                        let names = field
                            .node
                            .text()
                            .into_iter()
                            .chain(field.node.items().iter().filter_map(Node::text));
                        found.extend(names.map(|name| Reference {
                            base: name.to_owned(),
                            line: field.line,
                            condition: false,
                        }));
                    }
                    _ => collect(&field.node, local, found),
                }
            }
        }
        _ => {}
    }
}

/// `!Sub text` or `!Sub [text, {Name: value}]`: names of the map are known within the text.
fn collect_sub(node: &Node, local: &[&str], found: &mut Vec<Reference>) {
    let (text, own) = match &node.value {
        Value::List(items) => (items.first(), items.get(1)),
        _ => (Some(node), None),
    };
    let own_names: Vec<&str> = own
        .map(Node::fields)
        .unwrap_or_default()
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    if let Some(text) = text.and_then(Node::text) {
        for name in substitutions_in(text) {
            if !own_names.contains(&name) && !local.contains(&name) {
                found.push(Reference {
                    base: base(name).to_owned(),
                    line: node.line,
                    condition: false,
                });
            }
        }
    }
    if let Some(own) = own {
        collect(own, local, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_short_and_long_forms() {
        let text = "\
Resources:
  A:
    DependsOn: [B, C]
    Properties:
      One: !Ref D.Alias
      Two: !GetAtt E.Arn
      Three: !Sub '${F.Arn}/${AWS::Region}/${!Literal}'
      Four: !Sub ['${Own}-${G}', {Own: !Ref H}]
      Five: {Ref: I}
      Six: {Fn::GetAtt: [J, Arn]}
      Seven: !If [Sunny, !Ref K, !Ref 'AWS::NoValue']
";
        let template = Template::parse("t.yaml", text).unwrap();
        let names: Vec<String> = template
            .references()
            .into_iter()
            .map(|reference| reference.base)
            .collect();
        assert_eq!(
            names,
            [
                "B",
                "C",
                "D",
                "E",
                "F",
                "AWS::Region",
                "G",
                "H",
                "I",
                "J",
                "Sunny",
                "K",
                "AWS::NoValue"
            ]
        );
    }
}
