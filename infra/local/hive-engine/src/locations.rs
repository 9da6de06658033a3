//! How an address in a script (`s3://bucket/key`, `file:/path`) becomes a path on this machine.
//! The embedded runtime hands one to the engine; tables, scripts and loads find their files through it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// Maps addresses to local paths. Objects of S3 are plain files, so a prefix is a directory.
pub trait Locations: Debug + Send + Sync {
    /// The local path of an address, whether or not anything is there.
    ///
    /// # Errors
    /// [`LocationError`] when the scheme is not served or the address leads outside its bucket.
    fn local_path(&self, address: &str) -> Result<PathBuf, LocationError>;
}

/// An address that cannot be mapped.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum LocationError {
    /// The scheme is none of `s3`, `s3a`, `s3n`, `file`, or absent.
    #[error("the location {address} has a scheme that is not supported; use s3:// or file:")]
    Scheme {
        /// The address as it was written.
        address: String,
    },
    /// The address has no bucket, is relative, or climbs out with `..`.
    #[error("the location {address} is malformed: {reason}")]
    Malformed {
        /// The address as it was written.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The embedded runtime's layout: `s3://bucket/key` is `<root>/s3/<bucket>/<key>`; `file:` and absolute paths are themselves.
#[derive(Debug, Clone)]
pub struct LocalRoot {
    root: PathBuf,
}

impl LocalRoot {
    /// Serves the objects that lie under `<root>/s3`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Locations for LocalRoot {
    fn local_path(&self, address: &str) -> Result<PathBuf, LocationError> {
        let malformed = |reason| LocationError::Malformed {
            address: address.to_owned(),
            reason,
        };
        let (scheme, rest) = match address.split_once(':') {
            Some((scheme, rest)) if !scheme.contains('/') => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), address),
        };
        match scheme.as_str() {
            "s3" | "s3a" | "s3n" => {
                let rest = rest
                    .strip_prefix("//")
                    .ok_or_else(|| malformed("'//' is missing after the scheme"))?;
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(malformed("the bucket is missing"));
                }
                if bucket == "." || bucket == ".." || key.split('/').any(|part| part == "..") {
                    return Err(malformed("'..' is not allowed"));
                }
                let mut path = self.root.join("s3").join(bucket);
                path.extend(
                    key.split('/')
                        .filter(|part| !part.is_empty() && *part != "."),
                );
                Ok(path)
            }
            "file" | "" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if !Path::new(path).is_absolute() {
                    return Err(malformed("a local path must be absolute"));
                }
                Ok(PathBuf::from(path))
            }
            _ => Err(LocationError::Scheme {
                address: address.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_scheme_that_is_not_served_and_names_it() {
        let error = LocalRoot::new("/r")
            .local_path("hdfs://name/x")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the location hdfs://name/x has a scheme that is not supported; use s3:// or file:"
        );
    }

    #[test]
    fn refuses_an_address_that_climbs_out_of_its_bucket() {
        assert!(LocalRoot::new("/r").local_path("s3://b/../../etc").is_err());
        assert!(LocalRoot::new("/r").local_path("s3://../x").is_err());
        assert!(LocalRoot::new("/r").local_path("s3:///x").is_err());
        assert!(LocalRoot::new("/r").local_path("relative/x").is_err());
    }

    #[test]
    fn maps_every_s3_scheme_into_the_bucket_folder() {
        for scheme in ["s3", "s3a", "s3n", "S3"] {
            let path = LocalRoot::new("/r")
                .local_path(&format!("{scheme}://b/prod/country/"))
                .unwrap();
            assert_eq!(path, PathBuf::from("/r/s3/b/prod/country"));
        }
        assert_eq!(
            LocalRoot::new("/r").local_path("s3://b").unwrap(),
            PathBuf::from("/r/s3/b")
        );
    }

    #[test]
    fn keeps_local_paths_as_they_are() {
        for address in ["/data/x", "file:/data/x", "file:///data/x"] {
            assert_eq!(
                LocalRoot::new("/r").local_path(address).unwrap(),
                PathBuf::from("/data/x")
            );
        }
    }
}
