//! The project's files: template, configuration, state machines and scripts. Provisioning and `pipeline validate` read
//! them from here.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::problem::{Position, Problem, listed};
use crate::template::resources::StateMachine;
use crate::template::{Template, placeholders};

/// The template, which also marks the project's folder.
pub const TEMPLATE: &str = "infra/aws/template.yaml";

/// The configuration, which becomes an object in the bucket.
pub const CONFIG: &str = "infra/aws/config.ini";

/// The scripts' folder.
pub const SCRIPTS: &str = "hive_scripts";

/// The landing files' folder.
pub const SAMPLE_DATA: &str = "sample_data";

/// The kinds of tables, as they occur in folders, keys and databases.
pub const KINDS: [&str; 2] = ["dimension", "fact"];

/// Why a project could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Neither the folder nor one above it has a template.
    #[error("{} is not in a project: neither it nor a folder above it has {TEMPLATE}", start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The template has problems.
    #[error("the project has problems:{}", listed(.problems))]
    Invalid {
        /// All of them.
        problems: Vec<Problem>,
    },
}

/// A text file of the project.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the project's folder.
    pub path: Arc<Path>,
    /// Its content.
    pub text: String,
}

/// A script of `hive_scripts`.
#[derive(Debug, Clone)]
pub struct Script {
    /// The folder within `hive_scripts`: `ddl`, `dimension` or `fact`; empty for a script outside.
    pub folder: String,
    /// The file's name without `.sql`: the table.
    pub table: String,
    /// The script.
    pub source: SourceFile,
}

/// A table of the pipeline: it has a load script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PipelineTable {
    /// `dimension` or `fact`.
    pub kind: String,
    /// Its name, without a database.
    pub name: String,
}

/// The files of a project, read once.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's folder, absolute.
    pub folder: PathBuf,
    /// The template.
    pub template: Template,
    /// The configuration, if there is one.
    pub config: Option<SourceFile>,
    /// The scripts, by folder and name.
    pub scripts: Vec<Script>,
}

impl Project {
    /// The project's folder: `start` or the next one above it that has a template.
    pub fn find(start: &Path) -> Result<PathBuf, ProjectError> {
        let absolute = std::path::absolute(start).map_err(|source| ProjectError::Unreadable {
            path: start.to_owned(),
            source,
        })?;
        let found = absolute
            .ancestors()
            .find(|folder| folder.join(TEMPLATE).is_file());
        found
            .map(Path::to_owned)
            .ok_or(ProjectError::NotFound { start: absolute })
    }

    /// Reads the project that `start` lies in.
    pub fn load(start: &Path) -> Result<Self, ProjectError> {
        let folder = Self::find(start)?;
        let template = read(&folder, Path::new(TEMPLATE))?;
        let template = Template::parse(template.path, &template.text)
            .map_err(|problems| ProjectError::Invalid { problems })?;
        let config = match read(&folder, Path::new(CONFIG)) {
            Ok(config) => Some(config),
            Err(ProjectError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        let scripts = read_scripts(&folder)?;
        Ok(Self {
            folder,
            template,
            config,
            scripts,
        })
    }

    /// Every table that has a load script, by kind and name.
    pub fn tables(&self) -> Vec<PipelineTable> {
        let loads = self
            .scripts
            .iter()
            .filter(|script| KINDS.contains(&script.folder.as_str()));
        let mut tables: Vec<PipelineTable> = loads
            .map(|script| PipelineTable {
                kind: script.folder.clone(),
                name: script.table.clone(),
            })
            .collect();
        tables.sort();
        tables
    }

    /// A state machine's definition as it is written, with its placeholders.
    pub fn definition(&self, machine: &StateMachine) -> Result<SourceFile, Problem> {
        let written = &machine.definition;
        let base = Path::new(TEMPLATE).parent().unwrap_or(Path::new(""));
        let path = normalised(&base.join(written));
        read(&self.folder, &path).map_err(|error| {
            let problem = format!("{}: {error}", machine.logical_id);
            machine.definition_position.problem(problem)
        })
    }

    /// A state machine's definition with everything substituted. A placeholder that nothing fills and a substitution that
    /// nothing uses are both mistakes.
    pub fn rendered_definition(&self, machine: &StateMachine) -> Result<String, Vec<Problem>> {
        let source = self.definition(machine).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut rendered = String::with_capacity(source.text.len() * 2);
        let mut copied = 0;
        let mut used = Vec::new();
        for (offset, name) in placeholders(&source.text) {
            used.push(name);
            let Some((value, _)) = machine.substitutions.get(name) else {
                let position = Position::of_offset(Arc::clone(&source.path), &source.text, offset);
                let owner = &machine.logical_id;
                problems.push(position.problem(format!(
                    "{owner} has no DefinitionSubstitutions entry for ${{{name}}}"
                )));
                continue;
            };
            rendered.push_str(&source.text[copied..offset]);
            rendered.push_str(value);
            copied = offset + name.len() + 3;
        }
        rendered.push_str(&source.text[copied..]);
        for (name, (_, position)) in &machine.substitutions {
            if !used.contains(&name.as_str()) {
                let file = source.path.display();
                let problem = format!("{}: {file} does not use ${{{name}}}", machine.logical_id);
                problems.push(position.problem(problem));
            }
        }
        if problems.is_empty() {
            Ok(rendered)
        } else {
            Err(problems)
        }
    }
}

fn read(folder: &Path, path: &Path) -> Result<SourceFile, ProjectError> {
    let absolute = folder.join(path);
    let text = fs::read_to_string(&absolute).map_err(|source| ProjectError::Unreadable {
        path: absolute,
        source,
    })?;
    Ok(SourceFile {
        path: Arc::from(path),
        text,
    })
}

fn read_scripts(folder: &Path) -> Result<Vec<Script>, ProjectError> {
    let top = folder.join(SCRIPTS);
    if !top.is_dir() {
        return Ok(Vec::new());
    }
    let mut scripts = Vec::new();
    for entry in WalkDir::new(&top).sort_by_file_name() {
        let entry = entry.map_err(|error| ProjectError::Unreadable {
            path: error.path().unwrap_or(&top).to_owned(),
            source: error.into(),
        })?;
        let path = entry.path();
        if !entry.file_type().is_file()
            || path.extension().is_none_or(|extension| extension != "sql")
        {
            continue;
        }
        let relative = path.strip_prefix(folder).unwrap_or(path);
        let within = path.strip_prefix(&top).unwrap_or(path);
        let parent = within.parent().unwrap_or(Path::new(""));
        scripts.push(Script {
            folder: parent.to_string_lossy().into_owned(),
            table: within
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            source: read(folder, relative)?,
        });
    }
    Ok(scripts)
}

/// The path without `..`, so that messages name files as a user would.
fn normalised(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Surroundings;
    use std::collections::BTreeMap;

    fn project(
        definition: &str,
        substitutions: &str,
    ) -> (tempfile::TempDir, Project, StateMachine) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("infra/aws")).unwrap();
        fs::write(folder.path().join("m.json"), definition).unwrap();
        let template = format!(
            "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Name: m\n      DefinitionUri: ../../m.json\n      \
             DefinitionSubstitutions: {substitutions}\n"
        );
        fs::write(folder.path().join(TEMPLATE), template).unwrap();
        let project = Project::load(&folder.path().join("infra")).unwrap();
        let surroundings = Surroundings {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            stack_name: "s".to_owned(),
        };
        let stack = project
            .template
            .resolve(&surroundings, &BTreeMap::new())
            .unwrap();
        let machine = stack.state_machines[0].clone();
        (folder, project, machine)
    }

