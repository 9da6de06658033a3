//! RunJobFlow: the request is checked as EMR checks it, and becomes a cluster.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use virtual_time::Entropy;

use super::input::{Instances, RunJobFlow, StepConfig, given};
use super::model::{
    ActionOnFailure, Activity, Cluster, ClusterState, Reason, Step, StepState, Timeline,
};
use super::releases;
use super::requested_capacity::collections;
use crate::failure::ServiceError;

/// Active steps that a cluster can have.
pub(super) const MOST_STEPS: usize = 256;
const LONGEST_NAME: usize = 256;
const MOST_TAGS: usize = 50;

pub(super) fn refuse<T>(message: impl Into<String>) -> Result<T, ServiceError> {
    Err(ServiceError::validation(message))
}

/// Makes a cluster of a request, or says what is wrong with it.
pub(super) fn cluster(
    request: RunJobFlow,
    arn: impl Fn(&str) -> String,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Cluster, ServiceError> {
    check_names(&request)?;
    let release_label = check_release(&request)?;
    check_roles(&request)?;
    check_tags(&request.tags)?;
    let step_concurrency = check_concurrency(request.step_concurrency_level.unwrap_or(1))?;
    let idle_timeout_seconds = match &request.auto_termination_policy {
        Some(policy) => check_idle_timeout(policy.idle_timeout)?,
        None => None,
    };
    if let Some(log_uri) = &request.log_uri
        && !["s3://", "s3n://", "s3a://"]
            .iter()
            .any(|scheme| log_uri.starts_with(scheme))
    {
        return refuse(format!("LogUri '{log_uri}' is not a valid S3 URI"));
    }
    let (uses_groups, collections) = collections(&request.instances, entropy, now)?;
    let steps = steps(request.steps, None, step_concurrency, entropy, now)?;
    if steps.len() > MOST_STEPS {
        return refuse(too_many_steps());
    }
    let id = format!("j-{}", entropy.identifier(13));
    let applications: Vec<Value> = request
        .applications
        .iter()
        .map(|application| match &application.version {
            Some(version) => json!({"Name": application.name, "Version": version}),
            None => json!({"Name": application.name}),
        })
        .collect();
    let shown = given([
        ("Applications", Some(Value::from(applications))),
        ("Configurations", request.configurations),
        ("ServiceRole", request.service_role.map(Value::from)),
        (
            "SecurityConfiguration",
            request.security_configuration.map(Value::from),
        ),
        (
            "AutoScalingRole",
            request.auto_scaling_role.map(Value::from),
        ),
        (
            "ScaleDownBehavior",
            Some(
                request
                    .scale_down_behavior
                    .map_or(json!("TERMINATE_AT_TASK_COMPLETION"), Value::from),
            ),
        ),
        (
            "EbsRootVolumeSize",
            request.ebs_root_volume_size.map(Value::from),
        ),
        (
            "RepoUpgradeOnBoot",
            request.repo_upgrade_on_boot.map(Value::from),
        ),
        ("OSReleaseLabel", request.os_release_label.map(Value::from)),
        (
            "LogEncryptionKmsKeyId",
            request.log_encryption_kms_key_id.map(Value::from),
        ),
        (
            "UnhealthyNodeReplacement",
            request
                .instances
                .unhealthy_node_replacement
                .map(Value::from),
        ),
    ]);
    Ok(Cluster {
        arn: arn(&format!("cluster/{id}")),
        id,
        name: request.name,
        release_label,
        log_uri: request.log_uri.map(|uri| {
            if uri.ends_with('/') {
                uri
            } else {
                format!("{uri}/")
            }
        }),
        state: ClusterState::Starting,
        reason: Reason::message("Provisioning Amazon EC2 capacity"),
        timeline: Timeline::from(now),
        due: None,
        latest: now,
        ends_with_errors: false,
        keep_alive: request.instances.keep_job_flow_alive_when_no_steps,
        protected: request.instances.termination_protected,
        visible: request.visible_to_all_users,
        step_concurrency,
        idle_timeout_seconds,
        tags: request.tags,
        shown,
        ec2: ec2_attributes(&request.instances, request.job_flow_role.as_deref()),
        uses_groups,
        collections,
        instances: Vec::new(),
        steps,
        activity: Activity::default(),
    })
}

fn check_names(request: &RunJobFlow) -> Result<(), ServiceError> {
    if request.name.len() > LONGEST_NAME {
        return refuse(
            "1 validation error detected: Value at 'name' failed to satisfy constraint: Member must have length less than or equal to 256",
        );
    }
    for application in &request.applications {
        let name = application.name.as_deref().unwrap_or_default();
        if !releases::has_application(name) {
            return refuse(format!(
                "Specified application: {name} is unavailable or invalid for the release label."
            ));
        }
    }
    if let Some(configurations) = &request.configurations {
        check_configurations(configurations)?;
    }
    Ok(())
}

fn check_configurations(configurations: &Value) -> Result<(), ServiceError> {
    let Some(list) = configurations.as_array() else {
        return Err(ServiceError::new(
            "SerializationException",
            "Configurations must be a list",
        ));
    };
    for configuration in list {
        if configuration
            .get("Classification")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return refuse("Classification is required for each configuration.");
        }
        if let Some(properties) = configuration.get("Properties").and_then(Value::as_object)
            && let Some((name, _)) = properties.iter().find(|(_, value)| !value.is_string())
        {
            return Err(ServiceError::new(
                "SerializationException",
                format!("the property {name} must be a string"),
            ));
        }
        if let Some(nested) = configuration.get("Configurations") {
            check_configurations(nested)?;
        }
    }
    Ok(())
}

