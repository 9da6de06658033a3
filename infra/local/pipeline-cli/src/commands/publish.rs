//! `pipeline publish --bucket B`: puts scripts and configuration where the deployed functions and clusters look for them. It
//! checks the project first, leaves alone what is there already, byte for byte, and deletes nothing unless told to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, anyhow};
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::primitives::ByteStream;
use embedded_runtime::Project;
use sha2::{Digest, Sha256};

use super::run::project_complaint;
use super::screen::print_line;
use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, PublishArguments};
use crate::validate::problem;

/// The prefix that scripts are under; only here something may be deleted.
const SCRIPTS: &str = "scripts/";
/// Where the functions look for the configuration, as the template tells them.
const CONFIG: &str = "config/config.ini";
/// The metadata that tells whether an object is what would be written: an entity tag does not, in an encrypted bucket.
const CHECKSUM: &str = "sha256";

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    New,
    Changed,
    Unchanged,
    Deleted,
    /// In the bucket and not in the project; kept.
    Extra,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
            Change::Deleted => "deleted",
            Change::Extra => "kept",
        }
    }
}

/// Publishes; exit status 2 when the project has problems, 1 when the bucket refuses.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &PublishArguments,
) -> Result<Exit, Complaint> {
    let folder = place::project(arguments)?;
    let (problems, checked) = crate::validate::validate(&folder);
    if !problems.is_empty() {
        print_line(problem::as_text(&problems, &checked).trim_end());
        return Ok(Exit::Usage);
    }
    let wanted = wanted(&Project::load(&folder).map_err(project_complaint)?);
    let environment = functions::Environment::of_process();
    // What listens on this machine is nobody's proxy's business.
    let client = match command.is_local() {
        true => functions::http_client(&environment),
        false => functions::http_client_through_proxies(&environment),
    };
    let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(client);
    let sdk = sdk.load().await;
    // Keys in the path: a port of the embedded runtime has no host name for each bucket.
    let config = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(command.is_local());
    let bucket = Bucket {
        client: Client::from_conf(config.build()),
        name: command.bucket.clone(),
    };
    let found = bucket.keys(SCRIPTS).await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tell = |key: &str, change: Change| {
        *counts.entry(change.word()).or_default() += 1;
        if change != Change::Unchanged {
            print_line(&format!("{:<9} s3://{}/{key}", change.word(), bucket.name));
        }
    };
    for (key, content) in &wanted {
        let checksum = checksum(content);
        let change = match bucket.checksum(key).await? {
            None => Change::New,
            Some(there) if there.as_deref() == Some(checksum.as_str()) => Change::Unchanged,
            Some(_) => Change::Changed,
        };
        if change != Change::Unchanged && !command.dry_run {
            bucket.put(key, content, &checksum).await?;
        }
        tell(key, change);
    }
    for key in found.iter().filter(|key| !wanted.contains_key(*key)) {
        if command.delete && !command.dry_run {
            bucket.delete(key).await?;
        }
        let change = if command.delete {
            Change::Deleted
        } else {
            Change::Extra
        };
        tell(key, change);
    }
    let summary: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let would = if command.dry_run {
        " Nothing was written: --dry-run."
    } else {
        ""
    };
    print_line(&format!("{}.{would}", summary.join(", ")));
    if counts.contains_key(Change::Extra.word()) {
        print_line("What is kept is not in this project; --delete removes it.");
    }
    Ok(Exit::Done)
}

/// The objects that the project wants, by key.
fn wanted(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut wanted = BTreeMap::new();
    if let Some(config) = &project.config {
        wanted.insert(CONFIG.to_owned(), config.text.clone().into_bytes());
    }
    for script in &project.scripts {
        let path: &Path = &script.source.path;
        let within = path
            .strip_prefix(embedded_runtime::project::SCRIPTS)
            .unwrap_or(path);
        let key = format!("{SCRIPTS}{}", within.display());
        wanted.insert(key, script.source.text.clone().into_bytes());
    }
    wanted
}

fn checksum(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    async fn keys(&self, prefix: &str) -> Result<BTreeSet<String>, Complaint> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut keys = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.complaint("list", prefix, &error))?;
            keys.extend(
                page.contents()
                    .iter()
                    .filter_map(|object| object.key().map(str::to_owned)),
            );
        }
        // Markers of folders, as the console makes them, are nobody's scripts.
        keys.retain(|key| !key.ends_with('/'));
        Ok(keys)
    }

    /// The checksum that the object was published with; `None` if there is no object.
    async fn checksum(&self, key: &str) -> Result<Option<Option<String>>, Complaint> {
        let head = self.client.head_object().bucket(&self.name).key(key).send();
        match head.await {
            Ok(head) => Ok(Some(
                head.metadata()
                    .and_then(|metadata| metadata.get(CHECKSUM).cloned()),
            )),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.complaint("look at", key, &error)),
        }
    }

    async fn put(&self, key: &str, content: &[u8], checksum: &str) -> Result<(), Complaint> {
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .metadata(CHECKSUM, checksum)
            .content_type("text/plain; charset=utf-8")
            .body(ByteStream::from(content.to_vec()));
        let put = put.send().await;
        put.map(drop)
            .map_err(|error| self.complaint("write", key, &error))
    }

    async fn delete(&self, key: &str) -> Result<(), Complaint> {
        let deleted = self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await;
        deleted
            .map(drop)
            .map_err(|error| self.complaint("delete", key, &error))
    }

    fn complaint<E>(&self, verb: &str, key: &str, error: &E) -> Complaint
    where
        E: ProvideErrorMetadata + std::error::Error,
    {
        let code = error.code().unwrap_or_default();
        let advice = match code {
            "NoSuchBucket" => "Name the bucket that the stack's output Bucket gives.",
            "AccessDenied" | "403" => {
                "These credentials need s3:ListBucket on the bucket, s3:GetObject, s3:PutObject (and with --delete s3:DeleteObject) on config/* and scripts/*, and its key."
            }
            "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
                "Log in to AWS again."
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
                "The bucket is in another region: set AWS_REGION to that of the stack."
            }
            _ => "Look at AWS_REGION, AWS_PROFILE and, for the embedded runtime, AWS_ENDPOINT_URL.",
        };
        // What the service said is enough; only without an answer is the whole chain worth reading.
        let cause = match (error.code(), error.message()) {
            (Some(code), Some(message)) => anyhow!("{code}: {message}"),
            _ => anyhow!("{}", DisplayErrorContext(error)),
        };
        let failed =
            Err::<(), _>(cause).with_context(|| format!("cannot {verb} s3://{}/{key}", self.name));
        match failed {
            Err(error) => Complaint::failed(error, advice),
            Ok(()) => Complaint::failed(anyhow!("cannot {verb} {key}"), advice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_s_scripts_and_its_configuration_are_wanted_and_nothing_else() {
        let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let wanted = wanted(&project);
        let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
        assert_eq!(wanted.len(), project.scripts.len() + 1);
        assert!(keys.contains(&CONFIG));
        assert!(keys.contains(&"scripts/ddl/country.sql"), "{keys:?}");
        assert!(
            keys.contains(&"scripts/fact/card_transaction.sql"),
            "{keys:?}"
        );
    }

    #[test]
    fn a_checksum_changes_with_a_byte() {
        assert_ne!(checksum(b"a"), checksum(b"b"));
        assert_eq!(checksum(b"").len(), 64);
    }
}
