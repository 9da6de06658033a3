//! What state the data of a batch is in, table by table, as S3 shows it: what has landed, what is staged, what the ledger
//! says, and the counts that the load scripts left. Only counts are kept, so that 100,000 files cost no memory.

use std::collections::BTreeMap;

use crate::shared::clients::{Clients, Environment};
use crate::shared::counts::{self, Counts};
use crate::shared::errors::CallError;

const LIST_BUCKET: &str = "s3:ListBucket";
/// Pages of 1,000 keys that are read of one zone.
const MOST_PAGES: usize = 50;

/// All tables, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub bucket: String,
    pub tables: Vec<Table>,
    /// Whether landing and staging could be listed to their ends.
    pub are_zones_known: bool,
    /// Whether the batch's ledger could.
    pub is_ledger_known: bool,
    /// Sentences about calls that failed.
    pub unknown: Vec<String>,
}

/// One table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub kind: &'static str,
    pub name: String,
    pub landed: u64,
    /// Files in staging, by batch.
    pub staged: BTreeMap<String, u64>,
    pub is_staged: bool,
    pub is_loaded: bool,
    /// What the load script counted, by batch.
    pub counts: BTreeMap<String, Counts>,
}

/// Looks at every table of the pipeline. `finished` are batches of earlier runs, by `(kind, table, batch)`, whose counts matter too.
pub(super) async fn take(clients: &Clients, batch: Option<&str>, finished: &[(String, String, String)]) -> Option<Stock> {
    let environment = clients.environment();
    let mut stock = Stock { bucket: environment.get("Bucket")?.to_owned(), ..Stock::default() };
    stock.tables = tables(environment);
    let mut landing = BTreeMap::new();
    let is_landing_known = stock
        .visit(clients, "landing/", |key, size| {
            if size > 0
                && !is_hidden(key)
                && let Some((table, _)) = table_of(key, "landing/")
            {
                *landing.entry(table).or_insert(0) += 1;
            }
        })
        .await;
    let mut staging: BTreeMap<(String, String), BTreeMap<String, u64>> = BTreeMap::new();
    let is_staging_known = stock
        .visit(clients, "staging/", |key, _| {
            if let Some((table, rest)) = table_of(key, "staging/")
                && let Some((batch, _)) = rest.strip_prefix("batch_id=").and_then(|rest| rest.split_once('/'))
            {
                *staging.entry(table).or_default().entry(batch.to_owned()).or_insert(0) += 1;
            }
        })
        .await;
    stock.are_zones_known = is_landing_known && is_staging_known;
    let mut ledger = Vec::new();
    if let Some(batch) = batch {
        let prefix = format!("runs/batch_id={batch}/");
        stock.is_ledger_known = stock.visit(clients, &prefix, |key, _| ledger.push(key[prefix.len()..].to_owned())).await;
    }
    let mut counted = Vec::new();
    for table in &mut stock.tables {
        let id = (table.kind.to_owned(), table.name.clone());
        table.landed = landing.remove(&id).unwrap_or(0);
        table.staged = staging.remove(&id).unwrap_or_default();
        let name = format!("{}.{}", table.kind, table.name);
        table.is_staged = ledger.contains(&format!("{name}.staged"));
        table.is_loaded = ledger.contains(&format!("{name}.loaded"));
        // A batch that is not marked loaded may have counts of an attempt that was not published.
        if table.is_loaded
            && let Some(batch) = batch
        {
            let folder = format!("{name}.counts/");
            counted.extend(
                ledger
                    .iter()
                    .filter(|key| key.starts_with(&folder))
                    .map(|key| (name.clone(), batch.to_owned(), format!("runs/batch_id={batch}/{key}"))),
            );
        }
    }
    for (kind, name, finished) in finished.iter().filter(|(_, _, finished)| Some(finished.as_str()) != batch) {
        let prefix = format!("runs/batch_id={finished}/{kind}.{name}.counts/");
        let mut keys = Vec::new();
        stock.visit(clients, &prefix, |key, _| keys.push(key.to_owned())).await;
        counted.extend(keys.into_iter().map(|key| (format!("{kind}.{name}"), finished.clone(), key)));
    }
    for (name, batch, key) in counted {
        match counts::read(clients, &stock.bucket, &key).await {
            Ok(Some(counts)) => {
                let table = stock.tables.iter_mut().find(|table| format!("{}.{}", table.kind, table.name) == name);
                if let Some(table) = table {
                    table.counts.insert(batch, counts);
                }
            }
            Ok(None) => {}
            Err(problem) => stock.unknown.push(problem),
        }
    }
    Some(stock)
}

fn tables(environment: &Environment) -> Vec<Table> {
    let lists = [("dimension", "Dimension_Tables"), ("fact", "Fact_Tables")];
    let named = lists.into_iter().flat_map(|(kind, variable)| {
        let names = environment.get(variable).unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(move |name| Table { kind, name: name.to_owned(), ..Table::default() })
    });
    named.collect()
}

/// `(kind, table)` and the rest of a key below a zone.
fn table_of<'a>(key: &'a str, zone: &str) -> Option<((String, String), &'a str)> {
    let mut parts = key.strip_prefix(zone)?.splitn(3, '/');
    let table = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((table, parts.next()?))
}

/// Markers and what Hive does not read: names that begin with `_` or `.`.
fn is_hidden(key: &str) -> bool {
    key.ends_with('/') || key.split('/').any(|part| part.starts_with(['_', '.']))
}

impl Stock {
    /// Shows every key below a prefix; answers whether these are all.
    async fn visit(&mut self, clients: &Clients, prefix: &str, mut see: impl FnMut(&str, i64)) -> bool {
        let mut pages = clients.s3().list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            match page.map_err(|error| CallError::new(LIST_BUCKET, format!("s3://{}/{prefix}", self.bucket), error)) {
                Ok(page) => {
                    page.contents().iter().for_each(|object| see(object.key().unwrap_or_default(), object.size().unwrap_or(0)))
                }
                Err(error) => {
                    self.unknown.push(error.to_string());
                    return false;
                }
            }
            count += 1;
            if count == MOST_PAGES {
                self.unknown.push(format!("{prefix} has more than {} files; the rest was not counted", MOST_PAGES * 1000));
                return false;
            }
        }
        true
    }
}
