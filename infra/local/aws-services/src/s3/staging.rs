//! Bodies on their way in: written to a file aside while digests are computed, so that an object appears whole or not at
//! all and a failed upload leaves nothing behind.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;

use super::chunked::BodyError;
use super::error::S3Error;
use super::key::hex;
use crate::failure::StartError;

/// The folder for bodies on their way in.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    count: AtomicU64,
}

/// A body that has arrived. Its file is removed unless it is renamed into place.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    etag: String,
    size: u64,
}

/// Digests that a request states for its body, base64 as in the headers.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) length: Option<u64>,
    pub(super) md5: Option<String>,
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

impl Staging {
    /// Opens the folder and removes what an earlier process left in it.
    pub(super) fn open(folder: PathBuf) -> Result<Self, StartError> {
        let failed = |source| StartError::Io {
            path: folder.clone(),
            source,
        };
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        Ok(Self {
            folder,
            count: AtomicU64::new(0),
        })
    }

    fn create(&self) -> Result<Writer, S3Error> {
        let path = self
            .folder
            .join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(S3Error::io(&path))?;
        Ok(Writer {
            file,
            digest: Md5::new(),
            staged: Staged {
                path,
                etag: String::new(),
                size: 0,
            },
        })
    }

    /// Takes bytes that are in memory.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<Staged, S3Error> {
        let mut writer = self.create()?;
        writer.write(bytes)?;
        Ok(writer.finish())
    }

    /// Takes a stream, and checks it against what the request states.
    pub(super) async fn stream<S, E>(
        &self,
        mut stream: S,
        expected: Expected,
    ) -> Result<Staged, S3Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<s3s::StdError>,
    {
        let mut writer = self.create()?;
        let mut hasher = expected.hasher();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| body_failure(error.into()))?;
            hasher.update(&chunk);
            writer.write(&chunk)?;
        }
        expected.check(&writer, hasher)?;
        Ok(writer.finish())
    }

    /// Takes a copy of (a range of) other files, one after another, chunk by chunk.
    pub(super) fn files(
        &self,
        sources: &[(PathBuf, std::ops::Range<u64>)],
    ) -> Result<Staged, S3Error> {
        use std::io::{Read, Seek, SeekFrom};
        let mut writer = self.create()?;
        let mut buffer = vec![0; 256 * 1024];
        for (path, range) in sources {
            let failed = || S3Error::io(path);
            let mut file = File::open(path).map_err(failed())?;
            file.seek(SeekFrom::Start(range.start)).map_err(failed())?;
            let mut rest = file.take(range.end - range.start);
            loop {
                let count = rest.read(&mut buffer).map_err(failed())?;
                if count == 0 {
                    break;
                }
                writer.write(&buffer[..count])?;
            }
        }
        Ok(writer.finish())
    }
}

struct Writer {
    file: File,
    digest: Md5,
    staged: Staged,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), S3Error> {
        self.digest.update(bytes);
        self.staged.size += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(S3Error::io(&self.staged.path))
    }

    fn finish(self) -> Staged {
        let mut staged = self.staged;
        staged.etag = hex(&self.digest.finalize());
        staged
    }
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The MD5 of the content in hexadecimal digits, unless set otherwise.
    pub(super) fn etag(&self) -> &str {
        &self.etag
    }

    pub(super) fn with_etag(mut self, etag: String) -> Self {
        self.etag = etag;
        self
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename there is nothing here any more, which is the usual case.
        let _ = fs::remove_file(&self.path);
    }
}

impl Expected {
    fn hasher(&self) -> ChecksumHasher {
        ChecksumHasher {
            crc32: self.crc32.is_some().then(s3s::crypto::Crc32::new),
            crc32c: self.crc32c.is_some().then(s3s::crypto::Crc32c::new),
            sha1: self.sha1.is_some().then(s3s::crypto::Sha1::new),
            sha256: self.sha256.is_some().then(s3s::crypto::Sha256::new),
            crc64nvme: self.crc64nvme.is_some().then(s3s::crypto::Crc64Nvme::new),
        }
    }

    fn check(&self, writer: &Writer, hasher: ChecksumHasher) -> Result<(), S3Error> {
        if let Some(length) = self.length
            && length != writer.staged.size
        {
            return Err(S3Error::IncompleteBody {
                reason: format!(
                    "{length} bytes were announced and {} came",
                    writer.staged.size
                ),
            });
        }
        let found = hasher.finalize();
        let md5 = self
            .md5
            .is_some()
            .then(|| STANDARD.encode(writer.digest.clone().finalize()));
        let pairs = [
            ("Content-MD5", &self.md5, &md5),
            ("CRC32", &self.crc32, &found.checksum_crc32),
            ("CRC32C", &self.crc32c, &found.checksum_crc32c),
            ("CRC64NVME", &self.crc64nvme, &found.checksum_crc64nvme),
            ("SHA1", &self.sha1, &found.checksum_sha1),
            ("SHA256", &self.sha256, &found.checksum_sha256),
        ];
        for (algorithm, expected, found) in pairs {
            if expected != found {
                return Err(S3Error::BadDigest { algorithm });
            }
        }
        Ok(())
    }
}

/// The decoder of chunks tells what went wrong inside other layers' errors.
fn body_failure(error: s3s::StdError) -> S3Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(one) = cause {
        if let Some(BodyError::BadTrailer { algorithm }) = one.downcast_ref::<BodyError>() {
            return S3Error::BadDigest { algorithm };
        }
        cause = one.source();
    }
    S3Error::IncompleteBody {
        reason: error.to_string(),
    }
}
