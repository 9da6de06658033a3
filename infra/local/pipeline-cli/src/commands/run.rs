//! `pipeline run`: builds the functions, starts the runtime, lands the files, runs the master, shows it, and tells how it
//! went. The account itself is made in `outcome`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use console::Term;
use embedded_runtime::{
    Functions, Project, ProjectError, Runtime, RuntimeError, RuntimeOptions, bootstrap,
};
use serde_json::{Value, json};

use super::force::ForcedFailure;
use super::history::{self, Record};
use super::outcome::{self, Circumstances};
use super::{Complaint, Exit, place, signals};
use crate::arguments::{Arguments, ClockMode, RunArguments};
use crate::display::live::{Display, Recorder, Stage};
use crate::display::paint::Paint;
use crate::display::summary;

/// Runs one load.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &RunArguments,
) -> Result<Exit, Complaint> {
    let began = Instant::now();
    let folder = place::project(arguments)?;
    let root = place::root(&command.root, &folder);
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

    let binary = build(&folder, &screen).await?;
    let stage = screen.stage("start the runtime");
    let runtime = start(command, &root, &project, binary, &recorder, force.as_ref()).await?;
    if let Some(force) = &force {
        force.arm(&runtime);
    }
    let prepared = prepare(command, &folder, &runtime, &project).await;
    let (batch_id, landed) = match prepared {
        Ok(prepared) => prepared,
        Err(complaint) => {
            runtime.shutdown().await;
            return Err(complaint);
        }
    };
    stage.done(&|line| screen.say(line));
    screen.say(&format!(
        "batch {batch_id}, {} landed, state in {}",
        crate::display::figures::counted(landed as u64, "file"),
        place::shown(&root)
    ));

    let mut record = Record::begin(&batch_id);
    let written = record.write(&root);
    let display = screen.display(&recorder, &runtime);
    let ended = load(command, &runtime, &root, &batch_id, &mut record, &recorder).await;
    display.finish();
    let ended = match (ended, written) {
        (Ok(ended), Ok(())) => ended,
        (Err(complaint), _) => {
            runtime.shutdown().await;
            return Err(complaint);
        }
        (_, Err(error)) => {
            runtime.shutdown().await;
            let error = anyhow!("cannot write below {}: {error}", place::shown(&root));
            return Err(Complaint::failed(
                error,
                "make room, or choose another --root",
            ));
        }
    };

    let circumstances = Circumstances {
        command,
        project: &project,
        batch_id: &batch_id,
        wall: began.elapsed(),
    };
    let view = recorder.view();
    let report = outcome::account(&circumstances, &runtime, &view, &record).await;
    runtime.shutdown().await;
    outcome::note(&mut record, &report);
    if let Err(error) = record.write(&root) {
        screen.say(&format!("this run could not be written down: {error}"));
    }
    if command.json {
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| Complaint::failed(error, ""))?;
        print(&text);
    } else {
        for line in summary::draw(&report, &view, screen.paint) {
            print(&line);
        }
        if let Some(missed) = force.as_ref().and_then(|force| force.missed()) {
            print(&screen.paint.warn(&missed));
        }
    }
    Ok(match (ended, report.status.as_str()) {
        (Ended::Stopped, _) => Exit::Interrupted,
        (Ended::ByItself, "SUCCEEDED") => Exit::Done,
        (Ended::ByItself, _) => Exit::Failed,
    })
}

/// What has brought the run to its end.
#[derive(Clone, Copy)]
enum Ended {
    ByItself,
    Stopped,
}

async fn build(folder: &Path, screen: &Screen) -> Result<PathBuf, Complaint> {
    let stage = screen.stage("build the functions");
    let detail = stage.detail();
    let progress = move |line: &str| detail(line.trim());
    let built = bootstrap::build(folder, &progress).await;
    let binary = built
        .map_err(|error| Complaint::failed(error, "correct what cargo says, then run again"))?;
    stage.done(&|line| screen.say(line));
    Ok(binary)
}

async fn start(
    command: &RunArguments,
    root: &Path,
    project: &Arc<Project>,
    binary: PathBuf,
    recorder: &Arc<Recorder>,
    force: Option<&Arc<ForcedFailure>>,
) -> Result<Runtime, Complaint> {
    let mut options =
        RuntimeOptions::new(root).with_project(Arc::clone(project), Functions::Processes(binary));
    options.clock = clock_mode(command.clock);
    options.observer = Arc::clone(recorder) as _;
    if let Some(force) = force {
        options.observer = Arc::clone(force) as _;
        options.interceptor = Arc::clone(force) as _;
    }
    Runtime::start(options).await.map_err(runtime_complaint)
}

/// Chooses the batch's name and lands the files; a batch that has been begun before keeps the files that it has.
async fn prepare(
    command: &RunArguments,
    folder: &Path,
    runtime: &Runtime,
    project: &Project,
) -> Result<(String, usize), Complaint> {
    let now = runtime.clock().now();
    let batch_id = command
        .batch_id
        .clone()
        .unwrap_or_else(|| now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string());
    let known = history::read(runtime.root()).unwrap_or_default();
    let is_new = !known.iter().any(|record| record.batch_id == batch_id);
    if command.data.is_none() && (!is_new || command.start_from.is_some()) {
        return Ok((batch_id, 0));
    }
    let data = command
        .data
        .clone()
        .unwrap_or_else(|| folder.join(embedded_runtime::project::SAMPLE_DATA));
    let files = runtime
        .upload_landing(&data)
        .await
        .map_err(|error| match error {
            RuntimeError::Landing(error) => Complaint::usage(error, landing_advice(project)),
            other => runtime_complaint(other),
        })?;
    Ok((batch_id, files.len()))
}

