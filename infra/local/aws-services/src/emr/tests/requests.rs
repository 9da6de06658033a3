//! Requests: what is refused, what is listed, what can be changed.

use super::*;

#[tokio::test]
async fn requests_that_emr_refuses_are_refused_with_its_words() {
    let fixture = fixture();
    type Spoil = fn(&mut Value);
    let cases: [(Spoil, &str); 16] = [
        (
            |r| drop(r.as_object_mut().unwrap().remove("Name")),
            "'name'",
        ),
        (
            |r| r["ReleaseLabel"] = json!("emr-9.9.9"),
            "The supplied release label is invalid: emr-9.9.9.",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("ReleaseLabel")),
            "release label",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("JobFlowRole")),
            "InstanceProfile is required",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("ServiceRole")),
            "ServiceRole is required",
        ),
        (|r| r["Applications"] = json!([{"Name": "Excel"}]), "Excel"),
        (
            |r| r["StepConcurrencyLevel"] = json!(257),
            "StepConcurrencyLevel",
        ),
        (
            |r| r["AutoTerminationPolicy"] = json!({"IdleTimeout": 59}),
            "IdleTimeout",
        ),
        (
            |r| r["Instances"]["InstanceGroups"] = json!([]),
            "mutually exclusive",
        ),
        (
            |r| r["Instances"]["InstanceFleets"][0]["TargetOnDemandCapacity"] = json!(2),
            "master instance fleet",
        ),
        (
            |r| r["Instances"]["InstanceFleets"][1]["InstanceTypeConfigs"] = json!([]),
            "InstanceTypeConfigs",
        ),
        (
            |r| {
                r["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["TimeoutDurationMinutes"] =
                    json!(4)
            },
            "TimeoutDurationMinutes",
        ),
        (
            |r| r["Tags"] = json!([{"Key": "a"}, {"Key": "a"}]),
            "Duplicate tag keys",
        ),
        (|r| r["LogUri"] = json!("/var/log"), "LogUri"),
        (
            |r| r["BootstrapActions"] = json!([]),
            "does not support the parameter BootstrapActions of RunJobFlow",
        ),
        (
            |r| {
                r["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["BlockDurationMinutes"] =
                    json!(60)
            },
            "BlockDurationMinutes",
        ),
    ];
    for (spoil, words) in cases {
        let mut spoilt = request();
        spoil(&mut spoilt);
        let error = fixture.call("RunJobFlow", spoilt).await.unwrap_err();
        assert_eq!(error.code, "ValidationException", "{error}");
        assert!(
            error.message.to_lowercase().contains(&words.to_lowercase()),
            "{words}: {error}"
        );
    }
    assert!(fixture.emr.clusters().is_empty());
}

