//! Runs functions as Lambda does: each in its own process, which speaks the Runtime API with this host. The embedded
//! runtime registers the template's functions here and invokes them for Step Functions and for the Lambda API.
//!
//! * [`function`]: what a function is, what an invocation asks and what it brings.
//! * [`host`]: the pool of execution environments: warm reuse, scaling out, throttling, shutdown.
//! * `environment`: one execution environment from its cold start to its end, and one invocation in it.
//! * `runtime_api`: the routes of the Runtime API (2018-06-01).
//! * `process`: the child process: clean environment, own process group, exit status, peak memory.
//! * `output`: what the child prints, cut into invocations.
//! * `report`: the START, END and REPORT lines, and the log file.
//! * [`figures`]: what the host has measured.

pub mod figures;
pub mod function;
pub mod host;

mod environment;
mod output;
mod process;
mod report;
mod runtime_api;

pub use figures::FunctionFigures;
pub use function::{FunctionError, FunctionSpec, Invocation, InvokeError, Outcome};
pub use host::{Host, HostConfig};
