//! Carries out INSERT: plans the query, streams its rows into a sink, publishes, and records partitions and figures.
//! Called by the executor. Several inserts of one statement are all written before the first is published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::StreamExt;
use sqlparser::ast::{Expr, Query, SetExpr, Value};
use tokio::task::JoinSet;

use super::publish;
use super::sink::{Lane, Sink, SinkPlan, Written};
use super::staging::Staging;
use super::target::TableTarget;
use super::writer::{OutputFormat, TextCodec};
use crate::error::Failure;
use crate::execute::Executor;
use crate::execute::format::{binary_format, directory_format};
use crate::execute::query::MOST_REPEATS;
use crate::metastore::model::{FileFormat, Partition, Table};
use crate::outcome::{PartitionWritten, TableWritten};
use crate::plan::context::{PlannedQuery, failure_of};
use crate::plan::expression::convert;
use crate::plan::select::shown_name;
use crate::syntax::statement::{Insert, InsertTarget};
use crate::tables::files::data_files;
use crate::text::format::TextFormat;
use crate::types::HiveType;

/// A load whose rows are written and not yet visible.
pub(crate) struct Prepared {
    goal: Goal,
    overwrite: bool,
    written: Vec<Written>,
    /// Keeps the files until they are published.
    staging: Arc<Staging>,
}

enum Goal {
    Table(Box<TableTarget>),
    Directory { address: String, path: PathBuf },
}

