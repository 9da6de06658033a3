//! Checks the scopes of variables: a branch may read the variables around it, but not assign them. Called for a whole
//! definition.

use std::collections::BTreeSet;

use super::Diagnostics;
use crate::machine::{BlockId, StateMachine};

const LONGEST_NAME: usize = 80;

pub(super) fn check(machine: &StateMachine, diagnostics: &mut Diagnostics) {
    let assigned_in = |block: BlockId| -> BTreeSet<&str> {
        machine
            .block(block)
            .states
            .iter()
            .flat_map(|id| machine.state(*id).assigned())
            .collect()
    };
    for state in machine.states() {
        let assigned: BTreeSet<&str> = state.assigned().into_iter().collect();
        for name in &assigned {
            let mut characters = name.chars();
            let well_formed = characters.next().is_some_and(char::is_alphabetic)
                && characters.all(|character| character.is_alphanumeric() || character == '_')
                && name.chars().count() <= LONGEST_NAME;
            if !well_formed {
                diagnostics.error(
                    format!("{}/Assign", state.location),
                    format!("'{name}' is not a valid variable name"),
                );
            } else if *name == "states" {
                diagnostics.error(
                    format!("{}/Assign", state.location),
                    "the variable name 'states' is reserved",
                );
            }
        }
        let mut parent = state.parent;
        while let Some(outer) = parent.map(|id| machine.state(id)) {
            for name in assigned.intersection(&assigned_in(outer.block)) {
                diagnostics.error(
                    format!("{}/Assign", state.location),
                    format!("the variable '{name}' belongs to the scope around it and cannot be assigned here"),
                );
            }
            parent = outer.parent;
        }
    }
}
