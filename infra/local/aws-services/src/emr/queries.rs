//! Actions that only look: describing and listing, with EMR's filters and pages.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::input::{
    self, DescribeStep, ListClusters, ListInstances, ListOfCluster, ListReleaseLabels, ListSteps,
    OfCluster,
};
use super::model::{Cluster, ClusterState, InstanceState, StepState};
use super::{Emr, releases};
use crate::failure::ServiceError;

/// Elements of a page of ListClusters and ListSteps.
const PAGE: usize = 50;
/// Elements of a page of ListInstances.
const PAGE_OF_INSTANCES: usize = 200;
/// Ids that one ListSteps may ask for.
const MOST_STEP_IDS: usize = 10;

const CLUSTER_STATES: [ClusterState; 7] = [
    ClusterState::Starting,
    ClusterState::Bootstrapping,
    ClusterState::Running,
    ClusterState::Waiting,
    ClusterState::Terminating,
    ClusterState::Terminated,
    ClusterState::TerminatedWithErrors,
];
const INSTANCE_STATES: [InstanceState; 5] = [
    InstanceState::AwaitingFulfillment,
    InstanceState::Provisioning,
    InstanceState::Bootstrapping,
    InstanceState::Running,
    InstanceState::Terminated,
];
const STEP_STATES: [StepState; 7] = [
    StepState::Pending,
    StepState::CancelPending,
    StepState::Running,
    StepState::Completed,
    StepState::Cancelled,
    StepState::Failed,
    StepState::Interrupted,
];

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidRequestException", message).with_detail("ErrorCode", "InvalidRequest")
}

/// What EMR says about a step that is not there.
pub(super) fn no_step(id: &str) -> ServiceError {
    invalid(format!("Step id '{id}' is not valid."))
}

/// A list of states to look for; `None` is any.
fn states(
    found: Option<&[String]>,
    known: &[&'static str],
    member: &str,
) -> Result<Option<Vec<&'static str>>, ServiceError> {
    let Some(found) = found.filter(|found| !found.is_empty()) else {
        return Ok(None);
    };
    let mut states = Vec::with_capacity(found.len());
    for state in found {
        match known.iter().find(|known| *known == state) {
            Some(state) => states.push(*state),
            None => {
                return Err(ServiceError::validation(format!(
                    "1 validation error detected: Value '[{state}]' at '{member}' failed to satisfy constraint: \
                     Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
                    known.join(", ")
                )));
            }
        }
    }
    Ok(Some(states))
}

fn wanted(states: Option<&Vec<&'static str>>, state: &str) -> bool {
    states.is_none_or(|states| states.contains(&state))
}

/// One page of elements that are known by id: those behind the marker, and the marker of the next page.
fn page<T>(
    elements: Vec<(String, T)>,
    marker: Option<&str>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), ServiceError> {
    let begin = match marker {
        None => 0,
        Some(marker) => elements
            .iter()
            .position(|(id, _)| id == marker)
            .ok_or_else(|| invalid("Marker is not valid."))?,
    };
    let next = elements.get(begin + size).map(|(id, _)| id.clone());
    let page = elements.into_iter().skip(begin).take(size);
    Ok((page.map(|(_, element)| element).collect(), next))
}

/// A request for a list that has no second page, so that no marker can be right.
fn one_page(action: &str, input: Value) -> Result<ListOfCluster, ServiceError> {
    let request: ListOfCluster = input::read(action, input)?;
    match request.marker {
        Some(_) => Err(invalid("Marker is not valid.")),
        None => Ok(request),
    }
}

fn answer(name: &str, elements: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({});
    answer[name] = Value::from(elements);
    if let Some(next) = next {
        answer["Marker"] = Value::from(next);
    }
    answer
}

impl Emr {
    pub(super) fn describe_cluster(&self, input: Value) -> Result<Value, ServiceError> {
        let request: OfCluster = input::read("DescribeCluster", input)?;
        self.look(&request.cluster_id, |cluster, now| {
            Ok(json!({"Cluster": cluster.describe(now)}))
        })
    }

