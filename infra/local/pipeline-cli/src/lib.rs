//! The `pipeline` command, as a library so that its parts can be tested: `main` parses [`arguments`] and lets
//! [`commands`] carry them out.
//!
//! * [`arguments`]: what a user may type.
//! * [`commands`]: one file per command.
//! * [`compare`]: the Hive engine against Spark.
//! * [`display`]: the model of a run, and everything that is drawn from it.
//! * [`validate`]: the rules for the project's files.

pub mod arguments;
pub mod commands;
pub mod compare;
pub mod display;
pub mod validate;
