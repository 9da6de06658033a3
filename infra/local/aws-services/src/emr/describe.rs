//! Clusters, fleets, instances and steps as EMR's JSON shows them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::model::{
    Cluster, Collection, Instance, InstanceState, Market, Reason, Role, Step, Timeline,
};

/// Seconds since 1970, to the millisecond.
fn seconds(at: Timestamp) -> Value {
    let milliseconds = at.as_millisecond();
    if milliseconds % 1000 == 0 {
        Value::from(milliseconds / 1000)
    } else {
        Value::from(milliseconds as f64 / 1000.0)
    }
}

fn timeline(timeline: &Timeline) -> Value {
    let mut members = Map::new();
    members.insert("CreationDateTime".to_owned(), seconds(timeline.created));
    if let Some(ready) = timeline.ready {
        members.insert("ReadyDateTime".to_owned(), seconds(ready));
    }
    if let Some(ended) = timeline.ended {
        members.insert("EndDateTime".to_owned(), seconds(ended));
    }
    Value::Object(members)
}

fn reason(reason: &Reason) -> Value {
    let mut members = Map::new();
    if let Some(code) = &reason.code {
        members.insert("Code".to_owned(), Value::from(code.as_str()));
    }
    if !reason.message.is_empty() || reason.code.is_some() {
        members.insert("Message".to_owned(), Value::from(reason.message.as_str()));
    }
    Value::Object(members)
}

impl Cluster {
    fn describe_status(&self) -> Value {
        let mut status = json!({
            "State": self.state.as_str(),
            "StateChangeReason": reason(&self.reason),
            "Timeline": timeline(&self.timeline),
        });
        if self.ends_with_errors {
            status["ErrorDetails"] = json!([{
                "ErrorCode": self.reason.code,
                "ErrorMessage": self.reason.message,
                "ErrorData": [],
            }]);
        }
        status
    }

    /// DescribeCluster's Cluster.
    pub(super) fn describe(&self, now: Timestamp) -> Value {
        let mut cluster = json!({
            "Id": self.id,
            "Name": self.name,
            "Status": self.describe_status(),
            "Ec2InstanceAttributes": self.ec2,
            "InstanceCollectionType": if self.uses_groups { "INSTANCE_GROUP" } else { "INSTANCE_FLEET" },
            "ReleaseLabel": self.release_label,
            "AutoTerminate": !self.keep_alive,
            "TerminationProtected": self.protected,
            "VisibleToAllUsers": self.visible,
            "Tags": self.tags,
            "NormalizedInstanceHours": self.normalized_instance_hours(now),
            "ClusterArn": self.arn,
            "StepConcurrencyLevel": self.step_concurrency,
            "PlacementGroups": [],
        });
        if let Some(log_uri) = &self.log_uri {
            cluster["LogUri"] = Value::from(log_uri.as_str());
        }
        let master = self
            .instances
            .iter()
            .find(|one| one.role == Role::Master && one.is_alive());
        if let Some(master) = master.filter(|master| master.ec2_id.is_some()) {
            cluster["MasterPublicDnsName"] = Value::from(master.host_name());
        }
        for (name, value) in &self.shown {
            cluster[name.as_str()] = value.clone();
        }
        cluster
    }

    /// An element of ListClusters.
    pub(super) fn summarize(&self, now: Timestamp) -> Value {
        json!({
            "Id": self.id,
            "Name": self.name,
            "Status": self.describe_status(),
            "NormalizedInstanceHours": self.normalized_instance_hours(now),
            "ClusterArn": self.arn,
        })
    }

    /// An element of ListInstanceFleets.
    pub(super) fn describe_fleet(&self, fleet: &Collection) -> Value {
        let types = fleet.types.iter().map(|config| {
            let mut members = Map::new();
            members.insert(
                "InstanceType".to_owned(),
                Value::from(config.instance_type.as_str()),
            );
            members.insert("WeightedCapacity".to_owned(), Value::from(config.weight));
            members.insert("EbsBlockDevices".to_owned(), json!([]));
            members.extend(config.shown.clone());
            Value::Object(members)
        });
        let mut described = json!({
            "Id": fleet.id,
            "Name": fleet.name,
            "Status": self.describe_collection_status(fleet),
            "InstanceFleetType": fleet.role.as_str(),
            "TargetOnDemandCapacity": fleet.on_demand_target,
            "TargetSpotCapacity": fleet.spot_target,
            "ProvisionedOnDemandCapacity": self.provisioned(fleet, Market::OnDemand),
            "ProvisionedSpotCapacity": self.provisioned(fleet, Market::Spot),
            "InstanceTypeSpecifications": types.collect::<Vec<Value>>(),
        });
        if let Some(launch) = &fleet.launch {
            described["LaunchSpecifications"] = launch.clone();
        }
        if let Some(resize) = &fleet.resize {
            described["ResizeSpecifications"] = resize.clone();
        }
        described
    }

