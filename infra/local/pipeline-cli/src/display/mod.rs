//! What the user sees: a pure [`view::View`] of a run, fed with the services' occurrences, and the ways to draw it.
//!
//! * [`view`], [`execution`], [`cluster`]: the model. [`report`]: the account of a finished run.
//! * [`tree`], [`plain`], [`timeline`], [`summary`], [`rows`]: lines out of it.
//! * [`live`]: what happens on the terminal while a run goes on. [`paint`], [`figures`]: colours, widths, numbers.

pub mod cluster;
pub mod execution;
pub mod figures;
pub mod live;
pub mod paint;
pub mod plain;
pub mod report;
pub mod rows;
pub mod summary;
pub mod timeline;
pub mod tree;
pub mod view;
