//! The resources that mean something locally, resolved: what provisioning hands to the services. All others are recorded.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::Position;
use crate::template::node::Node;
use crate::template::properties::{Findings, Properties};

/// An S3 bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its key in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// The key that it is encrypted with by default.
    pub key_arn: Option<String>,
}

/// An SNS topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its key in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The key that it is encrypted with.
    pub key_arn: Option<String>,
    /// The subscriptions that are written within the topic.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription to a topic.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The topic.
    pub topic_arn: String,
    /// Such as `email`.
    pub protocol: String,
    /// Such as an address.
    pub endpoint: String,
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its key in the template.
    pub logical_id: String,
    /// Where it is declared.
    pub position: Position,
    /// Its name.
    pub name: String,
    /// Its ARN, without a qualifier.
    pub arn: String,
    /// `Handler`.
    pub handler: String,
    /// Its environment, in the order of the template, Globals first.
    pub environment: IndexMap<String, String>,
    /// After this an invocation is ended.
    pub timeout: Duration,
    /// In MiB.
    pub memory_mib: u32,
    /// `AutoPublishAlias`.
    pub alias: Option<String>,
    /// `VersionDescription`: a change of it makes a new version.
    pub version_description: Option<String>,
    /// `ReservedConcurrentExecutions`.
    pub concurrency_limit: Option<usize>,
    /// `LoggingConfig.LogFormat`: `Text` or `JSON`.
    pub log_format: Option<String>,
    /// `LoggingConfig.ApplicationLogLevel`.
    pub log_level: Option<String>,
    /// The role that it runs under.
    pub role_arn: String,
    /// `Policies`, resolved.
    pub policies: Value,
}

/// A state machine whose definition is a file.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// Its key in the template.
    pub logical_id: String,
    /// Where it is declared.
    pub position: Position,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `DefinitionUri`, as it is written: relative to the template.
    pub definition: PathBuf,
    /// Where `DefinitionUri` is.
    pub definition_position: Position,
    /// What the definition's `${…}` stand for, with the places of the keys.
    pub substitutions: IndexMap<String, (String, Position)>,
    /// STANDARD or EXPRESS.
    pub kind: String,
    /// The role that it runs under.
    pub role_arn: String,
    /// `Policies`, resolved.
    pub policies: Value,
    /// The members of CreateStateMachine for `Logging` and `Tracing`, as far as they are given.
    pub settings: IndexMap<String, Value>,
}

/// An EventBridge rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its key in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// The members of PutRule.
    pub rule: Value,
    /// The members `Targets` of PutTargets.
    pub targets: Value,
}

/// A schedule of EventBridge Scheduler.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its key in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// The members of CreateSchedule.
    pub schedule: Value,
}

/// A resource that has no local meaning; its name and attributes can be referred to.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// Its key in the template.
    pub logical_id: String,
    /// Such as `AWS::IAM::Role`.
    pub type_name: String,
    /// What `Ref` gives.
    pub physical_id: String,
    /// Its properties, resolved.
    pub properties: Value,
}

/// What identifies a resource while it is read.
pub(crate) struct Identified<'a> {
    pub(crate) logical_id: &'a str,
    pub(crate) position: &'a Position,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) role_arn: String,
    pub(crate) properties: Option<&'a Node>,
}

impl<'a> Identified<'a> {
    fn properties(&self) -> Properties<'a> {
        Properties::new(self.logical_id, self.position, self.properties)
    }
}

pub(crate) fn bucket(resource: &Identified<'_>, findings: &mut Findings) -> Bucket {
    let mut properties = resource.properties();
    properties.known(&["BucketName"]);
    properties.left_to_aws(&[
        "VersioningConfiguration",
        "PublicAccessBlockConfiguration",
        "OwnershipControls",
        "LifecycleConfiguration",
        "LoggingConfiguration",
        "IntelligentTieringConfigurations",
        "MetricsConfigurations",
        "Tags",
    ]);
    // Nothing is encrypted here, but who may use the key is asked when policies are enforced.
    let encryption = properties.json("BucketEncryption").and_then(|encryption| {
        let rule = &encryption["ServerSideEncryptionConfiguration"][0];
        let key = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"].as_str()?;
        Some(key.to_owned())
    });
    findings.absorb(properties.finish());
    Bucket {
        logical_id: resource.logical_id.to_owned(),
        name: resource.name.clone(),
        key_arn: encryption,
    }
}