    pub(super) fn list_clusters(&self, input: Value) -> Result<Value, ServiceError> {
        let request: ListClusters = input::read("ListClusters", input)?;
        let known = CLUSTER_STATES.map(ClusterState::as_str);
        let states = states(request.cluster_states.as_deref(), &known, "clusterStates")?;
        let after = request.created_after.map(moment).transpose()?;
        let before = request.created_before.map(moment).transpose()?;
        let elements = self.look_at_all(|cluster, now| {
            let created = cluster.timeline.created;
            let matches = wanted(states.as_ref(), cluster.state.as_str())
                && after.is_none_or(|after| created >= after)
                && before.is_none_or(|before| created <= before);
            matches.then(|| (cluster.id.clone(), cluster.summarize(now)))
        });
        let (clusters, next) = page(elements, request.marker.as_deref(), PAGE)?;
        Ok(answer("Clusters", clusters, next))
    }

    pub(super) fn list_instance_fleets(&self, input: Value) -> Result<Value, ServiceError> {
        let request = one_page("ListInstanceFleets", input)?;
        self.look(&request.cluster_id, |cluster, _| {
            must_use(cluster, false, "ListInstanceFleets")?;
            let fleets = cluster
                .collections
                .iter()
                .map(|fleet| cluster.describe_fleet(fleet));
            Ok(answer("InstanceFleets", fleets.collect(), None))
        })
    }

    pub(super) fn list_instance_groups(&self, input: Value) -> Result<Value, ServiceError> {
        let request = one_page("ListInstanceGroups", input)?;
        self.look(&request.cluster_id, |cluster, _| {
            must_use(cluster, true, "ListInstanceGroups")?;
            let groups = cluster
                .collections
                .iter()
                .map(|group| cluster.describe_group(group));
            Ok(answer("InstanceGroups", groups.collect(), None))
        })
    }

    pub(super) fn list_instances(&self, input: Value) -> Result<Value, ServiceError> {
        let request: ListInstances = input::read("ListInstances", input)?;
        let known = INSTANCE_STATES.map(InstanceState::as_str);
        let states = states(request.instance_states.as_deref(), &known, "instanceStates")?;
        let by_group =
            request.instance_group_id.is_some() || request.instance_group_types.is_some();
        let by_fleet = request.instance_fleet_id.is_some() || request.instance_fleet_type.is_some();
        self.look(&request.cluster_id, |cluster, _| {
            if by_group {
                must_use(cluster, true, "ListInstances")?;
            }
            if by_fleet {
                must_use(cluster, false, "ListInstances")?;
            }
            let id = request
                .instance_fleet_id
                .as_ref()
                .or(request.instance_group_id.as_ref());
            if let Some(id) = id
                && !cluster.collections.iter().any(|one| one.id == *id)
            {
                let kind = if by_fleet {
                    "Instance fleet"
                } else {
                    "Instance group"
                };
                return Err(invalid(format!("{kind} id '{id}' is not valid.")));
            }
            let matching = cluster.instances.iter().filter(|instance| {
                wanted(states.as_ref(), instance.state.as_str())
                    && id.is_none_or(|id| instance.collection == *id)
                    && request
                        .instance_fleet_type
                        .is_none_or(|role| instance.role == role)
                    && request
                        .instance_group_types
                        .as_ref()
                        .is_none_or(|roles| roles.contains(&instance.role))
            });
            let elements = matching
                .map(|one| (one.id.clone(), cluster.describe_instance(one)))
                .collect();
            let (instances, next) = page(elements, request.marker.as_deref(), PAGE_OF_INSTANCES)?;
            Ok(answer("Instances", instances, next))
        })
    }

