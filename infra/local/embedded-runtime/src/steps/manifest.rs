//! Manifests of `s3-dist-cp`: one JSON object per line, gzipped, that pins which files a copy is about.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::failure::CommandFailure;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Where it is.
    pub(super) path: String,
    /// Its name below `src_dir`.
    pub(super) base_name: String,
    pub(super) src_dir: String,
    pub(super) size: u64,
}

pub(super) fn write(entries: &[Entry]) -> Result<Vec<u8>, CommandFailure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let failed =
        |error: std::io::Error| CommandFailure::new(format!("cannot write the manifest: {error}"));
    for entry in entries {
        let mut line = serde_json::to_vec(entry).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        encoder.write_all(&line).map_err(failed)?;
    }
    encoder.finish().map_err(failed)
}

pub(super) fn read(name: &str, content: &[u8]) -> Result<Vec<Entry>, CommandFailure> {
    let damaged =
        |why: String| CommandFailure::new(format!("the manifest {name} cannot be read: {why}"));
    let mut text = String::new();
    GzDecoder::new(content)
        .read_to_string(&mut text)
        .map_err(|error| damaged(error.to_string()))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| damaged(format!("line {}: {error}", number + 1)))
        })
        .collect()
}
