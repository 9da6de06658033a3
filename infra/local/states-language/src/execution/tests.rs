//! Tests of whole executions: the chain of the history, retries and catches, timeouts, limits, and going on after an
//! interruption.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::test_driver::{Answer, Driver, Loss, chain, failure, machine_of, output, run};
use crate::{Arrival, Effect, EventType, Execution, Identity, StartTask, StateMachine, Status};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";

fn task(resource: &str) -> Value {
    json!({"Type": "Task", "Resource": resource, "End": true})
}

fn with(mut state: Value, field: &str, value: Value) -> Value {
    state[field] = value;
    state
}

fn start(definition: &Value, input: &str) -> Result<Execution, crate::InputError> {
    let machine = Arc::new(StateMachine::parse(&definition.to_string()).expect("it is valid"));
    let now = Timestamp::UNIX_EPOCH;
    Execution::start(
        machine,
        Identity::named("machine", "name", now),
        input,
        1,
        now,
    )
}

/// Seconds after the start at which each event happened.
fn seconds(execution: &Execution, of: EventType) -> Vec<i64> {
    let events = execution
        .history()
        .iter()
        .filter(|event| event.event_type == of);
    events.map(|event| event.timestamp.as_second()).collect()
}

#[test]
fn refuses_an_input_that_is_no_json() {
    assert!(start(&machine_of(json!({"Type": "Pass"})), "not json").is_err());
}

#[test]
fn ends_the_whole_execution_when_an_expression_fails_inside_a_branch() {
    let definition = machine_of(json!({"Type": "Parallel",
        "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "Never"}, {"ErrorEquals": ["States.ALL"], "Next": "Never"}],
        "Branches": [{"StartAt": "In", "States": {"In": {"Type": "Pass", "Parameters": {"a.$": "$.nothing"}, "End": true}}}]}));
    let mut definition = definition;
    definition["States"]["Never"] = json!({"Type": "Succeed"});
    let execution = run(&definition, json!({"x": 1}));
    assert_eq!(
        chain(&execution),
        [
            "1 <- 0 ExecutionStarted",
            "2 <- 0 ParallelStateEntered",
            "3 <- 2 ParallelStateStarted",
            "4 <- 3 PassStateEntered",
            "5 <- 4 ExecutionFailed",
        ]
    );
    assert_eq!(
        failure(&execution),
        (
            "States.Runtime",
            "An error occurred while executing the state 'In' (entered at the event id #4). The JSONPath '$.nothing' specified \
             for the field 'a.$' could not be found in the input '{\"x\":1}'"
        )
    );
}

#[test]
fn fails_with_the_error_of_a_task_that_nothing_catches() {
    let definition = machine_of(task(FUNCTION));
    let execution = Driver::start(&definition, "{}", |_| {
        Answer::Fails("ClusterGone", "j-1 is gone")
    })
    .run();
    assert_eq!(failure(&execution), ("ClusterGone", "j-1 is gone"));
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 LambdaFunctionScheduled",
            "4 <- 3 LambdaFunctionStarted",
            "5 <- 4 LambdaFunctionFailed",
            "6 <- 5 ExecutionFailed",
        ]
    );
}

#[test]
fn times_a_task_out_and_tells_the_driver_to_let_go() {
    let definition = machine_of(with(task(ACTIVITY), "TimeoutSeconds", json!(5)));
    let (execution, effects) =
        Driver::start(&definition, "{}", |_| Answer::Hangs).run_for_effects();
    assert!(
        matches!(execution.status(), Status::Failed { error, cause: None } if error.as_deref() == Some("States.Timeout"))
    );
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 ActivityScheduled",
            "4 <- 3 ActivityStarted",
            "5 <- 4 ActivityTimedOut",
            "6 <- 5 ExecutionFailed",
        ]
    );
    assert_eq!(seconds(&execution, EventType::ActivityTimedOut), [5]);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::CancelTask { .. }))
    );
}