    pub(super) fn list_steps(&self, input: Value) -> Result<Value, ServiceError> {
        let request: ListSteps = input::read("ListSteps", input)?;
        let known = STEP_STATES.map(StepState::as_str);
        let states = states(request.step_states.as_deref(), &known, "stepStates")?;
        let ids = request.step_ids.unwrap_or_default();
        if ids.len() > MOST_STEP_IDS {
            return Err(invalid(format!(
                "No more than {MOST_STEP_IDS} step ids can be specified."
            )));
        }
        if !ids.is_empty() && states.is_some() {
            return Err(invalid("Cannot specify both step states and step ids."));
        }
        self.look(&request.cluster_id, |cluster, _| {
            if let Some(id) = ids
                .iter()
                .find(|id| !cluster.steps.iter().any(|step| step.id == **id))
            {
                return Err(no_step(id));
            }
            let matching = cluster.steps.iter().rev().filter(|step| {
                wanted(states.as_ref(), step.state.as_str())
                    && (ids.is_empty() || ids.contains(&step.id))
            });
            let elements = matching
                .map(|step| (step.id.clone(), cluster.describe_step(step)))
                .collect();
            let (steps, next) = page(elements, request.marker.as_deref(), PAGE)?;
            Ok(answer("Steps", steps, next))
        })
    }

    pub(super) fn describe_step(&self, input: Value) -> Result<Value, ServiceError> {
        let request: DescribeStep = input::read("DescribeStep", input)?;
        self.look(&request.cluster_id, |cluster, _| {
            let step = cluster.steps.iter().find(|step| step.id == request.step_id);
            let step = step.ok_or_else(|| no_step(&request.step_id))?;
            Ok(json!({"Step": cluster.describe_step(step)}))
        })
    }

    pub(super) fn get_auto_termination_policy(&self, input: Value) -> Result<Value, ServiceError> {
        let request: OfCluster = input::read("GetAutoTerminationPolicy", input)?;
        self.look(&request.cluster_id, |cluster, _| {
            Ok(match cluster.idle_timeout_seconds {
                Some(seconds) => json!({"AutoTerminationPolicy": {"IdleTimeout": seconds}}),
                None => json!({}),
            })
        })
    }

    pub(super) fn list_bootstrap_actions(&self, input: Value) -> Result<Value, ServiceError> {
        let request = one_page("ListBootstrapActions", input)?;
        // RunJobFlow refuses them, so no cluster has any.
        self.look(&request.cluster_id, |_, _| {
            Ok(json!({"BootstrapActions": []}))
        })
    }

    pub(super) fn list_release_labels(&self, input: Value) -> Result<Value, ServiceError> {
        let request: ListReleaseLabels = input::read("ListReleaseLabels", input)?;
        let filters = request.filters;
        let prefix = filters
            .as_ref()
            .and_then(|filters| filters.prefix.clone())
            .unwrap_or_default();
        let application = filters
            .and_then(|filters| filters.application)
            .unwrap_or_default();
        let name = application.split('@').next().unwrap_or_default();
        let labels: Vec<(String, Value)> = releases::labels()
            .filter(|label| {
                label.starts_with(&prefix) && (name.is_empty() || releases::has_application(name))
            })
            .map(|label| (label.clone(), Value::from(label)))
            .collect();
        let size = request.max_results.unwrap_or(100).clamp(1, 100);
        let (labels, next) = page(labels, request.next_token.as_deref(), size)?;
        let mut answer = json!({"ReleaseLabels": labels});
        if let Some(next) = next {
            answer["NextToken"] = Value::from(next);
        }
        Ok(answer)
    }
}

/// Fleets and groups exclude each other, and so do their actions.
pub(super) fn must_use(cluster: &Cluster, groups: bool, action: &str) -> Result<(), ServiceError> {
    if cluster.uses_groups == groups {
        return Ok(());
    }
    let (has, wants) = if groups {
        ("fleets", "groups")
    } else {
        ("groups", "fleets")
    };
    Err(invalid(format!(
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses \
         instance {has}. The {action} request applies to clusters that use instance {wants}."
    )))
}

fn moment(seconds: f64) -> Result<Timestamp, ServiceError> {
    let wrong = || ServiceError::new("SerializationException", format!("{seconds} is not a time"));
    if !seconds.is_finite() {
        return Err(wrong());
    }
    Timestamp::from_millisecond((seconds * 1000.0) as i64).map_err(|_| wrong())
}
