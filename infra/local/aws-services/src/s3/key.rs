//! Bucket names and keys: which are allowed, and which file holds an object. The store asks here before it touches a path.
//!
//! An object is the plain file `<bucket folder>/<key>` wherever a file system allows that. It is kept *aside*, in a file
//! named by a digest of its key, when the key ends in `/` (a folder marker), has empty or overlong segments, or is at the
//! same time a folder of other keys (`a` beside `a/b`).

use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::error::S3Error;

/// S3's limit, in bytes of UTF-8.
const LONGEST_KEY: usize = 1024;
/// What common file systems allow for one name, in bytes.
const LONGEST_SEGMENT: usize = 255;

/// A key that may be an object's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    text: String,
    plain: bool,
}

impl Key {
    /// Refuses keys that no object can have, and those that would leave the bucket's folder.
    pub(super) fn parse(text: &str) -> Result<Self, S3Error> {
        let refused = |reason| {
            Err(S3Error::InvalidKey {
                key: text.to_owned(),
                reason,
            })
        };
        if text.is_empty() {
            return refused("it is empty");
        }
        if text.len() > LONGEST_KEY {
            return refused("it is longer than 1024 bytes");
        }
        if text.contains('\0') {
            return refused("it has a NUL character");
        }
        if text.split('/').any(|segment| matches!(segment, "." | "..")) {
            return refused("a segment is \".\" or \"..\"");
        }
        let plain = text
            .split('/')
            .all(|segment| !segment.is_empty() && segment.len() <= LONGEST_SEGMENT);
        Ok(Self {
            text: text.to_owned(),
            plain,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The plain file of the key, if it can have one.
    pub(super) fn plain_path(&self, folder: &Path) -> Option<PathBuf> {
        self.plain.then(|| folder.join(&self.text))
    }

    /// The folder that a folder marker stands for.
    pub(super) fn marked_folder(&self, folder: &Path) -> Option<PathBuf> {
        let name = self.text.strip_suffix('/')?;
        Key::parse(name).ok()?.plain_path(folder)
    }
}

/// The name of the file of an object that is kept aside.
pub(super) fn aside_name(key: &str) -> String {
    hex(&Md5::digest(key.as_bytes()))
}

/// Refuses names that S3 does not allow for buckets.
pub(super) fn check_bucket(bucket: &str) -> Result<(), S3Error> {
    if s3s::path::check_bucket_name(bucket) {
        Ok(())
    } else {
        Err(S3Error::InvalidBucketName {
            bucket: bucket.to_owned(),
        })
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_would_leave_the_folder_are_refused() {
        for key in [
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "./a",
            "a/./b",
            "",
            "a\0b",
        ] {
            assert!(Key::parse(key).is_err(), "{key:?}");
        }
        assert!(Key::parse(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn ordinary_keys_are_plain_files() {
        let key = Key::parse("landing/fact/ä b%20c=d/..part").unwrap();
        let path = key.plain_path(Path::new("/root/bucket")).unwrap();
        assert_eq!(
            path,
            Path::new("/root/bucket/landing/fact/ä b%20c=d/..part")
        );
    }

    #[test]
    fn markers_and_empty_or_overlong_segments_are_kept_aside() {
        let overlong = "x".repeat(256);
        for key in ["a/", "/a", "a//b", "/", overlong.as_str()] {
            assert_eq!(
                Key::parse(key).unwrap().plain_path(Path::new("/r")),
                None,
                "{key}"
            );
        }
        let marker = Key::parse("a/b/").unwrap();
        assert_eq!(
            marker.marked_folder(Path::new("/r")).unwrap(),
            Path::new("/r/a/b")
        );
        assert_eq!(
            Key::parse("a//").unwrap().marked_folder(Path::new("/r")),
            None
        );
    }

    #[test]
    fn bucket_names_that_are_paths_are_refused() {
        for bucket in ["..", "a", "a/b", "UPPER", "under_score", ""] {
            assert!(check_bucket(bucket).is_err(), "{bucket:?}");
        }
        assert!(check_bucket("warehouse-000000000000").is_ok());
    }
}
