//! Requests as EMR's protocol has them. A member that is not listed here is refused by name, never ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{ActionOnFailure, Market, Role, Tag};
use crate::failure::ServiceError;

/// Reads the members of a request.
pub(super) fn read<T: DeserializeOwned>(action: &str, input: Value) -> Result<T, ServiceError> {
    let input = if input.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        input
    };
    serde_json::from_value(input).map_err(|error| {
        let text = error.to_string();
        let named = |marker: &str| {
            let rest = text.strip_prefix(marker)?;
            rest.split('`').next().map(str::to_owned)
        };
        if let Some(parameter) = named("unknown field `") {
            ServiceError::unsupported_parameter(action, &parameter)
        } else if let Some(parameter) = named("missing field `") {
            ServiceError::validation(format!(
                "1 validation error detected: Value null at '{parameter}' failed to satisfy constraint: Member must not be null"
            ))
        } else {
            ServiceError::new("SerializationException", format!("{action}: {text}"))
        }
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RunJobFlow {
    pub(super) name: String,
    pub(super) instances: Instances,
    pub(super) release_label: Option<String>,
    pub(super) log_uri: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<StepConfig>,
    #[serde(default)]
    pub(super) applications: Vec<Application>,
    pub(super) configurations: Option<Value>,
    #[serde(default = "yes")]
    pub(super) visible_to_all_users: bool,
    pub(super) job_flow_role: Option<String>,
    pub(super) service_role: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) security_configuration: Option<String>,
    pub(super) auto_scaling_role: Option<String>,
    pub(super) scale_down_behavior: Option<String>,
    pub(super) ebs_root_volume_size: Option<i64>,
    pub(super) repo_upgrade_on_boot: Option<String>,
    pub(super) step_concurrency_level: Option<i64>,
    pub(super) auto_termination_policy: Option<AutoTerminationPolicy>,
    #[serde(rename = "OSReleaseLabel")]
    pub(super) os_release_label: Option<String>,
    pub(super) log_encryption_kms_key_id: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Instances {
    pub(super) master_instance_type: Option<String>,
    pub(super) slave_instance_type: Option<String>,
    pub(super) instance_count: Option<u32>,
    pub(super) instance_groups: Option<Vec<InstanceGroup>>,
    pub(super) instance_fleets: Option<Vec<InstanceFleet>>,
    pub(super) ec2_key_name: Option<String>,
    pub(super) placement: Option<Value>,
    #[serde(default)]
    pub(super) keep_job_flow_alive_when_no_steps: bool,
    #[serde(default)]
    pub(super) termination_protected: bool,
    pub(super) unhealthy_node_replacement: Option<bool>,
    pub(super) ec2_subnet_id: Option<String>,
    pub(super) ec2_subnet_ids: Option<Vec<String>>,
    pub(super) emr_managed_master_security_group: Option<String>,
    pub(super) emr_managed_slave_security_group: Option<String>,
    pub(super) service_access_security_group: Option<String>,
    pub(super) additional_master_security_groups: Option<Vec<String>>,
    pub(super) additional_slave_security_groups: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InstanceGroup {
    pub(super) name: Option<String>,
    pub(super) market: Option<Market>,
    pub(super) instance_role: Role,
    pub(super) bid_price: Option<String>,
    pub(super) instance_type: String,
    pub(super) instance_count: u32,
    pub(super) configurations: Option<Value>,
    pub(super) ebs_configuration: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InstanceFleet {
    pub(super) name: Option<String>,
    pub(super) instance_fleet_type: Role,
    #[serde(default)]
    pub(super) target_on_demand_capacity: u32,
    #[serde(default)]
    pub(super) target_spot_capacity: u32,
    #[serde(default)]
    pub(super) instance_type_configs: Vec<InstanceTypeConfig>,
    pub(super) launch_specifications: Option<Value>,
    pub(super) resize_specifications: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InstanceTypeConfig {
    pub(super) instance_type: String,
    pub(super) weighted_capacity: Option<u32>,
    pub(super) bid_price: Option<String>,
    pub(super) bid_price_as_percentage_of_on_demand_price: Option<f64>,
    pub(super) ebs_configuration: Option<Value>,
    pub(super) configurations: Option<Value>,
    pub(super) priority: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LaunchSpecifications {
    pub(super) spot_specification: Option<SpotSpecification>,
    pub(super) on_demand_specification: Option<OnDemandSpecification>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SpotSpecification {
    pub(super) timeout_duration_minutes: u32,
    pub(super) timeout_action: String,
    pub(super) allocation_strategy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OnDemandSpecification {
    pub(super) allocation_strategy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ResizeSpecifications {
    pub(super) spot_resize_specification: Option<SpotResizeSpecification>,
    pub(super) on_demand_resize_specification: Option<OnDemandResizeSpecification>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SpotResizeSpecification {
    pub(super) timeout_duration_minutes: Option<u32>,
    pub(super) allocation_strategy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OnDemandResizeSpecification {
    pub(super) timeout_duration_minutes: Option<u32>,
    pub(super) allocation_strategy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Application {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AutoTerminationPolicy {
    pub(super) idle_timeout: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StepConfig {
    pub(super) name: String,
    pub(super) action_on_failure: Option<ActionOnFailure>,
    pub(super) hadoop_jar_step: HadoopJarStep,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct HadoopJarStep {
    pub(super) jar: String,
    pub(super) main_class: Option<String>,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) properties: Vec<KeyValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct KeyValue {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfCluster {
    pub(super) cluster_id: String,
}

/// Lists that always fit on one page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListOfCluster {
    pub(super) cluster_id: String,
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListClusters {
    pub(super) created_after: Option<f64>,
    pub(super) created_before: Option<f64>,
    pub(super) cluster_states: Option<Vec<String>>,
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListInstances {
    pub(super) cluster_id: String,
    pub(super) instance_group_id: Option<String>,
    pub(super) instance_group_types: Option<Vec<Role>>,
    pub(super) instance_fleet_id: Option<String>,
    pub(super) instance_fleet_type: Option<Role>,
    pub(super) instance_states: Option<Vec<String>>,
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ModifyInstanceFleet {
    pub(super) cluster_id: String,
    pub(super) instance_fleet: FleetChange,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FleetChange {
    pub(super) instance_fleet_id: String,
    pub(super) target_on_demand_capacity: Option<u32>,
    pub(super) target_spot_capacity: Option<u32>,
    pub(super) resize_specifications: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AddJobFlowSteps {
    pub(super) job_flow_id: String,
    pub(super) steps: Vec<StepConfig>,
    pub(super) execution_role_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListSteps {
    pub(super) cluster_id: String,
    pub(super) step_states: Option<Vec<String>>,
    pub(super) step_ids: Option<Vec<String>>,
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeStep {
    pub(super) cluster_id: String,
    pub(super) step_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CancelSteps {
    pub(super) cluster_id: String,
    pub(super) step_ids: Vec<String>,
    pub(super) step_cancellation_option: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct JobFlows {
    pub(super) job_flow_ids: Vec<String>,
    pub(super) termination_protected: Option<bool>,
    pub(super) visible_to_all_users: Option<bool>,
    pub(super) keep_job_flow_alive_when_no_steps: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AddTags {
    pub(super) resource_id: String,
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemoveTags {
    pub(super) resource_id: String,
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutAutoTerminationPolicy {
    pub(super) cluster_id: String,
    pub(super) auto_termination_policy: Option<AutoTerminationPolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ModifyCluster {
    pub(super) cluster_id: String,
    pub(super) step_concurrency_level: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListReleaseLabels {
    pub(super) filters: Option<ReleaseLabelFilter>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReleaseLabelFilter {
    pub(super) prefix: Option<String>,
    pub(super) application: Option<String>,
}

/// Members that were given, under EMR's names.
pub(super) fn given<const N: usize>(
    members: [(&str, Option<Value>); N],
) -> BTreeMap<String, Value> {
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}
