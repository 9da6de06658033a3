//! Reads the SAM template and provisions the embedded services from it.

pub mod problem;
pub mod template;

pub use problem::{Position, Problem};
