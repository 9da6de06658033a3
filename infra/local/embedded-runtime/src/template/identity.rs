//! What `Ref` and `Fn::GetAtt` give for each type of resource: names and ARNs, as CloudFormation makes them, but the same
//! at every start, so that a second start finds what the first has made.

use sha2::{Digest, Sha256};

use crate::problem::{Position, Problem};
use crate::template::Declaration;
use crate::template::evaluate::Evaluator;
use crate::template::node::Node;

type Text = Result<String, Vec<Problem>>;

/// How the physical name of a type is found.
struct Naming {
    /// The property that holds an explicit name.
    property: Option<&'static str>,
    /// What is generated without one.
    generated: Generated,
}

enum Generated {
    /// `<stack>-<logical id>-<twelve characters>`.
    Mixed,
    /// The same in lower case, cut to what a bucket's name may have.
    Lower,
    /// The same, ending in `.fifo` never; a UUID.
    Uuid,
    /// A prefix and seventeen hexadecimal digits, as EC2 has it.
    Prefixed(&'static str),
}

fn naming(type_name: &str) -> Option<Naming> {
    use Generated::{Lower, Mixed, Prefixed, Uuid};
    let (property, generated) = match type_name {
        "AWS::S3::Bucket" => (Some("BucketName"), Lower),
        "AWS::SNS::Topic" => (Some("TopicName"), Mixed),
        "AWS::SNS::Subscription" => (None, Uuid),
        "AWS::Serverless::Function" => (Some("FunctionName"), Mixed),
        "AWS::Serverless::StateMachine" => (Some("Name"), Mixed),
        "AWS::Events::Rule" | "AWS::Scheduler::Schedule" | "AWS::Scheduler::ScheduleGroup" => {
            (Some("Name"), Mixed)
        }
        "AWS::IAM::Role" => (Some("RoleName"), Mixed),
        "AWS::IAM::Policy" => (Some("PolicyName"), Mixed),
        "AWS::IAM::ManagedPolicy" => (Some("ManagedPolicyName"), Mixed),
        "AWS::IAM::InstanceProfile" => (Some("InstanceProfileName"), Mixed),
        "AWS::KMS::Key" => (None, Uuid),
        "AWS::KMS::Alias" => (Some("AliasName"), Mixed),
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => (Some("AlarmName"), Mixed),
        "AWS::CloudWatch::Dashboard" => (Some("DashboardName"), Mixed),
        "AWS::Logs::LogGroup" => (Some("LogGroupName"), Mixed),
        "AWS::Logs::MetricFilter" => (Some("FilterName"), Mixed),
        "AWS::SQS::Queue" => (Some("QueueName"), Mixed),
        "AWS::SSM::Parameter" => (Some("Name"), Mixed),
        "AWS::EMR::SecurityConfiguration"
        | "AWS::Glue::SecurityConfiguration"
        | "AWS::Athena::WorkGroup" => (Some("Name"), Mixed),
        "AWS::EC2::SecurityGroup" => (None, Prefixed("sg")),
        "AWS::EC2::VPCEndpoint" => (None, Prefixed("vpce")),
        "AWS::Glue::Database"
        | "AWS::S3::BucketPolicy"
        | "AWS::SNS::TopicPolicy"
        | "AWS::SQS::QueuePolicy"
        | "AWS::Lambda::Permission"
        | "AWS::Lambda::EventInvokeConfig"
        | "AWS::EC2::SecurityGroupIngress"
        | "AWS::EC2::SecurityGroupEgress"
        | "AWS::Budgets::Budget" => (None, Mixed),
        _ => return None,
    };
    Some(Naming {
        property,
        generated,
    })
}

/// Whether resources of this type can be provisioned or at least recorded.
pub(crate) fn is_known(type_name: &str) -> bool {
    naming(type_name).is_some()
}

/// Whether `name` is `Function.Alias` or `Function.Version`, which SAM lets `Ref` and `Fn::Sub` use.
pub(crate) fn is_versioned(evaluator: &Evaluator<'_>, name: &str) -> bool {
    let function = |logical_id: &str| {
        let declaration = evaluator.template.resources.get(logical_id);
        declaration.is_some_and(|declaration| declaration.type_name == "AWS::Serverless::Function")
    };
    matches!(name.split_once('.'), Some((logical_id, "Alias" | "Version")) if function(logical_id))
}

/// What `Ref` gives.
pub(crate) fn reference(evaluator: &Evaluator<'_>, name: &str, position: &Position) -> Text {
    if is_versioned(evaluator, name) {
        let (logical_id, attribute) = name.split_once('.').unwrap_or((name, ""));
        return versioned_function(evaluator, logical_id, attribute, position);
    }
    if let Some(role) = implicit_role(evaluator, name) {
        return Ok(role);
    }
    let declaration = declaration(evaluator, name, position)?;
    let physical = physical_name(evaluator, declaration)?;
    Ok(match declaration.type_name.as_str() {
        "AWS::SNS::Topic" => arn(evaluator, "sns", &physical),
        "AWS::SNS::Subscription" => {
            let topic = property(evaluator, declaration, "TopicArn")?.unwrap_or_default();
            format!("{topic}:{physical}")
        }
        "AWS::Serverless::StateMachine" => {
            arn(evaluator, "states", &format!("stateMachine:{physical}"))
        }
        "AWS::IAM::ManagedPolicy" => global_arn(evaluator, "iam", &format!("policy/{physical}")),
        "AWS::SQS::Queue" => queue_url(evaluator, &physical),
        "AWS::Glue::Database" => match declaration
            .properties
            .as_ref()
            .and_then(|node| node.get("DatabaseInput"))
        {
            Some(input) => match input.get("Name") {
                Some(name) => evaluator.text(name)?,
                None => physical.to_lowercase(),
            },
            None => physical.to_lowercase(),
        },
        _ => physical,
    })
}

/// What `Fn::GetAtt` gives.
pub(crate) fn attribute(
    evaluator: &Evaluator<'_>,
    name: &str,
    attribute: &str,
    position: &Position,
) -> Text {
    if let Some(role) = implicit_role(evaluator, name)
        && attribute == "Arn"
    {
        return Ok(global_arn(evaluator, "iam", &format!("role/{role}")));
    }
    let declaration = declaration(evaluator, name, position)?;
    let physical = physical_name(evaluator, declaration)?;
    let region = &evaluator.surroundings.region;
    let text = match (declaration.type_name.as_str(), attribute) {
        ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{physical}"),
        ("AWS::S3::Bucket", "DomainName") => format!("{physical}.s3.amazonaws.com"),
        ("AWS::S3::Bucket", "RegionalDomainName") => {
            format!("{physical}.s3.{region}.amazonaws.com")
        }
        ("AWS::SNS::Topic", "TopicArn") => arn(evaluator, "sns", &physical),
        ("AWS::SNS::Topic", "TopicName") => physical,
        ("AWS::Serverless::Function", "Arn") => function_arn(evaluator, &physical),
        ("AWS::Serverless::StateMachine", "Arn") => {
            arn(evaluator, "states", &format!("stateMachine:{physical}"))
        }
        ("AWS::Serverless::StateMachine", "Name") => physical,
        ("AWS::Events::Rule", "Arn") => arn(evaluator, "events", &format!("rule/{physical}")),
        ("AWS::Scheduler::Schedule", "Arn") => {
            let group = property(evaluator, declaration, "GroupName")?
                .unwrap_or_else(|| "default".to_owned());
            arn(
                evaluator,
                "scheduler",
                &format!("schedule/{group}/{physical}"),
            )
        }
        ("AWS::Scheduler::ScheduleGroup", "Arn") => arn(
            evaluator,
            "scheduler",
            &format!("schedule-group/{physical}"),
        ),
        ("AWS::IAM::Role", "Arn") => {
            let path = property(evaluator, declaration, "Path")?.unwrap_or_else(|| "/".to_owned());
            global_arn(evaluator, "iam", &format!("role{path}{physical}"))
        }
        ("AWS::IAM::Role", "RoleId") => format!("AROA{}", digest_text(evaluator, name, 17)),
        ("AWS::IAM::InstanceProfile", "Arn") => {
            global_arn(evaluator, "iam", &format!("instance-profile/{physical}"))
        }
        ("AWS::KMS::Key", "Arn") => arn(evaluator, "kms", &format!("key/{physical}")),
        ("AWS::KMS::Key", "KeyId") => physical,
        ("AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm", "Arn") => {
            arn(evaluator, "cloudwatch", &format!("alarm:{physical}"))
        }
        ("AWS::Logs::LogGroup", "Arn") => {
            arn(evaluator, "logs", &format!("log-group:{physical}:*"))
        }
        ("AWS::SQS::Queue", "Arn") => arn(evaluator, "sqs", &physical),
        ("AWS::SQS::Queue", "QueueName") => physical,
        ("AWS::SQS::Queue", "QueueUrl") => queue_url(evaluator, &physical),
        ("AWS::SSM::Parameter", "Value") => {
            property(evaluator, declaration, "Value")?.unwrap_or_default()
        }
        ("AWS::SSM::Parameter", "Type") => {
            property(evaluator, declaration, "Type")?.unwrap_or_default()
        }
        ("AWS::EC2::SecurityGroup", "GroupId") | ("AWS::EC2::VPCEndpoint", "Id") => physical,
        (type_name, _) => {
            let problem = format!(
                "{name} ({type_name}) has no attribute {attribute} that this runtime knows"
            );
            return Err(vec![position.problem(problem)]);
        }
    };
    Ok(text)
}

/// The name that a resource has in its service.
pub(crate) fn physical_name(evaluator: &Evaluator<'_>, declaration: &Declaration) -> Text {
    let logical_id = &declaration.logical_id;
    let Some(naming) = naming(&declaration.type_name) else {
        let problem = format!("resource type {} is not supported", declaration.type_name);
        return Err(vec![declaration.type_position.problem(problem)]);
    };
    if let Some(property) = naming.property
        && let Some(node) = declaration
            .properties
            .as_ref()
            .and_then(|node| node.get(property))
    {
        let what = format!("the name of {logical_id}");
        let given = evaluator.visit(&what, &node.position, || evaluator.value(node))?;
        if let Some(given) = given {
            return given
                .scalar_text()
                .ok_or_else(|| vec![node.problem(format!("{property} must be a string"))]);
        }
    }
    let stack = &evaluator.surroundings.stack_name;
    Ok(match naming.generated {
        Generated::Mixed => {
            generated_name(stack, logical_id, digest_text(evaluator, logical_id, 12))
        }
        Generated::Lower => {
            generated_name(stack, logical_id, digest_text(evaluator, logical_id, 12)).to_lowercase()
        }
        Generated::Uuid => uuid(&digest(evaluator, logical_id)),
        Generated::Prefixed(prefix) => {
            let digits: String = digest(evaluator, logical_id)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{prefix}-{}", &digits[..17])
        }
    })
}

/// The ARN of a function without a qualifier.
pub(crate) fn function_arn(evaluator: &Evaluator<'_>, name: &str) -> String {
    arn(evaluator, "lambda", &format!("function:{name}"))
}

/// The role that SAM makes for a function or a state machine that names none.
pub(crate) fn implicit_role_arn(evaluator: &Evaluator<'_>, logical_id: &str) -> String {
    let suffix = digest_text(evaluator, &format!("{logical_id}Role"), 12);
    let name = generated_name(
        &evaluator.surroundings.stack_name,
        &format!("{logical_id}Role"),
        suffix,
    );
    global_arn(evaluator, "iam", &format!("role/{name}"))
}

fn implicit_role(evaluator: &Evaluator<'_>, name: &str) -> Option<String> {
    let owner = name.strip_suffix("Role")?;
    if evaluator.template.resources.contains_key(name) {
        return None;
    }
    let owner = evaluator.template.resources.get(owner)?;
    let makes_roles = matches!(
        owner.type_name.as_str(),
        "AWS::Serverless::Function" | "AWS::Serverless::StateMachine"
    );
    let names_one = owner
        .properties
        .as_ref()
        .is_some_and(|node| node.get("Role").is_some());
    (makes_roles && !names_one).then(|| {
        let suffix = digest_text(evaluator, name, 12);
        generated_name(&evaluator.surroundings.stack_name, name, suffix)
    })
}

fn versioned_function(
    evaluator: &Evaluator<'_>,
    logical_id: &str,
    attribute: &str,
    position: &Position,
) -> Text {
    let declaration = declaration(evaluator, logical_id, position)?;
    let Some(alias) = property(evaluator, declaration, "AutoPublishAlias")? else {
        let problem = format!("{logical_id}.{attribute} needs AutoPublishAlias on {logical_id}");
        return Err(vec![position.problem(problem)]);
    };
    let arn = function_arn(evaluator, &physical_name(evaluator, declaration)?);
    let qualifier = if attribute == "Alias" {
        alias.as_str()
    } else {
        "1"
    };
    Ok(format!("{arn}:{qualifier}"))
}

fn declaration<'a>(
    evaluator: &Evaluator<'a>,
    name: &str,
    position: &Position,
) -> Result<&'a Declaration, Vec<Problem>> {
    let Some(declaration) = evaluator.template.resources.get(name) else {
        let problem = format!("{name} is neither a parameter nor a resource");
        return Err(vec![position.problem(problem)]);
    };
    if let Some((condition, at)) = &declaration.condition
        && !evaluator.condition(condition, at)?
    {
        let problem =
            format!("{name} does not exist here, because its condition {condition} does not hold");
        return Err(vec![position.problem(problem)]);
    }
    Ok(declaration)
}

