//! One execution of a state machine as the screen knows it: which states run in which strand, and what failed. Fed with
//! history events; part of the `View`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Standing {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Standing {
    /// From AWS's word.
    pub fn from_status(status: &str) -> Self {
        match status {
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "TIMED_OUT" => Self::TimedOut,
            "ABORTED" => Self::Aborted,
            _ => Self::Failed,
        }
    }

    /// For a sentence: "dimension_process failed".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Running => "is running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Aborted => "was aborted",
        }
    }
}

/// An execution.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its own name.
    pub name: String,
    /// The state machine's name.
    pub machine: String,
    /// The index of the execution that started it, in the view's list.
    pub parent: Option<usize>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub standing: Standing,
    /// The error's name, once it has failed.
    pub error: Option<String>,
    /// The error's cause, once it has failed.
    pub cause: Option<String>,
    /// What it was given.
    pub input: Value,
    /// What it gave back.
    pub output: Option<Value>,
    /// Lines of control: the first is the machine itself, others are iterations of a Map or branches of a Parallel.
    pub strands: Vec<Strand>,
    /// States that failed and were not retried into success.
    pub failures: Vec<StateFailure>,
    strand_of_event: BTreeMap<u64, usize>,
    parallel_starts: Vec<u64>,
    pending: BTreeMap<usize, StateFailure>,
}

/// A line of control within an execution.
#[derive(Debug, Clone, Default)]
pub struct Strand {
    /// The table it is about, or what else tells it from its siblings; none for the machine itself.
    pub label: Option<String>,
    /// The strand that it belongs to.
    pub parent: Option<usize>,
    /// The state that it is in.
    pub state: Option<CurrentState>,
    /// Whether it has ended, and whether well.
    pub ended: Option<bool>,
    visits: BTreeMap<String, usize>,
}

/// The state that a strand is in.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentState {
    /// Its name.
    pub name: String,
    /// `Task`, `Wait`, ….
    pub kind: String,
    /// When it was entered.
    pub since: Timestamp,
    /// The how-manieth time it is, from 1.
    pub visit: usize,
}

/// A state that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFailure {
    /// The state's name.
    pub state: String,
    /// The strand's label, such as a table.
    pub label: Option<String>,
    /// The error's name.
    pub error: String,
    /// Its cause.
    pub cause: String,
}

/// What of an event deserves a line in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noteworthy {
    /// A state was entered for the first time in its strand.
    Entered {
        /// `Task`, `Wait`, ….
        kind: String,
        /// The state's name.
        state: String,
        /// The strand's label.
        label: Option<String>,
    },
    /// A task or a state failed; perhaps it is tried again.
    Failed(StateFailure),
}

