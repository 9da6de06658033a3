//! What Step Functions promises, tried through its actions in simulated time.

mod activities;
mod executions;
mod express;
mod integrations;
mod machines;
mod map_runs;
mod recovery;
mod redrive;
mod requests;
mod tasks;
mod test_state;
mod tokens;
mod versions;
