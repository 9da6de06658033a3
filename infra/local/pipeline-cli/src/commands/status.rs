//! `pipeline status`: the last runs on a root, the newest first.

use std::path::Path;

use super::history::{self, Record};
use super::screen::print_line;
use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, StatusArguments};
use crate::display::figures;
use crate::display::paint::{Paint, left, right};

/// Prints one line per run, and what to do about the newest one if it failed.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &StatusArguments,
) -> Result<Exit, Complaint> {
    let root = match &command.root.root {
        Some(_) => place::root(&command.root, Path::new("")),
        None => place::root(&command.root, &place::project(arguments)?),
    };
    let mut records = history::read(&root).map_err(|error| {
        Complaint::failed(
            error,
            format!(
                "{} cannot be read; check its permissions",
                place::shown(&root)
            ),
        )
    })?;
    if !history::is_at_work(&root) {
        for record in records
            .iter_mut()
            .filter(|record| record.status == "RUNNING")
        {
            record.status = "KILLED".to_owned();
        }
    }
    let paint = Paint::for_term(&console::Term::stdout());
    for line in lines(&records, command.limit, paint) {
        print_line(&line);
    }
    if records.is_empty() {
        let (place, run) = (place::shown(&root), place::command("run"));
        print_line(&format!(
            "No run has left anything in {place}. `{run}` makes the first one."
        ));
    }
    Ok(Exit::Done)
}

fn lines(records: &[Record], limit: usize, paint: Paint) -> Vec<String> {
    let shown = &records[..records.len().min(limit)];
    let width = shown
        .iter()
        .map(|record| record.batch_id.len())
        .max()
        .unwrap_or(0)
        .max(5);
    let mut lines = Vec::new();
    if !shown.is_empty() {
        let head = format!(
            "{}  {}  {}  {}  {}",
            left("began", 16),
            left("batch", width),
            left("status", 15),
            right("rows", 9),
            right("cluster", 8)
        );
        lines.push(paint.heading(&head));
    }
    let seconds = |seconds: Option<f64>| {
        seconds.map_or_else(
            || "-".to_owned(),
            |seconds| figures::duration(jiff::SignedDuration::from_secs_f64(seconds)),
        )
    };
    for record in shown {
        let word = record.result.as_deref().unwrap_or(&record.status);
        let word = left(word, 15);
        let word = match record.status.as_str() {
            "SUCCEEDED" => paint.good(&word),
            "RUNNING" => paint.active(&word),
            _ => paint.bad(&word),
        };
        lines.push(format!(
            "{}  {}  {word}  {}  {}",
            record.began.strftime("%Y-%m-%d %H:%M"),
            left(&record.batch_id, width),
            right(
                &record.rows.map_or_else(|| "-".to_owned(), figures::count),
                9
            ),
            right(&seconds(record.cluster_seconds), 8),
        ));
    }
    if let Some(record) = shown.first()
        && let Some(resume) = &record.resume
    {
        lines.push(String::new());
        if let Some(error) = &record.error {
            lines.push(paint.fit(&format!("{}: {error}", record.batch_id)));
        }
        lines.push(format!("to go on: {}", paint.active(resume)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_failure_says_how_to_go_on() {
        let mut record = Record::begin("2026-11-21");
        record.status = "FAILED".to_owned();
        record.error = Some("StepFailed: exit code 1".to_owned());
        record.resume = Some("pipeline run --batch-id 2026-11-21 --start-from Facts".to_owned());
        let lines = lines(&[record], 10, Paint::plain(80));
        assert!(lines[1].contains("2026-11-21  FAILED "), "{}", lines[1]);
        assert_eq!(lines[3], "2026-11-21: StepFailed: exit code 1");
        assert_eq!(
            lines[4],
            "to go on: pipeline run --batch-id 2026-11-21 --start-from Facts"
        );
    }
}
