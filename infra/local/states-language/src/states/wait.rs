//! Wait: goes on after some seconds, or at a time.

use jiff::Timestamp;

use super::seconds::{self, Number};
use crate::choice_rule::timestamp;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Purpose, ThreadId, Work, seconds_milliseconds};
use crate::jsonpath::Path;
use crate::machine::State;

/// AWS counts the seconds in a 32-bit number.
const LONGEST_WAIT: u64 = 2_147_483_647;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wait {
    For(WaitFor),
    Until(Timestamp),
    UntilPath(Path),
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
