//! ALTER TABLE ADD / DROP PARTITION and MSCK REPAIR.

use std::collections::BTreeMap;
use std::path::Path;

use super::Executor;
use super::drop::remove_directory;
use crate::error::Failure;
use crate::load::target::partition_value;
use crate::metastore::model::{Partition, Table};
use crate::metastore::partition_name::parse_directory;
use crate::syntax::reader::TableName;
use crate::syntax::statement::{PartitionCondition, PartitionSpec, SpecValue};
use crate::tables::files::is_hidden;
use crate::types::HiveType;

/// Values of all partition columns, in the table's order.
pub(super) fn full_values(
    table: &Table,
    spec: &PartitionSpec,
) -> Result<Vec<Option<String>>, Failure> {
    check_columns(table, spec.iter().map(|(column, _)| column.as_str()))?;
    let value = |column: &crate::metastore::model::Column| match spec
        .iter()
        .find(|(name, _)| *name == column.name)
    {
        Some((_, SpecValue::Static(value))) => {
            partition_value(value.as_deref(), &column.name, &column.kind)
        }
        _ => Err(Failure::semantic(format!(
            "the partition column {} of {} needs a value",
            column.name,
            table.full_name()
        ))),
    };
    table.partition_columns.iter().map(value).collect()
}

fn check_columns<'a>(
    table: &Table,
    mut columns: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    match columns.find(|name| {
        !table
            .partition_columns
            .iter()
            .any(|known| known.name == *name)
    }) {
        None => Ok(()),
        Some(name) => Err(Failure::semantic(format!(
            "{name} is no partition column of {}",
            table.full_name()
        ))),
    }
}

/// Names of the partitions that have the values of a clause, which may leave columns open.
pub(super) fn matching(table: &Table, spec: &PartitionSpec) -> Result<Vec<String>, Failure> {
    let conditions: Vec<PartitionCondition> = spec
        .iter()
        .filter_map(|(column, value)| match value {
            SpecValue::Dynamic => None,
            SpecValue::Static(value) => Some(PartitionCondition {
                column: column.clone(),
                operator: "=".to_owned(),
                value: value.clone(),
            }),
        })
        .collect();
    check_columns(table, spec.iter().map(|(column, _)| column.as_str()))?;
    satisfying(table, &conditions)
}

fn satisfying(table: &Table, conditions: &[PartitionCondition]) -> Result<Vec<String>, Failure> {
    check_columns(
        table,
        conditions.iter().map(|condition| condition.column.as_str()),
    )?;
    let mut wanted = Vec::new();
    for condition in conditions {
        for (index, column) in table.partition_columns.iter().enumerate() {
            if column.name == condition.column {
                let value =
                    partition_value(condition.value.as_deref(), &column.name, &column.kind)?;
                wanted.push((index, &column.kind, condition.operator.as_str(), value));
            }
        }
    }
    let fits = |partition: &Partition| {
        wanted.iter().all(|(index, kind, operator, value)| {
            compare(
                partition.values[*index].as_deref(),
                operator,
                value.as_deref(),
                kind,
            )
        })
    };
    Ok(table
        .partitions
        .iter()
        .filter(|(_, partition)| fits(partition))
        .map(|(name, _)| name.clone())
        .collect())
}

