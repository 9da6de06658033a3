//! Executions that have ended: what lists show of them is kept in memory, the rest is read from disk when somebody asks. The
//! last few stay whole, because those are asked about.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use states_language::{Identity, Status};

use super::StepFunctions;
use super::run::{Run, Stored, status_word};
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};

/// How many executions stay whole after their end.
const RECENT: usize = 64;

/// What lists show of an execution.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) machine_arn: String,
    pub(super) version_arn: Option<String>,
    pub(super) alias_arn: Option<String>,
    pub(super) status: &'static str,
    pub(super) started: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) redrive_count: u32,
    pub(super) redriven: Option<Timestamp>,
    /// The Map run whose child it is.
    pub(super) map_run: Option<String>,
    /// The Map runs that it has started.
    pub(super) map_runs: Vec<String>,
}

impl Summary {
    fn of(
        name: &str,
        machine_arn: &str,
        started: Timestamp,
        identity: &Identity,
        status: &Status,
        ended: Option<Timestamp>,
    ) -> Self {
        Self {
            arn: identity.execution_arn.clone(),
            name: name.to_owned(),
            machine_arn: machine_arn.to_owned(),
            version_arn: identity.state_machine_version_arn.clone(),
            alias_arn: identity.state_machine_alias_arn.clone(),
            status: status_word(status),
            started,
            ended,
            redrive_count: identity.redrive_count,
            redriven: identity.redrive_time,
            map_run: None,
            map_runs: Vec::new(),
        }
    }

    pub(super) fn of_run(run: &Run) -> Self {
        run.with_execution(|execution| Self {
            map_run: run.map_run.clone(),
            map_runs: execution
                .map_runs()
                .iter()
                .map(|map_run| map_run.arn.clone())
                .collect(),
            ..Self::of(
                &run.name,
                &run.machine_arn,
                run.started,
                execution.identity(),
                execution.status(),
                execution.ended_at(),
            )
        })
    }
}

/// As much of an execution's document as its summary needs.
#[derive(Deserialize)]
struct Head {
    name: String,
    machine_arn: String,
    started: Timestamp,
    #[serde(default)]
    map_run: Option<String>,
    execution: ExecutionHead,
}

#[derive(Deserialize)]
struct ExecutionHead {
    identity: Identity,
    status: Status,
    ended_at: Option<Timestamp>,
    #[serde(default)]
    map_runs: Vec<MapRunHead>,
}

#[derive(Deserialize)]
struct MapRunHead {
    arn: String,
}

/// The executions that have ended.
#[derive(Default)]
pub(super) struct Archive {
    summaries: Mutex<BTreeMap<String, Summary>>,
    recent: Mutex<VecDeque<Arc<Run>>>,
}

impl Archive {
    /// Takes on an execution that has ended and whose document is written.
    pub(super) fn add(&self, run: &Arc<Run>) {
        let summary = Summary::of_run(run);
        self.summaries.lock().insert(summary.arn.clone(), summary);
        self.keep(run);
    }

    fn keep(&self, run: &Arc<Run>) {
        let mut recent = self.recent.lock();
        recent.retain(|kept| kept.arn != run.arn);
        recent.push_back(Arc::clone(run));
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }

    /// Gives an execution up, for it runs again or its name is used again.
    pub(super) fn remove(&self, arn: &str) {
        self.summaries.lock().remove(arn);
        self.recent.lock().retain(|run| run.arn != arn);
    }

    pub(super) fn summary(&self, arn: &str) -> Option<Summary> {
        self.summaries.lock().get(arn).cloned()
    }

    /// The summaries that `wanted` chooses.
    pub(super) fn select(&self, wanted: impl Fn(&Summary) -> bool) -> Vec<Summary> {
        let summaries = self.summaries.lock();
        summaries
            .values()
            .filter(|summary| wanted(summary))
            .cloned()
            .collect()
    }

