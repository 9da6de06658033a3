//! Every kind of fault, what it strikes, and which fields say where. Schedules are read by it and drawn from it.

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The service answers that there are too many requests, and does nothing.
    Throttle,
    /// The service answers with an error of its own (5xx; `code` names another), and does nothing.
    Error,
    /// The service does what it was asked to, and answers with an error of its own.
    ErrorAfter,
    /// The connection breaks before the request arrives.
    LoseRequest,
    /// The service does what it was asked to; the connection breaks before its answer arrives.
    LoseResponse,
    /// The service does nothing and never answers.
    Hang,
    /// The service does what it was asked to and never answers.
    HangAfter,
    /// The caller's role may not do this.
    Deny,
    /// The function that makes the call dies before the service has done anything.
    CrashBefore,
    /// The function that makes the call dies after the service has done what it was asked to.
    CrashAfter,
    /// A function dies before its handler does anything.
    FunctionCrash,
    /// A function dies after its handler has done everything, before it answers.
    FunctionCrashAtEnd,
    /// A function runs until its time is up.
    FunctionTimeout,
    /// A function answers with something that is not what its caller expects.
    MalformedAnswer,
    /// A function answers with a `Status` that nobody knows.
    UnexpectedStatus,
    /// A step fails before its command has done anything.
    StepFails,
    /// A step fails after its command has done everything.
    StepFailsAtEnd,
    /// A step never ends.
    StepHangs,
    /// A person cancels a step when it begins to run.
    StepCancelled,
    /// A cluster ends with errors when it is requested: no capacity, a bad subnet, a quota.
    LaunchFails,
    /// A cluster ends with errors while it bootstraps.
    BootstrapFails,
    /// A cluster ends with errors when a step begins to run.
    ClusterLost,
    /// The core or task node of a cluster is lost and replaced when a step begins to run; a primary node takes its cluster
    /// along.
    InstanceLost,
    /// Spot requests are never fulfilled.
    SpotNotFulfilled,
    /// State info is replaced by what `content` says.
    StateInfo,
    /// The schedule fires a second time for the same load.
    ScheduleFiresTwice,
    /// A person stops an execution.
    Abort,
    /// A person starts the master again, with `input`.
    Rerun,
    /// A person terminates the cluster by hand.
    TerminateByHand,
}

/// What a kind strikes, which decides the fields that may say where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A call to a service.
    Call,
    /// An invocation of a function.
    Function,
    /// A step of a cluster.
    Step,
    /// A cluster, at its launch.
    Launch,
    /// The whole run, at a moment: when a state is entered, or so long after the start.
    Moment,
}

impl Kind {
    /// All kinds, in the order of this documentation.
    pub const ALL: [Kind; 29] = [
        Kind::Throttle,
        Kind::Error,
        Kind::ErrorAfter,
        Kind::LoseRequest,
        Kind::LoseResponse,
        Kind::Hang,
        Kind::HangAfter,
        Kind::Deny,
        Kind::CrashBefore,
        Kind::CrashAfter,
        Kind::FunctionCrash,
        Kind::FunctionCrashAtEnd,
        Kind::FunctionTimeout,
        Kind::MalformedAnswer,
        Kind::UnexpectedStatus,
        Kind::StepFails,
        Kind::StepFailsAtEnd,
        Kind::StepHangs,
        Kind::StepCancelled,
        Kind::LaunchFails,
        Kind::BootstrapFails,
        Kind::ClusterLost,
        Kind::InstanceLost,
        Kind::SpotNotFulfilled,
        Kind::StateInfo,
        Kind::ScheduleFiresTwice,
        Kind::Abort,
        Kind::Rerun,
        Kind::TerminateByHand,
    ];

    /// What it strikes.
    pub fn target(self) -> Target {
        match self {
            Kind::Throttle
            | Kind::Error
            | Kind::ErrorAfter
            | Kind::LoseRequest
            | Kind::LoseResponse
            | Kind::Hang
            | Kind::HangAfter
            | Kind::Deny
            | Kind::CrashBefore
            | Kind::CrashAfter => Target::Call,
            Kind::FunctionCrash
            | Kind::FunctionCrashAtEnd
            | Kind::FunctionTimeout
            | Kind::MalformedAnswer
            | Kind::UnexpectedStatus => Target::Function,
            Kind::StepFails
            | Kind::StepFailsAtEnd
            | Kind::StepHangs
            | Kind::StepCancelled
            | Kind::ClusterLost
            | Kind::InstanceLost => Target::Step,
            Kind::LaunchFails | Kind::BootstrapFails | Kind::SpotNotFulfilled => Target::Launch,
            Kind::StateInfo
            | Kind::ScheduleFiresTwice
            | Kind::Abort
            | Kind::Rerun
            | Kind::TerminateByHand => Target::Moment,
        }
    }

    /// Whether it strikes a call after its effect.
    pub(crate) fn is_after(self) -> bool {
        matches!(
            self,
            Kind::ErrorAfter | Kind::LoseResponse | Kind::HangAfter | Kind::CrashAfter
        )
    }

    /// Whether it strikes a call or an invocation, and nothing else.
    pub(crate) fn strikes_one_call(self) -> bool {
        matches!(self.target(), Target::Call | Target::Function)
    }

    /// Whether the same call or invocation may well succeed the next time.
    pub(crate) fn passes(self) -> bool {
        self.strikes_one_call()
            && !matches!(
                self,
                Kind::Deny | Kind::MalformedAnswer | Kind::UnexpectedStatus
            )
    }

    /// The fields that may say where and how it strikes.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Kind::Throttle | Kind::Error | Kind::ErrorAfter | Kind::Deny => CALL_WITH_CODE,
            Kind::StateInfo => &["machine", "state", "nth", "after_seconds", "content"],
            Kind::Abort => &["machine", "state", "nth", "after_seconds"],
            Kind::ScheduleFiresTwice | Kind::TerminateByHand => {
                &["machine", "state", "nth", "after_seconds"]
            }
            Kind::Rerun => &["machine", "state", "nth", "after_seconds", "input"],
            Kind::InstanceLost => &["step", "table", "nth", "times", "role"],
            kind => match kind.target() {
                Target::Call => CALL,
                Target::Function => FUNCTION,
                Target::Step => &["step", "table", "nth", "times"],
                Target::Launch => &["nth", "times"],
                Target::Moment => &["machine", "state", "nth", "after_seconds"],
            },
        }
    }
}

const CALL_WITH_CODE: &[&str] = &[
    "service",
    "action",
    "function",
    "machine",
    "state",
    "table",
    "nth",
    "times",
    "after_seconds",
    "code",
];
const CALL: &[&str] = CALL_WITH_CODE.split_at(CALL_WITH_CODE.len() - 1).0;
const FUNCTION: &[&str] = &[
    "function",
    "machine",
    "state",
    "table",
    "nth",
    "times",
    "after_seconds",
];

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = serde_json::to_value(self).unwrap_or_default();
        formatter.pad(name.as_str().unwrap_or_default())
    }
}
