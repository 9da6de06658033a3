//! Multipart uploads: parts are files aside until the upload is completed, and survive a restart.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::S3;
use super::condition::Condition;
use super::error::S3Error;
use super::index::Attributes;
use super::key::{Key, hex};
use super::objects::ObjectHead;
use super::staging::Staged;
use super::store::{Bucket, started};
use crate::documents::Documents;
use crate::failure::StartError;

/// Every part but the last has at least this many bytes.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const LAST_PART_NUMBER: i32 = 10_000;

/// An upload that has begun and not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    id: String,
    pub(super) key: String,
    pub(super) initiated: Timestamp,
    attributes: Attributes,
    pub(super) parts: BTreeMap<i32, UploadedPart>,
}

/// One part that has arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UploadedPart {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) last_modified: Timestamp,
}

impl Upload {
    pub(super) fn read_all(documents: &Documents) -> Result<BTreeMap<String, Self>, StartError> {
        let uploads: Vec<Upload> = documents.read_all()?;
        Ok(uploads
            .into_iter()
            .map(|upload| (upload.id.clone(), upload))
            .collect())
    }
}

impl Bucket {
    fn upload(&mut self, key: &str, id: &str) -> Result<&mut Upload, S3Error> {
        match self.uploads.get_mut(id) {
            Some(upload) if upload.key == key => Ok(upload),
            _ => Err(no_upload(id)),
        }
    }

    fn part_path(&self, id: &str, part: i32) -> PathBuf {
        self.upload_documents.path().join(id).join(part.to_string())
    }

    fn save(&self, id: &str) -> Result<(), S3Error> {
        match self.uploads.get(id) {
            Some(upload) => self.upload_documents.write(id, upload).map_err(started),
            None => Ok(()),
        }
    }

    fn end_upload(&mut self, id: &str) -> Result<(), S3Error> {
        self.uploads.remove(id);
        self.upload_documents.remove(id).map_err(started)?;
        let folder = self.upload_documents.path().join(id);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(S3Error::io(folder)(error))
            }
            _ => Ok(()),
        }
    }
}

impl S3 {
    /// Begins an upload and gives its id.
    pub(super) fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        attributes: Attributes,
    ) -> Result<String, S3Error> {
        Key::parse(key)?;
        let id = self.entropy.identifier(40);
        let upload = Upload {
            id: id.clone(),
            key: key.to_owned(),
            initiated: self.store.now(),
            attributes,
            parts: BTreeMap::new(),
        };
        self.store.with(bucket, |bucket| {
            bucket.uploads.insert(id.clone(), upload);
            bucket.save(&id)
        })?;
        Ok(id)
    }

    /// Fails when there is no such upload, before its body is read.
    pub(super) fn check_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        part: i32,
    ) -> Result<(), S3Error> {
        if !(1..=LAST_PART_NUMBER).contains(&part) {
            return Err(S3Error::InvalidArgument {
                message: format!(
                    "part number must be an integer between 1 and {LAST_PART_NUMBER}, not {part}"
                ),
            });
        }
        self.store
            .with(bucket, |bucket| bucket.upload(key, id).map(drop))
    }

    /// Adds or replaces a part; gives its entity tag.
    pub(super) fn add_part(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        part: i32,
        staged: &Staged,
    ) -> Result<UploadedPart, S3Error> {
        let uploaded = UploadedPart {
            etag: staged.etag().to_owned(),
            size: staged.size(),
            last_modified: self.store.now(),
        };
        self.store.with(bucket, |bucket| {
            bucket.upload(key, id)?;
            let path = bucket.part_path(id, part);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(S3Error::io(folder))?;
            }
            std::fs::rename(staged.path(), &path).map_err(S3Error::io(&path))?;
            bucket.upload(key, id)?.parts.insert(part, uploaded.clone());
            bucket.save(id)?;
            Ok(uploaded)
        })
    }

    /// Makes the object out of the named parts.
    pub(super) fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: &[(i32, Option<String>)],
        condition: &Condition,
    ) -> Result<ObjectHead, S3Error> {
        let (sources, etag, attributes) = self.store.with(bucket, |bucket| {
            let upload = bucket.upload(key, id)?.clone();
            check_parts(&upload, parts)?;
            let mut digest = Md5::new();
            let mut sources = Vec::with_capacity(parts.len());
            for (number, _) in parts {
                if let Some(part) = upload.parts.get(number) {
                    digest.update(unhex(&part.etag));
                    sources.push((bucket.part_path(id, *number), 0..part.size));
                }
            }
            let etag = format!("{}-{}", hex(&digest.finalize()), parts.len());
            Ok((sources, etag, upload.attributes))
        })?;
        let staged = self.staging.files(&sources)?.with_etag(etag);
        let found = self
            .store
            .commit(bucket, &Key::parse(key)?, staged, &attributes, condition)?;
        self.store.with(bucket, |bucket| bucket.end_upload(id))?;
        Ok(ObjectHead::new(key, found.record))
    }

    /// Ends an upload without an object.
    pub(super) fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> Result<(), S3Error> {
        self.store.with(bucket, |bucket| {
            bucket.upload(key, id)?;
            bucket.end_upload(id)
        })
    }

    /// What has arrived of an upload.
    pub(super) fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, S3Error> {
        self.store
            .with(bucket, |bucket| bucket.upload(key, id).cloned())
    }

    /// Uploads under way whose keys have `prefix`, by key and then by time.
    pub(super) fn uploads(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<(String, Upload)>, S3Error> {
        let mut uploads = self.store.with(bucket, |bucket| {
            let matching = bucket
                .uploads
                .iter()
                .filter(|(_, upload)| upload.key.starts_with(prefix));
            Ok(matching
                .map(|(id, upload)| (id.clone(), upload.clone()))
                .collect::<Vec<_>>())
        })?;
        uploads.sort_by(|(_, one), (_, other)| {
            (&one.key, one.initiated).cmp(&(&other.key, other.initiated))
        });
        Ok(uploads)
    }
}

fn check_parts(upload: &Upload, parts: &[(i32, Option<String>)]) -> Result<(), S3Error> {
    if parts.is_empty() {
        return Err(S3Error::InvalidArgument {
            message: "you must specify at least one part".to_owned(),
        });
    }
    if !parts.is_sorted_by(|one, other| one.0 < other.0) {
        return Err(S3Error::InvalidPartOrder {
            upload: upload.id.clone(),
        });
    }
    for (position, (number, etag)) in parts.iter().enumerate() {
        let part = match upload.parts.get(number) {
            Some(part) if etag.as_ref().is_none_or(|etag| *etag == part.etag) => part,
            _ => {
                return Err(S3Error::InvalidPart {
                    upload: upload.id.clone(),
                    part: *number,
                });
            }
        };
        if position + 1 < parts.len() && part.size < SMALLEST_PART {
            return Err(S3Error::EntityTooSmall {
                upload: upload.id.clone(),
                part: *number,
            });
        }
    }
    Ok(())
}

fn no_upload(id: &str) -> S3Error {
    S3Error::NoSuchUpload {
        upload: id.to_owned(),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
        .collect()
}
