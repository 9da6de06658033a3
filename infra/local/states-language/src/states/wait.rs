//! Wait: goes on after some seconds, or at a time.

use jiff::Timestamp;

use super::seconds::{self, Number};
use crate::choice_rule::timestamp;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, Purpose, ThreadId, Work, seconds_milliseconds};
use crate::jsonata::{Query, Wanted};
use crate::jsonpath::Path;
use crate::machine::State;

/// AWS counts the seconds in a 32-bit number.
const LONGEST_WAIT: u64 = 2_147_483_647;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wait {
    For(WaitFor),
    Until(Timestamp),
    UntilPath(Path),
    UntilQuery(Query),
}

/// A number of seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WaitFor(Number);

impl Wait {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        fields.exactly_one(
            &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
            diagnostics,
        );
        if let Some(number) = Number::read("Seconds", "SecondsPath", 0, fields, diagnostics) {
            return Some(Self::For(WaitFor(number)));
        }
        if let Some(query) = fields.query("Timestamp", diagnostics)? {
            return Some(Self::UntilQuery(query));
        }
        if let Some(text) = fields.text("Timestamp", diagnostics) {
            let time = timestamp(text);
            if time.is_none() {
                diagnostics.error(
                    fields.at("Timestamp"),
                    "String does not match RFC3339 timestamp",
                );
            }
            return time.map(Self::Until);
        }
        fields
            .path("TimestampPath", diagnostics)
            .map(Self::UntilPath)
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let now = execution.now();
        let until = match self {
            Self::For(WaitFor(number)) => {
                let seconds = number.get(execution, thread, input.value())?;
                if seconds > LONGEST_WAIT {
                    return Err(too_long(execution, thread));
                }
                now + jiff::SignedDuration::from_millis(seconds_milliseconds(seconds))
            }
            Self::Until(time) => *time,
            Self::UntilQuery(query) => {
                execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                    let value = query.evaluate_as(Wanted::String, scope)?;
                    value.as_str().and_then(timestamp).ok_or_else(|| {
                        query
                            .failed(&format!(
                                "returned an unexpected value. Expected an RFC3339 timestamp, but was {value}"
                            ))
                            .into()
                    })
                })?
            }
            Self::UntilPath(path) => {
                let value = seconds::at("TimestampPath", path, execution, thread, input.value())?;
                match value.as_str().and_then(timestamp) {
                    Some(time) => time,
                    None => {
                        return Err(execution.runtime_failure(
                            thread,
                            format!(
                                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format \
                                 string: {path} == {}",
                                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                            ),
                        ));
                    }
                }
            }
        };
        if until <= now {
            return over(execution, thread, state);
        }
        if until.duration_since(now).as_secs().cast_unsigned() > LONGEST_WAIT {
            return Err(too_long(execution, thread));
        }
        let timer = execution.set_timer_at(until, Purpose::Wait(thread));
        execution.set_work(thread, Work::Wait(timer));
        Ok(())
    }
}

fn too_long(execution: &Execution, thread: ThreadId) -> Failure {
    execution.runtime_failure(thread, "Wait state delay is too long.")
}

/// The wait is over.
pub(crate) fn over(
    execution: &mut Execution,
    thread: ThreadId,
    state: &State,
) -> Result<(), Failure> {
    let input = execution.effective_input(thread, state)?;
    execution.finish(thread, state, input)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::test_driver::{failure, machine_of, output, run};

    fn wait(fields: Value) -> Value {
        let mut state = fields;
        state["Type"] = json!("Wait");
        machine_of(state)
    }

    /// After how many seconds the execution ended.
    fn waits(fields: Value, input: Value) -> i64 {
        let execution = run(&wait(fields), input.clone());
        assert_eq!(output(&execution), input);
        execution.ended_at().expect("it has ended").as_second()
    }

    fn cause(fields: Value, input: Value) -> String {
        let execution = run(&wait(fields), input);
        let (error, cause) = failure(&execution);
        assert_eq!(error, "States.Runtime");
        let prefix =
            "An error occurred while executing the state 'State' (entered at the event id #2). ";
        cause.strip_prefix(prefix).expect("the prefix").to_owned()
    }

    #[test]
    fn says_what_is_wrong_with_the_seconds_at_a_path() {
        let at = |seconds: Value| {
            cause(
                json!({"SecondsPath": "$.in.s"}),
                json!({"in": {"s": seconds}}),
            )
        };
        assert_eq!(
            at(json!(-1)),
            "The SecondsPath parameter references a negative value: $.in.s == -1"
        );
        assert_eq!(
            at(json!(1.5)),
            "The SecondsPath parameter cannot be parsed as a long value: $.in.s == 1.5"
        );
        assert_eq!(
            at(json!(2_147_483_648_i64)),
            "Wait state delay is too long."
        );
        assert_eq!(
            cause(json!({"SecondsPath": "$.s"}), json!({})),
            "The SecondsPath parameter does not reference an input value: $.s"
        );
    }

    #[test]
    fn says_what_is_wrong_with_the_time_at_a_path() {
        assert_eq!(
            cause(json!({"TimestampPath": "$.t"}), json!({"t": "soon"})),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == soon"
        );
        assert_eq!(
            cause(
                json!({"TimestampPath": "$.t"}),
                json!({"t": "2094-12-10T00:00:00Z"})
            ),
            "Wait state delay is too long."
        );
    }

    #[test]
    fn waits_for_seconds_and_until_times() {
        assert_eq!(waits(json!({"Seconds": 60}), json!({})), 60);
        assert_eq!(waits(json!({"SecondsPath": "$.s"}), json!({"s": 7})), 7);
        assert_eq!(
            waits(json!({"Timestamp": "1970-01-01T00:01:00Z"}), json!({})),
            60
        );
        assert_eq!(
            waits(
                json!({"TimestampPath": "$.t"}),
                json!({"t": "1970-01-01T01:00:05+01:00"})
            ),
            5
        );
    }

    #[test]
    fn does_not_wait_for_what_has_passed() {
        assert_eq!(waits(json!({"Seconds": 0}), json!({})), 0);
        assert_eq!(
            waits(
                json!({"Timestamp": "1969-12-31T23:59:59.123456789Z"}),
                json!({})
            ),
            0
        );
    }
}
