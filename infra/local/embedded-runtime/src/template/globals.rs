//! SAM's section Globals: what functions and state machines inherit. Mappings are merged, lists are joined, everything
//! else is overridden by the resource.

use crate::problem::Problem;
use crate::template::Template;
use crate::template::node::{Entry, Kind, Node};

/// Merges the section into the resources that it is for.
pub(crate) fn apply(template: &mut Template, globals: &Node, problems: &mut Vec<Problem>) {
    for section in globals.entries().unwrap_or_default() {
        let type_name = match section.key.as_str() {
            "Function" => "AWS::Serverless::Function",
            "StateMachine" => "AWS::Serverless::StateMachine",
            other => {
                let problem = format!("Globals.{other} is not supported");
                problems.push(section.position.problem(problem));
                continue;
            }
        };
        for declaration in template.resources.values_mut() {
            if declaration.type_name == type_name {
                let own = declaration.properties.take();
                declaration.properties = Some(match own {
                    Some(own) => merged(&section.value, own),
                    None => section.value.clone(),
                });
            }
        }
    }
}

fn merged(global: &Node, own: Node) -> Node {
    let kind = match (&global.kind, own.kind) {
        (Kind::Map(global), Kind::Map(own)) => Kind::Map(merged_entries(global, own)),
        (Kind::List(global), Kind::List(own)) => {
            Kind::List(global.iter().cloned().chain(own).collect())
        }
        (_, own) => own,
    };
    let position = own.position;
    Node { position, kind }
}

fn merged_entries(global: &[Entry], own: Vec<Entry>) -> Vec<Entry> {
    let mut entries = global.to_vec();
    for entry in own {
        match entries
            .iter_mut()
            .find(|inherited| inherited.key == entry.key)
        {
            Some(inherited) => {
                let value = merged(&inherited.value, entry.value);
                *inherited = Entry { value, ..entry };
            }
            None => entries.push(entry),
        }
    }
    entries
}
