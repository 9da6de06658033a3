//! Tests of whole states in JSONata mode: what they see, what they hand on, and how they fail.

use serde_json::{Value, json};

use crate::test_driver::{Answer, Driver, chain, failure, output, run};
use crate::{EventType, Execution, StateMachine, diagnose};

fn machine_of(mut state: Value) -> Value {
    if state.get("End").is_none() && !matches!(state["Type"].as_str(), Some("Succeed" | "Fail")) {
        state["End"] = json!(true);
    }
    json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": state}})
}

fn states(states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
}

/// The cause without the words that name the state.
fn cause(execution: &Execution) -> &str {
    let (error, cause) = failure(execution);
    assert_eq!(error, "States.QueryEvaluationError");
    cause.split_once("). ").map_or(cause, |(_, cause)| cause)
}

fn problems(state: Value) -> Vec<String> {
    diagnose(&machine_of(state).to_string())
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn puts_values_wherever_a_text_is_an_expression() {
    let definition = machine_of(json!({"Type": "Pass", "Output": {
        "total": "{% $sum($states.input.prices) %}", "plain": " {% no %} ", "path.$": "$.x",
        "list": [1, "{% $states.input.prices[0] %}", {"deep": "{% null %}"}],
    }}));
    assert_eq!(
        output(&run(&definition, json!({"prices": [1, 2.5]}))),
        json!({"total": 3.5, "plain": " {% no %} ", "path.$": "$.x", "list": [1, 1, {"deep": null}]})
    );
}

#[test]
fn records_the_failed_evaluation_beside_the_entry() {
    let definition = states(json!({
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Output": {"list": ["{% $none %}"]}, "End": true},
    }));
    let execution = run(&definition, json!({}));
    assert_eq!(
        cause(&execution),
        "The JSONata expression '$none' specified for the field 'Output/list[0]' returned nothing (undefined)."
    );
    assert_eq!(
        chain(&execution)[3..],
        [
            "4 <- 3 PassStateEntered",
            "5 <- 3 EvaluationFailed",
            "6 <- 5 ExecutionFailed"
        ]
    );
    let details = &execution.history()[4].details();
    assert_eq!(details.location.as_deref(), Some("Output/list[0]"));
    assert_eq!(details.state.as_deref(), Some("B"));
    assert_eq!(
        details.error.as_deref(),
        Some("States.QueryEvaluationError")
    );
}

#[test]
fn gives_a_task_its_arguments_and_keeps_its_result() {
    let definition = machine_of(json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f", "Payload": {"n": "{% $states.input.n + 1 %}"}},
        "TimeoutSeconds": "{% $states.input.n * 10 %}", "HeartbeatSeconds": "{% 5 %}",
        "Assign": {"answer": "{% $states.result.Payload %}", "input": "{% $states.input %}"},
        "Output": "{% $states.result.Payload * 2 %}",
    }));
    let execution = Driver::start(&definition, r#"{"n": 4}"#, |start| {
        assert_eq!(
            start.arguments,
            json!({"FunctionName": "f", "Payload": {"n": 5}})
        );
        assert_eq!(
            (start.timeout_seconds, start.heartbeat_seconds),
            (Some(40), Some(5))
        );
        Answer::Succeeds(json!({"Payload": 21}))
    })
    .interrupted()
    .run();
    assert_eq!(output(&execution), json!(42));
    let assigned = execution
        .history()
        .iter()
        .find_map(|event| event.details().assigned_variables.clone())
        .expect("it assigns");
    assert_eq!(
        Value::Object(assigned),
        json!({"answer": "21", "input": "{\"n\":4}"})
    );
}

