//! What the screen knows about a run. It is fed with the services' occurrences, in order, and asked for lines by the tree,
//! the plain log, the timeline and the summary. Pure: no terminal, no clock of its own.

use aws_services::Occurrence;
use jiff::Timestamp;
use serde_json::Value;

use super::cluster::Cluster;
use super::execution::{Execution, Noteworthy, Standing};

/// Everything that happened so far.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The stack's name, which begins the names of its state machines and functions and is not shown.
    pub stack: String,
    /// When the first thing happened.
    pub began: Option<Timestamp>,
    /// When the last thing happened.
    pub latest: Option<Timestamp>,
    /// Executions in the order of their start.
    pub executions: Vec<Execution>,
    /// Clusters in the order of their launch.
    pub clusters: Vec<Cluster>,
    /// Messages that went to a topic's subscribers.
    pub mails: Vec<Mail>,
    /// How functions fared.
    pub functions: Functions,
    /// What a rule or schedule could not start.
    pub refused_targets: Vec<String>,
    /// What the command itself is about to do, such as to stop everything.
    pub notice: Option<String>,
}

/// A message as a subscriber gets it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// Pipeline time.
    pub at: Timestamp,
    /// The subject line; may be empty.
    pub subject: String,
    /// The text.
    pub message: String,
}

/// How functions fared.
#[derive(Debug, Clone, Default)]
pub struct Functions {
    /// All invocations.
    pub invocations: usize,
    /// Those that began a process.
    pub cold_starts: usize,
    /// The longest cold start, in milliseconds.
    pub slowest_cold_start: Option<u64>,
    /// The most memory that one process held, in bytes.
    pub most_memory: Option<u64>,
    /// Those that failed, the last one last.
    pub failures: Vec<FunctionFailure>,
}

/// An invocation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionFailure {
    /// Pipeline time.
    pub at: Timestamp,
    /// The function's name.
    pub function: String,
    /// `errorType: errorMessage`.
    pub error: String,
    /// The end of its log.
    pub log_tail: String,
}

/// One line of the plain log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Pipeline time.
    pub at: Timestamp,
    /// Whom it is about: a state machine, a cluster, a step.
    pub subject: String,
    /// What happened.
    pub what: String,
    /// Whether it is bad news.
    pub bad: bool,
}

