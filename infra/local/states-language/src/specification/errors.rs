//! Retriers, catchers, timeouts and Fail states: which errors they name, and what comes of them.

use serde_json::{Value, json};

use super::{FUNCTION, result};
use crate::diagnose;
use crate::test_driver::{Answer, Driver, chain, failure, output, run};

fn messages(definition: &Value) -> Vec<String> {
    let found = diagnose(&definition.to_string());
    found.into_iter().map(|found| found.message).collect()
}

/// A task that fails with an error, and what catches it.
fn caught_as(error: &'static str, error_equals: &str) -> bool {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": FUNCTION, "Catch": [{"ErrorEquals": [error_equals], "Next": "Caught"}], "End": true},
        "Caught": {"Type": "Succeed"}}});
    let execution = Driver::start(&definition, "{}", |_| Answer::Fails(error, "why")).run();
    result(&execution).is_ok()
}

#[test]
fn the_reserved_names_stand_for_what_the_specification_says() {
    for (error, error_equals, caught) in [
        ("Own", "Own", true),
        ("Own", "own", false),
        ("Own", "States.ALL", true),
        ("Own", "States.TaskFailed", true),
        ("Own", "States.Timeout", false),
        ("States.Timeout", "States.ALL", true),
        ("States.Timeout", "States.Timeout", true),
        ("States.Timeout", "States.TaskFailed", false),
        ("States.HeartbeatTimeout", "States.HeartbeatTimeout", true),
        ("States.HeartbeatTimeout", "States.Timeout", true),
        ("States.Permissions", "States.Permissions", true),
        ("States.Permissions", "States.ALL", true),
        ("States.DataLimitExceeded", "States.ALL", false),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
        ("States.Runtime", "States.ALL", false),
        ("States.Runtime", "States.Runtime", false),
        ("Lambda.Unknown", "States.TaskFailed", true),
    ] {
        assert_eq!(
            caught_as(error, error_equals),
            caught,
            "{error} by {error_equals}"
        );
    }
}

#[test]
fn the_wildcard_stands_alone_and_last() {
    let catching = |catchers: Value| {
        json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": FUNCTION, "Catch": catchers, "End": true}, "C": {"Type": "Succeed"}}})
    };
    for catchers in [
        json!([{"ErrorEquals": ["States.ALL", "Own"], "Next": "C"}]),
        json!([{"ErrorEquals": ["States.ALL"], "Next": "C"}, {"ErrorEquals": ["Own"], "Next": "C"}]),
        json!([{"ErrorEquals": [], "Next": "C"}]),
        json!([{"Next": "C"}]),
        json!([{"ErrorEquals": ["Own"]}]),
    ] {
        assert!(
            !messages(&catching(catchers.clone())).is_empty(),
            "{catchers}"
        );
    }
}

#[test]
fn delays_grow_to_their_limit_and_jitter_stays_below_it() {
    let delays = |retrier: Value| {
        let definition = json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": FUNCTION, "Retry": [retrier], "End": true}}});
        let execution = Driver::start(&definition, "{}", |_| Answer::Fails("Own", "why")).run();
        let scheduled: Vec<i64> = execution
            .history()
            .iter()
            .filter(|event| event.event_type.as_str() == "LambdaFunctionScheduled")
            .map(|event| event.timestamp.as_millisecond())
            .collect();
        scheduled
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect::<Vec<i64>>()
    };
    let all = json!(["States.ALL"]);
    assert_eq!(
        delays(
            json!({"ErrorEquals": all, "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 10})
        ),
        [2_000, 6_000, 10_000, 10_000]
    );
    assert_eq!(delays(json!({"ErrorEquals": all})), [1_000, 2_000, 4_000]);
    assert_eq!(
        delays(json!({"ErrorEquals": all, "MaxAttempts": 0})),
        [0_i64; 0]
    );
    let jittered = delays(
        json!({"ErrorEquals": all, "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 5, "JitterStrategy": "FULL"}),
    );
    assert!(
        jittered.iter().all(|delay| (0..=10_000).contains(delay)),
        "{jittered:?}"
    );
    assert!(
        jittered.windows(2).any(|pair| pair[0] != pair[1]),
        "{jittered:?}"
    );
    for wrong in [
        json!({"ErrorEquals": all, "IntervalSeconds": 0}),
        json!({"ErrorEquals": all, "BackoffRate": 0.5}),
        json!({"ErrorEquals": all, "MaxAttempts": -1}),
        json!({"ErrorEquals": all, "MaxAttempts": 100_000_000}),
        json!({"ErrorEquals": all, "MaxDelaySeconds": 0}),
        json!({"ErrorEquals": all, "IntervalSeconds": 5, "MaxDelaySeconds": 5}),
        json!({"ErrorEquals": all, "MaxDelaySeconds": 31_622_401}),
        json!({"ErrorEquals": all, "JitterStrategy": "SOME"}),
    ] {
        let definition = json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": FUNCTION, "Retry": [wrong], "End": true}}});
        assert!(!messages(&definition).is_empty(), "{wrong}");
    }
}

#[test]
fn a_catcher_assigns_from_the_error_and_leaves_other_assignments_alone() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": FUNCTION, "Assign": {"done": true}, "Next": "Show",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"why.$": "$.Cause", "name.$": "$.Error"},
                "ResultPath": "$.error", "Next": "Show"}]},
        "Show": {"Type": "Pass", "Parameters": {"why.$": "$why", "name.$": "$name", "input.$": "$"}, "End": true}}});
    let execution = Driver::start(&definition, r#"{"x": 1}"#, |_| {
        Answer::Fails("Own", "because")
    })
    .run();
    assert_eq!(
        output(&execution),
        json!({"why": "because", "name": "Own", "input": {"x": 1, "error": {"Error": "Own", "Cause": "because"}}})
    );
}