#[test]
fn ignores_a_result_that_comes_too_late() {
    let definition = json!({"StartAt": "T", "States": {
        "T": with(with(task(FUNCTION), "TimeoutSeconds", json!(5)), "Catch", json!([{"ErrorEquals": ["States.Timeout"], "Next": "W"}])),
        "W": {"Type": "Wait", "Seconds": 10, "End": true},
    }});
    let mut execution = start(&definition, "{}").expect("the input is JSON");
    let effects = execution.effects();
    let Some(Effect::StartTask(StartTask { task, .. })) = effects.first() else {
        panic!("a task");
    };
    let Some(Effect::SetTimer { timer, at }) = effects.get(1) else {
        panic!("a timer");
    };
    assert!(execution.awaits(*task));
    assert!(execution.deliver(Arrival::Timer { timer: *timer }, *at));
    assert!(!execution.awaits(*task));
    let length = execution.history().len();
    let late = Arrival::TaskSucceeded {
        task: *task,
        output: json!(1),
    };
    assert!(!execution.deliver(late, *at));
    assert_eq!(execution.history().len(), length);
}

#[test]
fn misses_a_heartbeat_only_when_none_came_in_time() {
    let definition = machine_of(with(
        with(
            task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            "HeartbeatSeconds",
            json!(10),
        ),
        "TimeoutSeconds",
        json!(60),
    ));
    let input = r#"{"QueueUrl": "u", "MessageBody": "b"}"#;
    let mut execution = start(&definition, input).expect("the input is JSON");
    let effects = execution.effects();
    let Effect::StartTask(task) = &effects[0] else {
        panic!("a task");
    };
    assert!(task.token.as_ref().is_some_and(|token| token.len() > 40));
    let at = |seconds: i64| Timestamp::from_second(seconds).expect("in range");
    execution.deliver(Arrival::TaskHeartbeat { task: task.task }, at(8));
    let effects = execution.effects();
    let Effect::SetTimer { timer, at: due } = effects[1] else {
        panic!("a timer in {effects:?}");
    };
    assert_eq!(due, at(18));
    execution.deliver(Arrival::Timer { timer }, due);
    assert!(
        matches!(execution.status(), Status::Failed { error, .. } if error.as_deref() == Some("States.HeartbeatTimeout"))
    );
}

#[test]
fn times_the_whole_execution_out() {
    let definition = json!({"StartAt": "W", "TimeoutSeconds": 3, "States": {"W": {"Type": "Wait", "Seconds": 25, "End": true}}});
    let (execution, effects) =
        Driver::start(&definition, "{}", |_| Answer::Hangs).run_for_effects();
    assert_eq!(
        execution.status(),
        &Status::TimedOut {
            error: None,
            cause: None
        }
    );
    let last = execution.history().last().expect("events");
    assert_eq!(
        (last.event_type, last.id, last.previous_event_id),
        (EventType::ExecutionTimedOut, 3, 0)
    );
    assert_eq!(last.details().error.as_deref(), Some("States.Timeout"));
    assert_eq!(execution.ended_at(), Timestamp::from_second(3).ok());
    assert!(matches!(effects.last(), Some(Effect::CancelTimer { .. })));
}

#[test]
fn stops_with_the_words_of_whoever_stops_it() {
    let definition = machine_of(json!({"Type": "Wait", "Seconds": 25}));
    let mut execution = start(&definition, "{}").expect("the input is JSON");
    let stop = || Arrival::Stop {
        error: Some("Manual".to_owned()),
        cause: None,
    };
    assert!(execution.deliver(stop(), Timestamp::UNIX_EPOCH));
    assert_eq!(
        serde_json::to_value(execution.history().last()).expect("serialises"),
        json!({"timestamp": 0.0, "type": "ExecutionAborted", "id": 3, "previousEventId": 0,
               "executionAbortedEventDetails": {"error": "Manual"}})
    );
    assert!(!execution.deliver(stop(), Timestamp::UNIX_EPOCH));
    assert!(execution.outstanding().is_empty());
}

#[test]
fn ends_a_runaway_loop_with_its_25000th_event() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"},
        "E": {"Type": "Succeed"},
    }});
    let execution = run(&definition, json!({}));
    assert_eq!(execution.history().len(), 25_000);
    assert_eq!(
        failure(&execution),
        (
            "States.Runtime",
            "The execution reached the maximum number of history events (25000)."
        )
    );
}

