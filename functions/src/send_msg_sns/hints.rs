//! What a person has to do before another run can do better, in the words of a mail. `mail` asks for it.

use super::causes::{Problem, problems};
use super::report::{Report, text};
use super::stock::Stock;

/// What to do before a rerun can do better.
pub(super) fn hints<'a>(problems: impl Iterator<Item = &'a Problem>, batch: Option<&str>, stock: Option<&Stock>) -> Vec<String> {
    let mut hints = Vec::new();
    for problem in problems {
        let hint = match (problem.error.as_str(), &problem.table, batch, stock) {
            ("StepFailed", Some(table), Some(batch), Some(stock)) if problem.what.starts_with("step \"load") => {
                let path = table.replacen('.', "/", 1);
                let zone = |zone| format!("    s3://{}/{zone}/{path}/batch_id={batch}/", stock.bucket);
                format!(
                    "If {table} has bad rows, they are listed with file, position and reason in\n{}\nCorrect the files in\n{}\nfirst, or the same rows fail again.",
                    zone("rejected"),
                    zone("staging")
                )
            }
            ("AccessDenied", ..) => "Grant the action that is named above first.".to_owned(),
            ("InvalidInput", ..) => "Correct the input first.".to_owned(),
            ("ConfigInvalid" | "ConfigMissing", ..) => "Correct config.ini first.".to_owned(),
            ("StateInfoInvalid", ..) => match removal(problem) {
                Some(hint) => hint,
                None => continue,
            },
            ("AlreadyRunning" | "ClusterInUse", ..) => "Wait for the holder that is named above, or end it, first.".to_owned(),
            _ => continue,
        };
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// How to remove the unreadable document that the problem names.
pub(super) fn removal(problem: &Problem) -> Option<String> {
    let address = problem.why.split_whitespace().find(|word| word.starts_with("s3://"))?;
    Some(format!(
        "Every run is refused until the document that says who holds the pipeline is removed. Once no cluster of the pipeline is running:\n    aws s3 rm {}",
        address.trim_end_matches([',', ';', ':'])
    ))
}

/// A document that the run could neither read nor remove: the next one will be refused.
pub(super) fn left(report: &Report) -> Option<Problem> {
    let left = &report.termination["Output"]["StateInfo"];
    text(&left["Error"]).map(|_| problems(left).remove(0))
}
