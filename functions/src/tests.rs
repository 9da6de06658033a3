//! What holds for all functions alike: events of the wrong shape, denied actions, services that never answer.

use serde_json::{Value, json};

use super::*;
use crate::shared::config::tests::ORIGINAL;
use crate::shared::replay::{CONFIG, EXECUTION, Replay, STATE, cluster_json};

#[tokio::test]
async fn an_unknown_handler_is_refused_by_name() {
    let failure = invoke("lunch_emr", &Replay::new().clients(&[]), json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.error_type, ErrorType::UnknownHandler);
    assert!(failure.message.contains("launch_emr"), "{failure}");
}

#[tokio::test]
async fn an_event_of_the_wrong_shape_reaches_no_service() {
    let clients = Replay::new().clients(&[]);
    for (name, event, field) in [
        ("launch_emr", json!({"BatchId": "a b"}), "BatchId"),
        ("status_emr", json!({"ClusterId": ""}), "ClusterId"),
        (
            "check_duplicate_emr",
            json!({"OwnerExecutionArn": 1}),
            "OwnerExecutionArn",
        ),
        ("terminate_emr", json!({}), "ClusterId"),
        (
            "add_worker_instances_emr",
            json!({"ClusterId": "j-1", "TargetTotalWorkers": -1}),
            "TargetTotalWorkers",
        ),
        (
            "status_add_worker_instances_emr",
            json!({"ClusterId": "j-1", "WorkerInstanceFleetId": "ig-1", "TargetTotalWorkers": 2}),
            "WorkerInstanceFleetId",
        ),
        (
            "submit_cmd_run_step_emr",
            json!({"ClusterId": "j-1", "NextStepNameAndCmd": {"Step_Name": 1}}),
            "Step_Name",
        ),
        (
            "status_step_emr",
            json!({"ClusterId": "j-1", "StepId": "x"}),
            "StepId",
        ),
        (
            "check_duplicate_stepfunction",
            json!({"ExecutionArn": "me"}),
            "ExecutionArn",
        ),
        (
            "submit_stepfunction",
            json!({"nextStateMachineArn": "facts"}),
            "nextStateMachineArn",
        ),
        (
            "status_stepfunction",
            json!({"executionArn": ""}),
            "executionArn",
        ),
        ("read_state_info_from_s3", json!([]), "top level"),
        (
            "write_state_info_to_s3",
            json!({"ClusterId": "i-1"}),
            "ClusterId",
        ),
        (
            "remove_state_info_from_s3",
            json!({"ClusterId": 7}),
            "ClusterId",
        ),
        ("send_msg_sns", json!({}), "Message"),
    ] {
        let failure = invoke(name, &clients, event).await.unwrap_err();
        assert_eq!(
            failure.error_type,
            ErrorType::InvalidInput,
            "{name}: {failure}"
        );
        assert!(failure.message.contains(field), "{name}: {failure}");
    }
}

#[test]
fn there_are_fifteen_handlers() {
    assert_eq!(HANDLERS.len(), 15);
}

const OURS: [(&str, &str); 2] = [("pipeline", "data_pipeline"), ("execution-arn", EXECUTION)];
const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:facts";
const CONFIG_PATH: &str = "/workarea/config.ini";
const STATE_PATH: &str = "/workarea/state.json";

fn denied(replay: Replay, operation: &str) -> Replay {
    replay.refuses(
        operation,
        400,
        "AccessDeniedException",
        "User is not authorized to perform this",
    )
}

fn denied_s3(replay: Replay, method: &str, path: &str) -> Replay {
    replay.s3_refuses(method, path, &[], 403, "AccessDenied")
}

fn described() -> Replay {
    Replay::new().any("DescribeCluster", cluster_json("j-1", "WAITING", &OURS))
}

fn listed(ids: &[&str]) -> Replay {
    let clusters: Vec<Value> = ids
        .iter()
        .map(|id| json!({"Id": id, "Name": "data_pipeline"}))
        .collect();
    Replay::new()
        .config(ORIGINAL)
        .any("ListClusters", json!({ "Clusters": clusters }))
}

fn core_fleet(state: &str) -> Value {
    json!({"InstanceFleets": [{
        "Id": "if-1", "InstanceFleetType": "CORE", "Status": {"State": state}, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 0,
    }]})
}

fn held() -> Replay {
    let document = json!({"ExecutionArn": EXECUTION}).to_string();
    Replay::new().s3("GET", STATE_PATH, &[], &[("etag", "\"1\"")], &document)
}

