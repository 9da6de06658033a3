//! What TestState shows of a state: the data between its fields, and what became of its failure. An execution whose
//! surroundings ask for it writes it down as it goes; the `states` service reads it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use serde_json::{Map, Value};

use crate::errors::Failure;
use crate::execution::ThreadId;
use crate::machine::Transition;
use crate::payload::Payload;
use crate::{Execution, Text};

/// A result or a failure that stands for what the tested state would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Mock {
    /// JSON text.
    Result(String),
    /// The error's name and what happened.
    Failure {
        /// The error's name.
        error: Option<String>,
        /// What happened.
        cause: Option<String>,
    },
}

/// How a state is tested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StateTest {
    /// What the state's work comes to, without doing it.
    pub mock: Option<Mock>,
    /// The context object, instead of the execution's own.
    pub context: Option<Value>,
    /// Variables that are set already.
    pub variables: Map<String, Value>,
    /// How often the retrier that is for the failure has retried already.
    pub retried: u64,
    /// How many iterations of a Map have failed.
    pub failed_iterations: Option<u64>,
    /// What an item reader has read: the items as JSON text, or why they cannot be read.
    pub items: Option<Result<String, String>>,
}

impl Execution {
    /// What was written down about the tested state, by the names that TestState has for it.
    pub fn inspection(&self) -> &Map<String, Value> {
        &self.inspection
    }

    /// Whether a tested state is still being tested: the states after it are none of the test's business.
    fn under_test(&self) -> Option<&StateTest> {
        self.surroundings().test.as_ref()
    }

    pub(crate) fn mocked(&self) -> Option<Mock> {
        self.under_test().and_then(|test| test.mock.clone())
    }

    pub(crate) fn failed_iterations(&self) -> u64 {
        let failed = self.under_test().and_then(|test| test.failed_iterations);
        failed.unwrap_or_default()
    }

    pub(crate) fn given_items(&self) -> Option<Result<String, String>> {
        self.under_test().and_then(|test| test.items.clone())
    }

    pub(crate) fn is_tested(&self) -> bool {
        self.under_test().is_some()
    }

    /// Writes down a payload as its text.
    #[inline]
    pub(crate) fn inspect(&mut self, name: &str, payload: &Payload) {
        if self.is_tested() {
            self.inspect_value(name, || payload.text().as_str().into());
        }
    }

    pub(crate) fn inspect_value(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.is_tested() {
            self.inspection.insert(name.to_owned(), value());
        }
    }

    /// Writes down what is done about a failure.
    pub(crate) fn inspect_failure(&mut self, name: &str, value: u64) {
        if self.is_tested() {
            let details = self
                .inspection
                .entry("errorDetails")
                .or_insert_with(|| Value::Object(Map::new()));
            details[name] = value.into();
        }
    }
}

impl Execution {
    /// What a mock comes to: its result, or its failure.
    pub(crate) fn mock_result(&self, thread: ThreadId, mock: Mock) -> Result<Payload, Failure> {
        match mock {
            Mock::Result(text) => Payload::read(&text).map_err(|error| {
                self.runtime_failure(thread, format!("the mocked result is not JSON: {error}"))
            }),
            Mock::Failure { error, cause } => Err(Failure {
                error: error.map(Text::from),
                cause: cause.map(Text::from),
            }),
        }
    }

    /// The tested state is left.
    pub(crate) fn end_test(&mut self, thread: ThreadId, transition: Transition) {
        if !self.is_tested() {
            return;
        }
        let variables: Map<String, Value> = self
            .thread(thread)
            .into_iter()
            .flat_map(|current| &current.variables)
            .map(|(name, value)| (name.clone(), Value::clone(value)))
            .collect();
        if !variables.is_empty() {
            self.inspect_value("variables", || Value::Object(variables).to_string().into());
        }
        if let Transition::Next(next) = transition {
            let name = self.machine().state(next).name().to_owned();
            self.inspect_value("nextState", || name.into());
        }
        self.leave_test();
    }
}

/// A list's text as TestState writes it.
pub(crate) fn spaced(value: &Value) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    // Writing into memory cannot fail.
    let written = value.serialize(&mut serializer).is_ok();
    String::from_utf8(text)
        .ok()
        .filter(|_| written)
        .unwrap_or_else(|| value.to_string())
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
