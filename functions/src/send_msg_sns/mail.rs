//! The mail about a run: what was loaded, or what failed, why, in what state the data is, what it cost, and the exact input
//! that resumes it. Plain text for a phone at night.

use serde_json::{Value, json};

use super::causes::{Problem, problems};
use super::cost;
use super::hints::{hints, left, removal};
use super::layout::{Text, duration};
use super::redaction::redacted;
use super::report::{Report, text};
use super::stock::{Stock, Table};
use super::{log_tail, needs, stock};
use crate::shared::clients::Clients;
use crate::shared::moment;
use crate::shared::names::{shorten, token};

/// Bytes of one problem's cause that the mail shows.
const LONGEST_WHY: usize = 4000;
/// Problems whose log is shown; the others' logs are named.
const LOGS: usize = 3;
/// Problems that are described.
const MOST_PROBLEMS: usize = 20;

/// What is sent.
#[derive(Debug)]
pub(super) struct Mail {
    pub subject: String,
    pub text: String,
}

/// Looks at the batch and writes.
pub(super) async fn write(clients: &Clients, report: &Report) -> Mail {
    let batch = report.batch();
    let stock = stock::take(clients, batch.as_deref(), &finished(report)).await;
    let mut problems = match report.is_success() {
        true => Vec::new(),
        false => problems(&report.failure),
    };
    for problem in &mut problems {
        problem.why = redacted(shorten(&problem.why, LONGEST_WHY));
    }
    let mut out = Text::default();
    headline(&mut out, report, batch.as_deref());
    if !report.is_success() {
        what_failed(&mut out, clients, report, &problems).await;
    }
    if let Some(stock) = &stock {
        match report.is_success() {
            true => rows(&mut out, stock, batch.as_deref()),
            false => state_of_the_data(&mut out, stock, batch.as_deref()),
        }
    }
    notes(&mut out, report, stock.as_ref(), batch.as_deref(), &problems, clients);
    cost::write(&mut out, report);
    match report.is_success() {
        true => state_info(&mut out, report),
        false => how_to_resume(&mut out, report, batch.as_deref(), &problems, stock.as_ref()),
    }
    Mail { subject: subject(report, batch.as_deref(), &problems, stock.as_ref()), text: out.into_string() }
}

/// Batches of earlier runs that this one finished.
fn finished(report: &Report) -> Vec<(String, String, String)> {
    let mut finished = Vec::new();
    for (kind, table) in report.table_results() {
        let batches = text(&table["Batches"]).unwrap_or_default().split(',').filter(|batch| !batch.is_empty());
        if let Some(name) = text(&table["Table"]) {
            finished.extend(batches.map(|batch| (kind.to_owned(), name.to_owned(), batch.to_owned())));
        }
    }
    finished
}

fn subject(report: &Report, batch: Option<&str>, problems: &[Problem], stock: Option<&Stock>) -> String {
    let batch = batch.map(|batch| format!("batch {batch} ")).unwrap_or_default();
    let what = match report.outcome() {
        "LOADED" => {
            let rows: u64 = stock.map_or(0, |stock| {
                stock.tables.iter().flat_map(|table| table.counts.values()).map(|counts| counts.rows_loaded).sum()
            });
            match stock.is_none_or(|stock| stock.unknown.is_empty()) {
                true => format!("loaded, {rows} rows"),
                false => format!("loaded, at least {rows} rows"),
            }
        }
        "NOTHING_TO_LOAD" => "had nothing to load".to_owned(),
        outcome if may_be_alive(report) => format!("{outcome}, a cluster may still be running"),
        outcome => match problems {
            [Problem { table: Some(table), .. }] => format!("{outcome}: {table}"),
            [only] if outcome == "FAILED" => format!("{outcome}: {} in {}", only.error, only.what),
            [_, _, ..] => format!("{outcome}: {} tables", problems.len()),
            _ => outcome.to_owned(),
        },
    };
    format!("{}: {batch}{what}", text(&report.pipeline).unwrap_or("pipeline"))
}

fn may_be_alive(report: &Report) -> bool {
    report.termination["Status"] == "ERROR"
}