impl Executor<'_> {
    /// All inserts of a statement.
    pub(crate) async fn insert(&self, inserts: &[Insert]) -> Result<Vec<TableWritten>, Failure> {
        let mut prepared = Vec::new();
        for insert in inserts {
            let mut repeats = 0;
            prepared.extend(loop {
                match self.prepare(insert).await {
                    // A load has replaced the files that were about to be read; nothing is published yet.
                    Err(failure) if failure.is_replaced_file() && repeats < MOST_REPEATS => {
                        repeats += 1;
                    }
                    done => break done?,
                }
            });
        }
        prepared
            .into_iter()
            .map(|prepared| self.publish(prepared))
            .collect()
    }

    /// Writes one insert aside; nothing when IF NOT EXISTS finds its partition.
    async fn prepare(&self, insert: &Insert) -> Result<Option<Prepared>, Failure> {
        match &insert.target {
            InsertTarget::Table {
                name,
                partition,
                if_not_exists,
                columns,
            } => {
                let table = self.table(name)?;
                let target = TableTarget::new(table, partition, columns, &self.session.variables)?;
                if let (true, Some((column, _))) = (*if_not_exists, target.dynamic.first()) {
                    return Err(Failure::semantic(format!(
                        "dynamic partitions do not support IF NOT EXISTS: give a value for {column}"
                    )));
                }
                if *if_not_exists {
                    let partition_name = target.table.partition_name(&target.fixed);
                    if target.table.partitions.contains_key(&partition_name) {
                        return Ok(None);
                    }
                }
                let mut source = insert.query.clone();
                type_values(&mut source, &target.query_types());
                let query = self.plan(&source).await?;
                let found = query.schema().fields().len();
                if found != target.query_columns() {
                    return Err(Failure::semantic(format!(
                        "cannot insert into {} because the number of columns differs: the target takes {}, the query has {found}",
                        target.table.full_name(),
                        target.query_columns()
                    )));
                }
                self.prepare_table(target, insert.overwrite, &query)
                    .await
                    .map(Some)
            }
            InsertTarget::Directory { local: true, .. } => {
                Err(Failure::unsupported("INSERT OVERWRITE LOCAL DIRECTORY"))
            }
            InsertTarget::Directory {
                location, format, ..
            } => {
                let path = self.path(location)?;
                let query = self.plan(&insert.query).await?;
                let columns = query
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| {
                        let name = shown_name(field.name()).to_lowercase();
                        Ok((name, HiveType::of_field(field)?))
                    })
                    .collect::<Result<Vec<_>, Failure>>()?;
                let staging = Arc::new(Staging::beside(&path)?);
                let places = (0..columns.len()).map(Some).collect();
                let plan = SinkPlan {
                    columns,
                    places,
                    dynamic: Vec::new(),
                    format: directory_format(format, &self.session.variables)?,
                    most_partitions: 1,
                    too_many: String::new(),
                    memory: self.engine.writer_memory(),
                };
                let written = run(&query, plan, &staging).await?;
                let goal = Goal::Directory {
                    address: location.clone(),
                    path,
                };
                Ok(Some(Prepared {
                    goal,
                    overwrite: true,
                    written,
                    staging,
                }))
            }
        }
    }

    /// Writes a query's rows for a table.
    pub(crate) async fn prepare_table(
        &self,
        target: TableTarget,
        overwrite: bool,
        query: &PlannedQuery,
    ) -> Result<Prepared, Failure> {
        let table = &target.table;
        if overwrite && query.reads.contains(&table.full_name()) {
            tracing::debug!(
                table = table.full_name(),
                "a table is overwritten from itself; its old files stay until the end"
            );
        }
        let staging = Arc::new(Staging::beside(&self.path(&table.location)?)?);
        let (most, per_node) = (
            self.number("hive.exec.max.dynamic.partitions", 1000)?,
            self.number("hive.exec.max.dynamic.partitions.pernode", 100)?,
        );
        let plan = SinkPlan {
            columns: table
                .columns
                .iter()
                .map(|column| (column.name.clone(), table.column_type(column)))
                .collect(),
            places: target.places.clone(),
            dynamic: target.dynamic.clone(),
            format: self.output_format(table)?,
            most_partitions: if target.dynamic.is_empty() {
                1
            } else {
                most.min(per_node)
            },
            too_many: format!(
                "too many dynamic partitions for {}: the maximum is controlled by hive.exec.max.dynamic.partitions ({most}) \
                 and hive.exec.max.dynamic.partitions.pernode ({per_node})",
                table.full_name()
            ),
            memory: self.engine.writer_memory(),
        };
        let written = run(query, plan, &staging).await?;
        Ok(Prepared {
            goal: Goal::Table(Box::new(target)),
            overwrite,
            written,
            staging,
        })
    }

    fn output_format(&self, table: &Table) -> Result<OutputFormat, Failure> {
        let variables = &self.session.variables;
        match table.format {
            FileFormat::Textfile => {
                let codec = TextCodec::of(variables)?;
                Ok(OutputFormat::Text(TextFormat::of(table)?.row, codec))
            }
            binary => binary_format(binary, &|name| table.property(name), variables),
        }
    }

    /// Makes written rows visible.
    pub(crate) fn publish(&self, prepared: Prepared) -> Result<TableWritten, Failure> {
        let Prepared {
            goal,
            overwrite,
            written,
            staging,
        } = prepared;
        match goal {
            Goal::Table(target) => self.publish_table(&target, overwrite, written, &staging),
            Goal::Directory { address, path } => {
                self.say(&format!("Moving data to directory {address}"));
                let figures = written.first().map_or((0, 0, 0), |written| {
                    (written.rows, written.files, written.bytes)
                });
                let fresh = match written.into_iter().next() {
                    Some(written) => written.folder,
                    None => staging.folder("empty")?,
                };
                publish::replace(&fresh, &path)?;
                let partition = PartitionWritten {
                    values: Vec::new(),
                    rows: figures.0,
                    files: figures.1,
                    bytes: figures.2,
                };
                Ok(TableWritten {
                    database: None,
                    table: address,
                    overwrite,
                    partitions: vec![partition],
                })
            }
        }
    }

    fn publish_table(
        &self,
        target: &TableTarget,
        overwrite: bool,
        mut written: Vec<Written>,
        staging: &Staging,
    ) -> Result<TableWritten, Failure> {
        let table = &target.table;
        let name = table.full_name();
        if written.is_empty() && target.dynamic.is_empty() {
            // A static target that gets no rows is there all the same, and empty when it is overwritten.
            let folder = staging.folder("empty")?;
            written.push(Written {
                values: Vec::new(),
                folder,
                rows: 0,
                files: 0,
                bytes: 0,
            });
        }
        let clause: Vec<String> = table
            .partition_columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let value = target
                    .fixed
                    .get(index)
                    .map_or("null", |value| value.as_deref().unwrap_or("null"));
                format!("{}={value}", column.name)
            })
            .collect();
        let clause = if clause.is_empty() {
            String::new()
        } else {
            format!(" partition ({})", clause.join(", "))
        };
        self.say(&format!("Loading data to table {name}{clause}"));
        if table.is_partitioned() {
            let partitions = self.publish_partitions(target, overwrite, &written)?;
            return Ok(TableWritten {
                database: Some(table.database.clone()),
                table: table.name.clone(),
                overwrite,
                partitions,
            });
        }
        let mut partitions = Vec::new();
        for part in written {
            let directory = self.path(&table.location)?;
            place(&part.folder, &directory, overwrite)?;
            let figures =
                self.engine
                    .metastore()
                    .update_table(&table.database, &table.name, |table| {
                        figures(&directory, &mut table.properties, &part, overwrite)
                    })?;
            self.say(&format!("Table {name} stats: {figures}"));
            partitions.push(PartitionWritten {
                values: Vec::new(),
                rows: part.rows,
                files: part.files,
                bytes: part.bytes,
            });
        }
        Ok(TableWritten {
            database: Some(table.database.clone()),
            table: table.name.clone(),
            overwrite,
            partitions,
        })
    }

    /// Puts all partitions in their places, and records them with one change of the table's document: it holds all
    /// partitions, and writing it once per partition would take longer than the load.
    fn publish_partitions(
        &self,
        target: &TableTarget,
        overwrite: bool,
        written: &[Written],
    ) -> Result<Vec<PartitionWritten>, Failure> {
        let table = &target.table;
        let mut placed = Vec::new();
        let mut refused = None;
        for part in written {
            let values: Vec<Option<String>> =
                target.fixed.iter().chain(&part.values).cloned().collect();
            let partition_name = table.partition_name(&values);
            let location = match table.partitions.get(&partition_name) {
                Some(partition) => partition.location.clone(),
                None => table.default_partition_location(&values),
            };
            let directory = self.path(&location)?;
            if let Err(failure) = place(&part.folder, &directory, overwrite) {
                refused = Some(failure);
                break;
            }
            placed.push((part, values, partition_name, location, directory));
        }
        let all_figures =
            self.engine
                .metastore()
                .update_table(&table.database, &table.name, |table| {
                    placed
                        .iter()
                        .map(|(part, values, partition_name, location, directory)| {
                            let new = || Partition {
                                values: values.clone(),
                                location: location.clone(),
                                parameters: BTreeMap::new(),
                            };
                            let partition = table
                                .partitions
                                .entry(partition_name.clone())
                                .or_insert_with(new);
                            figures(directory, &mut partition.parameters, part, overwrite)
                        })
                        .collect::<Result<Vec<_>, Failure>>()
                })?;
        // Partitions that are in their places are recorded even if a later one could not follow.
        if let Some(failure) = refused {
            return Err(failure);
        }
        let mut partitions = Vec::new();
        for ((part, values, ..), figures) in placed.into_iter().zip(all_figures) {
            let named: Vec<(String, Option<String>)> = table
                .partition_columns
                .iter()
                .map(|column| column.name.clone())
                .zip(values)
                .collect();
            let shown: Vec<String> = named
                .iter()
                .map(|(column, value)| {
                    format!(
                        "{column}={}",
                        value.as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__")
                    )
                })
                .collect();
            self.say(&format!(
                "Partition {}{{{}}} stats: {figures}",
                table.full_name(),
                shown.join(", ")
            ));
            partitions.push(PartitionWritten {
                values: named,
                rows: part.rows,
                files: part.files,
                bytes: part.bytes,
            });
        }
        Ok(partitions)
    }
}