/// Numbers compare as numbers, everything else as text (dates print in their order).
fn compare(left: Option<&str>, operator: &str, right: Option<&str>, kind: &HiveType) -> bool {
    use std::cmp::Ordering;
    let (Some(left), Some(right)) = (left, right) else {
        return match operator {
            "=" => left == right,
            "<>" => left != right,
            _ => false,
        };
    };
    let text = matches!(
        kind,
        HiveType::String
            | HiveType::Varchar(_)
            | HiveType::Char(_)
            | HiveType::Date
            | HiveType::Timestamp
    );
    let numbers = if text {
        None
    } else {
        left.parse::<f64>().ok().zip(right.parse::<f64>().ok())
    };
    let order = match numbers {
        Some((left, right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        None => left.cmp(right),
    };
    match operator {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

impl Executor<'_> {
    fn partitioned(&self, name: &TableName) -> Result<Table, Failure> {
        let table = self.table(name)?;
        if table.is_partitioned() {
            Ok(table)
        } else {
            Err(Failure::semantic(format!(
                "{} is not partitioned",
                table.full_name()
            )))
        }
    }

    pub(super) fn add_partitions(
        &self,
        name: &TableName,
        if_not_exists: bool,
        partitions: &[(PartitionSpec, Option<String>)],
    ) -> Result<(), Failure> {
        let table = self.partitioned(name)?;
        for (_, location) in partitions {
            location
                .as_deref()
                .map(|location| self.path(location))
                .transpose()?;
        }
        self.engine
            .metastore()
            .update_table(&table.database, &table.name, |table| {
                for (spec, location) in partitions {
                    let values = full_values(table, spec)?;
                    let partition_name = table.partition_name(&values);
                    if table.partitions.contains_key(&partition_name) {
                        if if_not_exists {
                            continue;
                        }
                        return Err(Failure::semantic(format!(
                            "the partition {partition_name} of {} already exists",
                            table.full_name()
                        )));
                    }
                    let location = location
                        .clone()
                        .unwrap_or_else(|| table.default_partition_location(&values));
                    table.partitions.insert(
                        partition_name,
                        Partition {
                            values,
                            location,
                            parameters: BTreeMap::new(),
                        },
                    );
                }
                Ok(())
            })
    }

    pub(super) fn drop_partitions(
        &self,
        name: &TableName,
        if_exists: bool,
        partitions: &[Vec<PartitionCondition>],
    ) -> Result<(), Failure> {
        let table = self.partitioned(name)?;
        let dropped =
            self.engine
                .metastore()
                .update_table(&table.database, &table.name, |table| {
                    let mut dropped = Vec::new();
                    for conditions in partitions {
                        let found = satisfying(table, conditions)?;
                        if found.is_empty() && !if_exists {
                            let wanted: Vec<String> = conditions
                                .iter()
                                .map(|condition| {
                                    format!(
                                        "{}{}{}",
                                        condition.column,
                                        condition.operator,
                                        condition.value.as_deref().unwrap_or("NULL")
                                    )
                                })
                                .collect();
                            return Err(Failure::semantic(format!(
                                "no partition of {} has {}",
                                table.full_name(),
                                wanted.join(", ")
                            )));
                        }
                        for partition_name in found {
                            dropped.extend(
                                table
                                    .partitions
                                    .remove(&partition_name)
                                    .map(|partition| (partition_name, partition)),
                            );
                        }
                    }
                    Ok(dropped)
                })?;
        for (partition_name, partition) in dropped {
            self.say(&format!("Dropped the partition {partition_name}"));
            if table.owns_files() {
                remove_directory(&self.path(&partition.location)?)?;
            }
        }
        Ok(())
    }

    /// Registers folders that are partitions, and forgets partitions without a folder. Nothing to do without partitions.
    pub(super) fn recover_partitions(
        &self,
        name: &TableName,
        add: bool,
        drop: bool,
    ) -> Result<(), Failure> {
        let table = self.table(name)?;
        if !table.is_partitioned() {
            return Ok(());
        }
        let root = self.path(&table.location)?;
        let mut found = Vec::new();
        find_partitions(&root, &table, &mut Vec::new(), String::new(), &mut found)?;
        let gone = if drop {
            let missing = |partition: &Partition| {
                Ok::<bool, Failure>(!self.path(&partition.location)?.exists())
            };
            let names = table
                .partitions
                .iter()
                .map(|(name, partition)| Ok((name.clone(), missing(partition)?)));
            let names = names.collect::<Result<Vec<_>, Failure>>()?;
            names
                .into_iter()
                .filter(|(_, missing)| *missing)
                .map(|(name, _)| name)
                .collect()
        } else {
            Vec::new()
        };
        self.engine
            .metastore()
            .update_table(&table.database, &table.name, |table| {
                for name in gone {
                    table.partitions.remove(&name);
                    self.say(&format!(
                        "Repair: Dropped partition from metastore {}:{name}",
                        table.full_name()
                    ));
                }
                for (values, folder) in found.into_iter().filter(|_| add) {
                    let partition_name = table.partition_name(&values);
                    if !table.partitions.contains_key(&partition_name) {
                        let location = format!("{}/{folder}", table.location.trim_end_matches('/'));
                        self.say(&format!(
                            "Repair: Added partition to metastore {}:{partition_name}",
                            table.full_name()
                        ));
                        table.partitions.insert(
                            partition_name,
                            Partition {
                                values,
                                location,
                                parameters: BTreeMap::new(),
                            },
                        );
                    }
                }
                Ok(())
            })
    }
}

/// Folders `a=x/b=y` in the order of the partition columns; others are left alone.
fn find_partitions(
    directory: &Path,
    table: &Table,
    values: &mut Vec<Option<String>>,
    prefix: String,
    found: &mut Vec<(Vec<Option<String>>, String)>,
) -> Result<(), Failure> {
    let Some(column) = table.partition_columns.get(values.len()) else {
        found.push((values.clone(), prefix));
        return Ok(());
    };
    if !directory.exists() {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Failure::file("cannot list", directory))? {
        let entry = entry.map_err(Failure::file("cannot list", directory))?;
        names.extend(
            entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| !is_hidden(name) || name.contains('=')),
        );
    }
    names.sort();
    for name in names {
        let Some((key, value)) = parse_directory(&name) else {
            continue;
        };
        let path = directory.join(&name);
        if key != column.name || !path.is_dir() {
            continue;
        }
        values.push(partition_value(
            value.as_deref(),
            &column.name,
            &column.kind,
        )?);
        let below = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        find_partitions(&path, table, values, below, found)?;
        values.pop();
    }
    Ok(())
}
