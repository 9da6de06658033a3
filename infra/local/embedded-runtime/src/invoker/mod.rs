//! Runs functions for the services: as child processes of the function host, or, for simulations, in this process.

use std::path::PathBuf;

mod faulty;
mod in_process;
mod processes;

pub(crate) use faulty::Faulty;
pub use faulty::{FunctionBlow, FunctionFaults};
pub(crate) use in_process::{InProcess, kill_caller};
pub(crate) use processes::{Processes, origin_of};

/// How functions are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Functions {
    /// Each in processes of this program, over the Runtime API, as on Lambda.
    Processes(PathBuf),
    /// By calling the handlers in this process: no processes, no sockets, no time. For simulations.
    InProcess,
}
