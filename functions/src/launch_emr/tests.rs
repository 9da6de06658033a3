//! Tests of `launch_emr`, apart because the expected request is long.

use serde_json::{Value, json};

use crate::shared::config::tests::ORIGINAL;
use crate::shared::replay::{CONFIG, EXECUTION, Replay, cluster_json};
use crate::{ErrorType, FunctionFailure, invoke};

const OWN: [(&str, &str); 2] = [("pipeline", "data_pipeline"), ("execution-arn", EXECUTION)];

async fn launch(replay: &Replay, event: Value) -> Result<Value, FunctionFailure> {
    let outcome = invoke("launch_emr", &replay.clients(&CONFIG), event).await;
    replay.finish();
    outcome
}

fn listing(ids: &[&str]) -> Value {
    json!({"Clusters": ids.iter().map(|id| json!({"Id": id, "Name": "data_pipeline"})).collect::<Vec<_>>()})
}

fn event() -> Value {
    json!({"BatchId": "B1", "ExecutionArn": EXECUTION})
}

#[tokio::test]
async fn l8_a_wrong_configuration_stops_it_before_any_emr_call() {
    let replay = Replay::new().config(&ORIGINAL.replace("emr-7.12.0", "latest").replace("= 60", "= cheap"));
    let failure = launch(&replay, event()).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::ConfigInvalid);
    assert!(failure.message.contains("2 problem(s)"), "{failure}");
}

#[tokio::test]
async fn a_function_that_does_not_know_its_configuration_says_so() {
    let failure = invoke("launch_emr", &Replay::new().clients(&[]), json!({})).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::EnvironmentMissing);
    assert!(failure.message.contains("Config_File_S3_Bucket"));
}

#[tokio::test]
async fn a_dry_run_launches_nothing_and_tells_where_and_how_to_tag() {
    let config = ORIGINAL.replace("subnet-0a1b2c3d", "subnet-1, subnet-2");
    let answer = launch(&Replay::new().config(&config), json!({"DryRun": true, "BatchId": "B1", "ExecutionArn": EXECUTION})).await;
    assert_eq!(
        answer.unwrap(),
        json!({
            "Status": "CHECKED", "SubnetIds": ["subnet-1", "subnet-2"], "Subnets": 2, "Region": "us-east-1", "NeedsTaggedVpc": true,
            "TagCommand": "aws ec2 create-tags --region us-east-1 --resources subnet-1 subnet-2 --tags Key=for-use-with-amazon-emr-managed-policies,Value=true",
        })
    );
    let groups = "primary_security_group = sg-1\nworker_security_group = sg-2\n";
    let config = ORIGINAL.replace("subnet_id =", &format!("{groups}subnet_id ="));
    let answer = launch(&Replay::new().config(&config), json!({"DryRun": true})).await.unwrap();
    assert_eq!(answer["NeedsTaggedVpc"], false);
}

#[tokio::test]
async fn l2_a_launch_whose_answer_was_lost_is_adopted_and_not_repeated() {
    let replay = Replay::new()
        .config(ORIGINAL)
        .any("ListClusters", listing(&[]))
        .loses("RunJobFlow")
        .any("ListClusters", listing(&[]))
        .any("ListClusters", listing(&["j-1"]))
        .any("DescribeCluster", cluster_json("j-1", "STARTING", &OWN));
    assert_eq!(
        launch(&replay, event()).await.unwrap(),
        json!({"ClusterId": "j-1", "Status": "STARTING", "Adopted": true, "BatchId": "B1", "ExecutionArn": EXECUTION})
    );
}

#[tokio::test]
async fn a_server_error_is_looked_into_and_never_answered_by_a_second_launch() {
    let mut replay = Replay::new().config(ORIGINAL).any("ListClusters", listing(&[])).refuses("RunJobFlow", 500, "InternalServerError", "oops");
    for _ in 0..3 {
        replay = replay.any("ListClusters", listing(&[]));
    }
    let failure = launch(&replay, event()).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::OutcomeUnknown);
    assert!(failure.message.contains("adopts it"), "{failure}");
}

#[tokio::test]
async fn without_an_execution_a_lost_answer_is_reported_at_once() {
    let replay = Replay::new().config(ORIGINAL).loses("RunJobFlow");
    assert_eq!(launch(&replay, json!({})).await.unwrap_err().error_type, ErrorType::OutcomeUnknown);
}

#[tokio::test]
async fn l1_a_throttled_launch_is_repeated_a_few_times() {
    let throttled = |replay: Replay| replay.refuses("RunJobFlow", 400, "ThrottlingException", "Rate exceeded");
    let replay = throttled(throttled(Replay::new().config(ORIGINAL))).any("RunJobFlow", json!({"JobFlowId": "j-1"}));
    assert_eq!(launch(&replay, json!({})).await.unwrap()["ClusterId"], "j-1");
    let replay = throttled(throttled(throttled(Replay::new().config(ORIGINAL))));
    assert_eq!(launch(&replay, json!({})).await.unwrap_err().error_type, ErrorType::Throttled);
}

