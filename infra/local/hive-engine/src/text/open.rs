//! Opens a data file for reading, decompressed by its extension as Hadoop's codecs are chosen.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bzip2::read::MultiBzDecoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::error::Failure;

/// A data file that is open.
pub(crate) enum Opened {
    /// As it lies on the disk: reading may begin anywhere.
    Plain(File),
    /// Readable only from its beginning.
    Decompressed(Box<dyn Read + Send>),
}

/// Whether parts of the file can be read on their own: it has no compression.
pub(crate) fn is_splittable(path: &Path) -> bool {
    !matches!(
        extension(path).as_str(),
        "gz" | "bz2" | "deflate" | "snappy" | "lz4" | "lzo" | "zst" | "lzo_deflate"
    )
}

fn extension(path: &Path) -> String {
    path.extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// Opens a file.
///
/// # Errors
/// When it cannot be opened, or has the extension of a codec that is not there.
pub(crate) fn open(path: &Path) -> Result<Opened, Failure> {
    let file = File::open(path).map_err(Failure::file("cannot open", path))?;
    match extension(path).as_str() {
        "gz" => Ok(Opened::Decompressed(Box::new(MultiGzDecoder::new(file)))),
        "bz2" => Ok(Opened::Decompressed(Box::new(MultiBzDecoder::new(file)))),
        "deflate" => Ok(Opened::Decompressed(Box::new(ZlibDecoder::new(file)))),
        codec @ ("snappy" | "lz4" | "lzo" | "zst" | "lzo_deflate") => Err(Failure::unsupported(
            format!("the compression .{codec} of {}", path.display()),
        )),
        _ => Ok(Opened::Plain(file)),
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Decompressed(stream) => stream.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.seek(position),
            Self::Decompressed(_) => Err(io::Error::other("a compressed file has no ranges")),
        }
    }
}
