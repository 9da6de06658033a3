//! The SAM template: read once, with the place of every value, then resolved with parameters into a [`Stack`].
//!
//! * [`node`]: values with places. `yaml`: the reader.
//! * [`parameters`]: declarations and values. `globals`: what functions inherit.
//! * `evaluate`, `substitute`: intrinsic functions. `identity`: names, ARNs and attributes of resources.
//! * `order`: what depends on what. `properties`: reading a resource's properties, none of them overlooked.
//! * [`resources`]: the resources that have a local meaning. [`stack`]: everything resolved.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::problem::{Position, Problem};
use crate::template::node::{Kind, Node};
use crate::template::parameters::Parameter;

pub mod node;
pub mod parameters;
pub mod resources;
pub mod stack;

mod evaluate;
mod globals;
mod identity;
mod order;
mod properties;
mod substitute;
mod yaml;

pub(crate) use substitute::placeholders;

pub use stack::Stack;

/// A template as it is written.
#[derive(Debug, Clone)]
pub struct Template {
    /// Relative to the project's folder.
    pub file: Arc<Path>,
    /// The section Parameters.
    pub parameters: IndexMap<String, Parameter>,
    /// The section Mappings.
    pub mappings: Option<Node>,
    /// The section Rules.
    pub rules: IndexMap<String, Node>,
    /// The section Conditions.
    pub conditions: IndexMap<String, Node>,
    /// The section Resources, with Globals applied.
    pub resources: IndexMap<String, Declaration>,
    /// The section Outputs.
    pub outputs: IndexMap<String, Node>,
}

/// A resource as it is written.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Its key.
    pub logical_id: String,
    /// Where its key is.
    pub position: Position,
    /// Such as `AWS::S3::Bucket`.
    pub type_name: String,
    /// Where the type is.
    pub type_position: Position,
    /// The mapping Properties.
    pub properties: Option<Node>,
    /// The condition on which it exists.
    pub condition: Option<(String, Position)>,
    /// `DependsOn`.
    pub depends_on: Vec<(String, Position)>,
    /// `Metadata`.
    pub metadata: Option<Node>,
}

/// Where a stack lives: the values of the pseudo parameters.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::StackName`.
    pub stack_name: String,
}

impl Surroundings {
    pub(crate) fn pseudo_parameter(&self, name: &str) -> Option<String> {
        Some(match name {
            "AWS::Region" => self.region.clone(),
            "AWS::AccountId" => self.account.clone(),
            "AWS::StackName" => self.stack_name.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackId" => format!(
                "arn:aws:cloudformation:{}:{}:stack/{}/local",
                self.region, self.account, self.stack_name
            ),
            _ => return None,
        })
    }
}

impl Template {
    /// Reads the text of `file`; all problems of its form at once.
    pub fn parse(file: impl Into<Arc<Path>>, text: &str) -> Result<Self, Vec<Problem>> {
        let file = file.into();
        let root = yaml::read(&file, text)?;
        let mut template = Self {
            file,
            parameters: IndexMap::new(),
            mappings: None,
            rules: IndexMap::new(),
            conditions: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
        };
        let mut problems = Vec::new();
        let mut globals = None;
        let Some(sections) = root.entries() else {
            return Err(vec![root.problem("a template is a mapping of sections")]);
        };
        for section in sections {
            let value = &section.value;
            match section.key.as_str() {
                "AWSTemplateFormatVersion" | "Description" | "Metadata" => {}
                "Rules" => template.rules = named(value, &mut problems),
                "Transform" => {
                    if value.as_str() != Some("AWS::Serverless-2016-10-31") {
                        problems.push(
                            value.problem(
                                "the only supported transform is AWS::Serverless-2016-10-31",
                            ),
                        );
                    }
                }
                "Parameters" => {
                    for (name, node) in named(value, &mut problems) {
                        if let Some(parameter) = Parameter::read(&name, &node, &mut problems) {
                            template.parameters.insert(name, parameter);
                        }
                    }
                }
                "Mappings" => template.mappings = Some(value.clone()),
                "Conditions" => template.conditions = named(value, &mut problems),
                "Globals" => globals = Some(value),
                "Resources" => {
                    for (name, node) in named(value, &mut problems) {
                        if let Some(declaration) = Declaration::read(&name, &node, &mut problems) {
                            template.resources.insert(name, declaration);
                        }
                    }
                }
                "Outputs" => template.outputs = named(value, &mut problems),
                other => {
                    let problem = format!("the section {other} is not supported");
                    problems.push(section.position.problem(problem));
                }
            }
        }
        if template.resources.is_empty() {
            problems.push(root.problem("the template has no resources"));
        }
        if let Some(globals) = globals {
            globals::apply(&mut template, globals, &mut problems);
        }
        if problems.is_empty() {
            Ok(template)
        } else {
            Err(problems)
        }
    }
}

impl Declaration {
    fn read(name: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(entries) = node.entries() else {
            problems.push(node.problem(format!("resource {name} must be a mapping")));
            return None;
        };
        let mut declaration = Self {
            logical_id: name.to_owned(),
            position: node.position.clone(),
            type_name: String::new(),
            type_position: node.position.clone(),
            properties: None,
            condition: None,
            depends_on: Vec::new(),
            metadata: None,
        };
        for entry in entries {
            let value = &entry.value;
            match (entry.key.as_str(), &value.kind) {
                ("Type", Kind::String(text)) => {
                    declaration.type_name = text.clone();
                    declaration.type_position = value.position.clone();
                }
                ("Properties", Kind::Map(_)) => declaration.properties = Some(value.clone()),
                ("Condition", Kind::String(text)) => {
                    declaration.condition = Some((text.clone(), value.position.clone()));
                }
                ("DependsOn", Kind::String(text)) => declaration
                    .depends_on
                    .push((text.clone(), value.position.clone())),
                ("DependsOn", Kind::List(items)) => {
                    for item in items {
                        match item.as_str() {
                            Some(text) => declaration
                                .depends_on
                                .push((text.to_owned(), item.position.clone())),
                            None => problems.push(item.problem("DependsOn takes logical ids")),
                        }
                    }
                }
                ("Metadata", _) => declaration.metadata = Some(value.clone()),
                ("DeletionPolicy" | "UpdateReplacePolicy", Kind::String(_)) => {}
                (key, _) => {
                    let problem = format!("resource {name}: {key} is not supported in this form");
                    problems.push(entry.position.problem(problem));
                }
            }
        }
        if declaration.type_name.is_empty() {
            problems.push(node.problem(format!("resource {name} has no Type")));
            return None;
        }
        Some(declaration)
    }
}

fn named(node: &Node, problems: &mut Vec<Problem>) -> IndexMap<String, Node> {
    let Some(entries) = node.entries() else {
        problems.push(node.problem(format!(
            "a mapping is needed here, not {}",
            node.kind_name()
        )));
        return IndexMap::new();
    };
    entries
        .iter()
        .map(|entry| {
            // The key's place is the better one for a message about the whole.
            let position = entry.position.clone();
            let kind = entry.value.kind.clone();
            (entry.key.clone(), Node { position, kind })
        })
        .collect()
}

#[cfg(test)]
mod tests;
