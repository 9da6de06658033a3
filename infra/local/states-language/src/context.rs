//! The context object, `$$`. It is made only when an expression asks for it.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::scope::MapItem;
use crate::{Identity, Text};

/// What the context object shows at one moment.
pub(crate) struct Context<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) execution_input: &'a Value,
    pub(crate) state: &'a Text,
    pub(crate) entered: Timestamp,
    /// For the states that can be retried.
    pub(crate) retry_count: Option<u64>,
    pub(crate) token: Option<&'a str>,
    /// Inside a Map: the iteration's index and item.
    pub(crate) item: Option<MapItem<'a>>,
    pub(crate) made: OnceCell<Value>,
}

impl Context<'_> {
    pub(crate) fn value(&self) -> &Value {
        self.made.get_or_init(|| self.make())
    }

    fn make(&self) -> Value {
        let identity = self.identity;
        let mut execution = json!({
            "Id": identity.execution_arn,
            "Input": self.execution_input,
            "StartTime": timestamp(identity.start_time),
            "Name": identity.execution_name,
            "RoleArn": identity.role_arn,
        });
        // An express execution cannot be redriven.
        if identity.execution_arn.split(':').nth(5) != Some("express") {
            execution["RedriveCount"] = identity.redrive_count.into();
        }
        if let Some(time) = identity.redrive_time {
            execution["RedriveTime"] = timestamp(time).into();
        }
        let mut context = Map::new();
        context.insert("Execution".to_owned(), execution);
        context.insert(
            "StateMachine".to_owned(),
            json!({"Id": identity.state_machine_arn, "Name": identity.state_machine_name}),
        );
        let mut state =
            json!({"Name": self.state.as_str(), "EnteredTime": timestamp(self.entered)});
        if let Some(count) = self.retry_count {
            state["RetryCount"] = count.into();
        }
        context.insert("State".to_owned(), state);
        if let Some(token) = self.token {
            context.insert("Task".to_owned(), json!({"Token": token}));
        }
        if let Some(item) = self.item {
            let mut shown = json!({"Index": item.index, "Value": item.value});
            if let Some(key) = item.key {
                shown["Key"] = key.into();
            }
            if let Some(source) = item.source {
                shown["Source"] = source.into();
            }
            context.insert("Map".to_owned(), json!({"Item": shown}));
        }
        Value::Object(context)
    }
}

/// A time as the context object shows it: UTC, to the millisecond.
pub(crate) fn timestamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_to_the_millisecond() {
        let time = Timestamp::from_microsecond(1_700_000_000_123_456).expect("in range");
        assert_eq!(timestamp(time), "2023-11-14T22:13:20.123Z");
        assert_eq!(timestamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
