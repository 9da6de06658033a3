//! What schedules promise, tried through the actions in simulated time.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, pass};
use crate::failure::ServiceError;

async fn call(bench: &Bench, action: &str, input: Value) -> Result<Value, ServiceError> {
    let _work = bench.services.context.clock.work();
    bench.services.scheduler.call(action, input).await
}

fn nightly(machine: &str) -> Value {
    json!({
        "Name": "nightly",
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": machine, "RoleArn": "r", "Input": "{\"ScheduledTime\": \"<aws.scheduler.scheduled-time>\", \"Id\": \"<aws.scheduler.execution-id>\"}"},
    })
}

async fn inputs(bench: &Bench, machine: &str) -> Vec<Value> {
    let mut inputs = Vec::new();
    for execution in bench.executions(machine).await {
        let input = bench.describe(&execution).await["input"].clone();
        inputs.push(serde_json::from_str(input.as_str().unwrap()).unwrap());
    }
    inputs
}

#[tokio::test]
async fn schedules_that_cannot_be_kept_are_refused_by_name() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    for (member, value, named) in [
        ("Name", json!("a b"), "a b"),
        (
            "ScheduleExpression",
            json!("cron(0 2 * * *)"),
            "cron(0 2 * * *)",
        ),
        (
            "ScheduleExpressionTimezone",
            json!("Mars/Olympus"),
            "Mars/Olympus",
        ),
        (
            "FlexibleTimeWindow",
            json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}),
            "FLEXIBLE",
        ),
        ("EndDate", json!(1), "EndDate"),
        (
            "Target",
            json!({"Arn": "arn:aws:sqs:us-east-1:000000000000:queue"}),
            "queue",
        ),
    ] {
        let mut input = nightly(&machine);
        input[member] = value;
        let error = call(&bench, "CreateSchedule", input).await.unwrap_err();
        assert!(error.message.contains(named), "{error}");
    }
    let error = call(&bench, "GetSchedule", json!({"Name": "nightly"}))
        .await
        .unwrap_err();
    assert_eq!(error.status, http::StatusCode::NOT_FOUND);
    call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap();
    let error = call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ConflictException");
}

#[tokio::test]
async fn a_schedule_does_not_move_a_resting_clock() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap();
    bench.settle().await;
    assert_eq!(bench.now().to_string(), "2026-11-21T00:00:00Z");
    assert!(bench.executions(&machine).await.is_empty());
}

#[tokio::test]
async fn a_schedule_fires_at_each_of_its_times_that_pass_and_tells_which() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap();
    bench.pass(Duration::from_secs(2 * 86_400)).await;
    let inputs = inputs(&bench, &machine).await;
    let times: Vec<&Value> = inputs.iter().map(|input| &input["ScheduledTime"]).collect();
    assert_eq!(times, ["2026-11-22T01:00:00Z", "2026-11-21T01:00:00Z"]);
    assert_ne!(inputs[0]["Id"], inputs[1]["Id"]);
}

#[tokio::test]
async fn a_schedule_that_is_disabled_or_deleted_is_silent() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap();
    let mut disabled = nightly(&machine);
    disabled["State"] = "DISABLED".into();
    call(&bench, "UpdateSchedule", disabled).await.unwrap();
    bench.pass(Duration::from_secs(86_400)).await;
    assert!(bench.executions(&machine).await.is_empty());
    call(&bench, "UpdateSchedule", nightly(&machine))
        .await
        .unwrap();
    call(&bench, "DeleteSchedule", json!({"Name": "nightly"}))
        .await
        .unwrap();
    bench.pass(Duration::from_secs(86_400)).await;
    assert!(bench.executions(&machine).await.is_empty());
}

#[tokio::test]
async fn a_schedule_outlives_the_process_and_does_not_catch_up() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    call(&bench, "CreateSchedule", nightly(&machine))
        .await
        .unwrap();
    let bench = bench.restarted(Duration::from_secs(5 * 86_400));
    bench.settle().await;
    assert!(bench.executions(&machine).await.is_empty());
    bench.pass(Duration::from_secs(86_400)).await;
    assert_eq!(
        inputs(&bench, &machine).await[0]["ScheduledTime"],
        "2026-11-26T01:00:00Z"
    );
}
