//! What requests are refused for: configurations, tags, ARNs, filters.

use serde_json::{Value, json};

use crate::bench::{Bench, ROLE, pass};

async fn refusal(bench: &Bench, action: &str, input: Value) -> (String, String) {
    let error = bench.states(action, input).await.unwrap_err();
    (error.code, error.message)
}

fn create(member: &str, value: Value) -> Value {
    let mut input = json!({"name": "m", "definition": pass().to_string(), "roleArn": ROLE});
    input[member] = value;
    input
}

#[tokio::test]
async fn logging_needs_exactly_one_log_group() {
    let bench = Bench::new();
    let group = |arn: &str| json!({"cloudWatchLogsLogGroup": {"logGroupArn": arn}});
    let good = "arn:aws:logs:us-east-1:000000000000:log-group:g:*";
    for destinations in [json!([]), json!([group(good), group(good)])] {
        let logging = json!({"level": "ALL", "destinations": destinations});
        let (code, message) = refusal(
            &bench,
            "CreateStateMachine",
            create("loggingConfiguration", logging),
        )
        .await;
        assert_eq!(code, "InvalidLoggingConfiguration");
        assert_eq!(
            message,
            "Invalid Logging Configuration: Must specify exactly one Log Destination."
        );
    }
    let logging = json!({"level": "ERROR", "destinations": [group("arn:aws:s3:::bucket")]});
    let (code, _) = refusal(
        &bench,
        "CreateStateMachine",
        create("loggingConfiguration", logging),
    )
    .await;
    assert_eq!(code, "InvalidLoggingConfiguration");
    let logging = json!({"level": "ERROR", "destinations": [group(good)]});
    let created = bench
        .states(
            "CreateStateMachine",
            create("loggingConfiguration", logging),
        )
        .await
        .unwrap();
    let input = json!({"stateMachineArn": created["stateMachineArn"]});
    let described = bench.states("DescribeStateMachine", input).await.unwrap();
    assert_eq!(
        described["loggingConfiguration"],
        json!({"level": "ERROR", "destinations": [group(good)], "includeExecutionData": false})
    );
}

