//! Reads a definition: parses what is right, and collects a diagnostic for everything that is not. Called by
//! [`crate::StateMachine::parse`] and [`crate::diagnose`].

mod fields;
mod reachability;
mod scopes;

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::data_flow::DataFlow;
use crate::errors::{read_catchers, read_retriers};
use crate::machine::{Block, BlockId, QueryLanguage, State, StateId, StateMachine, Transition};
use crate::states::Kind;
use crate::{Diagnostic, DiagnosticCode, Severity};

pub(crate) use fields::Fields;

const MAXIMUM_NAME_LENGTH: usize = 80;
/// 1 MB, the most that AWS takes.
const MAXIMUM_DEFINITION_SIZE: usize = 1_048_576;
const LONGEST_TIMEOUT: u64 = 99_999_999;

/// The problems found so far.
#[derive(Default)]
pub(crate) struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub(crate) fn error(&mut self, location: impl Into<String>, message: impl Into<String>) {
        self.push(DiagnosticCode::SchemaValidationFailed, location, message);
    }

    pub(crate) fn unsupported(&mut self, location: impl Into<String>, message: impl Into<String>) {
        self.push(DiagnosticCode::UnsupportedFeature, location, message);
    }

    pub(crate) fn missing_target(
        &mut self,
        location: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.push(DiagnosticCode::MissingTransitionTarget, location, message);
    }

    pub(crate) fn push(
        &mut self,
        code: DiagnosticCode,
        location: impl Into<String>,
        message: impl Into<String>,
    ) {
        let severity = match code {
            DiagnosticCode::NoDollar | DiagnosticCode::PassResultIsStatic => Severity::Warning,
            _ => Severity::Error,
        };
        self.0.push(Diagnostic {
            severity,
            code,
            message: message.into(),
            location: location.into(),
        });
    }
}

/// A machine that is being read.
pub(crate) struct Draft {
    pub(crate) diagnostics: Diagnostics,
    blocks: Vec<Option<Block>>,
    states: Vec<Option<State>>,
    /// The machine's own, which is that of every state that names none.
    language: QueryLanguage,
    /// The names of all states so far: they must differ throughout the machine.
    names: BTreeSet<String>,
}

/// The states that a `Next` may name.
pub(crate) type Names<'d> = IndexMap<&'d str, StateId>;

pub(crate) fn read(definition: &str) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let mut draft = Draft {
        diagnostics: Diagnostics::default(),
        blocks: Vec::new(),
        states: Vec::new(),
        language: QueryLanguage::JsonPath,
        names: BTreeSet::new(),
    };
    if definition.len() > MAXIMUM_DEFINITION_SIZE {
        draft.diagnostics.error(
            "/",
            format!("the definition is longer than {MAXIMUM_DEFINITION_SIZE} bytes"),
        );
        return (None, draft.diagnostics.0);
    }
    let value: Value = match serde_json::from_str(definition) {
        Ok(value) => value,
        Err(error) => {
            draft.diagnostics.push(
                DiagnosticCode::InvalidJsonDescription,
                "/",
                error.to_string(),
            );
            return (None, draft.diagnostics.0);
        }
    };
    let machine = draft.machine(definition, &value);
    let machine = machine.filter(|_| {
        !draft
            .diagnostics
            .0
            .iter()
            .any(|found| found.severity == Severity::Error)
    });
    (machine, draft.diagnostics.0)
}

impl Draft {
    fn machine(&mut self, definition: &str, value: &Value) -> Option<StateMachine> {
        let mut fields = Fields::of(value, "/", &mut self.diagnostics)?;
        let comment = fields
            .text("Comment", &mut self.diagnostics)
            .map(str::to_owned);
        if let Some(version) = fields.text("Version", &mut self.diagnostics)
            && version != "1.0"
        {
            self.diagnostics.error(
                "/Version",
                "The field 'Version' should have one of these values: [1.0]",
            );
        }
        let timeout_seconds =
            fields.whole_number("TimeoutSeconds", 1..=LONGEST_TIMEOUT, &mut self.diagnostics);
        self.language = self.query_language(&mut fields);
        let root = self.block(fields, None);
        let blocks: Vec<Block> = std::mem::take(&mut self.blocks)
            .into_iter()
            .collect::<Option<_>>()?;
        let states: Vec<State> = std::mem::take(&mut self.states)
            .into_iter()
            .collect::<Option<_>>()?;
        let machine = StateMachine {
            definition: definition.into(),
            comment,
            timeout_seconds,
            root: root?,
            blocks,
            states,
        };
        scopes::check(&machine, &mut self.diagnostics);
        Some(machine)
    }

    /// The language that a machine or a state names, else the machine's.
    fn query_language(&mut self, fields: &mut Fields<'_>) -> QueryLanguage {
        if !fields.has("QueryLanguage") {
            return self.language;
        }
        match fields.text("QueryLanguage", &mut self.diagnostics) {
            Some("JSONPath") => {
                if self.language == QueryLanguage::Jsonata {
                    self.diagnostics.error(
                        fields.location(),
                        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                    );
                }
                QueryLanguage::JsonPath
            }
            // AWS goes on with JSONata, whatever else it is.
            None | Some("JSONata") => QueryLanguage::Jsonata,
            Some(_) => {
                self.diagnostics.error(
                    fields.at("QueryLanguage"),
                    "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
                );
                QueryLanguage::Jsonata
            }
        }
    }

