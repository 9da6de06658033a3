//! `pipeline measure`: what each function costs when it starts cold, over Lambda's Runtime API, as it would be deployed;
//! beside the same work in Python with boto3, if a Python is given.

mod reference;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use embedded_runtime::{Functions, Project, Runtime, RuntimeOptions, bootstrap};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::run::project_complaint;
use super::screen::{Screen, print_line};
use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, MeasureArguments};
use crate::display::paint::{Paint, left, right};

/// The profile that `sam build` builds with.
const PROFILE: &str = "release";

/// Pipeline time after which a cluster that was launched waits for steps.
const CLUSTER_START: Duration = Duration::from_secs(900);

/// What one function costs, as medians over its cold starts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    function: String,
    /// From the start of the process to its first request for work.
    init_milliseconds: f64,
    /// The first invocation, with its service calls.
    first_call_milliseconds: f64,
    /// Processor time from the start of the process to the end of the first invocation.
    cpu_milliseconds: Option<f64>,
    /// The peak resident memory.
    memory_bytes: Option<u64>,
    /// The `errorType` of the answer, when it was none of success.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    rounds: usize,
    binary: PathBuf,
    binary_bytes: u64,
    zipped_bytes: u64,
    functions: Vec<Figures>,
    reference: Option<Figures>,
}

/// Builds, measures, prints.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &MeasureArguments,
) -> Result<Exit, Complaint> {
    let folder = place::project(arguments)?;
    let project = Arc::new(Project::load(&folder).map_err(project_complaint)?);
    let screen = Screen::new(command.json);
    let binary = match &command.bootstrap {
        Some(given) => std::path::absolute(given).unwrap_or_else(|_| given.clone()),
        None => {
            let stage = screen.stage("build the functions as they are deployed");
            let detail = stage.detail();
            let progress = move |line: &str| detail(line.trim());
            let built = bootstrap::build_in_profile(&folder, PROFILE, &progress).await;
            stage.done(&|line| screen.say(line));
            built.map_err(|error| Complaint::failed(error, "correct what cargo says"))?
        }
    };
    let zipped_bytes = zipped(&binary).map_err(|error| {
        Complaint::usage(
            error,
            "give the program that was built for Lambda with --bootstrap",
        )
    })?;

    let stage = screen.stage("measure");
    let rounds = command.rounds.max(1);
    let mut functions = Vec::new();
    let measured = Stage::open(&project, binary.clone()).await?;
    for (function, event) in measured.events().await? {
        functions.push(measured.figures(&function, &event, rounds).await?);
    }
    measured.close().await;
    let reference = match &command.reference {
        Some(python) => Some(reference::measure(&project, python, rounds).await?),
        None => None,
    };
    stage.done(&|line| screen.say(line));

    let account = Account {
        rounds,
        binary_bytes: std::fs::metadata(&binary).map_or(0, |file| file.len()),
        binary,
        zipped_bytes,
        functions,
        reference,
    };
    if command.json {
        let text =
            serde_json::to_string_pretty(&account).map_err(|error| Complaint::failed(error, ""))?;
        print_line(&text);
    } else {
        for line in lines(&account, screen.paint) {
            print_line(&line);
        }
    }
    Ok(Exit::Done)
}

/// The bytes of a file in a zip archive: deflated, without the archive's own two hundred.
fn zipped(file: &std::path::Path) -> anyhow::Result<u64> {
    let name = file.display();
    let mut content = std::fs::File::open(file).with_context(|| format!("cannot read {name}"))?;
    let mut encoder = DeflateEncoder::new(std::io::sink(), Compression::best());
    std::io::copy(&mut content, &mut encoder).with_context(|| format!("cannot zip {name}"))?;
    encoder
        .try_finish()
        .with_context(|| format!("cannot zip {name}"))?;
    Ok(encoder.total_out())
}

/// A stack of the project on a root that goes away, with functions run from one program.
struct Stage {
    runtime: Runtime,
    _root: TemporaryRoot,
}

impl Stage {
    async fn open(project: &Arc<Project>, binary: PathBuf) -> Result<Self, Complaint> {
        let root = TemporaryRoot::new()?;
        let options = RuntimeOptions::new(&root.0)
            .with_project(Arc::clone(project), Functions::Processes(binary));
        let runtime = Runtime::start(options)
            .await
            .map_err(super::run::runtime_complaint)?;
        Ok(Self {
            runtime,
            _root: root,
        })
    }

    async fn close(&self) {
        self.runtime.shutdown().await;
    }

