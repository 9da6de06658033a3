//! Parsing without running, for `pipeline validate`: every statement of a script is read, every problem reported.

use std::collections::BTreeMap;

/// Something wrong in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Number of the statement, from 1.
    pub statement: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads every statement of a script and reports all that do not parse. `hiveconf` and `hivevar` are the variables it will
/// be run with; one that nobody sets is a problem here, although Hive would leave its text in the statement.
pub fn check_script(
    _text: &str,
    _hiveconf: &BTreeMap<String, String>,
    _hivevar: &BTreeMap<String, String>,
) -> Vec<Problem> {
    Vec::new()
}
