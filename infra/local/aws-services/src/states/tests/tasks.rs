//! What Task states call: functions, child executions, other services; and how faults get in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, ROLE, pass, task, wait};
use crate::failure::ServiceError;
use crate::interceptor::Verdict;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:status_emr";

fn function_task(arn: &str) -> Value {
    json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": arn, "TimeoutSeconds": 600, "End": true}}})
}

#[tokio::test]
async fn a_functions_error_is_named_by_its_error_type_and_its_document_is_the_cause() {
    let bench = Bench::new();
    bench.function("status_emr", |_| {
        Err(("ClusterGone".to_owned(), "j-1 has gone".to_owned()))
    });
    let ended = bench.run(function_task(FUNCTION), json!({})).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("ClusterGone"))
    );
    let cause: Value = serde_json::from_str(ended["cause"].as_str().unwrap()).unwrap();
    assert_eq!(
        cause,
        json!({"errorType": "ClusterGone", "errorMessage": "j-1 has gone"})
    );
}

#[tokio::test]
async fn a_function_error_without_a_type_is_unknown() {
    let bench = Bench::new();
    bench.function("status_emr", |_| Err((String::new(), "killed".to_owned())));
    let ended = bench.run(function_task(FUNCTION), json!({})).await;
    assert_eq!(ended["error"], "Lambda.Unknown");
}

#[tokio::test]
async fn refusals_of_lambda_go_by_their_names_at_aws() {
    let bench = Bench::new();
    bench.function("status_emr", Ok);
    let ended = bench
        .run(function_task(&format!("{FUNCTION}:missing")), json!({}))
        .await;
    assert_eq!(ended["error"], "Lambda.ResourceNotFoundException");
    for code in ["TooManyRequestsException", "ServiceException"] {
        bench.decide(move |call, _| match call.service.as_str() {
            "lambda" => Verdict::Fail(ServiceError::new(code, "on purpose")),
            _ => Verdict::Pass,
        });
        let ended = bench.run(function_task(FUNCTION), json!({})).await;
        assert_eq!(ended["error"], format!("Lambda.{code}"));
    }
    bench.decide(|_, status| {
        if status.is_some() {
            Verdict::LoseResponse
        } else {
            Verdict::Pass
        }
    });
    let ended = bench.run(function_task(FUNCTION), json!({})).await;
    assert_eq!(ended["error"], "Lambda.SdkClientException");
    assert_eq!(
        bench.invocations().len(),
        1,
        "the effect took place once, and only its response was lost"
    );
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_the_tasks_timeout_in_no_time() {
    let bench = Bench::new();
    bench.function("status_emr", Ok);
    bench.decide(|call, _| {
        if call.service == "lambda" {
            Verdict::Hang
        } else {
            Verdict::Pass
        }
    });
    let began = bench.now();
    let ended = bench.run(function_task(FUNCTION), json!({})).await;
    assert_eq!(ended["error"], "States.Timeout");
    assert_eq!(bench.now().duration_since(began).as_secs(), 600);
}

#[tokio::test]
async fn a_function_goes_on_when_its_execution_is_stopped() {
    let bench = Bench::new();
    bench.function("status_emr", Ok);
    let gate = bench.gate();
    let arn = bench.machine("m", function_task(FUNCTION)).await;
    let execution = bench.start_execution(&arn, "one", json!({})).await;
    bench.settle().await;
    bench
        .states("StopExecution", json!({"executionArn": execution}))
        .await
        .unwrap();
    assert_eq!(bench.ended(&execution).await["status"], "ABORTED");
    assert_eq!((bench.invocations().len(), bench.completed()), (1, 0));
    gate.add_permits(1);
    bench.settle().await;
    assert_eq!(bench.completed(), 1);
    assert_eq!(
        bench.events(&execution).await.last().unwrap(),
        "ExecutionAborted"
    );
}

#[tokio::test]
async fn functions_are_called_with_their_alias_and_by_parameters() {
    let bench = Bench::new();
    bench.function("status_emr", |event| Ok(json!({"got": event})));
    let ended = bench
        .run(function_task(&format!("{FUNCTION}:live")), json!({"a": 1}))
        .await;
    assert_eq!(ended["output"], r#"{"got":{"a":1}}"#);
    let by_parameters = task(
        "arn:aws:states:::lambda:invoke",
        json!({"FunctionName": format!("{FUNCTION}:live"), "Payload": {"b": 2}}),
    );
    let ended = bench.run(by_parameters, json!({})).await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&output["Payload"], &output["ExecutedVersion"]),
        (&json!({"got": {"b": 2}}), &json!("1"))
    );
    let live = Some("live".to_owned());
    assert_eq!(
        bench.invocations(),
        [
            ("status_emr".to_owned(), live.clone(), json!({"a": 1})),
            ("status_emr".to_owned(), live, json!({"b": 2})),
        ]
    );
}

