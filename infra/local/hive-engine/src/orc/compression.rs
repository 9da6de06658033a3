//! Streams in compressed chunks, each with a three-byte header. Called by the writer.

use std::io::Write;

use crate::error::Failure;

/// Bytes of a chunk before compression.
pub(super) const BLOCK: usize = 256 * 1024;
/// A chunk of fewer bytes is not worth the attempt.
const SMALLEST: usize = 64;
/// Higher levels cost several times the CPU for a few percent of size.
const ZSTD_LEVEL: i32 = 1;

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
}

/// Compresses streams; keeps its working memory between them.
pub(crate) struct Compressor {
    compression: Compression,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    scratch: Vec<u8>,
}

impl Compressor {
    pub(crate) fn new(compression: Compression) -> std::io::Result<Self> {
        let zstd = match compression {
            Compression::Zstd => Some(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
            _ => None,
        };
        Ok(Self {
            compression,
            zstd,
            scratch: Vec::new(),
        })
    }

    /// Appends a stream, cut into chunks and compressed; a chunk that does not shrink is kept as it is. Answers with where
    /// chunks begin, seen from the stream's begin, and where the last one ends; with nothing where nothing is compressed.
    pub(super) fn append(
        &mut self,
        stream: &[u8],
        output: &mut Vec<u8>,
    ) -> std::io::Result<Option<Vec<usize>>> {
        if self.compression == Compression::None {
            output.extend_from_slice(stream);
            return Ok(None);
        }
        let begin = output.len();
        let mut places = Vec::with_capacity(stream.len() / BLOCK + 2);
        for chunk in stream.chunks(BLOCK) {
            places.push(output.len() - begin);
            let is_worth_it = chunk.len() >= SMALLEST;
            if is_worth_it {
                self.pack(chunk)?;
            }
            let (bytes, is_original) = if is_worth_it && self.scratch.len() < chunk.len() {
                (self.scratch.as_slice(), 0)
            } else {
                (chunk, 1)
            };
            let header =
                (u32::try_from(bytes.len()).unwrap_or(u32::MAX) << 1 | is_original).to_le_bytes();
            output.extend_from_slice(&header[..3]);
            output.extend_from_slice(bytes);
        }
        places.push(output.len() - begin);
        Ok(Some(places))
    }

    /// Compresses a chunk into the working memory.
    fn pack(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        let packed = &mut self.scratch;
        packed.clear();
        match self.compression {
            Compression::None => packed.extend_from_slice(chunk),
            Compression::Zlib => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::DeflateEncoder::new(packed, level);
                encoder.write_all(chunk)?;
                encoder.finish()?;
            }
            Compression::Snappy => {
                packed.resize(snap::raw::max_compress_len(chunk.len()), 0);
                let size = snap::raw::Encoder::new()
                    .compress(chunk, packed)
                    .map_err(std::io::Error::other)?;
                packed.truncate(size);
            }
            Compression::Lz4 => {
                packed.resize(lz4_flex::block::get_maximum_output_size(chunk.len()), 0);
                let size =
                    lz4_flex::block::compress_into(chunk, packed).map_err(std::io::Error::other)?;
                packed.truncate(size);
            }
            Compression::Zstd => {
                packed.reserve(zstd::zstd_safe::compress_bound(chunk.len()));
                if let Some(zstd) = &mut self.zstd {
                    zstd.compress_to_buffer(chunk, packed)?;
                }
            }
        }
        Ok(())
    }
}
