//! Parallel: runs its branches side by side and hands on the list of their outputs.

use crate::definition::{Draft, Fields, StateReader};
use crate::errors::Failure;
use crate::execution::{Branches, Execution, ThreadId, Work};
use crate::machine::{BlockId, State, StateId};
use crate::payload::Payload;
use crate::{EventDetails, EventType};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parallel {
    branches: Vec<BlockId>,
}

impl Parallel {
    pub(crate) fn read(
        reader: &StateReader<'_>,
        fields: &mut Fields<'_>,
        draft: &mut Draft,
    ) -> Option<Self> {
        fields.require(&["Branches"], &mut draft.diagnostics);
        let location = fields.at("Branches");
        let list = fields.list("Branches", &mut draft.diagnostics)?;
        if list.is_empty() {
            draft
                .diagnostics
                .error(location.as_str(), "Value cannot be empty");
            return None;
        }
        let mut branches = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            let fields = Fields::of(
                value,
                &format!("{location}[{position}]"),
                &mut draft.diagnostics,
            );
            branches.push(fields.and_then(|mut fields| {
                fields.text("Comment", &mut draft.diagnostics);
                draft.block(fields, Some(reader.id))
            }));
        }
        Some(Self {
            branches: branches.into_iter().collect::<Option<_>>()?,
        })
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.input_arguments(thread, state)?;
        if let Some(mock) = execution.mocked() {
            let result = execution.mock_result(thread, mock)?;
            return execution.finish(thread, state, result);
        }
        execution.record(
            thread,
            EventType::ParallelStateStarted,
            EventDetails::default(),
        );
        let started = execution.last_event(thread);
        let outputs = vec![None; self.branches.len()];
        execution.set_work(thread, Work::Branches(Branches { outputs }));
        let starts: Vec<StateId> = self
            .branches
            .iter()
            .map(|block| execution.machine().block(*block).start)
            .collect();
        for (branch, start) in starts.into_iter().enumerate() {
            execution.spawn(thread, branch, start, input.clone(), None, started);
        }
        Ok(())
    }

    /// A branch has come to its end, with that last event.
    pub(crate) fn branch_succeeded(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        branch: usize,
        output: Payload,
        last_event: u32,
    ) {
        let Some(Work::Branches(branches)) = execution.work_mut(thread) else {
            return;
        };
        branches.outputs[branch] = Some(output);
        let done = branches.outputs.iter().all(Option::is_some);
        let outputs = done.then(|| std::mem::take(&mut branches.outputs));
        execution.set_last_event(thread, last_event);
        if let Some(outputs) = outputs {
            let outputs = outputs.into_iter().flatten().collect();
            execution.join(thread, Payload::list(outputs));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::test_driver::{chain, failure, output, run};

    fn parallel(fields: Value, branches: Value) -> Value {
        let mut state = fields;
        state["Type"] = json!("Parallel");
        state["Branches"] = branches;
        state["Next"] = json!("End");
        json!({"StartAt": "P", "States": {"P": state, "End": {"Type": "Succeed"}}})
    }

    fn branch(name: &str, state: Value) -> Value {
        json!({"StartAt": name, "States": {name: state}})
    }

    #[test]
    fn fails_with_the_error_of_a_branch() {
        let definition = parallel(
            json!({}),
            json!([branch(
                "F",
                json!({"Type": "Fail", "Error": "E", "Cause": "C"})
            )]),
        );
        let execution = run(&definition, json!({}));
        assert_eq!(failure(&execution), ("E", "C"));
        assert_eq!(
            chain(&execution)[2..],
            [
                "3 <- 2 ParallelStateStarted",
                "4 <- 3 FailStateEntered",
                "5 <- 4 ParallelStateFailed",
                "6 <- 5 ExecutionFailed"
            ]
        );
    }

    #[test]
    fn starts_all_branches_again_on_a_retry_and_says_that_it_failed_only_once() {
        let retry = json!({"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]});
        let definition = parallel(
            retry,
            json!([branch("F", json!({"Type": "Fail", "Error": "E"}))]),
        );
        assert_eq!(
            chain(&run(&definition, json!({})))[2..],
            [
                "3 <- 2 ParallelStateStarted",
                "4 <- 3 FailStateEntered",
                "5 <- 4 ParallelStateStarted",
                "6 <- 5 FailStateEntered",
                "7 <- 6 ParallelStateFailed",
                "8 <- 7 ExecutionFailed",
            ]
        );
    }

    #[test]
    fn is_left_with_the_error_when_it_catches_one() {
        let catch = json!({"Catch": [{"ErrorEquals": ["E"], "Next": "End"}]});
        let definition = parallel(
            catch,
            json!([branch(
                "F",
                json!({"Type": "Fail", "Error": "E", "Cause": "C"})
            )]),
        );
        let execution = run(&definition, json!({}));
        assert_eq!(output(&execution), json!({"Error": "E", "Cause": "C"}));
        assert_eq!(
            chain(&execution)[4..6],
            ["5 <- 4 ParallelStateFailed", "6 <- 5 ParallelStateExited"]
        );
    }

    #[test]
    fn gives_every_branch_its_parameters_and_lists_their_outputs_in_order() {
        let definition = parallel(
            json!({"Parameters": {"x.$": "$.a"}, "ResultSelector": {"first.$": "$[0]", "all.$": "$"}, "ResultPath": "$.out"}),
            json!([
                {"StartAt": "Slow", "States": {"Slow": {"Type": "Wait", "Seconds": 9, "End": true}}},
                branch("Quick", json!({"Type": "Pass", "Result": 2, "End": true})),
            ]),
        );
        let execution = run(&definition, json!({"a": 1}));
        assert_eq!(
            output(&execution),
            json!({"a": 1, "out": {"first": {"x": 1}, "all": [{"x": 1}, 2]}})
        );
        assert_eq!(
            chain(&execution)[3..10],
            [
                "4 <- 3 WaitStateEntered",
                "5 <- 3 PassStateEntered",
                "6 <- 5 PassStateExited",
                "7 <- 4 WaitStateExited",
                "8 <- 7 ParallelStateSucceeded",
                "9 <- 7 ParallelStateExited",
                "10 <- 9 SucceedStateEntered",
            ]
        );
    }

    #[test]
    fn nests() {
        let inner = json!({"Type": "Parallel", "End": true, "Branches": [branch("In", json!({"Type": "Pass", "End": true}))]});
        let definition = parallel(json!({}), json!([branch("Inner", inner)]));
        let execution = run(&definition, json!(7));
        assert_eq!(output(&execution), json!([[7]]));
        assert_eq!(
            chain(&execution)[7..11],
            [
                "8 <- 7 ParallelStateSucceeded",
                "9 <- 7 ParallelStateExited",
                "10 <- 9 ParallelStateSucceeded",
                "11 <- 9 ParallelStateExited",
            ]
        );
    }

    #[test]
    fn lets_branches_read_variables_but_keeps_theirs_inside() {
        let definition = json!({"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
            "P": {"Type": "Parallel", "Next": "Z", "Branches": [
                {"StartAt": "B", "States": {
                    "B": {"Type": "Pass", "Assign": {"inner.$": "$outer"}, "Next": "C"},
                    "C": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($outer, $inner)"}, "End": true},
                }},
            ]},
            "Z": {"Type": "Pass", "Parameters": {"inner.$": "$inner"}, "End": true},
        }});
        let execution = run(&definition, json!({}));
        assert_eq!(failure(&execution).0, "States.Runtime");
        assert!(
            failure(&execution).1.contains("'$inner'"),
            "{}",
            failure(&execution).1
        );
        let events = execution.history().iter();
        let outputs: Vec<crate::Text> = events.filter_map(|event| event.details().output).collect();
        assert!(outputs.contains(&r#"[{"sum":2}]"#.into()), "{outputs:?}");
    }
}
