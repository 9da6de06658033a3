//! `pipeline run`: builds the functions, starts the runtime, lands the files, runs the master (`load`), shows it
//! (`screen`), and tells how it went (`outcome`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use embedded_runtime::{
    Functions, Project, ProjectError, Runtime, RuntimeError, RuntimeOptions, bootstrap,
};

use super::force::ForcedFailure;
use super::history::{self, Record};
use super::load::{Ended, load};
use super::outcome::{self, Circumstances};
use super::screen::{Screen, print_line};
use super::{Complaint, Exit, place, signals, simulate};
use crate::arguments::{Arguments, ClockMode, RunArguments};
use crate::display::figures;
use crate::display::live::Recorder;
use crate::display::summary;
use simulation::Injector;

/// Runs one load.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &RunArguments,
) -> Result<Exit, Complaint> {
    let began = Instant::now();
    let folder = place::project(arguments)?;
    let screen = Screen::new(command.json);
    let project = Arc::new(Project::load(&folder).map_err(project_complaint)?);
    let recorder = Recorder::new(embedded_runtime::runtime::STACK_NAME);
    let force = match &command.fail {
        Some(name) => Some(ForcedFailure::new(
            name,
            &folder,
            &project,
            Arc::clone(&recorder),
        )?),
        None => None,
    };
    let faults = match &command.faults {
        Some(_) if command.clock == ClockMode::Real => return Err(simulate::refuse_real_clock()),
        Some(path) => {
            let schedule = simulate::read_schedule(path)?;
            Some(Injector::new(&schedule, Arc::clone(&recorder) as _))
        }
        None => None,
    };
    let stop = signals::watch_for_stop()?;
    let prepared = tokio::select! {
        prepared = prepare(command, &folder, &project, &recorder, (force.as_ref(), faults.as_ref()), &screen) => prepared?,
        // Nothing has been started yet that would have to be ended.
        () = signals::stopped(stop.clone()) => return Ok(Exit::Interrupted),
    };
    let Prepared { runtime, batch_id } = prepared;

    let mut record = Record::begin(&batch_id);
    let ended = match record.write(runtime.root()) {
        Ok(()) => {
            if let Some(faults) = &faults {
                faults.arm(&runtime);
            }
            let display = screen.display(&recorder, runtime.clock());
            let ended = load(command, &runtime, &batch_id, &mut record, &recorder, stop).await;
            display.finish();
            ended
        }
        Err(error) => {
            let error = anyhow!(
                "cannot write below {}: {error}",
                place::shown(runtime.root())
            );
            Err(Complaint::failed(
                error,
                "make room, or choose another --root",
            ))
        }
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(complaint) => {
            runtime.shutdown().await;
            return Err(complaint);
        }
    };

    let circumstances = Circumstances {
        command,
        project: &project,
        batch_id: &batch_id,
        ended: &ended,
        wall: began.elapsed(),
    };
    let view = recorder.view();
    let report = outcome::account(&circumstances, &runtime, &view, &record).await;
    let struck = faults.as_ref().map(|faults| faults.struck(&runtime));
    runtime.shutdown().await;
    outcome::note(&mut record, &report);
    if let Err(error) = record.write(runtime.root()) {
        screen.say(&format!("this run could not be written down: {error}"));
    }
    if command.json {
        let mut report =
            serde_json::to_value(&report).map_err(|error| Complaint::failed(error, ""))?;
        if let Some(struck) = &struck {
            report["faults"] =
                serde_json::to_value(struck).map_err(|error| Complaint::failed(error, ""))?;
        }
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| Complaint::failed(error, ""))?;
        print_line(&text);
    } else {
        for line in summary::draw(&report, &view, screen.paint) {
            print_line(&line);
        }
        let began = view.began.unwrap_or_default();
        for line in struck
            .iter()
            .flat_map(|struck| simulate::struck_lines(struck, began))
        {
            print_line(&line);
        }
        if let Some(missed) = force.as_ref().and_then(|force| force.missed()) {
            print_line(&screen.paint.warn(&missed));
        }
    }
    Ok(match (ended, report.status.as_str()) {
        (Ended::Stopped { .. }, _) => Exit::Interrupted,
        (Ended::ByItself, "SUCCEEDED") => Exit::Done,
        (Ended::ByItself, _) => Exit::Failed,
    })
}

/// Everything that a load needs.
struct Prepared {
    runtime: Arc<Runtime>,
    batch_id: String,
}