/// Every action of every function, up to the call that is denied: the list that least privilege starts from.
fn denials() -> Vec<(&'static str, &'static str, Value, Replay)> {
    let run = json!({"ExecutionArn": EXECUTION});
    let cluster = json!({"ClusterId": "j-1"});
    let step = json!({"ClusterId": "j-1", "StepToken": "t", "NextStepNameAndCmd": {"Step_Name": "x", "Cmd_Run": "ls"}});
    let workers =
        json!({"ClusterId": "j-1", "WorkerInstanceFleetId": "if-1", "TargetTotalWorkers": 9});
    let taken = Replay::new().s3_refuses("PUT", STATE_PATH, &[], 412, "PreconditionFailed");
    let two = listed(&["j-1", "j-2"])
        .any("DescribeCluster", cluster_json("j-1", "WAITING", &OURS))
        .any("DescribeCluster", cluster_json("j-2", "WAITING", &OURS));
    let mut protected = cluster_json("j-1", "WAITING", &OURS);
    protected["Cluster"]["TerminationProtected"] = json!(true);
    let protected = Replay::new().any("DescribeCluster", protected);
    let listed_steps = || Replay::new().any("ListSteps", json!({"Steps": []}));
    let fleets = || Replay::new().any("ListInstanceFleets", core_fleet("RUNNING"));
    vec![
        (
            "launch_emr",
            "s3:GetObject",
            run.clone(),
            denied_s3(Replay::new(), "GET", CONFIG_PATH),
        ),
        (
            "launch_emr",
            "elasticmapreduce:ListClusters",
            run.clone(),
            denied(Replay::new().config(ORIGINAL), "ListClusters"),
        ),
        (
            "launch_emr",
            "elasticmapreduce:DescribeCluster",
            run.clone(),
            denied(listed(&["j-1"]), "DescribeCluster"),
        ),
        (
            "launch_emr",
            "elasticmapreduce:TerminateJobFlows",
            run.clone(),
            denied(two, "TerminateJobFlows"),
        ),
        (
            "launch_emr",
            "elasticmapreduce:RunJobFlow",
            run.clone(),
            denied(listed(&[]), "RunJobFlow"),
        ),
        (
            "status_emr",
            "elasticmapreduce:DescribeCluster",
            cluster.clone(),
            denied(Replay::new(), "DescribeCluster"),
        ),
        (
            "check_duplicate_emr",
            "s3:GetObject",
            json!({}),
            denied_s3(Replay::new(), "GET", CONFIG_PATH),
        ),
        (
            "check_duplicate_emr",
            "elasticmapreduce:ListClusters",
            json!({}),
            denied(Replay::new().config(ORIGINAL), "ListClusters"),
        ),
        (
            "check_duplicate_emr",
            "elasticmapreduce:DescribeCluster",
            json!({}),
            denied(listed(&["j-1"]), "DescribeCluster"),
        ),
        (
            "terminate_emr",
            "elasticmapreduce:DescribeCluster",
            cluster.clone(),
            denied(Replay::new(), "DescribeCluster"),
        ),
        (
            "terminate_emr",
            "elasticmapreduce:SetTerminationProtection",
            cluster.clone(),
            denied(protected, "SetTerminationProtection"),
        ),
        (
            "terminate_emr",
            "elasticmapreduce:TerminateJobFlows",
            cluster.clone(),
            denied(described(), "TerminateJobFlows"),
        ),
        (
            "add_worker_instances_emr",
            "elasticmapreduce:DescribeCluster",
            cluster.clone(),
            denied(Replay::new(), "DescribeCluster"),
        ),
        (
            "add_worker_instances_emr",
            "elasticmapreduce:ListInstanceFleets",
            cluster.clone(),
            denied(described(), "ListInstanceFleets"),
        ),
        (
            "add_worker_instances_emr",
            "elasticmapreduce:ModifyInstanceFleet",
            json!({"ClusterId": "j-1", "TargetTotalWorkers": 9}),
            denied(
                described().any("ListInstanceFleets", core_fleet("RUNNING")),
                "ModifyInstanceFleet",
            ),
        ),
        (
            "status_add_worker_instances_emr",
            "elasticmapreduce:ListInstanceFleets",
            workers.clone(),
            denied(Replay::new(), "ListInstanceFleets"),
        ),
        (
            "status_add_worker_instances_emr",
            "elasticmapreduce:ListInstances",
            workers,
            denied(fleets(), "ListInstances"),
        ),
        (
            "submit_cmd_run_step_emr",
            "elasticmapreduce:ListSteps",
            step.clone(),
            denied(Replay::new(), "ListSteps"),
        ),
        (
            "submit_cmd_run_step_emr",
            "elasticmapreduce:AddJobFlowSteps",
            step,
            denied(listed_steps(), "AddJobFlowSteps"),
        ),
        (
            "status_step_emr",
            "elasticmapreduce:DescribeStep",
            json!({"ClusterId": "j-1", "StepId": "s-1"}),
            denied(Replay::new(), "DescribeStep"),
        ),
        (
            "check_duplicate_stepfunction",
            "states:ListStateMachines",
            json!({"currentStepName": "facts"}),
            denied(Replay::new(), "ListStateMachines"),
        ),
        (
            "check_duplicate_stepfunction",
            "states:ListExecutions",
            json!({"StateMachineArn": MACHINE}),
            denied(Replay::new(), "ListExecutions"),
        ),
        (
            "submit_stepfunction",
            "states:StartExecution",
            json!({"nextStateMachineArn": MACHINE}),
            denied(Replay::new(), "StartExecution"),
        ),
        (
            "status_stepfunction",
            "states:DescribeExecution",
            json!({"executionArn": EXECUTION}),
            denied(Replay::new(), "DescribeExecution"),
        ),
        (
            "read_state_info_from_s3",
            "s3:GetObject",
            json!({}),
            denied_s3(Replay::new(), "GET", STATE_PATH),
        ),
        (
            "write_state_info_to_s3",
            "s3:PutObject",
            cluster.clone(),
            denied_s3(Replay::new(), "PUT", STATE_PATH),
        ),
        (
            "write_state_info_to_s3",
            "s3:GetObject",
            cluster,
            denied_s3(taken, "GET", STATE_PATH),
        ),
        (
            "remove_state_info_from_s3",
            "s3:GetObject",
            json!({}),
            denied_s3(Replay::new(), "GET", STATE_PATH),
        ),
        (
            "remove_state_info_from_s3",
            "s3:DeleteObject",
            json!({}),
            denied_s3(held(), "DELETE", STATE_PATH),
        ),
        (
            "send_msg_sns",
            "sns:Publish",
            json!({"Message": "x", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}),
            Replay::new().sns(
                &[],
                403,
                "<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>",
            ),
        ),
    ]
}

