//! One simulated life of the pipeline: loads under faults, reruns with the input that the mail gives, and after each run the
//! promises. Everything is real but time, and that functions are called within this process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_services::s3::PutOptions;
use embedded_runtime::{
    ClockMode, ExecutionOutcome, Functions, Project, Runtime, RuntimeError, RuntimeOptions,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use virtual_time::Work;

use crate::injector::{Injector, Struck};
use crate::mails::{self, Resume};
use crate::people::ConfigurationFile;
use crate::plan::{Configuration, Deed, Load, Plan, Remedy, Start};
use crate::rows;
use crate::sample::{LandedFile, TableSample};
use crate::schedule::Schedule;
use crate::sight::Sight;
use crate::timeline::Timeline;

/// Every execution must end within this, in pipeline time; the master's own limit is a day.
const LONGEST_RUN: Duration = Duration::from_secs(26 * 3600);
/// A life in which nothing at all happens for this long in real time is stuck: somebody holds the clock and does nothing.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so many failures of one load in a row a person looks for what is behind them, and removes it.
const PATIENT_ATTEMPTS: usize = 4;
/// The template's parameter that says how many lines of a table's batch may be rejected.
const THRESHOLD: &str = "RejectedRowsAllowed";
/// How often a person tries to resume one load.
const MOST_ATTEMPTS: usize = 12;

/// What all lives share.
pub struct World {
    /// The project.
    pub project: Arc<Project>,
    /// Its sample data.
    pub samples: Vec<TableSample>,
    /// Where lives keep their files while they last.
    pub folder: PathBuf,
    /// States that send mails, by machine: a fault there may cost or double one.
    pub mail_states: BTreeSet<(String, String)>,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `rows`, `clusters`, `mails`, `ends` or `reruns`.
    pub promise: &'static str,
    /// What was found.
    pub what: String,
}

/// What became of a life.
#[derive(Debug, Serialize)]
pub struct Record {
    /// Its seed.
    pub seed: u64,
    /// The faults that it was to suffer.
    pub schedule: Schedule,
    /// What was struck.
    pub struck: Vec<Struck>,
    /// Promises that were not kept; empty is good.
    pub violations: Vec<Violation>,
    /// Masters that succeeded and that did not.
    pub succeeded: usize,
    /// Masters that failed, timed out or were stopped.
    pub failed: usize,
    /// The longest execution of each machine, in seconds of pipeline time.
    pub longest: BTreeMap<String, i64>,
    /// What happened, for people.
    #[serde(skip)]
    pub timeline: Vec<String>,
    /// Every occurrence, when that was wanted.
    #[serde(skip)]
    pub full: String,
    /// What was seen, and how often.
    #[serde(skip)]
    pub seen: BTreeMap<Sight, u32>,
    /// Steps that ran.
    #[serde(skip)]
    pub steps: BTreeSet<String>,
}

/// Lives one life to its end. Blocks; makes a single-threaded runtime of its own, so that everything happens in one order.
pub fn live(world: &World, seed: u64, schedule: &Schedule, full: bool) -> Record {
    // The SDK draws its jitter from this thread's generator.
    fastrand::seed(seed);
    let began: Timestamp = Timestamp::from_second(1_795_226_400).unwrap_or_default();
    let timeline = Arc::new(Timeline::new(began, full));
    let injector = Injector::new(schedule, Arc::clone(&timeline) as _);
    let mut record = Record {
        seed,
        schedule: schedule.clone(),
        struck: Vec::new(),
        violations: Vec::new(),
        succeeded: 0,
        failed: 0,
        longest: BTreeMap::new(),
        timeline: Vec::new(),
        full: String::new(),
        seen: BTreeMap::new(),
        steps: BTreeSet::new(),
    };
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = executor
        .map_err(|error| error.to_string())
        .and_then(|executor| {
            let life = begin(world, seed, began, &timeline, &injector, &mut record);
            let ended = executor.block_on(unless_stuck(life, &timeline));
            executor.shutdown_background();
            match ended {
                Ok(ended) => ended.map_err(|error| error.to_string()),
                Err(Stuck) => Err(format!(
                    "it was stuck for {} real seconds",
                    PATIENCE.as_secs()
                )),
            }
        });
    if let Err(what) = ended {
        record.violations.push(Violation {
            promise: "ends",
            what,
        });
    }
    record.timeline = timeline.lines();
    record.full = timeline.full();
    record.longest = timeline.longest();
    record.seen = injector.seen();
    record.steps = injector.steps();
    record
}

/// A life in which nothing happens any more.
struct Stuck;

/// Waits for a life's end, as long as anything happens in it: a machine that is busy with other things is slow, not stuck.
async fn unless_stuck<T>(life: impl Future<Output = T>, timeline: &Timeline) -> Result<T, Stuck> {
    let mut life = std::pin::pin!(life);
    loop {
        let before = timeline.occurrences();
        match tokio::time::timeout(PATIENCE, &mut life).await {
            Ok(ended) => return Ok(ended),
            Err(_) if timeline.occurrences() > before => {}
            Err(_) => return Err(Stuck),
        }
    }
}

async fn begin(
    world: &World,
    seed: u64,
    began: Timestamp,
    timeline: &Arc<Timeline>,
    injector: &Arc<Injector>,
    record: &mut Record,
) -> Result<(), RuntimeError> {
    let folder = tempfile::tempdir_in(&world.folder).map_err(|source| RuntimeError::Read {
        path: world.folder.clone(),
        source,
    })?;
    let plan = Plan::draw(seed, &world.samples);
    let mut options = RuntimeOptions::new(folder.path().join("root"))
        .with_project(Arc::clone(&world.project), Functions::InProcess);
    let has_threshold = world.project.template.parameters.contains_key(THRESHOLD);
    let rejected_rows_allowed = if has_threshold {
        let allowed = plan.rejected_rows_allowed;
        options
            .parameters
            .insert(THRESHOLD.to_owned(), allowed.to_string());
        allowed
    } else {
        0
    };
    options.clock = ClockMode::Simulated(began);
    options.seed = Some(seed);
    options.observer = Arc::clone(injector) as _;
    options.interceptor = Arc::clone(injector) as _;
    options.function_faults = Some(Arc::clone(injector) as _);
    let runtime = Arc::new(Runtime::start(options).await?);
    injector.arm(&runtime);
    let mut life = Life {
        world,
        runtime: Arc::clone(&runtime),
        injector,
        timeline,
        record,
        landed: Vec::new(),
        rejected_rows_allowed,
        configuration: None,
        is_configured: Configuration::Kept,
        is_cluster_wanted: false,
        was_cluster_wanted: false,
        is_by_hand: false,
        redriven_from: None,
        custody: None,
    };
    life.custody = Some(life.runtime.clock().work());
    life.configuration = life.configuration_file().await;
    let result = life.run(plan).await;
    record.struck = injector.struck(&runtime);
    runtime.shutdown().await;
    result
}

/// A life while it is lived. What people do is in `people`, what is checked in `promises` and `rows`.
pub(crate) struct Life<'a> {
    pub(crate) world: &'a World,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) injector: &'a Arc<Injector>,
    pub(crate) timeline: &'a Timeline,
    pub(crate) record: &'a mut Record,
    /// The files of each load so far.
    pub(crate) landed: Vec<Vec<LandedFile>>,
    pub(crate) rejected_rows_allowed: usize,
    pub(crate) configuration: Option<ConfigurationFile>,
    pub(crate) is_configured: Configuration,
    /// Whether a person has launched a cluster and still works on it.
    pub(crate) is_cluster_wanted: bool,
    /// Whether that was so before the present execution.
    pub(crate) was_cluster_wanted: bool,
    /// Whether the present execution belongs to a person's work on a cluster that was launched by hand.
    pub(crate) is_by_hand: bool,
    /// How the execution that is redriven had ended.
    pub(crate) redriven_from: Option<String>,
    /// Held whenever nothing is waited for, so that time stands still between two runs.
    pub(crate) custody: Option<Work>,
}

