//! The data flow of JSONPath mode: `InputPath`, `Parameters`, `ResultSelector`, `ResultPath`, `OutputPath` and `Assign`.
//! What evaluates templates is for both modes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Assigned, FlowError};
use crate::definition::{Diagnostics, Fields};
use crate::errors::{
    INTRINSIC_FAILURE, QUERY_EVALUATION_ERROR, RESULT_PATH_MATCH_FAILURE, RUNTIME,
};
use crate::expression::Expression;
use crate::jsonpath::{Path, Root};
use crate::machine::StateType;
use crate::payload::Payload;
use crate::result_path::ResultPath;
use crate::scope::{EvaluationError, Scope};
use crate::template::Template;

/// `None` as a path means `$`; `Some(None)` means `null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPathFlow {
    input_path: Option<Option<Path>>,
    parameters: Option<Template>,
    result_selector: Option<Template>,
    result_path: ResultPath,
    output_path: Option<Option<Path>>,
    assign: Option<Template>,
}

impl JsonPathFlow {
    pub(crate) fn read(
        state_type: StateType,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        use StateType::{Fail, Map, Parallel, Pass, Succeed, Task};
        let mut flow = Self {
            input_path: None,
            parameters: None,
            result_selector: None,
            result_path: ResultPath::Whole,
            output_path: None,
            assign: None,
        };
        if state_type == Fail {
            return flow;
        }
        flow.input_path = fields.path_or_null("InputPath", diagnostics);
        flow.output_path = fields.path_or_null("OutputPath", diagnostics);
        if state_type != Succeed {
            flow.assign = fields.template("Assign", diagnostics);
        }
        // A Map's `Parameters` are the older name of its item selector.
        if matches!(state_type, Task | Pass | Parallel) {
            flow.parameters = fields.template("Parameters", diagnostics);
        }
        if matches!(state_type, Task | Parallel | Map) {
            flow.result_selector = fields.template("ResultSelector", diagnostics);
        }
        if matches!(state_type, Task | Pass | Parallel | Map) {
            flow.result_path = ResultPath::read(fields, diagnostics);
        }
        flow
    }

    /// Whether the state works with its input as it comes.
    pub(crate) fn keeps_input(&self) -> bool {
        self.input_path.is_none()
    }

    /// Whether a result becomes the output as it is.
    pub(crate) fn keeps_result(&self) -> bool {
        self.result_selector.is_none()
            && self.output_path.is_none()
            && self.assign.is_none()
            && matches!(self.result_path, ResultPath::Whole)
    }

    pub(crate) fn input(
        &self,
        input: &Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        select(self.input_path.as_ref(), input, scope)
    }

    pub(crate) fn arguments(&self) -> Option<&Template> {
        self.parameters.as_ref()
    }

    pub(crate) fn result(
        &self,
        result: Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        match &self.result_selector {
            None => Ok(result),
            Some(selector) => evaluate_payload(selector, &mut scope.over(result.value())),
        }
    }

    pub(crate) fn output(
        &self,
        input: &Payload,
        result: Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        let combined = self.combined(input, result)?;
        select(self.output_path.as_ref(), &combined, scope)
    }

    /// The result where `ResultPath` puts it.
    pub(crate) fn combined(&self, input: &Payload, result: Payload) -> Result<Payload, FlowError> {
        match &self.result_path {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(input.clone()),
            at @ ResultPath::At(_) => at
                .apply(input.value(), result.value().clone())
                .map(Payload::from)
                .map_err(|message| FlowError {
                    name: RESULT_PATH_MATCH_FAILURE,
                    message,
                    location: None,
                }),
        }
    }

    pub(crate) fn assign(&self, scope: &mut Scope<'_>) -> Result<Assigned, FlowError> {
        self.assign
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |assign| assignments(assign, scope))
    }

    pub(crate) fn assigned(&self) -> Vec<&str> {
        self.assign
            .as_ref()
            .map(Template::field_names)
            .unwrap_or_default()
    }
}

