//! The history of an execution: the events of GetExecutionHistory, in AWS's JSON shape when serialised.
//! States record them through [`crate::Execution`]; the `states` service shows them.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Text;

macro_rules! event_types {
    ($($name:ident $detail:literal,)*) => {
        /// The type of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum EventType { $($name,)* }

        impl EventType {
            /// Its name, as AWS spells it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The field under which an event of this type carries its details; empty for the types that have none.
            pub fn details_field(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

event_types! {
    ActivityFailed "activityFailedEventDetails",
    ActivityScheduleFailed "activityScheduleFailedEventDetails",
    ActivityScheduled "activityScheduledEventDetails",
    ActivityStarted "activityStartedEventDetails",
    ActivitySucceeded "activitySucceededEventDetails",
    ActivityTimedOut "activityTimedOutEventDetails",
    ChoiceStateEntered "stateEnteredEventDetails",
    ChoiceStateExited "stateExitedEventDetails",
    EvaluationFailed "evaluationFailedEventDetails",
    ExecutionAborted "executionAbortedEventDetails",
    ExecutionFailed "executionFailedEventDetails",
    ExecutionRedriven "executionRedrivenEventDetails",
    ExecutionStarted "executionStartedEventDetails",
    ExecutionSucceeded "executionSucceededEventDetails",
    ExecutionTimedOut "executionTimedOutEventDetails",
    FailStateEntered "stateEnteredEventDetails",
    LambdaFunctionFailed "lambdaFunctionFailedEventDetails",
    LambdaFunctionScheduleFailed "lambdaFunctionScheduleFailedEventDetails",
    LambdaFunctionScheduled "lambdaFunctionScheduledEventDetails",
    LambdaFunctionStartFailed "lambdaFunctionStartFailedEventDetails",
    LambdaFunctionStarted "",
    LambdaFunctionSucceeded "lambdaFunctionSucceededEventDetails",
    LambdaFunctionTimedOut "lambdaFunctionTimedOutEventDetails",
    MapIterationAborted "mapIterationAbortedEventDetails",
    MapIterationFailed "mapIterationFailedEventDetails",
    MapIterationStarted "mapIterationStartedEventDetails",
    MapIterationSucceeded "mapIterationSucceededEventDetails",
    MapRunAborted "",
    MapRunFailed "mapRunFailedEventDetails",
    MapRunRedriven "mapRunRedrivenEventDetails",
    MapRunStarted "mapRunStartedEventDetails",
    MapRunSucceeded "",
    MapStateAborted "",
    MapStateEntered "stateEnteredEventDetails",
    MapStateExited "stateExitedEventDetails",
    MapStateFailed "",
    MapStateStarted "mapStateStartedEventDetails",
    MapStateSucceeded "",
    ParallelStateAborted "",
    ParallelStateEntered "stateEnteredEventDetails",
    ParallelStateExited "stateExitedEventDetails",
    ParallelStateFailed "",
    ParallelStateStarted "",
    ParallelStateSucceeded "",
    PassStateEntered "stateEnteredEventDetails",
    PassStateExited "stateExitedEventDetails",
    SucceedStateEntered "stateEnteredEventDetails",
    SucceedStateExited "stateExitedEventDetails",
    TaskFailed "taskFailedEventDetails",
    TaskScheduled "taskScheduledEventDetails",
    TaskStartFailed "taskStartFailedEventDetails",
    TaskStarted "taskStartedEventDetails",
    TaskStateAborted "",
    TaskStateEntered "stateEnteredEventDetails",
    TaskStateExited "stateExitedEventDetails",
    TaskSubmitFailed "taskSubmitFailedEventDetails",
    TaskSubmitted "taskSubmittedEventDetails",
    TaskSucceeded "taskSucceededEventDetails",
    TaskTimedOut "taskTimedOutEventDetails",
    WaitStateAborted "",
    WaitStateEntered "stateEnteredEventDetails",
    WaitStateExited "stateExitedEventDetails",
}

/// The details of an event, whatever its type; each type uses the fields that AWS documents for it, the rest stay empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventDetails {
    /// The state, or the Map state of an iteration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The iteration's index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The number of a Map state's items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// `resourceType` of an integration: its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<Text>,
    /// A function's or activity's ARN, or an integration's action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Text>,
    /// The region of an integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Text>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Text>,
    /// Present together with `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_details: Option<Truncated>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Text>,
    /// Present together with `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_details: Option<Truncated>,
    /// The parameters of an integration as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Text>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<u64>,
    /// The role in whose name a task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_credentials: Option<Value>,
    /// The role of an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<Text>,
    /// The version that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine_version_arn: Option<Text>,
    /// The alias that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine_alias_arn: Option<Text>,
    /// An activity's worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<Text>,
    /// The variables that a state assigned, each as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_variables: Option<Map<String, Value>>,
    /// Present together with `assignedVariables`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_variables_details: Option<Truncated>,
    /// An error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Text>,
    /// The field whose evaluation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Text>,
    /// The state whose evaluation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Text>,
    /// A distributed Map's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_run_arn: Option<Text>,
    /// How often an execution or a Map run has been redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_count: Option<u64>,
}

/// Whether a payload in the history was cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truncated {
    /// AWS cuts payloads only in logs; in a history it is always false.
    pub truncated: bool,
}

impl EventDetails {
    pub(crate) fn named(name: &Text) -> Self {
        Self {
            name: Some(name.clone()),
            ..Self::default()
        }
    }

    pub(crate) fn with_input(mut self, input: &Text) -> Self {
        self.input = Some(input.clone());
        self.input_details = Some(Truncated::default());
        self
    }

    pub(crate) fn with_output(mut self, output: &Text) -> Self {
        self.output = Some(output.clone());
        self.output_details = Some(Truncated::default());
        self
    }

    pub(crate) fn failure(error: Option<&str>, cause: Option<&str>) -> Self {
        Self {
            error: error.map(Text::from),
            cause: cause.map(Text::from),
            ..Self::default()
        }
    }

    fn without_execution_data(self) -> Self {
        Self {
            input: None,
            output: None,
            parameters: None,
            assigned_variables: None,
            input_details: None,
            output_details: None,
            assigned_variables_details: None,
            ..self
        }
    }
}

/// What an execution keeps of an event's details. Most events enter or leave a state, and there are many of them, so that
/// these are kept in little space.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Details {
    None,
    /// A state is entered.
    Entered {
        name: Text,
        input: Text,
    },
    /// A state is left, and assigns nothing.
    Exited {
        name: Text,
        output: Text,
    },
    /// Of an iteration.
    Iteration {
        name: Text,
        index: u64,
    },
    Other(Box<EventDetails>),
}

impl Details {
    fn whole(&self) -> EventDetails {
        match self {
            Self::None => EventDetails::default(),
            Self::Entered { name, input } => EventDetails::named(name).with_input(input),
            Self::Exited { name, output } => EventDetails::named(name).with_output(output),
            Self::Iteration { name, index } => EventDetails {
                index: Some(*index),
                ..EventDetails::named(name)
            },
            Self::Other(details) => (**details).clone(),
        }
    }
}

/// One event. Serialised it is AWS's: `{"timestamp": seconds, "type", "id", "previousEventId", "…EventDetails": {…}}`.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// When it happened, to the millisecond.
    pub timestamp: Timestamp,
    /// What happened.
    pub event_type: EventType,
    /// From 1, without gaps.
    pub id: u32,
    /// The event that led to this one; in a branch it follows the branch. 0 for the first.
    pub previous_event_id: u32,
    details: Details,
}

