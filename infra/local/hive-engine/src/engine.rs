//! An open warehouse: its metastore, its storage, and the limits that queries run within.
//! The embedded runtime opens one and shares it among all steps.

use std::path::PathBuf;
use std::sync::Arc;

use virtual_time::Clock;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::error::{Failure, HiveError};
use crate::locations::Locations;
use crate::metastore::store::Metastore;
use crate::outcome::{Cell, QueryResult, TableStatistics};
use crate::plan::context::failure_of;
use crate::session::{Session, SessionOptions};
use crate::tables::files::data_files;

/// What an engine needs to know.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Directory of the metastore's documents; made when it is missing.
    pub metastore: PathBuf,
    /// Address under which databases without LOCATION lie, e.g. `s3://bucket/warehouse`.
    pub warehouse: String,
    /// Maps addresses to local paths.
    pub locations: Arc<dyn Locations>,
    /// Pipeline time, for `current_date` and `unix_timestamp()`.
    pub clock: Clock,
    /// Threads that one query may keep busy.
    pub parallelism: usize,
    /// Bytes that the operators of all running queries may hold before they spill to disk.
    pub memory_limit: usize,
}

impl EngineConfig {
    /// Two threads and 512 MiB.
    pub fn new(
        metastore: impl Into<PathBuf>,
        warehouse: impl Into<String>,
        locations: Arc<dyn Locations>,
        clock: Clock,
    ) -> Self {
        Self {
            metastore: metastore.into(),
            warehouse: warehouse.into(),
            locations,
            clock,
            parallelism: 2,
            memory_limit: 512 << 20,
        }
    }
}

/// An open warehouse. Clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EngineConfig,
    metastore: Metastore,
    runtime: Arc<RuntimeEnv>,
}

impl Engine {
    /// Opens or creates the metastore.
    ///
    /// # Errors
    /// When its directory cannot be made or a document in it is not readable.
    pub fn open(config: EngineConfig) -> Result<Self, HiveError> {
        let at_metastore =
            |failure| HiveError::outside(&config.metastore.display().to_string(), failure);
        let metastore =
            Metastore::open(&config.metastore, &config.warehouse).map_err(at_metastore)?;
        let pool = Arc::new(FairSpillPool::new(config.memory_limit));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc();
        let runtime = runtime.map_err(|error| at_metastore(failure_of(error)))?;
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                metastore,
                runtime,
            }),
        })
    }

    /// Starts a session.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(self.clone(), options)
    }

    /// Runs one query, SHOW or DESCRIBE and collects its rows. Of several statements the last one's rows are the answer.
    ///
    /// # Errors
    /// [`HiveError`] when it does not parse, is not a query, or fails.
    pub async fn query(&self, sql: &str) -> Result<QueryResult, HiveError> {
        let mut session = self.session(SessionOptions::default()).only_queries();
        let results = session.run_script("query", sql, &|_| {}).await?;
        Ok(results
            .into_iter()
            .rev()
            .find_map(|result| result.result)
            .unwrap_or_default())
    }

    /// Rows, partitions, files and bytes of a table, as its files are now.
    ///
    /// # Errors
    /// [`HiveError`] when the table does not exist or a file of it is not readable.
    pub async fn table_statistics(
        &self,
        database: &str,
        table: &str,
    ) -> Result<TableStatistics, HiveError> {
        let named = format!("{database}.{table}");
        let fail = |failure| HiveError::outside(&named, failure);
        let known = self
            .metastore()
            .existing_table(database, table)
            .map_err(fail)?;
        let locations: Vec<&str> = if known.is_view() {
            Vec::new()
        } else if known.is_partitioned() {
            known
                .partitions
                .values()
                .map(|partition| partition.location.as_str())
                .collect()
        } else {
            vec![known.location.as_str()]
        };
        let (mut files, mut bytes) = (0, 0);
        for location in locations {
            for file in data_files(&self.local_path(location).map_err(fail)?, true).map_err(fail)? {
                files += 1;
                bytes += file.bytes;
            }
        }
        let counted = self
            .query(&format!("select count(*) from `{database}`.`{table}`"))
            .await?;
        let rows = match counted.rows.first().and_then(|row| row.first()) {
            Some(Cell::Integer(rows)) => rows.unsigned_abs(),
            _ => 0,
        };
        let partitions = known
            .is_partitioned()
            .then_some(known.partitions.len() as u64);
        Ok(TableStatistics {
            database: known.database,
            table: known.name,
            rows,
            partitions,
            files,
            bytes,
        })
    }

    /// Every table and view of the metastore as (database, table), in order.
    ///
    /// # Errors
    /// [`HiveError`] when the metastore is not readable.
    pub fn tables(&self) -> Result<Vec<(String, String)>, HiveError> {
        let fail = |failure| HiveError::outside("metastore", failure);
        let mut all = Vec::new();
        for database in self.metastore().databases().map_err(fail)? {
            let tables = self.metastore().tables(&database).map_err(fail)?;
            all.extend(tables.into_iter().map(|table| (database.clone(), table)));
        }
        Ok(all)
    }

    pub(crate) fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    pub(crate) fn metastore(&self) -> &Metastore {
        &self.inner.metastore
    }

    pub(crate) fn runtime(&self) -> &Arc<RuntimeEnv> {
        &self.inner.runtime
    }

    /// Bytes that a load's open files may hold; the rest of the limit is the operators'.
    pub(crate) fn writer_memory(&self) -> usize {
        self.inner.config.memory_limit / 4
    }

    /// The local path of an address.
    pub(crate) fn local_path(&self, address: &str) -> Result<PathBuf, Failure> {
        if address.contains("${") {
            return Err(Failure::semantic(format!(
                "the location {address} holds a variable that is not set"
            )));
        }
        Ok(self.inner.config.locations.local_path(address)?)
    }

    /// Pipeline time in microseconds since 1970.
    pub(crate) fn now_micros(&self) -> i64 {
        self.inner.config.clock.now().as_microsecond()
    }
}