/// Evaluates an `Assign`; the variables keep their values until the state is left.
pub(crate) fn assignments(assign: &Template, scope: &mut Scope<'_>) -> Result<Assigned, FlowError> {
    match evaluate(assign, scope)? {
        Value::Object(object) => Ok(object.into_iter().collect()),
        _ => Ok(Vec::new()),
    }
}

/// Evaluates a template, with AWS's words for a field that has no value.
pub(crate) fn evaluate(template: &Template, scope: &mut Scope<'_>) -> Result<Value, FlowError> {
    template
        .evaluate(scope)
        .map_err(|failed| explain(&failed.error, &failed.field, scope.input))
}

/// As [`evaluate`], for what states hand on.
pub(crate) fn evaluate_payload(
    template: &Template,
    scope: &mut Scope<'_>,
) -> Result<Payload, FlowError> {
    let mut value = Value::Null;
    match template.evaluate_into(scope, &mut value) {
        Ok(()) => Ok(Payload::from(value)),
        Err(failed) => Err(explain(&failed.error, &failed.field, scope.input)),
    }
}

/// Evaluates the expression of a field such as `ErrorPath`.
pub(crate) fn evaluate_field(
    expression: &Expression,
    field: &str,
    scope: &mut Scope<'_>,
) -> Result<Value, FlowError> {
    expression
        .evaluate(scope)
        .map_err(|error| explain(&error, field, scope.input))
}

impl From<EvaluationError> for FlowError {
    fn from(error: EvaluationError) -> Self {
        explain(&error, "", &Value::Null)
    }
}

fn explain(error: &EvaluationError, field: &str, input: &Value) -> FlowError {
    let (name, message, location) = match error {
        EvaluationError::Path { path, .. } => (
            RUNTIME,
            format!(
                "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{input}'"
            ),
            None,
        ),
        EvaluationError::Argument { .. } => (RUNTIME, error.to_string(), None),
        EvaluationError::Intrinsic { .. } => (INTRINSIC_FAILURE, error.to_string(), None),
        EvaluationError::Query { field, message } => {
            (QUERY_EVALUATION_ERROR, message.clone(), Some(field.clone()))
        }
    };
    FlowError {
        name,
        message,
        location,
    }
}

