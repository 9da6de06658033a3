//! Commands of steps: run by the step runner, watched for faults, their logs put where EMR puts them.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::FutureExt;
use virtual_time::Work;

use super::Emr;
use super::faults::{Blow, Now};
use super::model::{Step, StepFailureDetails};
use super::steps::StepEnd;
use crate::observer::Occurrence;
use crate::s3::PutOptions;
use crate::step_runner::{StepFailure, StepOutcome, StepRequest};

/// EMR's files of a step.
const LOG_FILES: [&str; 3] = ["controller", "stderr", "stdout"];

/// What the command of a step needs to know.
pub(super) struct Command {
    pub(super) cluster_id: String,
    pub(super) cluster_name: String,
    pub(super) step: Step,
    /// `<LogUri><cluster>/steps/<step>/`
    pub(super) log_folder: Option<String>,
}

/// What planned faults do to a step.
enum Harm {
    None,
    Fails(String),
    Hangs,
}

/// Runs a step's command and ends the step. `work` is held all the while.
pub(super) async fn run(emr: Arc<Emr>, command: Command, work: Work) {
    let (cluster, step) = (&command.cluster_id, &command.step);
    let directory = emr.step_directory(cluster, &step.id);
    let outcome = match emr.strike(cluster, Now::StepStarts(&step.name)) {
        Harm::None => run_unharmed(&emr, &command, &directory).await,
        Harm::Fails(message) => failed("Unknown Error.", message),
        Harm::Hangs => {
            // Nothing is being done, so time goes on; the end of the step drops this future.
            drop(work);
            return std::future::pending().await;
        }
    };
    if let Err(error) = keep_logs(&emr, &command, &directory, &outcome).await {
        tracing::warn!(
            cluster,
            step = step.id,
            error,
            "cannot keep the logs of a step"
        );
    }
    let end = if outcome.succeeded() {
        StepEnd::Completed
    } else {
        StepEnd::Failed(details(&command, outcome))
    };
    emr.step_has_ended(cluster, &step.id, end);
    drop(work);
}

async fn run_unharmed(emr: &Arc<Emr>, command: &Command, directory: &Path) -> StepOutcome {
    let step = &command.step;
    if let Err(error) = std::fs::create_dir_all(directory) {
        return failed(
            "Unknown Error.",
            format!("cannot create {}: {error}", directory.display()),
        );
    }
    let request = StepRequest {
        cluster_id: command.cluster_id.clone(),
        cluster_name: command.cluster_name.clone(),
        step_id: step.id.clone(),
        name: step.name.clone(),
        jar: step.jar.clone(),
        main_class: step.main_class.clone(),
        args: step.args.clone(),
        properties: step.properties.clone(),
        log_directory: directory.to_owned(),
    };
    let context = emr.context.clone();
    let (cluster_id, step_id) = (command.cluster_id.clone(), step.id.clone());
    let progress = Arc::new(move |progress| {
        context.observe(Occurrence::StepProgress {
            cluster_id: cluster_id.clone(),
            step_id: step_id.clone(),
            progress,
        });
    });
    let running = AssertUnwindSafe(emr.step_runner.run(request, progress)).catch_unwind();
    let outcome = match running.await {
        Ok(outcome) => outcome,
        Err(_) => failed("Unknown Error.", "the step's command panicked".to_owned()),
    };
    match emr.strike(&command.cluster_id, Now::StepEnds(&step.name)) {
        Harm::Fails(message) if outcome.succeeded() => failed("Unknown Error.", message),
        _ => outcome,
    }
}

fn failed(reason: &str, message: String) -> StepOutcome {
    StepOutcome {
        exit_code: 1,
        failure: Some(StepFailure {
            reason: reason.to_owned(),
            message: message.clone(),
        }),
        log_tail: message,
    }
}

fn details(command: &Command, outcome: StepOutcome) -> StepFailureDetails {
    let log_file = command
        .log_folder
        .as_ref()
        .map(|folder| format!("{folder}stderr.gz"));
    match outcome.failure {
        Some(failure) => StepFailureDetails {
            reason: failure.reason,
            message: failure.message,
            log_file,
        },
        None => StepFailureDetails {
            reason: "Unknown Error.".to_owned(),
            message: format!("Command exited with code {}", outcome.exit_code),
            log_file,
        },
    }
}

/// Puts the step's files into the cluster's log bucket, compressed as EMR does. What the runner did not write is made of
/// what it said.
async fn keep_logs(
    emr: &Emr,
    command: &Command,
    directory: &Path,
    outcome: &StepOutcome,
) -> Result<(), String> {
    let Some(folder) = &command.log_folder else {
        return Ok(());
    };
    let (bucket, prefix) = folder
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .ok_or_else(|| format!("{folder} names no bucket"))?;
    for name in LOG_FILES {
        let text = match std::fs::read(directory.join(name)) {
            Ok(text) => text,
            Err(_) => substitute(name, command, outcome).into_bytes(),
        };
        let compressed = compress(&text).map_err(|error| error.to_string())?;
        let key = format!("{prefix}{name}.gz");
        let put = emr
            .s3
            .put(bucket, &key, compressed, PutOptions::default())
            .await;
        put.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn substitute(name: &str, command: &Command, outcome: &StepOutcome) -> String {
    match name {
        "controller" => format!(
            "INFO startExec '{} {}'\nINFO ProcessRunner completed with exit code {}\n",
            command.step.jar,
            command.step.args.join(" "),
            outcome.exit_code
        ),
        "stderr" if !outcome.log_tail.is_empty() => format!("{}\n", outcome.log_tail.trim_end()),
        _ => String::new(),
    }
}

fn compress(text: &[u8]) -> std::io::Result<Vec<u8>> {
    // No time in the header, so that the same log is the same object.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

impl Emr {
    /// Where a running step's files are.
    fn step_directory(&self, cluster: &str, step: &str) -> PathBuf {
        self.context
            .root
            .join("services")
            .join("emr")
            .join("steps")
            .join(cluster)
            .join(step)
    }

    /// Lets planned faults strike.
    fn strike(self: &Arc<Self>, cluster: &str, now: Now<'_>) -> Harm {
        let blows = self.planned_blows(now);
        let mut harm = Harm::None;
        for blow in blows {
            match blow {
                Blow::FailStep { message } => harm = Harm::Fails(message),
                Blow::HangStep => harm = Harm::Hangs,
                blow => {
                    // A cluster that has ended meanwhile cannot suffer any more.
                    let _ = self.change(cluster, |cluster, at, world| {
                        cluster.take(&blow, at, world);
                        Ok(())
                    });
                }
            }
        }
        harm
    }

    fn step_has_ended(self: &Arc<Self>, cluster: &str, step: &str, end: StepEnd) {
        let ended = self.change(cluster, |cluster, at, world| {
            cluster.step_has_ended(step, end, at, world);
            Ok(())
        });
        if let Err(error) = ended {
            tracing::error!(cluster, step, %error, "cannot keep the end of a step");
        }
        self.forget_command(cluster, step);
    }
}
