//! What Step Functions promises, tried through its actions in simulated time.

mod executions;
mod machines;
mod recovery;
mod tasks;
mod tokens;
