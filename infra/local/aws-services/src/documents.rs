//! State that outlives the process: JSON documents in a folder, each written aside and then renamed, so that a reader
//! never sees half of one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::StartError;

/// A folder of JSON documents.
#[derive(Debug, Clone)]
pub struct Documents {
    folder: PathBuf,
}

/// Makes the names of files that are being written different from each other.
static WRITES: AtomicU64 = AtomicU64::new(0);

impl Documents {
    /// Opens the folder, and creates it if it is missing.
    pub fn open(folder: PathBuf) -> Result<Self, StartError> {
        match std::fs::create_dir_all(&folder) {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(StartError::Io {
                path: folder,
                source,
            }),
        }
    }

    /// A folder inside this one.
    pub fn folder(&self, name: &str) -> Result<Self, StartError> {
        Self::open(self.folder.join(file_name(name)))
    }

    /// Where the documents are.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Reads one document; `None` if there is none.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StartError> {
        self.read_file(&self.document(name))
    }

    /// Reads all documents of the folder, in the order of their names.
    pub fn read_all<T: DeserializeOwned>(&self) -> Result<Vec<T>, StartError> {
        let paths = self.names()?;
        let mut documents = Vec::with_capacity(paths.len());
        for path in paths {
            documents.extend(self.read_file(&path)?);
        }
        Ok(documents)
    }

    /// The files of all documents, in the order of their names, for a reader who wants one after the other.
    pub fn names(&self) -> Result<Vec<PathBuf>, StartError> {
        let failed = |source| StartError::Io {
            path: self.folder.clone(),
            source,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Writes one document, whole or not at all.
    pub fn write<T: Serialize>(&self, name: &str, document: &T) -> Result<(), StartError> {
        let path = self.document(name);
        let text = serde_json::to_vec(document).map_err(|source| StartError::Damaged {
            path: path.clone(),
            source,
        })?;
        let aside = self.folder.join(format!(
            ".{}.{}.writing",
            std::process::id(),
            WRITES.fetch_add(1, Ordering::Relaxed)
        ));
        let written = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, &path));
        written.map_err(|source| {
            // The document itself is untouched; what was written aside is of no use to anybody.
            let _ = std::fs::remove_file(&aside);
            StartError::Io { path, source }
        })
    }

    /// Removes one document; it need not exist.
    pub fn remove(&self, name: &str) -> Result<(), StartError> {
        let path = self.document(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(StartError::Io { path, source })
            }
            _ => Ok(()),
        }
    }

    fn document(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.json", file_name(name)))
    }

    /// Reads one of [`Documents::names`]; `None` if it is gone.
    pub fn read_file<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, StartError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StartError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        match serde_json::from_slice(&text) {
            Ok(document) => Ok(Some(document)),
            Err(source) => Err(StartError::Damaged {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

/// A file name for any resource name: what a file system might refuse or confuse is written as `%XX`.
pub(crate) fn file_name(name: &str) -> String {
    let mut file = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_')
            || (byte == b'.' && index > 0);
        if plain {
            file.push(char::from(byte));
        } else {
            file.push_str(&format!("%{byte:02X}"));
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::open(folder.path().to_owned()).unwrap();
        std::fs::write(folder.path().join("one.json"), "{").unwrap();
        let error = documents.read::<serde_json::Value>("one").unwrap_err();
        assert!(error.to_string().contains("one.json"), "{error}");
    }

    #[test]
    fn a_name_with_slashes_and_dots_stays_inside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::open(folder.path().to_owned()).unwrap();
        documents.write("../a/b", &7).unwrap();
        assert_eq!(documents.read::<u8>("../a/b").unwrap(), Some(7));
        assert_eq!(documents.read_all::<u8>().unwrap(), [7]);
        documents.remove("../a/b").unwrap();
        assert_eq!(documents.read::<u8>("../a/b").unwrap(), None);
    }
}
