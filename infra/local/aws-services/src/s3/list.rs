//! Listing a bucket: keys in UTF-8 order straight from the folders, with prefix, delimiter and pages. Only what a page
//! shows is looked at closely.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::S3;
use super::error::S3Error;
use super::key::Key;
use super::objects::ObjectHead;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only keys that begin with it.
    pub prefix: String,
    /// Keys that have it after the prefix are rolled up into common prefixes. Empty for none.
    pub delimiter: String,
    /// Only what comes after it; a common prefix stands for all keys below it.
    pub after: Option<String>,
    /// The most objects and common prefixes to give; `None` is S3's 1000.
    pub limit: Option<usize>,
}

impl ListRequest {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            ..Self::default()
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// In the order of their keys.
    pub objects: Vec<ObjectHead>,
    /// In their order.
    pub common_prefixes: Vec<String>,
    /// Where the next page begins (for [`ListRequest::after`]), if there is more.
    pub next: Option<String>,
}

/// S3's page.
const PAGE: usize = 1000;

impl S3 {
    /// One page of the keys of a bucket.
    pub async fn list(&self, bucket: &str, request: &ListRequest) -> Result<Listing, S3Error> {
        let limit = request.limit.unwrap_or(PAGE).min(PAGE);
        let (folder, aside) = self.store.with(bucket, |bucket| {
            Ok((
                bucket.folder().to_owned(),
                bucket.aside_with(&request.prefix),
            ))
        })?;
        let mut listing = Listing::default();
        if limit == 0 {
            return Ok(listing);
        }
        let after = request.after.as_deref().filter(|after| !after.is_empty());
        let mut keys = Keys::new(folder, aside, &request.prefix, after);
        let mut last: Option<String> = None;
        let mut count = 0;
        // A common prefix that was given as `after` was shown on the page before.
        if let Some(after) = after
            && common_prefix(after, &request.prefix, &request.delimiter) == Some(after)
        {
            keys.skip_below(after);
        }
        while let Some(key) = keys.next()? {
            let shown = common_prefix(&key, &request.prefix, &request.delimiter);
            let head = match shown {
                Some(_) => None,
                // A file that vanished while the folder was read is not there.
                None => {
                    // Nor is one whose name is longer than a key may be.
                    let Ok(parsed) = Key::parse(&key) else {
                        continue;
                    };
                    match self.store.resolve(bucket, &parsed)? {
                        Some(found) => Some(ObjectHead::new(&key, found.record)),
                        None => continue,
                    }
                }
            };
            if count == limit {
                listing.next = last;
                return Ok(listing);
            }
            count += 1;
            match (head, shown) {
                (Some(head), _) => listing.objects.push(head),
                (None, Some(common)) => {
                    keys.skip_below(common);
                    last = Some(common.to_owned());
                    listing.common_prefixes.push(common.to_owned());
                    continue;
                }
                (None, None) => {}
            }
            last = Some(key);
        }
        Ok(listing)
    }

    /// All objects whose keys begin with `prefix`, page after page. For callers whose prefixes are known to be small.
    pub async fn list_all(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectHead>, S3Error> {
        let mut request = ListRequest::prefix(prefix);
        let mut objects = Vec::new();
        loop {
            let mut page = self.list(bucket, &request).await?;
            objects.append(&mut page.objects);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(objects),
            }
        }
    }
}

/// Whether the folder of a bucket, and what is kept aside, hold any object.
pub(super) fn is_empty(bucket: &super::store::Bucket) -> Result<bool, S3Error> {
    let mut keys = Keys::new(bucket.folder().to_owned(), bucket.aside_with(""), "", None);
    Ok(keys.next()?.is_none())
}

fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(prefix)?;
    let position = rest.find(delimiter)?;
    Some(&key[..prefix.len() + position + delimiter.len()])
}

/// Keys in order: those in folders, walked as far as asked, merged with those that are kept aside.
struct Keys {
    folder: PathBuf,
    prefix: String,
    after: Option<String>,
    skip: Option<String>,
    /// What is still to be visited, folders with a trailing `/`, the next at the front.
    pending: VecDeque<String>,
    /// The next plain key, once it is known.
    plain: Option<String>,
    aside: std::vec::IntoIter<String>,
    next_aside: Option<String>,
}

