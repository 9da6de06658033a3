//! Finds the project and the runtime's root from what was typed and where.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Complaint;
use crate::arguments::{Arguments, RootArguments};
use crate::validate::files::TEMPLATE;

/// The project's folder: as given, else the nearest one upwards that holds the template.
pub(crate) fn project(arguments: &Arguments) -> Result<PathBuf, Complaint> {
    let here = std::env::current_dir().map_err(|error| {
        Complaint::failed(
            anyhow!("the current folder is not there: {error}"),
            "change to the project's folder",
        )
    })?;
    match &arguments.project {
        Some(given) => {
            let folder = here.join(given);
            if folder.join(TEMPLATE).is_file() {
                return Ok(folder);
            }
            Err(Complaint::usage(
                anyhow!("{} is not a project: it has no {TEMPLATE}", given.display()),
                "give the folder that holds infra/, hive_scripts/ and state_machines/ with --project",
            ))
        }
        None => nearest(&here).ok_or_else(|| {
            Complaint::usage(
                anyhow!(
                    "there is no project here: neither {} nor a folder above it has {TEMPLATE}",
                    here.display()
                ),
                "change to the project's folder, or give it with --project DIR",
            )
        }),
    }
}

/// The runtime's root: as given, else `.pipeline` in the project.
pub(crate) fn root(arguments: &RootArguments, project: &Path) -> PathBuf {
    match &arguments.root {
        Some(root) => std::path::absolute(root).unwrap_or_else(|_| root.clone()),
        None => project.join(".pipeline"),
    }
}

/// A path as a user here would write it: relative where that is shorter.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// A command line as the user would type it here: through cargo, if this process was started so.
pub(crate) fn command(arguments: &str) -> String {
    let program = if std::env::var_os("CARGO").is_some() {
        "cargo run --"
    } else {
        "pipeline"
    };
    format!("{program} {arguments}")
}

fn nearest(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .find(|folder| folder.join(TEMPLATE).is_file())
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_found_from_a_folder_inside_it() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = nearest(&here.join("src/commands")).unwrap();
        assert!(here.starts_with(&found));
        assert!(found.join(TEMPLATE).is_file());
        assert_eq!(nearest(Path::new("/")), None);
    }
}
