//! The files behind buckets: finding, placing and removing objects, each under one lock, so that a condition and the write
//! that depends on it are one. The operations in [`super::objects`] come here; nothing else touches the files.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use md5::{Digest, Md5};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use virtual_time::Clock;

use super::condition::Condition;
use super::error::S3Error;
use super::index::{Attributes, Index, Record};
use super::key::{Key, aside_name, check_bucket, hex};
use super::multipart::Upload;
use super::staging::Staged;
use crate::documents::Documents;
use crate::failure::StartError;

/// All buckets and their files.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) clock: Clock,
    /// `<root>/s3`
    folder: PathBuf,
    /// `<root>/services/s3/buckets`
    records: Documents,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// One bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    name: String,
    pub(super) created: Timestamp,
    /// Where its objects are.
    folder: PathBuf,
    /// Where objects are that cannot be plain files.
    aside: PathBuf,
    index: Index,
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) upload_documents: Documents,
}

#[derive(Serialize, Deserialize)]
struct BucketDocument {
    created: Timestamp,
}

/// An object and its file.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) record: Record,
}

/// What the files and the index say about a key.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and looked at once"
)]
enum Lookup {
    Absent,
    Known(Found),
    /// Written behind our back: its digest is not known yet.
    Unknown {
        path: PathBuf,
        size: u64,
        file_modified: i64,
    },
}

/// How a locked attempt ended.
enum Attempt<T> {
    Done(T),
    /// The digest of this file has to be computed first, without the lock.
    NeedsDigest {
        path: PathBuf,
    },
}

impl Store {
    pub(super) fn open(
        clock: Clock,
        folder: PathBuf,
        records: Documents,
    ) -> Result<Self, StartError> {
        fs::create_dir_all(&folder).map_err(|source| StartError::Io {
            path: folder.clone(),
            source,
        })?;
        let mut store = Self {
            clock,
            folder,
            records,
            buckets: Mutex::new(BTreeMap::new()),
        };
        let failed = |source| StartError::Io {
            path: store.folder.clone(),
            source,
        };
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(&store.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if check_bucket(&name).is_ok() && entry.path().is_dir() {
                let bucket = store.open_bucket(&name)?;
                buckets.insert(name, bucket);
            }
        }
        store.buckets = Mutex::new(buckets);
        Ok(store)
    }

    fn open_bucket(&self, name: &str) -> Result<Bucket, StartError> {
        let documents = self.records.folder(name)?;
        let document = match documents.read::<BucketDocument>("bucket")? {
            Some(document) => document,
            None => {
                let document = BucketDocument {
                    created: self.now(),
                };
                documents.write("bucket", &document)?;
                document
            }
        };
        let upload_documents = documents.folder("uploads")?;
        Ok(Bucket {
            name: name.to_owned(),
            created: document.created,
            folder: self.folder.join(name),
            aside: documents.path().join("aside"),
            index: Index::open(documents.path())?,
            uploads: Upload::read_all(&upload_documents)?,
            upload_documents,
        })
    }

