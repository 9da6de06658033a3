//! Redriving executions that have failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, pass, wait};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// A function that fails so many times.
fn failing(bench: &Bench, times: usize) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    bench.function("f", move |event| {
        let fails = event["fails"] != json!(false);
        if fails && counted.fetch_add(1, Ordering::Relaxed) < times {
            return Err(("Broken".to_owned(), "not yet".to_owned()));
        }
        Ok(json!("done"))
    });
    calls
}

async fn redrive(bench: &Bench, execution: &str) -> Result<Value, String> {
    let answer = bench
        .states("RedriveExecution", json!({"executionArn": execution}))
        .await;
    answer.map_err(|error| format!("{}: {}", error.code, error.message))
}

#[tokio::test]
async fn it_goes_on_from_the_failed_state_and_keeps_its_history() {
    let bench = Bench::new();
    failing(&bench, 1);
    let two = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Result": {"a": 1}, "Next": "T"},
        "T": {"Type": "Task", "Resource": FUNCTION, "ResultPath": "$.t", "End": true},
    }});
    let machine = bench.machine("m", two).await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    let failed = bench.ended(&execution).await;
    assert_eq!(
        (&failed["status"], &failed["redriveStatus"]),
        (&json!("FAILED"), &json!("REDRIVABLE"))
    );
    let before = bench.events(&execution).await;
    redrive(&bench, &execution).await.unwrap();
    let ended = bench.ended(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["redriveCount"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    assert_eq!(ended["output"], "{\"a\":1,\"t\":\"done\"}");
    assert!(ended["redriveDate"].is_number(), "{ended}");
    let after = bench.events(&execution).await;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(
        after[before.len()..],
        [
            "ExecutionRedriven",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let error = redrive(&bench, &execution).await.unwrap_err();
    assert_eq!(
        error,
        "ExecutionNotRedrivable: Execution Not Redrivable: 'Execution is SUCCEEDED and cannot be redriven'"
    );
}

#[tokio::test]
async fn only_the_branches_and_iterations_that_did_not_succeed_run_again() {
    let bench = Bench::new();
    let calls = failing(&bench, 1);
    let map = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "End": true,
        "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true}}}}}});
    let machine = bench.machine("m", map).await;
    let items = json!([{"fails": false}, {"fails": true}, {"fails": false}]);
    let execution = bench.start_execution(&machine, "one", items).await;
    assert_eq!(bench.ended(&execution).await["status"], "FAILED");
    redrive(&bench, &execution).await.unwrap();
    let ended = bench.ended(&execution).await;
    assert_eq!(ended["output"], "[\"done\",\"done\",\"done\"]");
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the failing item, twice");
    assert_eq!(
        bench.invocations().len(),
        4,
        "the first item once, the second twice, the third once"
    );
}

#[tokio::test]
async fn it_can_be_redriven_by_the_next_process_and_after_a_stop() {
    let bench = Bench::new();
    let machine = bench.machine("m", wait(60)).await;
    let work = bench.services.context.clock.work();
    let execution = bench
        .start_execution(&machine, "one", json!({"n": 1}))
        .await;
    bench
        .states("StopExecution", json!({"executionArn": execution}))
        .await
        .unwrap();
    drop(work);
    let bench = bench.restarted(Duration::from_secs(60));
    redrive(&bench, &execution).await.unwrap();
    assert_eq!(bench.ended(&execution).await["output"], "{\"n\":1}");
    let bench = bench.restarted(Duration::from_secs(60));
    assert_eq!(bench.describe(&execution).await["status"], "SUCCEEDED");
    assert!(
        bench
            .events(&execution)
            .await
            .contains(&"ExecutionRedriven".to_owned())
    );
}

#[tokio::test]
async fn a_retried_request_redrives_once_and_two_weeks_are_the_limit() {
    let bench = Bench::new();
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}});
    let machine = bench.machine("m", fail).await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    let input = json!({"executionArn": execution, "clientToken": "t"});
    let first = bench
        .states("RedriveExecution", input.clone())
        .await
        .unwrap();
    assert_eq!(
        bench.states("RedriveExecution", input).await.unwrap(),
        first
    );
    assert_eq!(bench.describe(&execution).await["redriveCount"], 1);
    bench.pass(Duration::from_secs(15 * 86_400)).await;
    let described = bench.describe(&execution).await;
    assert_eq!(described["redriveStatus"], "NOT_REDRIVABLE");
    let error = redrive(&bench, &execution).await.unwrap_err();
    assert!(
        error.contains("Execution redrivable period exceeded"),
        "{error}"
    );
}

#[tokio::test]
async fn ended_executions_leave_memory_and_can_still_be_asked_about() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    for number in 0..80 {
        let name = format!("run-{number:02}");
        bench
            .start_execution(&machine, &name, json!({"n": number}))
            .await;
    }
    assert_eq!(bench.services.states.executions_in_memory(), 64);
    let oldest = machine.replace(":stateMachine:", ":execution:") + ":run-00";
    assert_eq!(bench.describe(&oldest).await["output"], "{\"n\":0}");
    let mut seen = Vec::new();
    let mut input =
        json!({"stateMachineArn": machine, "maxResults": 30, "statusFilter": "SUCCEEDED"});
    loop {
        let page = bench.states("ListExecutions", input.clone()).await.unwrap();
        let names = page["executions"].as_array().unwrap().iter();
        seen.extend(names.map(|entry| entry["name"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 80);
    let input = json!({"stateMachineArn": machine, "nextToken": "made-up"});
    let error = bench.states("ListExecutions", input).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("InvalidToken", "Invalid Token: 'Invalid token'")
    );
}
