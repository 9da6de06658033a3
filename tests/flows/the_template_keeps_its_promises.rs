//! What no linter sees in the template: a topic that is encrypted admits its publishers, a queue its sender; what a role is
//! granted is what is used; the table in infra/aws/README.md is what the template says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_services::Body;
use aws_services::s3::Condition;
use embedded_runtime::{Project, Stack};
use serde_json::{Value, json};

use crate::harness::{Pipeline, project_folder};

fn stack() -> Result<Stack> {
    let project = Project::load(&project_folder())?;
    let surroundings = embedded_runtime::runtime::surroundings();
    let resolved = project.template.resolve(&surroundings, &BTreeMap::new());
    resolved.map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn of_type<'a>(
    stack: &'a Stack,
    type_name: &str,
) -> Vec<&'a embedded_runtime::template::resources::Recorded> {
    let all = stack.recorded.iter();
    all.filter(|resource| resource.type_name == type_name)
        .collect()
}

/// The actions that a resource's policy allows a service.
fn admitted(document: &Value, service: &str) -> Vec<String> {
    let statements = list(&document["Statement"]);
    let allowing = statements.iter().filter(|statement| {
        statement["Effect"] == "Allow"
            && list(&statement["Principal"]["Service"]).contains(&json!(service))
    });
    allowing
        .flat_map(|statement| list(&statement["Action"]))
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn an_encrypted_topic_admits_everybody_who_publishes_to_it() -> Result<()> {
    let stack = stack()?;
    let topic = stack.topics.first().context("there is no topic")?;
    ensure!(
        topic.key_arn.is_some(),
        "{} is not encrypted",
        topic.logical_id
    );
    let mut publishers = BTreeMap::new();
    for alarm in of_type(&stack, "AWS::CloudWatch::Alarm") {
        for member in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
            if list(&alarm.properties[member]).contains(&json!(topic.arn)) {
                publishers.insert("cloudwatch.amazonaws.com", alarm.logical_id.clone());
            }
        }
    }
    for rule in &stack.rules {
        if list(&rule.targets)
            .iter()
            .any(|target| target["Arn"] == topic.arn.as_str())
        {
            publishers.insert("events.amazonaws.com", rule.logical_id.clone());
        }
    }
    ensure!(
        !publishers.is_empty(),
        "nothing publishes to {}",
        topic.logical_id
    );
    let policies = of_type(&stack, "AWS::SNS::TopicPolicy");
    let keys = of_type(&stack, "AWS::KMS::Key");
    for (service, publisher) in publishers {
        let by_topic = policies.iter().any(|policy| {
            admitted(&policy.properties["PolicyDocument"], service)
                .contains(&"sns:Publish".to_owned())
        });
        ensure!(
            by_topic,
            "{publisher} publishes, but no topic policy admits {service}"
        );
        let actions: Vec<String> = keys
            .iter()
            .flat_map(|key| admitted(&key.properties["KeyPolicy"], service))
            .collect();
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            let admits = actions
                .iter()
                .any(|found| found == action || found == &format!("{action}*"));
            ensure!(
                admits,
                "{publisher} publishes to an encrypted topic, but the key's policy does not allow {service} {action}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_queue_admits_the_rules_that_leave_there_what_they_could_not_deliver() -> Result<()> {
    let stack = stack()?;
    let policies = of_type(&stack, "AWS::SQS::QueuePolicy");
    for rule in &stack.rules {
        for target in list(&rule.targets) {
            ensure!(
                !target["DeadLetterConfig"]["Arn"].is_null(),
                "{} has no dead-letter queue",
                rule.logical_id
            );
        }
        let admits = policies.iter().any(|policy| {
            admitted(&policy.properties["PolicyDocument"], "events.amazonaws.com")
                .contains(&"sqs:SendMessage".to_owned())
                && policy
                    .properties
                    .to_string()
                    .contains(&format!(":rule/{}", rule.name))
        });
        ensure!(admits, "no queue policy admits {}", rule.logical_id);
    }
    for schedule in &stack.schedules {
        let queue = &schedule.schedule["Target"]["DeadLetterConfig"]["Arn"];
        let role = schedule.schedule["Target"]["RoleArn"]
            .as_str()
            .unwrap_or_default();
        let granted = of_type(&stack, "AWS::IAM::Role").into_iter().any(|found| {
            role.ends_with(&format!("/{}", found.physical_id))
                && list(&found.properties["Policies"]).iter().any(|policy| {
                    list(&policy["PolicyDocument"]["Statement"])
                        .iter()
                        .any(|statement| {
                            list(&statement["Action"]).contains(&json!("sqs:SendMessage"))
                                && list(&statement["Resource"]).contains(queue)
                        })
                })
        });
        ensure!(
            granted,
            "the role of {} may not write to its dead-letter queue",
            schedule.logical_id
        );
    }
    Ok(())
}

/// Actions that know no resource; everything else names its own.
const WITHOUT_RESOURCE: [&str; 20] = [
    "elasticmapreduce:ListClusters",
    "elasticmapreduce:RunJobFlow",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "ec2:DescribeSubnets",
    "states:SendTaskSuccess",
    "states:SendTaskFailure",
    "states:SendTaskHeartbeat",
    "sts:GetCallerIdentity",
    "cloudwatch:PutMetricData",
];

#[test]
fn a_role_reaches_everything_only_where_an_action_knows_no_resource() -> Result<()> {
    for role in of_type(&stack()?, "AWS::IAM::Role") {
        for policy in list(&role.properties["Policies"]) {
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                let denies = statement["Effect"] == "Deny";
                for action in list(&statement["Action"]) {
                    let action = action.as_str().unwrap_or_default();
                    ensure!(
                        denies || !action.contains('*'),
                        "{}: {action}",
                        role.logical_id
                    );
                    ensure!(
                        list(&statement["Resource"]) != [json!("*")]
                            || WITHOUT_RESOURCE.contains(&action),
                        "{}: {action} on every resource",
                        role.logical_id
                    );
                }
            }
        }
    }
    Ok(())
}

/// What AWS does in a role's name: the embedded runtime keeps no log groups and no traces, and Hive's own reading, writing and
/// cataloguing goes past it. A dead-letter queue gets what this runtime reports to its observer instead.
fn is_done_by_aws(grant: &str) -> bool {
    ["logs:", "xray:", "glue:", "sqs:"]
        .iter()
        .any(|prefix| grant.starts_with(prefix))
}

/// Granted for what no run here comes to, each with its reason.
const RARELY_USED: [(&str, &str, &str); 3] = [
    (
        "LaunchEmrRole",
        "elasticmapreduce:TerminateJobFlows",
        "ends the younger of two clusters of one execution; launch_emr's own tests show it",
    ),
    (
        "WriteStateInfoToS3Role",
        "s3:ListBucket",
        "tells that the lock has gone while it was to be completed; its own tests show it",
    ),
    (
        "SubmitCmdRunStepEmrRole",
        "elasticmapreduce:DescribeCluster",
        "tells why a cluster refuses a step; submit_cmd_run_step_emr's own tests show it",
    ),
];

#[tokio::test]
async fn each_role_is_granted_what_it_uses_and_nothing_else() -> Result<()> {
    let folder = std::sync::Arc::new(tempfile::TempDir::new()?);
    let pipeline = Pipeline::start_with(folder, |options| options.enforce_iam = true).await?;
    pipeline.land_samples().await?;
    pipeline.load("privileges").await?;
    // A failure, a cluster that is protected, a run that is aborted: what a good run does not come to.
    pipeline
        .put(
            "landing/fact/card_transaction/bad.csv",
            "no such header\n1\n",
        )
        .await?;
    let failed = pipeline.run(json!({"BatchId": "bad"})).await?;
    ensure!(
        !failed.succeeded(),
        "a file without the right header was loaded"
    );
    let launched = pipeline
        .run_machine("launch-emr-cluster", json!({"BatchId": "protected"}))
        .await?;
    ensure!(launched.succeeded(), "{:?}", launched.cause);
    let listed = pipeline
        .emr(
            "ListClusters",
            json!({"ClusterStates": ["WAITING", "RUNNING"]}),
        )
        .await?;
    let id = listed["Clusters"][0]["Id"]
        .as_str()
        .context("no cluster")?
        .to_owned();
    let execution = launched.execution_arn.as_str();
    let adopted = json!({"ExecutionArn": execution, "BatchId": "protected"});
    invoke(&pipeline, "launch_emr", adopted.clone()).await?;
    {
        // Who reads the configuration is told that there is none, and not that it is denied.
        let _work = pipeline.runtime.clock().work();
        let bucket = pipeline.runtime.bucket()?;
        let s3 = &pipeline.runtime.services().s3;
        s3.delete(bucket, "config/config.ini", &Condition::Always)
            .await?;
    }
    for (function, event) in [
        ("launch_emr", adopted),
        ("check_duplicate_emr", json!({"ExecutionArn": execution})),
        ("add_worker_instances_emr", json!({"ClusterId": id})),
    ] {
        invoke(&pipeline, function, event).await?;
    }
    let protect = json!({"JobFlowIds": [id], "TerminationProtected": true});
    pipeline.emr("SetTerminationProtection", protect).await?;
    pipeline
        .run_machine("terminate-emr-cluster", json!({}))
        .await?;

    let enforcer = pipeline
        .runtime
        .enforcer()
        .context("policies are not enforced")?;
    let denied: Vec<String> = enforcer
        .denied()
        .into_iter()
        .map(|denied| {
            format!(
                "{} tried {} on {}",
                denied.role, denied.action, denied.resource
            )
        })
        .collect();
    let used = enforcer.used();
    let mut unused = Vec::new();
    for grant in enforcer.roles().grants() {
        let is_used = used
            .iter()
            .any(|used| used.role == grant.role && enforcer.roles().is_for(&grant, &used.action));
        let is_rare = RARELY_USED.iter().any(|(role, action, _)| {
            grant.role.contains(&format!("-{role}-")) && grant.action == *action
        });
        // Roles of functions; what machines and the cluster do depends on the scripts.
        let is_of_function = pipeline
            .runtime
            .stack()
            .functions
            .iter()
            .any(|function| function.role_arn.ends_with(&format!("/{}", grant.role)));
        if is_of_function && !is_used && !is_rare && !is_done_by_aws(&grant.action) {
            unused.push(format!(
                "{} is granted {} ({}) and never uses it",
                grant.role, grant.action, grant.statement
            ));
        }
    }
    ensure!(
        denied.is_empty() && unused.is_empty(),
        "{}\n{}",
        denied.join("\n"),
        unused.join("\n")
    );
    Ok(())
}

/// Calls a function as a person would, whatever it answers.
async fn invoke(pipeline: &Pipeline, function: &str, event: Value) -> Result<()> {
    let _work = pipeline.runtime.clock().work();
    let request = http::Request::post(format!("/2015-03-31/functions/pipeline-{function}/invocations"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=PERSON/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Body::from(event.to_string()))?;
    let answer = pipeline.runtime.services().call(request).await?;
    ensure!(
        answer.status().is_success(),
        "{function}: {}",
        answer.status()
    );
    Ok(())
}

/// The table of privileges: function, actions, resources, conditions.
fn table(stack: &Stack) -> String {
    let short = |text: &str| {
        text.replace("arn:aws:s3:::pipeline-000000000000-us-east-1", "B")
            .replace("arn:aws:", "")
            .replace(":us-east-1:000000000000", "")
            .replace("pipeline-", "STACK-")
            .replace('"', "")
    };
    let mut lines = vec![
        "| function | actions | resources | conditions |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for function in &stack.functions {
        let roles = of_type(stack, "AWS::IAM::Role");
        let role = roles.into_iter().find(|role| {
            function
                .role_arn
                .ends_with(&format!("/{}", role.physical_id))
        });
        let policies = role
            .map(|role| list(&role.properties["Policies"]))
            .unwrap_or_default();
        let statements = policies
            .iter()
            .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        let mut name = function.handler.as_str();
        for statement in statements {
            let words = |member: &str| {
                let values = list(&statement[member]);
                let texts: Vec<String> = values
                    .iter()
                    .map(|value| short(value.as_str().unwrap_or_default()))
                    .collect();
                texts.join("<br>")
            };
            let actions = words("Action");
            if actions.starts_with("logs:") || actions.starts_with("xray:") {
                continue;
            }
            let conditions = match &statement["Condition"] {
                Value::Null => String::new(),
                conditions => short(&conditions.to_string()),
            };
            let resources = words("Resource").replace('*', "\\*");
            let conditions = conditions.replace('*', "\\*").replace('|', "\\|");
            lines.push(format!(
                "| {name} | {actions} | {resources} | {conditions} |"
            ));
            name = "";
        }
    }
    lines.join("\n")
}

/// `UPDATE_GOLDEN=1 cargo test -p end-to-end-tests` writes the table anew.
#[test]
fn the_table_of_privileges_is_what_the_template_says() -> Result<()> {
    const BEGIN: &str = "<!-- the table of privileges -->\n";
    let path = project_folder().join("infra/aws/README.md");
    let text = std::fs::read_to_string(&path)?;
    let (head, _) = text
        .split_once(BEGIN)
        .context("README.md has no table of privileges")?;
    let wanted = format!("{head}{BEGIN}\n{}\n", table(&stack()?));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    ensure!(
        std::fs::read_to_string(&path)? == wanted,
        "the table in infra/aws/README.md is not what the template says; UPDATE_GOLDEN=1 writes it"
    );
    Ok(())
}