fn headline(out: &mut Text, report: &Report, batch: Option<&str>) {
    let batch = batch.map_or_else(|| "The run".to_owned(), |batch| format!("Batch {batch}"));
    out.line(&match report.outcome() {
        "LOADED" => format!("{batch} is loaded."),
        "NOTHING_TO_LOAD" => format!("{batch} had nothing to load, and paid for no cluster."),
        "ABORTED" => format!("{batch}: the run was aborted."),
        "TIMED_OUT" => format!("{batch}: the run took longer than it may, and was stopped."),
        _ => format!("{batch} FAILED."),
    });
    out.line("");
    let execution = text(&report.execution).unwrap_or_default();
    if let Some(name) = execution.rsplit(':').next().filter(|name| !name.is_empty()) {
        out.field("Run", name);
    }
    let time = |value| text(value).and_then(moment::parse);
    if let Some(started) = time(&report.started_at) {
        out.field("Started", &moment::text(&started));
        if let Some(ended) = time(&report.ended_at) {
            out.field("Ended", &format!("{} (after {})", moment::text(&ended), duration(ended.secs() - started.secs())));
        }
    }
    // The same whenever the same mail is sent again.
    out.field("Incident", &token([execution, report.outcome()]));
}

async fn what_failed(out: &mut Text, clients: &Clients, report: &Report, problems: &[Problem]) {
    if report.outcome() != "FAILED" && report.failure["Error"].is_null() {
        return;
    }
    for (position, problem) in problems.iter().enumerate() {
        if position == MOST_PROBLEMS {
            out.item(&format!("and {} more", problems.len() - position));
            return;
        }
        out.line("");
        let table = problem.table.as_ref().map(|table| format!("{table}: ")).unwrap_or_default();
        out.field("Failed", &format!("{table}{}", problem.what));
        out.field("Error", &problem.error);
        out.field("Why", &problem.why);
        let Some(log) = &problem.log else { continue };
        out.field("Log", log);
        if position >= LOGS {
            continue;
        }
        match log_tail::tail(clients, log).await {
            Ok(lines) => lines.iter().for_each(|line| out.quoted(line)),
            Err(reason) => out.quoted(&format!("({reason})")),
        }
    }
}

fn rows(out: &mut Text, stock: &Stock, batch: Option<&str>) {
    out.heading("Rows");
    out.line(&format!("  {:<34}{:>7}{:>12}{:>12}{:>10}", "table", "files", "staged", "loaded", "rejected"));
    for table in &stock.tables {
        let name = format!("{}.{}", table.kind, table.name);
        if table.counts.is_empty() {
            out.line(&format!("  {name:<34}{:>7}", "-"));
        }
        for (of, counts) in &table.counts {
            out.line(&format!(
                "  {name:<34}{:>7}{:>12}{:>12}{:>10}",
                counts.files, counts.rows_staged, counts.rows_loaded, counts.rows_rejected
            ));
            if Some(of.as_str()) != batch {
                out.line(&format!("    of batch {of}, which an earlier run had left"));
            }
        }
    }
}

fn state_of_the_data(out: &mut Text, stock: &Stock, batch: Option<&str>) {
    out.heading("Data");
    out.line(&format!("  {:<34}{:<30}{:>12}", "table", "state", "rows"));
    for table in &stock.tables {
        let rows =
            batch.and_then(|batch| table.counts.get(batch)).map_or_else(|| "-".to_owned(), |counts| counts.rows_loaded.to_string());
        let name = format!("{}.{}", table.kind, table.name);
        out.line(&format!("  {name:<34}{:<30}{rows:>12}", state(stock, table, batch)));
    }
    out.paragraph(2, "Nothing is lost: what is not loaded is in landing or staging, as it came.");
}

/// Where a table's files of the batch are, as far as it could be seen.
fn state(stock: &Stock, table: &Table, batch: Option<&str>) -> String {
    let staged = batch.and_then(|batch| table.staged.get(batch)).copied().unwrap_or(0);
    match (table.is_loaded, table.is_staged, staged) {
        (false, ..) if !stock.is_ledger_known && (batch.is_some() || !stock.are_zones_known) => "not known".to_owned(),
        (true, _, 0) if !stock.are_zones_known => "loaded".to_owned(),
        (false, ..) if !stock.are_zones_known => "not loaded".to_owned(),
        (true, _, 0) => "loaded and archived".to_owned(),
        (true, _, left) => format!("loaded, {left} to archive"),
        (false, true, left) => format!("staged, not loaded ({left})"),
        (false, false, left) if left > 0 => format!("partly staged ({left}), {} landed", table.landed),
        _ if table.landed > 0 => format!("landed, not staged ({})", table.landed),
        _ => "nothing landed".to_owned(),
    }
}

