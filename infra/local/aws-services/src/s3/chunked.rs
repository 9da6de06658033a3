//! Bodies in AWS's own chunks (`aws-chunked`), as SDKs send them with a checksum behind the data: taken apart, and the
//! checksum compared. Signatures of chunks are not looked at.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;

/// The longest line between chunks that is still believed.
const LONGEST_LINE: usize = 16 * 1024;

/// Why a chunked body cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the connection failed in the middle of the body: {0}")]
    Connection(#[source] axum::Error),
    #[error("the body ended in the middle of a chunk")]
    Truncated,
    #[error("a chunk does not begin as aws-chunked prescribes: {line:?}")]
    Malformed { line: String },
    #[error("the trailing {algorithm} does not match the body")]
    BadTrailer { algorithm: &'static str },
}

type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>;

struct Decoder {
    incoming: Incoming,
    buffer: BytesMut,
    /// Bytes of the present chunk that are still to come.
    remaining: u64,
    state: State,
    trailer: Option<(&'static str, ChecksumHasher)>,
}

#[derive(PartialEq)]
enum State {
    Size,
    Data,
    DataEnd,
    Trailers,
    Done,
}

/// The data of a chunked body. `trailer` is the request's `x-amz-trailer`: the header that follows the data.
pub(super) fn decode(
    incoming: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    trailer: Option<&str>,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
    let decoder = Decoder {
        incoming: Box::pin(incoming),
        buffer: BytesMut::new(),
        remaining: 0,
        state: State::Size,
        trailer: trailer.and_then(hasher),
    };
    futures::stream::try_unfold(decoder, |mut decoder| async move {
        Ok(decoder.next().await?.map(|bytes| (bytes, decoder)))
    })
}

impl Decoder {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            match self.state {
                State::Size => {
                    let line = self.line().await?.ok_or(BodyError::Truncated)?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    self.remaining = u64::from_str_radix(digits, 16)
                        .map_err(|_| BodyError::Malformed { line: line.clone() })?;
                    self.state = if self.remaining == 0 {
                        State::Trailers
                    } else {
                        State::Data
                    };
                }
                State::Data => {
                    if self.buffer.is_empty() && !self.fill().await? {
                        return Err(BodyError::Truncated);
                    }
                    let count = usize::try_from(self.remaining)
                        .unwrap_or(usize::MAX)
                        .min(self.buffer.len());
                    let bytes = self.buffer.split_to(count).freeze();
                    self.remaining -= count as u64;
                    if self.remaining == 0 {
                        self.state = State::DataEnd;
                    }
                    if let Some((_, hasher)) = &mut self.trailer {
                        hasher.update(&bytes);
                    }
                    return Ok(Some(bytes));
                }
                State::DataEnd => {
                    let line = self.line().await?.ok_or(BodyError::Truncated)?;
                    if !line.is_empty() {
                        return Err(BodyError::Malformed { line });
                    }
                    self.state = State::Size;
                }
                State::Trailers => match self.line().await? {
                    Some(line) if !line.is_empty() => self.check(&line)?,
                    _ => self.state = State::Done,
                },
                State::Done => {
                    // Read to the end, so that the connection can be used again.
                    while self.fill().await? {
                        self.buffer.clear();
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn check(&mut self, line: &str) -> Result<(), BodyError> {
        let Some((name, value)) = line.split_once(':') else {
            return Err(BodyError::Malformed {
                line: line.to_owned(),
            });
        };
        let Some((announced, _)) = &self.trailer else {
            return Ok(());
        };
        if !name.trim().eq_ignore_ascii_case(announced) {
            return Ok(());
        }
        let Some((_, hasher)) = self.trailer.take() else {
            return Ok(());
        };
        let found = hasher.finalize();
        let (algorithm, found) = if let Some(found) = found.checksum_crc32 {
            ("CRC32", found)
        } else if let Some(found) = found.checksum_crc32c {
            ("CRC32C", found)
        } else if let Some(found) = found.checksum_crc64nvme {
            ("CRC64NVME", found)
        } else if let Some(found) = found.checksum_sha1 {
            ("SHA1", found)
        } else {
            ("SHA256", found.checksum_sha256.unwrap_or_default())
        };
        if value.trim() == found {
            Ok(())
        } else {
            Err(BodyError::BadTrailer { algorithm })
        }
    }

    /// The next line without its end, or `None` at the end of the body.
    async fn line(&mut self) -> Result<Option<String>, BodyError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                let text = String::from_utf8_lossy(&line);
                return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
            }
            if self.buffer.len() > LONGEST_LINE {
                let line = String::from_utf8_lossy(&self.buffer[..64]).into_owned();
                return Err(BodyError::Malformed { line });
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(BodyError::Truncated)
                };
            }
        }
    }

    async fn fill(&mut self) -> Result<bool, BodyError> {
        match self.incoming.next().await {
            None => Ok(false),
            Some(Ok(bytes)) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(true)
            }
            Some(Err(error)) => Err(BodyError::Connection(error)),
        }
    }
}

