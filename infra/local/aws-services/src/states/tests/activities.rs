//! Activities and their workers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, wait};

async fn activity(bench: &Bench) -> String {
    let created = bench
        .states("CreateActivity", json!({"name": "a"}))
        .await
        .unwrap();
    created["activityArn"].as_str().unwrap().to_owned()
}

fn machine(arn: &str, more: Value) -> Value {
    let mut task = json!({"Type": "Task", "Resource": arn, "End": true});
    task.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"StartAt": "T", "States": {"T": task}})
}

async fn poll(bench: &Bench, arn: &str) -> Value {
    let mut custody = Some(bench.services.context.clock.work());
    let input = json!({"activityArn": arn, "workerName": "worker"});
    let states = &bench.services.states;
    states
        .call_from_outside("GetActivityTask", input, &mut custody)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_worker_gets_the_task_that_waits_and_its_answer_is_the_tasks() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let machine = bench.machine("m", machine(&arn, json!({}))).await;
    let execution = bench
        .start_execution(&machine, "one", json!({"n": 1}))
        .await;
    bench.settle().await;
    let task = poll(&bench, &arn).await;
    assert_eq!(task["input"], "{\"n\":1}");
    let success = json!({"taskToken": task["taskToken"], "output": "{\"n\": 2}"});
    bench.states("SendTaskSuccess", success).await.unwrap();
    assert_eq!(bench.ended(&execution).await["output"], "{\"n\":2}");
    let history = json!({"executionArn": execution});
    let history = bench.states("GetExecutionHistory", history).await.unwrap();
    assert_eq!(history["events"][2]["type"], "ActivityScheduled");
    assert_eq!(
        history["events"][2]["activityScheduledEventDetails"]["resource"],
        arn
    );
    assert_eq!(
        history["events"][3]["activityStartedEventDetails"]["workerName"],
        "worker"
    );
    assert_eq!(history["events"][4]["type"], "ActivitySucceeded");
}

#[tokio::test]
async fn a_worker_that_waits_gets_the_task_as_soon_as_it_is_scheduled() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let machine = bench
        .machine("m", machine(&arn, json!({"TimeoutSeconds": 5})))
        .await;
    let worker = async {
        let task = poll(&bench, &arn).await;
        let failure =
            json!({"taskToken": task["taskToken"], "error": "Tired", "cause": "long day"});
        bench.states("SendTaskFailure", failure).await.unwrap();
    };
    let starter = async {
        bench.settle().await;
        bench.start_execution(&machine, "one", json!({})).await
    };
    let ((), execution) = tokio::join!(worker, starter);
    let ended = bench.ended(&execution).await;
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Tired"), &json!("long day"))
    );
}

#[tokio::test]
async fn the_clock_does_not_jump_over_a_worker_that_is_at_its_task() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let machine = bench
        .machine("m", machine(&arn, json!({"TimeoutSeconds": 60})))
        .await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    bench.settle().await;
    let task = poll(&bench, &arn).await;
    drop(work);
    bench.settle().await;
    assert_eq!(bench.describe(&execution).await["status"], "RUNNING");
    let success = json!({"taskToken": task["taskToken"], "output": "{}"});
    bench.states("SendTaskSuccess", success).await.unwrap();
    assert_eq!(bench.ended(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test]
async fn a_task_that_no_worker_fetches_times_out_and_is_not_handed_out_any_more() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let machine = bench
        .machine("m", machine(&arn, json!({"TimeoutSeconds": 60})))
        .await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    let ended = bench.ended(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.Timeout"))
    );
    assert_eq!(bench.events(&execution).await[3], "ActivityTimedOut");
    let poll = poll(&bench, &arn);
    let passing = bench.pass(Duration::from_secs(61));
    assert_eq!(tokio::join!(poll, passing).0, json!({}));
}

#[tokio::test]
async fn a_machine_can_work_at_activities_itself() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let worker = json!({"StartAt": "Get", "States": {
        "Get": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:getActivityTask",
            "Parameters": {"ActivityArn": arn}, "Next": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 20, "Next": "Beat"},
        "Beat": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskHeartbeat",
            "Parameters": {"TaskToken.$": "$.TaskToken"}, "ResultPath": null, "Next": "Again"},
        "Again": {"Type": "Wait", "Seconds": 20, "Next": "Send"},
        "Send": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            "Parameters": {"TaskToken.$": "$.TaskToken", "Output.$": "$.Input"}, "End": true},
    }});
    let job = bench
        .machine(
            "job",
            machine(&arn, json!({"HeartbeatSeconds": 30, "TimeoutSeconds": 90})),
        )
        .await;
    let worker = bench.machine("worker", worker).await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&job, "one", json!({"n": 1})).await;
    bench.settle().await;
    let working = bench.start_execution(&worker, "one", json!({})).await;
    drop(work);
    assert_eq!(bench.ended(&execution).await["output"], "{\"n\":1}");
    assert_eq!(bench.ended(&working).await["status"], "SUCCEEDED");
}

#[tokio::test]
async fn a_task_of_an_activity_that_was_deleted_fails_before_it_is_scheduled() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    let mut after_a_wait = wait(60);
    after_a_wait["States"]["W"] = json!({"Type": "Wait", "Seconds": 60, "Next": "T"});
    after_a_wait["States"]["T"] = json!({"Type": "Task", "Resource": arn, "End": true});
    let machine = bench.machine("m", after_a_wait).await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    bench
        .states("DeleteActivity", json!({"activityArn": arn}))
        .await
        .unwrap();
    drop(work);
    let ended = bench.ended(&execution).await;
    assert_eq!(ended["error"], "States.Runtime");
    let cause = format!("The activity {arn} does not exist.");
    assert!(
        ended["cause"].as_str().unwrap().ends_with(&cause),
        "{ended}"
    );
    let events = bench.events(&execution).await;
    assert!(
        !events.contains(&"ActivityScheduled".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn activities_are_known_by_name_and_outlive_the_process() {
    let bench = Bench::new();
    let arn = activity(&bench).await;
    assert_eq!(activity(&bench).await, arn);
    let bench = bench.restarted(Duration::from_secs(60));
    let listed = bench.states("ListActivities", json!({})).await.unwrap();
    assert_eq!(listed["activities"][0]["activityArn"], arn);
    bench
        .states("DeleteActivity", json!({"activityArn": arn}))
        .await
        .unwrap();
    for action in ["DescribeActivity", "GetActivityTask"] {
        let mut custody = None;
        let input = json!({"activityArn": arn});
        let answer = bench
            .services
            .states
            .call_from_outside(action, input, &mut custody)
            .await;
        assert_eq!(answer.unwrap_err().code, "ActivityDoesNotExist");
    }
    for name in ["with space", "a/b", "a:b", "a\u{7f}"] {
        let error = bench
            .states("CreateActivity", json!({"name": name}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message),
            ("InvalidName", format!("Invalid Name: '{name}'"))
        );
    }
}
