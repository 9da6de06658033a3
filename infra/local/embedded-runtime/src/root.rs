//! The folder that keeps everything between commands: created, locked against a second runtime, and the pipeline time
//! that it has reached.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// While time moves, it is written down at least this often, in pipeline time.
const GRAIN: SignedDuration = SignedDuration::from_secs(10);

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Another runtime uses it.
    #[error("{} is in use by another pipeline command{holder}; wait for it, stop it, or choose another --root", root.display())]
    InUse {
        /// The folder.
        root: PathBuf,
        /// ` (process 123)`, or nothing when it is not known.
        holder: String,
    },
    /// It cannot be created or written.
    #[error("cannot {doing} {}: {source}{}", path.display(), hint(.source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What an earlier command left there cannot be understood.
    #[error("{} is not what a pipeline command writes: {reason}; repair or remove it", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => " (free some space; nothing was lost)",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            " (choose another --root)"
        }
        _ => "",
    }
}

/// A root that this process holds.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    /// The lock ends when the file is closed.
    _lock: File,
    reached: Mutex<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    /// No later command may show an earlier time.
    time: Timestamp,
    /// Whether the command that wrote this came to its end.
    complete: bool,
}

impl Root {
    /// Creates the folder if need be and takes it for this process.
    pub(crate) fn take(path: &Path) -> Result<Self, RootError> {
        let failed = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| RootError::Io {
                doing,
                path,
                source,
            }
        };
        let path = std::path::absolute(path).map_err(failed("resolve", path))?;
        fs::create_dir_all(&path).map_err(failed("create the folder", &path))?;
        let lock_path = path.join("runtime.lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(failed("write", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let read = lock.read_to_string(&mut process);
                let holder = match (read, process.trim()) {
                    (Ok(_), id) if !id.is_empty() => format!(" (process {id})"),
                    _ => String::new(),
                };
                return Err(RootError::InUse { root: path, holder });
            }
            Err(TryLockError::Error(source)) => {
                return Err(RootError::Io {
                    doing: "lock",
                    path: lock_path,
                    source,
                });
            }
        }
        lock.set_len(0).map_err(failed("write", &lock_path))?;
        lock.rewind().map_err(failed("write", &lock_path))?;
        write!(lock, "{}", std::process::id()).map_err(failed("write", &lock_path))?;
        Ok(Self {
            path,
            _lock: lock,
            reached: Mutex::new(Timestamp::UNIX_EPOCH),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The pipeline time from which this command may go on: now, or what an earlier one has reached if that is later.
    pub(crate) fn starting_time(&self, now: Timestamp) -> Result<Timestamp, RootError> {
        let path = self.clock_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(now),
            Err(source) => {
                return Err(RootError::Io {
                    doing: "read",
                    path,
                    source,
                });
            }
        };
        let reached: Reached = serde_json::from_str(&text).map_err(|error| RootError::Corrupt {
            path,
            reason: error.to_string(),
        })?;
        // A command that was killed may have gone on for a while after its last note.
        let margin = if reached.complete {
            SignedDuration::ZERO
        } else {
            2 * GRAIN
        };
        Ok(now.max(reached.time + margin))
    }

    /// Notes the time if it has moved noticeably.
    pub(crate) fn note_time(&self, now: Timestamp) -> Result<(), RootError> {
        let mut reached = self.reached.lock();
        if now.duration_since(*reached) < GRAIN {
            return Ok(());
        }
        *reached = now;
        self.write_time(now, false)
    }

    /// Notes the time at the end of the command.
    pub(crate) fn note_end(&self, now: Timestamp) -> Result<(), RootError> {
        self.write_time(now, true)
    }

    /// Writes a document of the runtime itself, aside and then renamed.
    pub(crate) fn write_document(
        &self,
        name: &str,
        document: &impl Serialize,
    ) -> Result<(), RootError> {
        let path = self.path.join(name);
        let aside = self.path.join(format!("{name}.new"));
        let text = serde_json::to_string_pretty(document).map_err(|error| RootError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, &path));
        written.map_err(|source| RootError::Io {
            doing: "write",
            path,
            source,
        })
    }

    /// Reads a document of the runtime itself; `None` if there is none.
    pub(crate) fn read_document<T: for<'de> Deserialize<'de>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, RootError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(document) => Ok(Some(document)),
                Err(error) => Err(RootError::Corrupt {
                    path,
                    reason: error.to_string(),
                }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RootError::Io {
                doing: "read",
                path,
                source,
            }),
        }
    }

    fn write_time(&self, time: Timestamp, complete: bool) -> Result<(), RootError> {
        self.write_document("clock.json", &Reached { time, complete })
    }

    fn clock_file(&self) -> PathBuf {
        self.path.join("clock.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_second_runtime_on_one_root_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let first = Root::take(folder.path()).unwrap();
        let error = Root::take(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        Root::take(folder.path()).unwrap();
    }

    #[test]
    fn a_root_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Root::take(&file.join("root")).unwrap_err().to_string();
        assert!(error.contains("cannot create the folder"), "{error}");
        assert!(error.contains("file/root"), "{error}");
    }

    #[test]
    fn a_clock_file_that_is_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("clock.json"), "{").unwrap();
        let root = Root::take(folder.path()).unwrap();
        let error = root
            .starting_time(at("2026-11-21T02:00:00Z"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("clock.json is not what a pipeline command writes"),
            "{error}"
        );
    }

    #[test]
    fn time_never_runs_backwards_between_commands() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::take(folder.path()).unwrap();
        let (early, late) = (at("2026-11-21T02:00:00Z"), at("2026-11-21T02:40:00Z"));
        assert_eq!(root.starting_time(early).unwrap(), early);
        root.note_time(late).unwrap();
        assert!(
            root.starting_time(early).unwrap() > late,
            "a killed command may have gone on"
        );
        root.note_end(late).unwrap();
        assert_eq!(root.starting_time(early).unwrap(), late);
        assert_eq!(
            root.starting_time(late + SignedDuration::from_secs(5))
                .unwrap(),
            late + SignedDuration::from_secs(5)
        );
    }
}
