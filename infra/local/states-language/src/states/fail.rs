//! Fail: ends its thread with an error, given or computed.

use crate::Text;
use crate::data_flow::jsonpath::evaluate_field;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::expression::Expression;
use crate::machine::State;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fail {
    error: Option<Words>,
    cause: Option<Words>,
}

#[derive(Debug, Clone, PartialEq)]
enum Words {
    Literal(Text),
    /// `ErrorPath` or `CausePath`.
    Computed(&'static str, Expression),
}

impl Fail {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut words = |literal: &'static str, path: &'static str| {
            fields.at_most_one(&[literal, path], diagnostics);
            match fields.text(literal, diagnostics) {
                Some(text) => Some(Words::Literal(text.into())),
                None => fields
                    .expression(path, diagnostics)
                    .map(|expression| Words::Computed(path, expression)),
            }
        };
        Self {
            error: words("Error", "ErrorPath"),
            cause: words("Cause", "CausePath"),
        }
    }

    /// Never leaves the state otherwise than by failing.
    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        _: &State,
    ) -> Result<(), Failure> {
        Err(Failure {
            error: self.words(self.error.as_ref(), execution, thread)?,
            cause: self.words(self.cause.as_ref(), execution, thread)?,
        })
    }

    fn words(
        &self,
        words: Option<&Words>,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<Option<Text>, Failure> {
        match words {
            None => Ok(None),
            Some(Words::Literal(text)) => Ok(Some(text.clone())),
            Some(Words::Computed(field, expression)) => {
                let Some(input) = execution
                    .thread(thread)
                    .map(|current| current.input.clone())
                else {
                    return Ok(None);
                };
                let value =
                    execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                        evaluate_field(expression, field, scope)
                    })?;
                match value.as_str() {
                    Some(text) => Ok(Some(text.into())),
                    None => Err(execution.runtime_failure(
                        thread,
                        format!(
                            "The {field} '{}' must reference a string, but it references: {value}",
                            expression.text()
                        ),
                    )),
                }
            }
        }
    }
}
