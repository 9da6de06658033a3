//! What a state machine tells of a run, from which the mail is written. Everything but the outcome may be missing or of an
//! unexpected shape: a mail about a broken run must not break on it.

use serde::Deserialize;
use serde_json::Value;

use crate::shared::clients::Environment;

/// A run, as its machine saw it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Report {
    pub pipeline: Value,
    /// `LOADED`, `NOTHING_TO_LOAD`, `FAILED`, `ABORTED` or `TIMED_OUT`.
    pub outcome: Value,
    pub batch_id: Value,
    /// The run's execution ARN.
    pub execution: Value,
    pub started_at: Value,
    pub ended_at: Value,
    /// `{State, Error, Cause, Execution?}`.
    pub failure: Value,
    /// The answers of status_stepfunction about the children.
    pub launch: Value,
    pub dimensions: Value,
    pub workers: Value,
    pub facts: Value,
    pub termination: Value,
    /// The stack's tables, under the names that the environment has them by. The machine tells them, because a function's
    /// environment is as old as its version.
    pub tables: Value,
    pub resume: Resume,
}

/// How to go on: the machine, what this execution was started with, and the phase to begin with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Resume {
    pub machine: Value,
    pub input: Value,
    pub start_from: Value,
}

impl Report {
    /// The batch: as told, else as the input names it, else from the time that the run was due, as the master derives it.
    pub(super) fn batch(&self) -> Option<String> {
        let named = [&self.batch_id, &self.resume.input["BatchId"]];
        if let Some(batch) = named.into_iter().find_map(text) {
            return Some(batch.to_owned());
        }
        let due = [&self.resume.input["ScheduledTime"], &self.started_at];
        let due = due.into_iter().find_map(text)?;
        let seconds = due.get(..19)?.replace(':', "-");
        Some(format!("{seconds}Z"))
    }

    /// The environment with the tables that the machine tells.
    pub(super) fn settings(&self, environment: &Environment) -> Environment {
        let mut settings = environment.clone();
        for (name, value) in self.tables.as_object().into_iter().flatten() {
            if let Some(value) = value.as_str() {
                settings = settings.with(name, value);
            }
        }
        settings
    }

    /// The outcome's word. A run of which nothing is known has failed.
    pub(super) fn outcome(&self) -> &str {
        text(&self.outcome).unwrap_or("FAILED")
    }

    /// Whether the run did what it was to do.
    pub(super) fn is_success(&self) -> bool {
        matches!(self.outcome(), "LOADED" | "NOTHING_TO_LOAD")
    }

    /// The tables of both kinds, as their machines reported them: `(kind, entry)`.
    pub(super) fn table_results(&self) -> Vec<(&'static str, &Value)> {
        let mut all = Vec::new();
        for (kind, child) in [("dimension", &self.dimensions), ("fact", &self.facts)] {
            all.extend(child["Output"]["Tables"].as_array().into_iter().flatten().map(|table| (kind, table)));
        }
        all
    }
}

/// Text that says something.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}
