//! Many lives: seeds spread over threads, each life on one of them, and what they amount to. `pipeline simulate` runs one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use embedded_runtime::Project;
use embedded_runtime::runtime::surroundings;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::draw::Catalogue;
use crate::kind::Kind;
use crate::life::{Record, Violation, World, live};
use crate::sample::{SampleError, samples};
use crate::schedule::{Fault, Schedule};
use crate::shrink::shrink;
use crate::sight::{Sight, own_name};

/// Lives without faults that the catalogue is made from: one seed with one load, and others with more.
const SCOUTS: u64 = 4;
/// The function that sends mails.
pub(crate) const MAILER: &str = "send_msg_sns";
/// The seed of those that see the failure paths.
const FAILING: u64 = 1;

/// A life to be lived.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its seed: files, reruns, jitter.
    pub seed: u64,
    /// Its faults.
    pub schedule: Schedule,
}

/// What one kind of fault came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct KindFigures {
    /// In how many schedules it was.
    pub planned: usize,
    /// In how many lives it was reached.
    pub reached: usize,
    /// How often it struck.
    pub injected: usize,
    /// Masters that succeeded in the lives where it was reached.
    pub runs_succeeded: usize,
    /// Masters that failed, timed out or were stopped there.
    pub runs_failed: usize,
    /// Lives with it in which a promise was broken.
    pub violations: usize,
}

/// A life in which a promise was broken.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The seed.
    pub seed: u64,
    /// What was broken, after shrinking.
    pub violations: Vec<Violation>,
    /// The few faults that matter, as a file for `run --faults` and `simulate --faults`.
    pub schedule: String,
    /// How many faults the schedule had before.
    pub faults_before: usize,
    /// What happened.
    pub timeline: Vec<String>,
}

/// What a campaign came to.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Lives.
    pub lives: usize,
    /// Masters that succeeded.
    pub runs_succeeded: usize,
    /// Masters that did not.
    pub runs_failed: usize,
    /// By kind of fault.
    pub kinds: BTreeMap<Kind, KindFigures>,
    /// The longest execution of each machine, in seconds of pipeline time.
    pub longest: BTreeMap<String, i64>,
    /// How often each kind struck at each state, as `machine: state`.
    pub coverage: BTreeMap<String, BTreeMap<Kind, usize>>,
    /// Lives in which a promise was broken.
    pub findings: Vec<Finding>,
}

impl World {
    /// The world of a project: its sample data, and a folder in memory if the machine has one.
    pub fn open(project: Arc<Project>, data: &Path) -> Result<Self, SampleError> {
        let samples = samples(&project, data)?;
        let mail_states = mail_states(&project);
        Ok(Self {
            project,
            samples,
            folder: scratch_folder(),
            mail_states,
        })
    }

    /// Lives a few lives on `threads` threads, without faults and with one that leads to the failure paths, and learns from
    /// them where faults can strike.
    pub fn scout(&self, threads: usize) -> Result<Catalogue, Finding> {
        let sound = (1..=SCOUTS).map(|seed| Task {
            seed,
            schedule: Schedule::default(),
        });
        let failing = failures().into_iter().map(|fault| Task {
            seed: FAILING,
            schedule: Schedule {
                seed: None,
                faults: vec![fault],
            },
        });
        let tasks: Vec<Task> = sound.chain(failing).collect();
        let queue = AtomicUsize::new(0);
        let records = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let number = queue.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(number) else {
                            return;
                        };
                        let record = live(self, task.seed, &task.schedule, false);
                        records.lock().insert(number, record);
                    }
                });
            }
        });
        let records: Vec<Record> = records.into_inner().into_values().collect();
        match records
            .iter()
            .position(|record| !record.violations.is_empty())
        {
            Some(broken) => {
                let mut records = records;
                let record = records.swap_remove(broken);
                let faults = record.schedule.faults.len();
                Err(finding(record, faults))
            }
            None => Ok(Catalogue::of(&records)),
        }
    }
}

/// Faults that lead to states that no run comes to otherwise.
fn failures() -> Vec<Fault> {
    let deny = |action: &str| Fault {
        service: Some("elasticmapreduce".to_owned()),
        action: Some(action.to_owned()),
        times: Some(30),
        ..Fault::new(Kind::Deny)
    };
    vec![
        Fault {
            step: Some("load ".to_owned()),
            ..Fault::new(Kind::StepFails)
        },
        Fault {
            machine: Some("master".to_owned()),
            after_seconds: Some(400),
            ..Fault::new(Kind::Abort)
        },
        Fault::new(Kind::LaunchFails),
        deny("TerminateJobFlows"),
        deny("RunJobFlow"),
    ]
}

