//! Makes the account of a run that has ended: from the view, the warehouse, and the files on this machine.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use embedded_runtime::{Project, Runtime};
use jiff::Timestamp;

use super::history::Record;
use super::load::Ended;
use super::{failure, landed, place, tables};
use crate::arguments::RunArguments;
use crate::display::execution::Standing;
use crate::display::figures;
use crate::display::report::{
    self, ClusterReport, ExecutionReport, FailureReport, FunctionsReport, Place, Report,
    Suggestion, TableReport,
};
use crate::display::view::View;

/// What the command knows about the run besides what was observed.
pub(crate) struct Circumstances<'a> {
    pub(crate) command: &'a RunArguments,
    pub(crate) project: &'a Project,
    pub(crate) batch_id: &'a str,
    pub(crate) ended: &'a Ended,
    pub(crate) wall: Duration,
}

/// The account.
pub(crate) async fn account(
    circumstances: &Circumstances<'_>,
    runtime: &Runtime,
    view: &View,
    record: &Record,
) -> Report {
    let now = view.latest.unwrap_or(Timestamp::UNIX_EPOCH);
    let began = view.began.unwrap_or(now);
    let master = view.root();
    let standing = master.map_or(Standing::Failed, |master| master.standing);
    let bucket = runtime
        .bucket()
        .map(|name| runtime.root().join("s3").join(name))
        .unwrap_or_default();
    let tables = tables::report(
        &circumstances.project.tables(),
        runtime.engine(),
        &bucket,
        circumstances.batch_id,
    )
    .await;
    let step_log = |cluster: &str, step: &str| read_step_log(&bucket, cluster, step);
    let failure = match standing {
        Standing::Succeeded => None,
        _ => failure::explain(view, &step_log).map(|failure| {
            let failure = match circumstances.ended {
                Ended::ByItself => failure,
                Ended::Stopped { machine, state } => failure::interrupted(failure, machine, state),
            };
            let mut data = whereabouts(&bucket, circumstances.batch_id);
            data.extend(view.clusters.iter().map(failure::cluster_line));
            FailureReport {
                data,
                resume: resume(circumstances, &failure.state_machine),
                ..failure
            }
        }),
    };
    Report {
        status: report::status(standing).to_owned(),
        result: master
            .and_then(|master| master.output.as_ref())
            .and_then(|output| output["Status"].as_str())
            .map(str::to_owned),
        batch_id: circumstances.batch_id.to_owned(),
        execution_arn: record.execution_arn.clone(),
        pipeline_seconds: now.duration_since(began).as_secs_f64(),
        wall_seconds: circumstances.wall.as_secs_f64(),
        executions: view
            .executions
            .iter()
            .map(|execution| ExecutionReport::of(execution, now))
            .collect(),
        clusters: view
            .clusters
            .iter()
            .map(|cluster| ClusterReport::of(cluster, now))
            .collect(),
        mails: view.mails.clone(),
        functions: FunctionsReport::of(view),
        places: places(runtime.root(), &bucket, record),
        next: suggestions(circumstances, standing, failure.as_ref(), &tables),
        tables,
        failure,
    }
}

/// Puts the outcome into the run's record.
pub(crate) fn note(record: &mut Record, report: &Report) {
    record.status.clone_from(&report.status);
    record.result.clone_from(&report.result);
    record.pipeline_seconds = Some(report.pipeline_seconds);
    record.cluster_seconds = Some(
        report
            .clusters
            .iter()
            .map(|cluster| cluster.paid_seconds)
            .sum(),
    );
    let loaded: Vec<u64> = report
        .tables
        .iter()
        .filter_map(|table| table.loaded_rows)
        .collect();
    record.rows = (!loaded.is_empty()).then(|| loaded.iter().sum());
    if let Some(failure) = &report.failure {
        let cause = failure.cause.lines().next().unwrap_or_default();
        record.error = Some(format!("{}: {cause}", failure.error));
        record.resume = Some(failure.resume.clone());
    }
}

/// Where the files of a batch are, zone by zone.
fn whereabouts(bucket: &Path, batch_id: &str) -> Vec<String> {
    const ZONES: [(&str, &str); 3] = [
        ("landing", "not touched yet"),
        ("staging", "moved, not loaded or not archived yet"),
        ("archive", "loaded"),
    ];
    let marker = format!("batch_id={batch_id}");
    let of_batch = |zone: &str, file: &Path| {
        zone == "landing" || file.iter().any(|part| part.to_string_lossy() == marker)
    };
    let mut lines = Vec::new();
    for (zone, meaning) in ZONES {
        let files = landed::files_below(&bucket.join(zone));
        let count = files.iter().filter(|file| of_batch(zone, file)).count();
        if count > 0 {
            lines.push(format!(
                "{zone:<9} {:>9}  {meaning}",
                figures::counted(count as u64, "file")
            ));
        }
    }
    if lines.is_empty() {
        lines.push("no file of this batch is in the bucket".to_owned());
    }
    lines
}

