//! A Map state under TestState: its items and limits are worked out, and a mock stands for its iterations.

use serde_json::Value;

use super::{Map, iteration_input};
use crate::Mock;
use crate::errors::{EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure};
use crate::execution::{Execution, ThreadId};
use crate::inspection::spaced;
use crate::machine::State;
use crate::payload::Payload;
use crate::scope::MapItem;

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
        if self.item_selector.is_some() {
            self.inspect_selected(execution, thread, &input, items.as_ref())?;
        }
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
            let given = execution.given_items();
            return Ok(given.and_then(|text| serde_json::from_str(&text).ok()));
        }
        let items = self.items(execution, thread, input, self.is_distributed())?;
        if self.items.is_none() {
            execution.inspect_value("afterItemsPath", || spaced(&items).into());
        }
        Ok(Some(items))
    }

    /// What the item selector makes of every item.
    fn inspect_selected(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        items: Option<&Value>,
    ) -> Result<(), Failure> {
        let mut selected = Vec::new();
        for (index, item) in items
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let item = MapItem::inline(index as u64, item);
            let payload = iteration_input(self, execution, thread, input, item)?;
            selected.push(payload.value().clone());
        }
        execution.inspect_value("afterItemSelector", || {
            spaced(&Value::Array(selected)).into()
        });
        Ok(())
    }
}