#[tokio::test]
async fn a_function_called_by_parameters_answers_with_lambdas_response() {
    let bench = Bench::new();
    bench.function("echo", Ok);
    let parameters = json!({"FunctionName": "echo", "LogType": "Tail", "Payload": {"n": 1}});
    let ended = bench
        .run(
            task("arn:aws:states:::lambda:invoke", parameters),
            json!({}),
        )
        .await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    let members: Vec<&String> = output.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "ExecutedVersion",
            "LogResult",
            "Payload",
            "SdkHttpMetadata",
            "SdkResponseMetadata",
            "StatusCode"
        ]
    );
    let headers = &output["SdkHttpMetadata"]["HttpHeaders"];
    for (header, value) in [
        ("Content-Length", "7"),
        ("Content-Type", "application/json"),
        ("X-Amz-Executed-Version", "$LATEST"),
    ] {
        assert_eq!(headers[header], value, "{header}");
        assert_eq!(
            output["SdkHttpMetadata"]["AllHttpHeaders"][header],
            json!([value])
        );
    }
    assert_eq!(
        (&output["StatusCode"], &headers["x-amzn-RequestId"]),
        (&json!(200), &output["SdkResponseMetadata"]["RequestId"])
    );
}

#[tokio::test]
async fn an_event_is_handed_over_and_its_result_not_waited_for() {
    let bench = Bench::new();
    bench.function("fails", |_| Err(("E".to_owned(), "no".to_owned())));
    let call = |name: &str, kind: &str| {
        let parameters = json!({"FunctionName": name, "InvocationType": kind, "Payload": {}});
        task("arn:aws:states:::lambda:invoke", parameters)
    };
    let ended = bench.run(call("fails", "Event"), json!({})).await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["StatusCode"], 202);
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 202);
    assert_eq!(output.get("Payload"), None);
    let ended = bench.run(call("none", "Event"), json!({})).await;
    assert_eq!(ended["error"], "Lambda.ResourceNotFoundException");
    let ended = bench.run(call("fails", "DryRun"), json!({})).await;
    assert!(ended["cause"].as_str().unwrap().contains("DryRun"));
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let bench = Bench::new();
    let resource = "arn:aws:states:::aws-sdk:dynamodb:getItem";
    let input =
        json!({"name": "m", "definition": task(resource, json!({})).to_string(), "roleArn": ROLE});
    let named = match bench.states("CreateStateMachine", input).await {
        Err(error) => error.message,
        Ok(_) => bench.run(task(resource, json!({})), json!({})).await["cause"].to_string(),
    };
    assert!(named.contains("dynamodb"), "{named}");
}

#[tokio::test]
async fn a_child_that_fails_fails_its_parent_with_its_description() {
    let bench = Bench::new();
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}});
    let child = bench.machine("child", fail).await;
    let sync = "arn:aws:states:::states:startExecution.sync:2";
    let ended = bench
        .run(
            task(sync, json!({"StateMachineArn": child, "Name": "kid"})),
            json!({}),
        )
        .await;
    assert_eq!(ended["error"], "States.TaskFailed");
    let cause: Value = serde_json::from_str(ended["cause"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&cause["Error"], &cause["Status"], &cause["Name"]),
        (&json!("Broken"), &json!("FAILED"), &json!("kid"))
    );
}

#[tokio::test]
async fn a_parent_waits_for_its_child_and_shows_its_output_parsed() {
    let bench = Bench::new();
    let child = bench.machine("child", wait(300)).await;
    let sync = "arn:aws:states:::states:startExecution.sync:2";
    let began = bench.now();
    let ended = bench
        .run(
            task(sync, json!({"StateMachineArn": child, "Input": {"x": 1}})),
            json!({}),
        )
        .await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&output["Output"], &output["Input"]),
        (&json!({"x": 1}), &json!({"x": 1}))
    );
    assert_eq!(bench.now().duration_since(began).as_secs(), 300);
}

#[tokio::test]
async fn a_child_is_stopped_with_the_parent_that_waits_for_it() {
    let bench = Bench::new();
    let child = bench.machine("child", wait(1_000_000)).await;
    let sync = "arn:aws:states:::states:startExecution.sync";
    let parent = bench
        .machine("parent", task(sync, json!({"StateMachineArn": child})))
        .await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&parent, "one", json!({})).await;
    bench.settle().await;
    let kid = bench.executions(&child).await.remove(0);
    assert_eq!(bench.describe(&kid).await["status"], "RUNNING");
    bench
        .states("StopExecution", json!({"executionArn": execution}))
        .await
        .unwrap();
    drop(work);
    assert_eq!(bench.ended(&kid).await["status"], "ABORTED");
}

#[tokio::test]
async fn a_child_is_stopped_when_the_task_that_waits_for_it_times_out() {
    let bench = Bench::new();
    let child = bench.machine("child", wait(1_000_000)).await;
    let mut parent = task(
        "arn:aws:states:::states:startExecution.sync",
        json!({"StateMachineArn": child}),
    );
    parent["States"]["T"]["TimeoutSeconds"] = 60.into();
    let ended = bench.run(parent, json!({})).await;
    assert_eq!(ended["error"], "States.Timeout");
    let kid = bench.executions(&child).await.remove(0);
    assert_eq!(bench.describe(&kid).await["status"], "ABORTED");
    assert!(
        bench.now().to_string().as_str() < "2026-11-21T00:02",
        "{}",
        bench.now()
    );
}

