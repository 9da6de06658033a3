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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::test_driver::{chain, machine_of, output, run};

    #[test]
    fn ends_with_what_it_selects() {
        let definition =
            machine_of(json!({"Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b"}));
        let execution = run(&definition, json!({"a": {"b": [1]}}));
        assert_eq!(output(&execution), json!([1]));
        assert_eq!(
            chain(&execution)[1..],
            [
                "2 <- 0 SucceedStateEntered",
                "3 <- 2 SucceedStateExited",
                "4 <- 3 ExecutionSucceeded"
            ]
        );
    }
}
