//! The reference that `pipeline measure` sets beside the functions: `status_emr`'s work in Python with boto3, run over the
//! same Runtime API. The Python is the user's, with boto3 installed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use embedded_runtime::Project;
use serde_json::json;

use super::{Figures, Stage, TemporaryRoot};
use crate::commands::Complaint;

const PROGRAM: &str = include_str!("reference.py");

/// The function whose work it does.
const HANDLER: &str = "status_emr";

/// Measures the reference on a stack of its own.
pub(super) async fn measure(
    project: &Arc<Project>,
    python: &Path,
    rounds: usize,
) -> Result<Figures, Complaint> {
    let folder = TemporaryRoot::new()?;
    let program = write(&folder.0, python).map_err(|error| {
        Complaint::failed(error, "give the path of a Python that has boto3 installed")
    })?;
    let stage = Stage::open(project, program).await?;
    let name = stage.runtime.stack().functions.iter();
    let name = name
        .filter(|function| function.handler == HANDLER)
        .map(|function| function.name.clone())
        .next()
        .ok_or_else(|| Complaint::failed(anyhow!("the template has no {HANDLER}"), ""))?;
    // No cluster can be launched in Python; one of the service's own errors costs the same call.
    let event = json!({ "ClusterId": "j-0000000000000" });
    let mut figures = stage.figures(&name, &event, rounds).await?;
    stage.close().await;
    if let Some(error) = figures.error_type.take() {
        return Err(Complaint::failed(
            anyhow!("the reference in Python failed: {error}"),
            "it needs boto3: python3 -m venv DIR && DIR/bin/pip install boto3, then --reference DIR/bin/python",
        ));
    }
    figures.function = format!("{name} in Python");
    Ok(figures)
}

/// A program that Linux can start without arguments.
fn write(folder: &Path, python: &Path) -> anyhow::Result<std::path::PathBuf> {
    let python = std::path::absolute(python)?;
    anyhow::ensure!(python.is_file(), "there is no {}", python.display());
    let path = folder.join("bootstrap");
    let text = format!("#!{}\n{PROGRAM}", python.display());
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
