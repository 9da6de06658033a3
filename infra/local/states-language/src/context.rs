//! The context object, `$$`. It is made only when an expression asks for it, and then as much of it as the expression reads.

use std::borrow::Cow;
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
    pub(crate) made: OnceCell<Box<Value>>,
}

/// Which members of the context object an expression reads: each by its name and, where that is known, by the name of the
/// member in it. Nothing stands for all of it.
pub(crate) type Read<'r> = Option<&'r [(String, Option<String>)]>;

impl<'a> Context<'a> {
    pub(crate) fn value(&self) -> &Value {
        self.made.get_or_init(|| Box::new(self.make(None)))
    }

    /// As much of the object as is read.
    pub(crate) fn part(&self, read: Read<'_>) -> Cow<'_, Value> {
        match (self.made.get(), read) {
            (Some(made), _) => Cow::Borrowed(made),
            (None, None) => Cow::Borrowed(self.value()),
            (None, read) => Cow::Owned(self.make(read)),
        }
    }

    /// One member of a member, if it can be shown without the rest.
    pub(crate) fn member(&self, outer: &str, inner: &str) -> Option<Cow<'a, Value>> {
        if self.made.get().is_some() {
            return None;
        }
        let text = |text: &str| Some(Cow::Owned(Value::from(text)));
        let identity = self.identity;
        match (outer, inner) {
            ("Execution", "Input") => Some(Cow::Borrowed(self.execution_input)),
            ("Execution", "Id") => text(&identity.execution_arn),
            ("Execution", "Name") => text(&identity.execution_name),
            ("Execution", "StartTime") => text(&timestamp(identity.start_time)),
            ("StateMachine", "Id") => text(&identity.state_machine_arn),
            ("StateMachine", "Name") => text(&identity.state_machine_name),
            ("State", "Name") => text(self.state),
            ("State", "EnteredTime") => text(&timestamp(self.entered)),
            ("Task", "Token") => text(self.token?),
            _ => None,
        }
    }

    /// `$$.Map.Item.Value`, if it can be shown without the rest.
    pub(crate) fn item_value(&self) -> Option<&'a Value> {
        match self.made.get() {
            None => self.item.map(|item| item.value),
            Some(_) => None,
        }
    }

    fn make(&self, read: Read<'_>) -> Value {
        let reads = |outer: &str, inner: &str| {
            read.is_none_or(|read| {
                read.iter().any(|(one, other)| {
                    one == outer && other.as_deref().is_none_or(|other| other == inner)
                })
            })
        };
        let any = |outer: &str| read.is_none_or(|read| read.iter().any(|(one, _)| one == outer));
        let mut context = Map::new();
        if any("Execution") {
            let input = reads("Execution", "Input");
            context.insert("Execution".to_owned(), self.execution(input));
        }
        if any("StateMachine") {
            let identity = self.identity;
            context.insert(
                "StateMachine".to_owned(),
                json!({"Id": identity.state_machine_arn, "Name": identity.state_machine_name}),
            );
        }
        if any("State") {
            let mut state =
                json!({"Name": self.state.as_str(), "EnteredTime": timestamp(self.entered)});
            if let Some(count) = self.retry_count {
                state["RetryCount"] = count.into();
            }
            context.insert("State".to_owned(), state);
        }
        if let Some(token) = self.token.filter(|_| any("Task")) {
            context.insert("Task".to_owned(), json!({"Token": token}));
        }
        if let Some(item) = self.item.filter(|_| any("Map")) {
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

    fn execution(&self, with_input: bool) -> Value {
        let identity = self.identity;
        let mut execution = json!({"Id": identity.execution_arn});
        if with_input {
            execution["Input"] = self.execution_input.clone();
        }
        execution["StartTime"] = timestamp(identity.start_time).into();
        execution["Name"] = identity.execution_name.as_str().into();
        execution["RoleArn"] = identity.role_arn.as_str().into();
        // An express execution cannot be redriven.
        if identity.execution_arn.split(':').nth(5) != Some("express") {
            execution["RedriveCount"] = identity.redrive_count.into();
        }
        if let Some(time) = identity.redrive_time {
            execution["RedriveTime"] = timestamp(time).into();
        }
        execution
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
    fn shows_the_same_in_parts_as_in_whole() {
        let identity = Identity::named("machine", "name", Timestamp::UNIX_EPOCH);
        let (input, value, state) = (json!({"x": 1}), json!([5]), Text::from("S"));
        let context = || Context {
            identity: &identity,
            execution_input: &input,
            state: &state,
            entered: Timestamp::UNIX_EPOCH,
            retry_count: Some(2),
            token: Some("t"),
            item: Some(MapItem::inline(3, &value)),
            made: OnceCell::new(),
        };
        let whole = context().value().clone();
        for (outer, members) in whole.as_object().expect("an object") {
            let read = [(outer.clone(), None)];
            let context = context();
            let part = context.part(Some(&read));
            assert_eq!(part[outer], *members, "{outer}");
            assert_eq!(part.as_object().map(Map::len), Some(1));
            for (inner, member) in members.as_object().expect("an object") {
                let read = [(outer.clone(), Some(inner.clone()))];
                assert_eq!(context.part(Some(&read))[outer][inner], *member);
                if let Some(shown) = context.member(outer, inner) {
                    assert_eq!(*shown, *member, "{outer}.{inner}");
                }
            }
        }
        assert_eq!(context().item_value(), whole.pointer("/Map/Item/Value"));
    }

    #[test]
    fn shows_times_to_the_millisecond() {
        let time = Timestamp::from_microsecond(1_700_000_000_123_456).expect("in range");
        assert_eq!(timestamp(time), "2023-11-14T22:13:20.123Z");
        assert_eq!(timestamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
