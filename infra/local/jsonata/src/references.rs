//! Finds what an expression takes from the context that it is evaluated over.

use crate::ast::{Kind, Node, Stage};

/// Every such name once, in order.
pub(crate) fn of(root: &Node) -> Vec<String> {
    let mut found = Vec::new();
    walk(root, true, &mut found);
    found
}

/// `top`: whether the context is the expression's own here.
fn walk(node: &Node, top: bool, found: &mut Vec<String>) {
    let mut refer = |name: &str| {
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    };
    match &node.kind {
        Kind::Name(name) if top => refer(name),
        Kind::Variable(name) if &**name == "$" => refer("$$"),
        Kind::Variable(name) if top && name.is_empty() => refer("$"),
        Kind::Wildcard if top => refer("*"),
        Kind::Descendant if top => refer("**"),
        Kind::Path { steps, .. } => {
            for (position, step) in steps.iter().enumerate() {
                walk(step, top && position == 0, found);
            }
        }
        Kind::Sort(terms) => terms.iter().for_each(|term| walk(&term.by, false, found)),
        Kind::Binary(_, left, right) | Kind::Apply(left, right) => {
            walk(left, top, found);
            walk(right, top, found);
        }
        Kind::Negate(inner) | Kind::Bind(_, inner) => walk(inner, top, found),
        Kind::List(nodes) | Kind::Block(nodes) => {
            nodes.iter().for_each(|node| walk(node, top, found))
        }
        Kind::Object(members) => members.iter().for_each(|(name, value)| {
            walk(name, top, found);
            walk(value, top, found);
        }),
        Kind::Condition(condition, then, otherwise) => {
            walk(condition, top, found);
            walk(then, top, found);
            if let Some(otherwise) = otherwise {
                walk(otherwise, top, found);
            }
        }
        Kind::Call(procedure, arguments) | Kind::Partial(procedure, arguments) => {
            walk(procedure, top, found);
            arguments
                .iter()
                .for_each(|argument| walk(argument, top, found));
        }
        Kind::Lambda(lambda) => walk(&lambda.body, top, found),
        Kind::Transform(transform) => {
            walk(&transform.pattern, false, found);
            walk(&transform.update, false, found);
            if let Some(delete) = &transform.delete {
                walk(delete, false, found);
            }
        }
        _ => {}
    }
    for stage in node.predicates.iter().chain(&node.stages) {
        if let Stage::Filter(predicate) = stage {
            walk(predicate, false, found);
        }
    }
    for (name, value) in node.group.iter().flatten() {
        walk(name, false, found);
        walk(value, false, found);
    }
}
