//! Succeed: ends its thread with what it selects from its input.

use crate::errors::Failure;
use crate::execution::{Execution, ThreadId};
use crate::machine::State;

pub(crate) fn run(
    execution: &mut Execution,
    thread: ThreadId,
    state: &State,
) -> Result<(), Failure> {
    let input = execution.effective_input(thread, state)?;
    execution.finish(thread, state, input)
}
