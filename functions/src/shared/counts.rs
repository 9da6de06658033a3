//! What a load counted: the line of JSON that its script leaves in the ledger. `send_msg_sns` writes it into the mail,
//! `status_step_emr` adds it to the metrics.

use serde::Deserialize;

use crate::shared::clients::Clients;
use crate::shared::errors::CallError;

const GET_OBJECT: &str = "s3:GetObject";
const LIST_BUCKET: &str = "s3:ListBucket";

/// What a load counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Counts {
    pub(crate) files: u64,
    pub(crate) rows_staged: u64,
    pub(crate) rows_loaded: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) files_repeated: u64,
    pub(crate) rows_skipped: u64,
}

/// Reads one file; nothing if it holds something else.
pub(crate) async fn read(
    clients: &Clients,
    bucket: &str,
    key: &str,
) -> Result<Option<Counts>, String> {
    let address = format!("s3://{bucket}/{key}");
    let call = clients
        .s3()
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await;
    let answer = call.map_err(|error| CallError::new(GET_OBJECT, &address, error).to_string())?;
    let bytes = answer
        .body
        .collect()
        .await
        .map_err(|error| format!("{address}: {error}"))?
        .into_bytes();
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Ok(serde_json::from_slice(line).ok())
}

/// Reads the file in a folder, given as `s3://BUCKET/FOLDER/`. Hive chooses the file's name.
pub(crate) async fn find(clients: &Clients, folder: &str) -> Result<Option<Counts>, String> {
    let Some((bucket, prefix)) = folder
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return Err(format!("{folder:?} is no address in S3"));
    };
    let call = clients
        .s3()
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .max_keys(10)
        .send()
        .await;
    let page = call.map_err(|error| CallError::new(LIST_BUCKET, folder, error).to_string())?;
    let is_data = |key: &&str| {
        !key.rsplit('/')
            .next()
            .is_some_and(|name| name.is_empty() || name.starts_with(['_', '.']))
    };
    match page
        .contents()
        .iter()
        .filter_map(|object| object.key())
        .find(is_data)
    {
        Some(key) => read(clients, bucket, key).await,
        None => Ok(None),
    }
}
