//! Tests of Map states.

use serde_json::{Value, json};

use crate::test_driver::{Answer, Driver, chain, failure, output, run};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// A machine whose Map works through its input with one state.
fn map(fields: Value, item_state: Value) -> Value {
    let mut state = fields;
    state["Type"] = json!("Map");
    state["End"] = json!(true);
    state["ItemProcessor"] = json!({"StartAt": "I", "States": {"I": item_state}});
    json!({"StartAt": "M", "States": {"M": state}})
}

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

#[test]
fn refuses_to_work_through_what_is_no_list() {
    let cause = |fields: Value| {
        let execution = run(&map(fields, pass()), json!({"a": 1}));
        assert_eq!(failure(&execution).0, "States.Runtime");
        assert_eq!(
            chain(&execution)[1..],
            ["2 <- 0 MapStateEntered", "3 <- 2 ExecutionFailed"]
        );
        failure(&execution).1.to_owned()
    };
    assert!(cause(json!({})).ends_with("Reference path \"$\" must point to array."));
    assert!(
        cause(json!({"ItemsPath": "$.a"})).ends_with("Reference path \"$.a\" must point to array.")
    );
    assert!(
        cause(json!({"ItemsPath": "$.b"}))
            .ends_with("The ItemsPath parameter does not reference an input value: $.b")
    );
}

#[test]
fn fails_with_the_error_of_an_iteration_and_stops_the_others() {
    let definition = map(
        json!({"MaxConcurrency": 1}),
        json!({"Type": "Fail", "Error": "E", "Cause": "C"}),
    );
    let execution = run(&definition, json!([1, 2]));
    assert_eq!(failure(&execution), ("E", "C"));
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapIterationStarted",
            "5 <- 4 FailStateEntered",
            "6 <- 5 MapIterationFailed",
            "7 <- 5 MapStateFailed",
            "8 <- 7 ExecutionFailed",
        ]
    );
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "F"}], "Default": "W"},
        "W": {"Type": "Wait", "Seconds": 5, "End": true}, "F": {"Type": "Fail", "Error": "E"},
    }}}}});
    let execution = run(&definition, json!([1, 2]));
    assert_eq!(
        chain(&execution)[9..],
        [
            "10 <- 7 WaitStateEntered",
            "11 <- 9 FailStateEntered",
            "12 <- 11 MapIterationFailed",
            "13 <- 10 WaitStateAborted",
            "14 <- 10 MapIterationAborted",
            "15 <- 11 MapStateFailed",
            "16 <- 15 ExecutionFailed",
        ]
    );
}

#[test]
fn starts_from_the_first_item_again_on_a_retry() {
    let definition = map(
        json!({"MaxConcurrency": 1, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]}),
        json!({"Type": "Fail", "Error": "E"}),
    );
    assert_eq!(
        chain(&run(&definition, json!([1])))[5..],
        [
            "6 <- 5 MapIterationFailed",
            "7 <- 5 MapStateStarted",
            "8 <- 7 MapIterationStarted",
            "9 <- 8 FailStateEntered",
            "10 <- 9 MapIterationFailed",
            "11 <- 9 MapStateFailed",
            "12 <- 11 ExecutionFailed",
        ]
    );
}

#[test]
fn gives_up_once_more_iterations_have_failed_than_it_tolerates() {
    let run = |fields: Value| {
        let definition = map(
            fields,
            json!({"Type": "Task", "Resource": FUNCTION, "End": true}),
        );
        let mut calls = 0;
        Driver::start(&definition, "[1, 2, 3, 4]", move |start| {
            calls += 1;
            if calls <= 2 {
                Answer::Fails("E", "C")
            } else {
                Answer::Succeeds(start.arguments.clone())
            }
        })
        .run()
    };
    for fields in [
        json!({"ToleratedFailureCount": 1}),
        json!({"ToleratedFailurePercentage": 49.9}),
    ] {
        assert_eq!(
            failure(&run(fields)),
            (
                "States.ExceedToleratedFailureThreshold",
                "The specified tolerated failure threshold was exceeded"
            )
        );
    }
    let failed = json!({"Error": "E", "Cause": "C"});
    for fields in [
        json!({"ToleratedFailureCount": 2}),
        json!({"ToleratedFailurePercentage": 50}),
    ] {
        assert_eq!(output(&run(fields)), json!([failed, failed, 3, 4]));
    }
    assert_eq!(failure(&run(json!({}))), ("E", "C"));
}