    /// The execution, whole.
    pub(super) fn load(
        &self,
        documents: &Documents,
        arn: &str,
    ) -> Result<Option<Arc<Run>>, StartError> {
        let found = self
            .recent
            .lock()
            .iter()
            .find(|run| run.arn == arn)
            .cloned();
        if found.is_some() || !self.summaries.lock().contains_key(arn) {
            return Ok(found);
        }
        let Some(stored) = documents.read::<Stored>(arn)? else {
            return Ok(None);
        };
        let run = Run::of_stored(stored);
        self.keep(&run);
        Ok(Some(run))
    }
}

impl StepFunctions {
    /// Takes on what an earlier process left: executions that had ended as they are, the others as dead.
    pub(super) fn restore_all(&self) -> Result<(), StartError> {
        for document in self.run_documents.names()? {
            let Some(head) = self.run_documents.read_file::<Head>(&document)? else {
                continue;
            };
            if matches!(head.execution.status, Status::Running) {
                if let Some(stored) = self.run_documents.read_file::<Stored>(&document)? {
                    self.restore(stored)?;
                }
                continue;
            }
            let execution = head.execution;
            let summary = Summary {
                map_run: head.map_run,
                map_runs: execution
                    .map_runs
                    .into_iter()
                    .map(|map_run| map_run.arn)
                    .collect(),
                ..Summary::of(
                    &head.name,
                    &head.machine_arn,
                    head.started,
                    &execution.identity,
                    &execution.status,
                    execution.ended_at,
                )
            };
            self.archive
                .summaries
                .lock()
                .insert(summary.arn.clone(), summary);
        }
        Ok(())
    }

    /// An execution of that ARN, running or ended.
    pub(super) fn find_run(&self, arn: &str) -> Result<Option<Arc<Run>>, ServiceError> {
        let running = self.runs.lock().get(arn).cloned();
        match running {
            Some(run) => Ok(Some(run)),
            None => Ok(self.archive.load(&self.run_documents, arn)?),
        }
    }

    /// How many executions are held in memory whole.
    #[cfg(test)]
    pub(crate) fn executions_in_memory(&self) -> usize {
        self.runs.lock().len() + self.archive.recent.lock().len()
    }

    /// The children of a Map run, running or ended, the oldest first.
    pub(super) fn children_of(&self, map_run: &str) -> Result<Vec<Arc<Run>>, ServiceError> {
        let of = |summary: &Summary| summary.map_run.as_deref() == Some(map_run);
        let mut children: BTreeMap<String, Arc<Run>> = self
            .runs
            .lock()
            .values()
            .filter(|run| run.map_run.as_deref() == Some(map_run))
            .map(|run| (run.arn.clone(), Arc::clone(run)))
            .collect();
        for summary in self.archive.select(of) {
            if let Some(run) = self.archive.load(&self.run_documents, &summary.arn)? {
                children.insert(summary.arn, run);
            }
        }
        let mut children: Vec<Arc<Run>> = children.into_values().collect();
        children.sort_by(|one, other| (one.started, &one.name).cmp(&(other.started, &other.name)));
        Ok(children)
    }

    /// The execution that has started a Map run.
    pub(super) fn run_of_map_run(&self, arn: &str) -> Result<Option<Arc<Run>>, ServiceError> {
        let has = |run: &&Arc<Run>| {
            run.with_execution(|execution| {
                let mut map_runs = execution.map_runs().iter();
                map_runs.any(|map_run| map_run.arn == arn)
            })
        };
        let running = self.runs.lock().values().find(has).cloned();
        if running.is_some() {
            return Ok(running);
        }
        let ended = self
            .archive
            .select(|summary| summary.map_runs.iter().any(|map_run| map_run == arn));
        match ended.first() {
            Some(summary) => Ok(self.archive.load(&self.run_documents, &summary.arn)?),
            None => Ok(None),
        }
    }

    /// Whether a state machine has executions that run.
    pub(super) fn running_executions(&self, machine_arn: &str) -> bool {
        let runs = self.runs.lock();
        runs.values()
            .any(|run| run.machine_arn == machine_arn && matches!(run.status(), Status::Running))
    }
}
