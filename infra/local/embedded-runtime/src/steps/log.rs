//! What a step leaves to read: the files `controller`, `stderr` and `stdout`, the end of them for error messages, and signs
//! of life while it runs.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use aws_services::{StepOutcome, StepProgress, StepProgressSink};
use parking_lot::Mutex;

use super::failure::CommandFailure;

/// Lines that error messages show.
const TAIL_LINES: usize = 40;
/// Characters of one line that error messages show.
const TAIL_LINE: usize = 1000;

/// The files of one step.
pub(super) struct StepLog {
    controller: Option<Mutex<File>>,
    stderr: Option<Mutex<File>>,
    stdout: Option<Mutex<File>>,
    tail: Mutex<VecDeque<String>>,
    progress: StepProgressSink,
}

impl StepLog {
    /// Opens the files in `directory`. A log that cannot be written does not stop a step.
    pub(super) fn open(directory: &Path, progress: StepProgressSink) -> Self {
        let open = |name: &str| {
            let path = directory.join(name);
            match OpenOptions::new().create(true).append(true).open(&path) {
                Ok(file) => Some(Mutex::new(file)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot write the log of a step");
                    None
                }
            }
        };
        Self {
            controller: open("controller"),
            stderr: open("stderr"),
            stdout: open("stdout"),
            tail: Mutex::new(VecDeque::new()),
            progress,
        }
    }

    /// A line of EMR's own about the step.
    pub(super) fn controller(&self, line: &str) {
        write(self.controller.as_ref(), &format!("INFO {line}"));
    }

    /// A line of the command's log.
    pub(super) fn note(&self, line: &str) {
        write(self.stderr.as_ref(), line);
        self.remember(line);
    }

    /// A line of the command's output.
    pub(super) fn output(&self, line: &str) {
        write(self.stdout.as_ref(), line);
    }

    /// A line of the log that the user should see while the step runs.
    pub(super) fn tell(&self, line: &str, rows: Option<u64>) {
        self.note(line);
        (self.progress)(StepProgress {
            message: line.to_owned(),
            rows,
        });
    }

    fn remember(&self, line: &str) {
        let mut tail = self.tail.lock();
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line.chars().take(TAIL_LINE).collect());
    }

    /// The last lines, and how the step ended.
    pub(super) fn finish(&self, result: Result<(), CommandFailure>) -> StepOutcome {
        let (exit_code, failure) = match result {
            Ok(()) => (0, None),
            Err(failure) => {
                for line in failure.message.lines() {
                    self.note(line);
                }
                (failure.exit_code, Some(failure.details()))
            }
        };
        self.controller(&format!(
            "ProcessRunner completed with exit code {exit_code}"
        ));
        let tail = self.tail.lock();
        StepOutcome {
            exit_code,
            failure,
            log_tail: tail.iter().cloned().collect::<Vec<_>>().join("\n"),
        }
    }
}

fn write(file: Option<&Mutex<File>>, line: &str) {
    if let Some(file) = file {
        // As above: a full disk shows in what the step does, not in what it says.
        let _ = writeln!(file.lock(), "{line}");
    }
}