/// Gives each constant of VALUES the type of its column, as Hive does: rows need not have one type in common.
fn type_values(query: &mut Query, kinds: &[HiveType]) {
    let SetExpr::Values(values) = query.body.as_mut() else {
        return;
    };
    for row in &mut values.rows {
        if row.content.len() != kinds.len() {
            continue;
        }
        for (value, kind) in row.content.iter_mut().zip(kinds) {
            if kind.is_primitive() {
                let constant = std::mem::replace(value, Expr::Value(Value::Null.into()));
                *value = convert(constant, kind);
            }
        }
    }
}

fn place(fresh: &Path, target: &Path, overwrite: bool) -> Result<(), Failure> {
    if overwrite {
        publish::replace(fresh, target)
    } else {
        publish::add(fresh, target)
    }
}

/// Records a directory's figures and prints them as Hive does.
fn figures(
    directory: &Path,
    parameters: &mut BTreeMap<String, String>,
    part: &Written,
    overwrite: bool,
) -> Result<String, Failure> {
    let (files, bytes) = if overwrite {
        (part.files, part.bytes)
    } else {
        let files = data_files(directory, true)?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        (files.len() as u64, bytes)
    };
    let before = if overwrite {
        Some(0)
    } else {
        parameters
            .get("numRows")
            .and_then(|rows| rows.parse::<u64>().ok())
    };
    // Rows of files that somebody else put there are not known.
    let known = before.or((files == part.files).then_some(0));
    parameters.insert("numFiles".to_owned(), files.to_string());
    parameters.insert("totalSize".to_owned(), bytes.to_string());
    match known {
        Some(before) => parameters.insert("numRows".to_owned(), (before + part.rows).to_string()),
        None => parameters.remove("numRows"),
    };
    let rows = known.map_or_else(
        || "unknown".to_owned(),
        |before| (before + part.rows).to_string(),
    );
    Ok(format!(
        "[numFiles={files}, numRows={rows}, totalSize={bytes}]"
    ))
}

/// Streams a query's rows into a sink, one task per stream of the plan.
async fn run(
    query: &PlannedQuery,
    plan: SinkPlan,
    staging: &Arc<Staging>,
) -> Result<Vec<Written>, Failure> {
    let (physical, context) = query.physical().await?;
    tracing::debug!(
        partitions = physical.output_partitioning().partition_count(),
        "a load begins"
    );
    let streams = execute_stream_partitioned(physical, context.task_ctx()).map_err(failure_of)?;
    let sink = Arc::new(Sink::new(plan, Arc::clone(staging)));
    let mut tasks: JoinSet<Result<(), Failure>> = JoinSet::new();
    let lanes = streams.len();
    for mut stream in streams {
        let mut lane = Lane::new(Arc::clone(&sink), lanes)?;
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                lane.write(&batch.map_err(failure_of)?)?;
            }
            lane.finish()
        });
    }
    while let Some(done) = tasks.join_next().await {
        // The first failure drops the other tasks with the set.
        done.map_err(|error| Failure::Query(format!("a task of the load stopped: {error}")))??;
    }
    sink.finish()
}
