//! What depends on what: the order in which resources are made, and the circles that CloudFormation would refuse.

use indexmap::{IndexMap, IndexSet};

use crate::problem::{Position, Problem};
use crate::template::Template;
use crate::template::node::{Intrinsic, Kind, Node};
use crate::template::substitute::{Part, parts};

/// The logical ids, each after everything that it needs; equals in the order of the template.
pub(crate) fn creation_order(template: &Template, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut needs: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for (logical_id, declaration) in &template.resources {
        let mut found = IndexSet::new();
        if let Some(properties) = &declaration.properties {
            collect(template, properties, &mut found);
        }
        for (name, position) in &declaration.depends_on {
            if template.resources.contains_key(name) {
                found.insert(name.clone());
            } else {
                let problem = format!("{logical_id} depends on {name}, which is not a resource");
                problems.push(position.problem(problem));
            }
        }
        // A function may speak of its own name.
        found.shift_remove(logical_id);
        needs.insert(logical_id, found);
    }
    let mut order: IndexSet<String> = IndexSet::new();
    loop {
        let ready: Vec<&str> = needs
            .iter()
            .filter(|(logical_id, needs)| {
                !order.contains(**logical_id) && needs.iter().all(|need| order.contains(need))
            })
            .map(|(logical_id, _)| *logical_id)
            .collect();
        if ready.is_empty() {
            break;
        }
        order.extend(ready.into_iter().map(str::to_owned));
    }
    if order.len() < template.resources.len() {
        report_circle(template, &needs, &order, problems);
    }
    order.into_iter().collect()
}

fn report_circle(
    template: &Template,
    needs: &IndexMap<&str, IndexSet<String>>,
    order: &IndexSet<String>,
    problems: &mut Vec<Problem>,
) {
    let blocked = |name: &str| !order.contains(name);
    let Some(mut name) = template
        .resources
        .keys()
        .find(|name| blocked(name))
        .map(String::as_str)
    else {
        return;
    };
    // Following what blocks leads into a circle after as many steps as there are resources.
    let mut path: Vec<&str> = Vec::new();
    while !path.contains(&name) {
        path.push(name);
        let next = needs
            .get(name)
            .and_then(|needs| needs.iter().find(|need| blocked(need)));
        let Some(next) = next else { return };
        name = next;
    }
    let start = path
        .iter()
        .position(|visited| *visited == name)
        .unwrap_or(0);
    let mut circle: Vec<&str> = path.split_off(start);
    circle.push(name);
    let position: Option<&Position> = template
        .resources
        .get(name)
        .map(|declaration| &declaration.position);
    if let Some(position) = position {
        let problem = format!("circular dependency: {}", circle.join(" -> "));
        problems.push(position.problem(problem));
    }
}

fn collect(template: &Template, node: &Node, found: &mut IndexSet<String>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| collect(template, item, found)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|entry| collect(template, &entry.value, found)),
        Kind::Call(intrinsic, argument) => {
            match intrinsic {
                Intrinsic::Ref | Intrinsic::GetAtt => add(template, argument.as_str(), found),
                Intrinsic::Sub => {
                    let text = argument
                        .as_str()
                        .or_else(|| argument.items()?.first()?.as_str());
                    for part in parts(text.unwrap_or_default()) {
                        if let Part::Variable(name) = part {
                            add(template, Some(name), found);
                        }
                    }
                }
                _ => {}
            }
            if *intrinsic == Intrinsic::GetAtt {
                add(
                    template,
                    argument.items().and_then(|items| items.first()?.as_str()),
                    found,
                );
            }
            collect(template, argument, found);
        }
        _ => {}
    }
}

fn add(template: &Template, name: Option<&str>, found: &mut IndexSet<String>) {
    let Some(name) = name else { return };
    let name = name.split('.').next().unwrap_or(name);
    // The role that SAM makes for a function belongs to the function.
    let owner = name
        .strip_suffix("Role")
        .filter(|_| !template.resources.contains_key(name));
    let name = owner.unwrap_or(name);
    if template.resources.contains_key(name) {
        found.insert(name.to_owned());
    }
}
