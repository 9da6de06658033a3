//! Objects: reading, writing, deleting and copying them, for callers in this process and for the wire.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;

use super::S3;
use super::condition::{Condition, ReadConditions};
use super::error::S3Error;
use super::index::{Attributes, Record};
use super::key::Key;
use super::staging::{Expected, Staged};
use super::store::Found;

/// Bytes that a reader of a large object gets at a time.
const CHUNK: usize = 256 * 1024;

/// What is known about an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its key.
    pub key: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written, in pipeline time, to the second.
    pub last_modified: Timestamp,
    /// What its writer said about it.
    pub attributes: Attributes,
}

impl ObjectHead {
    pub(super) fn new(key: &str, record: Record) -> Self {
        Self {
            key: key.to_owned(),
            etag: record.etag,
            size: record.size,
            last_modified: record.last_modified,
            attributes: record.attributes,
        }
    }
}

/// Which bytes of an object to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From `first` to `last` inclusive, or to the end.
    From {
        /// The first byte's position.
        first: u64,
        /// The last byte's position.
        last: Option<u64>,
    },
    /// The last so many bytes.
    Last(u64),
}

impl ByteRange {
    fn within(self, size: u64) -> Result<Range<u64>, S3Error> {
        let range = match self {
            ByteRange::From { first, last } => {
                first..last.map_or(size, |last| size.min(last.saturating_add(1)))
            }
            ByteRange::Last(count) => size.saturating_sub(count)..size,
        };
        if range.start >= range.end {
            return Err(S3Error::InvalidRange { size });
        }
        Ok(range)
    }
}

/// How to write an object.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// What must hold.
    pub condition: Condition,
    /// What readers get back with the content.
    pub attributes: Attributes,
}

impl PutOptions {
    /// Writes only if `condition` holds.
    pub fn when(condition: Condition) -> Self {
        Self {
            condition,
            attributes: Attributes::default(),
        }
    }
}

/// An object that has been opened: what happens to it afterwards does not show.
#[derive(Debug)]
pub struct Object {
    /// What is known about it.
    pub head: ObjectHead,
    /// Which of its bytes follow.
    pub range: Range<u64>,
    file: File,
}

impl Object {
    /// All bytes of the range, in memory.
    pub fn into_bytes(mut self) -> Result<Bytes, S3Error> {
        let length = self.range.end - self.range.start;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        self.file
            .by_ref()
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(S3Error::io(&self.head.key))?;
        Ok(bytes.into())
    }

    /// The bytes of the range, some at a time.
    pub fn into_stream(
        self,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static {
        let remaining = self.range.end - self.range.start;
        let chunks = Chunks {
            file: self.file,
            remaining,
        };
        futures::stream::iter(chunks)
    }
}

struct Chunks {
    file: File,
    remaining: u64,
}

impl Iterator for Chunks {
    type Item = Result<Bytes, std::io::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.remaining == 0 {
            return None;
        }
        let count = usize::try_from(self.remaining).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = vec![0; count];
        match self.file.read_exact(&mut buffer) {
            Ok(()) => {
                self.remaining -= count as u64;
                Some(Ok(buffer.into()))
            }
            Err(error) => {
                self.remaining = 0;
                Some(Err(error))
            }
        }
    }
}

impl S3 {
    /// What is known about an object.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<ObjectHead, S3Error> {
        let found = self.find(bucket, key)?;
        Ok(ObjectHead::new(key, found.record))
    }

    /// Opens an object that is to be read whole.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Object, S3Error> {
        self.get_with(bucket, key, None, &ReadConditions::default())
            .await
    }

    /// Opens an object, or a range of it, if `conditions` hold.
    pub async fn get_with(
        &self,
        bucket: &str,
        key: &str,
        range: Option<ByteRange>,
        conditions: &ReadConditions,
    ) -> Result<Object, S3Error> {
        loop {
            let found = self.find(bucket, key)?;
            conditions.check(bucket, key, &found.record)?;
            let range = match range {
                None => 0..found.record.size,
                Some(range) => range.within(found.record.size)?,
            };
            let mut file = match File::open(&found.path) {
                Ok(file) => file,
                // Deleted or moved aside a moment ago: look again.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(S3Error::io(found.path)(error)),
            };
            let length = file.metadata().map_err(S3Error::io(&found.path))?.len();
            if length != found.record.size {
                continue;
            }
            file.seek(SeekFrom::Start(range.start))
                .map_err(S3Error::io(&found.path))?;
            return Ok(Object {
                head: ObjectHead::new(key, found.record),
                range,
                file,
            });
        }
    }

    /// Writes an object whose content is in memory.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        content: impl AsRef<[u8]>,
        options: PutOptions,
    ) -> Result<ObjectHead, S3Error> {
        let key = Key::parse(key)?;
        self.head_bucket(bucket).await?;
        let staged = self.staging.bytes(content.as_ref())?;
        self.commit(bucket, &key, staged, &options)
    }

    /// Writes an object whose content arrives bit by bit.
    pub async fn put_stream<S, E>(
        &self,
        bucket: &str,
        key: &str,
        content: S,
        options: PutOptions,
    ) -> Result<ObjectHead, S3Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.put_expected(bucket, key, content, Expected::default(), options)
            .await
    }

    pub(super) async fn put_expected<S, E>(
        &self,
        bucket: &str,
        key: &str,
        content: S,
        expected: Expected,
        options: PutOptions,
    ) -> Result<ObjectHead, S3Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let key = Key::parse(key)?;
        self.head_bucket(bucket).await?;
        let staged = self.staging.stream(content, expected).await?;
        self.commit(bucket, &key, staged, &options)
    }

    /// Deletes an object if `condition` holds. `false` if there was none, which is no error.
    pub async fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: &Condition,
    ) -> Result<bool, S3Error> {
        self.store.remove(bucket, &Key::parse(key)?, condition)
    }

    /// Copies an object within or between buckets, without holding it in memory. `attributes` replaces the source's.
    pub async fn copy(
        &self,
        source: (&str, &str),
        target: (&str, &str),
        conditions: &ReadConditions,
        attributes: Option<Attributes>,
        condition: Condition,
    ) -> Result<ObjectHead, S3Error> {
        let key = Key::parse(target.1)?;
        self.head_bucket(target.0).await?;
        let found = self.find(source.0, source.1)?;
        match conditions.check(source.0, source.1, &found.record) {
            // The source of a copy that is not modified is a failed condition.
            Err(S3Error::NotModified { bucket, key }) => {
                return Err(S3Error::PreconditionFailed {
                    bucket,
                    key,
                    condition: "x-amz-copy-source-if-none-match",
                });
            }
            checked => checked?,
        }
        let staged = self.staging.files(&[(found.path, 0..found.record.size)])?;
        let options = PutOptions {
            condition,
            attributes: attributes.unwrap_or(found.record.attributes),
        };
        self.commit(target.0, &key, staged, &options)
    }

    pub(super) fn find(&self, bucket: &str, key: &str) -> Result<Found, S3Error> {
        self.store
            .resolve(bucket, &Key::parse(key)?)?
            .ok_or_else(|| S3Error::no_key(bucket, key))
    }

    fn commit(
        &self,
        bucket: &str,
        key: &Key,
        staged: Staged,
        options: &PutOptions,
    ) -> Result<ObjectHead, S3Error> {
        let found =
            self.store
                .commit(bucket, key, staged, &options.attributes, &options.condition)?;
        Ok(ObjectHead::new(key.as_str(), found.record))
    }
}
