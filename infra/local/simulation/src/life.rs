//! One simulated life of the pipeline: loads under faults, reruns with the input that the mail gives, and after each run the
//! promises. Everything is real but time, and that functions are called within this process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_services::deadline::reached;
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
use crate::plan::{Load, Plan, Start};
use crate::rows;
use crate::sample::{LandedFile, TableSample};
use crate::schedule::Schedule;
use crate::sight::Sight;
use crate::timeline::Timeline;

/// Every execution must end within this, in pipeline time; the master's own limit is a day.
const LONGEST_RUN: Duration = Duration::from_secs(26 * 3600);
/// EMR's idle policy ends what everything else has forgotten; after this it must have.
const IDLE_POLICY: Duration = Duration::from_secs(4 * 3600);
/// A life that takes this long in real time is stuck: somebody holds the clock and does nothing.
const PATIENCE: Duration = Duration::from_secs(120);
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
            let ended = executor.block_on(async { tokio::time::timeout(PATIENCE, life).await });
            executor.shutdown_background();
            match ended {
                Ok(ended) => ended.map_err(|error| error.to_string()),
                Err(_) => Err(format!(
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
    let mut options = RuntimeOptions::new(folder.path().join("root"))
        .with_project(Arc::clone(&world.project), Functions::InProcess);
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
        custody: None,
    };
    life.custody = Some(life.runtime.clock().work());
    let result = life.run(Plan::draw(seed, &world.samples)).await;
    record.struck = injector.struck(&runtime);
    runtime.shutdown().await;
    result
}

struct Life<'a> {
    world: &'a World,
    runtime: Arc<Runtime>,
    injector: &'a Arc<Injector>,
    timeline: &'a Timeline,
    record: &'a mut Record,
    landed: Vec<Vec<LandedFile>>,
    /// Held whenever nothing is waited for, so that time stands still between two runs.
    custody: Option<Work>,
}