#[tokio::test]
async fn a_refused_launch_is_not_repeated() {
    let replay = Replay::new().config(ORIGINAL).refuses("RunJobFlow", 400, "AccessDeniedException", "User is not authorized");
    let failure = launch(&replay, json!({})).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::AccessDenied);
    assert!(failure.message.contains("elasticmapreduce:RunJobFlow"), "{failure}");
}

#[tokio::test]
async fn l9_a_cluster_of_another_run_or_pipeline_is_not_adopted() {
    let replay = Replay::new()
        .config(ORIGINAL)
        .any("ListClusters", listing(&["j-1", "j-2", "j-3"]))
        .any("DescribeCluster", cluster_json("j-1", "WAITING", &[OWN[0], ("execution-arn", "another")]))
        .any("DescribeCluster", cluster_json("j-2", "WAITING", &[("pipeline", "other"), OWN[1]]))
        .any("DescribeCluster", cluster_json("j-3", "WAITING", &[]))
        .any("RunJobFlow", json!({"JobFlowId": "j-4"}));
    assert_eq!(launch(&replay, event()).await.unwrap()["ClusterId"], "j-4");
}

#[tokio::test]
async fn x3_of_two_clusters_of_one_execution_the_younger_is_ended() {
    let mut younger = cluster_json("j-1", "STARTING", &OWN);
    younger["Cluster"]["Status"]["Timeline"]["CreationDateTime"] = json!(crate::shared::replay::NOW);
    let replay = Replay::new()
        .config(ORIGINAL)
        .any("ListClusters", listing(&["j-1", "j-2"]))
        .any("DescribeCluster", younger)
        .any("DescribeCluster", cluster_json("j-2", "WAITING", &OWN))
        .call("TerminateJobFlows", json!({"JobFlowIds": ["j-1"]}), json!({}));
    assert_eq!(launch(&replay, event()).await.unwrap()["ClusterId"], "j-2");
}

#[tokio::test]
async fn the_whole_request_is_as_configured() {
    let types = |percent: Option<f64>| match percent {
        Some(percent) => json!([{"InstanceType": "m5.xlarge", "WeightedCapacity": 1, "BidPriceAsPercentageOfOnDemandPrice": percent}]),
        None => json!([{"InstanceType": "m5.xlarge", "WeightedCapacity": 1}]),
    };
    let glue = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory";
    let site = |name: &str| json!({"Classification": name, "Properties": {"hive.metastore.client.factory.class": glue}});
    let request = json!({
        "Name": "data_pipeline", "LogUri": "s3://workarea/logs/data_pipeline/", "ReleaseLabel": "emr-7.12.0",
        "Instances": {
            "InstanceFleets": [
                {"Name": "primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types(None)},
                {
                    "Name": "core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 2,
                    "InstanceTypeConfigs": types(Some(60.0)),
                    "LaunchSpecifications": {"SpotSpecification": {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}},
                },
            ],
            "Ec2KeyName": "operations", "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": false,
            "Ec2SubnetIds": ["subnet-0a1b2c3d"],
        },
        "Applications": [{"Name": "Hive"}, {"Name": "Spark"}],
        "Configurations": [site("hive-site"), site("spark-hive-site")],
        "VisibleToAllUsers": true, "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole",
        "Tags": [
            {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
            {"Key": "pipeline", "Value": "data_pipeline"},
            {"Key": "workers-after-adding", "Value": "6"},
            {"Key": "batch-id", "Value": "B1"},
            {"Key": "execution-arn", "Value": EXECUTION},
        ],
        "StepConcurrencyLevel": 1, "AutoTerminationPolicy": {"IdleTimeout": 3600},
    });
    let replay =
        Replay::new().config(ORIGINAL).any("ListClusters", listing(&[])).call("RunJobFlow", request, json!({"JobFlowId": "j-1"}));
    assert_eq!(
        launch(&replay, event()).await.unwrap(),
        json!({"ClusterId": "j-1", "Status": "STARTING", "BatchId": "B1", "ExecutionArn": EXECUTION})
    );
}

#[tokio::test]
async fn the_originals_event_launches_without_looking_for_clusters() {
    let replay = Replay::new().config(ORIGINAL).any("RunJobFlow", json!({"JobFlowId": "j-1"}));
    assert_eq!(launch(&replay, json!({"Comment": "from the schedule"})).await.unwrap(), json!({"ClusterId": "j-1", "Status": "STARTING"}));
}
