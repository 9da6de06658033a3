//! What `run` writes down about each run, under `<root>/history`: `status` shows it, and a later `run` of the same batch
//! learns from it that the batch is not new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const FOLDER: &str = "history";

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// When it began, on the wall clock.
    pub(crate) began: Timestamp,
    /// The load's name.
    pub(crate) batch_id: String,
    /// The master's execution; empty until it has begun.
    pub(crate) execution_arn: String,
    /// RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    pub(crate) status: String,
    /// LOADED, NOTHING_TO_LOAD, ….
    pub(crate) result: Option<String>,
    /// The error's name and cause.
    pub(crate) error: Option<String>,
    /// The command that goes on after a failure.
    pub(crate) resume: Option<String>,
    /// Rows that it loaded.
    pub(crate) rows: Option<u64>,
    /// Pipeline time.
    pub(crate) pipeline_seconds: Option<f64>,
    /// For how long clusters were paid.
    pub(crate) cluster_seconds: Option<f64>,
}

impl Record {
    /// A run that begins now.
    pub(crate) fn begin(batch_id: &str) -> Self {
        Self {
            began: Timestamp::now(),
            batch_id: batch_id.to_owned(),
            execution_arn: String::new(),
            status: "RUNNING".to_owned(),
            result: None,
            error: None,
            resume: None,
            rows: None,
            pipeline_seconds: None,
            cluster_seconds: None,
        }
    }

    /// Where it is written.
    pub(crate) fn path(&self, root: &Path) -> PathBuf {
        let time = self.began.strftime("%Y-%m-%dT%H-%M-%S%.3fZ");
        root.join(FOLDER).join(format!("{time}.json"))
    }

    /// Writes it aside and renames it, so that nobody sees half of it.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        let path = self.path(root);
        fs::create_dir_all(root.join(FOLDER))?;
        let aside = path.with_extension("new");
        fs::write(&aside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(aside, path)
    }
}

/// All runs, the newest first. A file that cannot be understood is passed over: it is not needed for anything.
pub(crate) fn read(root: &Path) -> io::Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    let entries = match fs::read_dir(root.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(records),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && let Ok(record) = serde_json::from_slice(&fs::read(&path)?)
        {
            records.push(record);
        }
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.began));
    Ok(records)
}

/// Whether some process is at work on the root: if none is, a run that is still called RUNNING was killed.
pub(crate) fn is_at_work(root: &Path) -> bool {
    match fs::File::open(root.join("runtime.lock")) {
        Ok(lock) => matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_without_runs_has_no_history() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), []);
    }

    #[test]
    fn a_damaged_record_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::begin("b");
        record.write(folder.path()).unwrap();
        record.status = "SUCCEEDED".to_owned();
        record.write(folder.path()).unwrap();
        fs::write(folder.path().join(FOLDER).join("x.json"), "{").unwrap();
        assert_eq!(read(folder.path()).unwrap(), [record]);
    }
}