#[test]
fn hands_on_the_result_or_the_input_where_there_is_no_output() {
    let task = machine_of(
        json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"}),
    );
    let execution = Driver::start(&task, r#"{"n": 4}"#, |start| {
        assert_eq!(start.arguments, json!({"n": 4}));
        Answer::Succeeds(json!("result"))
    })
    .run();
    assert_eq!(output(&execution), json!("result"));
    for state in [
        json!({"Type": "Pass"}),
        json!({"Type": "Succeed"}),
        json!({"Type": "Wait", "Seconds": "{% 1 %}"}),
    ] {
        assert_eq!(
            output(&run(&machine_of(state), json!({"n": 4}))),
            json!({"n": 4})
        );
    }
}

#[test]
fn shows_a_catcher_the_error_and_retries_a_failed_evaluation() {
    let definition = states(json!({
        "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Next": "Z",
              "Catch": [{"ErrorEquals": ["E"], "Next": "Z", "Assign": {"why": "{% $states.errorOutput.Cause %}"},
                         "Output": {"was": "{% $states.input.n %}", "error": "{% $states.errorOutput.Error %}"}}]},
        "Z": {"Type": "Pass", "Output": "{% $merge([$states.input, {'why': $why}]) %}", "End": true},
    }));
    let execution = Driver::start(&definition, r#"{"n": 4}"#, |_| {
        Answer::Fails("E", "because")
    })
    .run();
    assert_eq!(
        output(&execution),
        json!({"was": 4, "error": "E", "why": "because"})
    );

    let plain = states(json!({
        "A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Z", "Arguments": "{% $none %}",
              "Retry": [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 1}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]},
        "Z": {"Type": "Succeed"},
    }));
    let execution = run(&plain, json!({}));
    assert_eq!(output(&execution)["Error"], "States.QueryEvaluationError");
    let failed = |event: &&crate::HistoryEvent| event.event_type == EventType::EvaluationFailed;
    assert_eq!(execution.history().iter().filter(failed).count(), 2);
}

#[test]
fn names_the_catcher_whose_output_fails() {
    let definition = states(json!({
        "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Next": "Z",
              "Catch": [{"ErrorEquals": ["Other"], "Next": "Z"}, {"ErrorEquals": ["E"], "Next": "Z", "Output": {"a": "{% $none %}"}}]},
        "Z": {"Type": "Succeed"},
    }));
    let execution = Driver::start(&definition, "{}", |_| Answer::Fails("E", "")).run();
    assert!(cause(&execution).contains("for the field 'Catch[1]/Output/a' returned nothing"));
}