#[tokio::test]
async fn x25_a_denied_action_is_named_and_not_tried_again() {
    for (name, action, event, replay) in denials() {
        // Without the configuration's place, functions that only take their polling from it make no call for it.
        let reads_config = matches!(name, "launch_emr" | "check_duplicate_emr");
        let mut environment = STATE.to_vec();
        environment.push(("Pipeline_Name", "data_pipeline"));
        if reads_config {
            environment.extend(CONFIG);
        }
        let failure = invoke(name, &replay.clients(&environment), event)
            .await
            .unwrap_err();
        assert_eq!(
            failure.error_type,
            ErrorType::AccessDenied,
            "{name} {action}: {failure}"
        );
        assert!(
            failure.message.contains(action),
            "{name} {action}: {failure}"
        );
        replay.finish();
    }
}

#[test]
fn every_function_has_a_denial() {
    let covered: std::collections::BTreeSet<_> = denials().iter().map(|(name, ..)| *name).collect();
    assert_eq!(covered, HANDLERS.iter().copied().collect());
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let replay = (0..3).fold(Replay::new(), |replay, _| replay.hangs("DescribeCluster"));
    let event = json!({"ClusterId": "j-1"});
    let failure = invoke("status_emr", &replay.hanging_clients(), event)
        .await
        .unwrap_err();
    assert_eq!(failure.error_type, ErrorType::ServiceUnavailable);
    assert!(failure.message.contains("no answer in time"), "{failure}");
}

#[tokio::test]
async fn a_launch_that_never_answers_may_have_taken_effect() {
    let replay = Replay::new().hangs("RunJobFlow");
    let sent =
        crate::shared::job_flow::send(replay.hanging_clients().emr().run_job_flow().name("x"))
            .await;
    let error = crate::shared::errors::CallError::new(
        "elasticmapreduce:RunJobFlow",
        "x",
        sent.unwrap_err(),
    );
    assert!(error.outcome_is_unknown(), "{error}");
}
