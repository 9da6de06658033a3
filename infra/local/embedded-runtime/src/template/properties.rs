//! Reading the resolved properties of a resource. Each is either used, or knowingly left to AWS, or refused by name.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use crate::problem::{Position, Problem};
use crate::template::node::Node;

/// A mapping whose keys are ticked off as they are read.
pub(crate) struct Properties<'a> {
    /// What messages call the owner, such as `LaunchEmrFunction` or `Schedule.Target`.
    owner: String,
    position: Position,
    node: Option<&'a Node>,
    read: BTreeSet<String>,
    left_to_aws: Vec<String>,
    problems: Vec<Problem>,
}

/// What the reading of a resource has found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    /// The properties that the template gives and that have no effect locally.
    pub(crate) left_to_aws: Vec<String>,
}

impl Findings {
    pub(crate) fn absorb(&mut self, other: Findings) {
        self.problems.extend(other.problems);
        self.left_to_aws.extend(other.left_to_aws);
    }
}

impl<'a> Properties<'a> {
    pub(crate) fn new(owner: &str, position: &Position, node: Option<&'a Node>) -> Self {
        let mut problems = Vec::new();
        if let Some(node) = node
            && node.entries().is_none()
        {
            problems.push(node.problem(format!(
                "{owner} must be a mapping, not {}",
                node.kind_name()
            )));
        }
        Self {
            owner: owner.to_owned(),
            position: position.clone(),
            node,
            read: BTreeSet::new(),
            left_to_aws: Vec::new(),
            problems,
        }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<&'a Node> {
        self.read.insert(key.to_owned());
        self.node.and_then(|node| node.get(key))
    }

    pub(crate) fn complain(&mut self, node: &Node, problem: &str) {
        self.problems
            .push(node.problem(format!("{}: {problem}", self.owner)));
    }

    /// What the reading of a mapping within this one has found.
    pub(crate) fn absorb(&mut self, key: &str, inner: Findings) {
        self.problems.extend(inner.problems);
        let inner = inner.left_to_aws.iter().map(|name| format!("{key}.{name}"));
        self.left_to_aws.extend(inner);
    }

    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        let text = node.scalar_text();
        if text.is_none() {
            self.complain(
                node,
                &format!("{key} must be a string, not {}", node.kind_name()),
            );
        }
        text
    }

    pub(crate) fn required_text(&mut self, key: &str) -> String {
        if self.node.is_none_or(|node| node.get(key).is_none()) {
            let problem = format!("{} needs {key}", self.owner);
            self.problems.push(self.position.problem(problem));
        }
        self.text(key).unwrap_or_default()
    }

    pub(crate) fn number(&mut self, key: &str, least: u64, most: u64) -> Option<u64> {
        let node = self.get(key)?;
        let number = node.scalar_text().and_then(|text| text.parse().ok());
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                self.complain(
                    node,
                    &format!("{key} must be a whole number from {least} to {most}"),
                );
                None
            }
        }
    }

    /// A mapping of names to scalars, as text, with their places.
    pub(crate) fn texts(&mut self, key: &str) -> IndexMap<String, (String, Position)> {
        let Some(node) = self.get(key) else {
            return IndexMap::new();
        };
        let Some(entries) = node.entries() else {
            self.complain(
                node,
                &format!("{key} must be a mapping, not {}", node.kind_name()),
            );
            return IndexMap::new();
        };
        let mut texts = IndexMap::new();
        for entry in entries {
            match entry.value.scalar_text() {
                Some(text) => {
                    texts.insert(entry.key.clone(), (text, entry.position.clone()));
                }
                None => {
                    let found = entry.value.kind_name();
                    self.complain(
                        &entry.value,
                        &format!("{key}.{} must be a string, not {found}", entry.key),
                    );
                }
            }
        }
        texts
    }

    pub(crate) fn json(&mut self, key: &str) -> Option<Value> {
        self.get(key).map(Node::to_json)
    }

    /// Properties that mean something to AWS only.
    pub(crate) fn left_to_aws(&mut self, keys: &[&str]) {
        self.known(keys);
        let given = |key: &&&str| self.node.is_some_and(|node| node.get(key).is_some());
        let given = keys.iter().filter(given).map(|key| (*key).to_owned());
        self.left_to_aws.extend(given);
    }

    /// Properties that somebody else reads: a name, a role.
    pub(crate) fn known(&mut self, keys: &[&str]) {
        self.read.extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// What was found; every key that nobody has read is a problem.
    pub(crate) fn finish(mut self) -> Findings {
        for entry in self.node.and_then(Node::entries).unwrap_or_default() {
            if !self.read.contains(&entry.key) {
                let problem = format!("{}: property {} is not supported", self.owner, entry.key);
                self.problems.push(entry.position.problem(problem));
            }
        }
        Findings {
            problems: self.problems,
            left_to_aws: self.left_to_aws,
        }
    }
}
