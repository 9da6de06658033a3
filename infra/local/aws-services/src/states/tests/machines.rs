//! State machines: what is refused, and what is kept.

use serde_json::json;

use crate::bench::{Bench, ROLE, pass, wait};

#[tokio::test]
async fn a_definition_that_is_not_valid_is_refused_with_every_error() {
    let bench = Bench::new();
    let input = json!({"name": "m", "definition": "{\"StartAt\": \"A\"}", "roleArn": ROLE});
    let error = bench.states("CreateStateMachine", input).await.unwrap_err();
    assert_eq!(error.code, "InvalidDefinition");
    assert!(
        error
            .message
            .starts_with("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED"),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_runtime_would_have_to_ignore_is_refused_by_name() {
    let bench = Bench::new();
    let input =
        json!({"name": "m", "definition": pass().to_string(), "roleArn": ROLE, "colour": "red"});
    let error = bench.states("CreateStateMachine", input).await.unwrap_err();
    assert!(error.message.contains("colour"), "{error}");
    let error = bench
        .states("DyeStateMachine", json!({}))
        .await
        .unwrap_err();
    assert!(error.message.contains("states:DyeStateMachine"), "{error}");
}

#[tokio::test]
async fn the_same_machine_may_be_created_again_and_another_of_its_name_may_not() {
    let bench = Bench::new();
    let arn = bench.machine("m", pass()).await;
    assert_eq!(bench.machine("m", pass()).await, arn);
    let input = json!({"name": "m", "definition": wait(1).to_string(), "roleArn": ROLE});
    let error = bench.states("CreateStateMachine", input).await.unwrap_err();
    assert_eq!(error.code, "StateMachineAlreadyExists");
    assert!(error.message.contains(&arn), "{error}");
}

#[tokio::test]
async fn an_update_without_anything_is_refused_and_one_without_a_change_keeps_the_revision() {
    let bench = Bench::new();
    let arn = bench.machine("m", pass()).await;
    let error = bench
        .states("UpdateStateMachine", json!({"stateMachineArn": arn}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "MissingRequiredParameter");
    let update = json!({"stateMachineArn": arn, "definition": wait(1).to_string()});
    let first = bench
        .states("UpdateStateMachine", update.clone())
        .await
        .unwrap();
    let second = bench.states("UpdateStateMachine", update).await.unwrap();
    assert_eq!(first["revisionId"], second["revisionId"]);
    let described = bench
        .states("DescribeStateMachine", json!({"stateMachineArn": arn}))
        .await
        .unwrap();
    assert_eq!(described["definition"], wait(1).to_string());
    assert_eq!(described["revisionId"], first["revisionId"]);
}

#[tokio::test]
async fn a_running_execution_keeps_the_definition_that_it_began_with() {
    let bench = Bench::new();
    let arn = bench.machine("m", wait(3600)).await;
    let execution = bench.start_execution(&arn, "one", json!({})).await;
    let update = json!({"stateMachineArn": arn, "definition": pass().to_string()});
    bench.states("UpdateStateMachine", update).await.unwrap();
    let machine = bench
        .states(
            "DescribeStateMachineForExecution",
            json!({"executionArn": execution}),
        )
        .await
        .unwrap();
    let definition: serde_json::Value =
        serde_json::from_str(machine["definition"].as_str().unwrap()).unwrap();
    assert_eq!(definition, wait(3600));
    let began = bench.now();
    assert_eq!(bench.ended(&execution).await["status"], "SUCCEEDED");
    assert_eq!(bench.now().duration_since(began).as_hours(), 1);
}

#[tokio::test]
async fn machines_tags_and_revisions_outlive_the_process() {
    let bench = Bench::new();
    let arn = bench.machine("m", pass()).await;
    let tags = json!({"resourceArn": arn, "tags": [{"key": "pipeline", "value": "nightly"}]});
    bench.states("TagResource", tags.clone()).await.unwrap();
    let bench = bench.restarted(std::time::Duration::from_secs(60));
    let listed = bench
        .states("ListTagsForResource", json!({"resourceArn": arn}))
        .await
        .unwrap();
    assert_eq!(listed["tags"], tags["tags"]);
    bench
        .states("DeleteStateMachine", json!({"stateMachineArn": arn}))
        .await
        .unwrap();
    let bench = bench.restarted(std::time::Duration::from_secs(60));
    let error = bench
        .states("DescribeStateMachine", json!({"stateMachineArn": arn}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "StateMachineDoesNotExist");
}
