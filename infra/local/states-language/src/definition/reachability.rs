//! Finds blocks that have no end and states that no way leads to. Called for each block of a definition, with its text as it
//! is, so that a mistake elsewhere in a state does not hide its transitions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Diagnostics, Object};
use crate::DiagnosticCode;

pub(super) fn check(start: &str, states: &Object, location: &str, diagnostics: &mut Diagnostics) {
    if !states.values().any(is_terminal) {
        diagnostics.push(
            DiagnosticCode::MissingEndState,
            "",
            "Workflow has no terminal state",
        );
        return;
    }
    let mut reached = BTreeSet::from([start]);
    let mut pending = vec![start];
    while let Some(name) = pending.pop() {
        for target in states.get(name).map(targets).unwrap_or_default() {
            if reached.insert(target) {
                pending.push(target);
            }
        }
    }
    for name in states
        .keys()
        .filter(|name| !reached.contains(name.as_str()))
    {
        diagnostics.missing_target(
            format!("{location}/{name}"),
            format!("State \"{name}\" is not reachable."),
        );
    }
}

fn is_terminal(state: &Value) -> bool {
    state["End"] == true || matches!(state["Type"].as_str(), Some("Succeed" | "Fail"))
}

fn targets(state: &Value) -> Vec<&str> {
    let inner = ["Choices", "Catch"]
        .into_iter()
        .filter_map(|field| state[field].as_array())
        .flatten();
    let own = ["Next", "Default"].into_iter().map(|field| &state[field]);
    own.chain(inner.map(|entry| &entry["Next"]))
        .filter_map(Value::as_str)
        .collect()
}
