//! Which partitions can hold rows that a query wants: its filters over partition columns are evaluated on their values.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringArray,
};
use datafusion::arrow::compute::and_kleene;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Expr;

use crate::cast::cast_array;
use crate::functions::udf::external;
use crate::metastore::model::{Partition, Table};
use crate::metastore::partition_name::DEFAULT_PARTITION;
use crate::types::HiveType;

/// One answer per partition: whether every filter is true for it.
pub(super) fn keep(
    table: &Table,
    partitions: &[&Partition],
    filters: &[Expr],
    state: &dyn Session,
) -> Result<Vec<bool>> {
    if filters.is_empty() || partitions.is_empty() {
        return Ok(vec![true; partitions.len()]);
    }
    let fields: Vec<Field> = table
        .partition_columns
        .iter()
        .map(|column| column.kind.field(&column.name))
        .collect();
    let columns = table
        .partition_columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            partition_column(
                partitions
                    .iter()
                    .map(|partition| partition.values[index].as_deref()),
                &column.kind,
            )
        });
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(partitions.len()));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    // Filters may name the columns with the table's alias; here there is only one table.
    let df_schema = DFSchema::try_from(schema)?;
    let mut all = BooleanArray::from(vec![true; partitions.len()]);
    for filter in filters {
        let filter = unqualified(filter.clone())?;
        let physical = state.create_physical_expr(filter, &df_schema)?;
        let answer = physical.evaluate(&batch)?.into_array(partitions.len())?;
        all = and_kleene(&all, answer.as_boolean())?;
    }
    Ok(all.iter().map(|keep| keep == Some(true)).collect())
}

/// The filter with its columns' plain names.
pub(super) fn unqualified(filter: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let replaced = filter.transform(|expression| match expression {
        Expr::Column(found) if found.relation.is_some() => Ok(Transformed::yes(Expr::Column(
            datafusion::common::Column::new_unqualified(found.name),
        ))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

/// Partition values, which are texts, in their column's type. Hive reads the name of the default partition like any other: it
/// is a text in a column of texts, and NULL in others.
pub(super) fn partition_column<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    kind: &HiveType,
) -> Result<ArrayRef> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(
        values.map(|value| value.unwrap_or(DEFAULT_PARTITION)),
    ));
    cast_array(&texts, kind).map_err(external)
}