    /// Now, in the whole seconds that S3 counts in.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// The folder of a bucket's objects.
    pub(super) fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.folder.join(bucket)
    }

    pub(super) fn bucket_names(&self) -> Vec<(String, Timestamp)> {
        let buckets = self.buckets.lock();
        buckets
            .iter()
            .map(|(name, bucket)| (name.clone(), bucket.created))
            .collect()
    }

    /// Creates a bucket; `false` if it was there.
    pub(super) fn create_bucket(&self, name: &str) -> Result<bool, S3Error> {
        check_bucket(name)?;
        let mut buckets = self.buckets.lock();
        if buckets.contains_key(name) {
            return Ok(false);
        }
        let folder = self.bucket_folder(name);
        fs::create_dir_all(&folder).map_err(S3Error::io(&folder))?;
        let bucket = self.open_bucket(name).map_err(started)?;
        buckets.insert(name.to_owned(), bucket);
        Ok(true)
    }

    /// Removes a bucket that holds nothing; `empty` says whether it does.
    pub(super) fn delete_bucket(
        &self,
        name: &str,
        empty: impl FnOnce(&Bucket) -> Result<bool, S3Error>,
    ) -> Result<(), S3Error> {
        let mut buckets = self.buckets.lock();
        let Some(bucket) = buckets.get(name) else {
            return Err(no_bucket(name));
        };
        if !empty(bucket)? {
            return Err(S3Error::BucketNotEmpty {
                bucket: name.to_owned(),
            });
        }
        let folder = bucket.folder.clone();
        buckets.remove(name);
        let records = self.records.path().join(name);
        for path in [folder, records] {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(S3Error::io(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Works on one bucket, under the lock.
    pub(super) fn with<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Bucket) -> Result<T, S3Error>,
    ) -> Result<T, S3Error> {
        let mut buckets = self.buckets.lock();
        let bucket = self.find(&mut buckets, name)?;
        work(bucket)
    }

    /// A folder that appeared behind our back is a bucket too.
    fn find<'a>(
        &self,
        buckets: &'a mut MutexGuard<'_, BTreeMap<String, Bucket>>,
        name: &str,
    ) -> Result<&'a mut Bucket, S3Error> {
        if !buckets.contains_key(name) {
            if check_bucket(name).is_err() || !self.bucket_folder(name).is_dir() {
                return Err(no_bucket(name));
            }
            let bucket = self.open_bucket(name).map_err(started)?;
            buckets.insert(name.to_owned(), bucket);
        }
        buckets.get_mut(name).ok_or_else(|| no_bucket(name))
    }

    /// The object of a key, if there is one. Computes the digest of a file that was written behind our back.
    pub(super) fn resolve(&self, bucket: &str, key: &Key) -> Result<Option<Found>, S3Error> {
        self.attempt(bucket, key, |bucket| {
            Ok(match bucket.lookup(key)? {
                Lookup::Absent => Attempt::Done(None),
                Lookup::Known(found) => Attempt::Done(Some(found)),
                Lookup::Unknown { path, .. } => Attempt::NeedsDigest { path },
            })
        })
    }

    /// Puts a staged file in the place of an object if `condition` holds, in one.
    pub(super) fn commit(
        &self,
        bucket: &str,
        key: &Key,
        staged: Staged,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Found, S3Error> {
        let now = self.now();
        self.attempt(bucket, key, |bucket| {
            let current = match (bucket.lookup(key)?, condition) {
                (Lookup::Absent, _) => None,
                (Lookup::Known(found), _) => Some(found.record.etag),
                (Lookup::Unknown { path, .. }, Condition::IfMatch(_)) => {
                    return Ok(Attempt::NeedsDigest { path });
                }
                (Lookup::Unknown { .. }, _) => Some(String::new()),
            };
            condition.check_write(&bucket.name, key.as_str(), current.as_deref())?;
            let (path, aside) = bucket.place(key, staged.path())?;
            let metadata = fs::metadata(&path).map_err(S3Error::io(&path))?;
            let record = Record {
                etag: staged.etag().to_owned(),
                size: metadata.len(),
                last_modified: now,
                file_modified: file_modified(&metadata),
                aside,
                attributes: attributes.clone(),
            };
            bucket.note(key.as_str(), record.clone())?;
            Ok(Attempt::Done(Found { path, record }))
        })
    }

    /// Removes an object if `condition` holds, in one; `false` if there was none.
    pub(super) fn remove(
        &self,
        bucket: &str,
        key: &Key,
        condition: &Condition,
    ) -> Result<bool, S3Error> {
        self.attempt(bucket, key, |bucket| {
            let (path, etag) = match (bucket.lookup(key)?, condition) {
                (Lookup::Absent, _) => (None, None),
                (Lookup::Known(found), _) => (Some(found.path), Some(found.record.etag)),
                (Lookup::Unknown { path, .. }, Condition::IfMatch(_)) => {
                    return Ok(Attempt::NeedsDigest { path });
                }
                (Lookup::Unknown { path, .. }, _) => (Some(path), Some(String::new())),
            };
            condition.check_delete(&bucket.name, key.as_str(), etag.as_deref())?;
            let Some(path) = path else {
                return Ok(Attempt::Done(false));
            };
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(S3Error::io(path)(error));
                }
                _ => {}
            }
            bucket.forget(key.as_str())?;
            bucket.prune(key);
            Ok(Attempt::Done(true))
        })
    }

    /// Tries under the lock; computes a missing digest without it, and tries again.
    fn attempt<T>(
        &self,
        name: &str,
        key: &Key,
        mut work: impl FnMut(&mut Bucket) -> Result<Attempt<T>, S3Error>,
    ) -> Result<T, S3Error> {
        loop {
            let path = {
                let mut buckets = self.buckets.lock();
                let bucket = self.find(&mut buckets, name)?;
                match work(bucket)? {
                    Attempt::Done(done) => return Ok(done),
                    Attempt::NeedsDigest { path } => path,
                }
            };
            let etag = match digest(&path) {
                Ok(etag) => etag,
                // It has gone meanwhile; the next look will see that.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(S3Error::io(path)(error)),
            };
            let mut buckets = self.buckets.lock();
            let bucket = self.find(&mut buckets, name)?;
            if let Lookup::Unknown {
                path: same,
                size,
                file_modified,
            } = bucket.lookup(key)?
                && same == path
            {
                let record = Record {
                    etag,
                    size,
                    last_modified: self.now(),
                    file_modified,
                    aside: false,
                    attributes: Attributes::default(),
                };
                bucket.note(key.as_str(), record)?;
            }
        }
    }
}