#[tokio::test]
async fn ids_that_are_nobodys_are_refused_with_emrs_words() {
    let fixture = fixture();
    let error = fixture
        .call("DescribeCluster", json!({"ClusterId": "j-NOBODY"}))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        (
            "InvalidRequestException",
            "Cluster id 'j-NOBODY' is not valid."
        )
    );
    let error = fixture
        .call("DescribeCluster", json!({"ClusterId": ""}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ValidationException");
    let error = fixture
        .call("TerminateJobFlows", json!({"JobFlowIds": ["j-NOBODY"]}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Specified job flow ID does not exist.");
    let id = fixture.run(request()).await;
    let error = fixture
        .call("DescribeStep", json!({"ClusterId": id, "StepId": "s-NONE"}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Step id 's-NONE' is not valid.");
    let error = fixture
        .call("ListInstanceGroups", json!({"ClusterId": id}))
        .await
        .unwrap_err();
    assert!(error.message.contains("mutually exclusive"), "{error}");
    let error = fixture
        .call("ListClusters", json!({"ClusterStates": ["ASLEEP"]}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ValidationException");
    let error = fixture.call("CreateStudio", json!({})).await.unwrap_err();
    assert!(error.message.contains("CreateStudio"), "{error}");
}

#[tokio::test]
async fn clusters_are_listed_newest_first_by_state_time_and_page() {
    let fixture = fixture();
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(fixture.run(request()).await);
        fixture.sleep(1).await;
    }
    fixture
        .ok("TerminateJobFlows", json!({"JobFlowIds": [ids[0]]}))
        .await;
    let first = fixture.ok("ListClusters", json!({})).await;
    assert_eq!(first["Clusters"].as_array().unwrap().len(), 50);
    assert_eq!(first["Clusters"][0]["Id"], ids[59].as_str());
    let second = fixture
        .ok("ListClusters", json!({"Marker": first["Marker"]}))
        .await;
    assert_eq!(second["Clusters"].as_array().unwrap().len(), 10);
    assert_eq!(second["Marker"], Value::Null);
    let going = fixture
        .ok("ListClusters", json!({"ClusterStates": ["TERMINATING"]}))
        .await;
    assert_eq!(going["Clusters"].as_array().unwrap().len(), 1);
    let late = json!({"CreatedAfter": (start().as_second() + 58) as f64});
    assert_eq!(
        fixture.ok("ListClusters", late).await["Clusters"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn tags_policies_and_concurrency_can_be_changed() {
    let fixture = fixture();
    let id = fixture.run(request()).await;
    let error = fixture
        .call(
            "AddTags",
            json!({"ResourceId": id, "Tags": [{"Key": "aws:x"}]}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidRequestException");
    fixture.ok("AddTags", json!({"ResourceId": id, "Tags": [{"Key": "batch", "Value": "1"}, {"Key": "pipeline", "Value": "q"}]})).await;
    fixture
        .ok(
            "RemoveTags",
            json!({"ResourceId": id, "TagKeys": ["batch"]}),
        )
        .await;
    let cluster = fixture
        .ok("DescribeCluster", json!({"ClusterId": id}))
        .await["Cluster"]
        .clone();
    assert_eq!(cluster["Tags"], json!([{"Key": "pipeline", "Value": "q"}]));
    assert_eq!(cluster["Applications"][0]["Name"], "Hive");
    assert_eq!(cluster["LogUri"], "s3://warehouse/logs/");
    fixture
        .ok(
            "PutAutoTerminationPolicy",
            json!({"ClusterId": id, "AutoTerminationPolicy": {"IdleTimeout": 120}}),
        )
        .await;
    let policy = fixture
        .ok("GetAutoTerminationPolicy", json!({"ClusterId": id}))
        .await;
    assert_eq!(policy["AutoTerminationPolicy"]["IdleTimeout"], 120);
    let level = fixture
        .ok(
            "ModifyCluster",
            json!({"ClusterId": id, "StepConcurrencyLevel": 4}),
        )
        .await;
    assert_eq!(level["StepConcurrencyLevel"], 4);
}

#[tokio::test]
async fn groups_work_as_fleets_do_under_their_own_names() {
    let fixture = fixture();
    let mut grouped = request();
    grouped["Instances"] = json!({
        "KeepJobFlowAliveWhenNoSteps": true,
        "InstanceGroups": [
            {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
            {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2, "Market": "SPOT", "BidPrice": "0.1"}
        ]
    });
    let id = fixture.run(grouped).await;
    fixture.sleep(400).await;
    assert_eq!(fixture.state(&id).await, "WAITING");
    let groups = fixture
        .ok("ListInstanceGroups", json!({"ClusterId": id}))
        .await;
    assert_eq!(groups["InstanceGroups"][1]["RunningInstanceCount"], 2);
    let error = fixture
        .call("ListInstanceFleets", json!({"ClusterId": id}))
        .await
        .unwrap_err();
    assert!(error.message.contains("uses instance groups"), "{error}");
    let labels = fixture
        .ok(
            "ListReleaseLabels",
            json!({"Filters": {"Prefix": "emr-7.1"}}),
        )
        .await;
    assert_eq!(labels["ReleaseLabels"][0], "emr-7.13.0");
}
