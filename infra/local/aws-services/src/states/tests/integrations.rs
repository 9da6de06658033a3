//! Task states that call queues, buses, schedules, functions and clusters.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, task};
use crate::sqs::Waiting;

async fn sqs(bench: &Bench, action: &str, input: Value) -> Value {
    let mut custody = Some(bench.services.context.clock.work());
    let called = bench
        .services
        .sqs
        .call(action, input, Waiting::Outside, &mut custody);
    called.await.unwrap()
}

async fn queue(bench: &Bench, name: &str) -> String {
    let created = sqs(bench, "CreateQueue", json!({"QueueName": name})).await;
    created["QueueUrl"].as_str().unwrap().to_owned()
}

async fn message(bench: &Bench, url: &str) -> Value {
    let input = json!({"QueueUrl": url, "MessageAttributeNames": ["All"]});
    sqs(bench, "ReceiveMessage", input).await["Messages"][0].clone()
}

fn output(ended: &Value) -> Value {
    let text = ended["output"]
        .as_str()
        .unwrap_or_else(|| panic!("{ended}"));
    serde_json::from_str(text).unwrap()
}

fn emr(action: &str, parameters: Value) -> Value {
    task(
        &format!("arn:aws:states:::elasticmapreduce:{action}"),
        parameters,
    )
}

fn cluster() -> Value {
    json!({
        "Name": "nightly", "ReleaseLabel": "emr-7.5.0", "ServiceRole": "r", "JobFlowRole": "p",
        "Applications": [{"Name": "Hive"}],
        "Instances": {"KeepJobFlowAliveWhenNoSteps": true, "Ec2SubnetIds": ["subnet-1"], "InstanceFleets": [
            {"Name": "Primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1,
             "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}]},
            {"Name": "Core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1,
             "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}]},
        ]},
    })
}

#[tokio::test]
async fn what_is_refused_goes_by_its_name_at_aws() {
    let bench = Bench::new();
    queue(&bench, "q").await;
    for (resource, parameters, error) in [
        (
            "sqs:sendMessage",
            json!({"QueueUrl": "http://x/1/none", "MessageBody": "m"}),
            "SQS.QueueDoesNotExistException",
        ),
        (
            "sqs:sendMessage",
            json!({"QueueUrl": "http://x/1/q", "MessageBody": ""}),
            "SQS.AmazonSQSException",
        ),
        (
            "events:putEvents",
            json!({"Entries": [{"Source": "s", "DetailType": "", "Detail": {}}]}),
            "EventBridge.FailedEntry",
        ),
        (
            "aws-sdk:sqs:getQueueUrl",
            json!({"QueueName": "none"}),
            "Sqs.QueueDoesNotExistException",
        ),
        (
            "aws-sdk:scheduler:getSchedule",
            json!({"Name": "none"}),
            "Scheduler.ResourceNotFoundException",
        ),
        (
            "aws-sdk:eventbridge:describeRule",
            json!({"Name": "none"}),
            "EventBridge.ResourceNotFoundException",
        ),
        (
            "aws-sdk:lambda:getFunction",
            json!({"FunctionName": "none"}),
            "Lambda.ResourceNotFoundException",
        ),
        (
            "aws-sdk:sns:publish",
            json!({"TopicArn": "arn:aws:sns:us-east-1:000000000000:none", "Message": "m"}),
            "Sns.NotFoundException",
        ),
        (
            "aws-sdk:sfn:describeExecution",
            json!({"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:m:none"}),
            "Sfn.ExecutionDoesNotExistException",
        ),
        (
            "elasticmapreduce:createCluster",
            json!({"Name": "n", "Instances": {}}),
            "States.Runtime",
        ),
        (
            "elasticmapreduce:terminateCluster",
            json!({"ClusterId": "j-NONE"}),
            "ElasticMapReduce.AmazonElasticMapReduceException",
        ),
    ] {
        let ended = bench
            .run(
                task(&format!("arn:aws:states:::{resource}"), parameters),
                json!({}),
            )
            .await;
        assert_eq!(ended["error"], error, "{resource}: {ended}");
    }
}

#[tokio::test]
async fn sends_messages_whose_bodies_are_json() {
    let bench = Bench::new();
    let url = queue(&bench, "q").await;
    let definition = task(
        "arn:aws:states:::sqs:sendMessage",
        json!({"QueueUrl": url, "MessageBody": {"a": 1}}),
    );
    let sent = output(&bench.run(definition, json!({})).await);
    assert_eq!(sent["SdkHttpMetadata"]["HttpStatusCode"], 200);
    let received = message(&bench, &url).await;
    assert_eq!(received["Body"], "{\"a\":1}");
    assert_eq!(received["MessageId"], sent["MessageId"]);
}

#[tokio::test]
async fn waits_for_the_token_that_it_sent() {
    let bench = Bench::new();
    let url = queue(&bench, "q").await;
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}}}});
    let machine = bench.machine("m", definition).await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    bench.settle().await;
    let body = message(&bench, &url).await["Body"].clone();
    let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
    let answer = json!({"taskToken": body["token"], "output": "\"done\""});
    bench.states("SendTaskSuccess", answer).await.unwrap();
    assert_eq!(output(&bench.ended(&execution).await), json!("done"));
}

