//! Tests of `submit_cmd_run_step_emr`.

use serde_json::{Value, json};

use crate::shared::replay::{EXECUTION, Replay, cluster_json};
use crate::{ErrorType, FunctionFailure, invoke};

async fn submit(replay: &Replay, environment: &[(&str, &str)], event: Value) -> Result<Value, FunctionFailure> {
    let outcome = invoke("submit_cmd_run_step_emr", &replay.clients(environment), event).await;
    replay.finish();
    outcome
}

fn event() -> Value {
    json!({"ClusterId": "j-1", "NextStepNameAndCmd": {"Step_Name": "load country", "Cmd_Run": "hive -f s3://b/country.sql"}})
}

fn own_event() -> Value {
    let mut event = event();
    event["ExecutionArn"] = json!(EXECUTION);
    event["StepToken"] = json!("Load-country");
    event
}

/// The name under which `own_event` reaches EMR.
async fn own_name() -> String {
    let replay = Replay::new().any("ListSteps", json!({"Steps": []})).any("AddJobFlowSteps", json!({"StepIds": ["s-1"]}));
    submit(&replay, &[], own_event()).await.unwrap()["StepName"].as_str().unwrap().to_owned()
}

fn listed(name: &str, state: &str) -> Value {
    json!({"Id": "s-7", "Name": name, "Status": {"State": state}})
}

#[tokio::test]
async fn refuses_a_command_whose_quotes_do_not_match() {
    let event = json!({"ClusterId": "j-1", "NextStepNameAndCmd": {"Step_Name": "x", "Cmd_Run": "bash -c 'ls"}});
    let failure = submit(&Replay::new(), &[], event).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::InvalidInput);
    assert!(failure.message.contains("Cmd_Run"), "{failure}");
}

#[tokio::test]
async fn refuses_a_step_without_name_or_command() {
    for (command, field) in [(json!({"Cmd_Run": "ls"}), "Step_Name"), (json!({"Step_Name": "x"}), "Cmd_Run"), (json!({"Step_Name": "x", "Args": []}), "Args")] {
        let failure = submit(&Replay::new(), &[], json!({"ClusterId": "j-1", "NextStepNameAndCmd": command})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::InvalidInput);
        assert!(failure.message.contains(field), "{failure}");
    }
}

#[tokio::test]
async fn x8_a_cluster_that_is_ending_is_gone() {
    let replay = Replay::new()
        .refuses("AddJobFlowSteps", 400, "ValidationException", "A job flow that is shutting down, terminating, or finished may not be modified.")
        .any("DescribeCluster", cluster_json("j-1", "TERMINATING", &[]));
    let failure = submit(&replay, &[], event()).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::ClusterGone);
    assert!(failure.message.contains("TERMINATING"), "{failure}");
}

#[tokio::test]
async fn a_cluster_that_does_not_exist_is_named() {
    let invalid = |replay: Replay, operation| replay.refuses(operation, 400, "InvalidRequestException", "Cluster id 'j-1' is not valid.");
    let replay = invalid(invalid(Replay::new(), "ListSteps"), "DescribeCluster");
    assert_eq!(submit(&replay, &[], own_event()).await.unwrap_err().error_type, ErrorType::ClusterNotFound);
}

#[tokio::test]
async fn x8_a_cluster_full_of_steps_is_told_apart() {
    let replay = Replay::new()
        .refuses("AddJobFlowSteps", 400, "ValidationException", "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.")
        .any("DescribeCluster", cluster_json("j-1", "RUNNING", &[]));
    assert_eq!(submit(&replay, &[], event()).await.unwrap_err().error_type, ErrorType::TooManySteps);
}

#[tokio::test]
async fn d1_a_step_whose_answer_was_lost_is_adopted_and_not_repeated() {
    let name = own_name().await;
    let replay = Replay::new()
        .any("ListSteps", json!({"Steps": []}))
        .loses("AddJobFlowSteps")
        .any("ListSteps", json!({"Steps": [], "Marker": "2"}))
        .any("ListSteps", json!({"Steps": [listed(&name, "PENDING")]}));
    let answer = submit(&replay, &[], own_event()).await.unwrap();
    assert_eq!((answer["StepId"].as_str(), answer["Adopted"].as_bool()), (Some("s-7"), Some(true)));
}

