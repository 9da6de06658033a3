//! Pass: hands on its input, or a fixed result.

use serde_json::Value;

use crate::DiagnosticCode;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::machine::State;
use crate::payload::Payload;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pass {
    result: Option<Value>,
}

impl Pass {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let result = fields.value("Result").cloned();
        if result.as_ref().is_some_and(has_dollar_field) {
            diagnostics.push(
                DiagnosticCode::PassResultIsStatic,
                fields.at("Result"),
                "Attempt to use a path in the result of a pass state.",
            );
        }
        Self { result }
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let result = match &self.result {
            Some(result) => Payload::from(result.clone()),
            None => execution.arguments(thread, state, &input, Extra::default())?,
        };
        execution.finish(thread, state, result)
    }
}

fn has_dollar_field(value: &Value) -> bool {
    match value {
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| name.ends_with(".$") || has_dollar_field(value)),
        Value::Array(values) => values.iter().any(has_dollar_field),
        _ => false,
    }
}
