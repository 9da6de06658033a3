//! The rules for Hive scripts, and for what state machines and functions agree on: variables and error names.

use std::collections::{BTreeMap, BTreeSet};

use super::machine::Machine;
use super::problem::Problem;
use super::source::Node;
use super::table_rules::Script;

/// Every statement of a script parses, with the variables that the state machines pass.
pub fn sql_that_does_not_parse(script: &Script, variables: &BTreeSet<String>) -> Vec<Problem> {
    // What a variable holds does not matter for parsing; a digit is legal in a name, in a text and as a number.
    let given: BTreeMap<String, String> = variables
        .iter()
        .map(|name| (name.clone(), "1".to_owned()))
        .collect();
    let found = hive_engine::check_script(&script.text, &given, &BTreeMap::new());
    found
        .into_iter()
        .map(|problem| {
            let message = format!(
                "statement {}, column {}: {}.",
                problem.statement,
                problem.column,
                problem.message.trim_end_matches('.')
            );
            Problem::new("sql", &script.file, problem.line, message, "")
        })
        .collect()
}

/// The names that state machines give to Hive with `-hiveconf NAME=…`.
pub fn hiveconf_variables(machines: &[Machine]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for machine in machines {
        machine.node.each_text(&mut |_, text| {
            for part in text.split("-hiveconf").skip(1) {
                let Some((before, _)) = part.split_once('=') else {
                    continue;
                };
                let is_name =
                    |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
                let name = before
                    .rsplit(|letter| !is_name(letter))
                    .next()
                    .unwrap_or_default();
                if !name.is_empty() {
                    names.insert(name.to_owned());
                }
            }
        });
    }
    names
}

/// The errors that Step Functions itself raises.
const STATES_ERRORS: &[&str] = &[
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// Families of errors that services raise: `Lambda.TooManyRequestsException`, `S3.NoSuchKey`, ….
const SERVICE_FAMILIES: &[&str] = &[
    "Events.",
    "Lambda.",
    "Runtime.",
    "Emr.",
    "S3.",
    "Emr.",
    "Sandbox.",
    "Scheduler.",
    "Sfn.",
    "Sns.",
    "StepFunctions.",
];

/// What Retry and Catch match is raised by something: Step Functions, a service, a function, or a Fail state of the machine.
pub fn error_that_nothing_raises(
    machine: &Machine,
    function_errors: &BTreeSet<&str>,
) -> Vec<Problem> {
    let states = machine.states();
    let own: BTreeSet<&str> = states
        .iter()
        .filter_map(|state| state.node.get("Error").and_then(Node::text))
        .collect();
    let raised = |name: &str| {
        STATES_ERRORS.contains(&name)
            || SERVICE_FAMILIES
                .iter()
                .any(|family| name.starts_with(family))
            || function_errors.contains(name)
            || own.contains(name)
    };
    let mut problems = Vec::new();
    for state in &states {
        for field in ["Retry", "Catch"] {
            for name in state.error_lists(field).into_iter().flat_map(Node::items) {
                let text = name.text().unwrap_or_default();
                if !raised(text) {
                    problems.push(Problem::new(
                        "unknown-error",
                        &machine.file,
                        name.line,
                        format!("{field} of `{}` waits for the error `{text}`, which nothing raises.", state.name),
                        "Use an errorType of functions/src/shared/errors.rs, or an error of Step Functions or a service.",
                    ));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(text: &str) -> Machine {
        Machine::parse("m.asl.json", text).unwrap()
    }

    #[test]
    fn reports_an_error_name_that_nothing_raises() {
        let machine = machine(
            "{\"StartAt\": \"A\", \"States\": {\n \"A\": {\"Type\": \"Task\", \"Retry\": [{\"ErrorEquals\": [\"Throttled\",\n \"Throtled\"]}],\n \"Catch\": [{\"ErrorEquals\": [\"Own\", \"S3.NoSuchKey\", \"States.All\"]}]},\n \"F\": {\"Type\": \"Fail\", \"Error\": \"Own\"}}}",
        );
        let problems = error_that_nothing_raises(&machine, &BTreeSet::from(["Throttled"]));
        let found: Vec<(usize, bool)> = problems
            .iter()
            .map(|problem| {
                (
                    problem.line,
                    problem.message.contains("`Throtled`")
                        || problem.message.contains("`States.All`"),
                )
            })
            .collect();
        assert_eq!(found, [(3, true), (4, true)]);
    }

    #[test]
    fn reports_a_script_that_does_not_parse() {
        let script = Script {
            file: "hive_scripts/fact/x.sql".into(),
            text: "USE fact_db;\n\nSELEC 1;\n".into(),
        };
        let problems = sql_that_does_not_parse(&script, &BTreeSet::new());
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [3]
        );
    }

    #[test]
    fn reports_a_variable_that_no_state_machine_passes() {
        let script = Script {
            file: "hive_scripts/fact/x.sql".into(),
            text: "SELECT '${hiveconf:batch_id}', '${hiveconf:bucket}';\n".into(),
        };
        let problems = sql_that_does_not_parse(&script, &BTreeSet::from(["bucket".to_owned()]));
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.contains("batch_id"),
            "{}",
            problems[0].message
        );
    }

    #[test]
    fn the_variables_that_state_machines_pass_are_found() {
        let machine = machine(
            r#"{"Args.$": "States.Array('hive', '-hiveconf', 'bucket=${Bucket}', '-hiveconf', States.Format('batch_id={}', $B))", "Args": ["-hiveconf rows=1"]}"#,
        );
        let names: Vec<String> = hiveconf_variables(&[machine]).into_iter().collect();
        assert_eq!(names, ["batch_id", "bucket", "rows"]);
    }
}
