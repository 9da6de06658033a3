//! What AWS refuses in an expression that parses. A query is evaluated over nothing, so a name, `$` or `$$` outside of any path
//! finds nothing; AWS implements JSONata 2.0.6, which lacks the operators `??` and `?:`. Queries are checked when a definition
//! is read.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::Invalid;
use crate::DiagnosticCode;

pub(super) fn check(expression: &AstNode) -> Result<(), Vec<Invalid>> {
    let mut found = Vec::new();
    walk(expression, true, &mut found);
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn refuse(name: &str, found: &mut Vec<Invalid>) {
    let refused = Invalid {
        code: DiagnosticCode::UnsupportedJsonataExpression,
        message: format!("Reference to '{name}' at the top level is not supported."),
    };
    if !found.contains(&refused) {
        found.push(refused);
    }
}

fn refuse_operator(symbol: char, found: &mut Vec<Invalid>) {
    found.push(Invalid {
        code: DiagnosticCode::InvalidJsonataExpression,
        message: format!("The symbol \"{symbol}\" cannot be used as a unary operator"),
    });
}

/// `top`: whether nothing is the context here. Depth is bounded by the parser's own.
fn walk(node: &AstNode, top: bool, found: &mut Vec<Invalid>) {
    let mut all = |nodes: &[AstNode], top: bool| {
        for node in nodes {
            walk(node, top, found);
        }
    };
    match node {
        AstNode::Name(name) if top => refuse(name, found),
        AstNode::Variable(name) if top && name.is_empty() => refuse("$", found),
        AstNode::ParentVariable(_) => refuse("$$", found),
        AstNode::Wildcard if top => refuse("*", found),
        AstNode::Descendant if top => refuse("**", found),
        AstNode::Path { steps } => {
            for (position, step) in steps.iter().enumerate() {
                walk_step(step, top && position == 0, found);
            }
        }
        AstNode::Binary { op, lhs, rhs } => {
            match op {
                BinaryOp::Coalesce => refuse_operator('?', found),
                BinaryOp::Default => refuse_operator(':', found),
                _ => {}
            }
            walk(lhs, top, found);
            walk(rhs, top, found);
        }
        AstNode::Unary { operand, .. } => walk(operand, top, found),
        AstNode::Function {
            name,
            args,
            is_builtin,
        } => {
            if top && !is_builtin {
                refuse(name, found);
            }
            for argument in args {
                walk(argument, top, found);
            }
        }
        AstNode::Call { procedure, args } => {
            walk(procedure, top, found);
            for argument in args {
                walk(argument, top, found);
            }
        }
        AstNode::Lambda { body, .. } => walk(body, top, found),
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
            all(items, top);
        }
        AstNode::Object(members) => {
            for (name, value) in members {
                walk(name, top, found);
                walk(value, top, found);
            }
        }
        AstNode::ObjectTransform { input, pattern } => {
            walk(input, top, found);
            for (name, value) in pattern {
                walk(name, false, found);
                walk(value, false, found);
            }
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            walk(condition, top, found);
            walk(then_branch, top, found);
            if let Some(otherwise) = else_branch {
                walk(otherwise, top, found);
            }
        }
        AstNode::FunctionApplication(inner) => walk(inner, top, found),
        AstNode::Sort { input, terms } => {
            walk(input, top, found);
            for (term, _) in terms {
                walk(term, false, found);
            }
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            walk(location, false, found);
            walk(update, false, found);
            if let Some(delete) = delete {
                walk(delete, false, found);
            }
        }
        _ => {}
    }
}

fn walk_step(step: &PathStep, top: bool, found: &mut Vec<Invalid>) {
    walk(&step.node, top, found);
    for stage in &step.stages {
        if let Stage::Filter(predicate) = stage {
            walk(predicate, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<String> {
        let expression = jsonata_core::parser::parse(text).expect(text);
        let found = check(&expression).err().unwrap_or_default();
        found.into_iter().map(|invalid| invalid.message).collect()
    }

    #[test]
    fn refuses_what_finds_nothing_because_the_context_is_nothing() {
        for (text, name) in [
            ("phone", "phone"),
            ("phone.number[0]", "phone"),
            ("$sum(prices) + 1", "prices"),
            ("$", "$"),
            ("$$.a", "$$"),
            ("$states.input.orders[$$.x = id]", "$$"),
            ("foo(1)", "foo"),
            ("$map([1], function($v) { name })", "name"),
        ] {
            let message = format!("Reference to '{name}' at the top level is not supported.");
            assert_eq!(refused(text), [message], "{text}");
        }
    }

    #[test]
    fn names_what_it_refuses_once_each() {
        assert_eq!(refused("a + b + a").len(), 2);
    }

    #[test]
    fn refuses_the_operators_that_came_after_the_version_aws_has() {
        assert_eq!(
            refused("$a ?? 1"),
            ["The symbol \"?\" cannot be used as a unary operator"]
        );
        assert_eq!(
            refused("$a ?: 1"),
            ["The symbol \":\" cannot be used as a unary operator"]
        );
    }

    #[test]
    fn accepts_names_within_paths() {
        for text in [
            "$states.input.orders[price > 10 and $.open].{'id': id, 'all': *}",
            "$states.input.orders^(>price, id).total",
            "$states.input.orders{customer: $sum(price)}",
            "$states.input ~> |orders|{'open': true}, 'price'|",
            "[1..3].($ * 2)",
            "$x.a.b(c)",
            "($f := function($x) { $x.name }; $f($states.input))",
            "$states.input.a@$b#$i.{'i': $i, 'p': %.name}",
        ] {
            assert_eq!(refused(text), [""; 0], "{text}");
        }
    }
}
