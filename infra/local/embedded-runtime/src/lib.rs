//! The embedded runtime: reads the SAM template, provisions the local services from it, runs functions and cluster steps.
//! The command line and the end-to-end tests start one.
//!
//! * [`project`]: the files of a project. [`template`]: the SAM template, resolved. [`problem`]: what is wrong, and where.
//! * [`runtime`]: starting, running the master, shutting down. [`provision`]: from the resolved template to the services.
//! * [`bootstrap`]: building the functions' program. [`invoker`]: running functions, as processes or in this one.
//! * [`steps`]: what clusters run. [`landing`]: which file is for which table. `upload`: what gets into the bucket.
//! * [`iam`]: enforcing the roles' policies.
//! * [`journal`]: waiting for executions. [`report`]: the account of a run. [`root`]: the folder between commands.

pub mod bootstrap;
pub mod error;
pub mod iam;
mod interception;
pub mod invoker;
pub mod journal;
pub mod landing;
pub mod problem;
pub mod project;
pub mod provision;
pub mod report;
pub mod root;
pub mod runtime;
pub mod steps;
pub mod template;
mod upload;

pub use error::RuntimeError;
pub use invoker::{FunctionBlow, FunctionFaults, Functions};
pub use problem::{Position, Problem};
pub use project::{PipelineTable, Project, ProjectError};
pub use report::{ExecutionOutcome, RunReport};
pub use runtime::{ClockMode, Runtime, RuntimeOptions};
pub use template::Stack;