impl HistoryEvent {
    /// Its details; of a type that has none they are empty.
    pub fn details(&self) -> EventDetails {
        self.details.whole()
    }

    /// The event without inputs, outputs, parameters and variables, as GetExecutionHistory shows it without
    /// `includeExecutionData`.
    pub fn without_execution_data(&self) -> Self {
        Self {
            details: self.details().without_execution_data().into(),
            ..self.clone()
        }
    }
}

/// What AWS allows, in events.
pub(crate) const LONGEST_HISTORY: usize = 25_000;

/// The events of an execution so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct History {
    events: Vec<HistoryEvent>,
    /// An event could not be recorded, which the execution does not survive.
    #[serde(skip)]
    is_full: bool,
}

impl History {
    /// Records an event of a time without fractions of milliseconds; answers its id. The last place is for the execution's end.
    pub(crate) fn push(
        &mut self,
        now: Timestamp,
        event_type: EventType,
        previous_event_id: u32,
        details: Details,
    ) -> u32 {
        let ends = matches!(
            event_type,
            EventType::ExecutionAborted
                | EventType::ExecutionFailed
                | EventType::ExecutionSucceeded
                | EventType::ExecutionTimedOut
        );
        if self.events.len() + 1 >= LONGEST_HISTORY && !ends {
            self.is_full = true;
            return previous_event_id;
        }
        let id = self.events.len() as u32 + 1;
        self.events.push(HistoryEvent {
            timestamp: now,
            event_type,
            id,
            previous_event_id,
            details,
        });
        id
    }

