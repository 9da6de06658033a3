//! `aws s3 cp|mv|rm|sync` between buckets, by the rules of the AWS CLI. Local files are refused: a step's machine is gone
//! after the run.

use std::collections::BTreeMap;

use super::failure::CommandFailure;
use super::log::StepLog;
use super::options::{Words, split_option};
use super::storage::{Address, Found, Storage};
use super::wildcard::Filters;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Copy,
    Move,
    Remove,
    Synchronize,
}

#[derive(Debug)]
struct Request {
    verb: Verb,
    paths: Vec<String>,
    recursive: bool,
    delete: bool,
    size_only: bool,
    exact_timestamps: bool,
    dry_run: bool,
    quiet: bool,
    filters: Filters,
}

pub(super) async fn run(
    storage: &Storage,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let request = parse(args)?;
    let speaker = Speaker {
        log,
        quiet: request.quiet,
        dry_run: request.dry_run,
    };
    let address = |position: usize| {
        let path = request
            .paths
            .get(position)
            .map(String::as_str)
            .unwrap_or_default();
        Address::parse(path)
    };
    match request.verb {
        Verb::Remove if request.recursive => {
            remove_below(storage, &address(0)?, &request, &speaker).await
        }
        Verb::Remove => remove_one(storage, &address(0)?, &speaker).await,
        Verb::Copy if request.paths[1] == "-" => print(storage, &address(0)?, log).await,
        Verb::Synchronize => {
            synchronize(storage, &address(0)?, &address(1)?, &request, &speaker).await
        }
        Verb::Copy | Verb::Move if request.recursive => {
            transfer_below(storage, &address(0)?, &address(1)?, &request, &speaker).await
        }
        Verb::Copy | Verb::Move => {
            transfer_one(storage, &address(0)?, &address(1)?, &request, &speaker).await
        }
    }
}

fn parse(args: &[String]) -> Result<Request, CommandFailure> {
    let mut words = Words::new("aws s3", args);
    match words.next() {
        Some("s3") => {}
        other => {
            return Err(CommandFailure::new(format!(
                "the local runtime runs only aws s3 cp|mv|rm|sync, not aws {}",
                other.unwrap_or_default()
            )));
        }
    }
    let verb = match words.next() {
        Some("cp") => Verb::Copy,
        Some("mv") => Verb::Move,
        Some("rm") => Verb::Remove,
        Some("sync") => Verb::Synchronize,
        other => return words.unknown(other.unwrap_or_default()),
    };
    let mut request = Request {
        verb,
        paths: Vec::new(),
        recursive: false,
        delete: false,
        size_only: false,
        exact_timestamps: false,
        dry_run: false,
        quiet: false,
        filters: Filters::default(),
    };
    while let Some(word) = words.next() {
        match split_option(word) {
            ("--recursive", None) if verb != Verb::Synchronize => request.recursive = true,
            ("--delete", None) if verb == Verb::Synchronize => request.delete = true,
            ("--size-only", None) if verb == Verb::Synchronize => request.size_only = true,
            ("--exact-timestamps", None) if verb == Verb::Synchronize => {
                request.exact_timestamps = true
            }
            ("--dryrun", None) => request.dry_run = true,
            ("--quiet" | "--only-show-errors", None) => request.quiet = true,
            ("--no-progress", None) => {}
            (option @ "--exclude", inline) => {
                request.filters.add(false, &words.value(option, inline)?)?
            }
            (option @ "--include", inline) => {
                request.filters.add(true, &words.value(option, inline)?)?
            }
            _ if word.starts_with("--") => return words.unknown(word),
            _ => request.paths.push(word.to_owned()),
        }
    }
    let wanted = if verb == Verb::Remove { 1 } else { 2 };
    if request.paths.len() != wanted {
        return Err(CommandFailure::new(format!(
            "aws s3: {wanted} paths are needed, and {} were given",
            request.paths.len()
        ))
        .with_exit_code(252));
    }
    Ok(request)
}

/// What the CLI prints about each file.
struct Speaker<'a> {
    log: &'a StepLog,
    quiet: bool,
    dry_run: bool,
}

impl Speaker<'_> {
    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        let prefix = if self.dry_run { "(dryrun) " } else { "" };
        self.log.output(&format!("{prefix}{line}"));
    }
}

async fn print(storage: &Storage, source: &Address, log: &StepLog) -> Result<(), CommandFailure> {
    let content = storage.read(source).await?;
    for line in String::from_utf8_lossy(&content).lines() {
        log.output(line);
    }
    Ok(())
}