fn hasher(trailer: &str) -> Option<(&'static str, ChecksumHasher)> {
    let mut hasher = ChecksumHasher::default();
    let name = match trailer.trim().to_ascii_lowercase().as_str() {
        "x-amz-checksum-crc32" => {
            hasher.crc32 = Some(s3s::crypto::Crc32::new());
            "x-amz-checksum-crc32"
        }
        "x-amz-checksum-crc32c" => {
            hasher.crc32c = Some(s3s::crypto::Crc32c::new());
            "x-amz-checksum-crc32c"
        }
        "x-amz-checksum-crc64nvme" => {
            hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::new());
            "x-amz-checksum-crc64nvme"
        }
        "x-amz-checksum-sha1" => {
            hasher.sha1 = Some(s3s::crypto::Sha1::new());
            "x-amz-checksum-sha1"
        }
        "x-amz-checksum-sha256" => {
            hasher.sha256 = Some(s3s::crypto::Sha256::new());
            "x-amz-checksum-sha256"
        }
        _ => return None,
    };
    Some((name, hasher))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    async fn decoded(
        body: &str,
        piece: usize,
        trailer: Option<&str>,
    ) -> Result<Vec<u8>, BodyError> {
        let pieces: Vec<Result<Bytes, axum::Error>> = body
            .as_bytes()
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let chunks: Vec<Bytes> = decode(futures::stream::iter(pieces), trailer)
            .try_collect()
            .await?;
        Ok(chunks.concat())
    }

    #[tokio::test]
    async fn a_body_that_ends_inside_a_chunk_is_refused() {
        for body in ["5\r\nhel", "5\r\nhello", "5", ""] {
            let error = decoded(body, 2, None).await.unwrap_err();
            assert!(matches!(error, BodyError::Truncated), "{body:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_wrong_checksum_behind_the_data_is_refused() {
        let body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let error = decoded(body, 3, Some("x-amz-checksum-crc32"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, BodyError::BadTrailer { algorithm: "CRC32" }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn data_that_is_longer_than_its_chunk_is_refused() {
        assert!(decoded("2\r\nhello\r\n0\r\n\r\n", 100, None).await.is_err());
        assert!(decoded("hello", 100, None).await.is_err());
    }

    #[tokio::test]
    async fn chunks_with_signatures_and_trailers_give_the_data_however_they_arrive() {
        let body = "5;chunk-signature=abc\r\nhello\r\n6;chunk-signature=def\r\n world\r\n0;chunk-signature=0\r\n\
                    x-amz-checksum-crc32:DUoRhQ==\r\nx-amz-trailer-signature:f\r\n\r\n";
        for piece in [1, 2, 7, 1000] {
            let data = decoded(body, piece, Some("x-amz-checksum-crc32"))
                .await
                .unwrap();
            assert_eq!(data, b"hello world");
        }
    }
}