    pub(crate) fn events(&self) -> &[HistoryEvent] {
        &self.events
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }
}

impl Serialize for HistoryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "timestamp",
            &(self.timestamp.as_millisecond() as f64 / 1000.0),
        )?;
        map.serialize_entry("type", self.event_type.as_str())?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("previousEventId", &self.previous_event_id)?;
        if !self.event_type.details_field().is_empty() {
            map.serialize_entry(self.event_type.details_field(), &self.details())?;
        }
        map.end()
    }
}

/// The smallest form of them, so that what was written down reads as what was recorded.
impl From<EventDetails> for Details {
    fn from(details: EventDetails) -> Self {
        let parts = (
            &details.name,
            &details.input,
            &details.output,
            details.index,
        );
        let small = match parts {
            (Some(name), Some(input), None, None) => Self::Entered {
                name: name.clone(),
                input: input.clone(),
            },
            (Some(name), None, Some(output), None) => Self::Exited {
                name: name.clone(),
                output: output.clone(),
            },
            (Some(name), None, None, Some(index)) => Self::Iteration {
                name: name.clone(),
                index,
            },
            _ => Self::None,
        };
        // There may be more to them.
        match small.whole() == details {
            true => small,
            false => Self::Other(Box::new(details)),
        }
    }
}

impl<'de> Deserialize<'de> for HistoryEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            timestamp: f64,
            r#type: EventType,
            id: u32,
            previous_event_id: u32,
        }
        let mut event = Value::deserialize(deserializer)?;
        let head = Head::deserialize(&event).map_err(D::Error::custom)?;
        let details = match event.get_mut(head.r#type.details_field()) {
            Some(details) => EventDetails::deserialize(details.take()).map_err(D::Error::custom)?,
            None => EventDetails::default(),
        };
        let milliseconds = (head.timestamp * 1000.0).round() as i64;
        Ok(Self {
            timestamp: Timestamp::from_millisecond(milliseconds).map_err(D::Error::custom)?,
            event_type: head.r#type,
            id: head.id,
            previous_event_id: head.previous_event_id,
            details: details.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_an_event_as_aws_does_and_reads_it_back() {
        let event = HistoryEvent {
            timestamp: Timestamp::from_millisecond(1_700_000_000_123).expect("in range"),
            event_type: EventType::TaskStateEntered,
            id: 2,
            previous_event_id: 0,
            details: Details::Entered {
                name: "Launch".into(),
                input: "{\"a\": 1}".into(),
            },
        };
        let json = serde_json::to_string(&event).expect("serialises");
        assert_eq!(
            json,
            r#"{"timestamp":1700000000.123,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"Launch","input":"{\"a\": 1}","inputDetails":{"truncated":false}}}"#
        );
        assert_eq!(
            serde_json::from_str::<HistoryEvent>(&json).expect("reads"),
            event
        );
    }

    #[test]
    fn leaves_out_the_details_of_types_that_have_none() {
        let event = HistoryEvent {
            timestamp: Timestamp::UNIX_EPOCH,
            event_type: EventType::LambdaFunctionStarted,
            id: 4,
            previous_event_id: 3,
            details: Details::None,
        };
        assert_eq!(
            serde_json::to_string(&event).expect("serialises"),
            r#"{"timestamp":0.0,"type":"LambdaFunctionStarted","id":4,"previousEventId":3}"#
        );
    }
}
