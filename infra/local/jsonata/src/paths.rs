//! Makes paths of the parser's nodes: steps with their predicates, bindings (`@`, `#`), orders, and for every `%` the step
//! whose input it means.

use std::sync::Arc;

use crate::ast::{Kind, Node, Operator, SortTerm, Stage};
use crate::error::Error;
use crate::parser::no_parent;

/// The slots of `%`: how many levels each still has to climb, and the label it is bound under.
#[derive(Default)]
pub(crate) struct Paths {
    levels: Vec<usize>,
    pub(crate) labels: Vec<usize>,
}

/// The name of a path that is nothing but a name.
pub(crate) fn single_name(node: &Node) -> Option<&str> {
    let Kind::Path { steps, .. } = &node.kind else {
        return None;
    };
    match steps.as_slice() {
        [one] if one.stages.is_empty() => match &one.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

impl Paths {
    pub(crate) fn name(&self, name: Arc<str>) -> Node {
        Node::path(vec![Node::new(Kind::Name(name))])
    }

    pub(crate) fn parent(&mut self) -> Node {
        self.levels.push(1);
        self.labels.push(self.labels.len());
        Node::new(Kind::Parent(self.levels.len() - 1))
    }

    /// What a part seeks, its whole seeks.
    pub(crate) fn pass_on(&self, whole: &mut Node, part: &Node) {
        whole.seeking.extend(&part.seeking);
        if let Kind::Parent(slot) = part.kind {
            whole.seeking.push(slot);
        }
    }

    pub(crate) fn binary(&self, operator: Operator, left: Node, right: Node) -> Node {
        let mut node = Node::new(Kind::Null);
        self.pass_on(&mut node, &left);
        self.pass_on(&mut node, &right);
        node.kind = Kind::Binary(operator, Box::new(left), Box::new(right));
        node
    }

    pub(crate) fn list(&self, items: Vec<Node>) -> Node {
        let mut node = Node::new(Kind::Null);
        for item in &items {
            self.pass_on(&mut node, item);
        }
        node.kind = Kind::List(items);
        node
    }

    pub(crate) fn block(&self, expressions: Vec<Node>) -> Node {
        let mut node = Node::new(Kind::Null);
        for expression in &expressions {
            self.pass_on(&mut node, expression);
            let starts_with_list = match &expression.kind {
                Kind::Path { steps, .. } => steps.first().is_some_and(|first| first.cons),
                _ => false,
            };
            node.cons |= expression.cons || starts_with_list;
        }
        node.kind = Kind::Block(expressions);
        node
    }

    /// `left.right`.
    pub(crate) fn step(&mut self, left: Node, right: Node) -> Result<Node, Error> {
        let mut path = match left.kind {
            Kind::Path { .. } => left,
            Kind::Parent(slot) => {
                let mut path = Node::path(vec![left]);
                path.seeking.push(slot);
                path
            }
            _ => Node::path(vec![left]),
        };
        let Kind::Path {
            steps,
            keep_singleton,
        } = &mut path.kind
        else {
            return Ok(path);
        };
        match right.kind {
            Kind::Path { steps: more, .. } => steps.extend(more),
            _ => {
                let mut step = right;
                step.stages = std::mem::take(&mut step.predicates);
                steps.push(step);
            }
        }
        for step in steps.iter_mut() {
            let literal = match &step.kind {
                Kind::Text(text) => {
                    step.kind = Kind::Name(Arc::clone(text));
                    continue;
                }
                Kind::Number(number) => crate::value::number_text(*number),
                Kind::Bool(bool) => bool.to_string(),
                Kind::Null => "null".to_owned(),
                _ => {
                    *keep_singleton |= step.keep_array;
                    continue;
                }
            };
            return Err(Error::new(
                "S0213",
                format!(
                    "The literal value {literal} cannot be used as a step within a path expression"
                ),
            ));
        }
        let last = steps.len() - 1;
        for end in [0, last] {
            if matches!(steps[end].kind, Kind::List(_)) {
                steps[end].cons = true;
            }
        }
        self.resolve(&mut path)?;
        Ok(path)
    }

    pub(crate) fn keep_array(&self, node: &mut Node) {
        node.keep_array = true;
        if let Kind::Path {
            steps,
            keep_singleton,
        } = &mut node.kind
        {
            *keep_singleton = true;
            if let Some(last) = steps.last_mut() {
                last.keep_array = true;
            }
        }
    }

    /// `left[predicate]`.
    pub(crate) fn predicate(&mut self, mut left: Node, predicate: Node) -> Result<Node, Error> {
        let is_path = matches!(left.kind, Kind::Path { .. });
        let step = last_step(&mut left);
        if step.group.is_some() {
            return Err(Error::new(
                "S0209",
                "A predicate cannot follow a grouping expression in a step",
            ));
        }
        for slot in predicate.seeking.clone() {
            if self.levels[slot] == 1 {
                self.seek(step, slot)?;
            } else {
                self.levels[slot] = self.levels[slot].saturating_sub(1);
            }
        }
        self.pass_on(step, &predicate);
        let stages = if is_path {
            &mut step.stages
        } else {
            &mut step.predicates
        };
        stages.push(Stage::Filter(predicate));
        Ok(left)
    }

    /// `left^(terms)`.
    pub(crate) fn sort(&mut self, left: Node, terms: Vec<SortTerm>) -> Result<Node, Error> {
        let mut path = match left.kind {
            Kind::Path { .. } => left,
            _ => Node::path(vec![left]),
        };
        let mut step = Node::new(Kind::Null);
        for term in &terms {
            self.pass_on(&mut step, &term.by);
        }
        step.kind = Kind::Sort(terms);
        if let Kind::Path { steps, .. } = &mut path.kind {
            steps.push(step);
        }
        self.resolve(&mut path)?;
        Ok(path)
    }

    /// `left@$name`.
    pub(crate) fn focus(&self, mut left: Node, name: Arc<str>) -> Result<Node, Error> {
        let step = last_step(&mut left);
        if !step.stages.is_empty() || !step.predicates.is_empty() {
            return Err(Error::new(
                "S0215",
                "A context variable binding must precede any predicates on a step",
            ));
        }
        if matches!(step.kind, Kind::Sort(_)) {
            return Err(Error::new(
                "S0216",
                "A context variable binding must precede the 'order-by' clause on a step",
            ));
        }
        step.focus = Some(name);
        step.tuple = true;
        Ok(left)
    }

    /// `left#$name`.
    pub(crate) fn index(&self, mut left: Node, name: Arc<str>) -> Node {
        if !matches!(left.kind, Kind::Path { .. }) {
            left.stages = std::mem::take(&mut left.predicates);
            left = Node::path(vec![left]);
        }
        let step = last_step(&mut left);
        if step.stages.is_empty() {
            step.index = Some(name);
        } else {
            step.stages.push(Stage::Index(name));
        }
        step.tuple = true;
        left
    }

    /// Finds the steps that the `%` of a path's last step mean; those further up are left to what is around the path.
    fn resolve(&mut self, path: &mut Node) -> Result<(), Error> {
        let Kind::Path { steps, .. } = &mut path.kind else {
            return Ok(());
        };
        let last = steps.len() - 1;
        let mut slots = steps[last].seeking.clone();
        if let Kind::Parent(slot) = steps[last].kind {
            slots.push(slot);
        }
        for slot in slots {
            let mut index = last;
            while self.levels[slot] > 0 {
                if index == 0 {
                    path.seeking.push(slot);
                    break;
                }
                index -= 1;
                // Steps that bind the same context count as one.
                while index > 0 && steps[index].focus.is_some() && steps[index - 1].focus.is_some()
                {
                    index -= 1;
                }
                self.seek(&mut steps[index], slot)?;
            }
        }
        Ok(())
    }

    fn seek(&mut self, node: &mut Node, slot: usize) -> Result<(), Error> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.levels[slot] = self.levels[slot].saturating_sub(1);
                if self.levels[slot] == 0 {
                    if let Some(other) = node.ancestor {
                        self.labels[slot] = self.labels[other];
                    }
                    node.ancestor = Some(slot);
                    node.tuple = true;
                }
            }
            Kind::Parent(_) => self.levels[slot] += 1,
            Kind::Block(expressions) => {
                if let Some(last) = expressions.last_mut() {
                    node.tuple = true;
                    self.seek(last, slot)?;
                }
            }
            Kind::Path { steps, .. } => {
                node.tuple = true;
                for step in steps.iter_mut().rev() {
                    self.seek(step, slot)?;
                    if self.levels[slot] == 0 {
                        break;
                    }
                }
            }
            _ => return Err(no_parent()),
        }
        Ok(())
    }
}

/// The last step of a path; of anything else, itself.
fn last_step(node: &mut Node) -> &mut Node {
    if !matches!(&node.kind, Kind::Path { steps, .. } if !steps.is_empty()) {
        return node;
    }
    match &mut node.kind {
        Kind::Path { steps, .. } => {
            let last = steps.len() - 1;
            &mut steps[last]
        }
        _ => unreachable!("it has been looked at above"),
    }
}