#[test]
fn chooses_by_conditions() {
    let definition = states(json!({
        "A": {"Type": "Choice", "Default": "No", "Assign": {"way": "default"}, "Output": "none",
              "Choices": [
                  {"Condition": "{% $states.input.n > 10 %}", "Next": "Yes", "Assign": {"way": "{% $states.input.n %}"}, "Output": "big"},
                  {"Condition": "{% $states.input.n > 5 %}", "Next": "Yes", "Assign": {"way": "small"}},
                  {"Condition": false, "Next": "Yes"}]},
        "Yes": {"Type": "Pass", "Output": ["yes", "{% $way %}", "{% $states.input %}"], "End": true},
        "No": {"Type": "Pass", "Output": ["no", "{% $way %}", "{% $states.input %}"], "End": true},
    }));
    let way = |n: i32| output(&run(&definition, json!({"n": n})));
    assert_eq!(way(11), json!(["yes", 11, "big"]));
    assert_eq!(way(6), json!(["yes", "small", {"n": 6}]));
    assert_eq!(way(1), json!(["no", "default", "none"]));
    let execution = run(
        &states(
            json!({"A": {"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "B"}]}, "B": {"Type": "Succeed"}}),
        ),
        json!({}),
    );
    assert_eq!(
        cause(&execution),
        "The JSONata expression '1' specified for the field 'Choices[0]/Condition' returned an unexpected result type. \
         Expected 'boolean', but was 'number' for value: 1"
    );
}

#[test]
fn maps_over_computed_items_with_a_selector() {
    let processor = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.input & $suffix %}", "End": true}}});
    let definition = states(json!({
        "A": {"Type": "Pass", "Assign": {"suffix": "!"}, "Next": "M"},
        "M": {"Type": "Map", "Items": ["a", "{% $states.input.second %}"], "MaxConcurrency": "{% 1 %}", "ItemProcessor": processor,
              "ItemSelector": "{% $states.context.Map.Item.Index & ':' & $states.context.Map.Item.Value %}",
              "Output": {"all": "{% $states.result %}"}, "End": true},
    }));
    assert_eq!(
        output(&run(&definition, json!({"second": "b"}))),
        json!({"all": ["0:a!", "1:b!"]})
    );
}

#[test]
fn fails_a_map_whose_items_are_no_list() {
    let processor = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let map = |items: Value| {
        run(
            &machine_of(json!({"Type": "Map", "Items": items, "ItemProcessor": processor})),
            json!({}),
        )
    };
    let execution = map(json!("{% {'a': 1} %}"));
    assert_eq!(
        cause(&execution),
        "The JSONata expression '{'a': 1}' specified for the field 'Items' returned an unexpected result type. Expected \
         'array', but was 'object' for value: {\"a\":1}"
    );
    assert_eq!(
        chain(&execution)[1..],
        [
            "2 <- 0 MapStateEntered",
            "3 <- 0 EvaluationFailed",
            "4 <- 3 MapStateFailed",
            "5 <- 4 ExecutionFailed"
        ]
    );
    assert_eq!(output(&map(json!("{% [7] %}"))), json!([7]));
}

#[test]
fn runs_branches_with_arguments() {
    let branch = |name: &str, output: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "Output": output, "End": true}}});
    let definition = machine_of(json!({
        "Type": "Parallel", "Arguments": {"n": "{% $states.input.n %}"},
        "Branches": [branch("X", "{% $states.input.n %}"), branch("Y", "{% $states.input.n + 1 %}")],
        "Output": "{% $sum($states.result) %}",
    }));
    assert_eq!(
        output(&run(&definition, json!({"n": 3, "more": 1}))),
        json!(7)
    );
}

#[test]
fn waits_and_fails_as_computed() {
    let waits = |state: Value| {
        let execution = run(
            &machine_of(state),
            json!({"s": 60, "t": "1970-01-01T00:02:00Z"}),
        );
        output(&execution);
        execution.ended_at().expect("it has ended").as_second()
    };
    assert_eq!(
        waits(json!({"Type": "Wait", "Seconds": "{% $states.input.s %}"})),
        60
    );
    assert_eq!(
        waits(json!({"Type": "Wait", "Timestamp": "{% $states.input.t %}"})),
        120
    );
    assert_eq!(waits(json!({"Type": "Wait", "Seconds": 5})), 5);
    let wrong = run(
        &machine_of(json!({"Type": "Wait", "Seconds": "{% $states.input.s %}"})),
        json!({"s": "60"}),
    );
    assert_eq!(
        cause(&wrong),
        "The JSONata expression '$states.input.s' specified for the field 'Seconds' returned an unexpected result type. \
         Expected 'number', but was 'string' for value: \"60\""
    );
    let fails = run(
        &machine_of(
            json!({"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "{% 'for ' & $states.input.e %}"}),
        ),
        json!({"e": "E"}),
    );
    assert_eq!(failure(&fails), ("E", "for E"));
}

#[test]
fn mixes_both_languages_in_a_machine_of_jsonpath() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"n.$": "$.n"}, "Next": "B"},
        "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"m": "{% $n + 1 %}"}, "Output": {"a": "{% $n %}"}, "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($.a, $m)"}, "End": true},
    }});
    assert_eq!(
        output(&run(&definition, json!({"n": 1}))),
        json!({"sum": 3})
    );
}