impl View {
    /// Takes in what happened, and says which lines a plain log should get.
    pub fn take(&mut self, at: Timestamp, occurrence: &Occurrence) -> Vec<Happening> {
        self.began.get_or_insert(at);
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
        match occurrence {
            Occurrence::ExecutionStarted {
                execution_arn,
                state_machine_arn,
                name,
                parent,
                input,
            } => self.execution_started(
                at,
                execution_arn,
                state_machine_arn,
                name,
                parent.as_deref(),
                input,
            ),
            Occurrence::HistoryEvent {
                execution_arn,
                event,
            } => self.history_event(at, execution_arn, event),
            Occurrence::ExecutionEnded {
                execution_arn,
                status,
                output,
                error,
                cause,
            } => {
                let end = (output.clone(), error.clone(), cause.clone());
                self.execution_ended(at, execution_arn, status, end)
            }
            Occurrence::ClusterChanged {
                cluster_id,
                name,
                state,
                reason,
            } => {
                self.cluster(cluster_id, name).change(at, state, reason);
                let bad = state == "TERMINATED_WITH_ERRORS";
                vec![happening(
                    at,
                    &format!("cluster {cluster_id}"),
                    with_reason(state, reason),
                    bad,
                )]
            }
            Occurrence::InstancesChanged {
                cluster_id,
                running,
                provisioning,
            } => {
                let cluster = self.cluster(cluster_id, "");
                let before = super::tree::workers(cluster);
                cluster.resize(at, running, provisioning);
                if before == super::tree::workers(cluster) {
                    return Vec::new();
                }
                vec![happening(
                    at,
                    &format!("cluster {cluster_id}"),
                    super::tree::workers(cluster),
                    false,
                )]
            }
            Occurrence::StepChanged {
                cluster_id,
                step_id,
                name,
                state,
                reason,
            } => self.step_changed(at, cluster_id, step_id, name, state, reason),
            Occurrence::StepProgress {
                cluster_id,
                step_id,
                progress,
            } => {
                let step = self.cluster(cluster_id, "").step(at, step_id, step_id);
                step.message.clone_from(&progress.message);
                if !is_published(&progress.message) {
                    return Vec::new();
                }
                step.rows = progress.rows.or(step.rows);
                let subject = format!("step {}", step.short_name());
                vec![happening(at, &subject, progress.message.clone(), false)]
            }
            Occurrence::MessagePublished {
                subject, message, ..
            } => {
                let subject = subject.clone().unwrap_or_default();
                let line = happening(at, "mail", subject.clone(), false);
                self.mails.push(Mail {
                    at,
                    subject,
                    message: message.clone(),
                });
                vec![line]
            }
            Occurrence::FunctionInvoked {
                function_name,
                init_millis,
                max_memory_bytes,
                error,
                log_tail,
                ..
            } => {
                self.functions.invocations += 1;
                self.functions.cold_starts += usize::from(init_millis.is_some());
                self.functions.slowest_cold_start =
                    self.functions.slowest_cold_start.max(*init_millis);
                self.functions.most_memory = self.functions.most_memory.max(*max_memory_bytes);
                if let Some(error) = error {
                    self.function_failed(at, function_name, error, log_tail);
                }
                Vec::new()
            }
            Occurrence::TargetNotified {
                source,
                target,
                error,
            } => match error {
                Some(error) => {
                    let what = format!("could not start {}: {error}", last_part(target));
                    self.refused_targets
                        .push(format!("{} {what}", last_part(source)));
                    vec![happening(at, last_part(source), what, true)]
                }
                None => vec![happening(
                    at,
                    last_part(source),
                    format!("started {}", last_part(target)),
                    false,
                )],
            },
            _ => Vec::new(),
        }
    }

    /// The execution that nobody in this view started: the master.
    pub fn root(&self) -> Option<&Execution> {
        self.executions
            .iter()
            .find(|execution| execution.parent.is_none())
    }

    /// The index of the execution of that ARN.
    pub fn index_of(&self, arn: &str) -> Option<usize> {
        self.executions
            .iter()
            .position(|execution| execution.arn == arn)
    }

