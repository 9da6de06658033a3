//! Pass: hands on its input, or a fixed result.

use serde_json::Value;

use crate::DiagnosticCode;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, ThreadId};
use crate::machine::{QueryLanguage, State};
use crate::payload::Payload;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pass {
    result: Option<Value>,
}

impl Pass {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let result = match fields.language() {
            QueryLanguage::JsonPath => fields.value("Result").cloned(),
            QueryLanguage::Jsonata => None,
        };
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
        let result = match &self.result {
            Some(result) => {
                // It is not used, and has to be there.
                execution.effective_input(thread, state)?;
                Payload::from(result.clone())
            }
            None => execution.input_arguments(thread, state)?,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::test_driver::{chain, machine_of, output, run};

    #[test]
    fn takes_a_result_as_it_is_even_if_it_looks_like_a_path() {
        let definition = machine_of(json!({"Type": "Pass", "Result": {"a.$": "$.b", "c": "$$"}}));
        assert_eq!(
            output(&run(&definition, json!({}))),
            json!({"a.$": "$.b", "c": "$$"})
        );
    }

    #[test]
    fn hands_on_its_parameters_or_its_input() {
        let input = json!({"users": [{"id": 1, "status": 0}, {"id": 2, "status": 1}]});
        let definition = machine_of(
            json!({"Type": "Pass", "Parameters": {"idle.$": "$.users[?(@.status == 0)]", "list": [{"n.$": "$.users.length()"}]}}),
        );
        let execution = run(&definition, input.clone());
        assert_eq!(
            output(&execution),
            json!({"idle": [{"id": 1, "status": 0}], "list": [{"n": 2}]})
        );
        assert_eq!(
            chain(&execution),
            [
                "1 <- 0 ExecutionStarted",
                "2 <- 0 PassStateEntered",
                "3 <- 2 PassStateExited",
                "4 <- 3 ExecutionSucceeded"
            ]
        );
        assert_eq!(
            output(&run(&machine_of(json!({"Type": "Pass"})), input.clone())),
            input
        );
    }
}