fn resume(circumstances: &Circumstances<'_>, machine: &str) -> String {
    let mut command = format!(
        "run --batch-id {} --start-from {}",
        circumstances.batch_id,
        failure::resume_phase(machine)
    );
    if let Some(root) = &circumstances.command.root.root {
        command.push_str(&format!(" --root {}", quoted(&root.to_string_lossy())));
    }
    place::command(&command)
}

fn places(root: &Path, bucket: &Path, record: &Record) -> Vec<Place> {
    let place = |what: &str, path: &Path| Place {
        what: what.to_owned(),
        path: place::shown(path),
    };
    let all = [
        place("the bucket", bucket),
        place("warehouse tables", &bucket.join("prod")),
        place("archived files", &bucket.join("archive")),
        place("logs of steps", &bucket.join("logs")),
        place("logs of functions", &root.join("logs").join("lambda")),
        place("this run", &record.path(root)),
    ];
    all.into_iter()
        .filter(|place| Path::new(&place.path).exists())
        .collect()
}

fn suggestions(
    circumstances: &Circumstances<'_>,
    standing: Standing,
    failure: Option<&FailureReport>,
    tables: &[TableReport],
) -> Vec<Suggestion> {
    let root = circumstances.command.root.root.as_ref();
    let root = root
        .map(|root| format!(" --root {}", quoted(&root.to_string_lossy())))
        .unwrap_or_default();
    let suggestion = |arguments: &str, why: &str| Suggestion {
        command: place::command(&format!("{arguments}{root}")),
        why: why.to_owned(),
    };
    let loaded = tables
        .iter()
        .find(|table| table.kind == "fact" && table.total_rows.is_some_and(|rows| rows > 0));
    let look = match loaded {
        Some(table) => suggestion(
            &format!("query 'show partitions fact_db.{}'", table.table),
            "what each batch has brought",
        ),
        None => suggestion("query 'show databases'", "what the warehouse holds"),
    };
    if standing == Standing::Succeeded {
        let fail = tables
            .iter()
            .find(|table| table.kind == "fact")
            .map_or("master", |table| table.table.as_str());
        return vec![
            look,
            suggestion("run", "another batch; the warehouse keeps this one"),
            suggestion(
                &format!("run --fail {fail}"),
                "see a run fail, its mail, and how to resume",
            ),
        ];
    }
    let mut next = Vec::new();
    if let Some(failure) = failure {
        next.push(Suggestion {
            command: failure.resume.clone(),
            why: "go on where it stopped".to_owned(),
        });
    }
    next.push(suggestion("status", "the last runs"));
    next.push(Suggestion {
        command: place::command("validate"),
        why: "check template, state machines, scripts and config".to_owned(),
    });
    next
}

/// The step's own log, as EMR would put it into S3 or as the runtime keeps it.
fn read_step_log(bucket: &Path, cluster: &str, step: &str) -> Option<String> {
    let files = landed::files_below(&bucket.join("logs"));
    let of_step = |file: &&std::path::PathBuf| {
        let parts: Vec<_> = file
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        parts.iter().any(|part| part == cluster) && parts.iter().any(|part| part == step)
    };
    let logs: Vec<_> = files.iter().filter(of_step).collect();
    let named = |name: &str| {
        logs.iter().find(|file| {
            file.file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(name))
        })
    };
    let log = named("stderr").or_else(|| named("controller"))?;
    let mut text = String::new();
    let file = std::fs::File::open(log).ok()?;
    let read = if log.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text)
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text)
    };
    read.ok()?;
    (!text.trim().is_empty()).then_some(text)
}

fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-~".contains(letter);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whereabouts_name_only_zones_that_hold_files_of_the_batch() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "landing/fact/t/a.csv",
            "staging/fact/t/batch_id=B/b.csv",
            "staging/fact/t/batch_id=C/c.csv",
            "archive/fact/t/batch_id=C/d.csv",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert_eq!(
            whereabouts(folder.path(), "B"),
            [
                "landing      1 file  not touched yet",
                "staging      1 file  moved, not loaded or not archived yet"
            ]
        );
    }

    #[test]
    fn a_path_with_a_space_can_be_pasted() {
        assert_eq!(quoted("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(quoted("/tmp/a-b"), "/tmp/a-b");
    }
}
