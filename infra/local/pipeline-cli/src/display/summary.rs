//! What a run prints at its end: tables, mails, timeline, places and what to try next; for a failed run what failed and
//! how to go on. Pure: lines out of a `Report`.

use jiff::Timestamp;

use super::figures;
use super::paint::{Paint, left, right, wrap};
use super::report::{FailureReport, Report, TableReport};
use super::timeline;
use super::view::{Mail, View};

/// A mail's text is shown up to this many lines; the rest is in the file that `places` names.
const MAIL_LINES: usize = 24;

/// The whole ending, section by section, with an empty line between them.
pub fn draw(report: &Report, view: &View, paint: Paint) -> Vec<String> {
    let now = view.latest.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut sections = vec![
        tables(&report.tables, paint),
        mails(&report.mails, view, paint),
    ];
    let mut time = timeline::draw(view, paint);
    for cluster in &view.clusters {
        time.push(String::new());
        time.extend(wrap(&timeline::paid_sentence(cluster, now), paint.width));
    }
    sections.push(time);
    sections.push(places(report, paint));
    if let Some(failure) = &report.failure {
        sections.push(failed(failure, paint));
    }
    sections.push(headline(report, paint));
    sections.push(next(report, paint));
    let mut lines = Vec::new();
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        lines.push(String::new());
        lines.extend(section);
    }
    lines
}

/// How it went, in one line.
pub fn headline(report: &Report, paint: Paint) -> Vec<String> {
    let times = format!(
        "{} of pipeline time, {:.1} s on the clock",
        figures::duration(seconds(report.pipeline_seconds)),
        report.wall_seconds
    );
    let batch = &report.batch_id;
    type Colour = fn(Paint, &str) -> String;
    let (colour, text): (Colour, String) = match (report.status.as_str(), report.result.as_deref())
    {
        ("SUCCEEDED", Some("NOTHING_TO_LOAD")) => (
            Paint::good,
            format!("Batch {batch}: nothing has landed, so nothing was loaded or paid for."),
        ),
        ("SUCCEEDED", Some("ALREADY_LOADED")) => (
            Paint::good,
            format!(
                "Batch {batch} was loaded before; nothing was changed. New files wait for the next batch."
            ),
        ),
        ("SUCCEEDED", Some("SKIPPED")) => (
            Paint::warn,
            format!("Batch {batch} was not loaded: another run is at work. It had no effect."),
        ),
        ("SUCCEEDED", _) => (Paint::good, format!("Batch {batch} is loaded.")),
        ("ABORTED", _) => (Paint::warn, format!("Batch {batch} was stopped.")),
        ("TIMED_OUT", _) => (Paint::bad, format!("Batch {batch} timed out.")),
        _ => (Paint::bad, format!("Batch {batch} failed.")),
    };
    let mut lines: Vec<String> = wrap(&text, paint.width)
        .iter()
        .map(|line| colour(paint, line))
        .collect();
    lines.push(paint.faint(&times));
    lines
}

fn seconds(seconds: f64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs_f64(seconds)
}