fn property(
    evaluator: &Evaluator<'_>,
    declaration: &Declaration,
    name: &str,
) -> Result<Option<String>, Vec<Problem>> {
    let node: Option<&Node> = declaration
        .properties
        .as_ref()
        .and_then(|node| node.get(name));
    let Some(node) = node else { return Ok(None) };
    let what = format!("{name} of {}", declaration.logical_id);
    let value = evaluator.visit(&what, &node.position, || evaluator.value(node))?;
    Ok(value.and_then(|value| value.scalar_text()))
}

fn arn(evaluator: &Evaluator<'_>, service: &str, resource: &str) -> String {
    let (region, account) = (
        &evaluator.surroundings.region,
        &evaluator.surroundings.account,
    );
    format!("arn:aws:{service}:{region}:{account}:{resource}")
}

fn global_arn(evaluator: &Evaluator<'_>, service: &str, resource: &str) -> String {
    format!(
        "arn:aws:{service}::{}:{resource}",
        evaluator.surroundings.account
    )
}

fn queue_url(evaluator: &Evaluator<'_>, name: &str) -> String {
    let (region, account) = (
        &evaluator.surroundings.region,
        &evaluator.surroundings.account,
    );
    format!("https://sqs.{region}.amazonaws.com/{account}/{name}")
}

/// At most 64 characters, the limit of the strictest services, never at the cost of the suffix.
fn generated_name(stack: &str, logical_id: &str, suffix: String) -> String {
    let mut name = format!("{stack}-{logical_id}");
    name.truncate(63 - suffix.len());
    format!("{name}-{suffix}")
}

fn digest(evaluator: &Evaluator<'_>, logical_id: &str) -> [u8; 32] {
    let stack = &evaluator.surroundings.stack_name;
    Sha256::digest(format!("{stack}/{logical_id}")).into()
}

fn digest_text(evaluator: &Evaluator<'_>, logical_id: &str, length: usize) -> String {
    const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digest = digest(evaluator, logical_id);
    let letters = digest.iter().take(length);
    letters
        .map(|byte| char::from(LETTERS[usize::from(*byte) % 36]))
        .collect()
}

fn uuid(digest: &[u8; 32]) -> String {
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}
