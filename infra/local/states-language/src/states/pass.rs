//! Pass: hands on its input, or a fixed result.

use serde_json::Value;

use crate::definition::Fields;
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::machine::State;
use crate::payload::Payload;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pass {
    result: Option<Value>,
}

impl Pass {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            result: fields.value("Result").cloned(),
        }
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
