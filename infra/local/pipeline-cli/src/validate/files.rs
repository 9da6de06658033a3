//! Reads the project's files for `validate`: template, state machines, scripts and config, wherever something is missing
//! going on with the rest.

use std::path::Path;

use super::machine::Machine;
use super::problem::Problem;
use super::table_rules::Script;
use super::template::Template;

/// The template's place in a project.
pub const TEMPLATE: &str = "infra/aws/template.yaml";
/// The config's place in a project.
pub const CONFIG: &str = "infra/aws/config.ini";
const MACHINES: &str = "state_machines";
const SCRIPTS: &str = "hive_scripts";

/// What could be read.
#[derive(Debug, Default)]
pub struct Files {
    /// The template, if it is YAML.
    pub template: Option<Template>,
    /// The text of the config, if it is there.
    pub config: Option<String>,
    /// The state machine files that are JSON.
    pub machines: Vec<Machine>,
    /// Their paths, also of those that are not JSON.
    pub machine_files: Vec<String>,
    /// The Hive scripts.
    pub scripts: Vec<Script>,
}

/// Reads everything below the project's folder; what cannot be read comes back as problems.
pub fn read(project: &Path) -> (Files, Vec<Problem>) {
    let mut files = Files::default();
    let mut problems = Vec::new();
    if let Some(text) = read_text(project, TEMPLATE, &mut problems) {
        match Template::parse(TEMPLATE, &text) {
            Ok(template) => files.template = Some(template),
            Err(error) => problems.push(Problem::new(
                "syntax",
                TEMPLATE,
                error.line,
                format!("not YAML: {}.", error.message),
                "Correct the line; nothing that depends on the template could be checked.",
            )),
        }
    }
    files.config = read_text(project, CONFIG, &mut problems);
    files.machine_files = list(project, MACHINES, ".asl.json", &mut problems);
    for file in &files.machine_files {
        let Some(text) = read_text(project, file, &mut problems) else {
            continue;
        };
        match Machine::parse(file, &text) {
            Ok(machine) => files.machines.push(machine),
            Err(error) => problems.push(Problem::new(
                "syntax",
                file,
                error.line,
                error.message,
                "Correct the line; nothing else in this file could be checked.",
            )),
        }
    }
    for file in list(project, SCRIPTS, ".sql", &mut problems) {
        if let Some(text) = read_text(project, &file, &mut problems) {
            files.scripts.push(Script { file, text });
        }
    }
    (files, problems)
}

fn read_text(project: &Path, file: &str, problems: &mut Vec<Problem>) -> Option<String> {
    match std::fs::read_to_string(project.join(file)) {
        Ok(text) => Some(text),
        Err(error) => {
            problems.push(Problem::new(
                "unreadable-file",
                file,
                1,
                format!("cannot be read: {error}."),
                "",
            ));
            None
        }
    }
}

/// The files below a folder, sorted, as paths relative to the project.
fn list(project: &Path, folder: &str, ending: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(project.join(&folder)) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(Problem::new(
                    "unreadable-file",
                    &folder,
                    1,
                    format!("cannot be read: {error}."),
                    "",
                ));
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                open.push(path);
            } else if path.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
