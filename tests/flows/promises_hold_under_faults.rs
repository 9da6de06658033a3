//! The simulation finds what is broken, and lives the same life for the same seed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use embedded_runtime::Project;
use simulation::{Catalogue, Fault, Kind, Schedule, Task, World, campaign, live};

use crate::harness::{project_folder, sample_data};

fn world(project: &Path) -> Result<World> {
    let project = Arc::new(Project::load(project)?);
    Ok(World::open(project, &sample_data())?)
}

/// A schedule that touches calls, functions, a step and a person.
fn several_faults(seed: u64) -> Schedule {
    let call = |kind, service: &str, action: &str| Fault {
        service: Some(service.to_owned()),
        action: Some(action.to_owned()),
        ..Fault::new(kind)
    };
    Schedule {
        seed: Some(seed),
        faults: vec![
            call(Kind::LoseResponse, "elasticmapreduce", "RunJobFlow"),
            call(Kind::HangAfter, "elasticmapreduce", "AddJobFlowSteps"),
            Fault {
                function: Some("status_step_emr".to_owned()),
                nth: Some(2),
                ..Fault::new(Kind::FunctionTimeout)
            },
            Fault {
                step: Some("load fact".to_owned()),
                ..Fault::new(Kind::StepFailsAtEnd)
            },
            Fault {
                machine: Some("fact-process".to_owned()),
                state: Some("Mark as loaded".to_owned()),
                ..Fault::new(Kind::ScheduleFiresTwice)
            },
        ],
    }
}

#[test]
fn the_same_seed_is_the_same_life_byte_for_byte() -> Result<()> {
    let world = world(&project_folder())?;
    let one = live(&world, 3, &several_faults(3), true);
    let other = live(&world, 3, &several_faults(3), true);
    let struck = one.struck.iter().filter(|fault| !fault.hits.is_empty());
    ensure!(struck.count() >= 4, "{:#?}", one.struck);
    let lines = one.full.lines().zip(other.full.lines());
    for (number, (first, second)) in lines.enumerate() {
        ensure!(
            first == second,
            "occurrence {number} differs:\n{first}\n{second}"
        );
    }
    assert_eq!(one.full.len(), other.full.len());
    assert_eq!(one.timeline, other.timeline);
    Ok(())
}

/// A copy of the project in which every `from` of a file is `to`.
fn changed_project(file: &str, from: &str, to: &str) -> Result<tempfile::TempDir> {
    let copy = tempfile::TempDir::new()?;
    for folder in ["infra/aws", "state_machines", "hive_scripts"] {
        for entry in walkdir::WalkDir::new(project_folder().join(folder)) {
            let entry = entry?;
            let target = copy
                .path()
                .join(entry.path().strip_prefix(project_folder())?);
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(target)?;
            } else {
                std::fs::copy(entry.path(), target)?;
            }
        }
    }
    let path = copy.path().join(file);
    let text = std::fs::read_to_string(&path)?;
    ensure!(text.contains(from), "{file} has no {from}");
    std::fs::write(path, text.replace(from, to))?;
    Ok(copy)
}

#[test]
fn a_broken_promise_is_found_and_traced_to_the_fault_that_matters() -> Result<()> {
    // A failure that goes past the notification is a failure that nobody hears of.
    let project = changed_project(
        "state_machines/master.asl.json",
        "machine does not know\"\n        }\n      },\n      \"Next\": \"Tell of the failure\"",
        "machine does not know\"\n        }\n      },\n      \"Next\": \"Failed with\"",
    )?;
    let world = world(project.path())?;
    let refused = Fault {
        machine: Some("master".to_owned()),
        state: Some("Is another run active".to_owned()),
        ..Fault::new(Kind::MalformedAnswer)
    };
    let mut schedule = several_faults(1);
    schedule.faults.truncate(1);
    schedule.faults.push(refused);
    let tasks = vec![Task { seed: 1, schedule }];
    let summary = campaign::run(&world, tasks, 1, &AtomicBool::new(false), |_, _| {});
    let finding = summary.findings.first().context("nothing was found")?;
    ensure!(
        finding
            .violations
            .iter()
            .any(|violation| violation.promise == "mails"),
        "{:?}",
        finding.violations
    );
    let kept = Schedule::parse("finding", &finding.schedule)?;
    assert_eq!(kept.faults.len(), 1, "{}", finding.schedule);
    assert_eq!(kept.seed, Some(1));
    Ok(())
}

#[test]
fn a_fault_that_strikes_every_run_ends_only_when_its_cause_is_removed() -> Result<()> {
    let world = world(&project_folder())?;
    let answer = Fault {
        function: Some("submit_cmd_run_step_emr".to_owned()),
        machine: Some("dimension-process".to_owned()),
        times: Some(1000),
        ..Fault::new(Kind::UnexpectedStatus)
    };
    let schedule = Schedule {
        seed: Some(60),
        faults: vec![answer],
    };
    let life = live(&world, 60, &schedule, false);
    assert_eq!(life.violations, []);
    let mended = "what went wrong so far is mended";
    let lines = life.timeline.iter();
    assert_eq!(lines.filter(|line| line.contains(mended)).count(), 1);
    assert_eq!((life.failed, life.succeeded > 0), (4, true));
    Ok(())
}

#[test]
fn random_schedules_are_drawn_where_something_happens() -> Result<()> {
    let world = world(&project_folder())?;
    let record = live(&world, 1, &Schedule::default(), false);
    assert_eq!(record.violations, []);
    for state in ["Tell of the success", "Tell of the failure"] {
        let place = ("master".to_owned(), state.to_owned());
        ensure!(world.mail_states.contains(&place), "{state} sends mails");
    }
    let catalogue = Catalogue::of(&[record]);
    assert_eq!(catalogue.draw(5), catalogue.draw(5));
    let kinds: std::collections::BTreeSet<Kind> = (0..400)
        .flat_map(|seed| catalogue.draw(seed).faults)
        .map(|fault| fault.kind)
        .collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    let every = catalogue.every_fault();
    assert!(every.len() > 1000, "{}", every.len());
    let again: Result<Schedule, _> = Schedule::parse(
        "every",
        &Schedule {
            seed: None,
            faults: every.concat(),
        }
        .to_toml(),
    );
    assert!(again.is_ok(), "{again:?}");
    Ok(())
}
