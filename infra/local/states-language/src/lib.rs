//! A pure interpreter of the Amazon States Language: it reads no clock, draws no randomness and does no input or output.
//! A driver (the `states` service, or a test) starts an [`Execution`], carries out its [`Effect`]s, and delivers
//! [`Arrival`]s back; the execution answers with the history that AWS would have recorded.
//!
//! ```
//! use std::sync::Arc;
//! use states_language::{Execution, Identity, StateMachine, Status};
//!
//! let machine = StateMachine::parse(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#).expect("it is valid");
//! let now = jiff::Timestamp::UNIX_EPOCH;
//! let identity = Identity::named("nightly", "first-run", now);
//! let execution = Execution::start(Arc::new(machine), identity, "{}", 7, now).expect("the input is JSON");
//! assert!(matches!(execution.status(), Status::Succeeded { output } if &**output == "{}"));
//! ```

mod choice_rule;
mod context;
mod data_flow;
mod definition;
mod diagnostic;
mod effect;
mod errors;
mod execution;
mod expression;
mod history;
mod identity;
mod inspection;
mod integration_parameters;
mod integrations;
mod intrinsic;
mod jsonata;
mod jsonpath;
mod machine;
mod map_effects;
mod map_run;
mod payload;
mod random;
mod reference_path;
mod references;
mod resource;
mod result_path;
mod scope;
mod states;
mod surroundings;
mod template;
mod text;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod specification;
#[cfg(test)]
mod test_driver;

pub use diagnostic::{Diagnostic, DiagnosticCode, Severity, diagnose};
pub use effect::{Arrival, Effect, StartTask, TaskId, TimerId};
pub use errors::{Catcher, Retrier};
pub use execution::{Execution, InputError, Status};
pub use history::{EventDetails, EventType, HistoryEvent, Truncated};
pub use identity::Identity;
pub use inspection::{Mock, StateTest};
pub use machine::{QueryLanguage, State, StateId, StateMachine, StateType};
pub use map_effects::{
    ChildType, CsvHeader, ItemFormat, ItemSource, ManifestType, OutputType, ReadItems, StartChild,
    Transformation, WriteResults,
};
pub use map_run::{MapRun, MapRunCounts, MapRunLimits, MapRunStatus};
pub use resource::{Integration, IntegrationPattern, Resource};
pub use surroundings::Surroundings;
pub use text::Text;
