//! `pipeline simulate`: many lives of the pipeline under faults (`simulation`), shown as a bar, a table by kind of fault, and
//! for every broken promise the few faults that matter.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use embedded_runtime::Project;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::SignedDuration;
use simulation::campaign::{self, Finding, Summary, Task};
use simulation::{Catalogue, Kind, Schedule, World, live};

use super::run::project_complaint;
use super::screen::print_line;
use super::{Complaint, Exit, coverage, place, signals};
use crate::arguments::{Arguments, SimulateArguments};
use crate::display::figures;
use crate::display::paint::Paint;

/// How many lives, if nothing else is said.
const LIVES: u64 = 100;

/// Lives the lives that were asked for. Each life has a runtime of its own; the given one only waits for Ctrl-C.
pub(crate) fn execute(
    arguments: &Arguments,
    command: &SimulateArguments,
    signals_on: &tokio::runtime::Handle,
) -> Result<Exit, Complaint> {
    let began = Instant::now();
    let folder = place::project(arguments)?;
    let project = Arc::new(Project::load(&folder).map_err(project_complaint)?);
    let schedule = command.faults.as_deref().map(read_schedule).transpose()?;
    let sample = || folder.join(embedded_runtime::project::SAMPLE_DATA);
    let data = command.data.clone().unwrap_or_else(sample);
    let world = World::open(project, &data).map_err(|error| {
        Complaint::usage(
            error,
            "lay files out as KIND/TABLE/FILE, with a header and a few rows",
        )
    })?;
    let paint = Paint::for_term(&console::Term::stdout());
    let threads = command
        .jobs
        .map_or_else(processors, |jobs| usize::try_from(jobs).unwrap_or(1));
    // A schedule of faults that is given needs nobody to look where faults could strike.
    let catalogue = match schedule {
        Some(_) => Catalogue::default(),
        None => match world.scout(threads) {
            Ok(catalogue) => catalogue,
            Err(finding) => {
                print_line("a promise is broken before any fault is drawn:");
                print_finding(&finding, paint);
                return Ok(Exit::Failed);
            }
        },
    };
    let first = match (&schedule, command.seed, command.fresh) {
        (Some(schedule), None, _) => schedule.seed.unwrap_or(1),
        (_, Some(seed), _) => seed,
        (_, None, true) => fresh_seed(),
        (_, None, false) => 1,
    };
    let tasks = tasks(command, &catalogue, schedule.as_ref(), first);
    if command.timeline {
        return Ok(show_timelines(&world, &tasks, paint));
    }
    if command.fresh && !command.json {
        let last = first + tasks.len() as u64 - 1;
        print_line(&format!("fresh seeds {first} to {last}"));
    }
    let wanted = tasks.len();
    let bar = bar(wanted as u64, command.json);
    let stopping = Arc::new(AtomicBool::new(false));
    {
        let _entered = signals_on.enter();
        let stop = signals::watch_for_stop()?;
        let stopping = Arc::clone(&stopping);
        tokio::spawn(async move {
            signals::stopped(stop).await;
            stopping.store(true, Ordering::Relaxed);
        });
    }
    let mut broken = 0;
    let mut progress = |lives: usize, finding: Option<&Finding>| {
        bar.set_position(lives as u64);
        let Some(finding) = finding else { return };
        broken += 1;
        bar.set_message(format!("{broken} broken"));
        if !command.json {
            bar.suspend(|| print_finding(finding, paint));
        }
    };
    // Lives block their threads; those under way end before the command does, so that nothing of theirs is left behind.
    let summary = campaign::run(&world, tasks, threads, &stopping, &mut progress);
    bar.finish_and_clear();
    let exit = match (summary.findings.is_empty(), summary.lives < wanted) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Done,
    };
    if command.json {
        let mut document =
            serde_json::to_value(&summary).map_err(|error| Complaint::failed(error, ""))?;
        document["firstSeed"] = first.into();
        document["wallSeconds"] = began.elapsed().as_secs_f64().into();
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Complaint::failed(error, ""))?;
        print_line(&text);
        return Ok(exit);
    }
    print_summary(&summary, first, began.elapsed(), command, paint);
    Ok(exit)
}

/// Reads a schedule of faults.
pub(crate) fn read_schedule(path: &Path) -> Result<Schedule, Complaint> {
    Schedule::read(path).map_err(|error| {
        let kinds: Vec<String> = Kind::ALL.iter().map(ToString::to_string).collect();
        let advice = format!(
            "one [[fault]] per fault, each with a kind: {}",
            kinds.join(", ")
        );
        Complaint::usage(error, advice)
    })
}

