//! Express state machines.

use serde_json::{Value, json};

use crate::bench::{Bench, ROLE, pass, task, wait};
use crate::failure::ServiceError;

async fn express(bench: &Bench, definition: Value) -> Result<String, ServiceError> {
    let input = json!({"name": "e", "definition": definition.to_string(), "roleArn": ROLE, "type": "EXPRESS"});
    let created = bench.states("CreateStateMachine", input).await?;
    Ok(created["stateMachineArn"].as_str().unwrap().to_owned())
}

async fn sync(bench: &Bench, machine: &str, input: Value) -> Result<Value, ServiceError> {
    let mut custody = Some(bench.services.context.clock.work());
    let request = json!({"stateMachineArn": machine, "name": "one", "input": input.to_string()});
    let states = &bench.services.states;
    states
        .call_from_outside("StartSyncExecution", request, &mut custody)
        .await
}

#[tokio::test]
async fn a_synchronous_execution_answers_with_its_result_and_its_bill() {
    let bench = Bench::new();
    let machine = express(&bench, wait(2)).await.unwrap();
    let answer = sync(&bench, &machine, json!({"n": 1})).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["output"]),
        (&json!("SUCCEEDED"), &json!("{\"n\":1}"))
    );
    assert_eq!(
        answer["billingDetails"],
        json!({"billedDurationInMilliseconds": 2000, "billedMemoryUsedInMB": 64})
    );
    let arn = answer["executionArn"].as_str().unwrap();
    assert!(arn.contains(":express:e:one:"), "{arn}");
    for action in [
        "DescribeExecution",
        "GetExecutionHistory",
        "StopExecution",
        "RedriveExecution",
    ] {
        let error = bench
            .states(action, json!({"executionArn": arn}))
            .await
            .unwrap_err();
        assert_eq!(
            error.message,
            "Invalid Arn: 'Resource type not valid in this context: express'"
        );
    }
    let error = bench
        .states("ListExecutions", json!({"stateMachineArn": machine}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "StateMachineTypeNotSupported");
}

#[tokio::test]
async fn a_synchronous_execution_that_fails_answers_with_error_and_cause() {
    let bench = Bench::new();
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}});
    let machine = express(&bench, fail).await.unwrap();
    let answer = sync(&bench, &machine, json!({})).await.unwrap();
    let said = (&answer["status"], &answer["error"], &answer["cause"]);
    assert_eq!(
        said,
        (&json!("FAILED"), &json!("Broken"), &json!("on purpose"))
    );
}

#[tokio::test]
async fn an_express_execution_runs_for_five_minutes_at_most() {
    let bench = Bench::new();
    let machine = express(&bench, wait(3600)).await.unwrap();
    let answer = sync(&bench, &machine, json!({})).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("TIMED_OUT"), &json!("States.Timeout"))
    );
    assert_eq!(
        answer["billingDetails"]["billedDurationInMilliseconds"],
        300_000
    );
}

#[tokio::test]
async fn executions_of_one_name_run_side_by_side() {
    let bench = Bench::new();
    let machine = express(&bench, pass()).await.unwrap();
    let first = bench.start_execution(&machine, "one", json!({})).await;
    let second = bench
        .start_execution(&machine, "one", json!({"other": true}))
        .await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn what_waits_for_somebody_is_refused_in_an_express_machine() {
    let bench = Bench::new();
    let activity = "arn:aws:states:us-east-1:000000000000:activity:a";
    for (resource, parameters) in [
        (activity, json!({})),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            json!({"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"}),
        ),
        (
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            json!({"FunctionName": "f"}),
        ),
    ] {
        let definition = task(resource, parameters);
        let error = express(&bench, definition.clone()).await.unwrap_err();
        assert_eq!(error.code, "InvalidDefinition");
        assert!(error.message.contains(resource), "{error}");
        let validate = json!({"definition": definition.to_string(), "type": "EXPRESS"});
        let found = bench
            .states("ValidateStateMachineDefinition", validate)
            .await
            .unwrap();
        assert_eq!(found["result"], "FAIL");
    }
}

#[tokio::test]
async fn a_standard_machine_is_not_run_synchronously() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    let error = sync(&bench, &machine, json!({})).await.unwrap_err();
    assert_eq!(error.code, "StateMachineTypeNotSupported");
}
