//! The history of a running execution, event by event as it grows, beside the document that was written when it began. A
//! process that dies leaves it behind; the next one reads it, without the line that may be half written.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use states_language::HistoryEvent;

use crate::documents::{Documents, file_name};
use crate::failure::StartError;

/// The journal of one running execution.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins an empty journal.
    pub(super) fn create(documents: &Documents, execution: &str) -> Result<Self, StartError> {
        let path = path(documents, execution);
        match File::create(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(source) => Err(StartError::Io { path, source }),
        }
    }

    /// Adds events, in one write.
    pub(super) fn append(&mut self, events: &[Value]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for event in events {
            serde_json::to_writer(&mut text, event)?;
            text.push(b'\n');
        }
        self.file.write_all(&text)
    }

    /// Removes the journal: the document has everything now.
    pub(super) fn close(self) {
        remove(&self.path);
    }
}

/// The events that a dead process left of an execution.
pub(super) fn left_behind(documents: &Documents, execution: &str) -> Vec<HistoryEvent> {
    let bytes = std::fs::read(path(documents, execution)).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .map_while(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Removes what a dead process left of an execution.
pub(super) fn clear(documents: &Documents, execution: &str) {
    remove(&path(documents, execution));
}

fn path(documents: &Documents, execution: &str) -> PathBuf {
    documents
        .path()
        .join(format!("{}.history", file_name(execution)))
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "a journal could not be removed");
    }
}
