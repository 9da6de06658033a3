//! The items of a distributed Map: fetches objects or lists them, and makes items of what is in them. `map_runs` calls it.

use std::io::Read;

use serde_json::{Map, Value, json};
use states_language::{CsvHeader, ItemFormat, ItemSource, ReadItems};

use super::StepFunctions;
use super::map_runs::failed;
use super::outcome::{Outcome, TaskFailure, answered};
use crate::failure::ServiceError;
use crate::interceptor::Call;
use crate::s3::ListRequest;

/// What AWS says of a document that is neither a list nor an object.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";
/// The longest header that AWS reads, in bytes.
const LONGEST_HEADER: usize = 10_240;

type Items = Result<Vec<Value>, TaskFailure>;

/// Reads the items. `None` when a call hangs.
pub(super) async fn read(service: &StepFunctions, request: &ReadItems) -> Option<Outcome> {
    let most = request
        .max_items
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX);
    let bucket = match text(&request.arguments, "Bucket") {
        Ok(bucket) => bucket,
        Err(failure) => return Some(Err(failure)),
    };
    let items = match request.source {
        ItemSource::Object => object_items(service, request, bucket, most).await?,
        ItemSource::Listing => listed_items(service, request, bucket, most).await?,
    };
    Some(items)
}

async fn object_items(
    service: &StepFunctions,
    request: &ReadItems,
    bucket: &str,
    most: usize,
) -> Option<Outcome> {
    if let Err(failure) = known(&request.arguments, &["Bucket", "Key"]) {
        return Some(Err(failure));
    }
    let key = match text(&request.arguments, "Key") {
        Ok(key) => key,
        Err(failure) => return Some(Err(failure)),
    };
    let bytes = match fetch(service, bucket, key).await? {
        Ok(bytes) => bytes,
        Err(failure) => return Some(Err(failure)),
    };
    if let ItemFormat::Manifest(_) = &request.format {
        let items = inventory(service, &bytes, most).await?;
        let items = items.map_err(|failure| about(bucket, key, failure));
        return Some(items.map(Value::Array));
    }
    Some(document(request, bucket, key, &bytes).and_then(|items| cut(items, most)))
}

/// The first of the items.
fn cut(items: Value, most: usize) -> Outcome {
    match items {
        Value::Array(mut items) => {
            items.truncate(most);
            Ok(Value::Array(items))
        }
        Value::Object(members) => Ok(members.into_iter().take(most).collect::<Map<_, _>>().into()),
        _ => failed(NOT_ITERABLE),
    }
}

async fn listed_items(
    service: &StepFunctions,
    request: &ReadItems,
    bucket: &str,
    most: usize,
) -> Option<Outcome> {
    if let Err(failure) = known(&request.arguments, &["Bucket", "Prefix", "StartAfter"]) {
        return Some(Err(failure));
    }
    let mut after = request.arguments["StartAfter"].as_str().map(str::to_owned);
    let prefix = request.arguments["Prefix"].as_str().unwrap_or_default();
    let mut items = Vec::new();
    loop {
        let listing = ListRequest {
            prefix: prefix.to_owned(),
            delimiter: String::new(),
            after: after.clone(),
            limit: None,
        };
        let call = called("ListObjectsV2", &request.arguments);
        let effect = async {
            let neighbours = service.neighbours()?;
            Ok(neighbours.s3.list(bucket, &listing).await?)
        };
        let page = match in_words(service, &call, effect).await? {
            Ok(page) => page,
            Err(failure) => return Some(Err(failure)),
        };
        for object in page.objects {
            if items.len() >= most {
                break;
            }
            if request.load {
                let bytes = match fetch(service, bucket, &object.key).await? {
                    Ok(bytes) => bytes,
                    Err(failure) => return Some(Err(failure)),
                };
                match document(request, bucket, &object.key, &bytes)
                    .and_then(|found| cut(found, most - items.len()))
                {
                    Ok(Value::Array(found)) => items.extend(found),
                    Ok(Value::Object(found)) => items.extend(
                        found
                            .into_iter()
                            .map(|(key, value)| json!({"Key": key, "Value": value})),
                    ),
                    Ok(_) => {}
                    Err(failure) => return Some(Err(failure)),
                }
            } else {
                items.push(json!({
                    "Etag": format!("\"{}\"", object.etag),
                    "Key": object.key,
                    "LastModified": object.last_modified.as_second(),
                    "Size": object.size,
                    "StorageClass": "STANDARD",
                }));
            }
        }
        match page.next {
            Some(next) if items.len() < most => after = Some(next),
            _ => return Some(Ok(Value::Array(items))),
        }
    }
}