pub(crate) fn topic(resource: &Identified<'_>, findings: &mut Findings) -> Topic {
    let mut properties = resource.properties();
    properties.known(&["TopicName"]);
    properties.left_to_aws(&["DisplayName", "KmsMasterKeyId", "Tags", "TracingConfig"]);
    let key_arn = properties.text("KmsMasterKeyId");
    let mut subscriptions = Vec::new();
    if let Some(list) = properties.get("Subscription") {
        for item in list.items().unwrap_or_default() {
            let owner = format!("{}.Subscription", resource.logical_id);
            let mut inner = Properties::new(&owner, &item.position, Some(item));
            subscriptions.push(Subscription {
                topic_arn: resource.arn.clone(),
                protocol: inner.required_text("Protocol"),
                endpoint: inner.required_text("Endpoint"),
            });
            properties.absorb("Subscription", inner.finish());
        }
    }
    findings.absorb(properties.finish());
    Topic {
        logical_id: resource.logical_id.to_owned(),
        name: resource.name.clone(),
        arn: resource.arn.clone(),
        key_arn,
        subscriptions,
    }
}

pub(crate) fn subscription(resource: &Identified<'_>, findings: &mut Findings) -> Subscription {
    let mut properties = resource.properties();
    let subscription = Subscription {
        topic_arn: properties.required_text("TopicArn"),
        protocol: properties.required_text("Protocol"),
        endpoint: properties.required_text("Endpoint"),
    };
    findings.absorb(properties.finish());
    subscription
}

pub(crate) fn function(resource: &Identified<'_>, findings: &mut Findings) -> Function {
    let mut properties = resource.properties();
    // The functions' program is built from the source in any case, for the machine that it runs on.
    properties.known(&["FunctionName", "Role"]);
    properties.left_to_aws(&[
        "Description",
        "Runtime",
        "Architectures",
        "CodeUri",
        "Tracing",
        "Tags",
        "KmsKeyArn",
        "DeadLetterQueue",
        "EventInvokeConfig",
        "DeploymentPreference",
        "AutoPublishAliasAllProperties",
        "RolePath",
        "PermissionsBoundary",
        "VpcConfig",
    ]);
    if let Some(package) = properties.get("PackageType")
        && package.as_str() != Some("Zip")
    {
        properties.complain(package, "only PackageType Zip is supported");
    }
    let mut environment = IndexMap::new();
    if let Some(node) = properties.get("Environment") {
        let owner = format!("{}.Environment", resource.logical_id);
        let mut inner = Properties::new(&owner, &node.position, Some(node));
        for (name, (value, position)) in inner.texts("Variables") {
            if is_reserved(&name) {
                let problem = format!(
                    "{}: Lambda reserves the variable {name}",
                    resource.logical_id
                );
                findings.problems.push(position.problem(problem));
            }
            environment.insert(name, value);
        }
        properties.absorb("Environment", inner.finish());
    }
    let (mut log_format, mut log_level) = (None, None);
    if let Some(node) = properties.get("LoggingConfig") {
        let owner = format!("{}.LoggingConfig", resource.logical_id);
        let mut inner = Properties::new(&owner, &node.position, Some(node));
        inner.left_to_aws(&["LogGroup", "SystemLogLevel"]);
        log_format = inner.text("LogFormat");
        log_level = inner.text("ApplicationLogLevel");
        properties.absorb("LoggingConfig", inner.finish());
    }
    let function = Function {
        logical_id: resource.logical_id.to_owned(),
        position: resource.position.clone(),
        name: resource.name.clone(),
        arn: resource.arn.clone(),
        handler: properties.required_text("Handler"),
        environment,
        timeout: Duration::from_secs(properties.number("Timeout", 1, 900).unwrap_or(3)),
        memory_mib: properties
            .number("MemorySize", 128, 10_240)
            .and_then(|memory| u32::try_from(memory).ok())
            .unwrap_or(128),
        alias: properties.text("AutoPublishAlias"),
        version_description: properties.text("VersionDescription"),
        concurrency_limit: properties
            .number("ReservedConcurrentExecutions", 0, 1000)
            .and_then(|limit| usize::try_from(limit).ok()),
        log_format,
        log_level,
        role_arn: resource.role_arn.clone(),
        policies: properties.json("Policies").unwrap_or_default(),
    };
    findings.absorb(properties.finish());
    function
}

fn is_reserved(variable: &str) -> bool {
    const RESERVED: [&str; 13] = [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "LAMBDA_TASK_ROOT",
    ];
    RESERVED.contains(&variable) || variable.starts_with("AWS_LAMBDA_FUNCTION_")
}

