//! Hive queries for DataFusion: the syntax tree is rewritten ([`rewrite`], [`expression`], [`select`]), operators get Hive's
//! types ([`operators`]), and a session of DataFusion is made per statement ([`context`]).

pub(crate) mod context;
pub(crate) mod expression;
mod lateral;
mod operators;
mod rewrite;
pub(crate) mod select;
