//! Finds the states that no way leads to. Called for each block of a definition.

use std::collections::BTreeSet;

use super::Diagnostics;
use crate::machine::{State, StateId};

/// States that could not be read are taken to lead everywhere, so that one mistake is reported once.
pub(super) fn check(
    start: StateId,
    members: &[StateId],
    states: &[Option<State>],
    diagnostics: &mut Diagnostics,
) {
    let mut reached = BTreeSet::from([start]);
    let mut pending = vec![start];
    while let Some(id) = pending.pop() {
        let Some(state) = &states[id.0] else {
            return;
        };
        for (_, target) in state.targets() {
            if reached.insert(target) {
                pending.push(target);
            }
        }
    }
    for id in members.iter().filter(|id| !reached.contains(id)) {
        if let Some(state) = &states[id.0] {
            diagnostics.missing_target(
                state.location.as_str(),
                format!("State '{}' is not reachable from 'StartAt'", state.name),
            );
        }
    }
}
