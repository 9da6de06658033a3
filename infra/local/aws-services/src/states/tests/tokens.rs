//! Task tokens: who may send what for a task, and when.

use serde_json::{Value, json};

use crate::bench::{Bench, task};

/// Starts an execution that waits for its token; returns the execution and the token.
async fn waiting(bench: &Bench, timeout: u64) -> (String, String) {
    bench.function("ask", |_| Ok(json!({})));
    let mut machine = task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        json!({"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}}),
    );
    machine["States"]["T"]["TimeoutSeconds"] = timeout.into();
    let machine = bench.machine("m", machine).await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    bench.settle().await;
    let (_, _, event) = bench.invocations().remove(0);
    (execution, event["token"].as_str().unwrap().to_owned())
}

async fn refusal(bench: &Bench, action: &str, input: Value) -> String {
    bench.states(action, input).await.unwrap_err().code
}

#[tokio::test]
async fn a_token_that_nobody_issued_is_invalid_and_one_whose_task_is_over_has_timed_out() {
    let bench = Bench::new();
    let work = bench.services.context.clock.work();
    let (execution, token) = waiting(&bench, 60).await;
    let unknown = json!({"taskToken": "x", "output": "not json"});
    assert_eq!(
        refusal(&bench, "SendTaskSuccess", unknown).await,
        "InvalidToken"
    );
    let unreadable = json!({"taskToken": token, "output": "not json"});
    assert_eq!(
        refusal(&bench, "SendTaskSuccess", unreadable).await,
        "InvalidOutput"
    );
    drop(work);
    assert_eq!(bench.ended(&execution).await["error"], "States.Timeout");
    let late = json!({"taskToken": token, "output": "{}"});
    assert_eq!(
        refusal(&bench, "SendTaskSuccess", late).await,
        "TaskTimedOut"
    );
}

#[tokio::test]
async fn success_ends_the_task_once() {
    let bench = Bench::new();
    let work = bench.services.context.clock.work();
    let (execution, token) = waiting(&bench, 60).await;
    let success = json!({"taskToken": token, "output": "{\"done\": true}"});
    bench
        .states("SendTaskHeartbeat", json!({"taskToken": token}))
        .await
        .unwrap();
    bench
        .states("SendTaskSuccess", success.clone())
        .await
        .unwrap();
    assert_eq!(
        refusal(&bench, "SendTaskSuccess", success).await,
        "TaskTimedOut"
    );
    drop(work);
    let output: Value =
        serde_json::from_str(bench.ended(&execution).await["output"].as_str().unwrap()).unwrap();
    assert_eq!(output, json!({"done": true}));
}

#[tokio::test]
async fn failure_fails_the_task_with_error_and_cause() {
    let bench = Bench::new();
    let work = bench.services.context.clock.work();
    let (execution, token) = waiting(&bench, 60).await;
    let failure = json!({"taskToken": token, "error": "Refused", "cause": "by hand"});
    bench.states("SendTaskFailure", failure).await.unwrap();
    drop(work);
    let ended = bench.ended(&execution).await;
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Refused"), &json!("by hand"))
    );
}
