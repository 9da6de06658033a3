//! What an INSERT INTO TABLE asks for, checked against the table: static and dynamic partition columns, and the number of
//! columns that the query must have.

use crate::cast;
use crate::error::Failure;
use crate::metastore::model::Table;
use crate::metastore::partition_name::DEFAULT_PARTITION;
use crate::script::variables::Variables;
use crate::syntax::statement::{PartitionSpec, SpecValue};
use crate::types::HiveType;

/// The target of a load.
#[derive(Debug)]
pub(crate) struct TableTarget {
    pub table: Table,
    /// Values of the leading partition columns that are constants.
    pub fixed: Vec<Option<String>>,
    /// Name and type of the partition columns that come from the query.
    pub dynamic: Vec<(String, HiveType)>,
    /// For each data column of the table its place in the query.
    pub places: Vec<Option<usize>>,
}

impl TableTarget {
    /// Checks a PARTITION clause and a column list.
    pub(crate) fn new(
        table: Table,
        partition: &PartitionSpec,
        columns: &[String],
        variables: &Variables,
    ) -> Result<Self, Failure> {
        let name = table.full_name();
        if table.is_view() {
            return Err(Failure::semantic(format!(
                "{name} is a view; rows cannot be inserted into it"
            )));
        }
        if let Some((column, _)) = partition.iter().find(|(column, _)| {
            !table
                .partition_columns
                .iter()
                .any(|known| known.name == *column)
        }) {
            return Err(Failure::semantic(format!(
                "{column} is no partition column of {name}"
            )));
        }
        if table.is_partitioned() && partition.is_empty() {
            let names: Vec<&str> = table
                .partition_columns
                .iter()
                .map(|column| column.name.as_str())
                .collect();
            return Err(Failure::semantic(format!(
                "need to specify partition columns because {name} is partitioned by {}",
                names.join(", ")
            )));
        }
        let (mut fixed, mut dynamic) = (Vec::new(), Vec::new());
        for column in &table.partition_columns {
            let found = partition
                .iter()
                .find(|(name, _)| *name == column.name)
                .map(|(_, value)| value);
            match found {
                Some(SpecValue::Static(value)) => {
                    if let Some((earlier, _)) = dynamic.first() {
                        return Err(Failure::semantic(format!(
                            "dynamic partition cannot be the parent of a static partition: {earlier} comes before {} in {name}",
                            column.name
                        )));
                    }
                    fixed.push(partition_value(
                        value.as_deref(),
                        &column.name,
                        &column.kind,
                    )?);
                }
                Some(SpecValue::Dynamic) => {
                    dynamic.push((column.name.clone(), column.kind.clone()))
                }
                None => {
                    return Err(Failure::semantic(format!(
                        "the partition column {} of {name} is not in the PARTITION clause",
                        column.name
                    )));
                }
            }
        }
        check_dynamic(&fixed, &dynamic, variables)?;
        let places = places(&table, columns)?;
        Ok(Self {
            table,
            fixed,
            dynamic,
            places,
        })
    }

    /// The types that the query's columns are converted to.
    pub(crate) fn query_types(&self) -> Vec<HiveType> {
        let mut placed: Vec<(usize, HiveType)> = self
            .table
            .columns
            .iter()
            .zip(&self.places)
            .filter_map(|(column, place)| Some(((*place)?, self.table.column_type(column))))
            .collect();
        placed.sort_by_key(|(place, _)| *place);
        let dynamic = self.dynamic.iter().map(|(_, kind)| kind.clone());
        placed
            .into_iter()
            .map(|(_, kind)| kind)
            .chain(dynamic)
            .collect()
    }

    /// Columns that the query must have.
    pub(crate) fn query_columns(&self) -> usize {
        self.places.iter().flatten().count() + self.dynamic.len()
    }
}

/// Where each data column's values stand in the query.
fn places(table: &Table, columns: &[String]) -> Result<Vec<Option<usize>>, Failure> {
    if columns.is_empty() {
        return Ok((0..table.columns.len()).map(Some).collect());
    }
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].contains(column) {
            return Err(Failure::semantic(format!(
                "the column {column} is given twice"
            )));
        }
        if !table.columns.iter().any(|known| known.name == *column) {
            return Err(Failure::semantic(format!(
                "{column} is no column of {}",
                table.full_name()
            )));
        }
    }
    Ok(table
        .columns
        .iter()
        .map(|column| columns.iter().position(|name| *name == column.name))
        .collect())
}

fn check_dynamic(
    fixed: &[Option<String>],
    dynamic: &[(String, HiveType)],
    variables: &Variables,
) -> Result<(), Failure> {
    if dynamic.is_empty() {
        return Ok(());
    }
    let setting = |name: &str, default: &str| {
        variables
            .hiveconf
            .get(name)
            .map_or(default, String::as_str)
            .trim()
            .to_lowercase()
    };
    if setting("hive.exec.dynamic.partition", "true") != "true" {
        return Err(Failure::semantic(
            "dynamic partitions are switched off; set hive.exec.dynamic.partition=true",
        ));
    }
    if fixed.is_empty() && setting("hive.exec.dynamic.partition.mode", "strict") != "nonstrict" {
        return Err(Failure::semantic(
            "dynamic partition strict mode requires at least one static partition column; \
             to turn this off set hive.exec.dynamic.partition.mode=nonstrict",
        ));
    }
    Ok(())
}

/// A constant as the partition column's type prints it: `01` is `1` in an INT column. NULL and the empty text are the default
/// partition.
pub(crate) fn partition_value(
    value: Option<&str>,
    column: &str,
    kind: &HiveType,
) -> Result<Option<String>, Failure> {
    use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
    let Some(value) = value.filter(|value| !value.is_empty() && *value != DEFAULT_PARTITION) else {
        return Ok(None);
    };
    let constant: ArrayRef = std::sync::Arc::new(StringArray::from(vec![value]));
    let typed = cast::cast_array(&constant, kind)?;
    if typed.is_null(0) {
        return Err(Failure::semantic(format!(
            "'{value}' is no {kind}, the type of the partition column {column}"
        )));
    }
    let text = cast::text(&typed)?;
    Ok(Some(text.as_string::<i32>().value(0).to_owned()))
}
