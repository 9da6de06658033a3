//! RunJobFlow: the request is checked as EMR checks it, and becomes a cluster.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use virtual_time::Entropy;

use super::input::{self, InstanceFleet, InstanceGroup, Instances, RunJobFlow, StepConfig, given};
use super::model::{
    ActionOnFailure, Activity, Cluster, ClusterState, Collection, CollectionState, Market, Reason,
    Role, SpotTimeout, Step, StepState, Timeline, TypeConfig,
};
use super::releases;
use crate::failure::ServiceError;

/// Active steps that a cluster can have.
pub(super) const MOST_STEPS: usize = 256;
const LONGEST_NAME: usize = 256;
const MOST_TAGS: usize = 50;
const SPOT_STRATEGIES: [&str; 5] = [
    "capacity-optimized",
    "price-capacity-optimized",
    "lowest-price",
    "diversified",
    "capacity-optimized-prioritized",
];
const ON_DEMAND_STRATEGIES: [&str; 2] = ["lowest-price", "prioritized"];

fn refuse<T>(message: impl Into<String>) -> Result<T, ServiceError> {
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

fn collections(
    instances: &Instances,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<(bool, Vec<Collection>), ServiceError> {
    let simple = instances.master_instance_type.is_some()
        || instances.slave_instance_type.is_some()
        || instances.instance_count.is_some();
    match (&instances.instance_fleets, &instances.instance_groups) {
        (Some(_), Some(_)) => refuse(
            "Instance fleets and instance groups are mutually exclusive. The request specifies both.",
        ),
        (Some(_), None) | (None, Some(_)) if simple => refuse(
            "Please configure instances using one and only one of the following: composition of MasterInstanceType, SlaveInstanceType, and InstanceCount; instance groups; instance fleets.",
        ),
        (Some(fleets), None) => {
            check_roles_of(
                fleets.iter().map(|fleet| fleet.instance_fleet_type),
                "instance fleet",
            )?;
            let fleets = fleets.iter().map(|fleet| of_fleet(fleet, entropy, now));
            Ok((false, fleets.collect::<Result<_, _>>()?))
        }
        (None, Some(groups)) => {
            check_roles_of(
                groups.iter().map(|group| group.instance_role),
                "instance group",
            )?;
            let groups = groups.iter().map(|group| of_group(group, entropy, now));
            Ok((true, groups.collect::<Result<_, _>>()?))
        }
        (None, None) => Ok((true, simple_groups(instances, entropy, now)?)),
    }
}

fn check_roles_of(roles: impl Iterator<Item = Role>, kind: &str) -> Result<(), ServiceError> {
    let roles: Vec<Role> = roles.collect();
    let count = |role: Role| roles.iter().filter(|one| **one == role).count();
    if count(Role::Master) != 1 {
        return refuse(format!(
            "The request must have exactly one master {kind}, and has {}.",
            count(Role::Master)
        ));
    }
    if count(Role::Core) > 1 {
        return refuse(format!("A cluster can have at most one core {kind}."));
    }
    if count(Role::Task) > 0 && count(Role::Core) == 0 {
        return refuse(format!(
            "Clusters with a task {kind} must also have a core {kind}."
        ));
    }
    if kind == "instance fleet" && count(Role::Task) > 1 {
        return refuse("A cluster can have at most one task instance fleet.");
    }
    Ok(())
}

fn of_fleet(
    fleet: &InstanceFleet,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Collection, ServiceError> {
    let role = fleet.instance_fleet_type;
    let total = fleet
        .target_on_demand_capacity
        .saturating_add(fleet.target_spot_capacity);
    if role == Role::Master && total != 1 {
        return refuse(
            "The master instance fleet must have a target capacity of 1, either On-Demand or Spot.",
        );
    }
    if role == Role::Core && total == 0 {
        return refuse(
            "At least one of TargetOnDemandCapacity and TargetSpotCapacity of the core instance fleet must be greater than 0.",
        );
    }
    if fleet.instance_type_configs.is_empty() {
        return refuse(format!(
            "InstanceTypeConfigs of the {} instance fleet must not be empty.",
            role.as_str()
        ));
    }
    let launch: input::LaunchSpecifications = match &fleet.launch_specifications {
        Some(value) => input::read("RunJobFlow", value.clone())?,
        None => input::LaunchSpecifications::default(),
    };
    let most_types = if launch
        .spot_specification
        .as_ref()
        .is_some_and(|spot| spot.allocation_strategy.is_some())
        || launch.on_demand_specification.is_some()
    {
        30
    } else {
        5
    };
    if fleet.instance_type_configs.len() > most_types {
        return refuse(format!(
            "The {} instance fleet has {} instance types; at most {most_types} are allowed.",
            role.as_str(),
            fleet.instance_type_configs.len()
        ));
    }
    let spot_timeout = check_launch(&launch)?;
    let spot_resize_minutes = check_resize(fleet.resize_specifications.as_ref())?;
    let mut types = Vec::with_capacity(fleet.instance_type_configs.len());
    for config in &fleet.instance_type_configs {
        types.push(of_type(config)?);
    }
    let id = format!("if-{}", entropy.identifier(13));
    let mut collection = empty(id, role, fleet.name.clone(), now);
    collection.on_demand_target = fleet.target_on_demand_capacity;
    collection.spot_target = fleet.target_spot_capacity;
    collection.types = types;
    collection.launch = fleet.launch_specifications.clone();
    collection.resize = fleet.resize_specifications.clone();
    collection.spot_timeout = spot_timeout;
    collection.spot_resize_minutes = spot_resize_minutes;
    Ok(collection)
}

fn of_type(config: &input::InstanceTypeConfig) -> Result<TypeConfig, ServiceError> {
    check_type(&config.instance_type)?;
    if config.bid_price.is_some() && config.bid_price_as_percentage_of_on_demand_price.is_some() {
        return refuse("BidPrice and BidPriceAsPercentageOfOnDemandPrice are mutually exclusive.");
    }
    let weight = config.weighted_capacity.unwrap_or(1);
    if weight == 0 {
        return refuse(format!(
            "WeightedCapacity of {} must be at least 1.",
            config.instance_type
        ));
    }
    let percentage = config.bid_price_as_percentage_of_on_demand_price;
    Ok(TypeConfig {
        instance_type: config.instance_type.clone(),
        weight,
        shown: given([
            ("BidPrice", config.bid_price.clone().map(Value::from)),
            (
                "BidPriceAsPercentageOfOnDemandPrice",
                percentage.map(Value::from),
            ),
            ("Configurations", config.configurations.clone()),
            (
                "EbsBlockDevices",
                config.ebs_configuration.as_ref().map(block_devices),
            ),
            ("Priority", config.priority.map(Value::from)),
        ]),
    })
}

fn block_devices(configuration: &Value) -> Value {
    let mut devices = Vec::new();
    for config in configuration
        .get("EbsBlockDeviceConfigs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let count = config
            .get("VolumesPerInstance")
            .and_then(Value::as_u64)
            .unwrap_or(1);
        for _ in 0..count {
            let device = format!(
                "/dev/sd{}",
                char::from(b'b' + u8::try_from(devices.len() % 24).unwrap_or(0))
            );
            devices.push(
                json!({"VolumeSpecification": config.get("VolumeSpecification"), "Device": device}),
            );
        }
    }
    Value::from(devices)
}

fn check_type(instance_type: &str) -> Result<(), ServiceError> {
    let known = instance_type.split_once('.').is_some_and(|(family, size)| {
        !family.is_empty()
            && !size.is_empty()
            && family.starts_with(|letter: char| letter.is_ascii_lowercase())
    });
    if known {
        Ok(())
    } else {
        refuse(format!("Instance type '{instance_type}' is not supported."))
    }
}

fn check_launch(launch: &input::LaunchSpecifications) -> Result<Option<SpotTimeout>, ServiceError> {
    if let Some(on_demand) = &launch.on_demand_specification {
        check_strategy(&on_demand.allocation_strategy, &ON_DEMAND_STRATEGIES)?;
    }
    let Some(spot) = &launch.spot_specification else {
        return Ok(None);
    };
    if let Some(strategy) = &spot.allocation_strategy {
        check_strategy(strategy, &SPOT_STRATEGIES)?;
    }
    if !(5..=1440).contains(&spot.timeout_duration_minutes) {
        return refuse(
            "TimeoutDurationMinutes of the SpotSpecification must be between 5 and 1440.",
        );
    }
    let switch_to_on_demand = match spot.timeout_action.as_str() {
        "SWITCH_TO_ON_DEMAND" => true,
        "TERMINATE_CLUSTER" => false,
        other => {
            return refuse(format!(
                "Value '{other}' at 'timeoutAction' failed to satisfy constraint: Member must satisfy enum value set: [SWITCH_TO_ON_DEMAND, TERMINATE_CLUSTER]"
            ));
        }
    };
    Ok(Some(SpotTimeout {
        minutes: spot.timeout_duration_minutes,
        switch_to_on_demand,
    }))
}

/// How long a resize waits for spot capacity, in minutes.
pub(super) fn check_resize(specifications: Option<&Value>) -> Result<Option<u32>, ServiceError> {
    let Some(value) = specifications else {
        return Ok(None);
    };
    let resize: input::ResizeSpecifications = input::read("ResizeSpecifications", value.clone())?;
    if let Some(on_demand) = &resize.on_demand_resize_specification {
        if let Some(strategy) = &on_demand.allocation_strategy {
            check_strategy(strategy, &ON_DEMAND_STRATEGIES)?;
        }
        check_resize_minutes(on_demand.timeout_duration_minutes)?;
    }
    let Some(spot) = &resize.spot_resize_specification else {
        return Ok(None);
    };
    if let Some(strategy) = &spot.allocation_strategy {
        check_strategy(strategy, &SPOT_STRATEGIES)?;
    }
    check_resize_minutes(spot.timeout_duration_minutes)
}

fn check_resize_minutes(minutes: Option<u32>) -> Result<Option<u32>, ServiceError> {
    match minutes {
        Some(minutes) if !(5..=10_080).contains(&minutes) => {
            refuse("TimeoutDurationMinutes of a resize specification must be between 5 and 10080.")
        }
        minutes => Ok(minutes),
    }
}

fn check_strategy(strategy: &str, known: &[&str]) -> Result<(), ServiceError> {
    if known.contains(&strategy) {
        return Ok(());
    }
    refuse(format!(
        "Value '{strategy}' at 'allocationStrategy' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
        known.join(", ")
    ))
}

fn of_group(
    group: &InstanceGroup,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Collection, ServiceError> {
    check_type(&group.instance_type)?;
    let role = group.instance_role;
    if role == Role::Master && !matches!(group.instance_count, 1 | 3) {
        return refuse("The master instance group must have 1 or 3 instances.");
    }
    if role == Role::Core && group.instance_count == 0 {
        return refuse("The core instance group must have at least 1 instance.");
    }
    let market = group.market.unwrap_or(Market::OnDemand);
    let mut collection = empty(
        format!("ig-{}", entropy.identifier(13)),
        role,
        group.name.clone(),
        now,
    );
    match market {
        Market::OnDemand => collection.on_demand_target = group.instance_count,
        Market::Spot => collection.spot_target = group.instance_count,
    }
    collection.bid_price = group.bid_price.clone();
    collection.types = vec![TypeConfig {
        instance_type: group.instance_type.clone(),
        weight: 1,
        shown: given([
            ("Configurations", group.configurations.clone()),
            (
                "EbsBlockDevices",
                group.ebs_configuration.as_ref().map(block_devices),
            ),
        ]),
    }];
    Ok(collection)
}

fn simple_groups(
    instances: &Instances,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<Collection>, ServiceError> {
    let Some(master) = &instances.master_instance_type else {
        return refuse(
            "Please configure instances using one and only one of the following: composition of MasterInstanceType, SlaveInstanceType, and InstanceCount; instance groups; instance fleets.",
        );
    };
    let count = instances.instance_count.unwrap_or(1);
    let group = |role: Role, instance_type: &str, count: u32| InstanceGroup {
        name: None,
        market: None,
        instance_role: role,
        bid_price: None,
        instance_type: instance_type.to_owned(),
        instance_count: count,
        configurations: None,
        ebs_configuration: None,
    };
    let mut groups = vec![of_group(&group(Role::Master, master, 1), entropy, now)?];
    if count > 1 {
        let Some(slave) = &instances.slave_instance_type else {
            return refuse("SlaveInstanceType is required when InstanceCount is greater than 1.");
        };
        groups.push(of_group(
            &group(Role::Core, slave, count - 1),
            entropy,
            now,
        )?);
    }
    Ok(groups)
}

fn empty(id: String, role: Role, name: Option<String>, now: Timestamp) -> Collection {
    Collection {
        id,
        role,
        name: name.unwrap_or_default(),
        state: CollectionState::Provisioning,
        reason: Reason::default(),
        timeline: Timeline::from(now),
        on_demand_target: 0,
        spot_target: 0,
        types: Vec::new(),
        launch: None,
        resize: None,
        spot_timeout: None,
        spot_resize_minutes: None,
        spot_deadline: None,
        switched: 0,
        given_up: 0,
        bid_price: None,
    }
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