/// The states that send mails, by machine, and those that lead to one in the same instant.
fn mail_states(project: &Project) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    // A template that cannot be resolved is refused when the first life begins.
    let Ok(stack) = project.template.resolve(&surroundings(), &BTreeMap::new()) else {
        return found;
    };
    for machine in &stack.state_machines {
        let text = project.rendered_definition(machine).unwrap_or_default();
        let definition: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut blocks = vec![&definition];
        while let Some(block) = blocks.pop() {
            let mut senders = BTreeSet::new();
            for (name, state) in block["States"].as_object().into_iter().flatten() {
                let resource = state["Resource"].as_str().unwrap_or_default();
                // The ARN of a function ends in an alias.
                if resource.split(':').any(|part| own_name(part) == MAILER) {
                    senders.insert(name.as_str());
                }
                blocks.push(&state["ItemProcessor"]);
                blocks.extend(state["Branches"].as_array().into_iter().flatten());
            }
            let machine = own_name(&machine.name);
            let leading = leading_to(block, senders);
            found.extend(leading.map(|state| (machine.to_owned(), state.to_owned())));
        }
    }
    found
}

/// The states themselves, and those of the same block that only think before they pass on to one of them.
fn leading_to<'a>(
    block: &'a Value,
    mut states: BTreeSet<&'a str>,
) -> impl Iterator<Item = &'a str> {
    loop {
        let before = states.len();
        for (name, state) in block["States"].as_object().into_iter().flatten() {
            let choices = state["Choices"].as_array().into_iter().flatten();
            let mut next = choices
                .map(|choice| &choice["Next"])
                .chain([&state["Next"], &state["Default"]]);
            let thinks = state["Type"] == "Pass" || state["Type"] == "Choice";
            if thinks && next.any(|next| next.as_str().is_some_and(|next| states.contains(next))) {
                states.insert(name);
            }
        }
        if states.len() == before {
            return states.into_iter();
        }
    }
}

/// Where files are cheap: nothing of a simulation needs to outlive it.
fn scratch_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let usable = memory.is_dir() && tempfile::tempdir_in(memory).is_ok();
    if usable {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Lives all lives on `threads` threads, and calls `progress` after each with the number of lives so far and with what was
/// found in it. Begins no more once `stop` is set. The summary does not depend on the number of threads.
pub fn run(
    world: &World,
    tasks: Vec<Task>,
    threads: usize,
    stop: &AtomicBool,
    mut progress: impl FnMut(usize, Option<&Finding>),
) -> Summary {
    let queue: Mutex<VecDeque<(usize, Task)>> = Mutex::new(tasks.into_iter().enumerate().collect());
    let (sender, ended) = mpsc::channel();
    let mut summary = Summary::default();
    let mut findings = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || {
                loop {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let next = queue.lock().pop_front();
                    let Some((number, task)) = next else { return };
                    let record = live(world, task.seed, &task.schedule, false);
                    let before = record.schedule.faults.len();
                    let figures = Figures::of(&record);
                    let finding = (!record.violations.is_empty())
                        .then(|| finding(shrink(world, record), before));
                    if sender.send((number, figures, finding)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (number, figures, finding) in ended {
            summary.add(figures);
            progress(summary.lives, finding.as_ref());
            findings.extend(finding.map(|finding| (number, finding)));
        }
    });
    summary.findings = findings.into_values().collect();
    summary
}

fn finding(record: Record, faults_before: usize) -> Finding {
    Finding {
        seed: record.seed,
        violations: record.violations,
        schedule: Schedule {
            seed: Some(record.seed),
            faults: record.schedule.faults,
        }
        .to_toml(),
        faults_before,
        timeline: record.timeline,
    }
}

/// What is counted of a life.
struct Figures {
    succeeded: usize,
    failed: usize,
    broken: bool,
    struck: Vec<(Kind, Vec<Sight>)>,
    longest: BTreeMap<String, i64>,
}

impl Figures {
    fn of(record: &Record) -> Self {
        let struck = record.struck.iter().map(|struck| {
            let sights = struck.hits.iter().map(|hit| hit.sight.clone());
            (struck.kind, sights.collect())
        });
        Self {
            succeeded: record.succeeded,
            failed: record.failed,
            broken: !record.violations.is_empty(),
            struck: struck.collect(),
            longest: record.longest.clone(),
        }
    }
}

impl Summary {
    fn add(&mut self, life: Figures) {
        self.lives += 1;
        self.runs_succeeded += life.succeeded;
        self.runs_failed += life.failed;
        for (machine, seconds) in life.longest {
            let longest = self.longest.entry(machine).or_default();
            *longest = seconds.max(*longest);
        }
        let mut kinds = BTreeSet::new();
        for (kind, sights) in &life.struck {
            let figures = self.kinds.entry(*kind).or_default();
            figures.injected += sights.len();
            if kinds.insert(*kind) {
                figures.planned += 1;
            }
            for sight in sights {
                let place = match (sight.machine.as_str(), sight.state.as_str()) {
                    ("", _) if sight.service == "cluster" => format!("step: {}", sight.action),
                    ("", _) => "outside of state machines".to_owned(),
                    (machine, state) => format!("{machine}: {state}"),
                };
                *self
                    .coverage
                    .entry(place)
                    .or_default()
                    .entry(*kind)
                    .or_default() += 1;
            }
        }
        for kind in kinds {
            let reached = life
                .struck
                .iter()
                .any(|(own, sights)| *own == kind && !sights.is_empty());
            let figures = self.kinds.entry(kind).or_default();
            if reached {
                figures.reached += 1;
                figures.runs_succeeded += life.succeeded;
                figures.runs_failed += life.failed;
                figures.violations += usize::from(life.broken);
            }
        }
    }
}
