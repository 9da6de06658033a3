//! What a distributed Map asks of its driver: items to read, child executions to start, results to write.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{StateId, TaskId, Text};

/// Where items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemSource {
    /// In one object (`s3:getObject`): the arguments are `Bucket`, `Key` and what else GetObject takes.
    Object,
    /// A list of objects (`s3:listObjectsV2`): the arguments are `Bucket`, `Prefix` and what else ListObjectsV2 takes.
    Listing,
}

/// The names of a CSV file's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CsvHeader {
    /// They are in the first row.
    FirstRow,
    /// The definition gives them.
    Given(Vec<String>),
}

/// What a manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManifestType {
    /// The files of an S3 inventory.
    S3Inventory,
}

/// How items are written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemFormat {
    /// The objects of a listing themselves.
    Listing,
    /// A JSON document: a list, or an object whose members are the items.
    Json {
        /// Where in the document, as a JSON pointer.
        pointer: Option<String>,
    },
    /// One JSON document in each line.
    JsonLines,
    /// Separated values; every item is an object of texts.
    Csv {
        /// The names of the columns.
        header: CsvHeader,
        /// What stands between two values.
        delimiter: char,
    },
    /// A manifest that names the files.
    Manifest(ManifestType),
}

/// Items to read. Answer with [`crate::Arrival::TaskSucceeded`] and a list of items (or an object of them), or with
/// [`crate::Arrival::TaskFailed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadItems {
    /// To be named in the arrival.
    pub task: TaskId,
    /// Where they are.
    pub source: ItemSource,
    /// The effective `Parameters` of the reader.
    pub arguments: Value,
    /// How they are written down.
    pub format: ItemFormat,
    /// Whether the objects of a listing are read and their items put after each other (`LOAD_AND_FLATTEN`).
    pub load: bool,
    /// How many at most.
    pub max_items: Option<u64>,
}

/// The type of child executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChildType {
    /// They are kept and can be listed.
    Standard,
    /// They are short and leave no history.
    Express,
}

/// A child execution to start. Answer with [`crate::Arrival::ChildEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartChild {
    /// To be named in the arrival.
    pub task: TaskId,
    /// The Map state whose item processor it runs; see [`crate::StateMachine::item_processor`].
    pub state: StateId,
    /// The Map run that it belongs to.
    pub map_run_arn: String,
    /// The Map run's label, which is a part of the child's ARN.
    pub label: String,
    /// Its type.
    pub child_type: ChildType,
    /// Its name, a UUID.
    pub name: String,
    /// JSON text.
    pub input: Text,
    /// What decides its randomness.
    pub seed: u64,
    /// It has run before without success: one of the type STANDARD goes on from where it was, one of the type EXPRESS begins
    /// anew.
    #[serde(default)]
    pub redriven: bool,
}

/// What becomes of results when they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transformation {
    /// The outputs with what is known of their executions.
    None,
    /// The outputs alone.
    Compact,
    /// The outputs alone, and the members of those that are lists.
    Flatten,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputType {
    /// As one list.
    Json,
    /// One in each line.
    JsonLines,
}

/// Results to write: all child executions of the Map run, which the driver knows. Answer with
/// [`crate::Arrival::TaskSucceeded`] and the state's output, or with [`crate::Arrival::TaskFailed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteResults {
    /// To be named in the arrival.
    pub task: TaskId,
    /// The Map run.
    pub map_run_arn: String,
    /// The effective `Parameters` of the writer: `Bucket` and `Prefix`.
    pub arguments: Value,
    /// What becomes of them.
    pub transformation: Transformation,
    /// How they are written.
    pub output_type: OutputType,
    /// The inputs of the children that were never started.
    pub pending: Vec<Text>,
}
