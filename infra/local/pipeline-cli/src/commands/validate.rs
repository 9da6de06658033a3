//! `pipeline validate`: prints what `crate::validate` finds.

use super::render;
use super::screen::print_line;
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
    if let (Some(folder), true) = (&command.render, problems.is_empty()) {
        render::write(&project, folder)?;
    }
    match command.format {
        ReportFormat::Text => {
            let mut text = problem::as_text(&problems, &checked);
            if problems.is_empty() {
                text.push_str(&problem::without_effect(&checked));
            }
            print_line(text.trim_end());
        }
        ReportFormat::Json => print_line(&format!("{:#}", problem::as_json(&problems, &checked))),
    }
    Ok(if problems.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    })
}