fn landing_advice(project: &Project) -> String {
    let tables: Vec<String> = project
        .tables()
        .iter()
        .map(|table| format!("{}/{}", table.kind, table.name))
        .collect();
    format!(
        "lay files out as KIND/TABLE/FILE or KIND/TABLE.csv; the tables are {}",
        tables.join(", ")
    )
}

/// Runs the master, and stops everything at the first Ctrl-C.
async fn load(
    command: &RunArguments,
    runtime: &Runtime,
    root: &Path,
    batch_id: &str,
    record: &mut Record,
    recorder: &Recorder,
) -> Result<Ended, Complaint> {
    let stop = signals::watch_for_stop()
        .map_err(|error| Complaint::failed(anyhow!("cannot listen for Ctrl-C: {error}"), ""))?;
    let mut input = json!({ "BatchId": batch_id });
    if let Some(phase) = command.start_from {
        input["StartFrom"] = json!(phase.as_str());
    }
    let arn = start_master(runtime, root, batch_id, &input).await?;
    record.execution_arn.clone_from(&arn);
    if let Err(error) = record.write(root) {
        tracing::warn!(%error, "the run could not be written down");
    }
    let finished = async {
        let outcome = runtime.wait(&arn).await;
        runtime.settle().await;
        outcome
    };
    tokio::select! {
        outcome = finished => {
            outcome.map_err(runtime_complaint)?;
            Ok(Ended::ByItself)
        }
        () = signals::stopped(stop) => {
            stop_all(runtime, recorder, &arn).await;
            Ok(Ended::Stopped)
        }
    }
}

/// A second attempt at a batch needs another execution name.
async fn start_master(
    runtime: &Runtime,
    root: &Path,
    batch_id: &str,
    input: &Value,
) -> Result<String, Complaint> {
    let known = history::read(root).unwrap_or_default();
    let earlier = known
        .iter()
        .filter(|record| record.batch_id == batch_id && !record.execution_arn.is_empty())
        .count();
    let mut attempt = earlier + 1;
    loop {
        let name = if attempt == 1 {
            batch_id.to_owned()
        } else {
            format!("{batch_id}-try{attempt}")
        };
        match runtime.start_execution("master", Some(&name), input).await {
            Err(RuntimeError::Call { source, .. })
                if source.to_string().contains("ExecutionAlreadyExists") && attempt < 1000 =>
            {
                attempt += 1
            }
            started => return started.map_err(runtime_complaint),
        }
    }
}

/// Stops the master, then the children that it can no longer stop; the rule on aborted masters then ends the cluster.
async fn stop_all(runtime: &Runtime, recorder: &Recorder, master: &str) {
    let notice = "stopping, and ending the cluster; Ctrl-C again ends at once";
    recorder.notice(runtime.clock().now(), notice);
    let stop = |arn: String| async move {
        let request =
            json!({ "executionArn": arn, "error": "Stopped", "cause": "stopped by Ctrl-C" });
        if let Err(error) = runtime
            .services()
            .states
            .call("StopExecution", request)
            .await
        {
            tracing::debug!(%error, arn, "it had ended by itself");
        }
    };
    let running = recorder.ask(|view| {
        let running = view
            .executions
            .iter()
            .filter(|execution| execution.ended.is_none());
        running
            .map(|execution| execution.arn.clone())
            .collect::<Vec<_>>()
    });
    {
        let _work = runtime.clock().work();
        stop(master.to_owned()).await;
        for arn in running.into_iter().filter(|arn| arn != master) {
            stop(arn).await;
        }
    }
    runtime.settle().await;
}

/// Where a run is shown.
struct Screen {
    paint: Paint,
    /// The terminal for the live picture, if there is one.
    live: Option<Term>,
    silent: bool,
}

impl Screen {
    fn new(json: bool) -> Self {
        let term = if json { Term::stderr() } else { Term::stdout() };
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let live = term.is_term() && !dumb && !set("NO_COLOR") && !set("CI");
        Self {
            paint: Paint::for_term(&term),
            silent: json,
            live: live.then_some(term),
        }
    }

    fn say(&self, line: &str) {
        if !self.silent {
            print(line);
        }
    }

    fn stage(&self, title: &str) -> Stage {
        Stage::begin(self.live.clone(), self.paint, title)
    }

    fn display(&self, recorder: &Arc<Recorder>, runtime: &Runtime) -> Display {
        let recorder = Arc::clone(recorder);
        match (&self.live, self.silent) {
            (Some(term), _) => {
                Display::live(recorder, runtime.clock().clone(), term.clone(), self.paint)
            }
            (None, false) => Display::plain(recorder, self.paint),
            (None, true) => Display::silent(recorder),
        }
    }
}

/// Prints a line; a reader that has gone away does not stop a load.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
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
