//! What Step Functions promises, tried through its actions in simulated time.

mod executions;
mod machines;
mod map_runs;
mod recovery;
mod tasks;
mod tokens;