/// Builds, starts, recovers what a killed run left, and lands the files.
async fn prepare(
    command: &RunArguments,
    folder: &Path,
    project: &Arc<Project>,
    recorder: &Arc<Recorder>,
    (force, faults): (Option<&Arc<ForcedFailure>>, Option<&Arc<Injector>>),
    screen: &Screen,
) -> Result<Prepared, Complaint> {
    let root = place::root(&command.root, folder);
    let stage = screen.stage("build the functions");
    let detail = stage.detail();
    let progress = move |line: &str| detail(line.trim());
    let built = bootstrap::build(folder, &progress).await;
    let binary = built
        .map_err(|error| Complaint::failed(error, "correct what cargo says, then run again"))?;
    stage.done(&|line| screen.say(line));

    let stage = screen.stage("start the runtime");
    let runtime = start(command, &root, project, binary, recorder, force, faults).await?;
    if let Some(force) = force {
        force.arm(&runtime);
    }
    let landed = land(command, folder, &runtime, project).await;
    let (batch_id, landed) = match landed {
        Ok(landed) => landed,
        Err(complaint) => {
            runtime.shutdown().await;
            return Err(complaint);
        }
    };
    stage.done(&|line| screen.say(line));
    let left_over = recorder.start_afresh();
    for cluster in &left_over.clusters {
        let (id, state) = (&cluster.id, cluster.state());
        screen.say(&format!(
            "an earlier run was killed; its cluster {id} is {state} now"
        ));
    }
    for mail in &left_over.mails {
        screen.say(&format!("mail about it: {}", mail.subject));
    }
    let files = match landed {
        Some(count) => format!("{} landed", figures::counted(count as u64, "file")),
        None => "begun before, so with the files that it has".to_owned(),
    };
    let place = place::shown(&root);
    screen.say(&format!("batch {batch_id}, {files}, state in {place}"));
    Ok(Prepared { runtime, batch_id })
}

async fn start(
    command: &RunArguments,
    root: &Path,
    project: &Arc<Project>,
    binary: PathBuf,
    recorder: &Arc<Recorder>,
    force: Option<&Arc<ForcedFailure>>,
    faults: Option<&Arc<Injector>>,
) -> Result<Arc<Runtime>, Complaint> {
    let mut options =
        RuntimeOptions::new(root).with_project(Arc::clone(project), Functions::Processes(binary));
    options.clock = clock_mode(command.clock);
    options.enforce_iam = !command.allow_everything;
    options.observer = Arc::clone(recorder) as _;
    if let Some(force) = force {
        options.observer = Arc::clone(force) as _;
        options.interceptor = Arc::clone(force) as _;
    }
    if let Some(faults) = faults {
        options.observer = Arc::clone(faults) as _;
        options.interceptor = Arc::clone(faults) as _;
        options.function_faults = Some(Arc::clone(faults) as _);
    }
    let runtime = Runtime::start(options).await;
    runtime.map(Arc::new).map_err(runtime_complaint)
}

/// Chooses the batch's name and lands the files; a batch that has been begun before keeps the files that it has.
async fn land(
    command: &RunArguments,
    folder: &Path,
    runtime: &Runtime,
    project: &Project,
) -> Result<(String, Option<usize>), Complaint> {
    let now = runtime.clock().now();
    let by_time = || now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let batch_id = command.batch_id.clone().unwrap_or_else(by_time);
    let known = history::read(runtime.root()).unwrap_or_default();
    let is_new = !known.iter().any(|record| record.batch_id == batch_id);
    if command.data.is_none() && (!is_new || command.start_from.is_some()) {
        return Ok((batch_id, None));
    }
    let sample = || folder.join(embedded_runtime::project::SAMPLE_DATA);
    let data = command.data.clone().unwrap_or_else(sample);
    let files = runtime
        .upload_landing(&data)
        .await
        .map_err(|error| match error {
            RuntimeError::Landing(error) => Complaint::usage(error, landing_advice(project)),
            other => runtime_complaint(other),
        })?;
    Ok((batch_id, Some(files.len())))
}

fn landing_advice(project: &Project) -> String {
    let tables: Vec<String> = project
        .tables()
        .iter()
        .map(|table| format!("{}/{}", table.kind, table.name))
        .collect();
    let tables = tables.join(", ");
    format!("lay files out as KIND/TABLE/FILE or KIND/TABLE.csv; the tables are {tables}")
}

pub(crate) fn clock_mode(mode: ClockMode) -> embedded_runtime::ClockMode {
    match mode {
        ClockMode::Virtual => embedded_runtime::ClockMode::Virtual,
        ClockMode::Real => embedded_runtime::ClockMode::Real,
    }
}

pub(crate) fn project_complaint(error: ProjectError) -> Complaint {
    let validate = place::command("validate");
    Complaint::usage(
        error,
        format!("`{validate}` lists every problem with its line"),
    )
}

pub(crate) fn runtime_complaint(error: RuntimeError) -> Complaint {
    match error {
        RuntimeError::Project(error) => project_complaint(error),
        RuntimeError::Problems(_) => {
            let validate = place::command("validate");
            Complaint::usage(
                error,
                format!("`{validate}` checks the rest of the project too"),
            )
        }
        // These say themselves what to do.
        RuntimeError::Root(_) | RuntimeError::PortInUse { .. } => Complaint::failed(error, ""),
        other => Complaint::failed(other, "run again with -v to see what the runtime does"),
    }
}
