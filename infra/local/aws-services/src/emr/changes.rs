//! Actions that change a cluster: steps, targets, tags, protection, termination.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Emr;
use super::input::{
    self, AddJobFlowSteps, AddTags, CancelSteps, JobFlows, ModifyCluster, ModifyInstanceFleet,
    OfCluster, PutAutoTerminationPolicy, RemoveTags, RunJobFlow,
};
use super::launch::{self, MOST_STEPS};
use super::model::{Cluster, ClusterState, Reason, Role};
use super::queries::{must_use, no_step};
use super::requested_capacity;
use crate::failure::ServiceError;

/// Clusters that one request may terminate.
const MOST_JOB_FLOWS: usize = 10;

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidRequestException", message).with_detail("ErrorCode", "InvalidRequest")
}

fn shutting_down() -> ServiceError {
    ServiceError::validation(
        "A job flow that is shutting down, terminated, or finished may not be modified.",
    )
}

impl Emr {
    pub(super) fn run_job_flow(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        let request: RunJobFlow = input::read("RunJobFlow", input)?;
        let arn = |resource: &str| self.context.arn("elasticmapreduce", resource);
        let now = self.context.clock.now();
        let cluster = launch::cluster(request, arn, &self.context.entropy, now)?;
        let answer = json!({"JobFlowId": cluster.id, "ClusterArn": cluster.arn});
        self.launch(cluster)?;
        Ok(answer)
    }

    pub(super) fn add_job_flow_steps(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let request: AddJobFlowSteps = input::read("AddJobFlowSteps", input)?;
        let id = self.job_flow(&request.job_flow_id)?;
        self.change(&id, |cluster, now, world| {
            if !cluster.state.is_active() {
                return Err(shutting_down());
            }
            let active = cluster
                .steps
                .iter()
                .filter(|step| !step.state.has_ended())
                .count();
            if active + request.steps.len() > MOST_STEPS {
                return Err(ServiceError::validation(launch::too_many_steps()));
            }
            let role = request.execution_role_arn.as_deref();
            let steps = launch::steps(
                request.steps,
                role,
                cluster.step_concurrency,
                world.entropy,
                now,
            )?;
            let ids: Vec<String> = steps.iter().map(|step| step.id.clone()).collect();
            for step in steps {
                cluster.steps.push(step);
                cluster.tell_step(cluster.steps.len() - 1, world);
            }
            Ok(json!({"StepIds": ids}))
        })
    }

    pub(super) fn cancel_steps(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        let request: CancelSteps = input::read("CancelSteps", input)?;
        if let Some(option) = &request.step_cancellation_option
            && !matches!(option.as_str(), "SEND_INTERRUPT" | "TERMINATE_PROCESS")
        {
            return Err(ServiceError::validation(format!(
                "'{option}' is not a StepCancellationOption."
            )));
        }
        self.change(&request.cluster_id, |cluster, now, world| {
            let mut positions = Vec::with_capacity(request.step_ids.len());
            for id in &request.step_ids {
                let position = cluster.steps.iter().position(|step| step.id == *id);
                positions.push(position.ok_or_else(|| no_step(id))?);
            }
            let mut infos = Vec::with_capacity(positions.len());
            for position in positions {
                let id = cluster.steps[position].id.clone();
                infos.push(match cluster.cancel_step(position, now, world) {
                    Ok(()) => json!({"StepId": id, "Status": "SUBMITTED"}),
                    Err(why) => json!({"StepId": id, "Status": "FAILED", "Reason": why}),
                });
            }
            Ok(json!({"CancelStepsInfoList": infos}))
        })
    }

    pub(super) fn modify_instance_fleet(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let request: ModifyInstanceFleet = input::read("ModifyInstanceFleet", input)?;
        let wanted = request.instance_fleet;
        let resize_minutes =
            requested_capacity::check_resize(wanted.resize_specifications.as_ref())?;
        self.change(&request.cluster_id, |cluster, now, world| {
            must_use(cluster, false, "ModifyInstanceFleet")?;
            let index = fleet(cluster, &wanted.instance_fleet_id)?;
            if !matches!(cluster.state, ClusterState::Running | ClusterState::Waiting) {
                return Err(invalid("An instance fleet may only be modified when the cluster is running or waiting."));
            }
            let collection = &mut cluster.collections[index];
            let on_demand = wanted.target_on_demand_capacity.unwrap_or(collection.on_demand_target);
            let spot = wanted.target_spot_capacity.unwrap_or(collection.spot_target);
            match collection.role {
                Role::Master => return Err(invalid("The master instance fleet cannot be resized.")),
                Role::Core if on_demand.saturating_add(spot) == 0 => {
                    return Err(invalid("The core instance fleet must have a target capacity of at least 1."));
                }
                _ => {}
            }
            if wanted.resize_specifications.is_some() {
                collection.resize = wanted.resize_specifications;
                collection.spot_resize_minutes = resize_minutes;
            }
            cluster.resize(index, on_demand, spot, now, world);
            // The real action answers with an empty body.
            Ok(json!({}))
        })
    }

    pub(super) fn terminate_job_flows(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let ids = self.job_flows("TerminateJobFlows", input)?.0;
        let is_protected = |id: &String| {
            self.look(id, |cluster, _| {
                Ok(cluster.protected && cluster.state.is_active())
            })
            .unwrap_or(false)
        };
        // The unprotected ones go all the same, as on AWS.
        let protected = ids.iter().any(is_protected);
        for id in ids.iter().filter(|id| !is_protected(id)) {
            self.change(id, |cluster, now, world| {
                let reason = Reason::new("USER_REQUEST", "Terminated by user request");
                cluster.terminate(reason, false, now, world);
                Ok(())
            })?;
        }
        if protected {
            return Err(ServiceError::validation(
                "Could not shut down one or more job flows since they are termination protected.",
            ));
        }
        Ok(Value::Null)
    }