    /// The executions that this one started, in order.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let children = self.executions.iter().enumerate();
        children
            .filter(move |(_, child)| child.parent == Some(index))
            .map(|(child, _)| child)
    }

    /// The execution in which things first went wrong: the failed child, not the master that fails for it.
    pub fn culprit(&self) -> Option<&Execution> {
        let bad = |execution: &&Execution| {
            !matches!(execution.standing, Standing::Running | Standing::Succeeded)
        };
        let failed = self.executions.iter().filter(bad);
        failed.min_by_key(|execution| (execution.ended, std::cmp::Reverse(execution.started)))
    }

    /// The first step that ended badly.
    pub fn failed_step(&self) -> Option<(&Cluster, &super::cluster::Step)> {
        let steps = self
            .clusters
            .iter()
            .flat_map(|cluster| cluster.steps.iter().map(move |step| (cluster, step)));
        steps
            .filter(|(_, step)| step.state == "FAILED")
            .min_by_key(|(_, step)| step.ended)
    }

    fn execution_started(
        &mut self,
        at: Timestamp,
        arn: &str,
        state_machine_arn: &str,
        name: &str,
        parent: Option<&str>,
        input: &Value,
    ) -> Vec<Happening> {
        let parent = parent
            .and_then(|parent| self.index_of(parent))
            .or_else(|| self.parent_by_name(name));
        let machine = self.short(last_part(state_machine_arn)).to_owned();
        self.executions.push(Execution::new(
            arn,
            name,
            &machine,
            parent,
            at,
            input.clone(),
        ));
        vec![happening(at, &machine, format!("started as {name}"), false)]
    }

    /// Children are named `<parent>-<state>`; the longest name that fits is the nearest parent.
    fn parent_by_name(&self, name: &str) -> Option<usize> {
        let executions = self.executions.iter().enumerate();
        let parents = executions.filter(|(_, parent)| {
            name.strip_prefix(&parent.name)
                .is_some_and(|rest| rest.starts_with('-'))
        });
        parents
            .max_by_key(|(_, parent)| parent.name.len())
            .map(|(index, _)| index)
    }

    fn history_event(&mut self, at: Timestamp, arn: &str, event: &Value) -> Vec<Happening> {
        let Some(index) = self.index_of(arn) else {
            return Vec::new();
        };
        let execution = &mut self.executions[index];
        let labelled = |label: &Option<String>, state: &str| match label {
            Some(label) if !label.starts_with('#') => format!("{label}: {state}"),
            _ => state.to_owned(),
        };
        match execution.take(at, event) {
            Some(Noteworthy::Entered { kind, state, label })
                if matches!(kind.as_str(), "Task" | "Wait" | "Map" | "Parallel") =>
            {
                vec![happening(
                    at,
                    &execution.machine,
                    labelled(&label, &state),
                    false,
                )]
            }
            // It may be tried again, or caught: only the end of the execution is bad news.
            Some(Noteworthy::Failed(failure)) => {
                let state = labelled(&failure.label, &failure.state);
                let what = format!("{state}: {}", failure.error);
                let what = with_reason(
                    &what,
                    error_message(&failure.cause)
                        .as_deref()
                        .unwrap_or(&failure.cause),
                );
                vec![happening(at, &execution.machine, what, false)]
            }
            _ => Vec::new(),
        }
    }

    fn execution_ended(
        &mut self,
        at: Timestamp,
        arn: &str,
        status: &str,
        (output, error, cause): (Option<Value>, Option<String>, Option<String>),
    ) -> Vec<Happening> {
        let Some(index) = self.index_of(arn) else {
            return Vec::new();
        };
        let standing = Standing::from_status(status);
        let execution = &mut self.executions[index];
        let mut what = standing.verb().to_owned();
        if let Some(error) = &error {
            what = with_reason(
                &format!("{what}: {error}"),
                cause.as_deref().unwrap_or_default(),
            );
        }
        execution.end(at, standing, output, error, cause);
        vec![happening(
            at,
            &execution.machine,
            what,
            standing != Standing::Succeeded,
        )]
    }

    fn step_changed(
        &mut self,
        at: Timestamp,
        cluster: &str,
        id: &str,
        name: &str,
        state: &str,
        reason: &str,
    ) -> Vec<Happening> {
        let step = self.cluster(cluster, "").step(at, id, name);
        name.clone_into(&mut step.name);
        step.change(at, state, reason);
        let mut what = state.to_owned();
        if let (Some(rows), "COMPLETED") = (step.rows, state) {
            what = format!("{what}, {}", super::figures::counted(rows, "row"));
        }
        let subject = format!("step {}", step.short_name());
        vec![happening(
            at,
            &subject,
            with_reason(&what, reason),
            step.failed(),
        )]
    }

    /// Kept for the summary. The state that called the function has a line of its own in the log.
    fn function_failed(&mut self, at: Timestamp, function: &str, error: &str, log_tail: &str) {
        self.functions.failures.push(FunctionFailure {
            at,
            function: self.short(function).to_owned(),
            error: error.to_owned(),
            log_tail: log_tail.to_owned(),
        });
    }

    fn short<'a>(&self, name: &'a str) -> &'a str {
        let rest = name
            .strip_prefix(self.stack.as_str())
            .and_then(|rest| rest.strip_prefix('-'));
        rest.unwrap_or(name)
    }

    fn cluster(&mut self, id: &str, name: &str) -> &mut Cluster {
        let index = match self.clusters.iter().position(|cluster| cluster.id == id) {
            Some(index) => index,
            None => {
                self.clusters.push(Cluster::new(id, name));
                self.clusters.len() - 1
            }
        };
        &mut self.clusters[index]
    }
}

