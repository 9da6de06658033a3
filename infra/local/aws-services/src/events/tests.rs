//! What rules promise, tried through the actions in simulated time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, pass, wait};
use crate::failure::ServiceError;
use crate::interceptor::Verdict;
use crate::observer::Occurrence;

async fn call(bench: &Bench, action: &str, input: Value) -> Result<Value, ServiceError> {
    let _work = bench.services.context.clock.work();
    bench.services.events.call(action, input).await
}

/// A rule for the events that the tests put, with one target.
async fn rule(bench: &Bench, target: Value) {
    let pattern = json!({"source": ["orders"]}).to_string();
    call(
        bench,
        "PutRule",
        json!({"Name": "rule", "EventPattern": pattern}),
    )
    .await
    .unwrap();
    call(
        bench,
        "PutTargets",
        json!({"Rule": "rule", "Targets": [target]}),
    )
    .await
    .unwrap();
}

async fn put(bench: &Bench) -> Value {
    let entry =
        json!({"Source": "orders", "DetailType": "Landed", "Detail": "{\"table\": \"country\"}"});
    let answer = call(bench, "PutEvents", json!({"Entries": [entry]}))
        .await
        .unwrap();
    bench.settle().await;
    answer
}

async fn input_of(bench: &Bench, execution: &str) -> Value {
    serde_json::from_str(bench.describe(execution).await["input"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn rules_and_targets_that_cannot_be_kept_are_refused_by_name() {
    let bench = Bench::new();
    let wildcard = json!({"Name": "rule", "EventPattern": "{\"source\": [{\"wildcard\": \"*\"}]}"});
    let error = call(&bench, "PutRule", wildcard).await.unwrap_err();
    assert_eq!(error.code, "InvalidEventPatternException");
    assert!(error.message.contains("wildcard"), "{error}");
    let schedule = json!({"Name": "rule", "ScheduleExpression": "rate(1 day)"});
    assert!(
        call(&bench, "PutRule", schedule)
            .await
            .unwrap_err()
            .message
            .contains("ScheduleExpression")
    );
    let missing = json!({"Rule": "rule", "Targets": []});
    assert_eq!(
        call(&bench, "PutTargets", missing).await.unwrap_err().code,
        "ResourceNotFoundException"
    );
    let machine = bench.machine("m", pass()).await;
    rule(&bench, json!({"Id": "1", "Arn": machine})).await;
    for (target, named) in [
        (
            json!({"Id": "1", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream"}),
            "stream",
        ),
        (
            json!({"Id": "1", "Arn": machine, "EcsParameters": {}}),
            "EcsParameters",
        ),
        (
            json!({"Id": "1", "Arn": machine, "InputPath": "$..a"}),
            "$..a",
        ),
        (
            json!({"Id": "1", "Arn": machine, "InputTransformer": {"InputTemplate": "<x>"}}),
            "<x>",
        ),
    ] {
        let error = call(
            &bench,
            "PutTargets",
            json!({"Rule": "rule", "Targets": [target]}),
        )
        .await
        .unwrap_err();
        assert!(error.message.contains(named), "{error}");
    }
    let error = call(&bench, "DeleteRule", json!({"Name": "rule"}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Rule can't be deleted since it has targets.");
}

#[tokio::test]
async fn events_that_nobody_may_put_fail_one_by_one() {
    let bench = Bench::new();
    let entries = json!({"Entries": [
        {"Source": "aws.states", "DetailType": "t", "Detail": "{}"},
        {"Source": "orders", "DetailType": "t", "Detail": "[]"},
        {"Source": "orders", "Detail": "{}"},
        {"Source": "orders", "DetailType": "t", "Detail": "{}"},
    ]});
    let answer = call(&bench, "PutEvents", entries).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 3);
    let codes: Vec<&Value> = answer["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["ErrorCode"])
        .collect();
    assert_eq!(
        codes,
        [
            &json!("NotAuthorizedForSourceException"),
            &json!("MalformedDetail"),
            &json!("InvalidArgument"),
            &Value::Null
        ]
    );
}

#[tokio::test]
async fn a_throttled_target_is_tried_again_until_it_takes_the_event() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    rule(&bench, json!({"Id": "1", "Arn": machine})).await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    bench.decide(move |call, status| {
        let throttled = call.caller == "events"
            && status.is_none()
            && counted.fetch_add(1, Ordering::Relaxed) < 3;
        if throttled {
            return Verdict::Fail(ServiceError::new("ThrottlingException", "Rate exceeded"));
        }
        Verdict::Pass
    });
    put(&bench).await;
    bench.pass(Duration::from_secs(30)).await;
    assert_eq!(attempts.load(Ordering::Relaxed), 4);
    assert_eq!(bench.executions(&machine).await.len(), 1);
}

#[tokio::test]
async fn a_lost_response_does_not_start_a_target_twice() {
    for target in [pass(), wait(1_000_000)] {
        let bench = Bench::new();
        let machine = bench.machine("m", target).await;
        rule(&bench, json!({"Id": "1", "Arn": machine})).await;
        let lost = AtomicUsize::new(0);
        bench.decide(move |call, status| {
            let lose = call.caller == "events"
                && status.is_some()
                && lost.fetch_add(1, Ordering::Relaxed) == 0;
            if lose {
                Verdict::LoseResponse
            } else {
                Verdict::Pass
            }
        });
        let work = bench.services.context.clock.work();
        put(&bench).await;
        drop(work);
        bench.pass(Duration::from_secs(30)).await;
        assert_eq!(bench.executions(&machine).await.len(), 1);
        let told = bench.occurrences();
        let told = told
            .iter()
            .filter(|told| matches!(told, Occurrence::TargetNotified { error: None, .. }));
        assert_eq!(told.count(), 1);
    }
}

#[tokio::test]
async fn a_target_that_refuses_is_reported_and_not_tried_again() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    rule(
        &bench,
        json!({"Id": "1", "Arn": machine.replace(":m", ":none")}),
    )
    .await;
    put(&bench).await;
    let told = bench.occurrences();
    let refused = told.iter().filter(|told| matches!(told, Occurrence::TargetNotified { error: Some(error), .. } if error.contains("StateMachineDoesNotExist")));
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn a_rule_that_is_disabled_or_wants_something_else_is_silent() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    rule(&bench, json!({"Id": "1", "Arn": machine})).await;
    call(&bench, "DisableRule", json!({"Name": "rule"}))
        .await
        .unwrap();
    put(&bench).await;
    assert!(bench.executions(&machine).await.is_empty());
    call(&bench, "EnableRule", json!({"Name": "rule"}))
        .await
        .unwrap();
    let other = json!({"Entries": [{"Source": "other", "DetailType": "t", "Detail": "{}"}]});
    call(&bench, "PutEvents", other).await.unwrap();
    bench.settle().await;
    assert!(bench.executions(&machine).await.is_empty());
    put(&bench).await;
    assert_eq!(bench.executions(&machine).await.len(), 1);
}

#[tokio::test]
async fn a_target_sees_the_event_a_part_a_constant_or_a_filled_template() {
    let template = json!({"InputPathsMap": {"table": "$.detail.table"}, "InputTemplate": "{\"Rule\": \"<aws.events.rule-name>\", \"Table\": <table>}"});
    for (member, value, expected) in [
        ("InputPath", json!("$.detail"), json!({"table": "country"})),
        ("Input", json!("{\"a\": 1}"), json!({"a": 1})),
        (
            "InputTransformer",
            template,
            json!({"Rule": "rule", "Table": "country"}),
        ),
    ] {
        let bench = Bench::new();
        let machine = bench.machine("m", pass()).await;
        let mut target = json!({"Id": "1", "Arn": machine});
        target[member] = value;
        rule(&bench, target).await;
        // Rules outlive their process.
        let bench = bench.restarted(Duration::from_secs(1));
        put(&bench).await;
        let execution = bench.executions(&machine).await.remove(0);
        assert_eq!(input_of(&bench, &execution).await, expected);
    }
}

#[tokio::test]
async fn a_topic_gets_the_event_as_its_message() {
    let bench = Bench::new();
    let topic = bench
        .services
        .sns
        .call("CreateTopic", json!({"Name": "mails"}))
        .await
        .unwrap();
    rule(&bench, json!({"Id": "1", "Arn": topic["TopicArn"]})).await;
    let answer = put(&bench).await;
    let message: Value = serde_json::from_str(&bench.services.sns.messages()[0].message).unwrap();
    assert_eq!(
        (&message["id"], &message["detail"]["table"]),
        (&answer["Entries"][0]["EventId"], &json!("country"))
    );
}

#[tokio::test]
async fn the_changes_of_an_execution_have_the_shape_that_step_functions_gives_them() {
    let bench = Bench::new();
    let observed = bench.machine("observed", wait(60)).await;
    let machine = bench.machine("m", pass()).await;
    let pattern =
        json!({"source": ["aws.states"], "detail": {"stateMachineArn": [observed]}}).to_string();
    call(
        &bench,
        "PutRule",
        json!({"Name": "rule", "EventPattern": pattern}),
    )
    .await
    .unwrap();
    let targets = json!({"Rule": "rule", "Targets": [{"Id": "1", "Arn": machine}]});
    call(&bench, "PutTargets", targets).await.unwrap();
    let execution = bench.start_execution(&observed, "one", json!({})).await;
    bench.ended(&execution).await;
    let mut started = bench.executions(&machine).await;
    assert_eq!(started.len(), 2);
    let ended = input_of(&bench, &started.remove(0)).await;
    let running = input_of(&bench, &started.remove(0)).await;
    assert_eq!(
        ended["detail-type"],
        "Step Functions Execution Status Change"
    );
    assert_eq!(
        (&ended["time"], &ended["resources"]),
        (&json!("2026-11-21T00:01:00Z"), &json!([execution]))
    );
    assert_eq!(
        ended["detail"],
        json!({
            "executionArn": execution,
            "stateMachineArn": observed,
            "name": "one",
            "status": "SUCCEEDED",
            "startDate": 1_795_219_200_000_i64,
            "stopDate": 1_795_219_260_000_i64,
            "input": "{}",
            "output": "{}",
            "stateMachineVersionArn": null,
            "stateMachineAliasArn": null,
            "redriveCount": 0,
            "redriveDate": null,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            "inputDetails": {"included": true},
            "outputDetails": {"included": true},
            "error": null,
            "cause": null,
        })
    );
    assert_eq!(
        (&running["detail"]["status"], &running["detail"]["stopDate"]),
        (&json!("RUNNING"), &Value::Null)
    );
}