    /// An element of ListInstanceGroups.
    pub(super) fn describe_group(&self, group: &Collection) -> Value {
        let running = self
            .instances
            .iter()
            .filter(|one| one.collection == group.id && one.state == InstanceState::Running)
            .count();
        let market = if group.spot_target > 0 {
            Market::Spot
        } else {
            Market::OnDemand
        };
        let mut described = json!({
            "Id": group.id,
            "Name": group.name,
            "Market": market.as_str(),
            "InstanceGroupType": group.role.as_str(),
            "InstanceType": group.types.first().map(|config| config.instance_type.as_str()),
            "RequestedInstanceCount": group.on_demand_target + group.spot_target,
            "RunningInstanceCount": running,
            "Status": self.describe_collection_status(group),
            "Configurations": [],
            "EbsBlockDevices": [],
            "ShrinkPolicy": {},
        });
        if let Some(bid_price) = &group.bid_price {
            described["BidPrice"] = Value::from(bid_price.as_str());
        }
        for (name, value) in group.types.iter().flat_map(|config| &config.shown) {
            described[name.as_str()] = value.clone();
        }
        described
    }

    fn describe_collection_status(&self, collection: &Collection) -> Value {
        json!({
            "State": collection.state,
            "StateChangeReason": reason(&collection.reason),
            "Timeline": timeline(&collection.timeline),
        })
    }

    /// An element of ListInstances.
    pub(super) fn describe_instance(&self, instance: &Instance) -> Value {
        let collection = if self.uses_groups {
            "InstanceGroupId"
        } else {
            "InstanceFleetId"
        };
        let mut described = json!({
            "Id": instance.id,
            "Status": {
                "State": instance.state.as_str(),
                "StateChangeReason": reason(&instance.reason),
                "Timeline": timeline(&instance.timeline),
            },
            collection: instance.collection,
            "Market": instance.market.as_str(),
            "InstanceType": instance.instance_type,
            "EbsVolumes": [],
        });
        if let Some(ec2_id) = &instance.ec2_id {
            described["Ec2InstanceId"] = Value::from(ec2_id.as_str());
            described["PrivateDnsName"] = Value::from(instance.host_name());
            described["PrivateIpAddress"] = Value::from(instance.ip_address());
        }
        described
    }

    /// DescribeStep's Step; ListSteps shows the same.
    pub(super) fn describe_step(&self, step: &Step) -> Value {
        let mut timeline = Map::new();
        timeline.insert("CreationDateTime".to_owned(), seconds(step.created));
        if let Some(started) = step.started {
            timeline.insert("StartDateTime".to_owned(), seconds(started));
        }
        if let Some(ended) = step.ended {
            timeline.insert("EndDateTime".to_owned(), seconds(ended));
        }
        let mut config = json!({
            "Jar": step.jar,
            "Properties": step.properties.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "Args": step.args,
        });
        if let Some(main_class) = &step.main_class {
            config["MainClass"] = Value::from(main_class.as_str());
        }
        let mut status = json!({
            "State": step.state.as_str(),
            "StateChangeReason": reason(&step.reason),
            "Timeline": timeline,
        });
        if let Some(failure) = &step.failure {
            let mut details = json!({"Reason": failure.reason, "Message": failure.message});
            if let Some(log_file) = &failure.log_file {
                details["LogFile"] = Value::from(log_file.as_str());
            }
            status["FailureDetails"] = details;
        }
        let mut described = json!({
            "Id": step.id,
            "Name": step.name,
            "Config": config,
            "ActionOnFailure": step.action_on_failure,
            "Status": status,
        });
        if let Some(role) = &step.execution_role {
            described["ExecutionRoleArn"] = Value::from(role.as_str());
        }
        if let Some(folder) = self.step_log_folder(&step.id) {
            described["LogUri"] = Value::from(folder);
        }
        described
    }

    /// Where the logs of a step go: `<LogUri><cluster>/steps/<step>/`.
    pub(super) fn step_log_folder(&self, step: &str) -> Option<String> {
        Some(format!(
            "{}{}/steps/{step}/",
            self.log_uri.as_ref()?,
            self.id
        ))
    }
}

impl Instance {
    fn octets(&self) -> (u16, u16) {
        let address = self.address.saturating_add(11);
        (address / 250, address % 250 + 1)
    }

    fn host_name(&self) -> String {
        let (third, fourth) = self.octets();
        format!("ip-10-0-{third}-{fourth}.ec2.internal")
    }

    fn ip_address(&self) -> String {
        let (third, fourth) = self.octets();
        format!("10.0.{third}.{fourth}")
    }
}
