//! A parsed state machine, which executions share and which `pipeline validate` reads.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::data_flow::DataFlow;
use crate::errors::{Catcher, Retrier};
use crate::states::Kind;
use crate::{Diagnostic, ItemFormat, Resource, Text, definition};

/// A state machine whose definition is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    pub(crate) definition: Text,
    pub(crate) comment: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) root: BlockId,
    pub(crate) blocks: Vec<Block>,
    pub(crate) states: Vec<State>,
}

/// A state's place in its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockId(pub(crate) usize);

/// States that can name each other: a machine's own, those of a branch, or those of an item processor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) location: String,
    pub(crate) start: StateId,
    pub(crate) states: Vec<StateId>,
}

/// The language of a state's expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryLanguage {
    /// `JSONPath`.
    JsonPath,
    /// `JSONata`.
    Jsonata,
}

/// The type of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum StateType {
    Task,
    Pass,
    Wait,
    Choice,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl StateType {
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("Task", Self::Task),
        ("Wait", Self::Wait),
        ("Pass", Self::Pass),
        ("Succeed", Self::Succeed),
        ("Fail", Self::Fail),
        ("Choice", Self::Choice),
        ("Parallel", Self::Parallel),
        ("Map", Self::Map),
    ];

    /// Whether it may have `Retry` and `Catch`.
    pub fn can_retry(self) -> bool {
        matches!(self, Self::Task | Self::Parallel | Self::Map)
    }

    pub(crate) fn has_next(self) -> bool {
        !matches!(self, Self::Choice | Self::Succeed | Self::Fail)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    Next(StateId),
    End,
    /// A Choice decides otherwise; Succeed and Fail are the end.
    None,
}

/// A state of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub(crate) id: StateId,
    pub(crate) name: Text,
    pub(crate) location: String,
    pub(crate) comment: Option<String>,
    pub(crate) block: BlockId,
    pub(crate) parent: Option<StateId>,
    pub(crate) query_language: QueryLanguage,
    pub(crate) definition: Value,
    pub(crate) next: Transition,
    pub(crate) flow: DataFlow,
    pub(crate) retriers: Vec<Retrier>,
    pub(crate) catchers: Vec<Catcher>,
    pub(crate) kind: Kind,
}

impl StateMachine {
    /// Reads a definition.
    ///
    /// # Errors
    ///
    /// Every problem of it, when one at least has the severity `ERROR`.
    pub fn parse(definition: &str) -> Result<Self, Vec<Diagnostic>> {
        let (machine, diagnostics) = definition::read(definition);
        machine.ok_or(diagnostics)
    }

    /// The text that was parsed.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// The `Comment` of the machine.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// The `TimeoutSeconds` of the machine.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// Every state, those in branches and item processors included, in the order of the text within each.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }

    /// The state that an execution starts in.
    pub fn start(&self) -> &State {
        self.state(self.block(self.root).start)
    }

    /// A state of this machine.
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0]
    }

    /// The machine that the child executions of a distributed Map state run; `None` for any other state.
    pub fn item_processor(&self, state: StateId) -> Option<Self> {
        let state = self.state(state);
        let Kind::Map(map) = &state.kind else {
            return None;
        };
        if !map.is_distributed() {
            return None;
        }
        let processor = state.definition.get("ItemProcessor");
        let mut processor = processor
            .or_else(|| state.definition.get("Iterator"))?
            .as_object()?
            .clone();
        processor.shift_remove("ProcessorConfig");
        let definition = Value::Object(processor).to_string();
        Self::parse(&definition).ok()
    }

    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0]
    }
}

impl State {
    /// Its place in the machine.
    pub fn id(&self) -> StateId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the definition has it: `/States/Load/Branches[0]/States/Facts`.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Its `Comment`.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Its `Type`.
    pub fn state_type(&self) -> StateType {
        self.kind.state_type()
    }

    /// The language of its expressions.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language
    }

    /// The Parallel or Map state that it is in.
    pub fn parent(&self) -> Option<StateId> {
        self.parent
    }

    /// The state as the definition has it, for what has no accessor here.
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// What a Task state calls.
    pub fn resource(&self) -> Option<&Resource> {
        match &self.kind {
            Kind::Task(task) => Some(task.resource()),
            _ => None,
        }
    }

    /// In which format the item reader of a Map state reads.
    pub fn item_format(&self) -> Option<&ItemFormat> {
        match &self.kind {
            Kind::Map(map) => map.item_format(),
            _ => None,
        }
    }

    /// Whether a Task state has `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub fn has_timeout(&self) -> bool {
        matches!(&self.kind, Kind::Task(task) if task.has_timeout())
    }

    /// Its `Retry`.
    pub fn retriers(&self) -> &[Retrier] {
        &self.retriers
    }

    /// Its `Catch`.
    pub fn catchers(&self) -> &[Catcher] {
        &self.catchers
    }

    /// The `Default` of a Choice state.
    pub fn default(&self) -> Option<StateId> {
        match &self.kind {
            Kind::Choice(choice) => choice.default_target(),
            _ => None,
        }
    }

    /// Every transition out of the state, with the location of the field that makes it: `Next`, `Default`, and those of
    /// choices and catchers.
    pub fn targets(&self) -> Vec<(String, StateId)> {
        let mut targets = Vec::new();
        if let Transition::Next(next) = self.next {
            targets.push((format!("{}/Next", self.location), next));
        }
        if let Kind::Choice(choice) = &self.kind {
            targets.extend(
                choice
                    .targets()
                    .map(|(field, target)| (format!("{}/{field}", self.location), target)),
            );
        }
        for (position, catcher) in self.catchers.iter().enumerate() {
            targets.push((
                format!("{}/Catch[{position}]/Next", self.location),
                catcher.next(),
            ));
        }
        targets
    }

    /// The names of the variables that it assigns.
    pub fn assigned(&self) -> Vec<&str> {
        let mut names = self.flow.assigned();
        if let Kind::Choice(choice) = &self.kind {
            names.extend(choice.assigned());
        }
        names.extend(self.catchers.iter().flat_map(Catcher::assigned));
        names
    }
}

/// An execution is kept with the text of its machine.
impl Serialize for StateMachine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.definition.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StateMachine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Text::deserialize(deserializer)?).map_err(|diagnostics| {
            let first = diagnostics
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            serde::de::Error::custom(format!("the definition is not valid: {first}"))
        })
    }
}

/// For the field of an execution that holds its machine.
pub(crate) mod shared {
    use super::{Arc, Deserialize, Deserializer, Serialize, Serializer, StateMachine};

    pub(crate) fn serialize<S: Serializer>(
        machine: &Arc<StateMachine>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        machine.as_ref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<StateMachine>, D::Error> {
        StateMachine::deserialize(deserializer).map(Arc::new)
    }
}