/// The objects that an S3 inventory names: `manifest.json` lists files of separated values without a header.
async fn inventory(service: &StepFunctions, manifest: &[u8], most: usize) -> Option<Items> {
    let manifest: Value = match serde_json::from_slice(manifest) {
        Ok(manifest) => manifest,
        Err(error) => return Some(failed(format!("the manifest is not JSON: {error}"))),
    };
    if let Some(other) = manifest["fileFormat"]
        .as_str()
        .filter(|format| *format != "CSV")
    {
        return Some(failed(format!(
            "the S3 inventory has the format {other}; only CSV is supported"
        )));
    }
    let columns = manifest["fileSchema"].as_str().unwrap_or_default();
    let names: Vec<String> = columns
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    let (Some(files), Some(bucket)) = (
        manifest["files"].as_array(),
        manifest["destinationBucket"].as_str(),
    ) else {
        return Some(failed(
            "the manifest is not one of an S3 inventory: it needs files, fileSchema and destinationBucket",
        ));
    };
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket);
    let mut items = Vec::new();
    for file in files {
        let key = file["key"].as_str().unwrap_or_default();
        let bytes = match fetch(service, bucket, key).await? {
            Ok(bytes) => bytes,
            Err(failure) => return Some(Err(failure)),
        };
        match separated(&bytes, &CsvHeader::Given(names.clone()), ',') {
            Ok(rows) => items.extend(rows),
            Err(failure) => return Some(Err(failure)),
        }
        if items.len() >= most {
            items.truncate(most);
            break;
        }
    }
    Some(Ok(items))
}

/// The bytes of an object, unpacked if its name ends in `.gz`.
async fn fetch(
    service: &StepFunctions,
    bucket: &str,
    key: &str,
) -> Option<Result<Vec<u8>, TaskFailure>> {
    let call = called("GetObject", &json!({"Bucket": bucket, "Key": key}));
    let effect = async {
        let neighbours = service.neighbours()?;
        let object = neighbours.s3.get(bucket, key).await?;
        Ok(object.into_bytes()?)
    };
    let bytes = match in_words(service, &call, effect).await? {
        Ok(bytes) => bytes,
        Err(failure) => return Some(Err(about(bucket, key, failure))),
    };
    if !key.ends_with(".gz") {
        return Some(Ok(bytes.to_vec()));
    }
    let mut unpacked = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked);
    Some(match read {
        Ok(_) => Ok(unpacked),
        Err(error) => failed(format!("s3://{bucket}/{key} cannot be unpacked: {error}")),
    })
}

fn called(action: &str, request: &Value) -> Call {
    Call {
        service: "s3".to_owned(),
        action: action.to_owned(),
        caller: "states".to_owned(),
        request: request.clone(),
    }
}

/// A call of S3, with what failed in words.
pub(super) async fn in_words<T>(
    service: &StepFunctions,
    call: &Call,
    effect: impl Future<Output = Result<T, ServiceError>>,
) -> Option<Result<T, TaskFailure>> {
    let result = service.context.intercepted(call, effect).await;
    answered("S3", result, &service.context.entropy.uuid())
}

/// The items in an object; the failure names it.
fn document(request: &ReadItems, bucket: &str, key: &str, bytes: &[u8]) -> Outcome {
    parsed(&request.format, bytes).map_err(|failure| match failure.cause.as_str() {
        // AWS says no more.
        NOT_ITERABLE => failure,
        _ => about(bucket, key, failure),
    })
}

fn about(bucket: &str, key: &str, failure: TaskFailure) -> TaskFailure {
    let cause = format!("s3://{bucket}/{key}: {}", failure.cause);
    TaskFailure { cause, ..failure }
}

/// What TestState was given for an object, as JSON text; or why it cannot be read.
pub(super) fn read_text(format: &ItemFormat, text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let items = match format {
        // What a listing or an inventory would have named comes as a list.
        ItemFormat::Listing | ItemFormat::Manifest(_) => {
            parsed(&ItemFormat::Json { pointer: None }, bytes)
        }
        other => parsed(other, bytes),
    };
    items
        .map(|items| items.to_string())
        .map_err(|failure| failure.cause)
}

/// The items in a document.
fn parsed(format: &ItemFormat, bytes: &[u8]) -> Outcome {
    match format {
        ItemFormat::Json { pointer } => {
            let document: Value =
                serde_json::from_slice(without_mark(bytes)).map_err(|error| TaskFailure {
                    error: String::new(),
                    cause: format!("The object is not valid JSON: {error}"),
                })?;
            let pointer = pointer.as_deref().unwrap_or_default();
            match document.pointer(pointer) {
                Some(items) if items.is_array() || items.is_object() => Ok(items.clone()),
                Some(_) => failed(NOT_ITERABLE),
                None => failed(format!(
                    "The ItemsPointer '{pointer}' leads nowhere in the object"
                )),
            }
        }
        ItemFormat::JsonLines => {
            let text = String::from_utf8_lossy(without_mark(bytes));
            let mut items = Vec::new();
            for (number, line) in text.lines().enumerate() {
                if line.trim().is_empty() {
                    continue;
                }
                match serde_json::from_str(line) {
                    Ok(item) => items.push(item),
                    Err(error) => {
                        return failed(format!(
                            "Line {} of the object is not valid JSON: {error}",
                            number + 1
                        ));
                    }
                }
            }
            Ok(Value::Array(items))
        }
        ItemFormat::Csv { header, delimiter } => {
            separated(bytes, header, *delimiter).map(Value::Array)
        }
        ItemFormat::Listing | ItemFormat::Manifest(_) => {
            failed("the objects of a listing need an InputType to be read")
        }
    }
}