#[tokio::test]
async fn a_child_that_is_not_waited_for_outlives_its_parent() {
    let bench = Bench::new();
    let child = bench.machine("child", wait(60)).await;
    let start = "arn:aws:states:::states:startExecution";
    let ended = bench
        .run(
            task(start, json!({"StateMachineArn": child, "Name": "kid"})),
            json!({}),
        )
        .await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    let kid = output["ExecutionArn"].as_str().unwrap().to_owned();
    assert_eq!(bench.ended(&kid).await["status"], "SUCCEEDED");
    let missing = json!({"StateMachineArn": child.replace(":child", ":none")});
    let ended = bench.run(task(start, missing), json!({})).await;
    assert_eq!(
        ended["error"],
        "StepFunctions.StateMachineDoesNotExistException"
    );
}

#[tokio::test]
async fn objects_are_reached_and_missed_under_the_sdks_names() {
    let bench = Bench::new();
    bench.services.s3.create_bucket("bucket").await.unwrap();
    let call = |action: &str, mut parameters: Value| {
        parameters["Bucket"] = "bucket".into();
        task(&format!("arn:aws:states:::aws-sdk:s3:{action}"), parameters)
    };
    let put = json!({"Key": "runs/a.loaded", "Body": {"rows": 1}, "IfNoneMatch": "*",
        "ContentType": "application/json", "Metadata": {"By": "me"}});
    assert_eq!(
        bench.run(call("putObject", put.clone()), json!({})).await["status"],
        "SUCCEEDED"
    );
    let ended = bench.run(call("putObject", put), json!({})).await;
    assert_eq!(ended["error"], "S3.S3Exception");
    assert!(
        ended["cause"]
            .as_str()
            .unwrap()
            .contains("Status Code: 412"),
        "{ended}"
    );
    for action in ["headObject", "getObject"] {
        let ended = bench
            .run(call(action, json!({"Key": "none"})), json!({}))
            .await;
        assert_eq!(ended["error"], "S3.NoSuchKeyException", "{action}");
    }
    let ended = bench
        .run(
            call("getObject", json!({"Key": "runs/a.loaded"})),
            json!({}),
        )
        .await;
    let mut output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    output["LastModified"] = json!("then");
    output["ETag"] = json!("tag");
    assert_eq!(
        output.to_string(),
        json!({"AcceptRanges": "bytes", "Body": "{\"rows\":1}", "ContentLength": 10,
            "ContentType": "application/json", "ETag": "tag", "LastModified": "then", "Metadata": {"by": "me"},
            "ServerSideEncryption": "AES256"})
        .to_string()
    );
    let ended = bench
        .run(
            call("listObjectsV2", json!({"Prefix": "runs/", "MaxKeys": 1})),
            json!({}),
        )
        .await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&output["KeyCount"], &output["Contents"][0]["Key"]),
        (&json!(1), &json!("runs/a.loaded"))
    );
}

#[tokio::test]
async fn step_functions_is_reached_with_capital_members_and_dates_as_text() {
    let bench = Bench::new();
    let child = bench.machine("child", pass()).await;
    let kid = bench.start_execution(&child, "kid", json!({})).await;
    bench.pass(Duration::from_secs(1)).await;
    let describe = task(
        "arn:aws:states:::aws-sdk:sfn:describeExecution",
        json!({"ExecutionArn": kid}),
    );
    let ended = bench.run(describe, json!({})).await;
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&output["Status"], &output["StartDate"]),
        (&json!("SUCCEEDED"), &json!("2026-11-21T00:00:00.000Z"))
    );
    let missing = json!({"ExecutionArn": kid.replace("kid", "none")});
    let ended = bench
        .run(
            task("arn:aws:states:::aws-sdk:sfn:describeExecution", missing),
            json!({}),
        )
        .await;
    assert_eq!(ended["error"], "Sfn.ExecutionDoesNotExistException");
}

#[tokio::test]
async fn messages_are_published_and_refused() {
    let bench = Bench::new();
    let created = bench
        .services
        .sns
        .call("CreateTopic", json!({"Name": "mails"}))
        .await
        .unwrap();
    let publish = |topic: &str| {
        task(
            "arn:aws:states:::sns:publish",
            json!({"TopicArn": topic, "Message": {"a": 1}}),
        )
    };
    let topic = created["TopicArn"].as_str().unwrap();
    assert_eq!(
        bench.run(publish(topic), json!({})).await["status"],
        "SUCCEEDED"
    );
    assert_eq!(bench.services.sns.messages()[0].message, "{\"a\":1}");
    let ended = bench
        .run(publish(&topic.replace("mails", "none")), json!({}))
        .await;
    assert_eq!(ended["error"], "SNS.NotFoundException");
}