#[tokio::test]
async fn encryption_needs_a_key_exactly_when_it_is_the_customers() {
    let bench = Bench::new();
    for encryption in [
        json!({"type": "CUSTOMER_MANAGED_KMS_KEY"}),
        json!({"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}),
    ] {
        let (code, _) = refusal(
            &bench,
            "CreateStateMachine",
            create("encryptionConfiguration", encryption),
        )
        .await;
        assert_eq!(code, "InvalidEncryptionConfiguration");
    }
    let no_type = json!({"kmsKeyId": "k"});
    let (code, message) = refusal(
        &bench,
        "CreateStateMachine",
        create("encryptionConfiguration", no_type),
    )
    .await;
    assert_eq!(code, "ValidationException");
    assert!(
        message.contains("'encryptionConfiguration.type'"),
        "{message}"
    );
}

#[tokio::test]
async fn a_resource_has_fifty_tags_at_most_and_none_of_awss_own() {
    let bench = Bench::new();
    let tags = |count: usize| -> Value {
        (0..count)
            .map(|number| json!({"key": format!("k{number}"), "value": "v"}))
            .collect()
    };
    let (code, _) = refusal(&bench, "CreateStateMachine", create("tags", tags(51))).await;
    assert_eq!(code, "TooManyTags");
    let created = bench
        .states("CreateStateMachine", create("tags", tags(50)))
        .await
        .unwrap();
    let arn = created["stateMachineArn"].clone();
    let more = json!({"resourceArn": arn, "tags": [{"key": "one-more", "value": ""}]});
    assert_eq!(refusal(&bench, "TagResource", more).await.0, "TooManyTags");
    let again = json!({"resourceArn": arn, "tags": [{"key": "k0", "value": "new"}]});
    bench.states("TagResource", again).await.unwrap();
    let reserved = json!({"resourceArn": arn, "tags": [{"key": "aws:x", "value": ""}]});
    assert_eq!(
        refusal(&bench, "TagResource", reserved).await.0,
        "ValidationException"
    );
    let version = json!({"resourceArn": format!("{}:1", arn.as_str().unwrap()), "tags": []});
    assert_eq!(
        refusal(&bench, "TagResource", version).await.0,
        "ResourceNotFound"
    );
}

#[tokio::test]
async fn an_arn_of_something_else_is_refused_with_what_it_is() {
    let bench = Bench::new();
    for (arn, said) in [
        ("nonsense", "Invalid Arn: 'Invalid ARN prefix: nonsense'"),
        (
            "arn:aws:states:us-east-1:000000000000:activity:a",
            "Invalid Arn: 'Resource type not valid in this context: activity'",
        ),
    ] {
        for action in [
            "DescribeStateMachine",
            "StartExecution",
            "ListExecutions",
            "PublishStateMachineVersion",
        ] {
            let (code, message) = refusal(&bench, action, json!({"stateMachineArn": arn})).await;
            assert_eq!(
                (code.as_str(), message.as_str()),
                ("InvalidArn", said),
                "{action}"
            );
        }
    }
    let (code, message) =
        refusal(&bench, "CreateStateMachine", create("roleArn", json!("r"))).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidArn", "Invalid Role Arn: 'r'")
    );
}

#[tokio::test]
async fn limits_of_the_model_are_enforced_before_anything_else() {
    let bench = Bench::new();
    for (action, input, said) in [
        (
            "CreateStateMachine",
            create("definition", json!("x".repeat(1_048_577))),
            "Value at 'definition'",
        ),
        (
            "CreateStateMachine",
            create("name", json!("n".repeat(81))),
            "less than or equal to 80",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": "m", "input": "1".repeat(262_145)}),
            "262144",
        ),
        (
            "ListStateMachines",
            json!({"maxResults": 1001}),
            "Value '1001' at 'maxResults'",
        ),
        (
            "ListExecutions",
            json!({"statusFilter": "succeeded"}),
            "enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        ),
        (
            "StopExecution",
            json!({"executionArn": "e", "cause": "c".repeat(32_769)}),
            "32768",
        ),
    ] {
        let (code, message) = refusal(&bench, action, input).await;
        assert_eq!(code, "ValidationException");
        assert!(message.contains(said), "{message}");
    }
    let (_, message) = refusal(&bench, "ListExecutions", json!({})).await;
    assert_eq!(
        message,
        "Must specify exactly one of MapRunArn or StateMachineArn"
    );
}

#[tokio::test]
async fn descriptions_name_the_variables_that_states_refer_to() {
    let bench = Bench::new();
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"y.$": "$x"}, "End": true},
    }});
    let machine = bench.machine("m", definition).await;
    let described = bench
        .states("DescribeStateMachine", json!({"stateMachineArn": machine}))
        .await
        .unwrap();
    assert_eq!(described["variableReferences"], json!({"B": ["x"]}));
}

#[tokio::test]
async fn metadata_only_leaves_out_definitions_and_data() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    let execution = bench
        .start_execution(&machine, "one", json!({"n": 1}))
        .await;
    let only = |name: &str, arn: &str| json!({name: arn, "includedData": "METADATA_ONLY"});
    let described = bench
        .states("DescribeStateMachine", only("stateMachineArn", &machine))
        .await
        .unwrap();
    assert_eq!(described["definition"], "{}");
    let described = bench
        .states("DescribeExecution", only("executionArn", &execution))
        .await
        .unwrap();
    assert!(
        described["input"].is_null() && described["output"].is_null(),
        "{described}"
    );
    assert_eq!(described["outputDetails"], json!({"included": false}));
    assert_eq!(described["status"], "SUCCEEDED");
}

#[tokio::test]
async fn pages_of_executions_show_each_once_while_new_ones_start() {
    let bench = Bench::new();
    let machine = bench.machine("m", pass()).await;
    for number in 0..4 {
        bench.pass(std::time::Duration::from_secs(1)).await;
        bench
            .start_execution(&machine, &format!("old-{number}"), json!({}))
            .await;
    }
    let mut input = json!({"stateMachineArn": machine, "maxResults": 2});
    let first = bench.states("ListExecutions", input.clone()).await.unwrap();
    bench.start_execution(&machine, "new", json!({})).await;
    input["nextToken"] = first["nextToken"].clone();
    let second = bench.states("ListExecutions", input).await.unwrap();
    let mut names: Vec<String> = [&first, &second]
        .iter()
        .flat_map(|page| page["executions"].as_array().unwrap())
        .map(|entry| entry["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["old-0", "old-1", "old-2", "old-3"]);
    assert!(second.get("nextToken").is_none(), "{second}");
}