fn check_release(request: &RunJobFlow) -> Result<String, ServiceError> {
    match request.release_label.as_deref() {
        None | Some("") => refuse(
            "Must specify exactly one of the following: release label, AMI version, or Amazon Machine Image (AMI) ID.",
        ),
        Some(label) if releases::exists(label) => Ok(label.to_owned()),
        Some(label) => refuse(format!("The supplied release label is invalid: {label}.")),
    }
}

fn check_roles(request: &RunJobFlow) -> Result<(), ServiceError> {
    if request.job_flow_role.as_deref().is_none_or(str::is_empty) {
        return refuse("InstanceProfile is required for creating cluster.");
    }
    if request.service_role.as_deref().is_none_or(str::is_empty) {
        return refuse("ServiceRole is required for creating cluster.");
    }
    Ok(())
}

pub(super) fn check_tags(tags: &[super::model::Tag]) -> Result<(), ServiceError> {
    if tags.len() > MOST_TAGS {
        return refuse("A resource can have at most 50 tags.");
    }
    for (position, tag) in tags.iter().enumerate() {
        if tag.key.is_empty() || tag.key.chars().count() > 128 {
            return refuse(format!(
                "Tag key '{}' must have between 1 and 128 characters.",
                tag.key
            ));
        }
        if tag.value.chars().count() > 256 {
            return refuse(format!(
                "The value of tag '{}' must have at most 256 characters.",
                tag.key
            ));
        }
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return refuse(format!(
                "Tag key '{}' begins with 'aws:', which is reserved.",
                tag.key
            ));
        }
        if tags[..position]
            .iter()
            .any(|earlier| earlier.key == tag.key)
        {
            return refuse(format!("Duplicate tag keys found: {}.", tag.key));
        }
    }
    Ok(())
}

pub(super) fn check_concurrency(level: i64) -> Result<u32, ServiceError> {
    match u32::try_from(level) {
        Ok(level @ 1..=256) => Ok(level),
        _ => refuse(format!(
            "StepConcurrencyLevel must be between 1 and 256, and is {level}."
        )),
    }
}

