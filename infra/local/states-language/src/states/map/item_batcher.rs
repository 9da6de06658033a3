//! `ItemBatcher` of a distributed Map: several items for one child execution.

use serde_json::{Map, Value};

use super::super::seconds::Number;
use crate::data_flow::jsonpath::evaluate;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, LARGEST_PAYLOAD, ThreadId};
use crate::payload::Payload;
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ItemBatcher {
    max_items: Option<Number>,
    max_bytes: Option<Number>,
    batch_input: Option<Template>,
}

/// The input of one child, and how many items are in it.
pub(super) struct Batch {
    pub(super) input: Payload,
    pub(super) items: u64,
}

impl ItemBatcher {
    pub(super) fn read(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let max_items = Number::read(
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            1,
            &mut fields,
            diagnostics,
        );
        let max_bytes = Number::read(
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            1,
            &mut fields,
            diagnostics,
        );
        if let Some(Number::Literal(bytes)) = max_bytes
            && bytes > LARGEST_PAYLOAD as u64
        {
            diagnostics.error(
                fields.at("MaxInputBytesPerBatch"),
                format!("Value must be between 1 and {LARGEST_PAYLOAD}"),
            );
        }
        if max_items.is_none() && max_bytes.is_none() {
            diagnostics.error(
                fields.location(),
                "At least one of these fields is required: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
            );
        }
        let batch_input = fields.template("BatchInput", diagnostics);
        fields.finish(diagnostics);
        Self {
            max_items,
            max_bytes,
            batch_input,
        }
    }

    /// Puts items into batches, as many into each as fit.
    pub(super) fn batches(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        items: Vec<Value>,
    ) -> Result<Vec<Batch>, Failure> {
        let number = |number: &Option<Number>, execution: &mut Execution| {
            number
                .as_ref()
                .map(|number| number.get(execution, thread, input.value()))
                .transpose()
        };
        let most_items = number(&self.max_items, execution)?
            .unwrap_or(u64::MAX)
            .max(1);
        let most_bytes = number(&self.max_bytes, execution)?
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(LARGEST_PAYLOAD)
            .min(LARGEST_PAYLOAD);
        let shared = match &self.batch_input {
            None => None,
            Some(template) => Some(execution.evaluate(
                thread,
                input.value(),
                Extra::default(),
                |scope| evaluate(template, scope),
            )?),
        };
        let frame = batch(shared.as_ref(), Vec::new()).to_string().len();
        let mut batches = Vec::new();
        let (mut gathered, mut size) = (Vec::new(), frame);
        for item in items {
            // With the comma before it.
            let length = item.to_string().len() + usize::from(!gathered.is_empty());
            if !gathered.is_empty()
                && (gathered.len() as u64 >= most_items || size + length > most_bytes)
            {
                batches.push(closed(shared.as_ref(), std::mem::take(&mut gathered)));
                size = frame;
            }
            size += length;
            gathered.push(item);
        }
        if !gathered.is_empty() {
            batches.push(closed(shared.as_ref(), gathered));
        }
        Ok(batches)
    }
}

fn closed(shared: Option<&Value>, items: Vec<Value>) -> Batch {
    Batch {
        items: items.len() as u64,
        input: Payload::from(batch(shared, items)),
    }
}

fn batch(shared: Option<&Value>, items: Vec<Value>) -> Value {
    let mut input = Map::new();
    if let Some(shared) = shared {
        input.insert("BatchInput".to_owned(), shared.clone());
    }
    input.insert("Items".to_owned(), Value::Array(items));
    Value::Object(input)
}
