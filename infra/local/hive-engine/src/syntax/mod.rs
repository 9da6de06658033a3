//! HiveQL: tokens, our reader for what Hive has of its own, and sqlparser for queries.

pub(crate) mod alter;
pub(crate) mod create;
pub(crate) mod dialect;
pub(crate) mod insert;
mod lateral_join;
pub(crate) mod reader;
pub(crate) mod statement;
pub(crate) mod tokens;
