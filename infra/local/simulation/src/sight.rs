//! What can be seen of a call, an invocation or a state, and whether a fault's words fit it. The injector compares by it, and
//! a run without faults is remembered by it, so that faults are drawn only where something happens.

use aws_services::{Call, Origin};
use serde::Serialize;

use crate::schedule::Fault;

/// Where something happened, without its data: what faults are drawn from and coverage is counted by.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sight {
    /// The state machine, without the stack's name; empty for what no state did.
    pub machine: String,
    /// The state.
    pub state: String,
    /// The function that ran or called; empty for what the state did itself.
    pub function: String,
    /// The service that was called; empty for an invocation or a state.
    pub service: String,
    /// The action.
    pub action: String,
}

/// The words of a request or an event that name tables.
pub(crate) struct Words {
    text: String,
}

impl Words {
    pub(crate) fn of(request: &serde_json::Value, origin: Option<&Origin>) -> Self {
        let mut text = request.to_string();
        if let Some(origin) = origin {
            text.push_str(&origin.arguments);
        }
        Self { text }
    }

    fn name(&self, table: &str) -> bool {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        self.text.match_indices(table).any(|(at, found)| {
            let before = self.text[..at].chars().next_back();
            let after = self.text[at + found.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    }
}

/// Whether `name` is what `wanted` says, with or without the stack's name in front.
pub(crate) fn is_named(name: &str, wanted: &str) -> bool {
    name == wanted
        || name
            .strip_suffix(wanted)
            .is_some_and(|stack| stack.ends_with('-'))
}

/// A name without the stack's in front of it.
pub(crate) fn own_name(name: &str) -> &str {
    let stack = embedded_runtime::runtime::STACK_NAME;
    name.strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(name)
}

impl Sight {
    /// Of a call; `None` for the state's own invocation of a function, which is seen as an invocation.
    pub(crate) fn of_call(call: &Call, origin: Option<&Origin>) -> Self {
        let is_service = matches!(call.caller.as_str(), "states" | "events" | "scheduler");
        let function = if is_service { "" } else { &call.caller };
        Self {
            service: call.service.clone(),
            action: call.action.clone(),
            ..Self::of_function(function, origin)
        }
    }

    pub(crate) fn of_function(function: &str, origin: Option<&Origin>) -> Self {
        Self {
            machine: origin
                .map_or("", |origin| own_name(&origin.state_machine))
                .to_owned(),
            state: origin.map_or("", |origin| &origin.state).to_owned(),
            function: own_name(function).to_owned(),
            ..Self::default()
        }
    }

    /// Whether the fault's words fit; the words that it does not say fit everything.
    pub(crate) fn fits(&self, fault: &Fault, words: &Words) -> bool {
        let fits = |wanted: &Option<String>, own: &str| {
            wanted.as_deref().is_none_or(|wanted| is_named(own, wanted))
        };
        fault
            .signing_service()
            .is_none_or(|service| service == self.service)
            && fault
                .action
                .as_ref()
                .is_none_or(|action| *action == self.action)
            && fits(&fault.function, &self.function)
            && fits(&fault.machine, &self.machine)
            && fault
                .state
                .as_ref()
                .is_none_or(|state| *state == self.state)
            && fault.table.as_deref().is_none_or(|table| words.name(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn a_table_is_named_by_a_whole_word_only() {
        let words = Words::of(
            &serde_json::json!({"Key": "landing/dimension/country_code/x"}),
            None,
        );
        assert!(words.name("country_code"));
        assert!(!words.name("country"));
    }

    #[test]
    fn a_name_is_known_with_and_without_the_stack() {
        assert!(is_named("pipeline-fact-process", "fact-process"));
        assert!(is_named("launch_emr", "launch_emr"));
        assert!(!is_named("pipeline-relaunch_emr", "launch_emr"));
    }

    #[test]
    fn what_a_fault_does_not_say_fits_everything() {
        let sight = Sight::default();
        let words = Words::of(&serde_json::Value::Null, None);
        assert!(sight.fits(&Fault::new(Kind::Throttle), &words));
    }
}
