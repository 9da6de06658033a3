//! What failed and why, untangled from the `Error` and `Cause` that came through functions, tables, children and the master,
//! each of which wraps the one below as JSON in a string.

use serde_json::Value;

use super::report::text;

/// Wrappings to look through before giving up.
const DEEPEST: usize = 8;

/// One thing that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The step, the phase or the state.
    pub what: String,
    /// `kind.table`, if it is about one.
    pub table: Option<String>,
    /// The error's name, such as `StepFailed`.
    pub error: String,
    pub why: String,
    /// Where the log of the failed step is.
    pub log: Option<String>,
}

/// Everything that a failure names.
pub(super) fn problems(failure: &Value) -> Vec<Problem> {
    let state = text(&failure["State"]).unwrap_or("the run").to_owned();
    let error = text(&failure["Error"]).unwrap_or("no error name").to_owned();
    let cause = text(&failure["Cause"]).unwrap_or("no cause was given");
    match serde_json::from_str(cause) {
        Ok(Value::Array(tables)) if error == "TablesFailed" => tables.iter().map(|table| of_table(table, &state)).collect(),
        _ => {
            let (error, why) = unwrapped(error, cause);
            vec![Problem { what: state, table: None, error, why, log: None }]
        }
    }
}

fn of_table(table: &Value, phase: &str) -> Problem {
    let failure = &table["Failure"];
    let name = text(&table["Table"]).unwrap_or("a table");
    let (error, why) = unwrapped(
        text(&failure["Error"]).unwrap_or("no error name").to_owned(),
        text(&failure["Cause"]).unwrap_or("no cause was given"),
    );
    let step = &failure["Step"];
    let what = match (text(&step["StepName"]), text(&failure["State"])) {
        (Some(step), _) => format!("step \"{}\"", step.split(" [").next().unwrap_or(step)),
        (None, Some(state)) => state.to_owned(),
        (None, None) => phase.to_owned(),
    };
    let table = match text(&table["Kind"]) {
        Some(kind) => format!("{kind}.{name}"),
        None => name.to_owned(),
    };
    Problem { what, table: Some(table), error, why, log: text(&step["LogFile"]).map(str::to_owned) }
}

/// The innermost error and its message: Lambda wraps a function's as `{errorType, errorMessage}`, Step Functions a child's
/// as `{Error, Cause}`.
fn unwrapped(mut error: String, cause: &str) -> (String, String) {
    let mut why = cause.to_owned();
    for _ in 0..DEEPEST {
        let Ok(Value::Object(inner)) = serde_json::from_str(&why) else { break };
        let inner = Value::Object(inner);
        let message = [&inner["errorMessage"], &inner["Cause"], &inner["cause"]].into_iter().find_map(text);
        let Some(message) = message else {
            why = listed(&inner);
            break;
        };
        let name = [&inner["errorType"], &inner["Error"], &inner["error"]].into_iter().find_map(text);
        if let Some(name) = name {
            error = name.to_owned();
        }
        why = message.to_owned();
    }
    (error, why)
}

/// An object that is none of these, member by member.
fn listed(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    });
    members.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_of_any_shape_is_a_problem() {
        for failure in [json!(null), json!({}), json!({"Error": 7, "Cause": []}), json!("broken")] {
            let found = problems(&failure);
            assert_eq!((found.len(), found[0].what.as_str()), (1, "the run"), "{failure}");
        }
    }

    #[test]
    fn a_functions_error_is_unwrapped() {
        let inner = json!({"errorType": "AccessDenied", "errorMessage": "elasticmapreduce:RunJobFlow on x: no", "trace": []});
        let cause = json!({"Error": "AccessDenied", "Cause": inner.to_string()}).to_string();
        let found = problems(&json!({"State": "launch", "Error": "ChildFailed", "Cause": cause}));
        assert_eq!((found[0].error.as_str(), found[0].why.as_str()), ("AccessDenied", "elasticmapreduce:RunJobFlow on x: no"));
    }

    #[test]
    fn every_failed_table_is_a_problem_of_its_own() {
        let tables = json!([
            {"Kind": "fact", "Table": "transfer", "Failure": {"State": "Step failed", "Error": "StepFailed", "Cause": "the step is FAILED",
                "Step": {"StepName": "load fact transfer b1 [0123456789ab]", "LogFile": "s3://b/l/stderr.gz"}}},
            {"Kind": "fact", "Table": "card", "Failure": {"State": "Submit the step", "Error": "Throttled", "Cause": "slow"}},
        ]);
        let found = problems(&json!({"State": "facts", "Error": "TablesFailed", "Cause": tables.to_string()}));
        assert_eq!(found[0].what, "step \"load fact transfer b1\"");
        assert_eq!(found[0].log.as_deref(), Some("s3://b/l/stderr.gz"));
        assert_eq!((found[1].what.as_str(), found[1].table.as_deref()), ("Submit the step", Some("fact.card")));
    }
}