    /// Every function of the stack with an event that makes it do its usual work, on a cluster that is ready.
    async fn events(&self) -> Result<Vec<(String, Value)>, Complaint> {
        let launched = self.answer("launch_emr", &json!({})).await?;
        let cluster = launched["ClusterId"].clone();
        let clock = self.runtime.clock();
        drop(clock.sleep_until(clock.after(CLUSTER_START)).await);
        let on_cluster = |more: Value| {
            let mut event = json!({ "ClusterId": cluster });
            if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
                event.extend(more.clone());
            }
            event
        };
        let command =
            json!({"NextStepNameAndCmd": {"Step_Name": "measure", "Cmd_Run": "bash -c true"}});
        let step = self
            .answer("submit_cmd_run_step_emr", &on_cluster(command.clone()))
            .await?;
        let workers = self
            .answer("add_worker_instances_emr", &on_cluster(json!({})))
            .await?;
        let machine = |name: &str| {
            let machine = self.runtime.stack().state_machine(name);
            machine.map(|machine| machine.arn.clone())
        };
        let (master, child) = (machine("master"), machine("add-emr-workers"));
        let input = json!({});
        let execution = self
            .runtime
            .start_execution("master", Some("measured"), &input);
        let execution = execution.await.map_err(super::run::runtime_complaint)?;
        self.runtime.settle().await;
        let written = json!({"ClusterId": cluster});
        let answer = self.answer("write_state_info_to_s3", &written).await?;
        let written = json!({"ClusterId": cluster, "ETag": answer["ETag"]});

        let mut events = Vec::new();
        for function in &self.runtime.stack().functions {
            let event = match function.handler.as_str() {
                "status_emr" | "terminate_emr" => on_cluster(json!({})),
                "add_worker_instances_emr" => on_cluster(json!({})),
                "status_add_worker_instances_emr" => workers.clone(),
                "submit_cmd_run_step_emr" => on_cluster(command.clone()),
                "status_step_emr" => on_cluster(json!({ "StepId": step["StepId"] })),
                "check_duplicate_stepfunction" => json!({ "StateMachineArn": master }),
                "submit_stepfunction" => {
                    json!({ "nextStateMachineArn": child, "ExecutionName": "measured" })
                }
                "status_stepfunction" => json!({ "executionArn": execution }),
                "write_state_info_to_s3" => written.clone(),
                "send_msg_sns" => json!({"Message": "measured", "Subject": "measured"}),
                _ => json!({}),
            };
            events.push((function.name.clone(), event));
        }
        // What ends something comes last, so that the others find it alive.
        events.sort_by_key(|(name, _)| name.contains("terminate") || name.contains("remove"));
        Ok(events)
    }

    /// Invokes the function with this handler once.
    async fn answer(&self, handler: &str, event: &Value) -> Result<Value, Complaint> {
        let function = self.runtime.stack().functions.iter();
        let mut function = function.filter(|function| function.handler == handler);
        let name = function
            .next()
            .map(|function| function.name.clone())
            .ok_or_else(|| {
                Complaint::failed(
                    anyhow!("the template has no function with the handler {handler}"),
                    "",
                )
            })?;
        let outcome = self.invoke(&name, event).await?;
        if let Some(error) = outcome.error {
            return Err(Complaint::failed(anyhow!("{name} failed: {error}"), ""));
        }
        serde_json::from_slice(&outcome.payload).map_err(|error| Complaint::failed(error, ""))
    }

    async fn invoke(&self, name: &str, event: &Value) -> Result<lambda_host::Outcome, Complaint> {
        let host = self
            .runtime
            .host()
            .ok_or_else(|| Complaint::failed(anyhow!("functions run in this process"), ""))?;
        let invocation = lambda_host::Invocation {
            function: name.to_owned(),
            invoked_arn: String::new(),
            label: String::new(),
            payload: event.to_string().into(),
            work: self.runtime.clock().work(),
        };
        let (outcome, _work) = host.invoke(invocation).await;
        outcome.map_err(|error| Complaint::failed(error, ""))
    }

    /// Starts the function cold `rounds` times.
    async fn figures(
        &self,
        name: &str,
        event: &Value,
        rounds: usize,
    ) -> Result<Figures, Complaint> {
        let (mut init, mut call, mut cpu, mut memory) = (vec![], vec![], vec![], vec![]);
        let mut error_type = None;
        for _ in 0..rounds {
            if let Some(host) = self.runtime.host() {
                host.cool(name);
            }
            let outcome = self.invoke(name, event).await?;
            init.push(outcome.init_duration.unwrap_or_default());
            call.push(outcome.duration);
            cpu.extend(outcome.processor_time);
            memory.extend(outcome.max_memory_bytes);
            error_type = outcome.error.map(|error| error.error_type);
        }
        Ok(Figures {
            function: name.to_owned(),
            init_milliseconds: milliseconds(median(init).unwrap_or_default()),
            first_call_milliseconds: milliseconds(median(call).unwrap_or_default()),
            cpu_milliseconds: median(cpu).map(milliseconds),
            memory_bytes: median(memory),
            error_type,
        })
    }
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// A folder for one measurement, removed with it.
struct TemporaryRoot(PathBuf);

