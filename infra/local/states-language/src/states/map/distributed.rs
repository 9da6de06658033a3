//! The distributed mode of a Map: a Map run, whose every item (or batch of items) goes to a child execution of its own.
//! The driver reads the items, runs the children and writes the results; what fails and what is tolerated is decided here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::item_batcher::{Batch, ItemBatcher};
use super::item_reader::ItemReader;
use super::result_writer::ResultWriter;
use super::{Map, iteration_input};
use crate::definition::{Diagnostics, Fields};
use crate::errors::{
    EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure, ITEM_READER_FAILED, RESULT_WRITER_FAILED, TIMEOUT,
};
use crate::execution::{Execution, MapRunPhase, RunningMapRun, ThreadId, Work, limit};
use crate::history::EventDetails;
use crate::machine::State;
use crate::map_effects::{ChildType, StartChild};
use crate::map_run::{MapRun, MapRunCounts, MapRunLimits, MapRunStatus};
use crate::payload::Payload;
use crate::scope::MapItem;
use crate::states::task::Outcome;
use crate::{Effect, EventType, Status, TaskId, Text};

/// AWS runs at most so many children of a Map run at a time.
const MOST_CONCURRENT: usize = 10_000;
const LONGEST_LABEL: usize = 40;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Distributed {
    child_type: ChildType,
    label: Option<String>,
    reader: Option<ItemReader>,
    batcher: Option<ItemBatcher>,
    writer: Option<ResultWriter>,
}

/// The fields that only a distributed Map has.
const FIELDS: [&str; 4] = ["ItemReader", "ItemBatcher", "ResultWriter", "Label"];

/// Refuses the fields that an inline Map does not have.
pub(super) fn refuse(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
    for field in FIELDS {
        if fields.value(field).is_some() {
            diagnostics.error(
                fields.at(field),
                format!(
                    "The field '{field}' is only supported for a Map state with Mode 'DISTRIBUTED'"
                ),
            );
        }
    }
}

/// Why a `Label` cannot be one.
fn label_problem(label: &str) -> Option<String> {
    let forbidden = |letter: &char| {
        letter.is_whitespace()
            || letter.is_control()
            || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(*letter)
    };
    if label.is_empty() {
        return Some("Label cannot be empty".to_owned());
    }
    if label.chars().count() > LONGEST_LABEL {
        return Some(format!("Label cannot exceed {LONGEST_LABEL} characters"));
    }
    let letter = label.chars().find(forbidden)?;
    let shown = match letter {
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\\' => "\\\\".to_owned(),
        other if other.is_control() => format!("\\x{:02x}", u32::from(other)),
        other => other.to_string(),
    };
    Some(format!("Label contains invalid character: '{shown}'"))
}

impl Distributed {
    pub(super) fn reads_items(&self) -> bool {
        self.reader.is_some()
    }

    pub(super) fn read(
        child_type: ChildType,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let label = fields.text("Label", diagnostics).map(str::to_owned);
        if let Some(problem) = label.as_deref().and_then(label_problem) {
            diagnostics.error(fields.at("Label"), problem);
        }
        let reader = fields.inner("ItemReader", diagnostics);
        let has_reader = reader.is_some();
        let reader = reader.and_then(|fields| ItemReader::read(fields, diagnostics));
        if has_reader && fields.has("ItemsPath") {
            diagnostics.error(
                fields.location(),
                "Only one of these fields is allowed: [ItemReader, ItemsPath]",
            );
        }
        let batcher = fields.inner("ItemBatcher", diagnostics);
        let batcher = batcher.map(|fields| ItemBatcher::read(fields, diagnostics));
        let writer = fields.inner("ResultWriter", diagnostics);
        let writer = writer.and_then(|fields| ResultWriter::read(fields, diagnostics));
        Self {
            child_type,
            label,
            reader,
            batcher,
            writer,
        }
    }