/// One object of texts for each row: missing values are empty, those beyond the header are left out.
fn separated(bytes: &[u8], header: &CsvHeader, delimiter: char) -> Items {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(without_mark(bytes));
    let mut records = rows.records();
    let names: Vec<String> = match header {
        CsvHeader::Given(names) => names.clone(),
        CsvHeader::FirstRow => match records.next() {
            None => Vec::new(),
            Some(first) => first
                .map_err(unreadable)?
                .iter()
                .map(str::to_owned)
                .collect(),
        },
    };
    if names.iter().map(String::len).sum::<usize>() > LONGEST_HEADER {
        return failed("CSV headers cannot exceed 10 KiB.");
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return failed("CSV headers cannot be duplicated.");
    }
    let mut items = Vec::new();
    for record in records {
        let record = record.map_err(unreadable)?;
        let row = names
            .iter()
            .enumerate()
            .map(|(place, name)| (name.clone(), record.get(place).unwrap_or_default().into()));
        items.push(Value::Object(row.collect()));
    }
    Ok(items)
}

fn unreadable(error: csv::Error) -> TaskFailure {
    TaskFailure {
        error: String::new(),
        cause: format!("The CSV file cannot be read: {error}"),
    }
}

/// Without the mark that some programs put before UTF-8 text.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn text<'a>(arguments: &'a Value, member: &str) -> Result<&'a str, TaskFailure> {
    match arguments[member].as_str() {
        Some(text) => Ok(text),
        None => failed(format!("The ItemReader needs the parameter {member}")),
    }
}

fn known(arguments: &Value, members: &[&str]) -> Result<(), TaskFailure> {
    let given = arguments.as_object().into_iter().flat_map(Map::keys);
    match given
        .into_iter()
        .find(|member| !members.contains(&member.as_str()))
    {
        Some(member) => failed(format!(
            "the local runtime does not support the parameter {member} of an ItemReader"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, header: CsvHeader, delimiter: char) -> Result<Vec<Value>, String> {
        separated(text.as_bytes(), &header, delimiter).map_err(|failure| failure.cause)
    }

    #[test]
    fn refuses_a_header_with_the_same_name_twice() {
        assert_eq!(
            rows("a,b,a\n1,2,3\n", CsvHeader::FirstRow, ','),
            Err("CSV headers cannot be duplicated.".to_owned())
        );
    }

    #[test]
    fn fills_short_rows_and_cuts_long_ones() {
        assert_eq!(
            rows(
                "\u{feff}a,b\r\n1\r\n\"x, y\",2,3\r\n",
                CsvHeader::FirstRow,
                ','
            ),
            Ok(vec![
                json!({"a": "1", "b": ""}),
                json!({"a": "x, y", "b": "2"})
            ])
        );
    }

    #[test]
    fn takes_the_names_from_the_definition_and_any_delimiter() {
        let header = CsvHeader::Given(vec!["id".to_owned(), "name".to_owned()]);
        assert_eq!(
            rows("1|x\n2|y\n", header, '|'),
            Ok(vec![
                json!({"id": "1", "name": "x"}),
                json!({"id": "2", "name": "y"})
            ])
        );
    }

    #[test]
    fn finds_the_items_of_a_document_by_a_pointer() {
        let format = ItemFormat::Json {
            pointer: Some("/in/list".to_owned()),
        };
        let items = parsed(&format, br#"{"in": {"list": [1, 2]}}"#);
        assert_eq!(items.map_err(|failure| failure.cause), Ok(json!([1, 2])));
        let nowhere = parsed(&format, b"{}").map_err(|failure| failure.cause);
        assert_eq!(
            nowhere,
            Err("The ItemsPointer '/in/list' leads nowhere in the object".to_owned())
        );
    }

    #[test]
    fn names_the_line_that_is_not_json() {
        let items = parsed(&ItemFormat::JsonLines, b"{\"a\": 1}\n\nnope\n");
        let cause = items.map_err(|failure| failure.cause).unwrap_err();
        assert!(cause.starts_with("Line 3 "), "{cause}");
    }
}