/// Each table with rows staged, loaded, in the table; partitions, files, bytes.
pub fn tables(tables: &[TableReport], paint: Paint) -> Vec<String> {
    if tables.is_empty() {
        return Vec::new();
    }
    const HEAD: [&str; 7] = [
        "table", "staged", "loaded", "in table", "parts", "files", "size",
    ];
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), figures::count);
    let mut rows: Vec<[String; 7]> = vec![HEAD.map(str::to_owned)];
    for table in tables {
        rows.push([
            format!("{}.{}", table.kind, table.table),
            number(table.staged_rows),
            number(table.loaded_rows),
            number(table.total_rows),
            number(table.partitions),
            number(table.files),
            table.bytes.map_or_else(|| "-".to_owned(), figures::bytes),
        ]);
    }
    let widths: Vec<usize> = (0..7)
        .map(|column| {
            rows.iter()
                .map(|row| console::measure_text_width(&row[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = left(&row[0], widths[0]);
        for column in 1..7 {
            line.push_str("  ");
            line.push_str(&right(&row[column], widths[column]));
        }
        lines.push(paint.fit(&if index == 0 {
            paint.heading(&line)
        } else {
            line
        }));
    }
    for table in tables
        .iter()
        .filter(|table| table.rejected_rows.is_some_and(|rows| rows > 0))
    {
        let rows = figures::counted(table.rejected_rows.unwrap_or_default(), "row");
        let (kind, table) = (&table.kind, &table.table);
        let text =
            format!("{rows} of {kind}.{table} refused: see rejected/{kind}/{table}/ in the bucket");
        lines.push(paint.warn(&paint.fit(&text)));
    }
    lines
}

fn mails(mails: &[Mail], view: &View, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let began = view.began.unwrap_or(Timestamp::UNIX_EPOCH);
    for mail in mails {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let subject = format!("{} {}", paint.heading("E-mail:"), mail.subject);
        lines.push(paint.spread(&subject, &paint.faint(&figures::since(began, mail.at))));
        let text = wrap(&mail.message, paint.width.saturating_sub(4));
        let hidden = text.len().saturating_sub(MAIL_LINES);
        lines.extend(
            text.into_iter()
                .take(MAIL_LINES)
                .map(|line| format!("    {line}").trim_end().to_owned()),
        );
        if hidden > 0 {
            lines.push(paint.faint(&format!(
                "    {} {} more",
                paint.glyphs.ellipsis,
                figures::counted(hidden as u64, "line")
            )));
        }
    }
    lines
}

fn places(report: &Report, paint: Paint) -> Vec<String> {
    let width = report
        .places
        .iter()
        .map(|place| place.what.len())
        .max()
        .unwrap_or(0);
    report
        .places
        .iter()
        .map(|place| format!("{}  {}", paint.faint(&left(&place.what, width)), place.path))
        .collect()
}

fn failed(failure: &FailureReport, paint: Paint) -> Vec<String> {
    let mut place = paint.strong(&failure.state_machine);
    if let Some(state) = &failure.state {
        place = format!("{place}, state {}", paint.strong(&format!("`{state}`")));
    }
    if let Some(table) = &failure.table {
        place = format!("{place}, table {}", paint.strong(table));
    }
    let verb = if failure.error == "Stopped" {
        "Stopped in"
    } else {
        "Failed in"
    };
    let mut lines = vec![format!("{} {place}", paint.bad(verb))];
    lines.push(format!("  error  {}", paint.bad(&failure.error)));
    let mut cause = wrap(&failure.cause, paint.width.saturating_sub(9)).into_iter();
    if let Some(first) = cause.next() {
        lines.push(format!("  cause  {first}"));
    }
    lines.extend(cause.map(|line| format!("         {line}")));
    if let Some(source) = &failure.log_of
        && !failure.log_tail.is_empty()
    {
        lines.push(format!("  the end of the log of {source}:"));
        lines.extend(
            wrap(&failure.log_tail.join("\n"), paint.width.saturating_sub(6))
                .iter()
                .map(|line| format!("    {} {line}", paint.faint(paint.glyphs.line.trim_end()))),
        );
    }
    if !failure.data.is_empty() {
        lines.push("  as things are now:".to_owned());
        lines.extend(failure.data.iter().map(|line| format!("    {line}")));
    }
    lines.push("  to go on, once it is mended:".to_owned());
    lines.push(format!("    {}", paint.active(&failure.resume)));
    lines
}

fn next(report: &Report, paint: Paint) -> Vec<String> {
    if report.next.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![paint.heading("Try next")];
    let width = report
        .next
        .iter()
        .map(|suggestion| suggestion.command.chars().count())
        .max()
        .unwrap_or(0);
    for suggestion in &report.next {
        let one_line = format!("  {}  {}", left(&suggestion.command, width), suggestion.why);
        if console::measure_text_width(&one_line) <= paint.width {
            let command = paint.active(&left(&suggestion.command, width));
            lines.push(format!("  {command}  {}", paint.faint(&suggestion.why)));
        } else {
            // A command is never cut: it is there to be copied.
            lines.push(format!("  {}", paint.active(&suggestion.command)));
            lines.push(format!("      {}", paint.faint(&suggestion.why)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_why_and_how_to_go_on() {
        let failure = FailureReport {
            state_machine: "fact_process".into(),
            state: Some("Load".into()),
            table: Some("transfer_transaction".into()),
            error: "StepFailed".into(),
            cause: "exit code 1".into(),
            log_of: Some("step fact.transfer_transaction load".into()),
            log_tail: vec!["FAILED: ParseException".into()],
            data: vec!["staging/…  3 files".into()],
            resume: "pipeline run --batch-id B --start-from Facts".into(),
        };
        let text = failed(&failure, Paint::plain(80)).join("\n");
        assert_eq!(
            text,
            "Failed in fact_process, state `Load`, table transfer_transaction\n  error  StepFailed\n  cause  exit code 1\n  \
             the end of the log of step fact.transfer_transaction load:\n    │ FAILED: ParseException\n  as things are now:\n    \
             staging/…  3 files\n  to go on, once it is mended:\n    pipeline run --batch-id B --start-from Facts"
        );
    }

    #[test]
    fn figures_that_are_not_known_are_dashes() {
        let table = TableReport {
            kind: "fact".into(),
            table: "transfer_transaction".into(),
            total_rows: Some(12_345),
            bytes: Some(4096),
            ..TableReport::default()
        };
        let lines = tables(&[table], Paint::plain(80));
        assert_eq!(
            lines[0],
            "table                      staged  loaded  in table  parts  files     size"
        );
        assert_eq!(
            lines[1],
            "fact.transfer_transaction       -       -    12,345      -      -  4.0 KiB"
        );
    }
}
