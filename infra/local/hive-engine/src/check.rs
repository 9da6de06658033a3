//! Parsing without running, for `pipeline validate`: every statement of a script is read, every problem reported.

use std::collections::BTreeMap;

use crate::error::Failure;
use crate::script::command::{self, Command};
use crate::script::split::split;
use crate::script::variables::{Substituted, Variables, substitute};
use crate::session::place;
use crate::syntax::statement::parse;

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
/// Files that the script sources are not followed.
pub fn check_script(
    text: &str,
    hiveconf: &BTreeMap<String, String>,
    hivevar: &BTreeMap<String, String>,
) -> Vec<Problem> {
    let mut variables = Variables {
        hiveconf: hiveconf.clone(),
        hivevar: hivevar.clone(),
    };
    let mut problems = Vec::new();
    for (index, raw) in split(text).iter().enumerate() {
        let mut report = |failure: Failure, substituted: Option<&Substituted>| {
            let read = substituted.map_or("", |substituted| substituted.text.as_str());
            let (offset, failure) = failure.into_place(read);
            let within = offset.zip(substituted);
            let within = within.map_or(0, |(offset, text)| text.raw_offset(offset));
            let place = place("", text, raw, index + 1, within);
            let message = failure.to_string();
            problems.push(Problem {
                line: place.line,
                column: place.column,
                statement: index + 1,
                message,
            });
        };
        let substituted = match substitute(raw.text, &variables) {
            Ok(substituted) => substituted,
            Err(failure) => {
                report(failure, None);
                continue;
            }
        };
        for (name, offset) in &substituted.unset {
            let message = format!("the variable ${{{name}}} is not set");
            let failure = Failure::Syntax {
                message,
                offset: Some(*offset),
            };
            report(failure, Some(&Substituted::unchanged(raw.text)));
        }
        match command::read(&substituted.text) {
            Err(failure) => report(failure, None),
            Ok(Some(Command::Set(key, value))) => {
                if let Err(failure) = command::assign(&mut variables, &key, value) {
                    report(failure, None);
                }
            }
            Ok(Some(_)) => {}
            // What stands in for an unset variable cannot be judged.
            Ok(None) if !substituted.unset.is_empty() => {}
            Ok(None) => {
                if let Err(failure) = parse(&substituted.text) {
                    report(failure, Some(&substituted));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<(usize, usize, String)> {
        let hiveconf = BTreeMap::from([("bucket".to_owned(), "b".to_owned())]);
        let problems = check_script(text, &hiveconf, &BTreeMap::new());
        problems
            .into_iter()
            .map(|problem| (problem.line, problem.column, problem.message))
            .collect()
    }

    #[test]
    fn reports_every_problem_with_its_place() {
        let found = check(
            "select 1;\ncreate table t (a int,\n  b uuid);\nselect from;\n  drop trable x;\nmerge into t;",
        );
        let places: Vec<(usize, usize)> = found
            .iter()
            .map(|(line, column, _)| (*line, *column))
            .collect();
        assert_eq!(places, [(2, 1), (4, 8), (5, 3), (6, 1)], "{found:?}");
        assert_eq!(found[0].2, "type uuid is not supported");
        assert_eq!(found[3].2, "the statement MERGE is not supported");
    }

    #[test]
    fn an_error_behind_a_substitution_keeps_its_place() {
        let text = "create external table t (a int) location 's3://${hiveconf:bucket}/x' sorted;";
        let found = check(text);
        assert_eq!(
            (found[0].0, found[0].1),
            (1, text.find("sorted").unwrap() + 1),
            "{found:?}"
        );
    }

    #[test]
    fn a_variable_that_nobody_sets_is_a_problem() {
        let found = check("set hivevar:x=1;\nselect ${x},\n  '${hiveconf:batch_id}'");
        assert_eq!(
            found,
            [(
                3,
                4,
                "syntax error: the variable ${hiveconf:batch_id} is not set".to_owned()
            )]
        );
    }
}