#[test]
fn works_through_one_item_after_the_other() {
    let execution = run(
        &map(json!({"MaxConcurrency": 1}), pass()),
        json!(["a", null]),
    );
    assert_eq!(output(&execution), json!(["a", null]));
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapIterationStarted",
            "5 <- 4 PassStateEntered",
            "6 <- 5 PassStateExited",
            "7 <- 6 MapIterationSucceeded",
            "8 <- 6 MapIterationStarted",
            "9 <- 8 PassStateEntered",
            "10 <- 9 PassStateExited",
            "11 <- 10 MapIterationSucceeded",
            "12 <- 11 MapStateSucceeded",
            "13 <- 11 MapStateExited",
            "14 <- 13 ExecutionSucceeded",
        ]
    );
    let started = serde_json::to_value(&execution.history()[7]).expect("serialises");
    assert_eq!(
        started["mapIterationStartedEventDetails"],
        json!({"name": "M", "index": 1})
    );
    let started = serde_json::to_value(&execution.history()[2]).expect("serialises");
    assert_eq!(started["mapStateStartedEventDetails"], json!({"length": 2}));
}

#[test]
fn is_done_at_once_with_an_empty_list() {
    let execution = run(&map(json!({}), pass()), json!([]));
    assert_eq!(output(&execution), json!([]));
    assert_eq!(
        chain(&execution)[2..5],
        [
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapStateSucceeded",
            "5 <- 3 MapStateExited"
        ]
    );
}

#[test]
fn runs_no_more_iterations_at_a_time_than_it_may() {
    let ended_after = |fields: Value| {
        let definition = map(fields, json!({"Type": "Wait", "Seconds": 10, "End": true}));
        let input = json!({"items": vec![0; 100], "at_once": 25});
        let execution = run(&definition, input);
        execution.ended_at().expect("it has ended").as_second()
    };
    assert_eq!(
        ended_after(json!({"ItemsPath": "$.items", "MaxConcurrency": 10})),
        100
    );
    assert_eq!(
        ended_after(json!({"ItemsPath": "$.items", "MaxConcurrencyPath": "$.at_once"})),
        40
    );
    // AWS runs at most 40 iterations of an inline Map at a time.
    assert_eq!(ended_after(json!({"ItemsPath": "$.items"})), 30);
}

#[test]
fn selects_what_each_iteration_gets() {
    let input = json!({"detail": {"partner": "UQS", "shipped": ["A", "B"]}});
    let selector = json!({"all.$": "$.shipped", "item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "is": "constant"});
    let expected = json!([
        {"all": ["A", "B"], "item": "A", "index": 0, "is": "constant"},
        {"all": ["A", "B"], "item": "B", "index": 1, "is": "constant"},
    ]);
    for name in ["ItemSelector", "Parameters"] {
        let definition = map(
            json!({"InputPath": "$.detail", "ItemsPath": "$.shipped", name: selector, "ResultPath": "$.out"}),
            pass(),
        );
        let result = output(&run(&definition, input.clone()));
        assert_eq!(result["out"], expected, "{name}");
        assert_eq!(result["detail"], input["detail"], "{name}");
    }
}

#[test]
fn shows_its_item_to_the_states_inside_and_inside_those() {
    let inner = json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "X", "States": {"X": {"Type": "Pass", "Parameters": {"item.$": "$$.Map.Item.Value"}, "End": true}}},
    ]});
    assert_eq!(
        output(&run(&map(json!({}), inner), json!([5]))),
        json!([[{"item": 5}]])
    );
}

#[test]
fn accepts_the_older_name_of_the_item_processor() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "Iterator": {"StartAt": "I", "States": {"I": pass()}, "ProcessorConfig": {"Mode": "INLINE"}}}}});
    assert_eq!(output(&run(&definition, json!([1]))), json!([1]));
}

#[test]
fn fails_as_a_whole_when_an_item_cannot_be_selected() {
    let definition = json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "MaxConcurrency": 0, "ItemSelector": {"x.$": "States.ArrayGetItem($$.Map.Item.Value, 0)"},
            "Catch": [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "E"}], "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 9, "End": true}}}},
        "E": {"Type": "Pass", "Result": "caught", "End": true},
    }});
    let execution = run(&definition, json!([[1], []]));
    assert_eq!(output(&execution), json!("caught"));
    assert_eq!(execution.ended_at().map(|time| time.as_second()), Some(0));
}
