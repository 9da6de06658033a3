//! What happened in a simulated life, in order: lines for people, every occurrence for comparing two lives byte for byte, and
//! the mails. It observes the runtime through the injector.

use std::collections::{BTreeMap, BTreeSet};

use aws_services::{Observer, Occurrence};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::sight::own_name;

/// A mail that was sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The text.
    pub message: String,
}

/// The record of a life.
#[derive(Debug)]
pub struct Timeline {
    began: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many there have been.
    occurrences: u64,
    lines: Vec<String>,
    /// Each occurrence as JSON, when that is wanted.
    full: Option<String>,
    mails: Vec<Mail>,
    timed_out: Vec<String>,
    executions: BTreeMap<String, Started>,
    /// States that each execution has entered before.
    polled: BTreeSet<(String, String)>,
    longest: BTreeMap<String, i64>,
    /// Executions of masters and of machines that people started, in the order of their starts.
    order: Vec<String>,
}

#[derive(Debug, Clone)]
struct Started {
    machine: String,
    name: String,
    at: Timestamp,
}

impl Timeline {
    /// A record that begins at `began`; with `full` it keeps every occurrence.
    pub fn new(began: Timestamp, full: bool) -> Self {
        let state = State {
            full: full.then(String::new),
            ..State::default()
        };
        Self {
            began,
            state: Mutex::new(state),
        }
    }

    /// The lines for people.
    pub fn lines(&self) -> Vec<String> {
        self.state.lock().lines.clone()
    }

    /// Every occurrence, one JSON document a line.
    pub fn full(&self) -> String {
        self.state.lock().full.clone().unwrap_or_default()
    }

    /// How many things have happened so far.
    pub(crate) fn occurrences(&self) -> u64 {
        self.state.lock().occurrences
    }

    /// The mails so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.lock().mails.clone()
    }

    /// The longest execution of each machine, in seconds of pipeline time.
    pub fn longest(&self) -> BTreeMap<String, i64> {
        self.state.lock().longest.clone()
    }

    /// Executions that came to the end of their own time, by machine and name.
    pub(crate) fn timed_out(&self) -> Vec<String> {
        self.state.lock().timed_out.clone()
    }

    /// The executions of a machine, the oldest first.
    pub(crate) fn executions(&self, machine: &str) -> Vec<String> {
        let state = self.state.lock();
        let own = state.order.iter();
        own.filter(|arn| {
            let started = state.executions.get(*arn);
            started.is_some_and(|started| started.machine == machine)
        })
        .cloned()
        .collect()
    }

    /// Adds a line of the simulation itself.
    pub(crate) fn say(&self, at: Timestamp, line: &str) {
        let stamp = stamp(self.began, at);
        self.state.lock().lines.push(format!("{stamp}  {line}"));
    }
}

/// Pipeline time since the beginning, as `0:05:30`.
fn stamp(began: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(began).as_secs();
    format!(
        "{:>2}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The first line of a text, not too long.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(140) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

impl Observer for Timeline {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        let mut state = self.state.lock();
        state.occurrences += 1;
        if let Some(full) = &mut state.full {
            let text = serde_json::to_string(&occurrence).unwrap_or_default();
            full.push_str(&format!("{at} {text}\n"));
        }
        let line = match occurrence {
            Occurrence::ExecutionStarted {
                execution_arn,
                state_machine_arn,
                name,
                input,
                ..
            } => {
                let machine = state_machine_arn.split(':').nth(6).unwrap_or_default();
                let machine = own_name(machine).to_owned();
                let line = format!("{machine} {name} starts: {}", short(&input.to_string()));
                state.order.push(execution_arn.clone());
                let started = Started { machine, name, at };
                state.executions.insert(execution_arn, started);
                line
            }
            Occurrence::HistoryEvent {
                execution_arn,
                event,
            } => {
                let machine = state.executions.get(&execution_arn);
                let machine = machine.map_or(String::new(), |started| started.machine.clone());
                let kind = event["type"].as_str().unwrap_or_default();
                let details = event.as_object().and_then(|members| {
                    members
                        .iter()
                        .find(|(name, _)| name.ends_with("EventDetails"))
                        .map(|(_, details)| details)
                });
                if kind == "TaskStateEntered" {
                    let name = details.and_then(|details| details["name"].as_str());
                    let line = format!("  {machine}: {}", name.unwrap_or_default());
                    // Polling would fill the record.
                    if !state.polled.insert((execution_arn, line.clone())) {
                        return;
                    }
                    line
                } else if kind.ends_with("Failed") || kind.ends_with("TimedOut") {
                    let text = |member: &str| {
                        details
                            .and_then(|details| details[member].as_str())
                            .unwrap_or_default()
                            .to_owned()
                    };
                    format!(
                        "  {machine}: {kind} {} {}",
                        text("error"),
                        short(&text("cause"))
                    )
                } else {
                    return;
                }
            }
            Occurrence::ExecutionEnded {
                execution_arn,
                status,
                error,
                cause,
                output,
            } => {
                let Some(started) = state.executions.get(&execution_arn).cloned() else {
                    return;
                };
                let seconds = at.duration_since(started.at).as_secs();
                let longest = state.longest.entry(started.machine.clone()).or_default();
                *longest = seconds.max(*longest);
                if status == "TIMED_OUT" {
                    let name = format!("{} {}", started.machine, started.name);
                    state.timed_out.push(name);
                }
                let told = output.and_then(|output| Some(output["Status"].as_str()?.to_owned()));
                format!(
                    "{} {} {status} {} {} {}",
                    started.machine,
                    started.name,
                    told.unwrap_or_default(),
                    error.unwrap_or_default(),
                    short(&cause.unwrap_or_default())
                )
            }
            Occurrence::ClusterChanged {
                cluster_id,
                state,
                reason,
                ..
            } => format!("  cluster {cluster_id} {state} {}", short(&reason)),
            Occurrence::StepChanged {
                name,
                state,
                reason,
                ..
            } => format!("  step {name} {state} {}", short(&reason)),
            Occurrence::MessagePublished {
                subject, message, ..
            } => {
                let subject = subject.unwrap_or_default();
                let line = format!("mail: {subject}");
                state.mails.push(Mail { subject, message });
                line
            }
            Occurrence::FunctionInvoked {
                function_name,
                error: Some(error),
                ..
            } => format!("  {} failed: {}", own_name(&function_name), short(&error)),
            Occurrence::TargetNotified {
                target,
                error: Some(error),
                ..
            } => format!("  {target} was not notified: {error}"),
            _ => return,
        };
        let line = format!("{}  {}", stamp(self.began, at), line.trim_end());
        state.lines.push(line);
    }
}