/// What there was before a run.
pub(crate) struct Before {
    pub(crate) mails: usize,
    pub(crate) masters: usize,
    pub(crate) timed_out: usize,
    pub(crate) struck: Vec<Struck>,
}

impl Life<'_> {
    async fn run(&mut self, plan: Plan) -> Result<(), RuntimeError> {
        let loads = plan.loads.len();
        for load in plan.loads {
            let has_ended = self.load(load).await?;
            if !has_ended || !self.record.violations.is_empty() {
                return Ok(());
            }
        }
        // What is left over is finished by the next runs, without any fault.
        self.injector.disarm(&self.runtime);
        for attempt in 1..=3 {
            if self.check_rows(true).await.is_empty() {
                return Ok(());
            }
            self.say(&format!("something is left; run {attempt} without faults"));
            let input = json!({"BatchId": format!("batch-{}", loads + attempt)});
            let mails_before = self.timeline.mails().len();
            if let Some(outcome) = self.start("master", &input).await? {
                self.remove_what_the_mail_names(&outcome, mails_before)
                    .await;
            }
        }
        let left = self.check_rows(true).await;
        self.violate("rows", left);
        Ok(())
    }

    /// One load, until it is in the warehouse, and what people do afterwards. Returns whether everything has ended.
    async fn load(&mut self, load: Load) -> Result<bool, RuntimeError> {
        self.land(load.files).await?;
        self.configure(load.configuration).await;
        let master = |input| Start {
            machine: "master",
            input,
        };
        let mut remedies = load.remedies.into_iter();
        let mut next = master(load.input.clone());
        for attempt in 1.. {
            let struck_before = self.injector.struck(&self.runtime);
            let mails_before = self.timeline.mails().len();
            let clusters_before = self.runtime.services().emr.clusters().len();
            let Some(outcome) = self.start(next.machine, &next.input).await? else {
                return Ok(false);
            };
            let is_excused = self.is_excused(&struck_before);
            let removed = self
                .remove_what_the_mail_names(&outcome, mails_before)
                .await;
            self.check_outcome(&next, &outcome, is_excused || removed, clusters_before);
            if !self.record.violations.is_empty() {
                return Ok(true);
            }
            if is_done(&outcome) {
                break;
            }
            if attempt >= PATIENT_ATTEMPTS {
                self.injector.mend(&self.runtime);
                self.say("what went wrong so far is mended");
            }
            if attempt > MOST_ATTEMPTS {
                let what = format!("{} is not loaded after {attempt} runs", load.batch);
                self.violate("reruns", vec![what]);
                return Ok(true);
            }
            self.configure(Configuration::Kept).await;
            self.correct_staged_files(&load.batch, load.is_misdated)
                .await?;
            let remedy = remedies.next().unwrap_or(Remedy::Resume);
            next = match &remedy {
                Remedy::Again => master(json!({"BatchId": load.batch})),
                _ => master(self.resume_input(&outcome, mails_before, &load.batch)),
            };
            match remedy {
                Remedy::Resume | Remedy::Again => {}
                Remedy::Redrive => match self.redrive(&outcome).await? {
                    None => return Ok(false),
                    Some(redriven) if is_done(&redriven) => break,
                    Some(_) => {}
                },
                Remedy::ByHand(session) => {
                    if !self.work_by_hand(&session).await? {
                        return Ok(false);
                    }
                }
            }
            if !self.record.violations.is_empty() {
                return Ok(true);
            }
            self.say(&format!("a person resumes with {}", next.input));
        }
        self.configure(Configuration::Kept).await;
        for deed in load.afterwards {
            let has_ended = match deed {
                Deed::Work(session) => self.work_by_hand(&session).await?,
                Deed::Start(start) => {
                    self.say(&format!(
                        "a person starts {} with {}",
                        start.machine, start.input
                    ));
                    self.start(start.machine, &start.input).await?.is_some()
                }
            };
            if !has_ended || !self.record.violations.is_empty() {
                return Ok(has_ended);
            }
        }
        Ok(true)
    }

    /// A run in which nothing goes wrong succeeds, and one that cannot succeed does not.
    fn check_outcome(
        &mut self,
        start: &Start,
        outcome: &ExecutionOutcome,
        is_excused: bool,
        clusters_before: usize,
    ) {
        let is_blocked = self.is_blocked();
        let is_broken = self.is_configured == Configuration::Broken;
        let run = format!(
            "{} with {} ended {} ({})",
            start.machine,
            start.input,
            outcome.status,
            told(outcome)
        );
        if is_done(outcome) {
            if is_blocked {
                let what = format!("{run}, although too many lines are bad");
                self.violate("rows", vec![what]);
            }
            return;
        }
        if !is_excused && !is_blocked && !is_broken {
            let what = format!("{run}, although nothing struck that may fail it");
            self.violate("reruns", vec![what]);
        }
        let clusters = self.runtime.services().emr.clusters().len();
        if is_broken && !is_excused && clusters > clusters_before {
            let what = format!("{run}, with a cluster, although the configuration is broken");
            self.violate("clusters", vec![what]);
        }
    }

    /// What the mail of a failed run says to start; without a mail the same batch again.
    fn resume_input(&self, outcome: &ExecutionOutcome, mails_before: usize, batch: &str) -> Value {
        let mails = self.timeline.mails();
        let fresh = mails.get(mails_before..).unwrap_or_default();
        let own = mails::about(fresh, &outcome.execution_arn);
        let resume = own.iter().rev().find_map(|mail| mails::resume(mail));
        match resume {
            Some(Resume { machine, input }) if machine == "master" => input,
            _ => json!({"BatchId": batch}),
        }
    }

    async fn land(&mut self, files: Vec<LandedFile>) -> Result<(), RuntimeError> {
        let bucket = self.runtime.bucket()?.to_owned();
        for file in &files {
            let put = self.runtime.services().s3.put(
                &bucket,
                &file.key,
                file.content(),
                PutOptions::default(),
            );
            put.await.map_err(|source| RuntimeError::Upload {
                path: PathBuf::from(&file.key),
                bucket: bucket.clone(),
                key: file.key.clone(),
                source: Box::new(source),
            })?;
        }
        let bad: usize = files.iter().map(|file| file.bad.len()).sum();
        self.say(&match bad {
            0 => format!("{} files land", files.len()),
            bad => format!(
                "{} files land, with {bad} bad lines; {} are allowed",
                files.len(),
                self.rejected_rows_allowed
            ),
        });
        self.landed.push(files);
        Ok(())
    }

    /// Starts an execution, lets everything end, and checks the promises. `None` if something did not end.
    pub(crate) async fn start(
        &mut self,
        machine: &str,
        input: &Value,
    ) -> Result<Option<ExecutionOutcome>, RuntimeError> {
        let before = self.before_a_run();
        let execution = self.runtime.start_execution(machine, None, input).await?;
        self.until_all_has_ended(&execution, &format!("{machine} with {input}"), before)
            .await
    }

    pub(crate) fn before_a_run(&self) -> Before {
        Before {
            mails: self.timeline.mails().len(),
            masters: self.timeline.executions("master").len(),
            timed_out: self.timeline.timed_out().len(),
            struck: self.injector.struck(&self.runtime),
        }
    }

    /// Lets an execution and everything else end, and checks the promises. `None` if something did not end.
    pub(crate) async fn until_all_has_ended(
        &mut self,
        execution: &str,
        what: &str,
        before: Before,
    ) -> Result<Option<ExecutionOutcome>, RuntimeError> {
        let clock = self.runtime.clock().clone();
        let alarm = clock.alarm(clock.after(LONGEST_RUN));
        let ticket = alarm.ticket();
        let work = self.custody.take().unwrap_or_else(|| clock.work());
        let ended = async {
            let work = self.runtime.settled(work).await;
            let outcome = self.runtime.wait(execution).await?;
            Ok::<_, RuntimeError>((outcome, work))
        };
        let outcome = tokio::select! {
            biased;
            outcome = ended => Some(outcome?),
            _work = alarm.rings() => None,
        };
        clock.call_off(ticket);
        let Some((outcome, work)) = outcome else {
            let hours = LONGEST_RUN.as_secs() / 3600;
            let what = format!("{what}, or what it started, has not ended after {hours} hours");
            self.violate("ends", vec![what]);
            return Ok(None);
        };
        self.custody = Some(work);
        for execution in self.timeline.timed_out().into_iter().skip(before.timed_out) {
            let what = format!("{execution} had to be timed out: a wait in it has no deadline");
            self.violate("ends", vec![what]);
        }
        self.check_one_cluster_at_a_time();
        self.check_clusters(&before).await;
        let rows = self.check_rows(false).await;
        self.violate("rows", rows);
        self.check_mails(&before, &outcome).await?;
        Ok(Some(outcome))
    }

    async fn check_rows(&self, settled: bool) -> Vec<String> {
        rows::check(
            &self.runtime,
            &self.world.samples,
            &self.landed,
            self.rejected_rows_allowed,
            settled,
        )
        .await
    }

    pub(crate) fn violate(&mut self, promise: &'static str, found: Vec<String>) {
        for what in found {
            self.say(&format!("VIOLATION ({promise}): {what}"));
            self.record.violations.push(Violation { promise, what });
        }
    }

    pub(crate) fn say(&self, line: &str) {
        self.timeline
            .say(self.runtime.clock().now(), &format!("# {line}"));
    }
}

/// Whether the load is in the warehouse, as far as the run says.
fn is_done(outcome: &ExecutionOutcome) -> bool {
    let told = told(outcome);
    outcome.succeeded() && ["LOADED", "ALREADY_LOADED", "NOTHING_TO_LOAD"].contains(&told.as_str())
}

/// The status that the run's output tells, or its error.
pub(crate) fn told(outcome: &ExecutionOutcome) -> String {
    let output = outcome
        .output
        .as_ref()
        .and_then(|output| output["Status"].as_str());
    output
        .map(str::to_owned)
        .or_else(|| outcome.error.clone())
        .unwrap_or_default()
}