    pub(super) fn set_termination_protection(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        self.set("SetTerminationProtection", input, |request, cluster| {
            cluster.protected = needed(request.termination_protected, "terminationProtected")?;
            Ok(())
        })
    }

    pub(super) fn set_visible_to_all_users(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        self.set("SetVisibleToAllUsers", input, |request, cluster| {
            cluster.visible = needed(request.visible_to_all_users, "visibleToAllUsers")?;
            Ok(())
        })
    }

    pub(super) fn set_keep_alive(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        self.set(
            "SetKeepJobFlowAliveWhenNoSteps",
            input,
            |request, cluster| {
                let keep_alive = request.keep_job_flow_alive_when_no_steps;
                cluster.keep_alive = needed(keep_alive, "keepJobFlowAliveWhenNoSteps")?;
                Ok(())
            },
        )
    }

    fn set(
        self: &Arc<Self>,
        action: &str,
        input: Value,
        change: impl Fn(&JobFlows, &mut Cluster) -> Result<(), ServiceError>,
    ) -> Result<Value, ServiceError> {
        let (ids, request) = self.job_flows(action, input)?;
        for id in &ids {
            self.change(id, |cluster, _, _| {
                if !cluster.state.is_active() {
                    return Err(shutting_down());
                }
                change(&request, cluster)
            })?;
        }
        Ok(Value::Null)
    }

    pub(super) fn add_tags(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        let request: AddTags = input::read("AddTags", input)?;
        self.change(&request.resource_id, |cluster, _, _| {
            let mut tags = cluster.tags.clone();
            for tag in request.tags {
                tags.retain(|one| one.key != tag.key);
                tags.push(tag);
            }
            launch::check_tags(&tags).map_err(|error| invalid(error.message))?;
            cluster.tags = tags;
            Ok(json!({}))
        })
    }

    pub(super) fn remove_tags(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        let request: RemoveTags = input::read("RemoveTags", input)?;
        self.change(&request.resource_id, |cluster, _, _| {
            cluster
                .tags
                .retain(|tag| !request.tag_keys.contains(&tag.key));
            Ok(json!({}))
        })
    }

    pub(super) fn put_auto_termination_policy(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let request: PutAutoTerminationPolicy = input::read("PutAutoTerminationPolicy", input)?;
        let seconds = match request.auto_termination_policy {
            Some(policy) => launch::check_idle_timeout(policy.idle_timeout)?,
            None => None,
        };
        self.change(&request.cluster_id, |cluster, _, _| {
            if !cluster.state.is_active() {
                return Err(shutting_down());
            }
            cluster.idle_timeout_seconds = seconds;
            Ok(json!({}))
        })
    }

    pub(super) fn remove_auto_termination_policy(
        self: &Arc<Self>,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let request: OfCluster = input::read("RemoveAutoTerminationPolicy", input)?;
        self.change(&request.cluster_id, |cluster, _, _| {
            cluster.idle_timeout_seconds = None;
            Ok(json!({}))
        })
    }

    pub(super) fn modify_cluster(self: &Arc<Self>, input: Value) -> Result<Value, ServiceError> {
        let request: ModifyCluster = input::read("ModifyCluster", input)?;
        let level = request
            .step_concurrency_level
            .map(launch::check_concurrency)
            .transpose()?;
        self.change(&request.cluster_id, |cluster, _, _| {
            if !cluster.state.is_active() {
                return Err(invalid(shutting_down().message));
            }
            if let Some(level) = level {
                cluster.step_concurrency = level;
            }
            Ok(json!({"StepConcurrencyLevel": cluster.step_concurrency}))
        })
    }

    /// The ids of a request for several clusters. Nothing is done if one of them does not exist.
    fn job_flows(
        &self,
        action: &str,
        input: Value,
    ) -> Result<(Vec<String>, JobFlows), ServiceError> {
        let request: JobFlows = input::read(action, input)?;
        if request.job_flow_ids.len() > MOST_JOB_FLOWS {
            return Err(ServiceError::validation(format!(
                "No more than {MOST_JOB_FLOWS} job flows can be specified."
            )));
        }
        if request.job_flow_ids.is_empty() {
            return Err(ServiceError::validation(
                "At least one job flow must be specified.",
            ));
        }
        let ids = request.job_flow_ids.iter().map(|id| self.job_flow(id));
        Ok((ids.collect::<Result<_, _>>()?, request))
    }

    /// The older actions have their own words for a cluster that is not there.
    fn job_flow(&self, id: &str) -> Result<String, ServiceError> {
        match self.look(id, |_, _| Ok(())) {
            Ok(()) => Ok(id.to_owned()),
            Err(_) => Err(ServiceError::validation(
                "Specified job flow ID does not exist.",
            )),
        }
    }
}

fn needed(value: Option<bool>, member: &str) -> Result<bool, ServiceError> {
    value.ok_or_else(|| {
        ServiceError::validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn fleet(cluster: &Cluster, id: &str) -> Result<usize, ServiceError> {
    let position = cluster.collections.iter().position(|one| one.id == id);
    position.ok_or_else(|| invalid(format!("Instance fleet id '{id}' is not valid.")))
}