#[test]
fn refuses_data_that_is_too_large() {
    let large = "x".repeat(262_144);
    let definition = machine_of(json!({"Type": "Pass", "Result": {"Arg1": large}}));
    assert_eq!(
        failure(&run(&definition, json!({}))),
        (
            "States.DataLimitExceeded",
            "The state/task 'State' returned a result with a size exceeding the maximum number of bytes service limit."
        )
    );
    let definition = json!({"StartAt": "T", "States": {
        "T": with(task(FUNCTION), "Catch", json!([{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "E"}])),
        "E": {"Type": "Pass", "Result": "caught", "End": true},
    }});
    let answer = Value::String(large);
    let execution = Driver::start(&definition, "{}", |_| Answer::Succeeds(answer.clone())).run();
    assert_eq!(output(&execution), json!("caught"));
    assert!(chain(&execution).contains(&"5 <- 4 LambdaFunctionFailed".to_owned()));
}

#[test]
fn fails_when_a_result_has_no_place_in_the_input() {
    let definition = machine_of(json!({"Type": "Pass", "Result": 1, "ResultPath": "$.a.b"}));
    let execution = run(&definition, json!({"a": "text"}));
    assert_eq!(failure(&execution).0, "States.ResultPathMatchFailure");
}

#[test]
fn aborts_what_still_runs_beside_a_branch_that_fails() {
    let definition = machine_of(json!({"Type": "Parallel", "Branches": [
        {"StartAt": "T", "States": {"T": task(FUNCTION)}},
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "Next": "F"}, "F": {"Type": "Fail", "Error": "Broken"}}},
    ]}));
    let (execution, effects) =
        Driver::start(&definition, "{}", |_| Answer::Hangs).run_for_effects();
    assert_eq!(
        chain(&execution)[3..],
        [
            "4 <- 3 TaskStateEntered",
            "5 <- 4 LambdaFunctionScheduled",
            "6 <- 3 WaitStateEntered",
            "7 <- 5 LambdaFunctionStarted",
            "8 <- 6 WaitStateExited",
            "9 <- 8 FailStateEntered",
            "10 <- 7 TaskStateAborted",
            "11 <- 9 ParallelStateFailed",
            "12 <- 11 ExecutionFailed",
        ]
    );
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::CancelTask { .. }))
    );
}