    pub(super) fn run(
        &self,
        map: &Map,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let limits = MapRunLimits {
            max_concurrency: map.max_concurrency.get(execution, thread, input.value())?,
            tolerated_failure_count: map.tolerated_count(execution, thread, &input)?,
            tolerated_failure_percentage: map.tolerated_percentage(execution, thread, &input)?,
        };
        let items = match &self.reader {
            Some(_) => None,
            None => Some(map.items(execution, thread, &input, true)?),
        };
        let length = items.as_ref().map_or(0, length);
        let details = EventDetails {
            length: Some(length),
            ..EventDetails::default()
        };
        execution.record(thread, EventType::MapStateStarted, details);
        let label = match &self.label {
            Some(label) => label.clone(),
            None => execution.uuid(),
        };
        let uuid = execution.uuid();
        let arn = format!(
            "{}/{label}:{uuid}",
            execution
                .identity()
                .state_machine_arn
                .replacen(":stateMachine:", ":mapRun:", 1)
        );
        execution.record(
            thread,
            EventType::MapRunStarted,
            EventDetails {
                map_run_arn: Some(arn.as_str().into()),
                ..EventDetails::default()
            },
        );
        let run = execution.add_map_run(MapRun {
            arn: arn.clone(),
            label,
            state: state.id(),
            status: MapRunStatus::Running,
            started_at: execution.now(),
            ended_at: None,
            limits,
            item_counts: MapRunCounts::default(),
            execution_counts: MapRunCounts::default(),
        });
        let mut running = RunningMapRun {
            run,
            input: input.clone(),
            phase: MapRunPhase::Running,
            inputs: Vec::new(),
            items: Vec::new(),
            outputs: Vec::new(),
            next: 0,
            children: BTreeMap::new(),
        };
        let begun = match (&self.reader, items) {
            (Some(reader), _) => {
                let task = execution.task_id();
                reader
                    .request(execution, thread, &input, task)
                    .map(|request| {
                        running.phase = MapRunPhase::Reading(request.clone());
                        execution.expect(task, thread);
                        execution.ask(Effect::ReadItems(request));
                        execution.set_work(thread, Work::MapRun(Box::new(running)));
                    })
            }
            (None, items) => {
                execution.set_work(thread, Work::MapRun(Box::new(running)));
                self.begin(
                    map,
                    execution,
                    thread,
                    items.unwrap_or_default(),
                    "STATE_DATA",
                )
            }
        };
        match begun {
            Ok(()) => Ok(()),
            Err(failure) => Err(fail(execution, thread, run, failure)),
        }
    }

    /// The items are known: makes the children's inputs of them and starts as many as may run.
    fn begin(
        &self,
        map: &Map,
        execution: &mut Execution,
        thread: ThreadId,
        items: Value,
        source: &str,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let (run, input) = (running.run, running.input.clone());
        let entries: Vec<(Option<String>, Value)> = match items {
            Value::Array(values) => values.into_iter().map(|value| (None, value)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| (Some(key), value))
                .collect(),
            _ => {
                return Err(Failure::new(
                    ITEM_READER_FAILED,
                    "Attempting to map over non-iterable node.",
                ));
            }
        };
        let mut selected = Vec::with_capacity(entries.len());
        for (index, (key, value)) in entries.into_iter().enumerate() {
            let item = MapItem {
                index: index as u64,
                value: &value,
                key: key.as_deref(),
                source: Some(source),
            };
            let made = match (&map.item_selector, &key) {
                (None, Some(key)) => Payload::from(json!({"Key": key, "Value": value})),
                _ => iteration_input(map, execution, thread, &input, item)?,
            };
            selected.push(made);
        }
        let batches: Vec<Batch> = match &self.batcher {
            None => selected
                .into_iter()
                .map(|input| Batch { input, items: 1 })
                .collect(),
            Some(batcher) => {
                let values = selected
                    .into_iter()
                    .map(|payload| payload.value().clone())
                    .collect();
                batcher.batches(execution, thread, &input, values)?
            }
        };
        for batch in &batches {
            limit(&batch.input, "Map")?;
        }
        let total_items = batches.iter().map(|batch| batch.items).sum();
        execution.change_map_run(run, |run| {
            run.item_counts.total = total_items;
            run.item_counts.pending = total_items;
            run.execution_counts.total = batches.len() as u64;
            run.execution_counts.pending = batches.len() as u64;
        });
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        running.phase = MapRunPhase::Running;
        running.outputs = vec![None; batches.len()];
        (running.inputs, running.items) = batches
            .into_iter()
            .map(|batch| (batch.input.text().clone(), batch.items))
            .unzip();
        self.go_on(execution, thread)
    }