#[test]
fn timeouts_and_heartbeats_come_from_paths_and_must_be_positive() {
    let task = |fields: Value| {
        let mut state = json!({"Type": "Task", "Resource": FUNCTION, "End": true});
        for (name, value) in fields.as_object().expect("an object") {
            state[name] = value.clone();
        }
        json!({"StartAt": "T", "States": {"T": state}})
    };
    let timed = task(json!({"TimeoutSecondsPath": "$.t"}));
    let run_with = |definition: &Value, input: Value| {
        Driver::start(definition, &input.to_string(), |_| Answer::Hangs).run()
    };
    let late = run_with(&timed, json!({"t": 5}));
    assert_eq!(failure(&late).0, "States.Timeout");
    let last = late.history().last().expect("it has ended");
    assert_eq!(last.timestamp.as_second(), 5);
    let silent = run_with(
        &task(json!({"TimeoutSeconds": 9, "HeartbeatSecondsPath": "$.h"})),
        json!({"h": 2}),
    );
    assert_eq!(
        silent
            .history()
            .last()
            .expect("it has ended")
            .timestamp
            .as_second(),
        2
    );
    for value in [json!("5"), json!(-5), json!(null)] {
        let execution = run_with(&timed, json!({"t": value}));
        assert_eq!(failure(&execution).0, "States.Runtime", "{value}");
    }
    for fields in [
        json!({"TimeoutSeconds": 0}),
        json!({"TimeoutSeconds": "5"}),
        json!({"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"}),
        json!({"HeartbeatSeconds": 0}),
        json!({"TimeoutSeconds": 5, "HeartbeatSeconds": 5}),
        json!({"TimeoutSeconds": 100_000_000}),
    ] {
        assert!(!messages(&task(fields.clone())).is_empty(), "{fields}");
    }
}

#[test]
fn a_fail_state_says_what_its_paths_and_functions_give() {
    let fail = |fields: Value, input: Value| {
        let mut state = fields;
        state["Type"] = json!("Fail");
        let execution = run(&json!({"StartAt": "F", "States": {"F": state}}), input);
        let (error, cause) = failure(&execution);
        (error.to_owned(), cause.to_owned())
    };
    let input = || json!({"name": "Own", "n": 3});
    assert_eq!(
        fail(
            json!({"ErrorPath": "States.Format('{}Error', $.name)", "CausePath": "States.JsonToString($)"}),
            input()
        ),
        ("OwnError".to_owned(), r#"{"name":"Own","n":3}"#.to_owned())
    );
    assert_eq!(
        fail(json!({"ErrorPath": "$.n"}), input()).0,
        "States.Runtime"
    );
    assert_eq!(
        fail(json!({"CausePath": "$.missing"}), input()).0,
        "States.Runtime"
    );
    for fields in [
        json!({"Error": "a", "ErrorPath": "$.a"}),
        json!({"Cause": "a", "CausePath": "$.a"}),
        json!({"Error": 5}),
    ] {
        let mut state = fields.clone();
        state["Type"] = json!("Fail");
        let definition = json!({"StartAt": "F", "States": {"F": state}});
        assert!(!messages(&definition).is_empty(), "{fields}");
    }
}

#[test]
fn a_retrier_counts_for_itself_before_a_catcher_is_asked() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": FUNCTION, "End": true,
            "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["A"], "Next": "C"}]},
        "C": {"Type": "Pass", "Result": "caught", "End": true}}});
    let errors = std::cell::Cell::new(0);
    let execution = Driver::start(&definition, "{}", |_| {
        errors.set(errors.get() + 1);
        Answer::Fails(if errors.get() == 2 { "B" } else { "A" }, "why")
    })
    .run();
    assert_eq!(errors.get(), 3);
    assert_eq!(output(&execution), "caught");
    assert_eq!(chain(&execution).len(), 15);
}