/// What else a person should know.
fn notes(out: &mut Text, report: &Report, stock: Option<&Stock>, batch: Option<&str>, problems: &[Problem], clients: &Clients) {
    let mut notes = Vec::new();
    if let Some(stock) = stock {
        for table in &stock.tables {
            let name = format!("{}.{}", table.kind, table.name);
            if table.landed > 0 && (report.is_success() || table.is_staged || table.is_loaded) {
                notes.push(format!("{} landed for {name} since; they wait for the next batch.", files(table.landed)));
            }
            for (of, count) in table.staged.iter().filter(|(of, _)| Some(of.as_str()) != batch) {
                notes.push(format!("{} of {name} wait in staging for batch {of}; the next run finishes it.", files(*count)));
            }
            for (of, counts) in table.counts.iter().filter(|(_, counts)| counts.rows_rejected > 0) {
                notes.push(format!(
                    "{} rows of {name} were rejected: s3://{}/rejected/{}/{}/batch_id={of}/",
                    counts.rows_rejected, stock.bucket, table.kind, table.name
                ));
            }
            for (of, counts) in table.counts.iter().filter(|(_, counts)| counts.files_repeated > 0) {
                let fate = match counts.rows_skipped {
                    0 => "they were loaded again".to_owned(),
                    rows => format!("their {rows} rows were left out"),
                };
                notes.push(format!("{} of {name} in batch {of} had been delivered before; {fate}.", files(counts.files_repeated)));
            }
        }
        notes.extend(stock.unknown.iter().map(|problem| format!("Not everything could be looked at: {}", redacted(problem))));
        if report.is_success() && stock.unknown.is_empty() {
            let without = stock.tables.iter().filter(|table| table.counts.is_empty() && table.landed == 0);
            let names: Vec<String> = without.map(|table| format!("{}.{}", table.kind, table.name)).collect();
            if !names.is_empty() {
                notes.push(format!("Nothing had landed for {}.", names.join(", ")));
            }
        }
    }
    // Workers of a cluster that is gone are no news.
    if !problems.iter().any(|problem| problem.error == "ClusterGone") {
        notes.extend(workers(report));
    }
    let switched = [&report.launch["Output"], &report.workers["Output"]["Workers"]].into_iter().filter_map(|output| output["SpotNotFulfilled"].as_u64()).max();
    if let Some(units) = switched.filter(|units| *units > 0) {
        notes.push(format!("{units} spot workers were not granted; on-demand ones took their place."));
    }
    let failed: Vec<&str> = problems.iter().filter_map(|problem| problem.table.as_deref()?.strip_prefix("dimension.")).collect();
    if !failed.is_empty() {
        notes.extend(needs::notes(clients.environment(), &failed));
    }
    if notes.is_empty() {
        return;
    }
    out.heading("Notes");
    notes.iter().for_each(|note| out.item(note));
}

fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

/// How the extra workers did, unless all came as asked for.
fn workers(report: &Report) -> Option<String> {
    let child = &report.workers;
    let output = &child["Output"];
    let asked = output["Workers"]["TargetTotalWorkers"].as_u64();
    let came = output["Workers"]["RunningWorkers"].as_u64();
    let count = match (came, asked) {
        (Some(came), Some(asked)) => format!("{came} of {asked}"),
        _ => "nobody knows how many".to_owned(),
    };
    if output["Status"] == "DEGRADED" {
        let (error, why) = match problems(&output["Reason"]).as_slice() {
            [only] if !output["Reason"]["Error"].is_null() => (format!(" ({})", only.error), format!(": {}", redacted(&only.why))),
            _ => (String::new(), String::new()),
        };
        return Some(format!(
            "The extra workers did not come in time{error}: {count} were there, and the load went on with them{why}."
        ));
    }
    if output["Market"] == "ON_DEMAND" {
        return Some(format!("Spot workers were not granted in time; on-demand ones were asked for instead, and {count} came."));
    }
    if child["Status"] == "ERROR" {
        let why = problems(child).remove(0);
        return Some(format!("Adding workers failed ({}): {}. The load went on without them.", why.error, redacted(&why.why)));
    }
    None
}

fn state_info(out: &mut Text, report: &Report) {
    let Some(left) = left(report) else { return };
    out.heading("State info");
    out.paragraph(2, &redacted(&left.why));
    if let Some(hint) = removal(&left) {
        out.paragraph(2, &hint);
    }
}