#[test]
fn retries_a_task_with_growing_delays_and_then_gives_up() {
    let definition = machine_of(with(
        task(FUNCTION),
        "Retry",
        json!([{"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]),
    ));
    let execution = Driver::start(&definition, "{}", |_| {
        Answer::Fails("Throttled", "slow down")
    })
    .run();
    assert_eq!(failure(&execution), ("Throttled", "slow down"));
    assert_eq!(
        seconds(&execution, EventType::LambdaFunctionScheduled),
        [0, 2, 8]
    );
    assert_eq!(
        chain(&execution)[4..7],
        [
            "5 <- 4 LambdaFunctionFailed",
            "6 <- 5 LambdaFunctionScheduled",
            "7 <- 6 LambdaFunctionStarted",
        ]
    );
}

#[test]
fn counts_the_retries_of_each_retrier_and_shows_their_sum() {
    let definition = machine_of(with(
        with(
            task(FUNCTION),
            "Parameters",
            json!({"count.$": "$$.State.RetryCount"}),
        ),
        "Retry",
        json!([{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]),
    ));
    let mut counts = Vec::new();
    let execution = Driver::start(&definition, "{}", |start| {
        counts.push(start.arguments["count"].clone());
        Answer::Fails(if counts.len() == 2 { "B" } else { "A" }, "")
    })
    .run();
    assert_eq!(failure(&execution).0, "A");
    assert_eq!(counts, [json!(0), json!(1), json!(2)]);
}

#[test]
fn catches_an_error_into_its_place_and_assigns_from_it() {
    let definition = json!({"StartAt": "T", "States": {
        "T": with(task(FUNCTION), "Catch", json!([
            {"ErrorEquals": ["Other"], "Next": "Never"},
            {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Assign": {"reason.$": "$.Cause"}, "Next": "C"},
        ])),
        "C": {"Type": "Pass", "Parameters": {"input.$": "$", "reason.$": "$reason"}, "End": true},
        "Never": {"Type": "Fail"},
    }});
    let execution = Driver::start(&definition, r#"{"table": "country"}"#, |_| {
        Answer::Fails("HiveError", "line 3")
    })
    .run();
    assert_eq!(
        output(&execution),
        json!({"input": {"table": "country", "error": {"Error": "HiveError", "Cause": "line 3"}}, "reason": "line 3"})
    );
    let exited = &execution.history()[5];
    assert_eq!(
        (exited.event_type, exited.previous_event_id),
        (EventType::TaskStateExited, 5)
    );
    assert_eq!(
        exited
            .details()
            .assigned_variables
            .as_ref()
            .map(|assigned| &assigned["reason"]),
        Some(&json!("\"line 3\""))
    );
}

#[test]
fn leaves_the_input_as_it_is_when_a_catch_discards_the_error() {
    let definition = json!({"StartAt": "T", "States": {
        "T": with(task(FUNCTION), "Catch", json!([{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "E"}])),
        "E": {"Type": "Succeed"},
    }});
    let execution = Driver::start(&definition, r#"{ "a" : 1 }"#, |_| Answer::Fails("E", "")).run();
    assert!(
        matches!(execution.status(), Status::Succeeded { output } if *output == r#"{ "a" : 1 }"#)
    );
}

#[test]
fn chains_the_events_of_a_service_integration() {
    let definition = machine_of(with(
        task("arn:aws:states:::states:startExecution.sync:2"),
        "Parameters",
        json!({"StateMachineArn": "arn", "Input.$": "$"}),
    ));
    let execution = Driver::start(&definition, r#"{"a":1}"#, |_| {
        Answer::SubmitsAndSucceeds(json!({"ExecutionArn": "e"}), json!({"Output": {"b": 2}}))
    })
    .run();
    assert_eq!(output(&execution), json!({"Output": {"b": 2}}));
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 TaskScheduled",
            "4 <- 3 TaskStarted",
            "5 <- 4 TaskSubmitted",
            "6 <- 5 TaskSucceeded",
            "7 <- 6 TaskStateExited",
            "8 <- 7 ExecutionSucceeded",
        ]
    );
    let scheduled = serde_json::to_value(&execution.history()[2]).expect("serialises");
    assert_eq!(
        scheduled["taskScheduledEventDetails"],
        json!({"resourceType": "states", "resource": "startExecution.sync:2", "region": "us-east-1",
               "parameters": r#"{"StateMachineArn":"arn","Input":{"a":1}}"#})
    );
    let submitted = serde_json::to_value(&execution.history()[4]).expect("serialises");
    assert_eq!(
        submitted["taskSubmittedEventDetails"],
        json!({"resourceType": "states", "resource": "startExecution.sync:2", "output": r#"{"ExecutionArn":"e"}"#,
               "outputDetails": {"truncated": false}})
    );
}

#[test]
fn keeps_the_text_of_what_nothing_changes() {
    let definition = machine_of(json!({"Type": "Parallel", "Branches": [
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}},
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Parameters": {"x.$": "$[0]"}, "End": true}}},
    ]}));
    let execution = Driver::start(&definition, "[1, 1.50]", |_| Answer::Hangs).run();
    assert!(
        matches!(execution.status(), Status::Succeeded { output } if *output == r#"[[1, 1.50],{"x":1}]"#)
    );
}

/// One of everything that can be interrupted.
fn everything() -> Value {
    json!({"StartAt": "Pass", "TimeoutSeconds": 1000, "States": {
        "Pass": {"Type": "Pass", "Parameters": {"items.$": "$.items", "id.$": "States.UUID()"}, "Assign": {"id.$": "$.id"}, "Next": "Map"},
        "Map": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.done",
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "id.$": "$id"},
            "Retry": [{"ErrorEquals": ["Flaky"], "MaxAttempts": 2, "JitterStrategy": "FULL"}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Cleanup"}],
            "ItemProcessor": {"StartAt": "Work", "States": {
                "Work": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 30,
                    "Retry": [{"ErrorEquals": ["Throttled"], "MaxAttempts": 2}],
                    "Assign": {"seen.$": "$$.Map.Item.Index"}, "Next": "Pause"},
                "Pause": {"Type": "Wait", "Seconds": 3, "End": true},
            }}, "Next": "Both"},
        "Both": {"Type": "Parallel", "ResultPath": "$.both", "Branches": [
            {"StartAt": "Left", "States": {"Left": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 20, "End": true,
                "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]},
                "Late": {"Type": "Wait", "SecondsPath": "$.none", "End": true}}},
            {"StartAt": "Right", "States": {"Right": {"Type": "Wait", "Seconds": 7, "Next": "Draw"},
                "Draw": {"Type": "Pass", "Parameters": {"drawn.$": "States.MathRandom(0, 1000000)"}, "End": true}}},
        ], "Next": "Choose"},
        "Choose": {"Type": "Choice", "Choices": [{"Variable": "$.items[0]", "NumericGreaterThan": 4, "Next": "Cleanup"}], "Default": "Far"},
        "Cleanup": {"Type": "Pass", "Next": "Far"},
        "Far": {"Type": "Map", "ItemsPath": "$.items", "ToleratedFailurePercentage": 50, "MaxConcurrency": 2, "ResultPath": "$.far",
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Small", "States": {
                "Small": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericLessThan": 3, "Next": "TooSmall"}], "Default": "Fine"},
                "TooSmall": {"Type": "Fail", "Error": "TooSmall"}, "Fine": {"Type": "Pass", "End": true}}},
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.far", "Next": "Last"}], "Next": "Last"},
        "Last": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"n": "{% $count($states.input.items) %}"},
            "Output": {"drawn": "{% $random() %}", "id": "{% $uuid() %}"}, "Next": "End"},
        "End": {"Type": "Succeed"},
    }})
}