impl Keys {
    fn new(folder: PathBuf, aside: Vec<String>, prefix: &str, after: Option<&str>) -> Self {
        // The deepest folder that holds all keys of the prefix.
        let start = prefix
            .rfind('/')
            .map_or("", |position| &prefix[..=position]);
        let within = !start
            .split('/')
            .rev()
            .skip(1)
            .any(|segment| matches!(segment, "" | "." | ".."));
        let mut pending = VecDeque::new();
        if start.is_empty() || within {
            pending.push_back(start.to_owned());
        }
        Self {
            folder,
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            skip: None,
            pending,
            plain: None,
            aside: aside.into_iter(),
            next_aside: None,
        }
    }

    /// Leaves out all further keys that begin with `common`.
    fn skip_below(&mut self, common: &str) {
        self.skip = Some(common.to_owned());
    }

    fn next(&mut self) -> Result<Option<String>, S3Error> {
        loop {
            if self.plain.is_none() {
                self.plain = self.next_plain()?;
            }
            if self.next_aside.is_none() {
                self.next_aside = self.aside.next();
            }
            let plain_first = match (&self.plain, &self.next_aside) {
                (None, None) => return Ok(None),
                (Some(plain), Some(aside)) if plain == aside => {
                    // A file appeared behind our back where an object was kept aside: the file counts.
                    self.next_aside = None;
                    true
                }
                (Some(plain), Some(aside)) => plain < aside,
                (plain, _) => plain.is_some(),
            };
            let key = if plain_first {
                self.plain.take()
            } else {
                self.next_aside.take()
            };
            if let Some(key) = key
                && self.wanted(&key)
            {
                return Ok(Some(key));
            }
        }
    }

    fn wanted(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
            && self.after.as_deref().is_none_or(|after| key > after)
            && self
                .skip
                .as_deref()
                .is_none_or(|skip| !key.starts_with(skip))
    }

    fn next_plain(&mut self) -> Result<Option<String>, S3Error> {
        while let Some(path) = self.pending.pop_front() {
            let is_folder = path.is_empty() || path.ends_with('/');
            if !is_folder {
                if self.wanted(&path) {
                    return Ok(Some(path));
                }
                continue;
            }
            if self.folder_may_matter(&path) {
                let entries = entries(&self.folder, &path)?;
                for entry in entries.into_iter().rev() {
                    self.pending.push_front(entry);
                }
            }
        }
        Ok(None)
    }

    /// Whether any wanted key may be below a folder.
    fn folder_may_matter(&self, folder: &str) -> bool {
        let before = |after: &str| folder < after && !after.starts_with(folder);
        (folder.starts_with(&self.prefix) || self.prefix.starts_with(folder))
            && !self.after.as_deref().is_some_and(before)
            && !self
                .skip
                .as_deref()
                .is_some_and(|skip| folder.starts_with(skip))
    }
}

/// What is in a folder, as keys, folders with a trailing `/`, in the order of the keys below them.
fn entries(root: &Path, folder: &str) -> Result<Vec<String>, S3Error> {
    let path = root.join(folder);
    let directory = match fs::read_dir(&path) {
        Ok(directory) => directory,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(S3Error::io(path)(error)),
    };
    let mut entries = Vec::new();
    for entry in directory {
        let entry = entry.map_err(S3Error::io(&path))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            tracing::warn!(path = %entry.path().display(), "a file name that is not UTF-8 cannot be a key");
            continue;
        };
        let mut kind = entry.file_type().map_err(S3Error::io(&path))?;
        if kind.is_symlink() {
            match fs::metadata(entry.path()) {
                Ok(metadata) => kind = metadata.file_type(),
                Err(_) => continue,
            }
        }
        let end = if kind.is_dir() { "/" } else { "" };
        entries.push(format!("{folder}{name}{end}"));
    }
    entries.sort_unstable();
    Ok(entries)
}
