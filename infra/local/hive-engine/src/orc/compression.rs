//! Streams in compressed chunks, each with a three-byte header. Called by the writer.

use std::io::Write;

use crate::error::Failure;

/// Bytes of a chunk before compression.
pub(super) const BLOCK: usize = 256 * 1024;

/// `orc.compress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Zlib,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// The codec that a table property names; zstd without one.
    pub(crate) fn named(name: Option<&str>) -> Result<Self, Failure> {
        Ok(match name.map(str::to_ascii_uppercase).as_deref() {
            None | Some("ZSTD") => Self::Zstd,
            Some("NONE") => Self::None,
            Some("ZLIB") => Self::Zlib,
            Some("SNAPPY") => Self::Snappy,
            Some("LZ4") => Self::Lz4,
            Some(other) => return Err(Failure::unsupported(format!("orc.compress {other}"))),
        })
    }

    /// Its number in the postscript.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Zlib => 1,
            Self::Snappy => 2,
            Self::Lz4 => 4,
            Self::Zstd => 5,
        }
    }

    /// Appends a stream, cut into chunks and compressed; a chunk that does not shrink is kept as it is.
    pub(super) fn append(self, stream: &[u8], output: &mut Vec<u8>) -> std::io::Result<()> {
        if self == Self::None {
            output.extend_from_slice(stream);
            return Ok(());
        }
        for chunk in stream.chunks(BLOCK) {
            let packed = self.pack(chunk)?;
            let (bytes, is_original) = if packed.len() < chunk.len() {
                (packed.as_slice(), 0)
            } else {
                (chunk, 1)
            };
            let header =
                (u32::try_from(bytes.len()).unwrap_or(u32::MAX) << 1 | is_original).to_le_bytes();
            output.extend_from_slice(&header[..3]);
            output.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn pack(self, chunk: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(chunk.to_vec()),
            Self::Zlib => {
                let mut encoder =
                    flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(chunk)?;
                encoder.finish()
            }
            Self::Snappy => snap::raw::Encoder::new()
                .compress_vec(chunk)
                .map_err(std::io::Error::other),
            Self::Lz4 => Ok(lz4_flex::block::compress(chunk)),
            Self::Zstd => zstd::bulk::compress(chunk, 1),
        }
    }
}
