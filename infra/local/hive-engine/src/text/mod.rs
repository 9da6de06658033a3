//! Text tables: how lines are found in files ([`lines`], [`open`]), how lines become fields ([`rows`] for
//! many at once, [`delimited`], [`quoted`]), how fields become columns ([`columns`]), and the way back ([`write`]).

pub(crate) mod columns;
pub(crate) mod delimited;
pub(crate) mod format;
pub(crate) mod lines;
pub(crate) mod open;
pub(crate) mod quoted;
pub(crate) mod read;
pub(crate) mod rows;
mod texts;
pub(crate) mod write;
