//! Map: runs its item processor once for every item of a list, so many at a time, and hands on the list of the outputs.
//! This is the inline mode; [`distributed`] is the other.

mod distributed;
mod item_batcher;
mod item_reader;
mod result_writer;
mod tested;

use serde_json::Value;

use super::seconds;
use crate::data_flow::jsonpath::evaluate;
use crate::definition::{Diagnostics, Draft, Fields, StateReader};
use crate::errors::{EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure};
use crate::execution::{Execution, Extra, Iterations, ThreadId, Work};
use crate::history::Details;
use crate::jsonata::{Query, Wanted};
use crate::jsonpath::Path;
use crate::machine::{BlockId, QueryLanguage, State};
use crate::payload::{Payload, Shared};
use crate::scope::MapItem;
use crate::states::task::Outcome;
use crate::template::Template;
use crate::{ChildType, EventDetails, EventType, ItemFormat};

use distributed::Distributed;

/// AWS runs at most so many iterations of an inline Map at a time.
const MOST_CONCURRENT: u64 = 40;
const MOST_ITEMS: u64 = 100_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    processor: BlockId,
    items_path: Option<Path>,
    /// `Items` of JSONata mode.
    items: Option<Template>,
    item_selector: Option<Template>,
    max_concurrency: seconds::Number,
    tolerated_count: Option<seconds::Number>,
    tolerated_percentage: Option<Percentage>,
    distributed: Option<Distributed>,
}

#[derive(Debug, Clone, PartialEq)]
enum Percentage {
    Literal(f64),
    Query(Query),
    At(Path),
}

impl Map {
    pub(crate) fn read(
        reader: &StateReader<'_>,
        fields: &mut Fields<'_>,
        draft: &mut Draft,
    ) -> Option<Self> {
        let diagnostics = &mut draft.diagnostics;
        fields.exactly_one(&["ItemProcessor", "Iterator"], diagnostics);
        let items_path = fields.path("ItemsPath", diagnostics);
        let (mut items, mut parameters) = (None, None);
        match fields.language() {
            QueryLanguage::JsonPath => parameters = fields.template("Parameters", diagnostics),
            QueryLanguage::Jsonata => items = fields.template("Items", diagnostics),
        }
        if matches!(&items, Some(Template::Literal(literal)) if !literal.is_array() && !literal.is_object())
        {
            diagnostics.error(fields.at("Items"), "Expected value of type Array");
        }
        let item_selector = fields.template("ItemSelector", diagnostics).or(parameters);
        let number = |literal, path, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics| {
            seconds::Number::read(literal, path, 0, fields, diagnostics)
        };
        let max_concurrency = number("MaxConcurrency", "MaxConcurrencyPath", fields, diagnostics);
        let tolerated_count = number(
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            fields,
            diagnostics,
        );
        fields.at_most_one(
            &[
                "ToleratedFailurePercentage",
                "ToleratedFailurePercentagePath",
            ],
            diagnostics,
        );
        let tolerated_percentage = match fields.query("ToleratedFailurePercentage", diagnostics)? {
            Some(query) => Some(Percentage::Query(query)),
            None => match fields.number("ToleratedFailurePercentage", 0.0..=100.0, diagnostics) {
                Some(percentage) => Some(Percentage::Literal(percentage)),
                None => fields
                    .path("ToleratedFailurePercentagePath", diagnostics)
                    .map(Percentage::At),
            },
        };
        let newer = fields.inner("ItemProcessor", diagnostics);
        let mut processor = newer.or_else(|| fields.inner("Iterator", diagnostics))?;
        processor.text("Comment", diagnostics);
        let distributed = match read_processor_config(&mut processor, diagnostics) {
            Some(child_type) => Some(Distributed::read(child_type, fields, diagnostics)),
            None => {
                distributed::refuse(fields, diagnostics);
                None
            }
        };
        Some(Self {
            processor: draft.block(processor, Some(reader.id))?,
            items_path,
            items,
            item_selector,
            max_concurrency: max_concurrency.unwrap_or(seconds::Number::Literal(0)),
            tolerated_count,
            tolerated_percentage,
            distributed,
        })
    }

    /// Whether every item goes to a child execution.
    pub(crate) fn is_distributed(&self) -> bool {
        self.distributed.is_some()
    }

    /// Whether its items are read from somewhere else.
    fn reads_items(&self) -> bool {
        self.distributed
            .as_ref()
            .is_some_and(Distributed::reads_items)
    }

    pub(crate) fn item_format(&self) -> Option<&ItemFormat> {
        self.distributed.as_ref()?.item_format()
    }

    /// Something has become of the reading, the children or the writing of a distributed Map.
    pub(crate) fn arrived(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        match (&self.distributed, outcome) {
            (None, _) => Ok(()),
            (
                Some(distributed),
                Outcome::Child {
                    task,
                    status,
                    redrivable,
                },
            ) => distributed.child_ended(execution, thread, task, &status, redrivable),
            (Some(distributed), outcome) => distributed.arrived(self, execution, thread, outcome),
        }
    }

