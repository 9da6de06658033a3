//! What no linter sees in the template: a topic that is encrypted admits its publishers, a queue its sender; a role reaches
//! everything only where it must; the tables in infra/aws/README.md are what the template says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use embedded_runtime::template::resources::Recorded;
use embedded_runtime::{Project, Stack};
use serde_json::{Value, json};

use crate::harness::project_folder;

pub(crate) fn stack() -> Result<Stack> {
    let project = Project::load(&project_folder())?;
    let surroundings = embedded_runtime::runtime::surroundings();
    let resolved = project.template.resolve(&surroundings, &BTreeMap::new());
    resolved.map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

pub(crate) fn of_type<'a>(stack: &'a Stack, type_name: &str) -> Vec<&'a Recorded> {
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
const WITHOUT_RESOURCE: [&str; 21] = [
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
    "ec2:DescribeVpcs",
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

fn stack_with(given: &[(&str, &str)]) -> Result<Stack> {
    let project = Project::load(&project_folder())?;
    let surroundings = embedded_runtime::runtime::surroundings();
    let parameters = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let resolved = project.template.resolve(&surroundings, &parameters);
    resolved.map_err(|problems| anyhow::anyhow!("{given:?}: {problems:?}"))
}

const KEY_OF_A_BUCKET: (&str, &str) = (
    "ExistingBucketKeyArn",
    "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555",
);

/// The stack's own bucket is encrypted with the stack's own key: another one would be granted and never used.
#[test]
fn the_key_of_a_bucket_is_not_taken_without_the_bucket() -> Result<()> {
    let refused = stack_with(&[KEY_OF_A_BUCKET]).err();
    let refused = format!("{:?}", refused.context("it is taken")?);
    ensure!(
        refused.contains("ExistingBucketKeyArn needs ExistingBucket"),
        "{refused}"
    );
    stack_with(&[KEY_OF_A_BUCKET, ("ExistingBucket", "my-bucket")]).map(drop)
}

/// The alias points to a version, which keeps the environment that it was published with. A change of a parameter publishes
/// no version by itself; a change of the version's description does, and fails where nothing else of the function changes.
#[test]
fn a_parameter_that_reaches_a_function_makes_a_new_version_of_it_and_of_no_other() -> Result<()> {
    let mut reached = 0;
    for (parameter, value) in [
        ("AlertEmail", "somebody@example.com"),
        ("SubnetId", "subnet-1"),
        ("ScheduleExpression", "rate(1 hour)"),
        ("ScheduleTimezone", "Europe/Berlin"),
        ("ScheduleState", "ENABLED"),
        ("LateAfterSeconds", "900"),
        ("DimensionTables", "country"),
        ("FactTables", "transfer_transaction"),
        ("FactNeeds", "transfer_transaction=currency"),
        ("RejectedRowsAllowed", "5"),
        ("RepeatedFiles", "skip"),
        ("MailWhenNothingToLoad", "true"),
        ("ExistingBucket", "my-bucket"),
        KEY_OF_A_BUCKET,
        ("CreateGlueDatabases", "false"),
        ("AthenaScanLimitBytes", "20000000"),
        ("VpcId", "vpc-1"),
        ("EncryptInTransit", "true"),
        ("DollarsPerNormalizedHour", "0.05"),
        ("LogRetentionDays", "7"),
    ] {
        let beside: &[_] = match parameter {
            "ExistingBucketKeyArn" => &[("ExistingBucket", "my-bucket")],
            _ => &[],
        };
        let usual = stack_with(beside)?;
        let changed = stack_with(&[beside, &[(parameter, value)]].concat())?;
        for (before, after) in usual.functions.iter().zip(&changed.functions) {
            let environment = before.environment != after.environment;
            let version = before.version_description != after.version_description;
            reached += usize::from(environment);
            ensure!(
                environment == version,
                "{parameter} changes the environment of {}: {environment}; its VersionDescription: {version}",
                before.handler
            );
            let description = after.version_description.as_deref().unwrap_or_default();
            ensure!(description.len() <= 256, "{description}");
        }
    }
    ensure!(reached >= 10, "the parameters reach no function");
    Ok(())
}

/// An ARN or a condition as the tables have it: what belongs to every stack is left out, what is made up is named.
fn short(stack: &Stack, text: &str) -> String {
    let mut short = text.to_owned();
    for key in of_type(stack, "AWS::KMS::Key") {
        let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{}", key.physical_id);
        short = short.replace(&arn, "KEY");
    }
    for role in of_type(stack, "AWS::IAM::Role") {
        let arn = format!("arn:aws:iam::000000000000:role/{}", role.physical_id);
        short = short.replace(&arn, &role.logical_id);
    }
    short
        .replace("arn:aws:s3:::pipeline-000000000000-us-east-1", "B")
        .replace("arn:aws:", "")
        .replace(":us-east-1:000000000000", "")
        .replace(".us-east-1.amazonaws.com", ".REGION.amazonaws.com")
        .replace("pipeline-", "STACK-")
        .replace(
            "ResourceTag/pipeline:pipeline",
            "ResourceTag/pipeline:STACK",
        )
        .replace("RequestTag/pipeline:pipeline", "RequestTag/pipeline:STACK")
        .replace('*', "\\*")
        .replace('|', "\\|")
}

/// The rows of one role: actions, resources, conditions. Its own log and its traces are left out.
fn rows(stack: &Stack, owner: &str, role: &Recorded) -> Vec<String> {
    let mut rows = Vec::new();
    let policies = list(&role.properties["Policies"]);
    let statements = policies
        .iter()
        .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    for statement in statements {
        let words = |member: &str| {
            let values = list(&statement[member]);
            let texts = values.iter().filter_map(Value::as_str);
            let texts: Vec<String> = texts.map(|text| short(stack, text)).collect();
            texts.join("<br>")
        };
        let actions = words("Action");
        if actions.starts_with("logs:") || actions.starts_with("xray:") {
            continue;
        }
        let denies = if statement["Effect"] == "Deny" {
            "**never** "
        } else {
            ""
        };
        let conditions = match &statement["Condition"] {
            Value::Null => String::new(),
            conditions => short(stack, &conditions.to_string().replace('"', "")),
        };
        let name = if rows.is_empty() { owner } else { "" };
        rows.push(format!(
            "| {name} | {denies}{actions} | {} | {conditions} |",
            words("Resource")
        ));
    }
    rows
}

/// The tables of privileges: functions, state machines, and everybody else.
fn tables(stack: &Stack) -> String {
    let roles = of_type(stack, "AWS::IAM::Role");
    let of_arn = |arn: &str| {
        let mut roles = roles.iter().copied();
        roles.find(|role| arn.ends_with(&format!("/{}", role.physical_id)))
    };
    let functions = stack.functions.iter();
    let functions: Vec<_> = functions
        .map(|function| (function.handler.clone(), of_arn(&function.role_arn)))
        .collect();
    let machines = stack.state_machines.iter();
    let machines: Vec<_> = machines
        .map(|machine| {
            (
                machine.name.replace("pipeline-", ""),
                of_arn(&machine.role_arn),
            )
        })
        .collect();
    let owned = |role: &Recorded| {
        let mut owners = functions.iter().chain(&machines);
        owners.any(|(_, owner)| owner.is_some_and(|owner| owner.logical_id == role.logical_id))
    };
    let others = roles.iter().copied().filter(|role| !owned(role));
    let others: Vec<_> = others
        .map(|role| (role.logical_id.clone(), Some(role)))
        .collect();
    let mut text = String::new();
    for (heading, owners) in [
        ("function", functions.clone()),
        ("state machine", machines.clone()),
        ("role", others),
    ] {
        text.push_str(&format!(
            "\n| {heading} | actions | resources | conditions |\n|---|---|---|---|\n"
        ));
        for (owner, role) in owners {
            for row in role
                .map(|role| rows(stack, &owner, role))
                .unwrap_or_default()
            {
                text.push_str(&row);
                text.push('\n');
            }
        }
    }
    text
}

/// `UPDATE_GOLDEN=1 cargo test -p end-to-end-tests` writes the tables anew.
#[test]
fn the_tables_of_privileges_are_what_the_template_says() -> Result<()> {
    const BEGIN: &str = "<!-- the tables of privileges -->\n";
    let path = project_folder().join("infra/aws/README.md");
    let text = std::fs::read_to_string(&path)?;
    let (head, _) = text
        .split_once(BEGIN)
        .context("README.md has no tables of privileges")?;
    let wanted = format!("{head}{BEGIN}{}", tables(&stack()?));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    ensure!(
        std::fs::read_to_string(&path)? == wanted,
        "the tables in infra/aws/README.md are not what the template says; UPDATE_GOLDEN=1 writes them"
    );
    Ok(())
}
