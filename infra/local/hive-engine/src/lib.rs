//! HiveQL on DataFusion: text and ORC tables over plain files, and a small persistent metastore.
//! The step runner starts scripts through [`Session`]; the command line asks through [`Engine::query`] and [`check_script`].
//!
//! * [`engine`]: an open warehouse; [`session`]: one script run against it; [`check`]: parsing only
//! * [`error`]: what went wrong and where in which script; [`outcome`]: what a statement did
//! * [`corpus`]: scripts with the results that Hive gives, for the tests and for comparing engines
//! * [`locations`]: how `s3://` and `file:` addresses become local paths
//!
//! Only this crate knows DataFusion and Arrow: results leave it as rows of [`Cell`].

pub mod check;
pub mod corpus;
pub mod engine;
pub mod error;
pub mod locations;
pub mod outcome;
pub mod session;

mod cast;
mod digits;
mod execute;
mod functions;
mod load;
mod metastore;
mod orc;
mod parquet;
mod plan;
mod script;
mod syntax;
mod tables;
mod text;
mod types;
mod value;

pub use check::{Problem, check_script};
pub use engine::{Engine, EngineConfig};
pub use error::{Failure, HiveError, Place};
pub use locations::{LocalRoot, LocationError, Locations};
pub use outcome::{
    Cell, PartitionWritten, QueryResult, StatementKind, StatementResult, TableStatistics,
    TableWritten,
};
pub use session::{ProgressLine, Session, SessionOptions, SessionScript};