#[tokio::test]
async fn puts_events_that_name_the_execution() {
    let bench = Bench::new();
    let url = queue(&bench, "q").await;
    let events = &bench.services.events;
    let rule = json!({"Name": "r", "EventPattern": "{\"source\": [\"pipeline\"]}"});
    events.call("PutRule", rule).await.unwrap();
    let target = json!({"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}]});
    events.call("PutTargets", target).await.unwrap();
    let definition = task(
        "arn:aws:states:::events:putEvents",
        json!({"Entries": [{"Source": "pipeline", "DetailType": "Loaded", "Detail": {"rows": 5}}]}),
    );
    let ended = bench.run(definition, json!({})).await;
    assert_eq!(output(&ended)["FailedEntryCount"], 0);
    let event = message(&bench, &url).await["Body"].clone();
    let event: Value = serde_json::from_str(event.as_str().unwrap()).unwrap();
    assert_eq!(event["detail"], json!({"rows": 5}));
    assert_eq!(event["resources"][0], ended["executionArn"]);
    assert_eq!(event["resources"][1], ended["stateMachineArn"]);
}

#[tokio::test]
async fn buries_what_a_rule_cannot_deliver() {
    let bench = Bench::new();
    let dead = queue(&bench, "dead").await;
    let events = &bench.services.events;
    let rule = json!({"Name": "r", "EventPattern": "{\"source\": [\"pipeline\"]}"});
    events.call("PutRule", rule).await.unwrap();
    let target = json!({"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:sns:us-east-1:000000000000:none",
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"}}]});
    events.call("PutTargets", target).await.unwrap();
    let entries =
        json!({"Entries": [{"Source": "pipeline", "DetailType": "Loaded", "Detail": "{}"}]});
    events.call("PutEvents", entries).await.unwrap();
    bench.settle().await;
    let letter = message(&bench, &dead).await;
    let attributes = &letter["MessageAttributes"];
    assert_eq!(attributes["ERROR_CODE"]["StringValue"], "NotFound");
    assert!(letter["Body"].as_str().unwrap().contains("Loaded"));
}

#[tokio::test]
async fn calls_every_service_in_the_sdks_shapes() {
    let bench = Bench::new();
    queue(&bench, "q").await;
    bench.function("echo", Ok);
    let call = async |resource: &str, parameters: Value| {
        let definition = task(&format!("arn:aws:states:::aws-sdk:{resource}"), parameters);
        output(&bench.run(definition, json!({})).await)
    };
    let url = call("sqs:getQueueUrl", json!({"QueueName": "q"})).await["QueueUrl"].clone();
    let nothing = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let before = bench.now();
    assert_eq!(call("sqs:receiveMessage", nothing).await, json!({}));
    assert!(bench.now().duration_since(before).as_secs() >= 20);
    let invoked = call(
        "lambda:invoke",
        json!({"FunctionName": "echo", "Payload": {"a": 1}}),
    )
    .await;
    assert_eq!(invoked["Payload"], "{\"a\":1}");
    let listed = call("lambda:listFunctions", json!({})).await;
    assert_eq!(listed["Functions"][0]["FunctionName"], "echo");
    let machine = bench.machine("m", crate::bench::pass()).await;
    let schedule = json!({"Name": "nightly", "ScheduleExpression": "rate(1 days)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": machine, "RoleArn": crate::bench::ROLE}});
    call("scheduler:createSchedule", schedule).await;
    let found = call("scheduler:getSchedule", json!({"Name": "nightly"})).await;
    assert_eq!(found["ScheduleExpression"], "rate(1 days)");
    let created = found["CreationDate"].as_str().unwrap();
    assert!(created.starts_with("2026-11-21T"), "{created}");
    let rule = json!({"Name": "r", "EventPattern": "{\"source\": [\"pipeline\"]}"});
    call("eventbridge:putRule", rule).await;
    let rules = call("eventbridge:listRules", json!({})).await;
    assert_eq!(rules["Rules"][0]["Name"], "r");
}

#[tokio::test]
async fn runs_a_step_on_a_cluster_that_it_launched_and_terminates_it() {
    let bench = Bench::new();
    let step = json!({"Name": "load", "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["hive", "-f", "s3://b/load.sql"]}});
    let definition = json!({"StartAt": "Launch", "States": {
        "Launch": {"Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:createCluster.sync",
            "Parameters": cluster(), "ResultPath": "$.cluster", "Next": "Protect"},
        "Protect": {"Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:setClusterTerminationProtection",
            "Parameters": {"ClusterId.$": "$.cluster.ClusterId", "TerminationProtected": false}, "ResultPath": null, "Next": "Resize"},
        "Resize": {"Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:modifyInstanceFleetByName",
            "Parameters": {"ClusterId.$": "$.cluster.ClusterId", "InstanceFleetName": "Core",
                "InstanceFleet": {"TargetOnDemandCapacity": 2}}, "ResultPath": null, "Next": "Step"},
        "Step": {"Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:addStep.sync",
            "Parameters": {"ClusterId.$": "$.cluster.ClusterId", "Step": step}, "ResultPath": "$.step", "Next": "Terminate"},
        "Terminate": {"Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:terminateCluster.sync",
            "Parameters": {"ClusterId.$": "$.cluster.ClusterId"}, "ResultPath": "$.gone", "End": true},
    }});
    let ended = bench.run(definition, json!({})).await;
    let output = output(&ended);
    assert_eq!(output["step"]["Step"]["Status"]["State"], "COMPLETED");
    assert_eq!(output["gone"]["Cluster"]["Status"]["State"], "TERMINATED");
    let events = bench.events(ended["executionArn"].as_str().unwrap()).await;
    assert_eq!(
        events[1..6],
        [
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded"
        ]
    );
}

#[tokio::test]
async fn terminates_the_cluster_that_nobody_waits_for_any_more() {
    let bench = Bench::new();
    let mut definition = emr("createCluster.sync", cluster());
    definition["States"]["T"]["TimeoutSeconds"] = json!(30);
    let ended = bench.run(definition, json!({})).await;
    assert_eq!(ended["error"], "States.Timeout");
    bench.pass(Duration::from_secs(1800)).await;
    let clusters = bench
        .services
        .emr
        .call("ListClusters", json!({}))
        .await
        .unwrap();
    assert_eq!(clusters["Clusters"][0]["Status"]["State"], "TERMINATED");
}
