//! Builds the functions' program with cargo, in the profile of this program, so that a run always uses the present source.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

/// The name of the functions' program, as Lambda wants it.
pub const BOOTSTRAP: &str = "bootstrap";

/// Why there is no program to run the functions with.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// cargo could not be started.
    #[error("cannot start {program} to build the functions: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// cargo failed.
    #[error("building the functions failed:\n{output}")]
    Build {
        /// What cargo said.
        output: String,
    },
    /// cargo succeeded but did not say where the program is.
    #[error("cargo built the functions but named no program {BOOTSTRAP}")]
    Missing,
}

/// The program beside this one, if it has been built: for commands that must not build.
pub fn find() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let beside = own.parent()?;
    // Tests lie one folder deeper.
    let folders = [
        Some(beside),
        beside.parent().filter(|_| beside.ends_with("deps")),
    ];
    let candidates = folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(BOOTSTRAP));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// Builds the functions of the project in `folder` and returns the program. `progress` hears what cargo says.
pub async fn build(
    folder: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, BootstrapError> {
    // Both packages, as the runtime itself was built from: otherwise features differ and dependencies are built twice.
    let mut arguments = vec!["-p", "pipeline-cli"];
    let place = own_place();
    if let Some((_, profile)) = &place {
        arguments.extend(["--profile", profile]);
    }
    let target = place.as_ref().map(|(target, _)| target.as_path());
    cargo_build(folder, &arguments, target, progress).await
}

/// Builds the functions alone, in another profile.
pub async fn build_in_profile(
    folder: &Path,
    profile: &str,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, BootstrapError> {
    let place = own_place();
    let target = place.as_ref().map(|(target, _)| target.as_path());
    cargo_build(folder, &["--profile", profile], target, progress).await
}

async fn cargo_build(
    folder: &Path,
    arguments: &[&str],
    target: Option<&Path>,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, BootstrapError> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&program);
    command
        .args(["build", "-p", "functions", "--bin", BOOTSTRAP])
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(target) = target {
        command.arg("--target-dir").arg(target);
    }
    // What cargo tells the programs that it runs would make it build some things again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    let start = |source| BootstrapError::Start {
        program: program.clone(),
        source,
    };
    let mut child = command.spawn().map_err(start)?;
    let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(BootstrapError::Missing);
    };
    let mut said = String::new();
    let hear = async {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            progress(&line);
            said.push_str(&line);
            said.push('\n');
        }
    };
    let mut messages = String::new();
    let (_, read) = tokio::join!(hear, stdout.read_to_string(&mut messages));
    read.map_err(start)?;
    let status = child.wait().await.map_err(start)?;
    if !status.success() {
        return Err(BootstrapError::Build { output: said });
    }
    executable(&messages).ok_or(BootstrapError::Missing)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == BOOTSTRAP)
        })
        .find_map(|message| message.executable)
}

/// The target folder and the profile that this program was built in.
fn own_place() -> Option<(PathBuf, String)> {
    let own = std::env::current_exe().ok()?;
    place(&own)
}

fn place(program: &Path) -> Option<(PathBuf, String)> {
    let mut folder = program.parent()?;
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent()?;
    }
    let profile = match folder.file_name()?.to_str()? {
        "debug" => "dev",
        other => other,
    };
    let target = folder.parent()?;
    // An installed program lies in no target folder.
    target
        .join("CACHEDIR.TAG")
        .is_file()
        .then(|| (target.to_owned(), profile.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargo_s_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"functions"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"bootstrap"},"executable":"/t/debug/bootstrap"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#
        );
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/debug/bootstrap"))
        );
    }

    #[test]
    fn the_profile_is_that_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("CACHEDIR.TAG"), "").unwrap();
        let place = |path: &str| place(&folder.path().join(path)).map(|(_, profile)| profile);
        assert_eq!(place("debug/pipeline").as_deref(), Some("dev"));
        assert_eq!(place("debug/deps/pipeline-1").as_deref(), Some("dev"));
        assert_eq!(place("release/pipeline").as_deref(), Some("release"));
        assert_eq!(place("elsewhere/deep/bin/pipeline"), None);
    }
}