#[tokio::test]
async fn a_lost_answer_without_a_trace_is_reported_and_not_repeated() {
    let none = || json!({"Steps": []});
    let replay = Replay::new().any("ListSteps", none()).loses("AddJobFlowSteps").any("ListSteps", none()).any("ListSteps", none());
    assert_eq!(submit(&replay, &[], own_event()).await.unwrap_err().error_type, ErrorType::OutcomeUnknown);
    let replay = Replay::new().refuses("AddJobFlowSteps", 500, "InternalServerError", "oops");
    assert_eq!(submit(&replay, &[], event()).await.unwrap_err().error_type, ErrorType::OutcomeUnknown);
}

#[tokio::test]
async fn a_failed_step_of_the_same_name_is_run_again() {
    let name = own_name().await;
    for state in ["FAILED", "CANCELLED", "INTERRUPTED"] {
        let replay =
            Replay::new().any("ListSteps", json!({"Steps": [listed(&name, state)]})).any("AddJobFlowSteps", json!({"StepIds": ["s-8"]}));
        assert_eq!(submit(&replay, &[], own_event()).await.unwrap()["StepId"], "s-8");
    }
}

#[tokio::test]
async fn throttled_submissions_are_repeated_a_few_times() {
    let throttled = |replay: Replay| replay.refuses("AddJobFlowSteps", 400, "ThrottlingException", "Rate exceeded");
    let replay = throttled(throttled(Replay::new())).any("AddJobFlowSteps", json!({"StepIds": ["s-1"]}));
    assert_eq!(submit(&replay, &[], event()).await.unwrap()["StepId"], "s-1");
    let replay = throttled(throttled(throttled(Replay::new())));
    assert_eq!(submit(&replay, &[], event()).await.unwrap_err().error_type, ErrorType::Throttled);
}

#[tokio::test]
async fn other_arguments_state_or_execution_make_another_step() {
    let first = own_name().await;
    let changes = [("StepToken", json!("Load-currency")), ("ExecutionArn", json!(format!("{EXECUTION}2")))];
    for (field, value) in changes {
        let mut event = own_event();
        event[field] = value;
        let replay = Replay::new().any("ListSteps", json!({"Steps": [listed(&first, "RUNNING")]})).any("AddJobFlowSteps", json!({"StepIds": ["s-8"]}));
        assert_eq!(submit(&replay, &[], event).await.unwrap()["StepId"], "s-8");
    }
}

#[tokio::test]
async fn d21_arguments_arrive_unbroken() {
    let args = json!(["hive", "-f", "s3://b/a b.sql", "-hiveconf", "x=it's \\ \"quoted\" 100% é"]);
    let request = json!({
        "JobFlowId": "j-1",
        "Steps": [{"Name": "load", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}}],
    });
    let replay = Replay::new().call("AddJobFlowSteps", request.clone(), json!({"StepIds": ["s-1"]}));
    submit(&replay, &[], json!({"ClusterId": "j-1", "NextStepNameAndCmd": {"Step_Name": "load", "Args": args}})).await.unwrap();
    let line = r#"hive -f "s3://b/a b.sql" -hiveconf 'x=it'"'"'s \ "quoted" 100% é'"#;
    let replay = Replay::new().call("AddJobFlowSteps", request, json!({"StepIds": ["s-1"]}));
    submit(&replay, &[], json!({"ClusterId": "j-1", "NextStepNameAndCmd": {"Step_Name": "load", "Cmd_Run": line}})).await.unwrap();
}

#[tokio::test]
async fn the_originals_event_and_environment_still_work() {
    let replay = Replay::new().any("AddJobFlowSteps", json!({"StepIds": ["s-1"]}));
    let answer = submit(&replay, &[], event()).await.unwrap();
    assert_eq!([&answer["ClusterId"], &answer["StepId"], &answer["Status"]], ["j-1", "s-1", "SUBMITTED"]);
    assert_eq!(answer["StepName"], "load country");
    let replay = Replay::new().any("AddJobFlowSteps", json!({"StepIds": ["s-1"]}));
    let environment = [("Step_Name", "archive"), ("Cmd_Run", "s3-dist-cp --src s3://b/x --dest s3://b/y")];
    assert_eq!(submit(&replay, &environment, json!({"ClusterId": "j-1"})).await.unwrap()["StepName"], "archive");
}
