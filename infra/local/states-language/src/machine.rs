//! A parsed state machine.

use crate::Diagnostic;

/// A state machine whose definition is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    definition: String,
}

impl StateMachine {
    /// Reads a definition.
    ///
    /// # Errors
    ///
    /// Every problem of it, when one at least has the severity `ERROR`.
    pub fn parse(definition: &str) -> Result<Self, Vec<Diagnostic>> {
        let (machine, diagnostics) = read(definition);
        machine.ok_or(diagnostics)
    }

    /// The text that was parsed.
    pub fn definition(&self) -> &str {
        &self.definition
    }
}

pub(crate) fn read(definition: &str) -> (Option<StateMachine>, Vec<Diagnostic>) {
    (
        Some(StateMachine {
            definition: definition.to_owned(),
        }),
        Vec::new(),
    )
}
