//! `pipeline compare-engines`: holds the Hive engine against Spark and pyarrow, and prints what differs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use hive_engine::corpus::read_folder;

use super::screen::print_line;
use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, CompareArguments};
use crate::compare::judge::Judge;
use crate::compare::tally::Tally;
use crate::compare::{cases, loads};

const CORPUS: &str = "infra/local/hive-engine/tests/corpus";
const REQUIREMENTS: &str = "infra/local/hive-engine/tests/judge/requirements.txt";

/// Compares; exit status 1 when something differs that nobody has explained.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &CompareArguments,
) -> Result<Exit, Complaint> {
    let project = place::project(arguments)?;
    let advice = format!(
        "it needs Java 17 and a Python with {REQUIREMENTS}: \
         python3 -m venv target/judges/spark && target/judges/spark/bin/pip install -r {REQUIREMENTS}"
    );
    let failed = |error: anyhow::Error| Complaint::failed(error, advice.clone());
    let python = match &command.python {
        // The judge runs in a folder of its own; links stay, for they are how an environment is found.
        Some(python) if python.components().count() > 1 => {
            std::path::absolute(python).map_err(|error| failed(error.into()))?
        }
        Some(python) => python.clone(),
        None => project.join("target/judges/spark/bin/python"),
    };
    let folder = scratch(command.keep.as_ref()).map_err(failed)?;
    let outcome = run(command, &project, &python, &folder).await;
    if command.keep.is_none() {
        // What cannot be removed lies in the temporary folder.
        let _ = std::fs::remove_dir_all(&folder);
    }
    let tally = outcome.map_err(failed)?;
    if command.json {
        let document = serde_json::to_string_pretty(&tally);
        print_line(&document.map_err(|error| failed(error.into()))?);
    } else {
        print_line(tally.as_text(command.reasons).trim_end());
    }
    Ok(if tally.unexplained.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn scratch(keep: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = match keep {
        Some(folder) => std::path::absolute(folder)?,
        None => std::env::temp_dir().join(format!("compare-engines-{}", std::process::id())),
    };
    if folder.exists() && std::fs::read_dir(&folder)?.next().is_some() {
        return Err(anyhow!("{} is not empty", folder.display()));
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

async fn run(
    command: &CompareArguments,
    project: &std::path::Path,
    python: &std::path::Path,
    folder: &std::path::Path,
) -> anyhow::Result<Tally> {
    let wanted = |name: &str| command.only.as_ref().is_none_or(|only| name.contains(only));
    let files = read_folder(&project.join(CORPUS))?;
    let files: Vec<_> = files
        .into_iter()
        .filter(|file| wanted(&file.name))
        .collect();
    if files.is_empty() && !wanted(loads::NAME) {
        return Err(anyhow!(
            "no corpus file has that in its name; the loads are called {}",
            loads::NAME
        ));
    }
    let mut judge = Judge::start(python, project, &folder.join("spark"))?;
    let mut tally = Tally::default();
    let say = |name: &str| {
        if !command.json {
            // Nobody needs the line so much that the comparison should end for it.
            let _ = writeln!(std::io::stderr(), "comparing {name}");
        }
    };
    if wanted(loads::NAME) {
        say(loads::NAME);
        loads::compare(project, &folder.join(loads::NAME), &mut judge, &mut tally).await?;
    }
    for file in &files {
        say(&file.name);
        cases::compare(file, &folder.join(&file.name), &mut judge, &mut tally).await?;
    }
    Ok(tally)
}
