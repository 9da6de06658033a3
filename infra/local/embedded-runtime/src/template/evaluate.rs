//! Evaluates intrinsic functions: parameters, conditions, mappings, names and attributes of resources. What is not
//! supported fails by name and place.

use std::cell::RefCell;

use indexmap::IndexMap;
use serde_json::Value;

use crate::problem::{Position, Problem};
use crate::template::identity;
use crate::template::node::{Entry, Intrinsic, Kind, Node};
use crate::template::substitute::{Part, parts};
use crate::template::{Surroundings, Template};

/// The outcome of an evaluation; `None` is `AWS::NoValue`.
pub(crate) type Evaluated = Result<Option<Node>, Vec<Problem>>;

/// Evaluates the values of one template with one set of parameters.
pub(crate) struct Evaluator<'a> {
    pub(crate) template: &'a Template,
    pub(crate) parameters: &'a IndexMap<String, Value>,
    pub(crate) surroundings: &'a Surroundings,
    /// Conditions and names of resources that are being worked out, to notice circles.
    visiting: RefCell<Vec<String>>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        template: &'a Template,
        parameters: &'a IndexMap<String, Value>,
        surroundings: &'a Surroundings,
    ) -> Self {
        Self {
            template,
            parameters,
            surroundings,
            visiting: RefCell::new(Vec::new()),
        }
    }

    /// The value without calls; every problem in it.
    pub(crate) fn value(&self, node: &Node) -> Evaluated {
        let kind = match &node.kind {
            Kind::Call(intrinsic, argument) => return self.call(node, intrinsic, argument),
            Kind::List(items) => {
                let mut problems = Vec::new();
                let mut evaluated = Vec::new();
                for item in items {
                    match self.value(item) {
                        Ok(item) => evaluated.extend(item),
                        Err(found) => problems.extend(found),
                    }
                }
                if !problems.is_empty() {
                    return Err(problems);
                }
                Kind::List(evaluated)
            }
            Kind::Map(entries) => {
                let mut problems = Vec::new();
                let mut evaluated = Vec::new();
                for entry in entries {
                    match self.value(&entry.value) {
                        Ok(Some(value)) => evaluated.push(Entry {
                            value,
                            ..entry.clone()
                        }),
                        Ok(None) => {}
                        Err(found) => problems.extend(found),
                    }
                }
                if !problems.is_empty() {
                    return Err(problems);
                }
                Kind::Map(evaluated)
            }
            scalar => scalar.clone(),
        };
        let position = node.position.clone();
        Ok(Some(Node { position, kind }))
    }

    /// A value that must be a scalar, as text.
    pub(crate) fn text(&self, node: &Node) -> Result<String, Vec<Problem>> {
        let value = self.value(node)?;
        let Some(value) = value else {
            return Err(vec![
                node.problem("a string is needed here, not AWS::NoValue"),
            ]);
        };
        value.scalar_text().ok_or_else(|| {
            let found = value.kind_name().to_owned();
            vec![node.problem(format!("a string is needed here, not {found}"))]
        })
    }

    /// Whether a named condition holds.
    pub(crate) fn condition(&self, name: &str, position: &Position) -> Result<bool, Vec<Problem>> {
        let Some(condition) = self.template.conditions.get(name) else {
            return Err(vec![
                position.problem(format!("condition {name} is not declared")),
            ]);
        };
        self.visit(&format!("condition {name}"), position, || {
            self.truth(condition)
        })
    }

    /// Runs `inner` unless it is being run already, further out.
    pub(crate) fn visit<T>(
        &self,
        what: &str,
        position: &Position,
        inner: impl FnOnce() -> Result<T, Vec<Problem>>,
    ) -> Result<T, Vec<Problem>> {
        if self.visiting.borrow().iter().any(|visited| visited == what) {
            return Err(vec![position.problem(format!("{what} depends on itself"))]);
        }
        self.visiting.borrow_mut().push(what.to_owned());
        let result = inner();
        self.visiting.borrow_mut().pop();
        result
    }

    /// What a condition function gives.
    pub(crate) fn truth(&self, node: &Node) -> Result<bool, Vec<Problem>> {
        let (intrinsic, argument) = match &node.kind {
            Kind::Call(intrinsic, argument) => (intrinsic.clone(), argument.as_ref()),
            Kind::Map(_) => match node.get("Condition") {
                Some(name) => (Intrinsic::Condition, name),
                None => {
                    return Err(vec![
                        node.problem("a condition is needed here, not a mapping"),
                    ]);
                }
            },
            _ => {
                let problem = format!("a condition is needed here, not {}", node.kind_name());
                return Err(vec![node.problem(problem)]);
            }
        };
        match intrinsic {
            Intrinsic::Condition => {
                let name = literal(argument)?;
                self.condition(name, &argument.position)
            }
            Intrinsic::Equals => {
                let [left, right] = exactly::<2>(&intrinsic, argument)?;
                Ok(self.text(left)? == self.text(right)?)
            }
            Intrinsic::Not => {
                let [inner] = exactly::<1>(&intrinsic, argument)?;
                Ok(!self.truth(inner)?)
            }
            Intrinsic::EachMemberEquals => {
                let [members, wanted] = exactly::<2>(&intrinsic, argument)?;
                let wanted = self.text(wanted)?;
                let members = self.value(members)?;
                let Some(members) = members.as_ref().and_then(Node::items) else {
                    return Err(vec![argument.problem("Fn::EachMemberEquals takes a list")]);
                };
                let texts = members.iter().map(Node::scalar_text);
                Ok(texts
                    .into_iter()
                    .all(|text| text.is_some_and(|text| text == wanted)))
            }
            Intrinsic::And | Intrinsic::Or => {
                let items = argument.items().unwrap_or_default();
                if !(2..=10).contains(&items.len()) {
                    let problem = format!("{} takes two to ten conditions", intrinsic.name());
                    return Err(vec![argument.problem(problem)]);
                }
                let truths = items.iter().map(|item| self.truth(item));
                let truths = truths.collect::<Result<Vec<bool>, _>>()?;
                Ok(match intrinsic {
                    Intrinsic::And => truths.into_iter().all(|truth| truth),
                    _ => truths.into_iter().any(|truth| truth),
                })
            }
            other => {
                Err(vec![node.problem(format!(
                    "{} cannot stand in a condition",
                    other.name()
                ))])
            }
        }
    }

    fn call(&self, node: &Node, intrinsic: &Intrinsic, argument: &Node) -> Evaluated {
        let text = |text: String| Ok(Some(Node::string(node.position.clone(), text)));
        match intrinsic {
            Intrinsic::Ref => self.reference(literal(argument)?, &node.position),
            Intrinsic::GetAtt => {
                let (resource, attribute) = self.attribute_name(argument)?;
                text(identity::attribute(
                    self,
                    &resource,
                    &attribute,
                    &node.position,
                )?)
            }
            Intrinsic::Sub => text(self.substitute(argument)?),
            Intrinsic::Join => {
                let [delimiter, items] = exactly::<2>(intrinsic, argument)?;
                let delimiter = self.text(delimiter)?;
                let items = self.list(intrinsic, items)?;
                let texts = items
                    .iter()
                    .map(|item| self.text(item))
                    .collect::<Result<Vec<_>, _>>()?;
                text(texts.join(&delimiter))
            }
            Intrinsic::Select => {
                let [index, items] = exactly::<2>(intrinsic, argument)?;
                let written = self.text(index)?;
                let items = self.list(intrinsic, items)?;
                let chosen = written
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index));
                let chosen = chosen.ok_or_else(|| {
                    let count = items.len();
                    vec![index.problem(format!(
                        "Fn::Select wants item {written} of a list of {count}"
                    ))]
                })?;
                self.value(chosen)
            }
            Intrinsic::Split => {
                let [delimiter, whole] = exactly::<2>(intrinsic, argument)?;
                let (delimiter, whole) = (self.text(delimiter)?, self.text(whole)?);
                let pieces = whole.split(delimiter.as_str());
                let kind = Kind::List(
                    pieces
                        .map(|piece| Node::string(node.position.clone(), piece))
                        .collect(),
                );
                let position = node.position.clone();
                Ok(Some(Node { position, kind }))
            }
            Intrinsic::FindInMap => self.find_in_map(node, argument),
            Intrinsic::If => {
                let [condition, positive, negative] = exactly::<3>(intrinsic, argument)?;
                let holds = self.condition(literal(condition)?, &condition.position)?;
                self.value(if holds { positive } else { negative })
            }
            Intrinsic::Equals
            | Intrinsic::And
            | Intrinsic::Or
            | Intrinsic::Not
            | Intrinsic::EachMemberEquals
            | Intrinsic::Condition => {
                let problem = format!("{} belongs into the section Conditions", intrinsic.name());
                Err(vec![node.problem(problem)])
            }
            Intrinsic::Unsupported(name) => {
                Err(vec![node.problem(format!("{name} is not supported"))])
            }
        }
    }

    fn reference(&self, name: &str, position: &Position) -> Evaluated {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = self.parameters.get(name) {
            let string = |value: &Value| match value {
                Value::String(text) => Node::string(position.clone(), text),
                other => Node::string(position.clone(), other.to_string()),
            };
            let node = match value {
                Value::Array(items) => Node {
                    position: position.clone(),
                    kind: Kind::List(items.iter().map(string).collect()),
                },
                other => string(other),
            };
            return Ok(Some(node));
        }
        let text = match self.surroundings.pseudo_parameter(name) {
            Some(text) => text,
            None if name.starts_with("AWS::") => {
                return Err(vec![
                    position.problem(format!("the pseudo parameter {name} is not supported")),
                ]);
            }
            None => identity::reference(self, name, position)?,
        };
        Ok(Some(Node::string(position.clone(), text)))
    }

    fn attribute_name(&self, argument: &Node) -> Result<(String, String), Vec<Problem>> {
        if let Some(text) = argument.as_str()
            && let Some((resource, attribute)) = text.split_once('.')
        {
            return Ok((resource.to_owned(), attribute.to_owned()));
        }
        if let Some([resource, attribute]) = argument.items() {
            return Ok((literal(resource)?.to_owned(), self.text(attribute)?));
        }
        Err(vec![argument.problem(
            "Fn::GetAtt takes Resource.Attribute or a list of the two",
        )])
    }

    fn list(&self, intrinsic: &Intrinsic, node: &Node) -> Result<Vec<Node>, Vec<Problem>> {
        match self.value(node)?.map(|value| value.kind) {
            Some(Kind::List(items)) => Ok(items),
            _ => Err(vec![
                node.problem(format!("{} needs a list here", intrinsic.name())),
            ]),
        }
    }

    fn substitute(&self, argument: &Node) -> Result<String, Vec<Problem>> {
        let (template, variables) = match argument.items() {
            Some([template, variables]) => (template, Some(variables)),
            Some(_) => {
                return Err(vec![
                    argument.problem("Fn::Sub takes a string, or a string and a mapping"),
                ]);
            }
            None => (argument, None),
        };
        let text = literal(template)?;
        let mut problems = Vec::new();
        if let Some(variables) = variables {
            for entry in variables.entries().unwrap_or_default() {
                if !text.contains(&format!("${{{}}}", entry.key)) {
                    let problem = format!("Fn::Sub does not use its variable {}", entry.key);
                    problems.push(entry.position.problem(problem));
                }
            }
        }
        let mut result = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Variable(name) => {
                    let own = variables.and_then(|variables| variables.get(name));
                    let value = match own {
                        Some(value) => self.text(value),
                        None => self.variable(name, &template.position),
                    };
                    match value {
                        Ok(value) => result.push_str(&value),
                        Err(found) => problems.extend(found),
                    }
                }
                Part::Unfinished => {
                    problems.push(template.problem("Fn::Sub has ${ without its closing brace"))
                }
            }
        }
        if problems.is_empty() {
            Ok(result)
        } else {
            Err(problems)
        }
    }

    fn variable(&self, name: &str, position: &Position) -> Result<String, Vec<Problem>> {
        if let Some((resource, attribute)) = name.split_once('.')
            && !identity::is_versioned(self, name)
        {
            return identity::attribute(self, resource, attribute, position);
        }
        match self.reference(name, position)? {
            Some(node) => node.scalar_text().ok_or_else(|| {
                let problem = format!(
                    "{name} is {} and cannot be put into a string",
                    node.kind_name()
                );
                vec![position.problem(problem)]
            }),
            None => Err(vec![
                position.problem("AWS::NoValue cannot be put into a string"),
            ]),
        }
    }

    fn find_in_map(&self, node: &Node, argument: &Node) -> Evaluated {
        let [map, first, second] = exactly::<3>(&Intrinsic::FindInMap, argument)?;
        let keys = [self.text(map)?, self.text(first)?, self.text(second)?];
        let mut found = self.template.mappings.as_ref();
        for key in &keys {
            found = found.and_then(|node| node.get(key));
        }
        match found {
            Some(value) => self.value(value),
            None => {
                let path = keys.join(".");
                Err(vec![
                    node.problem(format!("the section Mappings has no {path}")),
                ])
            }
        }
    }
}

fn literal(node: &Node) -> Result<&str, Vec<Problem>> {
    node.as_str().ok_or_else(|| {
        let problem = format!("a plain string is needed here, not {}", node.kind_name());
        vec![node.problem(problem)]
    })
}

fn exactly<'n, const COUNT: usize>(
    intrinsic: &Intrinsic,
    node: &'n Node,
) -> Result<&'n [Node; COUNT], Vec<Problem>> {
    let items = node.items().unwrap_or_default();
    items.try_into().map_err(|_| {
        let problem = format!("{} takes a list of {COUNT}", intrinsic.name());
        vec![node.problem(problem)]
    })
}