/// Answers that depend on nothing but the number of calls so far.
fn answers(codes: Vec<u8>) -> impl FnMut(&StartTask) -> Answer {
    let mut call = 0;
    move |start| {
        let code = codes[call % codes.len()];
        call += 1;
        match code {
            0 => Answer::Fails("Throttled", "slow down"),
            1 => Answer::Fails("Flaky", "try again"),
            2 => Answer::Fails("Broken", "for good"),
            3 => Answer::Hangs,
            _ => Answer::Succeeds(json!({"of": start.state_name, "with": start.arguments})),
        }
    }
}

/// What the property below looks for: each of these, lost in an interruption, changes what happens.
#[test]
fn an_interruption_that_loses_anything_is_noticed() {
    fn each_thread(document: &mut Value, change: impl Fn(&mut Value)) {
        let threads = document["threads"].as_object_mut().expect("threads");
        threads.values_mut().for_each(change);
    }
    let losses: [(&str, Loss); 8] = [
        ("draws", |document| document["random"]["drawn"] = json!(0)),
        ("timers", |document| document["timers"] = json!({})),
        ("awaited tasks", |document| document["tasks"] = json!({})),
        ("events", |document| {
            document["history"].as_array_mut().expect("a list").pop();
        }),
        ("variables", |document| {
            each_thread(document, |thread| thread["variables"] = json!({}));
        }),
        ("items", |document| {
            each_thread(document, |thread| thread["item"] = json!(null));
        }),
        ("last events", |document| {
            each_thread(document, |thread| thread["last_event"] = json!(1));
        }),
        ("retries", |document| {
            each_thread(document, |thread| {
                if let Some(retried) = thread["visit"]["retried"].as_array_mut() {
                    retried.fill(json!(0));
                }
            });
        }),
    ];
    let lives: [&[u8]; 3] = [&[7], &[0, 0, 1, 7, 7], &[1, 7, 3, 7]];
    let input = r#"{"items": [1, 5, 8]}"#;
    for (what, lose) in losses {
        let noticed = lives.iter().any(|codes| {
            let start = || Driver::start(&everything(), input, answers(codes.to_vec()));
            let whole = start().run();
            let lossy = start().forgetting(lose).run();
            whole.history() != lossy.history() || whole.status() != lossy.status()
        });
        assert!(noticed, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn goes_on_after_an_interruption_at_any_event_as_if_nothing_had_happened(
        codes in prop::collection::vec(0_u8..8, 1..12),
        items in prop::collection::vec(0_i32..9, 0..5),
    ) {
        let input = json!({"items": items}).to_string();
        let whole = Driver::start(&everything(), &input, answers(codes.clone())).run();
        let interrupted = Driver::start(&everything(), &input, answers(codes)).interrupted().run();
        prop_assert_eq!(whole.history(), interrupted.history());
        prop_assert_eq!(whole.status(), interrupted.status());
    }

    #[test]
    fn numbers_its_events_without_gaps_and_chains_each_to_an_earlier_one(
        codes in prop::collection::vec(0_u8..8, 1..12),
    ) {
        let execution = Driver::start(&everything(), r#"{"items": [1, 2, 3]}"#, answers(codes)).run();
        prop_assert!(!matches!(execution.status(), Status::Running));
        for (position, event) in execution.history().iter().enumerate() {
            prop_assert_eq!(event.id, position as u32 + 1);
            prop_assert!(event.previous_event_id < event.id);
        }
    }
}
