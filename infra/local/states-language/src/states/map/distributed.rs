//! The distributed mode of a Map: a Map run, whose every item (or batch of items) goes to a child execution of its own.
//! The driver reads the items, runs the children and writes the results; what fails and what is tolerated is decided here.

mod children;
mod redriving;
mod results;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::item_batcher::{Batch, ItemBatcher};
use super::item_reader::ItemReader;
use super::result_writer::ResultWriter;
use super::{Map, iteration_input};
use crate::definition::{Diagnostics, Fields};
use crate::errors::{Failure, ITEM_READER_FAILED};
use crate::execution::{Execution, MapRunPhase, RunningMapRun, ThreadId, Work, limit};
use crate::history::EventDetails;
use crate::machine::State;
use crate::map_effects::ChildType;
use crate::map_run::{MapRun, MapRunCounts, MapRunLimits, MapRunStatus};
use crate::payload::Payload;
use crate::scope::MapItem;
use crate::{Effect, EventType, ItemFormat};

use results::fail;

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

    pub(super) fn item_format(&self) -> Option<&ItemFormat> {
        self.reader.as_ref().map(ItemReader::format)
    }

    pub(super) fn batcher(&self) -> Option<&ItemBatcher> {
        self.batcher.as_ref()
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
            redrive_count: 0,
            redriven_at: None,
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
            unsuccessful: BTreeMap::new(),
            waiting: BTreeMap::new(),
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
        let selected = selected(map, execution, thread, &input, items, Some(source))?;
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
}

/// What each child gets, before it is put into batches.
pub(super) fn selected(
    map: &Map,
    execution: &mut Execution,
    thread: ThreadId,
    input: &Payload,
    items: Value,
    source: Option<&str>,
) -> Result<Vec<Payload>, Failure> {
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
            source,
        };
        selected.push(match (&map.item_selector, &key) {
            (None, Some(key)) => Payload::from(json!({"Key": key, "Value": value})),
            _ => iteration_input(map, execution, thread, input, item)?,
        });
    }
    Ok(selected)
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