impl Execution {
    /// A running execution.
    pub fn new(
        arn: &str,
        name: &str,
        machine: &str,
        parent: Option<usize>,
        started: Timestamp,
        input: Value,
    ) -> Self {
        Self {
            arn: arn.to_owned(),
            name: name.to_owned(),
            machine: machine.to_owned(),
            parent,
            started,
            ended: None,
            standing: Standing::Running,
            error: None,
            cause: None,
            input,
            output: None,
            strands: vec![Strand::default()],
            failures: Vec::new(),
            strand_of_event: BTreeMap::new(),
            parallel_starts: Vec::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Takes in one event of the history, as GetExecutionHistory shows it.
    pub fn take(&mut self, at: Timestamp, event: &Value) -> Option<Noteworthy> {
        let kind = event["type"].as_str().unwrap_or_default();
        let id = event["id"].as_u64().unwrap_or_default();
        let previous = event["previousEventId"].as_u64().unwrap_or_default();
        let came_from = self.strand_of_event.get(&previous).copied().unwrap_or(0);
        let (strand, noteworthy) = if let Some(state_kind) = kind.strip_suffix("StateEntered") {
            self.entered(
                at,
                state_kind,
                previous,
                came_from,
                &event["stateEnteredEventDetails"],
            )
        } else if kind.ends_with("StateExited") {
            let name = event["stateExitedEventDetails"]["name"]
                .as_str()
                .unwrap_or_default();
            (self.exited(came_from, name), None)
        } else {
            self.other(kind, id, came_from, event)
        };
        self.strand_of_event.insert(id, strand);
        noteworthy
    }

    /// Takes in the end.
    pub fn end(
        &mut self,
        at: Timestamp,
        standing: Standing,
        output: Option<Value>,
        error: Option<String>,
        cause: Option<String>,
    ) {
        let pending = std::mem::take(&mut self.pending);
        if standing != Standing::Succeeded {
            self.failures.extend(pending.into_values());
        }
        for strand in &mut self.strands {
            strand.state = None;
            strand.ended.get_or_insert(standing == Standing::Succeeded);
        }
        self.ended = Some(at);
        self.standing = standing;
        self.output = output;
        self.error = error;
        self.cause = cause;
    }

    /// The state to which an event of the history belongs, as long as its strand is still in it.
    pub fn state_at(&self, event: u64) -> Option<&str> {
        let strand = &self.strands[*self.strand_of_event.get(&event)?];
        strand.state.as_ref().map(|state| state.name.as_str())
    }

    /// The failure that the execution's end is about: the one with the same error, else the last.
    pub fn decisive_failure(&self) -> Option<&StateFailure> {
        let same = |failure: &&StateFailure| Some(&failure.error) == self.error.as_ref();
        self.failures
            .iter()
            .rev()
            .find(same)
            .or(self.failures.last())
    }

    fn entered(
        &mut self,
        at: Timestamp,
        kind: &str,
        previous: u64,
        came_from: usize,
        details: &Value,
    ) -> (usize, Option<Noteworthy>) {
        let name = details["name"].as_str().unwrap_or_default();
        let mut index = came_from;
        if self.parallel_starts.contains(&previous) {
            index = self.strands.len();
            self.strands.push(Strand {
                label: Some(name.to_owned()),
                parent: Some(came_from),
                ..Strand::default()
            });
        }
        // A caught failure is confirmed by the state that follows it.
        if let Some(failure) = self.pending.remove(&index) {
            self.failures.push(failure);
        }
        let strand = &mut self.strands[index];
        if let Some(table) = table_of(details["input"].as_str().unwrap_or_default())
            && strand.parent.is_some()
        {
            strand.label = Some(table);
        }
        let visits = strand.visits.entry(name.to_owned()).or_insert(0);
        *visits += 1;
        let visit = *visits;
        strand.state = Some(CurrentState {
            name: name.to_owned(),
            kind: kind.to_owned(),
            since: at,
            visit,
        });
        let noteworthy = (visit == 1).then(|| Noteworthy::Entered {
            kind: kind.to_owned(),
            state: name.to_owned(),
            label: strand.label.clone(),
        });
        (index, noteworthy)
    }

    fn exited(&mut self, came_from: usize, name: &str) -> usize {
        let is_in = |strand: &Strand| {
            strand
                .state
                .as_ref()
                .is_some_and(|state| state.name == name)
        };
        let index = self.upwards(came_from, is_in);
        self.strands[index].state = None;
        self.close_children(index, true);
        if let Some(failure) = self.pending.remove(&index) {
            self.failures.push(failure);
        }
        index
    }

    fn other(
        &mut self,
        kind: &str,
        id: u64,
        came_from: usize,
        event: &Value,
    ) -> (usize, Option<Noteworthy>) {
        match kind {
            "MapIterationStarted" => {
                let owner = self.upwards(came_from, |strand| {
                    strand
                        .state
                        .as_ref()
                        .is_some_and(|state| state.kind == "Map")
                });
                let item = event["mapIterationStartedEventDetails"]["index"]
                    .as_u64()
                    .unwrap_or_default();
                self.strands.push(Strand {
                    label: Some(format!("#{item}")),
                    parent: Some(owner),
                    ..Strand::default()
                });
                (self.strands.len() - 1, None)
            }
            "MapIterationSucceeded" | "MapIterationFailed" | "MapIterationAborted" => {
                let strand = &mut self.strands[came_from];
                strand.state = None;
                strand.ended = Some(kind == "MapIterationSucceeded");
                (came_from, None)
            }
            "MapStateSucceeded"
            | "MapStateFailed"
            | "MapStateAborted"
            | "ParallelStateSucceeded"
            | "ParallelStateFailed"
            | "ParallelStateAborted" => {
                let compound = |strand: &Strand| {
                    strand
                        .state
                        .as_ref()
                        .is_some_and(|state| matches!(state.kind.as_str(), "Map" | "Parallel"))
                };
                let index = self.upwards(came_from, compound);
                self.close_children(index, kind.ends_with("Succeeded"));
                (index, None)
            }
            "ParallelStateStarted" => {
                self.parallel_starts.push(id);
                (came_from, None)
            }
            "TaskSucceeded" | "LambdaFunctionSucceeded" => {
                self.pending.remove(&came_from);
                (came_from, None)
            }
            _ if is_failure(kind) => {
                let failure = self.failure_of(came_from, event);
                self.pending.insert(came_from, failure.clone());
                (came_from, Some(Noteworthy::Failed(failure)))
            }
            _ => (came_from, None),
        }
    }

    fn failure_of(&self, strand: usize, event: &Value) -> StateFailure {
        let details = event
            .as_object()
            .into_iter()
            .flatten()
            .find(|(name, _)| name.ends_with("EventDetails"))
            .map(|(_, details)| details.clone())
            .unwrap_or_default();
        let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
        let strand = &self.strands[strand];
        let mut failure = StateFailure {
            state: strand
                .state
                .as_ref()
                .map(|state| state.name.clone())
                .unwrap_or_default(),
            label: strand.label.clone(),
            error: text("error"),
            cause: text("cause"),
        };
        if failure.error.is_empty()
            && event["type"]
                .as_str()
                .unwrap_or_default()
                .ends_with("TimedOut")
        {
            failure.error = "States.Timeout".to_owned();
        }
        failure
    }

    /// The strand itself or the nearest one above it that fits; the machine's own strand if none does.
    fn upwards(&self, from: usize, fits: impl Fn(&Strand) -> bool) -> usize {
        let mut index = from;
        loop {
            if fits(&self.strands[index]) {
                return index;
            }
            match self.strands[index].parent {
                Some(parent) => index = parent,
                None => return 0,
            }
        }
    }

    fn close_children(&mut self, owner: usize, well: bool) {
        for index in 0..self.strands.len() {
            if self.strands[index].parent == Some(owner) && self.strands[index].ended.is_none() {
                self.strands[index].ended = Some(well);
                self.strands[index].state = None;
                self.close_children(index, well);
            }
        }
    }
}

fn is_failure(kind: &str) -> bool {
    let of_a_task = ["Task", "LambdaFunction", "Activity"]
        .iter()
        .any(|prefix| kind.starts_with(prefix));
    of_a_task && (kind.ends_with("Failed") || kind.ends_with("TimedOut"))
        || kind == "EvaluationFailed"
}

/// The table that a state's input is about, if it says so.
fn table_of(input: &str) -> Option<String> {
    let input: Value = serde_json::from_str(input).ok()?;
    ["Table", "TableName", "table"]
        .iter()
        .find_map(|name| input[*name].as_str())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn execution() -> Execution {
        Execution::new("arn:x", "x", "machine", None, at(0), Value::Null)
    }

    fn entered(id: u64, previous: u64, kind: &str, name: &str, input: Value) -> Value {
        json!({"id": id, "previousEventId": previous, "type": format!("{kind}StateEntered"),
               "stateEnteredEventDetails": {"name": name, "input": input.to_string()}})
    }

    fn event(id: u64, previous: u64, kind: &str) -> Value {
        json!({"id": id, "previousEventId": previous, "type": kind})
    }

    #[test]
    fn a_caught_failure_is_kept_and_a_retried_one_is_not() {
        let mut execution = execution();
        execution.take(at(0), &entered(2, 0, "Task", "Flaky", json!({})));
        execution.take(at(1), &json!({"id": 3, "previousEventId": 2, "type": "TaskFailed", "taskFailedEventDetails": {"error": "Throttled"}}));
        execution.take(at(2), &event(4, 3, "TaskSucceeded"));
        execution.take(at(2), &json!({"id": 5, "previousEventId": 4, "type": "TaskStateExited", "stateExitedEventDetails": {"name": "Flaky"}}));
        assert_eq!(execution.failures, []);
        execution.take(at(3), &entered(6, 5, "Task", "Broken", json!({})));
        execution.take(at(4), &json!({"id": 7, "previousEventId": 6, "type": "TaskFailed", "taskFailedEventDetails": {"error": "ClusterGone", "cause": "why"}}));
        execution.take(at(5), &entered(8, 7, "Fail", "Failed", json!({})));
        execution.end(
            at(5),
            Standing::Failed,
            None,
            Some("ClusterGone".into()),
            None,
        );
        let failure = execution.decisive_failure().unwrap();
        assert_eq!(
            (failure.state.as_str(), failure.cause.as_str()),
            ("Broken", "why")
        );
    }

    #[test]
    fn a_task_that_ends_the_execution_is_its_failed_state() {
        let mut execution = execution();
        execution.take(at(0), &entered(2, 0, "Task", "Broken", json!({})));
        let noted = execution.take(at(1), &event(3, 2, "TaskTimedOut"));
        assert!(matches!(noted, Some(Noteworthy::Failed(_))));
        execution.end(
            at(1),
            Standing::Failed,
            None,
            Some("States.Timeout".into()),
            None,
        );
        assert_eq!(execution.decisive_failure().unwrap().state, "Broken");
    }

    #[test]
    fn iterations_of_a_map_are_strands_named_after_their_table() {
        let mut execution = execution();
        execution.take(at(0), &entered(2, 0, "Map", "Each table", json!({})));
        execution.take(at(0), &event(3, 2, "MapStateStarted"));
        for (id, index, table) in [(4, 0, "country"), (5, 1, "currency")] {
            execution.take(
                at(1),
                &json!({"id": id, "previousEventId": 3, "type": "MapIterationStarted", "mapIterationStartedEventDetails": {"name": "Each table", "index": index}}),
            );
            execution.take(
                at(1),
                &entered(id + 10, id, "Task", "Load", json!({"Table": table})),
            );
        }
        let labels: Vec<_> = execution
            .strands
            .iter()
            .map(|strand| strand.label.as_deref())
            .collect();
        assert_eq!(labels, [None, Some("country"), Some("currency")]);
        assert_eq!(execution.strands[2].state.as_ref().unwrap().name, "Load");
        execution.take(at(2), &event(20, 14, "MapIterationSucceeded"));
        assert_eq!(execution.strands[1].ended, Some(true));
        execution.take(at(3), &event(21, 15, "MapIterationSucceeded"));
        execution.take(at(3), &event(22, 21, "MapStateSucceeded"));
        execution.take(
            at(3),
            &json!({"id": 23, "previousEventId": 22, "type": "MapStateExited", "stateExitedEventDetails": {"name": "Each table"}}),
        );
        execution.take(at(3), &entered(24, 23, "Succeed", "Done", json!({})));
        assert_eq!(execution.strands[0].state.as_ref().unwrap().name, "Done");
    }

    #[test]
    fn branches_of_a_parallel_are_strands_named_after_their_first_state() {
        let mut execution = execution();
        execution.take(at(0), &entered(2, 0, "Parallel", "Both", json!({})));
        execution.take(at(0), &event(3, 2, "ParallelStateStarted"));
        execution.take(at(0), &entered(4, 3, "Task", "Left", json!({})));
        execution.take(at(0), &entered(5, 3, "Task", "Right", json!({})));
        assert_eq!(execution.strands.len(), 3);
        assert_eq!(execution.strands[0].state.as_ref().unwrap().name, "Both");
    }

    #[test]
    fn a_state_is_noteworthy_only_at_its_first_visit() {
        let mut execution = execution();
        assert!(
            execution
                .take(at(0), &entered(2, 0, "Wait", "Wait", json!({})))
                .is_some()
        );
        assert!(
            execution
                .take(at(9), &entered(3, 2, "Wait", "Wait", json!({})))
                .is_none()
        );
        assert_eq!(execution.strands[0].state.as_ref().unwrap().visit, 2);
    }
}
