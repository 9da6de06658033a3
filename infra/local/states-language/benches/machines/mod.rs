//! The machines that are measured, and what their benchmarks do with executions. `interpreter` and `rates` use it.

use std::sync::Arc;

use jiff::Timestamp;
use states_language::{Arrival, Effect, Execution, Identity, StateMachine};

pub(crate) const MACHINES: [(&str, &str); 6] = [
    ("pass_jsonpath", include_str!("pass_jsonpath.asl.json")),
    ("pass_jsonata", include_str!("pass_jsonata.asl.json")),
    ("choice_jsonpath", include_str!("choice_jsonpath.asl.json")),
    ("choice_jsonata", include_str!("choice_jsonata.asl.json")),
    ("map_jsonpath", include_str!("map_jsonpath.asl.json")),
    ("map_jsonata", include_str!("map_jsonata.asl.json")),
];
pub(crate) const WAIT: &str = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "P"}, "P": {"Type": "Pass", "End": true}}}"#;

pub(crate) fn input() -> String {
    let items: Vec<u32> = (0..40).collect();
    serde_json::json!({"n": 0, "items": items}).to_string()
}

pub(crate) fn machine(definition: &str) -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(definition).expect("it is valid"))
}

/// Runs it until it ends or waits.
pub(crate) fn start(machine: &Arc<StateMachine>, input: &str) -> Execution {
    let now = Timestamp::UNIX_EPOCH;
    let identity = Identity::named("bench", "one", now);
    Execution::start(Arc::clone(machine), identity, input, 1, now).expect("it is JSON")
}

/// Tells an execution of [`WAIT`] that its time has come.
pub(crate) fn wake(execution: &mut Execution) {
    let effects = execution.effects();
    let Some(Effect::SetTimer { timer, at }) = effects.first() else {
        panic!("it waits");
    };
    execution.deliver(Arrival::Timer { timer: *timer }, *at);
}

/// Transitions: states that were entered.
pub(crate) fn entered(execution: &Execution) -> u64 {
    let events = execution.history().iter();
    events
        .filter(|event| event.event_type.as_str().ends_with("StateEntered"))
        .count() as u64
}
