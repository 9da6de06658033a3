//! Clusters, instance fleets and steps: EMR's JSON 1.1 API (`ElasticMapReduce.*`). The gateway and Step Functions'
//! integrations call [`Emr::call`].
//!
//! * [`launch`] (with [`requested_capacity`]), [`changes`], [`queries`]: the actions. [`input`]: their requests. [`describe`]: their answers.
//! * [`model`]: what a cluster is. [`lifecycle`], [`capacity`], [`steps`]: what becomes of it with time, as pure functions.
//! * [`driver`]: what makes time pass for it. [`commands`]: what runs its steps. [`timings`]: how long things take.
//! * [`faults`]: what can be made to go wrong. [`usage`]: what it cost. [`releases`]: what EMR has to offer.

mod capacity;
mod changes;
mod commands;
mod describe;
mod driver;
mod faults;
mod input;
mod launch;
mod lifecycle;
mod model;
mod queries;
mod releases;
mod requested_capacity;
mod steps;
mod timings;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use virtual_time::Work;

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};
use crate::s3::S3;
use crate::step_runner::StepRunner;
use lifecycle::{Deadlines, Effect, World};
use model::Cluster;

pub use faults::{Blow, Fault, Faults, Moment};
pub use model::{ClusterState, Role, StepState};
pub use timings::Timings;
pub use usage::{ClusterReport, ClusterUsage, StepReport};

/// The clusters of the account.
pub struct Emr {
    context: Context,
    s3: Arc<S3>,
    step_runner: Arc<dyn StepRunner>,
    documents: Documents,
    state: Mutex<State>,
}

impl std::fmt::Debug for Emr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Emr")
    }
}

#[derive(Default)]
struct State {
    clusters: BTreeMap<String, Entry>,
    faults: Faults,
    timings: Timings,
}

struct Entry {
    cluster: Cluster,
    /// Wakes the cluster's driver; `None` once the cluster has ended.
    driver: Option<UnboundedSender<Work>>,
    /// Commands that run, by step.
    commands: HashMap<String, AbortHandle>,
}