    /// Reads `StartAt` and `States` of a machine, of a branch or of an item processor.
    pub(crate) fn block(
        &mut self,
        mut fields: Fields<'_>,
        parent: Option<StateId>,
    ) -> Option<BlockId> {
        let id = BlockId(self.blocks.len());
        self.blocks.push(None);
        fields.require(&["StartAt", "States"], &mut self.diagnostics);
        let start = fields.text("StartAt", &mut self.diagnostics);
        let location = fields.at("States");
        let listed = fields.object("States", &mut self.diagnostics);
        let start_location = fields.at("StartAt");
        let block_location = fields.location().to_owned();
        fields.finish(&mut self.diagnostics);
        let listed = listed?;
        if listed.is_empty() {
            self.diagnostics.error(location, "Value cannot be empty");
            return None;
        }
        let first = self.states.len();
        self.states.resize_with(first + listed.len(), || None);
        let names: Names<'_> = listed
            .keys()
            .enumerate()
            .map(|(position, name)| (name.as_str(), StateId(first + position)))
            .collect();
        for (name, value) in listed {
            let own_location = format!("{location}/{name}");
            if !self.names.insert(name.clone()) {
                self.diagnostics.push(
                    DiagnosticCode::DuplicateStateName,
                    own_location.as_str(),
                    format!("Duplicate State name: {name}"),
                );
            }
            let state = StateReader {
                id: names[name.as_str()],
                name,
                block: id,
                parent,
                names: &names,
            };
            let read = Fields::of(value, &own_location, &mut self.diagnostics)
                .and_then(|fields| self.state(state, value, fields));
            if let Some(read) = read {
                let position = read.id.0;
                self.states[position] = Some(read);
            }
        }
        let start = start?;
        if !names.contains_key(start) {
            self.diagnostics
                .missing_target(start_location, format!("Missing 'Next' target: {start}"));
        }
        reachability::check(start, listed, &location, &mut self.diagnostics);
        let start = names.get(start).copied()?;
        let members: Vec<StateId> = names.values().copied().collect();
        self.blocks[id.0] = Some(Block {
            location: block_location,
            start,
            states: members,
        });
        Some(id)
    }

    fn state(
        &mut self,
        reader: StateReader<'_>,
        definition: &Value,
        mut fields: Fields<'_>,
    ) -> Option<State> {
        let location = fields.location().to_owned();
        if reader.name.is_empty() || reader.name.chars().count() > MAXIMUM_NAME_LENGTH {
            self.diagnostics.error(
                &location,
                format!("a state's name must have 1 to {MAXIMUM_NAME_LENGTH} characters"),
            );
        }
        let comment = fields
            .text("Comment", &mut self.diagnostics)
            .map(str::to_owned);
        let query_language = self.query_language(&mut fields);
        fields.set_language(query_language);
        let kind = Kind::read(&reader, &mut fields, self)?;
        let next = self.transition(&reader, &kind, &mut fields);
        let flow = DataFlow::read(kind.state_type(), &mut fields, &mut self.diagnostics);
        let (mut retriers, mut catchers) = (Vec::new(), Vec::new());
        if kind.state_type().can_retry() {
            retriers = read_retriers(&mut fields, &mut self.diagnostics);
            catchers = read_catchers(&mut fields, reader.names, &mut self.diagnostics);
        }
        fields.finish(&mut self.diagnostics);
        Some(State {
            id: reader.id,
            name: reader.name.into(),
            location,
            comment,
            block: reader.block,
            parent: reader.parent,
            query_language,
            definition: definition.clone(),
            next: next?,
            flow,
            retriers,
            catchers,
            kind,
        })
    }

    fn transition(
        &mut self,
        reader: &StateReader<'_>,
        kind: &Kind,
        fields: &mut Fields<'_>,
    ) -> Option<Transition> {
        if !kind.state_type().has_next() {
            return Some(Transition::None);
        }
        let next = fields.next("Next", reader.names, &mut self.diagnostics);
        let end = fields.boolean("End", &mut self.diagnostics);
        match (fields.has("Next"), end) {
            (true, None | Some(false)) => next.map(Transition::Next),
            (false, Some(true)) => Some(Transition::End),
            _ => {
                self.diagnostics.error(
                    fields.location(),
                    "Exactly one of these fields is required: [Next, End]",
                );
                None
            }
        }
    }
}

/// The state that is being read.
pub(crate) struct StateReader<'d> {
    pub(crate) id: StateId,
    name: &'d str,
    block: BlockId,
    parent: Option<StateId>,
    pub(crate) names: &'d Names<'d>,
}

/// The members of an object, for readers that look at them themselves.
pub(crate) type Object = Map<String, Value>;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
