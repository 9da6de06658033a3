//! Clusters, fleets, instances and steps as they are kept in memory and on disk. Behaviour is in [`super::lifecycle`] and
//! its neighbours, EMR's JSON in [`super::describe`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// EMR's states of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClusterState {
    /// Instances are being provisioned.
    Starting,
    /// Instances are being set up.
    Bootstrapping,
    /// Steps run, or the last preparations.
    Running,
    /// Ready, and nothing to do.
    Waiting,
    /// On its way out.
    Terminating,
    /// Gone as it should.
    Terminated,
    /// Gone for a reason nobody wanted.
    TerminatedWithErrors,
}

impl ClusterState {
    /// As EMR spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClusterState::Starting => "STARTING",
            ClusterState::Bootstrapping => "BOOTSTRAPPING",
            ClusterState::Running => "RUNNING",
            ClusterState::Waiting => "WAITING",
            ClusterState::Terminating => "TERMINATING",
            ClusterState::Terminated => "TERMINATED",
            ClusterState::TerminatedWithErrors => "TERMINATED_WITH_ERRORS",
        }
    }

    /// Whether the cluster has gone for good.
    pub fn has_ended(self) -> bool {
        matches!(
            self,
            ClusterState::Terminated | ClusterState::TerminatedWithErrors
        )
    }

    /// Whether steps can still be added.
    pub(super) fn is_active(self) -> bool {
        !self.has_ended() && self != ClusterState::Terminating
    }
}

/// What an instance does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// The primary node.
    Master,
    /// Data and tasks.
    Core,
    /// Tasks only.
    Task,
}

impl Role {
    /// As EMR spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Master => "MASTER",
            Role::Core => "CORE",
            Role::Task => "TASK",
        }
    }
}

/// How an instance is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Market {
    OnDemand,
    Spot,
}

impl Market {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Market::OnDemand => "ON_DEMAND",
            Market::Spot => "SPOT",
        }
    }
}

/// EMR's StateChangeReason; a code is not always given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reason {
    pub(super) code: Option<String>,
    pub(super) message: String,
}

impl Reason {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: Some(code.to_owned()),
            message: message.into(),
        }
    }

    pub(super) fn message(message: impl Into<String>) -> Self {
        Self {
            code: None,
            message: message.into(),
        }
    }
}

/// When something was created, ready and over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    pub(super) created: Timestamp,
    pub(super) ready: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

impl Timeline {
    pub(super) fn from(created: Timestamp) -> Self {
        Self {
            created,
            ready: None,
            ended: None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) release_label: String,
    pub(super) log_uri: Option<String>,
    pub(super) state: ClusterState,
    pub(super) reason: Reason,
    pub(super) timeline: Timeline,
    /// When the present state ends by itself: setup, termination.
    pub(super) due: Option<Timestamp>,
    /// The last time that anything happened: nothing happens before it any more.
    pub(super) latest: Timestamp,
    /// The state that follows termination.
    pub(super) ends_with_errors: bool,
    pub(super) keep_alive: bool,
    pub(super) protected: bool,
    pub(super) visible: bool,
    pub(super) step_concurrency: u32,
    pub(super) idle_timeout_seconds: Option<i64>,
    pub(super) tags: Vec<Tag>,
    /// Members of the request that DescribeCluster shows as they were given.
    pub(super) shown: BTreeMap<String, Value>,
    /// EMR's Ec2InstanceAttributes.
    pub(super) ec2: Value,
    /// Whether it has instance groups instead of fleets.
    pub(super) uses_groups: bool,
    pub(super) collections: Vec<Collection>,
    pub(super) instances: Vec<Instance>,
    pub(super) steps: Vec<Step>,
    pub(super) activity: Activity,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

/// States of fleets and groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum CollectionState {
    Provisioning,
    Bootstrapping,
    Running,
    Resizing,
    Terminating,
    Terminated,
}

/// An instance fleet or an instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Collection {
    pub(super) id: String,
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) state: CollectionState,
    pub(super) reason: Reason,
    pub(super) timeline: Timeline,
    pub(super) on_demand_target: u32,
    pub(super) spot_target: u32,
    pub(super) types: Vec<TypeConfig>,
    /// LaunchSpecifications as given.
    pub(super) launch: Option<Value>,
    /// ResizeSpecifications as given.
    pub(super) resize: Option<Value>,
    /// Until when spot requests wait, in minutes from the launch, and what happens then.
    pub(super) spot_timeout: Option<SpotTimeout>,
    /// As above, for a resize: then nothing more is provisioned.
    pub(super) spot_resize_minutes: Option<u32>,
    /// When waiting for spot instances ends.
    pub(super) spot_deadline: Option<Timestamp>,
    /// Spot capacity that on-demand instances stand in for, after the deadline of the launch.
    pub(super) switched: u32,
    /// Spot capacity that did not come by the deadline of a resize and is no longer waited for.
    pub(super) given_up: u32,
    /// BidPrice of a group.
    pub(super) bid_price: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SpotTimeout {
    pub(super) minutes: u32,
    /// Else the cluster is terminated.
    pub(super) switch_to_on_demand: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TypeConfig {
    pub(super) instance_type: String,
    pub(super) weight: u32,
    /// The other members, as ListInstanceFleets shows them.
    pub(super) shown: BTreeMap<String, Value>,
}

/// EMR's states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum InstanceState {
    AwaitingFulfillment,
    Provisioning,
    Bootstrapping,
    Running,
    Terminated,
}

