//! Versions and aliases: what is published, what refers to what, and which one an execution runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bench::{Bench, ROLE, pass, wait};

fn result(value: u64) -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": true}}})
}

/// A state machine of two versions, which answer 1 and 2; returns its ARN.
async fn two_versions(bench: &Bench) -> String {
    let create =
        json!({"name": "m", "definition": result(1).to_string(), "roleArn": ROLE, "publish": true});
    let created = bench.states("CreateStateMachine", create).await.unwrap();
    let arn = created["stateMachineArn"].as_str().unwrap().to_owned();
    assert_eq!(created["stateMachineVersionArn"], format!("{arn}:1"));
    let update = json!({"stateMachineArn": arn, "definition": result(2).to_string(), "publish": true,
        "versionDescription": "the second"});
    let updated = bench.states("UpdateStateMachine", update).await.unwrap();
    assert_eq!(updated["stateMachineVersionArn"], format!("{arn}:2"));
    arn
}

async fn alias(bench: &Bench, machine: &str, weights: &[(u64, u64)]) -> Result<Value, String> {
    let routing: Vec<Value> = weights
        .iter()
        .map(|(version, weight)| {
            json!({"stateMachineVersionArn": format!("{machine}:{version}"), "weight": weight})
        })
        .collect();
    let input = json!({"name": "live", "routingConfiguration": routing});
    let answer = bench.states("CreateStateMachineAlias", input).await;
    answer.map_err(|error| format!("{}: {}", error.code, error.message))
}

#[tokio::test]
async fn a_version_keeps_its_definition_and_description_whatever_the_machine_becomes() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    let update = json!({"stateMachineArn": arn, "definition": wait(1).to_string()});
    bench.states("UpdateStateMachine", update).await.unwrap();
    for (number, description) in [(1, None), (2, Some("the second"))] {
        let version = format!("{arn}:{number}");
        let input = json!({"stateMachineArn": version});
        let described = bench.states("DescribeStateMachine", input).await.unwrap();
        assert_eq!(described["definition"], result(number).to_string());
        assert_eq!(described["stateMachineArn"], version);
        assert_eq!(described["description"].as_str(), description);
        let input = json!({"stateMachineArn": version});
        let started = bench.states("StartExecution", input).await.unwrap();
        let ended = bench.ended(started["executionArn"].as_str().unwrap()).await;
        assert_eq!(ended["output"], number.to_string());
        assert_eq!(ended["stateMachineVersionArn"], version);
        assert_eq!(ended["stateMachineArn"], arn);
    }
}

#[tokio::test]
async fn one_revision_is_published_once_and_only_while_it_is_current() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    let publish = json!({"stateMachineArn": arn});
    let again = bench
        .states("PublishStateMachineVersion", publish)
        .await
        .unwrap();
    assert_eq!(again["stateMachineVersionArn"], format!("{arn}:2"));
    let stale = json!({"stateMachineArn": arn, "revisionId": "another"});
    let error = bench
        .states("PublishStateMachineVersion", stale)
        .await
        .unwrap_err();
    assert_eq!(error.code, "ConflictException");
    assert!(error.message.contains("revision another"), "{error}");
}

#[tokio::test]
async fn numbers_of_deleted_versions_are_not_given_again() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    let delete = json!({"stateMachineVersionArn": format!("{arn}:2")});
    bench
        .states("DeleteStateMachineVersion", delete)
        .await
        .unwrap();
    let publish = json!({"stateMachineArn": arn});
    let third = bench
        .states("PublishStateMachineVersion", publish.clone())
        .await
        .unwrap();
    assert_eq!(third["stateMachineVersionArn"], format!("{arn}:3"));
    let bench = bench.restarted(std::time::Duration::from_secs(1));
    let listed = bench
        .states("ListStateMachineVersions", publish)
        .await
        .unwrap();
    let listed: Vec<&str> = listed["stateMachineVersions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["stateMachineVersionArn"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [format!("{arn}:3"), format!("{arn}:1")]);
}