pub(super) fn check_idle_timeout(seconds: Option<i64>) -> Result<Option<i64>, ServiceError> {
    match seconds {
        None => Ok(Some(3600)),
        Some(seconds @ 60..=604_800) => Ok(Some(seconds)),
        Some(seconds) => refuse(format!(
            "AutoTerminationPolicy.IdleTimeout must be between 60 and 604800 seconds, and is {seconds}."
        )),
    }
}

/// Steps of a request, checked; they are given ids in their order.
pub(super) fn steps(
    configs: Vec<StepConfig>,
    execution_role: Option<&str>,
    concurrency: u32,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<Step>, ServiceError> {
    let mut steps = Vec::with_capacity(configs.len());
    for config in configs {
        let action = config
            .action_on_failure
            .unwrap_or(ActionOnFailure::Continue);
        if concurrency > 1 && action != ActionOnFailure::Continue {
            return refuse(
                "ActionOnFailure must be CONTINUE for clusters whose StepConcurrencyLevel is greater than 1.",
            );
        }
        if config.name.len() > LONGEST_NAME {
            return refuse(
                "1 validation error detected: Value at 'steps.1.member.name' failed to satisfy constraint: Member must have length less than or equal to 256",
            );
        }
        if config.hadoop_jar_step.jar.is_empty() {
            return refuse(format!("Step '{}' has no jar.", config.name));
        }
        let jar = config.hadoop_jar_step;
        let longest = jar.args.iter().map(String::len).max().unwrap_or(0);
        if longest > 10_280 {
            return refuse(format!(
                "An argument of step '{}' is longer than 10280 characters.",
                config.name
            ));
        }
        steps.push(Step {
            id: format!("s-{}", entropy.identifier(13)),
            name: config.name,
            jar: jar.jar,
            main_class: jar.main_class,
            args: jar.args,
            properties: jar
                .properties
                .into_iter()
                .map(|one| (one.key, one.value))
                .collect(),
            action_on_failure: action,
            execution_role: execution_role.map(str::to_owned),
            state: StepState::Pending,
            reason: Reason::default(),
            failure: None,
            created: now,
            started: None,
            ended: None,
            due: None,
            command_runs: false,
        });
    }
    Ok(steps)
}

pub(super) fn too_many_steps() -> &'static str {
    "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
}

fn ec2_attributes(instances: &Instances, profile: Option<&str>) -> Value {
    let subnets = instances
        .ec2_subnet_ids
        .clone()
        .unwrap_or_else(|| instances.ec2_subnet_id.clone().into_iter().collect());
    let members = given([
        (
            "Ec2KeyName",
            instances.ec2_key_name.clone().map(Value::from),
        ),
        ("Ec2SubnetId", subnets.first().cloned().map(Value::from)),
        ("RequestedEc2SubnetIds", Some(Value::from(subnets))),
        (
            "Ec2AvailabilityZone",
            availability_zone(instances.placement.as_ref()),
        ),
        ("IamInstanceProfile", profile.map(Value::from)),
        (
            "EmrManagedMasterSecurityGroup",
            instances
                .emr_managed_master_security_group
                .clone()
                .map(Value::from),
        ),
        (
            "EmrManagedSlaveSecurityGroup",
            instances
                .emr_managed_slave_security_group
                .clone()
                .map(Value::from),
        ),
        (
            "ServiceAccessSecurityGroup",
            instances
                .service_access_security_group
                .clone()
                .map(Value::from),
        ),
        (
            "AdditionalMasterSecurityGroups",
            instances
                .additional_master_security_groups
                .clone()
                .map(Value::from),
        ),
        (
            "AdditionalSlaveSecurityGroups",
            instances
                .additional_slave_security_groups
                .clone()
                .map(Value::from),
        ),
    ]);
    Value::Object(members.into_iter().collect::<Map<String, Value>>())
}

fn availability_zone(placement: Option<&Value>) -> Option<Value> {
    placement?.get("AvailabilityZone").cloned()
}