#[test]
fn refuses_the_fields_of_the_other_language() {
    for (state, field) in [
        (json!({"Type": "Pass", "InputPath": "$.a"}), "InputPath"),
        (json!({"Type": "Pass", "Result": 1}), "Result"),
        (json!({"Type": "Pass", "Parameters": {}}), "Parameters"),
        (json!({"Type": "Pass", "ResultPath": "$.a"}), "ResultPath"),
        (
            json!({"Type": "Succeed", "OutputPath": "$.a"}),
            "OutputPath",
        ),
        (json!({"Type": "Fail", "ErrorPath": "$.a"}), "ErrorPath"),
        (
            json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSecondsPath": "$.a"}),
            "TimeoutSecondsPath",
        ),
        (
            json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "ResultSelector": {}}),
            "ResultSelector",
        ),
    ] {
        assert_eq!(
            problems(state),
            [format!(
                "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the \
                 'JSONPath' QueryLanguage at /States/S"
            )]
        );
    }
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}}});
    let found = diagnose(&definition.to_string());
    assert_eq!(
        found[0].message,
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
    );
    assert_eq!((found.len(), found[0].location.as_str()), (1, "/States/S"));
}

#[test]
fn gives_the_states_within_the_language_of_the_machine_not_of_the_state_around_them() {
    let map = json!({"Type": "Map", "QueryLanguage": "JSONata", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": 1, "End": true}}}});
    let definition = json!({"StartAt": "M", "States": {"M": map}});
    let found = diagnose(&definition.to_string());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].location, "/States/M/ItemProcessor/States/P");
    assert!(
        found[0]
            .message
            .contains("field 'Output' is only supported for the 'JSONata' QueryLanguage")
    );
}

#[test]
fn finds_wrong_expressions_when_the_definition_is_read() {
    for (state, wanted) in [
        (
            json!({"Type": "Pass", "Output": "{% 1 + %}"}),
            "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/S/Output",
        ),
        (
            json!({"Type": "Pass", "Output": {"list": [0, "{% phone %}"]}}),
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/S/Output/list[1]",
        ),
        (
            json!({"Type": "Wait", "Seconds": "{% ( %}"}),
            "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/S/Seconds",
        ),
        (
            json!({"Type": "Pass", "Assign": "{% {'a': 1} %}"}),
            "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Assign",
        ),
        (
            json!({"Type": "Wait", "Seconds": "5"}),
            "SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/S/Seconds",
        ),
    ] {
        assert_eq!(problems(state), [wanted]);
    }
}

#[test]
fn parses_what_it_prints() {
    let definition =
        machine_of(json!({"Type": "Pass", "Output": "{% $states.input %}"})).to_string();
    let machine = StateMachine::parse(&definition).expect("it is valid");
    assert_eq!(
        StateMachine::parse(machine.definition()),
        Ok(machine.clone())
    );
}

#[test]
fn reads_items_and_writes_results_of_a_distributed_map_with_arguments() {
    let definition = machine_of(json!({
        "Type": "Map",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}},
        },
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% $states.input.most %}"},
            "Arguments": {"Bucket": "b", "Key": "{% $states.input.key %}"},
        },
        "ItemBatcher": {"MaxItemsPerBatch": "{% 2 %}", "BatchInput": {"day": "{% $states.input.day %}"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "out", "Prefix": "{% $states.input.key %}"}},
        "ToleratedFailurePercentage": "{% 10 %}",
    }));
    assert_eq!(diagnose(&definition.to_string()), []);
    let input = r#"{"most": 7, "key": "k.json", "day": "2026-11-21"}"#;
    let (_, effects) = Driver::start(&definition, input, |_| Answer::Hangs).run_for_effects();
    let read = effects.iter().find_map(|effect| match effect {
        crate::Effect::ReadItems(read) => Some(read),
        _ => None,
    });
    let read = read.expect("it reads items");
    assert_eq!(read.arguments, json!({"Bucket": "b", "Key": "k.json"}));
    assert_eq!(read.max_items, Some(7));
}