    /// Starts the children that may run; when all are done, writes the results or hands them on.
    fn go_on(&self, execution: &mut Execution, thread: ThreadId) -> Result<(), Failure> {
        loop {
            let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
                return Ok(());
            };
            let (run, at_once) = (running.run, running.children.len());
            let (next, count) = (running.next, running.inputs.len());
            if next >= count {
                if at_once > 0 {
                    return Ok(());
                }
                break;
            }
            let most = match execution.map_runs()[run].limits.max_concurrency {
                0 => MOST_CONCURRENT,
                some => usize::try_from(some)
                    .unwrap_or(MOST_CONCURRENT)
                    .min(MOST_CONCURRENT),
            };
            if at_once >= most {
                return Ok(());
            }
            self.start_child(execution, thread, run, next);
        }
        self.write(execution, thread)
    }

    fn start_child(&self, execution: &mut Execution, thread: ThreadId, run: usize, index: usize) {
        let task = execution.task_id();
        let (name, seed) = (execution.uuid(), execution.seed());
        let map_run = &execution.map_runs()[run];
        let (state, map_run_arn, label) =
            (map_run.state, map_run.arn.clone(), map_run.label.clone());
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return;
        };
        let start = StartChild {
            task,
            state,
            map_run_arn,
            label,
            child_type: self.child_type,
            name,
            input: running.inputs[index].clone(),
            seed,
        };
        running.next += 1;
        running.children.insert(task, (index, start.clone()));
        let items = running.items[index];
        execution.change_map_run(run, |run| {
            for (counts, number) in [
                (&mut run.item_counts, items),
                (&mut run.execution_counts, 1),
            ] {
                counts.pending -= number;
                counts.running += number;
            }
        });
        execution.expect(task, thread);
        execution.ask(Effect::StartChild(start));
    }

    /// A child execution has ended.
    pub(super) fn child_ended(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        task: TaskId,
        status: &Status,
    ) -> Result<(), Failure> {
        execution.forget(task);
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let Some((index, _)) = running.children.remove(&task) else {
            return Ok(());
        };
        let (run, items) = (running.run, running.items[index]);
        let failed = |error: &Option<String>, cause: &Option<String>| {
            let failure = Failure {
                error: error.as_deref().map(Text::from),
                cause: cause.as_deref().map(Text::from),
            };
            Payload::from(failure.output())
        };
        running.outputs[index] = Some(match status {
            Status::Succeeded { output } => Payload::read(output)
                .unwrap_or_else(|_| Payload::from(Value::String(output.to_string()))),
            Status::Failed { error, cause }
            | Status::TimedOut { error, cause }
            | Status::Aborted { error, cause } => failed(error, cause),
            Status::Running => failed(&None, &None),
        });
        execution.change_map_run(run, |run| {
            for (counts, number) in [
                (&mut run.item_counts, items),
                (&mut run.execution_counts, 1),
            ] {
                counts.running -= number;
                match status {
                    Status::Succeeded { .. } => counts.succeeded += number,
                    Status::TimedOut { .. } => counts.timed_out += number,
                    Status::Aborted { .. } => counts.aborted += number,
                    Status::Failed { error, .. } if error.as_deref() == Some(TIMEOUT) => {
                        counts.failed += number;
                    }
                    Status::Failed { .. } | Status::Running => counts.failed += number,
                }
            }
        });
        let outcome = if execution.map_runs()[run].exceeds_tolerance() {
            self.give_up(execution, thread, run)
        } else {
            self.go_on(execution, thread)
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }

    /// Too much has failed: stops what runs; results are written all the same, as far as there are any.
    fn give_up(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        run: usize,
    ) -> Result<(), Failure> {
        stop_children(execution, thread, run);
        if self.writer.is_some() && self.export(execution, thread, true)? {
            return Ok(());
        }
        Err(exceeded())
    }

    /// All children are done.
    fn write(&self, execution: &mut Execution, thread: ThreadId) -> Result<(), Failure> {
        if self.writer.is_some() && self.export(execution, thread, false)? {
            return Ok(());
        }
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let outputs: Vec<Payload> = running.outputs.drain(..).flatten().collect();
        let result = match &self.writer {
            None => Payload::list(&outputs),
            Some(writer) => writer.shape(outputs),
        };
        self.succeed(execution, thread, result);
        Ok(())
    }

    /// Has the driver write the results; `false` if they are not exported.
    fn export(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        exceeded: bool,
    ) -> Result<bool, Failure> {
        let (Some(writer), Some(Work::MapRun(running))) =
            (&self.writer, execution.work_mut(thread))
        else {
            return Ok(false);
        };
        let (run, input) = (running.run, running.input.clone());
        let pending = running.inputs[running.next..].to_vec();
        let arn = execution.map_runs()[run].arn.clone();
        let task = execution.task_id();
        let Some(mut request) = writer.request(execution, thread, &input, &arn, task)? else {
            return Ok(false);
        };
        request.pending = pending;
        execution.expect(task, thread);
        if let Some(Work::MapRun(running)) = execution.work_mut(thread) {
            running.phase = MapRunPhase::Writing {
                request: request.clone(),
                exceeded,
            };
        }
        execution.ask(Effect::WriteResults(request));
        Ok(true)
    }

    /// The driver has read the items or written the results, or could not.
    pub(super) fn arrived(
        &self,
        map: &Map,
        execution: &mut Execution,
        thread: ThreadId,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let (run, phase) = (running.run, running.phase.clone());
        let (task, source) = match &phase {
            MapRunPhase::Reading(request) => (request.task, Some(source_of(&request.arguments))),
            MapRunPhase::Writing { request, .. } => (request.task, None),
            MapRunPhase::Running => return Ok(()),
        };
        let answer = match outcome {
            Outcome::Succeeded { output } => Ok(output),
            Outcome::Failed { error, cause } => Err(Failure {
                error: error.map(Text::from),
                cause: cause.map(Text::from),
            }),
            _ => return Ok(()),
        };
        execution.forget(task);
        let outcome = match (answer, phase, source) {
            (Err(failure), MapRunPhase::Reading(_), _) => Err(named(failure, ITEM_READER_FAILED)),
            (Err(failure), ..) => Err(named(failure, RESULT_WRITER_FAILED)),
            (Ok(items), MapRunPhase::Reading(_), Some(source)) => {
                self.begin(map, execution, thread, items, &source)
            }
            (Ok(_), MapRunPhase::Writing { exceeded: true, .. }, _) => Err(exceeded()),
            (Ok(output), ..) => {
                execution.change_map_run(run, |run| {
                    for counts in [&mut run.item_counts, &mut run.execution_counts] {
                        counts.results_written =
                            counts.succeeded + counts.failed + counts.timed_out;
                    }
                });
                self.succeed(execution, thread, Payload::from(output));
                Ok(())
            }
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }

    fn succeed(&self, execution: &mut Execution, thread: ThreadId, result: Payload) {
        if let Some(Work::MapRun(running)) = execution.work_mut(thread) {
            let run = running.run;
            execution.end_map_run(run, MapRunStatus::Succeeded);
        }
        execution.record(thread, EventType::MapRunSucceeded, EventDetails::default());
        execution.join(thread, result);
    }

    /// Its limits have been changed from outside.
    pub(super) fn limits_changed(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let run = running.run;
        if !matches!(running.phase, MapRunPhase::Running) {
            return Ok(());
        }
        let outcome = if execution.map_runs()[run].exceeds_tolerance() {
            self.give_up(execution, thread, run)
        } else {
            self.go_on(execution, thread)
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }
}

/// Lets go of all that a Map run waits for.
pub(crate) fn stop_children(execution: &mut Execution, thread: ThreadId, run: usize) {
    let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
        return;
    };
    let children = std::mem::take(&mut running.children);
    let items: u64 = children
        .values()
        .map(|(index, _)| running.items[*index])
        .sum();
    let mut tasks: Vec<TaskId> = children.keys().copied().collect();
    match &running.phase {
        MapRunPhase::Reading(request) => tasks.push(request.task),
        MapRunPhase::Writing { request, .. } => tasks.push(request.task),
        MapRunPhase::Running => {}
    }
    let stopped = children.len() as u64;
    execution.change_map_run(run, |run| {
        for (counts, number) in [
            (&mut run.item_counts, items),
            (&mut run.execution_counts, stopped),
        ] {
            counts.running -= number;
            counts.aborted += number;
        }
    });
    for task in tasks {
        if execution.forget(task) {
            execution.cancel_task(task);
        }
    }
}

/// The Map run has failed, and says so.
fn fail(execution: &mut Execution, thread: ThreadId, run: usize, failure: Failure) -> Failure {
    stop_children(execution, thread, run);
    execution.end_map_run(run, MapRunStatus::Failed);
    execution.set_work(thread, Work::Begun);
    let details = EventDetails::failure(failure.error.as_deref(), failure.cause.as_deref());
    execution.record(thread, EventType::MapRunFailed, details);
    failure
}

fn exceeded() -> Failure {
    Failure::new(
        EXCEED_TOLERATED_FAILURE_THRESHOLD,
        "The specified tolerated failure threshold was exceeded",
    )
}

/// What the driver reports goes by one name, whatever the reason.
fn named(failure: Failure, name: &str) -> Failure {
    Failure {
        error: Some(name.into()),
        ..failure
    }
}

fn length(items: &Value) -> u64 {
    match items {
        Value::Array(values) => values.len() as u64,
        Value::Object(members) => members.len() as u64,
        _ => 0,
    }
}

/// `$$.Map.Item.Source` for items that were read.
fn source_of(arguments: &Value) -> String {
    let part = |name: &str| arguments[name].as_str().unwrap_or_default();
    let key = match arguments.get("Key") {
        Some(_) => part("Key"),
        None => part("Prefix"),
    };
    format!("s3://{}/{key}", part("Bucket"))
}