impl Life<'_> {
    async fn run(&mut self, plan: Plan) -> Result<(), RuntimeError> {
        let loads = plan.loads.len();
        for load in plan.loads {
            self.load(load).await?;
            if !self.record.violations.is_empty() {
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
            self.start("master", &input).await?;
        }
        let left = self.check_rows(true).await;
        self.violate("rows", left);
        Ok(())
    }

    async fn load(&mut self, load: Load) -> Result<(), RuntimeError> {
        self.land(load.files).await?;
        let mut next = Start {
            machine: "master",
            input: load.input.clone(),
        };
        for attempt in 1.. {
            let struck_before = self.injector.hits(&self.runtime);
            let mails_before = self.timeline.mails().len();
            let Some(outcome) = self.start(next.machine, &next.input).await? else {
                return Ok(());
            };
            if !self.record.violations.is_empty() {
                return Ok(());
            }
            if is_done(&outcome) {
                break;
            }
            let struck = self.injector.hits(&self.runtime) > struck_before;
            if attempt > 1 && !struck {
                let what = format!(
                    "{} with {} ended {} ({}), although nothing went wrong during it",
                    next.machine,
                    next.input,
                    outcome.status,
                    told(&outcome)
                );
                self.violate("reruns", vec![what]);
                return Ok(());
            }
            if attempt > MOST_ATTEMPTS {
                let what = format!("{} is not loaded after {attempt} runs", load.batch);
                self.violate("reruns", vec![what]);
                return Ok(());
            }
            next = self.next_start(&outcome, mails_before, &load.batch);
        }
        for start in load.afterwards {
            self.say(&format!(
                "a person starts {} with {}",
                start.machine, start.input
            ));
            if self.start(start.machine, &start.input).await?.is_none()
                || !self.record.violations.is_empty()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What the mail of a failed run says to start; without a mail the same batch again.
    fn next_start(&self, outcome: &ExecutionOutcome, mails_before: usize, batch: &str) -> Start {
        let mails = self.timeline.mails();
        let fresh = mails.get(mails_before..).unwrap_or_default();
        let own = mails::about(fresh, &outcome.execution_arn);
        let resume = own.iter().rev().find_map(|mail| mails::resume(mail));
        let input = match resume {
            Some(Resume { machine, input }) if machine == "master" => input,
            _ => json!({"BatchId": batch}),
        };
        self.say(&format!("a person resumes with {input}"));
        Start {
            machine: "master",
            input,
        }
    }

    async fn land(&mut self, files: Vec<LandedFile>) -> Result<(), RuntimeError> {
        let bucket = self.runtime.bucket()?.to_owned();
        for file in &files {
            let put = self.runtime.services().s3.put(
                &bucket,
                &file.key,
                file.content.clone(),
                PutOptions::default(),
            );
            put.await.map_err(|source| RuntimeError::Upload {
                path: PathBuf::from(&file.key),
                bucket: bucket.clone(),
                key: file.key.clone(),
                source: Box::new(source),
            })?;
        }
        self.say(&format!("{} files land", files.len()));
        self.landed.push(files);
        Ok(())
    }

    /// Starts an execution, lets everything end, and checks the promises. `None` if something did not end.
    async fn start(
        &mut self,
        machine: &str,
        input: &Value,
    ) -> Result<Option<ExecutionOutcome>, RuntimeError> {
        let mails_before = self.timeline.mails().len();
        let masters_before = self.timeline.executions("master").len();
        let struck_before = self.injector.struck(&self.runtime);
        let execution = self.runtime.start_execution(machine, None, input).await?;
        let clock = self.runtime.clock().clone();
        let alarm = clock.alarm(clock.after(LONGEST_RUN));
        let ticket = alarm.ticket();
        let work = self.custody.take().unwrap_or_else(|| clock.work());
        let ended = async {
            let work = self.runtime.settled(work).await;
            let outcome = self.runtime.wait(&execution).await?;
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
            let what = format!(
                "{machine} with {input}, or what it started, has not ended after {hours} hours"
            );
            self.violate("ends", vec![what]);
            return Ok(None);
        };
        self.custody = Some(work);
        self.check_clusters(mails_before).await;
        let rows = self.check_rows(false).await;
        self.violate("rows", rows);
        self.check_mails(mails_before, masters_before, &struck_before)
            .await?;
        Ok(Some(outcome))
    }

    async fn check_rows(&self, settled: bool) -> Vec<String> {
        rows::check(&self.runtime, &self.world.samples, &self.landed, settled).await
    }

    /// No cluster may be alive. One that could not be terminated must be named in a mail, and the idle policy ends it.
    async fn check_clusters(&mut self, mails_before: usize) {
        let alive = |runtime: &Runtime| -> Vec<String> {
            let clusters = runtime.services().emr.clusters();
            let alive = clusters
                .into_iter()
                .filter(|cluster| !cluster.state.has_ended());
            alive.map(|cluster| cluster.id).collect()
        };
        let left = alive(&self.runtime);
        if left.is_empty() {
            return;
        }
        let mails = self.timeline.mails();
        let fresh = mails.get(mails_before..).unwrap_or_default();
        for cluster in &left {
            if !fresh
                .iter()
                .any(|mail| mail.message.contains(cluster.as_str()))
            {
                let what = format!("{cluster} is alive after its run, and no mail names it");
                self.violate("clusters", vec![what]);
            }
        }
        self.say(&format!(
            "{} is alive; EMR's idle policy is awaited",
            left.join(", ")
        ));
        let clock = self.runtime.clock().clone();
        let work = self.custody.take().unwrap_or_else(|| clock.work());
        let work = reached(&clock, clock.after(IDLE_POLICY), work).await;
        self.custody = Some(self.runtime.settled(work).await);
        for cluster in alive(&self.runtime) {
            let hours = IDLE_POLICY.as_secs() / 3600;
            let what = format!("{cluster} is alive {hours} hours after its run");
            self.violate("clusters", vec![what]);
        }
    }

    async fn check_mails(
        &mut self,
        mails_before: usize,
        masters_before: usize,
        struck_before: &[Struck],
    ) -> Result<(), RuntimeError> {
        let slack = self.mail_slack(struck_before);
        let mails = self.timeline.mails();
        let fresh = mails.get(mails_before..).unwrap_or_default();
        let masters = self.timeline.executions("master");
        let mut problems = Vec::new();
        for arn in masters.get(masters_before..).unwrap_or_default() {
            let outcome = self.runtime.wait(arn).await?;
            if outcome.succeeded() {
                self.record.succeeded += 1;
            } else {
                self.record.failed += 1;
            }
            let own = mails::about(fresh, arn);
            let loaded = told(&outcome).contains("LOADED") && !told(&outcome).contains("ALREADY");
            let expected = usize::from(!outcome.succeeded() || loaded);
            let least = expected.saturating_sub(slack);
            if !(least..=expected + slack).contains(&own.len()) {
                problems.push(format!(
                    "{} mails about {} {} ({}); {expected} expected",
                    own.len(),
                    arn.rsplit(':').next().unwrap_or_default(),
                    outcome.status,
                    told(&outcome)
                ));
            }
            if !outcome.succeeded()
                && let Some(mail) = own.first()
                && mails::resume(mail).is_none()
            {
                problems.push(format!("the mail `{}` has no resume input", mail.subject));
            }
        }
        self.violate("mails", problems);
        Ok(())
    }

    /// How many mails may be missing or too many, because faults struck the sending of mails itself.
    fn mail_slack(&self, before: &[Struck]) -> usize {
        let struck = self.injector.struck(&self.runtime);
        let mut slack = 0;
        for (index, fault) in struck.iter().enumerate() {
            let known = before.get(index).map_or(0, |fault| fault.hits.len());
            let fresh = fault.hits.iter().skip(known);
            slack += fresh
                .filter(|hit| {
                    let place = (hit.sight.machine.clone(), hit.sight.state.clone());
                    hit.sight.service == "sns" || self.world.mail_states.contains(&place)
                })
                .count();
        }
        slack
    }

    fn violate(&mut self, promise: &'static str, found: Vec<String>) {
        for what in found {
            self.say(&format!("VIOLATION ({promise}): {what}"));
            self.record.violations.push(Violation { promise, what });
        }
    }

    fn say(&self, line: &str) {
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
fn told(outcome: &ExecutionOutcome) -> String {
    let output = outcome
        .output
        .as_ref()
        .and_then(|output| output["Status"].as_str());
    output
        .map(str::to_owned)
        .or_else(|| outcome.error.clone())
        .unwrap_or_default()
}