fn tasks(
    command: &SimulateArguments,
    catalogue: &Catalogue,
    schedule: Option<&Schedule>,
    first: u64,
) -> Vec<Task> {
    let single = command.seed.is_some() || schedule.is_some();
    let lives = command.seeds.unwrap_or(if single { 1 } else { LIVES });
    if command.exhaustive {
        let every = usize::try_from(command.every).unwrap_or(usize::MAX);
        let faults = catalogue.every_fault().into_iter().step_by(every);
        let alone = faults.map(|faults| Task {
            seed: first,
            schedule: Schedule {
                seed: Some(first),
                faults,
            },
        });
        return alone.collect();
    }
    (first..first.saturating_add(lives))
        .map(|seed| Task {
            seed,
            schedule: schedule.cloned().unwrap_or_else(|| catalogue.draw(seed)),
        })
        .collect()
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A seed that is different each time; small enough to be typed.
fn fresh_seed() -> u64 {
    virtual_time::Entropy::unpredictable().below(1_000_000_000)
}

fn bar(lives: u64, hidden: bool) -> ProgressBar {
    let target = if hidden {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(lives), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} lives  {eta} left  {msg}");
    // The template is a constant; without it the bar would only look different.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn show_timelines(world: &World, tasks: &[Task], paint: Paint) -> Exit {
    let mut exit = Exit::Done;
    for task in tasks {
        let record = live(world, task.seed, &task.schedule, false);
        print_line(&paint.strong(&format!("seed {}", task.seed)));
        for fault in &task.schedule.faults {
            print_line(&format!("  fault: {}", fault.describe()));
        }
        for line in &record.timeline {
            print_line(line);
        }
        for struck in &record.struck {
            let times = match struck.hits.len() {
                0 => "never reached".to_owned(),
                1 => "struck once".to_owned(),
                more => format!("struck {more} times"),
            };
            print_line(&format!("{}: {times}", struck.fault));
        }
        if !record.violations.is_empty() {
            exit = Exit::Failed;
        }
    }
    exit
}

fn print_finding(finding: &Finding, paint: Paint) {
    print_line("");
    print_line(&paint.bad(&format!("seed {}: a promise was broken", finding.seed)));
    for violation in &finding.violations {
        print_line(&format!("  {}: {}", violation.promise, violation.what));
    }
    print_line("  what happened:");
    for line in &finding.timeline {
        print_line(&format!("    {line}"));
    }
    let faults = finding.schedule.matches("[[fault]]").count();
    print_line(&format!(
        "  the faults that matter ({faults} of {}); save them to a file for `simulate --faults` or `run --faults`:",
        finding.faults_before
    ));
    for line in finding.schedule.lines() {
        print_line(&format!("    {line}"));
    }
}

fn print_summary(
    summary: &Summary,
    first: u64,
    wall: Duration,
    command: &SimulateArguments,
    paint: Paint,
) {
    if command.coverage {
        for line in coverage::lines(&summary.coverage) {
            print_line(&line);
        }
    }
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "fault", "planned", "reached", "struck", "runs ok", "failed", "broken",
    ]);
    for (kind, figures) in &summary.kinds {
        table.add_row([
            kind.to_string(),
            figures.planned.to_string(),
            figures.reached.to_string(),
            figures.injected.to_string(),
            figures.runs_succeeded.to_string(),
            figures.runs_failed.to_string(),
            figures.violations.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    print_line("");
    print_line(&table.to_string());
    print_line("");
    let span = |seconds: i64| figures::duration(SignedDuration::from_secs(seconds));
    let longest: Vec<String> = summary
        .longest
        .iter()
        .map(|(machine, seconds)| format!("{machine} {}", span(*seconds)))
        .collect();
    print_line(&format!("longest in pipeline time: {}", longest.join(", ")));
    let struck: usize = summary.kinds.values().map(|kind| kind.injected).sum();
    let wall = SignedDuration::try_from(wall).unwrap_or_default();
    let mut line = format!(
        "{} from seed {first}: {} masters succeeded, {} failed, {} in {}",
        figures::counted(summary.lives as u64, "life").replace("lifes", "lives"),
        summary.runs_succeeded,
        summary.runs_failed,
        figures::counted(struck as u64, "fault"),
        figures::duration(wall)
    );
    let _ = match summary.findings.len() {
        0 => write!(line, "; every promise was kept"),
        1 => write!(line, "; a promise was broken in one"),
        more => write!(line, "; promises were broken in {more}"),
    };
    print_line(&if summary.findings.is_empty() {
        paint.good(&line)
    } else {
        paint.bad(&line)
    });
}

/// What became of the faults of a run, in lines for its end.
pub(crate) fn struck_lines(struck: &[simulation::Struck], began: jiff::Timestamp) -> Vec<String> {
    let mut lines = vec!["Faults".to_owned()];
    for fault in struck {
        let times = match fault.hits.len() {
            0 => "never reached".to_owned(),
            1 => "struck once".to_owned(),
            more => format!("struck {more} times"),
        };
        lines.push(format!("  {:<16} {}", times, fault.fault));
        let Some(hit) = fault.hits.first() else {
            continue;
        };
        let at = hit.at.map(|at| figures::since(began, at));
        let place = match (hit.sight.machine.as_str(), hit.sight.state.as_str()) {
            ("", _) => None,
            (machine, state) => Some(format!("`{state}` of {machine}")),
        };
        let told: Vec<String> = [at, place].into_iter().flatten().collect();
        if !told.is_empty() {
            lines.push(format!("  {:<16} first at {}", "", told.join(", ")));
        }
    }
    lines.push(String::new());
    lines
}

/// Complains about a run whose clock cannot be waited for by faults.
pub(crate) fn refuse_real_clock() -> Complaint {
    Complaint::usage(
        anyhow!("--faults needs --clock virtual: a hung call would hang for real"),
        "leave --clock out",
    )
}
