//! Cases from the specification and the developer guide, chapter by chapter: what each field does with a value that is not
//! of its kind, and which error comes of it. They go through whole executions.

mod errors;
mod scopes;
mod values;

use serde_json::{Value, json};

use crate::Execution;
use crate::test_driver::{failure, machine_of, output, run};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// What a Pass state makes of an expression, or how its execution fails.
fn pass(expression: &str, input: Value) -> Result<Value, (String, String)> {
    let definition = machine_of(json!({"Type": "Pass", "Parameters": {"v.$": expression}}));
    result(&run(&definition, input)).map(|output| output["v"].clone())
}

fn result(execution: &Execution) -> Result<Value, (String, String)> {
    match execution.status() {
        crate::Status::Succeeded { .. } => Ok(output(execution)),
        _ => {
            let (error, cause) = failure(execution);
            Err((error.to_owned(), cause.to_owned()))
        }
    }
}

/// The name of the error that something fails with.
fn error_of(result: Result<Value, (String, String)>) -> String {
    match result {
        Ok(output) => panic!("it succeeds with {output}"),
        Err((error, _)) => error,
    }
}
