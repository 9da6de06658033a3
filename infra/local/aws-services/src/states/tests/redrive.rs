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

/// A distributed Map whose children pass, then call the function.
fn distributed(execution_type: &str, more: Value) -> Value {
    let mut state = json!({"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
    "StartAt": "Before", "States": {
        "Before": {"Type": "Pass", "Next": "T"},
        "T": {"Type": "Task", "Resource": FUNCTION, "End": true},
    }}});
    for (field, value) in more.as_object().unwrap() {
        state[field] = value.clone();
    }
    json!({"StartAt": "M", "States": {"M": state}})
}

async fn map_run(bench: &Bench, execution: &str) -> Value {
    let input = json!({"executionArn": execution});
    let listed = bench.states("ListMapRuns", input).await.unwrap();
    let runs = listed["mapRuns"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{listed}");
    let input = json!({"mapRunArn": runs[0]["mapRunArn"]});
    bench.states("DescribeMapRun", input).await.unwrap()
}

async fn children(bench: &Bench, map_run: &Value) -> Vec<Value> {
    let input = json!({"mapRunArn": map_run["mapRunArn"]});
    let listed = bench.states("ListExecutions", input).await.unwrap();
    listed["executions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_map_run_goes_on_with_the_children_that_had_not_succeeded() {
    let bench = Bench::new();
    let calls = failing(&bench, 1);
    let machine = bench.machine("m", distributed("STANDARD", json!({}))).await;
    let items = json!([{"fails": false}, {"fails": true}, {"fails": false}]);
    let execution = bench.start_execution(&machine, "one", items).await;
    let failed = bench.ended(&execution).await;
    assert_eq!(failed["error"], "States.ExceedToleratedFailureThreshold");
    let before = map_run(&bench, &execution).await;
    assert_eq!(
        (&before["status"], &before["redriveCount"]),
        (&json!("FAILED"), &json!(0))
    );
    let begun = children(&bench, &before).await;
    assert_eq!(begun.len(), 2, "the third item had not begun");
    let failed = begun.iter().find(|child| child["status"] == "FAILED");
    let child = failed.unwrap()["executionArn"].as_str().unwrap();
    assert_eq!(
        bench.describe(child).await["redriveStatus"],
        "REDRIVABLE_BY_MAP_RUN"
    );
    let refused = redrive(&bench, child).await.unwrap_err();
    assert!(refused.starts_with("ExecutionNotRedrivable: "), "{refused}");

    redrive(&bench, &execution).await.unwrap();
    let ended = bench.ended(&execution).await;
    assert_eq!(ended["output"], "[\"done\",\"done\",\"done\"]");
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the failing item, twice");
    assert_eq!(bench.invocations().len(), 4);
    let after = map_run(&bench, &execution).await;
    assert_eq!(after["mapRunArn"], before["mapRunArn"]);
    assert_eq!(
        (&after["status"], &after["redriveCount"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    assert!(after["redriveDate"].is_number(), "{after}");
    assert_eq!(after["executionCounts"]["succeeded"], 3);
    assert_eq!(after["executionCounts"]["failed"], 0);
    // The child has gone on from its failed state.
    let described = bench.describe(child).await;
    assert_eq!(
        (&described["status"], &described["redriveCount"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    let events = bench.events(child).await;
    let entered = events.iter().filter(|event| *event == "PassStateEntered");
    assert_eq!(entered.count(), 1);
    assert!(events.contains(&"ExecutionRedriven".to_owned()));
    let input = json!({"mapRunArn": after["mapRunArn"], "redriveFilter": "REDRIVEN"});
    let listed = bench.states("ListExecutions", input).await.unwrap();
    assert_eq!(listed["executions"].as_array().unwrap().len(), 1);
    let events = bench.events(&execution).await;
    assert!(events.contains(&"MapRunRedriven".to_owned()), "{events:?}");
}

#[tokio::test]
async fn express_children_begin_anew_and_children_are_redriven_by_the_next_process() {
    let bench = Bench::new();
    failing(&bench, 1);
    let machine = bench.machine("m", distributed("EXPRESS", json!({}))).await;
    let items = json!([{"fails": true}, {"fails": false}]);
    let execution = bench.start_execution(&machine, "one", items).await;
    assert_eq!(bench.ended(&execution).await["status"], "FAILED");
    redrive(&bench, &execution).await.unwrap();
    assert_eq!(
        bench.ended(&execution).await["output"],
        "[\"done\",\"done\"]"
    );

    let bench = Bench::new();
    failing(&bench, 1);
    let machine = bench.machine("m", distributed("STANDARD", json!({}))).await;
    let items = json!([{"fails": false}, {"fails": true}]);
    let execution = bench.start_execution(&machine, "one", items).await;
    bench.ended(&execution).await;
    let bench = bench.restarted(Duration::from_secs(60));
    failing(&bench, 0);
    redrive(&bench, &execution).await.unwrap();
    let ended = bench.ended(&execution).await;
    assert_eq!(ended["output"], "[\"done\",\"done\"]");
    assert_eq!(bench.invocations().len(), 1, "the one that had failed");
}

#[tokio::test]
async fn a_child_that_ended_too_long_ago_has_failed_for_good() {
    let bench = Bench::new();
    let calls = failing(&bench, 9);
    let more = json!({"ToleratedFailureCount": 1});
    let mut definition = distributed("STANDARD", more);
    let states = &mut definition["States"]["M"]["ItemProcessor"]["States"];
    // The first child fails at once, the second thirteen days later: the execution lives on for as long.
    states["Before"] = json!({"Type": "Wait", "SecondsPath": "$.wait", "Next": "T"});
    let machine = bench.machine("m", definition).await;
    let items = json!([{"wait": 0}, {"wait": 13 * 86_400}]);
    let execution = bench.start_execution(&machine, "one", items).await;
    let failed = bench.ended(&execution).await;
    assert_eq!(failed["error"], "States.ExceedToleratedFailureThreshold");
    bench.pass(Duration::from_secs(3 * 86_400)).await;
    redrive(&bench, &execution).await.unwrap();
    bench.ended(&execution).await;
    assert_eq!(calls.load(Ordering::Relaxed), 3, "only the second again");
    let counts = map_run(&bench, &execution).await["executionCounts"].clone();
    assert_eq!(counts["failuresNotRedrivable"], 1, "{counts}");
}
