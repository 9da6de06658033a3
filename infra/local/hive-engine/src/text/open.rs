//! Opens a data file for reading, decompressed by its extension as Hadoop's codecs are chosen.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bzip2::read::MultiBzDecoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::error::Failure;

/// The file's content.
///
/// # Errors
/// When it cannot be opened, or has the extension of a codec that is not there.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    let file = File::open(path).map_err(Failure::file("cannot open", path))?;
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match extension.as_str() {
        "gz" => Ok(Box::new(MultiGzDecoder::new(file))),
        "bz2" => Ok(Box::new(MultiBzDecoder::new(file))),
        "deflate" => Ok(Box::new(ZlibDecoder::new(file))),
        "snappy" | "lz4" | "lzo" | "zst" | "lzo_deflate" => Err(Failure::unsupported(format!(
            "the compression .{extension} of {}",
            path.display()
        ))),
        _ => Ok(Box::new(file)),
    }
}