    /// Goes on with the Map run that an earlier attempt left.
    pub(crate) fn redrive(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<(), Failure> {
        self.distributed
            .as_ref()
            .map_or(Ok(()), |distributed| distributed.redrive(execution, thread))
    }

    /// The limits of the Map run have been changed from outside.
    pub(crate) fn limits_changed(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<(), Failure> {
        self.distributed.as_ref().map_or(Ok(()), |distributed| {
            distributed.limits_changed(execution, thread)
        })
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        if let Some(mock) = execution.mocked() {
            return self.run_mocked(execution, thread, state, mock);
        }
        if let Some(distributed) = &self.distributed {
            return distributed.run(self, execution, thread, state);
        }
        let input = execution.effective_input(thread, state)?;
        let items = self.items(execution, thread, &input, false)?;
        let length = items.as_array().map_or(0, Vec::len);
        let concurrency = self.max_concurrency.get(execution, thread, input.value())?;
        let tolerated = self.tolerated(execution, thread, &input, length)?;
        let details = EventDetails {
            length: Some(length as u64),
            ..EventDetails::default()
        };
        execution.record(thread, EventType::MapStateStarted, details);
        if length == 0 {
            execution.join(thread, Payload::list(Vec::new()));
            return Ok(());
        }
        let iterations = Iterations {
            input,
            items: items.into(),
            next: 0,
            outputs: vec![None; length],
            done: 0,
            failed: 0,
            tolerated,
        };
        execution.set_work(thread, Work::Iterations(Box::new(iterations)));
        let at_once = match concurrency {
            0 => MOST_CONCURRENT,
            some => some.min(MOST_CONCURRENT),
        };
        let started = execution.last_event(thread);
        for _ in 0..at_once.min(length as u64) {
            if let Err(failure) = self.start_next(execution, thread, state, started) {
                execution.abort_branches(thread);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn items(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        or_object: bool,
    ) -> Result<Value, Failure> {
        if let Some(items) = &self.items {
            return execution.evaluate(
                thread,
                input.value(),
                Extra::default(),
                |scope| match items {
                    Template::Query(query) if or_object => {
                        let items = query.evaluate(scope)?;
                        if items.is_object() {
                            return Ok(items);
                        }
                        Ok(query.check(Wanted::Array, items)?)
                    }
                    Template::Query(query) => Ok(query.evaluate_as(Wanted::Array, scope)?),
                    other => evaluate(other, scope),
                },
            );
        }
        let (text, items) = match &self.items_path {
            None => ("$", input.value().clone()),
            // AWS calls a path into the context by what it is there.
            Some(path) => (
                path.text()
                    .strip_prefix('$')
                    .filter(|text| text.starts_with('$'))
                    .unwrap_or(path.text()),
                seconds::at("ItemsPath", path, execution, thread, input.value())?,
            ),
        };
        if items.is_array() || (or_object && items.is_object()) {
            return Ok(items);
        }
        Err(execution.runtime_failure(
            thread,
            format!("Reference path \"{text}\" must point to array."),
        ))
    }

    fn tolerated(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        length: usize,
    ) -> Result<Option<usize>, Failure> {
        let count = self.tolerated_count(execution, thread, input)?;
        let mut tolerated = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        if let Some(percentage) = self.tolerated_percentage(execution, thread, input)? {
            let count = (length as f64 * percentage / 100.0).floor() as usize;
            // Whichever threshold is passed first counts.
            tolerated = Some(tolerated.map_or(count, |other: usize| other.min(count)));
        }
        Ok(tolerated)
    }

    fn tolerated_count(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
    ) -> Result<Option<u64>, Failure> {
        self.tolerated_count
            .as_ref()
            .map(|count| {
                let count = count.get(execution, thread, input.value())?;
                Ok(count.min(MOST_ITEMS))
            })
            .transpose()
    }

    fn tolerated_percentage(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
    ) -> Result<Option<f64>, Failure> {
        match &self.tolerated_percentage {
            None => Ok(None),
            Some(Percentage::Literal(percentage)) => Ok(Some(*percentage)),
            Some(Percentage::Query(query)) => {
                execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                    let value = query.evaluate_as(Wanted::Number, scope)?;
                    let percentage = value.as_f64().filter(|number| (0.0..=100.0).contains(number));
                    percentage.map(Some).ok_or_else(|| {
                        let what = format!(
                            "returned an unexpected value. Expected a percentage between 0 and 100, but was {value}"
                        );
                        query.failed(&what).into()
                    })
                })
            }
            Some(Percentage::At(path)) => {
                let field = "ToleratedFailurePercentagePath";
                let value = seconds::at(field, path, execution, thread, input.value())?;
                match value
                    .as_f64()
                    .filter(|number| (0.0..=100.0).contains(number))
                {
                    Some(percentage) => Ok(Some(percentage)),
                    None => Err(execution.runtime_failure(
                        thread,
                        format!("The {field} parameter does not reference a percentage: {path} == {value}"),
                    )),
                }
            }
        }
    }

    /// Starts the next iteration, after the given event.
    fn start_next(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        after: u32,
    ) -> Result<(), Failure> {
        let Some(Work::Iterations(iterations)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let index = iterations.next;
        let Some(item) = iterations.items.get(index).cloned() else {
            return Ok(());
        };
        iterations.next += 1;
        let input = iterations.input.clone();
        let item = Shared::from(item);
        let shown = MapItem::inline(index as u64, &item);
        let input = match &self.item_selector {
            None => Payload::from(item.clone()),
            Some(_) => iteration_input(self, execution, thread, &input, shown)?,
        };
        let start = execution.machine().block(self.processor).start;
        let child = execution.spawn(
            thread,
            index,
            start,
            input,
            Some((index as u64, item)),
            after,
        );
        execution.record(
            child,
            EventType::MapIterationStarted,
            iteration(state, index),
        );
        Ok(())
    }

    /// An iteration has come to its end, with that last event.
    pub(crate) fn iteration_succeeded(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        index: usize,
        output: Payload,
        last_event: u32,
    ) {
        execution.set_last_event(thread, last_event);
        execution.record(
            thread,
            EventType::MapIterationSucceeded,
            iteration(state, index),
        );
        self.iteration_ended(execution, thread, state, index, output, last_event);
    }

    /// An iteration has failed, with that last event. `Some` is the failure that the whole state has for it.
    pub(crate) fn iteration_failed(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        index: usize,
        failure: &Failure,
        last_event: u32,
    ) -> Option<Failure> {
        execution.set_last_event(thread, last_event);
        execution.record_aside(
            thread,
            EventType::MapIterationFailed,
            iteration(state, index),
        );
        let Some(Work::Iterations(iterations)) = execution.work_mut(thread) else {
            return Some(failure.clone());
        };
        let Some(tolerated) = iterations.tolerated else {
            return Some(failure.clone());
        };
        iterations.failed += 1;
        if iterations.failed > tolerated {
            return Some(Failure::new(
                EXCEED_TOLERATED_FAILURE_THRESHOLD,
                "The specified tolerated failure threshold was exceeded",
            ));
        }
        self.iteration_ended(
            execution,
            thread,
            state,
            index,
            Payload::from(failure.output()),
            last_event,
        );
        None
    }

    fn iteration_ended(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        index: usize,
        output: Payload,
        last_event: u32,
    ) {
        let Some(Work::Iterations(iterations)) = execution.work_mut(thread) else {
            return;
        };
        iterations.outputs[index] = Some(output);
        iterations.done += 1;
        if iterations.done == iterations.outputs.len() {
            let outputs = std::mem::take(&mut iterations.outputs);
            let outputs = outputs.into_iter().flatten().collect();
            execution.join(thread, Payload::list(outputs));
        } else if let Err(failure) = self.start_next(execution, thread, state, last_event) {
            execution.abort_branches(thread);
            execution.fail(thread, failure);
        }
    }
}

fn iteration(state: &State, index: usize) -> Details {
    Details::Iteration {
        name: state.name.clone(),
        index: index as u64,
    }
}

/// What an iteration gets: its item, or what the item selector makes of it.
fn iteration_input(
    map: &Map,
    execution: &mut Execution,
    thread: ThreadId,
    input: &Payload,
    item: MapItem<'_>,
) -> Result<Payload, Failure> {
    let Some(selector) = &map.item_selector else {
        return Ok(Payload::from(item.value.clone()));
    };
    let extra = Extra {
        item: Some(item),
        ..Extra::default()
    };
    execution
        .evaluate(thread, input.value(), extra, |scope| {
            evaluate(selector, scope)
        })
        .map(Payload::from)
}

/// The type of the child executions, if the Map is distributed.
fn read_processor_config(
    processor: &mut Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ChildType> {
    let mut config = processor.inner("ProcessorConfig", diagnostics)?;
    let mode = config.text("Mode", diagnostics);
    let child_type = match config.text("ExecutionType", diagnostics) {
        Some("STANDARD") => Some(ChildType::Standard),
        Some("EXPRESS") => Some(ChildType::Express),
        None => None,
        Some(_) => {
            diagnostics.error(
                config.at("ExecutionType"),
                "The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]",
            );
            None
        }
    };
    let distributed = match mode {
        None | Some("INLINE") => None,
        Some("DISTRIBUTED") => {
            config.require(&["ExecutionType"], diagnostics);
            Some(child_type.unwrap_or(ChildType::Standard))
        }
        Some(_) => {
            diagnostics.error(
                config.at("Mode"),
                "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]",
            );
            None
        }
    };
    config.finish(diagnostics);
    distributed
}

#[cfg(test)]
mod distributed_tests;
#[cfg(test)]
mod tests;