fn how_to_resume(out: &mut Text, report: &Report, batch: Option<&str>, problems: &[Problem], stock: Option<&Stock>) {
    out.heading("To resume");
    if may_be_alive(report) {
        let clusters: Vec<&str> = [&report.termination["Output"]["Clusters"], &report.termination["Clusters"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(|cluster| text(&cluster["ClusterId"]))
            .chain(text(&report.launch["Output"]["ClusterId"]))
            .collect();
        let named = clusters.first().map_or_else(|| "A cluster".to_owned(), |id| format!("Cluster {id}"));
        out.paragraph(
            2,
            &format!("{named} may still be running and costing money: start the terminate machine, or terminate it in EMR, first."),
        );
        let why = super::causes::problems(&report.termination).remove(0);
        out.paragraph(2, &format!("Terminating it failed ({}): {}", why.error, redacted(&why.why)));
    }
    for hint in hints(problems.iter().chain(&left(report)), batch, stock) {
        out.paragraph(2, &hint);
    }
    let input = input(report, batch);
    out.line(&format!("  Input   {input}"));
    if let Some(machine) = text(&report.resume.machine) {
        let quoted = shlex::try_quote(&input).map_or_else(|_| format!("'{input}'"), |quoted| quoted.into_owned());
        out.line("");
        out.line("  aws stepfunctions start-execution \\");
        out.line("    --state-machine-arn \\");
        out.line(&format!("      {machine} \\"));
        out.line(&format!("    --input {quoted}"));
    }
}

/// What this execution was started with, plus the batch and the phase: what is done is not done again.
fn input(report: &Report, batch: Option<&str>) -> String {
    let mut input = json!({});
    if let Some(batch) = batch {
        input["BatchId"] = json!(batch);
    }
    if let Some(phase) = text(&report.resume.start_from) {
        input["StartFrom"] = json!(phase);
    }
    for (name, value) in report.resume.input.as_object().into_iter().flatten() {
        // Batch and phase are the resumed run's; the time has become the batch.
        if input.get(name).is_none() && name != "ScheduledTime" {
            input[name] = value.clone();
        }
    }
    input.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::shared::replay::{EXECUTION, Replay};

    /// The mail about a run whose data nobody can look at.
    async fn mail(report: Value) -> Mail {
        let report: Report = serde_json::from_value(report).unwrap();
        write(&Replay::new().clients(&[]), &report).await
    }

    #[tokio::test]
    async fn t9_a_report_of_any_shape_becomes_a_mail() {
        for report in [
            json!({}),
            json!({"Outcome": 7, "BatchId": [], "Failure": "x", "Workers": 1, "Termination": []}),
            json!({"Outcome": "FAILED", "Failure": {"Error": {}, "Cause": 5}, "Resume": {"Input": "not an object", "Machine": 3}}),
            json!({"Outcome": "ABORTED", "StartedAt": "yesterday", "Termination": {"Output": {"Clusters": [null, {"Seconds": "x"}]}}}),
        ] {
            let mail = mail(report.clone()).await;
            assert!(mail.text.contains("To resume") && !mail.subject.is_empty(), "{report}: {}", mail.text);
        }
    }

    #[tokio::test]
    async fn the_input_that_resumes_is_the_first_one_with_batch_and_phase() {
        let mail = mail(json!({
            "Outcome": "FAILED", "BatchId": "b1", "Execution": EXECUTION,
            "Failure": {"State": "facts", "Error": "X", "Cause": "y"},
            "Resume": {"Machine": "arn:master", "StartFrom": "Facts", "Input": {
                "StartFrom": "Dimensions", "ScheduledTime": "2026-11-21T02:00:00Z", "Facts": ["o'neill"]}},
        }))
        .await;
        assert!(mail.text.contains("Input   {\"BatchId\":\"b1\",\"StartFrom\":\"Facts\",\"Facts\":[\"o'neill\"]}"), "{}", mail.text);
        let command = mail.text.split("--input ").nth(1).unwrap_or_default().trim();
        assert_eq!(shlex::split(command).unwrap(), ["{\"BatchId\":\"b1\",\"StartFrom\":\"Facts\",\"Facts\":[\"o'neill\"]}"]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_told_of_as_if_it_had_been() {
        for (is_ledger_known, are_zones_known, is_loaded, said) in [
            (false, true, false, "not known"),
            (false, false, true, "loaded"),
            (true, false, true, "loaded"),
            (true, false, false, "not loaded"),
            (true, true, true, "loaded and archived"),
            (true, true, false, "nothing landed"),
        ] {
            let stock = Stock { is_ledger_known, are_zones_known, ..Stock::default() };
            let table = Table { is_loaded, ..Table::default() };
            assert_eq!(state(&stock, &table, Some("b1")), said, "{stock:?}");
        }
        // Nobody can look into the ledger of a batch that has no name.
        for (are_zones_known, said) in [(true, "nothing landed"), (false, "not known")] {
            let stock = Stock { are_zones_known, ..Stock::default() };
            assert_eq!(state(&stock, &Table::default(), None), said);
        }
    }

    #[tokio::test]
    async fn an_unreadable_state_info_comes_with_the_command_that_removes_it() {
        let cause = json!({"errorType": "StateInfoInvalid", "errorMessage": "the state info at s3://b/state/pipeline.json cannot be read: EOF"});
        let mail =
            mail(json!({"Outcome": "FAILED", "Failure": {"State": "launch", "Error": "ChildFailed", "Cause": cause.to_string()}})).await;
        assert!(mail.text.lines().any(|line| line.trim() == "aws s3 rm s3://b/state/pipeline.json"), "{}", mail.text);
    }

    #[tokio::test]
    async fn a_state_info_that_a_run_has_to_leave_behind_is_told_of_whatever_becomes_of_the_run() {
        let cause = json!({"errorType": "StateInfoInvalid", "errorMessage": "the state info at s3://b/state/pipeline.json cannot be read: EOF"});
        let left = json!({"Status": "SUCCESS", "Output": {"Clusters": [], "StateInfo": {"Error": "StateInfoInvalid", "Cause": cause.to_string()}}});
        let failure = json!({"State": "facts", "Error": "X", "Cause": "y"});
        for report in [
            json!({"Outcome": "LOADED", "BatchId": "b1", "Termination": left}),
            json!({"Outcome": "FAILED", "BatchId": "b1", "Failure": failure, "Termination": left}),
        ] {
            let mail = mail(report).await;
            let commands = mail.text.lines().filter(|line| line.trim() == "aws s3 rm s3://b/state/pipeline.json").count();
            assert_eq!(commands, 1, "{}", mail.text);
        }
        let clean = mail(json!({"Outcome": "LOADED", "BatchId": "b1", "Termination": {"Output": {"StateInfo": {}}}})).await;
        assert!(!clean.text.contains("aws s3 rm"), "{}", clean.text);
    }

    #[tokio::test]
    async fn a_reaped_batch_is_named_as_the_master_names_it() {
        let named = |input: Value| json!({"Outcome": "ABORTED", "StartedAt": "2026-11-21T02:00:07Z", "Resume": {"Input": input}});
        for (input, batch) in [
            (json!({"BatchId": "b1", "ScheduledTime": "2026-11-21T01:00:00Z"}), "b1"),
            (json!({"ScheduledTime": "2026-11-21T01:00:00Z"}), "2026-11-21T01-00-00Z"),
            (json!({}), "2026-11-21T02-00-07Z"),
        ] {
            let mail = mail(named(input)).await;
            assert!(mail.subject.contains(&format!("batch {batch} ABORTED")), "{}", mail.subject);
        }
    }

    #[tokio::test]
    async fn x22_the_incident_is_the_same_for_the_same_run_and_outcome() {
        let incident = |mail: Mail| mail.text.lines().find(|line| line.starts_with("Incident")).map(str::to_owned);
        let report = json!({"Outcome": "FAILED", "Execution": EXECUTION});
        let other = json!({"Outcome": "FAILED", "Execution": format!("{EXECUTION}-2")});
        assert_eq!(incident(mail(report.clone()).await), incident(mail(report.clone()).await));
        assert_ne!(incident(mail(report).await), incident(mail(other).await));
    }

    #[tokio::test]
    async fn x23_what_a_cause_holds_of_secrets_is_left_out() {
        let cause = "fs.s3a.secret.key=abcdef while processing row {\"card\":\"4000001234567890\"}";
        let mail = mail(json!({"Outcome": "FAILED", "Failure": {"Error": "X", "Cause": cause}})).await;
        assert!(!mail.text.contains("abcdef") && !mail.text.contains("4000001234567890"), "{}", mail.text);
    }
}