async fn transfer_one(
    storage: &Storage,
    source: &Address,
    target: &Address,
    request: &Request,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    let name = source.key.rsplit('/').next().unwrap_or_default();
    if !request.filters.wants(name) {
        return Ok(());
    }
    let Some(found) = storage.head(source).await? else {
        return Err(CommandFailure::new(format!(
            "fatal error: An error occurred (404) when calling the HeadObject operation: Key \"{}\" does not exist",
            source.key
        )));
    };
    let target = if target.key.is_empty() || target.key.ends_with('/') {
        target.with_key(format!("{}{name}", target.key))
    } else {
        target.clone()
    };
    transfer(storage, source, &found, &target, request, speaker).await
}

async fn transfer(
    storage: &Storage,
    source: &Address,
    found: &Found,
    target: &Address,
    request: &Request,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    let moves = request.verb == Verb::Move;
    if moves && source == target {
        return Err(
            CommandFailure::new(format!("cannot mv a file onto itself: {source}"))
                .with_exit_code(255),
        );
    }
    let word = if moves { "move" } else { "copy" };
    if !request.dry_run {
        if !storage.copy(source, &found.etag, target).await? {
            return Err(CommandFailure::new(format!(
                "{word} failed: {source} to {target}: the source changed or disappeared"
            )));
        }
        if moves {
            storage.delete(source, Some(&found.etag)).await?;
        }
    }
    speaker.say(&format!("{word}: {source} to {target}"));
    Ok(())
}

async fn transfer_below(
    storage: &Storage,
    source: &Address,
    target: &Address,
    request: &Request,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    let (source, target) = (source.folder(), target.folder());
    if source.bucket == target.bucket
        && target.key.starts_with(&source.key)
        && request.verb == Verb::Move
    {
        return Err(
            CommandFailure::new(format!("cannot mv {source} into itself: {target}"))
                .with_exit_code(255),
        );
    }
    let mut after = None;
    loop {
        let (page, next) = storage.page(&source, after).await?;
        for found in page {
            let name = &found.key[source.key.len()..];
            if is_marker(&found) || !request.filters.wants(name) {
                continue;
            }
            let to = target.with_key(format!("{}{name}", target.key));
            transfer(
                storage,
                &source.with_key(&found.key),
                &found,
                &to,
                request,
                speaker,
            )
            .await?;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Folders made by hand are not files to the CLI, unless they are to be removed.
fn is_marker(found: &Found) -> bool {
    found.size == 0 && found.key.ends_with('/')
}

async fn remove_one(
    storage: &Storage,
    target: &Address,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    if target.key.is_empty() {
        return Err(
            CommandFailure::new(format!("aws s3 rm: {target} names no object")).with_exit_code(252),
        );
    }
    if !speaker.dry_run {
        storage.delete(target, None).await?;
    }
    speaker.say(&format!("delete: {target}"));
    Ok(())
}

async fn remove_below(
    storage: &Storage,
    target: &Address,
    request: &Request,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    let mut after = None;
    // Patterns are relative to the folder; without a slash at its end, a prefix is only a prefix.
    let root = target.key.rfind('/').map_or(0, |position| position + 1);
    loop {
        let (page, next) = storage.page(target, after).await?;
        for found in page {
            if request.filters.wants(&found.key[root..]) {
                remove_one(storage, &target.with_key(&found.key), speaker).await?;
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn synchronize(
    storage: &Storage,
    source: &Address,
    target: &Address,
    request: &Request,
    speaker: &Speaker<'_>,
) -> Result<(), CommandFailure> {
    let (source, target) = (source.folder(), target.folder());
    let mut there = BTreeMap::new();
    let mut after = None;
    loop {
        let (page, next) = storage.page(&target, after).await?;
        for found in page {
            there.insert(found.key[target.key.len()..].to_owned(), found);
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let mut after = None;
    loop {
        let (page, next) = storage.page(&source, after).await?;
        for found in page {
            let name = found.key[source.key.len()..].to_owned();
            if is_marker(&found) || !request.filters.wants(&name) {
                continue;
            }
            let present = there.remove(&name);
            if present.is_some_and(|present| !differs(&found, &present, request)) {
                continue;
            }
            let to = target.with_key(format!("{}{name}", target.key));
            transfer(
                storage,
                &source.with_key(&found.key),
                &found,
                &to,
                request,
                speaker,
            )
            .await?;
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if request.delete {
        for (name, found) in there {
            if !is_marker(&found) && request.filters.wants(&name) {
                remove_one(storage, &target.with_key(&found.key), speaker).await?;
            }
        }
    }
    Ok(())
}

fn differs(source: &Found, target: &Found, request: &Request) -> bool {
    if source.size != target.size {
        return true;
    }
    if request.size_only {
        return false;
    }
    if request.exact_timestamps {
        return source.last_modified != target.last_modified;
    }
    source.last_modified > target.last_modified
}