/// A failed function's cause is `{"errorType", "errorMessage", …}`.
fn error_message(cause: &str) -> Option<String> {
    let document: Value = serde_json::from_str(cause).ok()?;
    document["errorMessage"].as_str().map(str::to_owned)
}

/// A load writes to more than its table: to checks, lists and counts. Only the rows that it publishes are worth showing.
fn is_published(message: &str) -> bool {
    let table = message
        .strip_prefix("Table ")
        .and_then(|rest| rest.split(' ').next());
    table.is_none_or(|table| !table.ends_with("_checked") && !table.starts_with("s3:"))
}

fn happening(at: Timestamp, subject: &str, what: impl Into<String>, bad: bool) -> Happening {
    Happening {
        at,
        subject: subject.to_owned(),
        what: what.into(),
        bad,
    }
}

fn with_reason(what: &str, reason: &str) -> String {
    if reason.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({reason})")
    }
}

/// The last part of an ARN.
pub(crate) fn last_part(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_services::StepProgress;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn progress(view: &mut View, message: &str, rows: u64) -> Vec<Happening> {
        let progress = StepProgress {
            message: message.to_owned(),
            rows: Some(rows),
        };
        let (cluster_id, step_id) = ("j-1".to_owned(), "s-1".to_owned());
        let occurrence = Occurrence::StepProgress {
            cluster_id,
            step_id,
            progress,
        };
        view.take(at(1), &occurrence)
    }

    #[test]
    fn rows_of_checks_and_lists_are_not_rows_of_the_table() {
        let mut view = View::default();
        assert_eq!(
            progress(&mut view, "Table stg_fact_db.t_checked stats: []", 64).len(),
            0
        );
        assert_eq!(
            progress(&mut view, "Table fact_db.t stats: []", 63).len(),
            1
        );
        assert_eq!(
            progress(&mut view, "Table s3://b/runs stats: []", 1).len(),
            0
        );
        assert_eq!(view.clusters[0].steps[0].rows, Some(63));
    }

    #[test]
    fn a_function_failure_is_kept_with_its_log_and_without_the_stack_s_name() {
        let mut view = View {
            stack: "pipeline".to_owned(),
            ..View::default()
        };
        let occurrence = Occurrence::FunctionInvoked {
            function_name: "pipeline-launch_emr".to_owned(),
            duration_millis: 5,
            init_millis: Some(80),
            max_memory_bytes: Some(1 << 20),
            error: Some("Throttled: later".to_owned()),
            log_tail: "slow down".to_owned(),
        };
        view.take(at(1), &occurrence);
        assert_eq!(view.functions.failures[0].function, "launch_emr");
        assert_eq!(
            (
                view.functions.cold_starts,
                view.functions.slowest_cold_start
            ),
            (1, Some(80))
        );
    }

    #[test]
    fn a_child_is_found_by_the_name_that_its_parent_gave_it() {
        let mut view = View::default();
        for name in ["b", "b-x", "b-x-launch-0", "other"] {
            let occurrence = Occurrence::ExecutionStarted {
                execution_arn: format!("arn:{name}"),
                state_machine_arn: "arn:m".to_owned(),
                name: name.to_owned(),
                parent: None,
                input: Value::Null,
            };
            view.take(at(1), &occurrence);
        }
        let parents: Vec<Option<usize>> = view
            .executions
            .iter()
            .map(|execution| execution.parent)
            .collect();
        assert_eq!(parents, [None, Some(0), Some(1), None]);
    }
}
