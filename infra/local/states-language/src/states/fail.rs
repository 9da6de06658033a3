//! Fail: ends its thread with an error, given or computed.

use crate::Text;
use crate::data_flow::jsonpath::evaluate_field;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::expression::Expression;
use crate::jsonata::{Query, Wanted};
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
    Query(Query),
}

impl Fail {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut words = |literal: &'static str, path: &'static str| {
            fields.at_most_one(&[literal, path], diagnostics);
            if let Some(query) = fields.query(literal, diagnostics)? {
                return Some(Words::Query(query));
            }
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
        state: &State,
    ) -> Result<(), Failure> {
        if let Some(input) = execution
            .thread(thread)
            .map(|current| current.input.clone())
            && state.flow.is_jsonpath()
        {
            execution.inspect("afterInputPath", &input);
        }
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
            Some(Words::Query(query)) => {
                let Some(input) = execution
                    .thread(thread)
                    .map(|current| current.input.clone())
                else {
                    return Ok(None);
                };
                let value =
                    execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                        Ok(query.evaluate_as(Wanted::String, scope)?)
                    })?;
                Ok(value.as_str().map(Text::from))
            }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Status;
    use crate::test_driver::{chain, failure, machine_of, run};

    fn fails(fields: Value, input: Value) -> (String, String) {
        let mut state = fields;
        state["Type"] = json!("Fail");
        let execution = run(&machine_of(state), input);
        let (error, cause) = failure(&execution);
        (error.to_owned(), cause.to_owned())
    }

    #[test]
    fn fails_for_itself_when_a_path_leads_nowhere_or_to_no_text() {
        let (error, cause) = fails(
            json!({"Error": "E", "CausePath": "$.missing"}),
            json!({"a": 1}),
        );
        assert_eq!(error, "States.Runtime");
        assert_eq!(
            cause,
            "An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$.missing' \
             specified for the field 'CausePath' could not be found in the input '{\"a\":1}'"
        );
        assert_eq!(
            fails(json!({"ErrorPath": "$.a"}), json!({"a": 1})).0,
            "States.Runtime"
        );
    }

    #[test]
    fn says_what_it_is_given_or_computes() {
        let words = ("E".to_owned(), "because of country".to_owned());
        assert_eq!(
            fails(
                json!({"Error": "E", "Cause": "because of country"}),
                json!({})
            ),
            words
        );
        let computed =
            json!({"ErrorPath": "$.e", "CausePath": "States.Format('because of {}', $.table)"});
        assert_eq!(
            fails(computed, json!({"e": "E", "table": "country"})),
            words
        );
    }

    #[test]
    fn may_say_nothing_at_all() {
        let execution = run(&machine_of(json!({"Type": "Fail"})), json!({}));
        assert_eq!(
            execution.status(),
            &Status::Failed {
                error: None,
                cause: None
            }
        );
        assert_eq!(
            chain(&execution)[1..],
            ["2 <- 0 FailStateEntered", "3 <- 2 ExecutionFailed"]
        );
        let last = serde_json::to_value(execution.history().last()).expect("serialises");
        assert_eq!(last["executionFailedEventDetails"], json!({}));
    }
}
