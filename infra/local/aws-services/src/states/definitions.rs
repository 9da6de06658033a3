//! Definitions that were read lately: an execution starts without reading its machine's text again. Kept by the service,
//! asked by `executions`.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use states_language::StateMachine;

use super::machines::{self, MachineKind};
use crate::failure::ServiceError;

/// More machines of a kind than that are not in use at once; then all are read anew.
const MOST: usize = 64;

/// Machines of each kind by what they were read from.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<HashMap<MachineKind, HashMap<String, Arc<StateMachine>>>>);

impl Definitions {
    /// The machine of a definition, read now or earlier.
    pub(super) fn read(
        &self,
        definition: &str,
        kind: MachineKind,
    ) -> Result<Arc<StateMachine>, ServiceError> {
        let mut kinds = self.0.lock();
        let known = kinds.entry(kind).or_default();
        if let Some(machine) = known.get(definition) {
            return Ok(Arc::clone(machine));
        }
        let machine = Arc::new(machines::parse(definition, kind)?);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(definition.to_owned(), Arc::clone(&machine));
        Ok(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;

    #[test]
    fn a_definition_is_read_once_for_each_kind_of_machine() {
        let definitions = Definitions::default();
        let read = |kind| definitions.read(PASS, kind).unwrap();
        let first = read(MachineKind::Standard);
        assert!(Arc::ptr_eq(&first, &read(MachineKind::Standard)));
        assert!(!Arc::ptr_eq(&first, &read(MachineKind::Express)));
        assert!(definitions.read("{", MachineKind::Standard).is_err());
    }

    #[test]
    fn no_more_definitions_are_kept_than_can_be_in_use() {
        let definitions = Definitions::default();
        for number in 0..=MOST {
            let text = PASS.replace("\"A\"", &format!("\"State{number}\""));
            definitions.read(&text, MachineKind::Standard).unwrap();
        }
        assert_eq!(definitions.0.lock()[&MachineKind::Standard].len(), 1);
    }
}
