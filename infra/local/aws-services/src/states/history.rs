//! GetExecutionHistory: the interpreter's events, page by page.

use serde_json::{Value, json};

use super::{StepFunctions, pages};
use crate::failure::ServiceError;

impl StepFunctions {
    pub(super) fn get_execution_history(&self, input: &Value) -> Result<Value, ServiceError> {
        let run = self.run(input)?;
        let with_data = input["includeExecutionData"].as_bool().unwrap_or(true);
        let reverse = input["reverseOrder"].as_bool().unwrap_or(false);
        let mut indexes: Vec<usize> =
            (0..run.with_execution(|execution| execution.history().len())).collect();
        if reverse {
            indexes.reverse();
        }
        let list = format!("history of {} {reverse}", run.arn);
        let (page, next) = match reverse {
            true => pages::page_newest_first(input, &list, indexes)?,
            false => pages::page(input, &list, indexes)?,
        };
        let events = run.with_execution(|execution| {
            page.into_iter()
                .map(|index| {
                    let event = &execution.history()[index];
                    match with_data {
                        true => serde_json::to_value(event),
                        false => serde_json::to_value(event.without_execution_data()),
                    }
                })
                .collect::<Result<Vec<Value>, _>>()
        });
        let events = events.map_err(|error| ServiceError::internal(error.to_string()))?;
        let mut answer = json!({"events": events});
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }
}