impl InstanceState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            InstanceState::AwaitingFulfillment => "AWAITING_FULFILLMENT",
            InstanceState::Provisioning => "PROVISIONING",
            InstanceState::Bootstrapping => "BOOTSTRAPPING",
            InstanceState::Running => "RUNNING",
            InstanceState::Terminated => "TERMINATED",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Instance {
    /// `ci-…`
    pub(super) id: String,
    /// `i-…`, once there is an instance.
    pub(super) ec2_id: Option<String>,
    /// Its fleet or group.
    pub(super) collection: String,
    pub(super) role: Role,
    pub(super) market: Market,
    pub(super) instance_type: String,
    pub(super) weight: u32,
    pub(super) state: InstanceState,
    pub(super) reason: Reason,
    pub(super) timeline: Timeline,
    /// Since when it is paid for.
    pub(super) launched: Option<Timestamp>,
    /// When its present state ends by itself.
    pub(super) due: Option<Timestamp>,
    /// Joined a cluster that was already running.
    pub(super) joined_later: bool,
    /// The last part of its private address.
    pub(super) address: u16,
}

impl Instance {
    pub(super) fn is_alive(&self) -> bool {
        self.state != InstanceState::Terminated
    }
}

/// EMR's states of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepState {
    /// Not yet begun.
    Pending,
    /// Running, and asked to stop.
    CancelPending,
    /// Begun.
    Running,
    /// Ended well.
    Completed,
    /// Stopped, or never begun.
    Cancelled,
    /// Ended badly.
    Failed,
    /// Its cluster went away.
    Interrupted,
}

impl StepState {
    /// As EMR spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            StepState::Pending => "PENDING",
            StepState::CancelPending => "CANCEL_PENDING",
            StepState::Running => "RUNNING",
            StepState::Completed => "COMPLETED",
            StepState::Cancelled => "CANCELLED",
            StepState::Failed => "FAILED",
            StepState::Interrupted => "INTERRUPTED",
        }
    }

    /// Whether it will not change any more.
    pub fn has_ended(self) -> bool {
        !matches!(
            self,
            StepState::Pending | StepState::CancelPending | StepState::Running
        )
    }
}

/// What a failing step does to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ActionOnFailure {
    #[serde(alias = "TERMINATE_JOB_FLOW")]
    TerminateCluster,
    CancelAndWait,
    Continue,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) jar: String,
    pub(super) main_class: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) properties: Vec<(String, String)>,
    pub(super) action_on_failure: ActionOnFailure,
    pub(super) execution_role: Option<String>,
    pub(super) state: StepState,
    pub(super) reason: Reason,
    pub(super) failure: Option<StepFailureDetails>,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// When its launch, or its cancellation, is over.
    pub(super) due: Option<Timestamp>,
    /// Whether its command has been started.
    pub(super) command_runs: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepFailureDetails {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) log_file: Option<String>,
}

/// How the cluster's time was spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Activity {
    /// Since when no step has been there to run.
    pub(super) waiting_since: Option<Timestamp>,
    /// Since when there has been nothing to do: no step, no resize.
    pub(super) idle_since: Option<Timestamp>,
    /// What earlier idle times add up to.
    pub(super) idle: SignedDuration,
}
