//! A query's conditions as parts of files are judged by them: stripes, groups of rows, row groups. Made once per scan by the table,
//! asked by the readers of ORC and Parquet, which know the least and greatest values of the parts.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};

use crate::types::HiveType;

/// A query's conditions on the columns of a table.
#[derive(Debug, Clone)]
pub(crate) struct PartFilter {
    predicate: Arc<PruningPredicate>,
    columns: Arc<Vec<(String, HiveType)>>,
}

impl PartFilter {
    /// A filter for a condition over the table's columns, if least and greatest values say anything about it.
    pub(crate) fn new(
        condition: Arc<dyn PhysicalExpr>,
        schema: SchemaRef,
        columns: Vec<(String, HiveType)>,
    ) -> Option<Self> {
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(schema)
            .build(condition)?;
        Some(Self {
            predicate,
            columns: Arc::new(columns),
        })
    }

    /// For a condition as a test writes it.
    #[cfg(test)]
    pub(crate) fn of(
        columns: Vec<(String, HiveType)>,
        condition: datafusion::logical_expr::Expr,
    ) -> Option<Self> {
        use datafusion::arrow::datatypes::{Field, Schema};

        let fields = columns.iter();
        let fields = fields.map(|(name, kind)| Field::new(name, kind.arrow(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let named = datafusion::common::DFSchema::try_from(Arc::clone(&schema)).unwrap();
        let condition = datafusion::prelude::SessionContext::new()
            .create_physical_expr(condition, &named)
            .unwrap();
        Self::new(condition, schema, columns)
    }

    /// Name and type of the table's columns, in their order.
    pub(crate) fn columns(&self) -> &[(String, HiveType)] {
        &self.columns
    }

    /// One answer per part: whether it can hold a wanted row. Without an answer everything is read.
    pub(crate) fn judge(&self, parts: &impl PruningStatistics) -> Vec<bool> {
        self.predicate
            .prune(parts)
            .unwrap_or_else(|_| vec![true; parts.num_containers()])
    }
}
