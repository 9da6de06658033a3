//! Holds this repository's Hive engine against Spark with Hive support, and its files against pyarrow. Called by
//! `pipeline compare-engines`.
//!
//! * [`judge`]: the process that answers for Spark and pyarrow
//! * [`cases`]: a corpus file, case by case; [`loads`]: the repository's own scripts on its sample data
//! * [`tables`]: whole tables: rows, partitions, schema, and each other's files
//! * [`tally`]: what was compared and what differs, as text and as JSON

pub mod cases;
pub mod judge;
pub mod loads;
pub mod tables;
pub mod tally;
