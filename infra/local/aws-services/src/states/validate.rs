//! ValidateStateMachineDefinition: what a definition's diagnostics are.

use serde_json::{Value, json};
use states_language::{Severity, StateMachine, diagnose};

use super::machines::MachineKind;
use super::{express, required};
use crate::failure::ServiceError;

/// The most diagnostics that one answer has.
const MOST: u64 = 100;

pub(super) fn validate(input: &Value) -> Result<Value, ServiceError> {
    let definition = required(input, "definition")?;
    let with_warnings = input["severity"] == "WARNING";
    let mut diagnostics = diagnose(definition);
    if MachineKind::of(input) == MachineKind::Express
        && let Ok(machine) = StateMachine::parse(definition)
    {
        diagnostics.extend(express::refused(&machine));
    }
    let failed = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    diagnostics.retain(|diagnostic| with_warnings || diagnostic.severity == Severity::Error);
    let limit = input["maxResults"]
        .as_u64()
        .filter(|limit| *limit > 0)
        .unwrap_or(MOST) as usize;
    let truncated = diagnostics.len() > limit;
    diagnostics.truncate(limit);
    Ok(json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": diagnostics,
        "truncated": truncated,
    }))
}