/// Applies an `InputPath` or `OutputPath`.
fn select(
    path: Option<&Option<Path>>,
    payload: &Payload,
    scope: &mut Scope<'_>,
) -> Result<Payload, FlowError> {
    match path {
        None => Ok(payload.clone()),
        Some(None) => Ok(Payload::from(Value::Object(Map::new()))),
        Some(Some(path)) if *path.root() == Root::Input && path.segments().is_empty() => {
            Ok(payload.clone())
        }
        Some(Some(path)) => {
            let scope = scope.over(payload.value());
            scope
                .look(path)
                .map(Cow::into_owned)
                .map(Payload::from)
                .map_err(|error| FlowError {
                    name: RUNTIME,
                    message: format!("Invalid path '{path}' : {error}"),
                    location: None,
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::test_driver::{Answer, Driver, failure, machine_of, output, run};

    fn pass(fields: Value) -> Value {
        let mut state = fields;
        state["Type"] = json!("Pass");
        machine_of(state)
    }

    #[test]
    fn says_which_path_led_nowhere() {
        let prefix =
            "An error occurred while executing the state 'State' (entered at the event id #2). ";
        for (fields, wanted) in [
            (
                json!({"InputPath": "$.no"}),
                "Invalid path '$.no' : No results for path: $['no']",
            ),
            (
                json!({"OutputPath": "$.no"}),
                "Invalid path '$.no' : No results for path: $['no']",
            ),
            (
                json!({"Parameters": {"a": {"b.$": "$.no"}}}),
                "The JSONPath '$.no' specified for the field 'b.$' could not be found in the input '{\"x\":0}'",
            ),
            (
                json!({"Assign": {"v.$": "$missing"}}),
                "The JSONPath '$missing' specified for the field 'v.$' could not be found in the input '{\"x\":0}'",
            ),
        ] {
            let execution = run(&pass(fields), json!({"x": 0}));
            assert_eq!(
                failure(&execution),
                ("States.Runtime", format!("{prefix}{wanted}").as_str())
            );
        }
    }

    #[test]
    fn goes_through_all_its_fields_in_order() {
        let definition = machine_of(
            json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "InputPath": "$.in", "Parameters": {"p.$": "$.x"}, "ResultSelector": {"r.$": "$.p"}, "ResultPath": "$.in.y",
            "OutputPath": "$.in"}),
        );
        let execution = Driver::start(&definition, r#"{"in": {"x": 5}}"#, |start| {
            Answer::Succeeds(start.arguments.clone())
        })
        .run();
        assert_eq!(output(&execution), json!({"x": 5, "y": {"r": 5}}));
    }

    #[test]
    fn reads_null_as_nothing() {
        let input = json!({"x": 0});
        assert_eq!(
            output(&run(&pass(json!({"InputPath": null})), input.clone())),
            json!({})
        );
        assert_eq!(
            output(&run(&pass(json!({"OutputPath": null})), input.clone())),
            json!({})
        );
        assert_eq!(
            output(&run(
                &pass(json!({"Result": 1, "ResultPath": null})),
                input.clone()
            )),
            input
        );
    }

    #[test]
    fn reads_an_index_beyond_a_list_as_null_in_a_template() {
        let definition = pass(json!({"Parameters": {"a.$": "$.l[5]"}}));
        assert_eq!(
            output(&run(&definition, json!({"l": [1]}))),
            json!({"a": null})
        );
    }

    #[test]
    fn reads_variables_as_they_were_before_the_state_assigned_them() {
        let definition = json!({"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Result": {"q": "why"}, "Assign": {"question.$": "$.q", "answer": 42}, "Next": "B"},
            "B": {"Type": "Pass", "InputPath": "$answer", "ResultPath": "$.theAnswer", "OutputPath": "$answer",
                  "Assign": {"answer": "omitted"}, "Next": "C"},
            "C": {"Type": "Pass", "Parameters": {"answer.$": "$answer", "question.$": "$question", "input.$": "$"}, "End": true},
        }});
        let execution = run(&definition, json!({}));
        assert_eq!(
            output(&execution),
            json!({"answer": "omitted", "question": "why", "input": 42})
        );
        let assigned = execution.history()[2]
            .details()
            .assigned_variables
            .expect("it assigns");
        assert_eq!(
            Value::Object(assigned),
            json!({"question": "\"why\"", "answer": "42"})
        );
    }

    #[test]
    fn shows_the_context_object() {
        let context = output(&run(&pass(json!({"InputPath": "$$"})), json!({"x": 0})));
        assert_eq!(
            context,
            json!({
                "Execution": {
                    "Id": "arn:aws:states:us-east-1:000000000000:execution:machine:name", "Input": {"x": 0},
                    "StartTime": "1970-01-01T00:00:00.000Z", "Name": "name",
                    "RoleArn": "arn:aws:iam::000000000000:role/states", "RedriveCount": 0,
                },
                "StateMachine": {"Id": "arn:aws:states:us-east-1:000000000000:stateMachine:machine", "Name": "machine"},
                "State": {"Name": "State", "EnteredTime": "1970-01-01T00:00:00.000Z"},
            })
        );
    }

    #[test]
    fn shows_its_token_to_a_task_that_waits_for_it() {
        let definition = machine_of(
            json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken",
            "Parameters": {"Message.$": "$$.Task.Token"}}),
        );
        let execution = Driver::start(&definition, "{}", |start| {
            assert_eq!(start.arguments["Message"].as_str(), start.token.as_deref());
            assert!(start.token.is_some());
            Answer::Succeeds(json!("signed"))
        })
        .run();
        assert_eq!(output(&execution), json!("signed"));
    }
}
