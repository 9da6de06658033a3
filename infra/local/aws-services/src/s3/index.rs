//! What is known about the objects of one bucket: entity tags, times, headers. The store keeps one per bucket, in memory
//! and in a journal of one JSON line per change, which a new process reads and tidies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::StartError;

/// What is known about one object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// Without quotes.
    pub(super) etag: String,
    pub(super) size: u64,
    /// In pipeline time.
    pub(super) last_modified: Timestamp,
    /// The file's own time, in nanoseconds since 1970: another one means that the file was written behind our back.
    pub(super) file_modified: i64,
    /// Whether the object is kept aside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) aside: bool,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub(super) attributes: Attributes,
}

/// What the writer of an object says about it and a reader gets back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Cache-Control`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `x-amz-server-side-encryption`; noted, not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_encryption: Option<String>,
    /// The KMS key's id, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Such as `STANDARD_IA`; `None` is STANDARD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// `x-amz-meta-…`, without that prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Attributes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    /// `None` when the object has gone.
    record: Option<Record>,
}

/// The records of one bucket.
#[derive(Debug)]
pub(super) struct Index {
    records: BTreeMap<String, Record>,
    /// The keys that are kept aside, so that listing need not look at all records.
    aside: BTreeSet<String>,
    journal: File,
    path: PathBuf,
    /// Bytes of whole lines in the journal.
    length: u64,
}

impl Index {
    /// Reads the journal in `folder`. A last line that was cut off by a crash is dropped.
    pub(super) fn open(folder: &Path) -> Result<Self, StartError> {
        let path = folder.join("objects.jsonl");
        let failed = |source| StartError::Io {
            path: path.clone(),
            source,
        };
        let (records, lines) = read(&path)?;
        if lines > 2 * records.len() + 64 || lines == 0 {
            rewrite(&path, &records).map_err(failed)?;
        }
        let journal = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(failed)?;
        let length = journal.metadata().map_err(failed)?.len();
        let aside = records
            .iter()
            .filter(|(_, record)| record.aside)
            .map(|(key, _)| key.clone())
            .collect();
        Ok(Self {
            records,
            aside,
            journal,
            path,
            length,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Record> {
        self.records.get(key)
    }

    pub(super) fn insert(&mut self, key: &str, record: Record) -> std::io::Result<()> {
        self.append(&Line {
            key: key.to_owned(),
            record: Some(record.clone()),
        })?;
        if record.aside {
            self.aside.insert(key.to_owned());
        } else {
            self.aside.remove(key);
        }
        self.records.insert(key.to_owned(), record);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &str) -> std::io::Result<()> {
        if !self.records.contains_key(key) {
            return Ok(());
        }
        self.append(&Line {
            key: key.to_owned(),
            record: None,
        })?;
        self.records.remove(key);
        self.aside.remove(key);
        Ok(())
    }

    /// Keys with `prefix` that are kept aside, in order.
    pub(super) fn aside_with(&self, prefix: &str) -> Vec<String> {
        self.aside
            .range(prefix.to_owned()..)
            .take_while(|key| key.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Where the journal is, for error messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn append(&mut self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if let Err(error) = self.journal.write_all(&text) {
            // Half a line would spoil the next one.
            self.journal.set_len(self.length)?;
            return Err(error);
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

fn read(path: &Path) -> Result<(BTreeMap<String, Record>, usize), StartError> {
    let failed = |source| StartError::Io {
        path: path.to_owned(),
        source,
    };
    let mut records = BTreeMap::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((records, 0)),
        Err(error) => return Err(failed(error)),
    };
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    let mut lines = 0;
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).map_err(failed)? == 0 {
            return Ok((records, lines));
        }
        match serde_json::from_slice::<Line>(&text) {
            Ok(Line { key, record }) => {
                lines += 1;
                match record {
                    Some(record) => records.insert(key, record),
                    None => records.remove(&key),
                };
            }
            Err(_) if text.last() != Some(&b'\n') => {
                // Count it, so that the journal is rewritten without it.
                return Ok((records, usize::MAX));
            }
            Err(source) => {
                return Err(StartError::Damaged {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
}

fn rewrite(path: &Path, records: &BTreeMap<String, Record>) -> std::io::Result<()> {
    let aside = path.with_extension("writing");
    let mut writer = std::io::BufWriter::new(File::create(&aside)?);
    for (key, record) in records {
        let line = Line {
            key: key.clone(),
            record: Some(record.clone()),
        };
        serde_json::to_writer(&mut writer, &line)?;
        writer.write_all(b"\n")?;
    }
    writer.flush()?;
    std::fs::rename(aside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(etag: &str, aside: bool) -> Record {
        Record {
            etag: etag.to_owned(),
            size: 1,
            last_modified: Timestamp::UNIX_EPOCH,
            file_modified: 0,
            aside,
            attributes: Attributes::default(),
        }
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_dropped_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = Index::open(folder.path()).unwrap();
        index.insert("a", record("1", false)).unwrap();
        index.insert("b/", record("2", true)).unwrap();
        index.remove("a").unwrap();
        drop(index);
        let path = folder.path().join("objects.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"key\":\"c\",\"rec").unwrap();
        drop(file);
        let mut index = Index::open(folder.path()).unwrap();
        index.insert("d", record("3", false)).unwrap();
        drop(index);
        let index = Index::open(folder.path()).unwrap();
        assert!(index.get("a").is_none() && index.get("c").is_none());
        assert_eq!(index.get("d").unwrap().etag, "3");
        assert_eq!(index.aside_with("b"), ["b/"]);
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("objects.jsonl"), "nonsense\n{}\n").unwrap();
        let error = Index::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("objects.jsonl"), "{error}");
    }
}