impl TemporaryRoot {
    fn new() -> Result<Self, Complaint> {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("pipeline-measure-{process}-{number}"));
        std::fs::create_dir(&folder).map_err(|error| {
            let error = anyhow!("cannot create {}: {error}", folder.display());
            Complaint::failed(error, "set TMPDIR to a folder that can be written")
        })?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryRoot {
    fn drop(&mut self) {
        // What is left of it lies in the system's temporary folder and is cleared with it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn lines(account: &Account, paint: Paint) -> Vec<String> {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    let row = |figures: &Figures| {
        let cpu = figures
            .cpu_milliseconds
            .map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1} ms"));
        let memory = figures
            .memory_bytes
            .map_or_else(|| "-".to_owned(), mebibytes);
        let line = format!(
            "{}{}{}{}{}",
            left(&figures.function, 40),
            right(&format!("{:.1} ms", figures.init_milliseconds), 10),
            right(&format!("{:.1} ms", figures.first_call_milliseconds), 10),
            right(&cpu, 10),
            right(&memory, 10),
        );
        match &figures.error_type {
            Some(error) => paint.warn(&format!("{line}  {error}")),
            None => line,
        }
    };
    let mut lines = vec![paint.heading(&format!(
        "{}{}{}{}{}",
        left("cold start of", 40),
        right("init", 10),
        right("1st call", 10),
        right("CPU", 10),
        right("memory", 10)
    ))];
    lines.extend(account.functions.iter().map(row));
    if let Some(reference) = &account.reference {
        lines.push(row(reference));
        lines.extend(ratios(account, reference));
    }
    lines.push(format!(
        "bootstrap: {}, zipped {}; medians of {} cold starts each",
        mebibytes(account.binary_bytes),
        mebibytes(account.zipped_bytes),
        account.rounds
    ));
    lines.push(
        "init: process start to first request for work; CPU: start to first answer".to_owned(),
    );
    lines
}

/// How many times more the reference takes than the function of the same name.
fn ratios(account: &Account, reference: &Figures) -> Option<String> {
    let ours = account
        .functions
        .iter()
        .find(|figures| reference.function.starts_with(&figures.function))?;
    let cpu = reference.cpu_milliseconds? / ours.cpu_milliseconds?;
    let memory = reference.memory_bytes? as f64 / ours.memory_bytes? as f64;
    let init = reference.init_milliseconds / ours.init_milliseconds;
    Some(format!(
        "the same in Python takes {init:.0} times the init, {cpu:.0} times the CPU, {memory:.1} times the memory"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(function: &str, scale: f64) -> Figures {
        Figures {
            function: function.to_owned(),
            init_milliseconds: 5.0 * scale,
            first_call_milliseconds: 7.0 * scale,
            cpu_milliseconds: Some(3.0 * scale),
            memory_bytes: Some(6 << 20),
            error_type: None,
        }
    }

    #[test]
    fn the_table_fits_the_terminal_and_names_what_failed() {
        let mut failed = figures("pipeline-status_add_worker_instances_emr", 2.0);
        failed.error_type = Some("Throttled".to_owned());
        let account = Account {
            rounds: 3,
            binary: PathBuf::from("bootstrap"),
            binary_bytes: 5 << 20,
            zipped_bytes: 3 << 20,
            functions: vec![figures("pipeline-status_emr", 1.0), failed],
            reference: Some(figures("pipeline-status_emr in Python", 40.0)),
        };
        let lines = lines(&account, Paint::plain(80));
        assert!(lines.iter().any(|line| line.ends_with("Throttled")));
        assert!(lines.iter().any(|line| line.contains("40 times the CPU")));
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80
                || line.contains("Throttled")
                || line.contains("Python")),
            "{lines:#?}"
        );
    }

    #[test]
    fn the_median_is_the_middle_and_of_nothing_is_nothing() {
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(Vec::<u64>::new()), None);
    }
}
