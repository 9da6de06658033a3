//! A Map state under TestState: its items and limits are worked out, and a mock stands for its iterations.

use serde_json::{Value, json};

use super::Map;
use super::distributed::{Distributed, selected};
use crate::errors::{EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure, ITEM_READER_FAILED};
use crate::execution::{Execution, ThreadId};
use crate::inspection::spaced;
use crate::machine::State;
use crate::payload::Payload;
use crate::{ItemFormat, Mock};

impl Map {
    pub(super) fn run_mocked(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        mock: Mock,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let items = self.tested_items(execution, thread, &input)?;
        let concurrency = self.max_concurrency.get(execution, thread, input.value())?;
        execution.inspect_value("maxConcurrency", || concurrency.into());
        let count = self.tolerated_count(execution, thread, &input)?;
        let percentage = self.tolerated_percentage(execution, thread, &input)?;
        if let Some(count) = count {
            execution.inspect_value("toleratedFailureCount", || count.into());
        }
        if let Some(percentage) = percentage {
            execution.inspect_value("toleratedFailurePercentage", || percentage.into());
        }
        let length = items.as_ref().and_then(Value::as_array).map_or(0, Vec::len);
        self.inspect_selected(execution, thread, &input, items.unwrap_or(json!([])))?;
        let failed = execution.failed_iterations();
        let too_many = count.is_some_and(|most| failed > most)
            || percentage.is_some_and(|most| failed as f64 * 100.0 > most * length as f64);
        if failed > 0 && too_many {
            return Err(Failure::new(
                EXCEED_TOLERATED_FAILURE_THRESHOLD,
                "The specified tolerated failure threshold was exceeded",
            ));
        }
        let result = execution.mock_result(thread, mock)?;
        execution.finish(thread, state, result)
    }

    /// The items; `None` if they would have to be read and nothing was given for them.
    fn tested_items(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
    ) -> Result<Option<Value>, Failure> {
        if self.reads_items() {
            let unreadable = |why: String| Failure::new(ITEM_READER_FAILED, why);
            let Some(text) = execution.given_items().transpose().map_err(unreadable)? else {
                return Ok(None);
            };
            let items: Value =
                serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
            if let Some(ItemFormat::Json { pointer: Some(_) }) = self.item_format() {
                execution.inspect_value("afterItemsPointer", || spaced(&items).into());
            }
            return Ok(Some(items));
        }
        let items = self.items(execution, thread, input, self.is_distributed())?;
        if self.items.is_none() {
            execution.inspect_value("afterItemsPath", || spaced(&items).into());
        }
        Ok(Some(items))
    }

    /// What the item selector makes of every item, and the batches that they are put into.
    fn inspect_selected(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        items: Value,
    ) -> Result<(), Failure> {
        let batcher = self.distributed.as_ref().and_then(Distributed::batcher);
        if self.item_selector.is_none() && batcher.is_none() {
            return Ok(());
        }
        let selected: Vec<Value> = selected(self, execution, thread, input, items, None)?
            .iter()
            .map(|payload| payload.value().clone())
            .collect();
        if self.item_selector.is_some() {
            let shown = spaced(&Value::Array(selected.clone()));
            execution.inspect_value("afterItemSelector", || shown.into());
        }
        if let Some(batcher) = batcher {
            let batches = batcher.batches(execution, thread, input, selected)?;
            let inputs = batches.iter().map(|batch| batch.input.value().clone());
            let shown = spaced(&inputs.collect());
            execution.inspect_value("afterItemBatcher", || shown.into());
        }
        Ok(())
    }
}