impl Emr {
    /// Opens the service on what an earlier process left. Clusters that were alive go on; steps whose commands ended with
    /// that process have failed.
    pub(crate) fn open(
        context: &Context,
        s3: Arc<S3>,
        step_runner: Arc<dyn StepRunner>,
    ) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("emr")?.folder("clusters")?;
        let clusters: Vec<Cluster> = documents.read_all()?;
        let emr = Arc::new(Self {
            context: context.clone(),
            s3,
            step_runner,
            documents,
            state: Mutex::new(State::default()),
        });
        let work = emr.context.clock.work();
        for cluster in clusters {
            let id = cluster.id.clone();
            let ended = cluster.state.has_ended();
            emr.insert(cluster, !ended, &work);
            if !ended {
                let orphaned = emr.change(&id, |cluster, now, world| {
                    cluster.steps_without_process(now, world);
                    Ok(())
                });
                orphaned.map_err(|error| StartError::Service {
                    service: "emr",
                    message: error.message,
                })?;
            }
        }
        Ok(emr)
    }

    /// Answers one action, such as `DescribeCluster`, with members as EMR's JSON protocol has them. The caller holds a
    /// `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        match action {
            "RunJobFlow" => self.run_job_flow(input),
            "DescribeCluster" => self.describe_cluster(input),
            "ListClusters" => self.list_clusters(input),
            "ListInstanceFleets" => self.list_instance_fleets(input),
            "ListInstanceGroups" => self.list_instance_groups(input),
            "ListInstances" => self.list_instances(input),
            "ModifyInstanceFleet" => self.modify_instance_fleet(input),
            "AddJobFlowSteps" => self.add_job_flow_steps(input),
            "ListSteps" => self.list_steps(input),
            "DescribeStep" => self.describe_step(input),
            "CancelSteps" => self.cancel_steps(input),
            "TerminateJobFlows" => self.terminate_job_flows(input),
            "SetTerminationProtection" => self.set_termination_protection(input),
            "SetVisibleToAllUsers" => self.set_visible_to_all_users(input),
            "SetKeepJobFlowAliveWhenNoSteps" => self.set_keep_alive(input),
            "AddTags" => self.add_tags(input),
            "RemoveTags" => self.remove_tags(input),
            "PutAutoTerminationPolicy" => self.put_auto_termination_policy(input),
            "GetAutoTerminationPolicy" => self.get_auto_termination_policy(input),
            "RemoveAutoTerminationPolicy" => self.remove_auto_termination_policy(input),
            "ModifyCluster" => self.modify_cluster(input),
            "ListBootstrapActions" => self.list_bootstrap_actions(input),
            "ListReleaseLabels" => self.list_release_labels(input),
            _ => Err(ServiceError::unsupported_action("elasticmapreduce", action)),
        }
    }

    /// Plans faults, on top of those that are planned.
    pub fn plan_faults(&self, plan: impl FnOnce(&mut Faults)) {
        plan(&mut self.state.lock().faults);
    }

    /// Changes how long things take.
    pub fn set_timings(&self, timings: Timings) {
        self.state.lock().timings = timings;
    }

    /// Loses an instance of a cluster now.
    pub fn lose_instance(self: &Arc<Self>, cluster: &str, role: Role) -> Result<(), ServiceError> {
        self.change(cluster, |cluster, now, world| {
            cluster.lose_instance(role, now, world);
            Ok(())
        })
    }

    /// Ends a cluster with errors now, for a reason such as `INSTANCE_FAILURE`.
    pub fn kill_cluster(
        self: &Arc<Self>,
        cluster: &str,
        code: &str,
        message: &str,
    ) -> Result<(), ServiceError> {
        let blow = Blow::KillCluster {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        self.change(cluster, |cluster, now, world| {
            cluster.take(&blow, now, world);
            Ok(())
        })
    }

    /// All clusters, the oldest first.
    pub fn clusters(&self) -> Vec<ClusterReport> {
        let now = self.context.clock.now();
        let state = self.state.lock();
        let mut reports: Vec<ClusterReport> = state
            .clusters
            .values()
            .map(|entry| entry.cluster.report(now))
            .collect();
        reports.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        reports
    }

    /// One cluster.
    pub fn cluster(&self, id: &str) -> Option<ClusterReport> {
        let now = self.context.clock.now();
        Some(self.state.lock().clusters.get(id)?.cluster.report(now))
    }

    /// Takes a new cluster in and lets it begin.
    fn launch(self: &Arc<Self>, cluster: Cluster) -> Result<(), ServiceError> {
        self.documents
            .write(&cluster.id, &cluster)
            .map_err(failed)?;
        let id = cluster.id.clone();
        let work = self.context.clock.work();
        self.insert(cluster, true, &work);
        self.change(&id, |cluster, now, world| {
            cluster.begin(now, world);
            Ok(())
        })
    }

    fn insert(self: &Arc<Self>, cluster: Cluster, alive: bool, work: &Work) {
        let id = cluster.id.clone();
        let mut entry = Entry {
            cluster,
            driver: None,
            commands: HashMap::new(),
        };
        let changes = alive.then(|| {
            let (sender, receiver) = unbounded_channel();
            entry.driver = Some(sender);
            receiver
        });
        self.state.lock().clusters.insert(id.clone(), entry);
        if let Some(changes) = changes {
            tokio::spawn(driver::drive(Arc::clone(self), id, changes, work.clone()));
        }
    }

    /// Looks at one cluster as it is now.
    fn look<T>(
        &self,
        id: &str,
        look: impl FnOnce(&Cluster, Timestamp) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let now = self.context.clock.now();
        let state = self.state.lock();
        match state.clusters.get(id) {
            Some(entry) => look(&entry.cluster, now),
            None => Err(no_cluster(id)),
        }
    }

    /// Looks at all clusters, the newest first.
    fn look_at_all<T>(&self, look: impl Fn(&Cluster, Timestamp) -> Option<T>) -> Vec<T> {
        let now = self.context.clock.now();
        let state = self.state.lock();
        let mut clusters: Vec<&Cluster> = state
            .clusters
            .values()
            .map(|entry| &entry.cluster)
            .collect();
        clusters.sort_by(|one, other| {
            (other.timeline.created, &other.id).cmp(&(one.timeline.created, &one.id))
        });
        clusters
            .into_iter()
            .filter_map(|cluster| look(cluster, now))
            .collect()
    }

    /// Changes one cluster, keeps the change, and wakes its driver with a guard.
    fn change<T>(
        self: &Arc<Self>,
        id: &str,
        work: impl FnOnce(&mut Cluster, Timestamp, &mut World<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        let State {
            clusters,
            faults,
            timings,
        } = &mut *state;
        let Some(entry) = clusters.get_mut(id) else {
            return Err(no_cluster(id));
        };
        let mut world = World {
            timings,
            faults,
            entropy: &self.context.entropy,
            effects: Vec::new(),
        };
        let result = entry
            .cluster
            .change(now, &mut world, |cluster, world| work(cluster, now, world));
        let effects = world.effects;
        self.carry_out(entry, effects);
        if let Some(driver) = &entry.driver {
            // Fails only when the driver has seen the cluster end.
            let _ = driver.send(self.context.clock.work());
        }
        self.documents.write(id, &entry.cluster).map_err(failed)?;
        result
    }

    /// Lets happen what is due. `None` once the cluster has ended.
    fn advance(self: &Arc<Self>, id: &str) -> Option<Deadlines> {
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        let State {
            clusters,
            faults,
            timings,
        } = &mut *state;
        let entry = clusters.get_mut(id)?;
        let mut world = World {
            timings,
            faults,
            entropy: &self.context.entropy,
            effects: Vec::new(),
        };
        entry.cluster.advance(now, &mut world);
        let effects = world.effects;
        // That a command is being run matters to this process only, and is not worth a document.
        let is_told = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Tell(_)));
        self.carry_out(entry, effects);
        if is_told && let Err(error) = self.documents.write(id, &entry.cluster) {
            tracing::error!(cluster = id, %error, "cannot keep the state of a cluster");
        }
        if entry.cluster.state.has_ended() {
            entry.driver = None;
            return None;
        }
        Some(entry.cluster.deadlines())
    }

    fn carry_out(self: &Arc<Self>, entry: &mut Entry, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Tell(occurrence) => self.context.observe(occurrence),
                Effect::Stop { step } => {
                    if let Some(command) = entry.commands.remove(&step) {
                        command.abort();
                    }
                }
                Effect::Run { step: id } => {
                    let cluster = &entry.cluster;
                    let Some(step) = cluster.steps.iter().find(|step| step.id == id) else {
                        continue;
                    };
                    let command = commands::Command {
                        cluster_id: cluster.id.clone(),
                        cluster_name: cluster.name.clone(),
                        step: step.clone(),
                        log_folder: cluster.step_log_folder(&id),
                    };
                    let work = self.context.clock.work();
                    let running = tokio::spawn(commands::run(Arc::clone(self), command, work));
                    entry.commands.insert(id, running.abort_handle());
                }
            }
        }
    }

    fn forget_command(&self, cluster: &str, step: &str) {
        if let Some(entry) = self.state.lock().clusters.get_mut(cluster) {
            entry.commands.remove(step);
        }
    }

    fn planned_blows(&self, now: faults::Now<'_>) -> Vec<Blow> {
        self.state.lock().faults.strike(now)
    }
}

/// `duration` after `at`.
fn after(at: Timestamp, duration: Duration) -> Timestamp {
    let span = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// EMR's words for an id that is not a cluster's.
fn no_cluster(id: &str) -> ServiceError {
    let well_formed = id.strip_prefix("j-").is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    });
    if well_formed {
        ServiceError::new(
            "InvalidRequestException",
            format!("Cluster id '{id}' is not valid."),
        )
        .with_detail("ErrorCode", "NoSuchCluster")
    } else {
        ServiceError::validation(format!("clusterId '{id}' is not valid."))
    }
}

fn failed(error: StartError) -> ServiceError {
    ServiceError::new("InternalServerException", error.to_string())
        .with_status(http::StatusCode::INTERNAL_SERVER_ERROR)
}