impl Bucket {
    /// Where its objects are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keys with `prefix` that are kept aside, in order.
    pub(super) fn aside_with(&self, prefix: &str) -> Vec<String> {
        self.index.aside_with(prefix)
    }

    fn lookup(&mut self, key: &Key) -> Result<Lookup, S3Error> {
        if let Some(path) = key.plain_path(&self.folder) {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    return Ok(self.plain(key, path, &metadata));
                }
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => return Err(S3Error::io(path)(error)),
            }
        }
        match self.index.get(key.as_str()) {
            Some(record) if record.aside => {
                let path = self.aside.join(aside_name(key.as_str()));
                if path.is_file() {
                    let record = record.clone();
                    return Ok(Lookup::Known(Found { path, record }));
                }
            }
            Some(_) => {}
            None => return Ok(Lookup::Absent),
        }
        // Its file was removed behind our back.
        self.forget(key.as_str())?;
        Ok(Lookup::Absent)
    }

    fn plain(&self, key: &Key, path: PathBuf, metadata: &fs::Metadata) -> Lookup {
        let (size, file_modified) = (metadata.len(), file_modified(metadata));
        match self.index.get(key.as_str()) {
            Some(record)
                if !record.aside
                    && record.size == size
                    && record.file_modified == file_modified =>
            {
                Lookup::Known(Found {
                    path,
                    record: record.clone(),
                })
            }
            _ => Lookup::Unknown {
                path,
                size,
                file_modified,
            },
        }
    }

    /// Renames a staged file to where the object of `key` belongs. Says whether that is aside.
    fn place(&mut self, key: &Key, staged: &Path) -> Result<(PathBuf, bool), S3Error> {
        let aside = self.aside.join(aside_name(key.as_str()));
        if let Some(path) = key.plain_path(&self.folder) {
            self.make_folders(key)?;
            // A folder without anything in it is not in the way of an object.
            if !path.is_dir() || fs::remove_dir(&path).is_ok() {
                fs::rename(staged, &path).map_err(S3Error::io(&path))?;
                remove_if_there(&aside)?;
                return Ok((path, false));
            }
        } else if key.marked_folder(&self.folder).is_some() {
            // A marker shows as a folder on disk too.
            self.make_folders(key)?;
        }
        fs::create_dir_all(&self.aside).map_err(S3Error::io(&self.aside))?;
        fs::rename(staged, &aside).map_err(S3Error::io(&aside))?;
        Ok((aside, true))
    }

    /// Creates the folders above a key. An object that is in the way (`a`, for the key `a/b`) is moved aside.
    fn make_folders(&mut self, key: &Key) -> Result<(), S3Error> {
        let text = key.as_str();
        let Some((above, _)) = text.rsplit_once('/') else {
            return fs::create_dir_all(&self.folder).map_err(S3Error::io(&self.folder));
        };
        let folder = self.folder.join(above);
        if folder.is_dir() {
            return Ok(());
        }
        for (position, _) in text.match_indices('/') {
            let ancestor = Key::parse(&text[..position])?;
            let Some(path) = ancestor.plain_path(&self.folder) else {
                break;
            };
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    self.move_aside(&ancestor, &path, &metadata)?
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(S3Error::io(path)(error)),
            }
        }
        fs::create_dir_all(&folder).map_err(S3Error::io(folder))
    }

    fn move_aside(
        &mut self,
        key: &Key,
        path: &Path,
        metadata: &fs::Metadata,
    ) -> Result<(), S3Error> {
        let record = match self.plain(key, path.to_owned(), metadata) {
            Lookup::Known(found) => found.record,
            _ => Record {
                etag: digest(path).map_err(S3Error::io(path))?,
                size: metadata.len(),
                last_modified: Timestamp::UNIX_EPOCH,
                file_modified: file_modified(metadata),
                aside: true,
                attributes: Attributes::default(),
            },
        };
        fs::create_dir_all(&self.aside).map_err(S3Error::io(&self.aside))?;
        let aside = self.aside.join(aside_name(key.as_str()));
        fs::rename(path, &aside).map_err(S3Error::io(&aside))?;
        self.note(
            key.as_str(),
            Record {
                aside: true,
                ..record
            },
        )
    }

    /// Removes folders that the removal of `key` left empty: S3 has no folders but those that keys imply.
    fn prune(&self, key: &Key) {
        let mut above = key.as_str();
        while let Some((folder, _)) = above.rsplit_once('/') {
            above = folder;
            if folder.is_empty() || self.index.get(&format!("{folder}/")).is_some() {
                return;
            }
            // Fails on a folder with something in it, which ends the matter.
            if fs::remove_dir(self.folder.join(folder)).is_err() {
                return;
            }
        }
    }

    fn note(&mut self, key: &str, record: Record) -> Result<(), S3Error> {
        let noted = self.index.insert(key, record);
        noted.map_err(S3Error::io(self.index.path()))
    }

    fn forget(&mut self, key: &str) -> Result<(), S3Error> {
        let forgotten = self.index.remove(key);
        forgotten.map_err(S3Error::io(self.index.path()))
    }
}

fn no_bucket(name: &str) -> S3Error {
    S3Error::NoSuchBucket {
        bucket: name.to_owned(),
    }
}

/// A state file that cannot be used is a failure of the disk, seen from an operation.
pub(super) fn started(error: StartError) -> S3Error {
    match error {
        StartError::Io { path, source } => S3Error::Io { path, source },
        StartError::Damaged { path, source } => S3Error::Io {
            path,
            source: source.into(),
        },
        StartError::Service { service, message } => S3Error::Io {
            path: PathBuf::from(service),
            source: std::io::Error::other(message),
        },
    }
}

fn remove_if_there(path: &Path) -> Result<(), S3Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(S3Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// The file's own time in nanoseconds since 1970.
fn file_modified(metadata: &fs::Metadata) -> i64 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

/// The entity tag that S3 gives to an object that was put in one piece.
fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut digest = Md5::new();
    std::io::copy(&mut file, &mut DigestWriter(&mut digest))?;
    Ok(hex(&digest.finalize()))
}

struct DigestWriter<'a>(&'a mut Md5);

impl std::io::Write for DigestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
