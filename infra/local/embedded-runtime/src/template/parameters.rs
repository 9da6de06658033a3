//! The template's parameters and the values they take locally: the given one, else the default, else a stand-in for what
//! only an AWS account has.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;

use crate::problem::{Position, Problem};
use crate::template::Template;
use crate::template::node::Node;

/// What the template says about a parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Where it is declared.
    pub position: Position,
    /// `String`, `Number`, `CommaDelimitedList`, `AWS::EC2::Subnet::Id`, ….
    pub type_name: String,
    /// `Default`, as text.
    pub default: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    allowed_values: Option<Vec<String>>,
    allowed_pattern: Option<(String, Position)>,
    limits: Vec<(Limit, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    MinLength,
    MaxLength,
    MinValue,
    MaxValue,
}

impl Parameter {
    pub(crate) fn read(name: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(entries) = node.entries() else {
            problems.push(node.problem(format!("parameter {name} must be a mapping")));
            return None;
        };
        let mut parameter = Self {
            position: node.position.clone(),
            type_name: String::new(),
            default: None,
            description: None,
            allowed_values: None,
            allowed_pattern: None,
            limits: Vec::new(),
        };
        for entry in entries {
            let text = entry.value.scalar_text();
            let number = text.as_deref().and_then(|text| text.parse().ok());
            match (entry.key.as_str(), text) {
                ("Type", Some(text)) => parameter.type_name = text,
                ("Default", Some(text)) => parameter.default = Some(text),
                ("Description", Some(text)) => parameter.description = Some(text),
                ("AllowedPattern", Some(text)) => {
                    parameter.allowed_pattern = Some((text, entry.value.position.clone()));
                }
                ("AllowedValues", None) => {
                    let items = entry.value.items().unwrap_or_default();
                    parameter.allowed_values =
                        Some(items.iter().filter_map(Node::scalar_text).collect());
                }
                ("MinLength", _) => parameter
                    .limits
                    .extend(number.map(|number| (Limit::MinLength, number))),
                ("MaxLength", _) => parameter
                    .limits
                    .extend(number.map(|number| (Limit::MaxLength, number))),
                ("MinValue", _) => parameter
                    .limits
                    .extend(number.map(|number| (Limit::MinValue, number))),
                ("MaxValue", _) => parameter
                    .limits
                    .extend(number.map(|number| (Limit::MaxValue, number))),
                ("ConstraintDescription" | "NoEcho", _) => {}
                (key, _) => {
                    let problem = format!("parameter {name}: {key} is not supported in this form");
                    problems.push(entry.position.problem(problem));
                }
            }
        }
        if parameter.type_name.is_empty() {
            problems.push(node.problem(format!("parameter {name} has no Type")));
        }
        Some(parameter)
    }

    fn value(
        &self,
        name: &str,
        given: Option<&String>,
        problems: &mut Vec<Problem>,
    ) -> Option<Value> {
        let mut complain = |problem: String| problems.push(self.position.problem(problem));
        let stand_in = || self.stand_in();
        let Some(text) = given
            .cloned()
            .or_else(|| self.default.clone())
            .or_else(stand_in)
        else {
            complain(format!(
                "parameter {name} has no default and no value was given"
            ));
            return None;
        };
        let list = self.type_name == "CommaDelimitedList" || self.type_name.starts_with("List<");
        let items: Vec<&str> = match list {
            true => text.split(',').map(str::trim).collect(),
            false => vec![text.as_str()],
        };
        if self.type_name.starts_with("AWS::SSM::") {
            complain(format!(
                "parameter {name}: type {} is not supported",
                self.type_name
            ));
            return None;
        }
        for item in &items {
            if self.type_name.ends_with("Number") && item.parse::<f64>().is_err() {
                complain(format!("parameter {name} must be a number, not {item:?}"));
            }
            if let Some(allowed) = &self.allowed_values
                && !allowed.iter().any(|allowed| allowed == item)
            {
                complain(format!(
                    "parameter {name} may not be {item:?}, only one of {}",
                    allowed.join(", ")
                ));
            }
            for (limit, bound) in &self.limits {
                if let Some(problem) = limit.broken_by(item, *bound) {
                    complain(format!("parameter {name}: {item:?} {problem}"));
                }
            }
        }
        if let Some((pattern, position)) = &self.allowed_pattern {
            match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) => {
                    for item in items.iter().filter(|item| !regex.is_match(item)) {
                        let problem =
                            format!("parameter {name}: {item:?} does not match {pattern}");
                        problems.push(position.problem(problem));
                    }
                }
                Err(error) => {
                    let reason = error.to_string().replace('\n', " ");
                    problems.push(
                        position.problem(format!("parameter {name}: AllowedPattern: {reason}")),
                    );
                }
            }
        }
        Some(match list {
            true => Value::Array(
                items
                    .into_iter()
                    .map(|item| Value::String(item.to_owned()))
                    .collect(),
            ),
            false => Value::String(text.clone()),
        })
    }

    /// A laptop has no subnets, keys and mailboxes: something of the right form stands for them.
    fn stand_in(&self) -> Option<String> {
        const SUBNET: &str = "subnet-0123456789abcdef0";
        const NETWORK: &str = "vpc-0123456789abcdef0";
        const SECURITY_GROUP: &str = "sg-0123456789abcdef0";
        const MAILBOX: &str = "data-engineer@example.com";
        let text = match self.type_name.as_str() {
            "AWS::EC2::Subnet::Id" | "List<AWS::EC2::Subnet::Id>" => SUBNET,
            "AWS::EC2::VPC::Id" => NETWORK,
            "AWS::EC2::SecurityGroup::Id" | "List<AWS::EC2::SecurityGroup::Id>" => SECURITY_GROUP,
            "AWS::EC2::KeyPair::KeyName" => "local-key-pair",
            "List<AWS::EC2::RouteTable::Id>" => "rtb-0123456789abcdef0",
            "String" => {
                let (pattern, _) = self.allowed_pattern.as_ref()?;
                let pattern = Regex::new(&format!("^(?:{pattern})$")).ok()?;
                // A pattern that takes any word says nothing about what is meant.
                if pattern.is_match("anything") {
                    return None;
                }
                [MAILBOX, SUBNET, NETWORK, SECURITY_GROUP]
                    .into_iter()
                    .find(|candidate| pattern.is_match(candidate))?
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl Limit {
    fn broken_by(self, item: &str, bound: f64) -> Option<String> {
        let length = item.chars().count() as f64;
        let value = item.parse::<f64>().unwrap_or(f64::NAN);
        let (broken, words) = match self {
            Limit::MinLength => (length < bound, "is shorter than"),
            Limit::MaxLength => (length > bound, "is longer than"),
            Limit::MinValue => (value < bound, "is less than"),
            Limit::MaxValue => (value > bound, "is more than"),
        };
        broken.then(|| format!("{words} {bound}"))
    }
}

/// The values of all parameters.
pub(crate) fn values(
    template: &Template,
    given: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> IndexMap<String, Value> {
    for name in given
        .keys()
        .filter(|name| !template.parameters.contains_key(*name))
    {
        let problem = format!("the template has no parameter {name}, but a value was given for it");
        problems.push(Position::file(template.file.clone()).problem(problem));
    }
    let mut values = IndexMap::new();
    for (name, parameter) in &template.parameters {
        if let Some(value) = parameter.value(name, given.get(name), problems) {
            values.insert(name.clone(), value);
        }
    }
    values
}
