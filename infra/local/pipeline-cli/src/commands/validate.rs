//! `pipeline validate`: prints what `crate::validate` finds.

use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, ReportFormat, ValidateArguments};
use crate::validate::problem;

/// Checks the project; exit status 2 when there are problems.
pub(crate) fn execute(
    arguments: &Arguments,
    command: &ValidateArguments,
) -> Result<Exit, Complaint> {
    let project = place::project(arguments)?;
    let (problems, checked) = crate::validate::validate(&project);
    match command.format {
        ReportFormat::Text => print!("{}", problem::as_text(&problems, &checked)),
        ReportFormat::Json => println!("{:#}", problem::as_json(&problems, &checked)),
    }
    Ok(if problems.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    })
}
