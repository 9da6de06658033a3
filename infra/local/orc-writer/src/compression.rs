//! Compression of streams in chunks with three-byte headers, as the postscript announces it. Used by `writer`.

use std::io::Write;
use std::str::FromStr;

use orc_rust::proto::CompressionKind;

use crate::error::OrcWriteError;

/// How the streams of a file are compressed: the table property `orc.compress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// Raw deflate, Hive's default.
    Zlib,
    /// Snappy.
    Snappy,
    /// Zstandard, level 1: a fifth of zlib's work for nearly its size.
    #[default]
    Zstd,
}

impl FromStr for Compression {
    type Err = String;

    /// Reads `NONE`, `ZLIB`, `SNAPPY` or `ZSTD`, in any case.
    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_uppercase().as_str() {
            "NONE" => Ok(Self::None),
            "ZLIB" => Ok(Self::Zlib),
            "SNAPPY" => Ok(Self::Snappy),
            "ZSTD" => Ok(Self::Zstd),
            _ => Err(format!(
                "orc.compress {name} is not supported: use NONE, ZLIB, SNAPPY or ZSTD"
            )),
        }
    }
}

/// The largest piece of a stream that is compressed at once.
pub(crate) const CHUNK: usize = 256 * 1024;

impl Compression {
    pub(crate) fn kind(self) -> CompressionKind {
        match self {
            Self::None => CompressionKind::None,
            Self::Zlib => CompressionKind::Zlib,
            Self::Snappy => CompressionKind::Snappy,
            Self::Zstd => CompressionKind::Zstd,
        }
    }

    /// The stream as it stands in the file.
    pub(crate) fn compress(self, stream: Vec<u8>) -> Result<Vec<u8>, OrcWriteError> {
        if self == Self::None {
            return Ok(stream);
        }
        let mut out = Vec::with_capacity(stream.len() / 2 + 16);
        for chunk in stream.chunks(CHUNK) {
            let smaller = self.compress_chunk(chunk)?;
            let (body, original) = if smaller.len() < chunk.len() {
                (smaller.as_slice(), 0)
            } else {
                (chunk, 1)
            };
            let header = (body.len() as u32) << 1 | original;
            out.extend_from_slice(&header.to_le_bytes()[..3]);
            out.extend_from_slice(body);
        }
        Ok(out)
    }

    fn compress_chunk(self, chunk: &[u8]) -> Result<Vec<u8>, OrcWriteError> {
        Ok(match self {
            Self::None => chunk.to_vec(),
            Self::Zlib => {
                let mut encoder =
                    flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(chunk)?;
                encoder.finish()?
            }
            Self::Snappy => snap::raw::Encoder::new()
                .compress_vec(chunk)
                .map_err(std::io::Error::other)?,
            Self::Zstd => zstd::bulk::compress(chunk, 1)?,
        })
    }
}
