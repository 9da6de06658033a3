//! `s3-dist-cp`, by its real rules: an empty source fails, a pattern has to match the whole address, files are copied below
//! the target under the names that they have below the source, and the source is deleted only after everything is copied.

use regex::Regex;

use super::failure::CommandFailure;
use super::java_pattern;
use super::log::StepLog;
use super::manifest::{self, Entry};
use super::options::{Words, split_option};
use super::storage::{Address, Found, Storage};

/// Files between two signs of life.
const TELL_EVERY: usize = 1000;

#[derive(Debug, Default)]
struct Request {
    source: Option<String>,
    target: Option<String>,
    pattern: Option<Regex>,
    delete: bool,
    output_manifest: Option<String>,
    previous_manifest: Option<String>,
    copy_from_manifest: bool,
}

/// A file to copy.
#[derive(Debug)]
struct Item {
    source: Address,
    target: Address,
    etag: String,
    size: u64,
    base_name: String,
}

pub(super) async fn run(
    storage: &Storage,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let request = parse(args)?;
    let missing =
        |option: &str| CommandFailure::new(format!("s3-dist-cp: the option {option} is missing"));
    let target = request.target.as_ref().ok_or_else(|| missing("--dest"))?;
    let target = Address::parse(target)?.folder();
    let items = if request.copy_from_manifest {
        let name = request
            .previous_manifest
            .as_ref()
            .ok_or_else(|| missing("--previousManifest"))?;
        from_manifest(storage, name, &target).await?
    } else {
        let source = request.source.as_ref().ok_or_else(|| missing("--src"))?;
        from_source(
            storage,
            &Address::parse(source)?,
            request.pattern.as_ref(),
            &target,
        )
        .await?
    };
    if items.is_empty() {
        let source = request.source.unwrap_or_default();
        return Err(CommandFailure::new(format!(
            "org.apache.hadoop.mapreduce.lib.input.InvalidInputException: Input path does not exist: \
             hdfs:/tmp/s3distcp/files (nothing to copy from {source})"
        )));
    }
    copy(storage, &items, log).await?;
    if let Some(name) = &request.output_manifest {
        keep_manifest(storage, &items, &target, name).await?;
    }
    if request.delete {
        delete(storage, &items, log).await?;
    }
    Ok(())
}

fn parse(args: &[String]) -> Result<Request, CommandFailure> {
    let mut words = Words::new("s3-dist-cp", args);
    let mut request = Request::default();
    while let Some(word) = words.next() {
        match split_option(word) {
            (option @ "--src", inline) => request.source = Some(words.value(option, inline)?),
            (option @ "--dest", inline) => request.target = Some(words.value(option, inline)?),
            (option @ "--srcPattern", inline) => {
                request.pattern = Some(java_pattern::whole(&words.value(option, inline)?)?);
            }
            ("--deleteOnSuccess", None) => request.delete = true,
            (option @ "--outputManifest", inline) => {
                request.output_manifest = Some(words.value(option, inline)?);
            }
            (option @ "--previousManifest", inline) => {
                request.previous_manifest = Some(words.value(option, inline)?);
            }
            ("--copyFromManifest", None) => request.copy_from_manifest = true,
            // How the bytes travel does not show in the result.
            (option @ ("--tmpDir" | "--multipartUploadChunkSize"), inline) => {
                words.value(option, inline)?;
            }
            ("--disableMultipartUpload", None) => {}
            _ => return words.unknown(word),
        }
    }
    if request.previous_manifest.is_some() && !request.copy_from_manifest {
        return words.unknown("--previousManifest without --copyFromManifest");
    }
    Ok(request)
}

/// Folder markers are folders to Hadoop, not files.
fn is_marker(key: &str) -> bool {
    key.ends_with('/') || key.ends_with("_$folder$")
}

async fn from_source(
    storage: &Storage,
    source: &Address,
    pattern: Option<&Regex>,
    target: &Address,
) -> Result<Vec<Item>, CommandFailure> {
    let matches =
        |address: &Address| pattern.is_none_or(|pattern| pattern.is_match(&address.to_string()));
    let mut items = Vec::new();
    if !source.key.is_empty()
        && !source.key.ends_with('/')
        && let Some(found) = storage.head(source).await?
        && matches(source)
    {
        let name = source.key.rsplit('/').next().unwrap_or_default().to_owned();
        items.push(item(source.clone(), target, name, found));
    }
    let folder = source.folder();
    let mut after = None;
    loop {
        let (page, next) = storage.page(&folder, after).await?;
        for found in page {
            let address = folder.with_key(&found.key);
            if is_marker(&found.key) || !matches(&address) {
                continue;
            }
            let name = found.key[folder.key.len()..].to_owned();
            items.push(item(address, target, name, found));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}

fn item(source: Address, target: &Address, base_name: String, found: Found) -> Item {
    Item {
        source,
        target: target.with_key(format!("{}{base_name}", target.key)),
        etag: found.etag,
        size: found.size,
        base_name,
    }
}

async fn from_manifest(
    storage: &Storage,
    name: &str,
    target: &Address,
) -> Result<Vec<Item>, CommandFailure> {
    let content = storage.read(&Address::parse(name)?).await?;
    let mut items = Vec::new();
    for entry in manifest::read(name, &content)? {
        let source = Address::parse(&entry.path)?;
        let Some(found) = storage.head(&source).await? else {
            return Err(CommandFailure::new(format!(
                "the file {source} of the manifest {name} does not exist"
            )));
        };
        items.push(item(source, target, entry.base_name, found));
    }
    Ok(items)
}

async fn copy(storage: &Storage, items: &[Item], log: &StepLog) -> Result<(), CommandFailure> {
    let bytes: u64 = items.iter().map(|item| item.size).sum();
    log.tell(
        &format!("Copying {} files, {bytes} bytes", items.len()),
        None,
    );
    for (position, item) in items.iter().enumerate() {
        if position > 0 && position % TELL_EVERY == 0 {
            log.tell(&format!("Copied {position} of {} files", items.len()), None);
        }
        // What was copied before this failure stays where it is, as on EMR.
        if !storage.copy(&item.source, &item.etag, &item.target).await? {
            return Err(CommandFailure::new(format!(
                "{} changed or disappeared while it was copied; nothing was deleted",
                item.source
            )));
        }
        log.note(&format!("Copied {} to {}", item.source, item.target));
    }
    Ok(())
}

async fn keep_manifest(
    storage: &Storage,
    items: &[Item],
    target: &Address,
    name: &str,
) -> Result<(), CommandFailure> {
    let entries: Vec<Entry> = items
        .iter()
        .map(|item| Entry {
            path: item.target.to_string(),
            base_name: item.base_name.clone(),
            src_dir: target.to_string(),
            size: item.size,
        })
        .collect();
    let address = if Address::is(name) {
        Address::parse(name)?
    } else {
        target.with_key(format!("{}{name}", target.key))
    };
    storage.write(&address, manifest::write(&entries)?).await
}

async fn delete(storage: &Storage, items: &[Item], log: &StepLog) -> Result<(), CommandFailure> {
    let mut kept = 0;
    for item in items {
        if !storage.delete(&item.source, Some(&item.etag)).await? {
            kept += 1;
            log.note(&format!(
                "WARN {} was replaced after it was copied, and is kept",
                item.source
            ));
        }
    }
    log.tell(
        &format!("Deleted {} files from the source", items.len() - kept),
        None,
    );
    Ok(())
}
