//! Executions: names, idempotency, stopping, lists, histories.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::bench::{Bench, pass, wait};
use crate::observer::Occurrence;

#[tokio::test]
async fn input_and_names_that_aws_refuses_are_refused_in_its_words() {
    let bench = Bench::new();
    let arn = bench.machine("m", pass()).await;
    for (member, value, code, message) in [
        (
            "input",
            "not json",
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'",
        ),
        (
            "input",
            "{'a': 1}",
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): was expecting double-quote to start field name'",
        ),
        (
            "input",
            "",
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Invalid execution input.'",
        ),
        (
            "name",
            "2026-11-21T02:00:00Z",
            "InvalidName",
            "Invalid Name: '2026-11-21T02:00:00Z'",
        ),
    ] {
        let mut input = json!({"stateMachineArn": arn});
        input[member] = value.into();
        let error = bench.states("StartExecution", input).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            (code, message)
        );
    }
    let missing = arn.replace(":m", ":missing");
    let error = bench
        .states("StartExecution", json!({"stateMachineArn": missing}))
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        format!("State Machine Does Not Exist: '{missing}'")
    );
    let error = bench
        .states("StartExecution", json!({"stateMachineArn": "m"}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Invalid Arn: 'Invalid ARN prefix: m'");
}

#[tokio::test]
async fn a_name_is_idempotent_while_it_runs_and_taken_afterwards() {
    let bench = Bench::new();
    let arn = bench.machine("m", wait(60)).await;
    let input = json!({"stateMachineArn": arn, "name": "one", "input": "{\"a\": 1}"});
    let first = bench.states("StartExecution", input.clone()).await.unwrap();
    assert_eq!(
        bench.states("StartExecution", input.clone()).await.unwrap(),
        first
    );
    let other = json!({"stateMachineArn": arn, "name": "one", "input": "{\"a\": 2}"});
    let error = bench.states("StartExecution", other).await.unwrap_err();
    assert_eq!(error.code, "ExecutionAlreadyExists");
    bench.ended(first["executionArn"].as_str().unwrap()).await;
    let error = bench.states("StartExecution", input).await.unwrap_err();
    assert_eq!(error.code, "ExecutionAlreadyExists");
    assert_eq!(bench.executions(&arn).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_starts_under_one_name_at_once_one_begins() {
    let bench = Arc::new(Bench::new());
    let arn = bench.machine("m", wait(60)).await;
    let mut starts = tokio::task::JoinSet::new();
    let work = bench.services.context.clock.work();
    for number in 0..16 {
        let (bench, arn) = (Arc::clone(&bench), arn.clone());
        starts.spawn(async move {
            let input = json!({"stateMachineArn": arn, "name": "one", "input": json!({"n": number}).to_string()});
            bench.states("StartExecution", input).await.is_ok()
        });
    }
    let began = starts
        .join_all()
        .await
        .into_iter()
        .filter(|began| *began)
        .count();
    assert_eq!(began, 1);
    assert_eq!(bench.executions(&arn).await.len(), 1);
    drop(work);
}

#[tokio::test]
async fn a_stopped_execution_is_aborted_with_the_reason_and_its_timers_do_not_move_the_time() {
    let bench = Bench::new();
    let arn = bench.machine("m", wait(1_000_000)).await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&arn, "one", json!({})).await;
    let stop = json!({"executionArn": execution, "error": "Operator", "cause": "by hand"});
    bench.states("StopExecution", stop).await.unwrap();
    drop(work);
    let ended = bench.ended(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["error"], &ended["cause"]),
        (&json!("ABORTED"), &json!("Operator"), &json!("by hand"))
    );
    assert_eq!(
        bench.events(&execution).await.last().unwrap(),
        "ExecutionAborted"
    );
    assert_eq!(bench.now().to_string(), "2026-11-21T00:00:00Z");
    let again = bench
        .states("StopExecution", json!({"executionArn": execution}))
        .await
        .unwrap();
    assert_eq!(again["stopDate"], ended["stopDate"]);
}

#[tokio::test]
async fn executions_are_listed_newest_first_by_status_and_in_pages() {
    let bench = Bench::new();
    let arn = bench.machine("m", wait(1)).await;
    for number in 0..5 {
        let execution = bench
            .start_execution(&arn, &format!("e{number}"), json!({}))
            .await;
        bench.ended(&execution).await;
    }
    let error = bench
        .states(
            "ListExecutions",
            json!({"stateMachineArn": arn, "statusFilter": "DONE"}),
        )
        .await
        .unwrap_err();
    assert!(
        error.message.contains("'DONE' at 'statusFilter'"),
        "{error}"
    );
    let error = bench
        .states(
            "ListExecutions",
            json!({"stateMachineArn": arn, "nextToken": "x"}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidToken");
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let request = json!({"stateMachineArn": arn, "statusFilter": "SUCCEEDED", "maxResults": 2, "nextToken": token});
        let page = bench.states("ListExecutions", request).await.unwrap();
        let listed = page["executions"].as_array().unwrap();
        assert!(listed.len() <= 2);
        names.extend(
            listed
                .iter()
                .map(|execution| execution["name"].as_str().unwrap().to_owned()),
        );
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["e4", "e3", "e2", "e1", "e0"]);
    let running = json!({"stateMachineArn": arn, "statusFilter": "RUNNING"});
    assert_eq!(
        bench.states("ListExecutions", running).await.unwrap()["executions"],
        json!([])
    );
}

#[tokio::test]
async fn a_history_comes_in_pages_in_both_orders_and_without_data() {
    let bench = Bench::new();
    let arn = bench.machine("m", pass()).await;
    let execution = bench
        .start_execution(&arn, "one", json!({"secret": 1}))
        .await;
    bench.ended(&execution).await;
    let all = [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(bench.events(&execution).await, all);
    let request = json!({"executionArn": execution, "maxResults": 3, "reverseOrder": true, "includeExecutionData": false});
    let page = bench.states("GetExecutionHistory", request).await.unwrap();
    assert_eq!(page["events"][0]["type"], "ExecutionSucceeded");
    assert_eq!(page["events"].as_array().unwrap().len(), 3);
    assert!(!page.to_string().contains("secret"), "{page}");
    let request =
        json!({"executionArn": execution, "reverseOrder": true, "nextToken": page["nextToken"]});
    let page = bench.states("GetExecutionHistory", request).await.unwrap();
    assert_eq!(page["events"][0]["type"], "ExecutionStarted");
    assert!(page.to_string().contains("secret"), "{page}");
}

#[tokio::test]
async fn the_observer_hears_of_everything_in_order() {
    let bench = Bench::new();
    bench.run(pass(), json!({"a": 1})).await;
    let told: Vec<String> = bench
        .occurrences()
        .iter()
        .map(|occurrence| match occurrence {
            Occurrence::ExecutionStarted { input, .. } => format!("started {input}"),
            Occurrence::HistoryEvent { event, .. } => event["type"].as_str().unwrap().to_owned(),
            Occurrence::ExecutionEnded { status, output, .. } => {
                format!("{status} {}", output.clone().unwrap())
            }
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "started {\"a\":1}",
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
            "SUCCEEDED {\"a\":1}",
        ]
    );
}