#[tokio::test]
async fn an_alias_divides_executions_by_weight() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    alias(&bench, &arn, &[(1, 50), (2, 50)]).await.unwrap();
    let mut ran = BTreeSet::new();
    for _ in 0..32 {
        let input = json!({"stateMachineArn": format!("{arn}:live")});
        let started = bench.states("StartExecution", input).await.unwrap();
        let ended = bench.ended(started["executionArn"].as_str().unwrap()).await;
        assert_eq!(ended["stateMachineAliasArn"], format!("{arn}:live"));
        ran.insert(ended["output"].as_str().unwrap().to_owned());
    }
    assert_eq!(ran.into_iter().collect::<Vec<_>>(), ["1", "2"]);
    let input = json!({"stateMachineArn": format!("{arn}:live")});
    let of_alias = bench.states("ListExecutions", input).await.unwrap();
    assert_eq!(of_alias["executions"].as_array().unwrap().len(), 32);
    let all_to_one = json!({"stateMachineAliasArn": format!("{arn}:live"),
        "routingConfiguration": [{"stateMachineVersionArn": format!("{arn}:1"), "weight": 100}]});
    bench
        .states("UpdateStateMachineAlias", all_to_one)
        .await
        .unwrap();
    for _ in 0..8 {
        let input = json!({"stateMachineArn": format!("{arn}:live")});
        let started = bench.states("StartExecution", input).await.unwrap();
        let ended = bench.ended(started["executionArn"].as_str().unwrap()).await;
        assert_eq!(ended["output"], "1");
    }
}

#[tokio::test]
async fn a_routing_that_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    for (weights, said) in [
        (
            &[(1, 50), (2, 51)][..],
            "Sum of routing configuration weights must equal 100",
        ),
        (&[(1, 50), (1, 50)], "distinct state machine version ARNs"),
        (&[(7, 100)], "ResourceNotFound"),
        (&[], "Member must have length greater than or equal to 1"),
        (
            &[(1, 101)],
            "Member must have value less than or equal to 100",
        ),
    ] {
        let error = alias(&bench, &arn, weights).await.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let unversioned = json!({"name": "live", "routingConfiguration": [{"stateMachineVersionArn": arn, "weight": 100}]});
    let error = bench
        .states("CreateStateMachineAlias", unversioned)
        .await
        .unwrap_err();
    assert!(
        error
            .message
            .contains("must contain state machine version ARNs"),
        "{error}"
    );
}

#[tokio::test]
async fn a_version_that_an_alias_names_stays() {
    let bench = Bench::new();
    let arn = two_versions(&bench).await;
    alias(&bench, &arn, &[(1, 100)]).await.unwrap();
    assert!(
        alias(&bench, &arn, &[(1, 100)]).await.is_ok(),
        "the same again is no conflict"
    );
    let other = alias(&bench, &arn, &[(2, 100)]).await.unwrap_err();
    assert!(other.starts_with("ConflictException"), "{other}");
    let delete = json!({"stateMachineVersionArn": format!("{arn}:1")});
    let error = bench
        .states("DeleteStateMachineVersion", delete.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code, "ConflictException");
    assert!(error.message.contains("[live]"), "{error}");
    let gone = json!({"stateMachineAliasArn": format!("{arn}:live")});
    bench
        .states("DeleteStateMachineAlias", gone.clone())
        .await
        .unwrap();
    bench
        .states("DeleteStateMachineVersion", delete)
        .await
        .unwrap();
    let error = bench
        .states("DescribeStateMachineAlias", gone)
        .await
        .unwrap_err();
    assert_eq!(error.code, "ResourceNotFound");
}

#[tokio::test]
async fn a_machine_with_running_executions_is_deleted_with_the_last_of_them() {
    let bench = Bench::new();
    let work = bench.services.context.clock.work();
    let arn = bench.machine("m", wait(60)).await;
    let execution = bench.start_execution(&arn, "one", json!({})).await;
    let machine = json!({"stateMachineArn": arn});
    bench
        .states("DeleteStateMachine", machine.clone())
        .await
        .unwrap();
    let described = bench
        .states("DescribeStateMachine", machine.clone())
        .await
        .unwrap();
    assert_eq!(described["status"], "DELETING");
    let error = bench
        .states("StartExecution", machine.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code, "StateMachineDeleting");
    drop(work);
    assert_eq!(bench.ended(&execution).await["status"], "SUCCEEDED");
    let error = bench
        .states("DescribeStateMachine", machine)
        .await
        .unwrap_err();
    assert_eq!(error.code, "StateMachineDoesNotExist");
    assert_eq!(bench.machine("m", pass()).await, arn);
}
