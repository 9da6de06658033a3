//! The end of a failed step's log, as EMR left it in S3. Read at the time of the mail: EMR writes it minutes after the step,
//! at the latest when the cluster ends.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::redaction::redacted;
use crate::shared::clients::Clients;
use crate::shared::errors::CallError;

const GET_OBJECT: &str = "s3:GetObject";
/// A larger log is left where it is: the function has 128 MB.
const LARGEST_FILE: i64 = 4 * 1024 * 1024;
/// What is read of a log that unpacks to more.
const LARGEST_TEXT: u64 = 32 * 1024 * 1024;
/// Lines that the mail shows.
const LINES: usize = 25;
/// What is kept while reading.
const KEPT_BYTES: usize = 16 * 1024;

/// The last lines without secrets, or a sentence that says why there are none.
pub(super) async fn tail(clients: &Clients, address: &str) -> Result<Vec<String>, String> {
    let (bucket, key) =
        address.strip_prefix("s3://").and_then(|path| path.split_once('/')).ok_or_else(|| format!("{address} is no S3 address"))?;
    let call = clients.s3().get_object().bucket(bucket).key(key).send().await;
    let answer = match call.map_err(|error| CallError::new(GET_OBJECT, address, error)) {
        Ok(answer) => answer,
        Err(error) if matches!(error.code(), Some("NoSuchKey" | "NotFound")) => {
            return Err("EMR has not written it yet; look again in five minutes".to_owned());
        }
        Err(error) => return Err(error.to_string()),
    };
    if answer.content_length().is_some_and(|length| length > LARGEST_FILE) {
        return Err("it is too large to be read here".to_owned());
    }
    let bytes = answer.body.collect().await.map_err(|error| format!("it could not be read whole: {error}"))?.into_bytes();
    let kept = match key.ends_with(".gz") {
        true => {
            end_of(MultiGzDecoder::new(&bytes[..]).take(LARGEST_TEXT)).map_err(|error| format!("it is no gzip file: {error}"))?
        }
        false => bytes[bytes.len().saturating_sub(KEPT_BYTES)..].to_vec(),
    };
    Ok(last_lines(&String::from_utf8_lossy(&kept)))
}

/// The last bytes, in bounded memory.
fn end_of(mut reader: impl Read) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 8192]);
    loop {
        let count = reader.read(&mut chunk)?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..count]);
        if kept.len() > 2 * KEPT_BYTES {
            kept.drain(..kept.len() - KEPT_BYTES);
        }
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let text = redacted(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}