    #[test]
    fn a_folder_outside_a_project_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = Project::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("is not in a project"), "{error}");
    }

    #[test]
    fn a_placeholder_without_a_substitution_is_placed_in_the_definition() {
        let (_folder, project, machine) = project("{\n  \"A\": \"${One}\"\n}", "{}");
        let problems = project.rendered_definition(&machine).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "m.json:2:9: M has no DefinitionSubstitutions entry for ${One}"
        );
    }

    #[test]
    fn a_substitution_that_nothing_uses_is_placed_in_the_template() {
        let (_folder, project, machine) = project("{}", "{Two: x}");
        let problems = project.rendered_definition(&machine).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "infra/aws/template.yaml:7:33: M: m.json does not use ${Two}"
        );
    }

    #[test]
    fn a_definition_that_is_not_there_is_placed_in_the_template() {
        let (folder, project, machine) = project("{}", "{}");
        fs::remove_file(folder.path().join("m.json")).unwrap();
        let problem = &project.rendered_definition(&machine).unwrap_err()[0];
        assert_eq!(problem.position.line, 6);
        assert!(problem.message.contains("m.json"), "{problem}");
    }

    #[test]
    fn every_placeholder_is_filled() {
        let (_folder, project, machine) =
            project(r#"{"A": "${One}-${Two}-${One}"}"#, "{One: 1, Two: b}");
        assert_eq!(
            project.rendered_definition(&machine).unwrap(),
            r#"{"A": "1-b-1"}"#
        );
    }

    #[test]
    fn this_repository_s_own_project_resolves_and_its_definitions_are_complete() {
        let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let stack = project
            .template
            .resolve(&crate::runtime::surroundings(), &BTreeMap::new());
        let stack = stack.unwrap_or_else(|problems| panic!("{}", listed(&problems)));
        assert_eq!((stack.functions.len(), stack.state_machines.len()), (15, 7));
        for function in &stack.functions {
            assert!(
                functions::HANDLERS.contains(&function.handler.as_str()),
                "{}",
                function.handler
            );
        }
        for machine in &stack.state_machines {
            let definition = project.rendered_definition(machine);
            let definition = definition.unwrap_or_else(|problems| panic!("{}", listed(&problems)));
            serde_json::from_str::<serde_json::Value>(&definition)
                .unwrap_or_else(|error| panic!("{}: {error}", machine.name));
        }
        assert!(stack.state_machine("master").is_some());
        assert!(stack.state_machine("fact-process").is_some());
        assert_eq!(stack.outputs["Bucket"], "pipeline-000000000000-us-east-1");
    }
}
