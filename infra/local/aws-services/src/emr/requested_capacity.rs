//! The fleets and groups that a request for a cluster asks for, checked as EMR checks them.

use jiff::Timestamp;
use serde_json::{Value, json};
use virtual_time::Entropy;

use super::input::{self, InstanceFleet, InstanceGroup, Instances, given};
use super::launch::refuse;
use super::model::{
    Collection, CollectionState, Market, Reason, Role, SpotTimeout, Timeline, TypeConfig,
};
use crate::failure::ServiceError;

const SPOT_STRATEGIES: [&str; 5] = [
    "capacity-optimized",
    "price-capacity-optimized",
    "lowest-price",
    "diversified",
    "capacity-optimized-prioritized",
];
const ON_DEMAND_STRATEGIES: [&str; 2] = ["lowest-price", "prioritized"];

/// Fleets or groups of a request, and whether they are groups.
pub(super) fn collections(
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