pub(crate) fn state_machine(resource: &Identified<'_>, findings: &mut Findings) -> StateMachine {
    let mut properties = resource.properties();
    properties.known(&["Name", "Role"]);
    properties.left_to_aws(&["Tags", "PermissionsBoundary", "RolePath"]);
    let mut settings = IndexMap::new();
    if let Some(logging) = properties.get("Logging") {
        let owner = format!("{}.Logging", resource.logical_id);
        let mut inner = Properties::new(&owner, &logging.position, Some(logging));
        let level = inner.text("Level").unwrap_or_else(|| "OFF".to_owned());
        let include = inner
            .json("IncludeExecutionData")
            .unwrap_or(Value::Bool(false));
        let destinations = inner
            .get("Destinations")
            .and_then(Node::items)
            .unwrap_or_default();
        let destinations = destinations.iter().map(|destination| {
            let group = destination.get("CloudWatchLogsLogGroup");
            let arn = group
                .and_then(|group| group.get("LogGroupArn"))
                .map(Node::to_json);
            json!({ "cloudWatchLogsLogGroup": { "logGroupArn": arn } })
        });
        let destinations: Vec<Value> = destinations.collect();
        let logging = json!({ "level": level, "includeExecutionData": include, "destinations": destinations });
        settings.insert("loggingConfiguration".to_owned(), logging);
        properties.absorb("Logging", inner.finish());
    }
    if let Some(tracing) = properties.get("Tracing") {
        let enabled = tracing
            .get("Enabled")
            .map_or(Value::Bool(false), Node::to_json);
        settings.insert(
            "tracingConfiguration".to_owned(),
            json!({ "enabled": enabled }),
        );
    }
    let definition_position = properties
        .get("DefinitionUri")
        .map_or_else(|| resource.position.clone(), |node| node.position.clone());
    // Events are read by the stack, because they become resources of their own.
    properties.known(&["Events"]);
    let machine = StateMachine {
        logical_id: resource.logical_id.to_owned(),
        position: resource.position.clone(),
        name: resource.name.clone(),
        arn: resource.arn.clone(),
        definition: PathBuf::from(properties.required_text("DefinitionUri")),
        definition_position,
        substitutions: properties.texts("DefinitionSubstitutions"),
        kind: properties
            .text("Type")
            .unwrap_or_else(|| "STANDARD".to_owned()),
        role_arn: resource.role_arn.clone(),
        policies: properties.json("Policies").unwrap_or_default(),
        settings,
    };
    findings.absorb(properties.finish());
    machine
}

pub(crate) fn rule(resource: &Identified<'_>, findings: &mut Findings) -> Rule {
    let mut properties = resource.properties();
    properties.known(&["Name"]);
    properties.left_to_aws(&["RoleArn", "Tags"]);
    let mut rule = json!({ "Name": resource.name });
    for key in ["ScheduleExpression", "State", "Description", "EventBusName"] {
        if let Some(text) = properties.text(key) {
            rule[key] = Value::String(text);
        }
    }
    if let Some(pattern) = properties.json("EventPattern") {
        rule["EventPattern"] = Value::String(pattern.to_string());
    }
    let targets = properties.json("Targets").unwrap_or_else(|| json!([]));
    findings.absorb(properties.finish());
    Rule {
        logical_id: resource.logical_id.to_owned(),
        name: resource.name.clone(),
        rule,
        targets,
    }
}

pub(crate) fn schedule(resource: &Identified<'_>, findings: &mut Findings) -> Schedule {
    let mut properties = resource.properties();
    properties.known(&["Name"]);
    properties.left_to_aws(&["KmsKeyArn"]);
    let mut schedule = json!({ "Name": resource.name });
    for key in [
        "GroupName",
        "Description",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
        "StartDate",
        "EndDate",
    ] {
        if let Some(text) = properties.text(key) {
            schedule[key] = Value::String(text);
        }
    }
    for key in ["FlexibleTimeWindow", "Target"] {
        match properties.json(key) {
            Some(value) => schedule[key] = value,
            None => {
                let problem = format!("{} needs {key}", resource.logical_id);
                findings.problems.push(resource.position.problem(problem));
            }
        }
    }
    findings.absorb(properties.finish());
    Schedule {
        logical_id: resource.logical_id.to_owned(),
        name: resource.name.clone(),
        schedule,
    }
}
