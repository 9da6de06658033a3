//! A scan that tells the planner about how much it gives, from the size of its files: joins then keep the smaller side in
//! memory, and do not move the rows of the larger one between threads. Made by [`super::provider`].

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

/// Bytes of a value whose type does not say how many it has.
const USUAL_WIDTH: usize = 24;

/// A scan and its size.
#[derive(Debug)]
pub(super) struct SizedScan {
    scan: Arc<dyn ExecutionPlan>,
    /// Bytes of all columns of the table, unpacked.
    table_bytes: usize,
    /// Bytes of a row of the table.
    row_width: usize,
}

impl SizedScan {
    /// `scan` reads some columns of files with rows of `schema` and about so many bytes when they are unpacked.
    pub(super) fn new(scan: Arc<dyn ExecutionPlan>, schema: &Schema, table_bytes: u64) -> Self {
        Self {
            scan,
            table_bytes: usize::try_from(table_bytes).unwrap_or(usize::MAX),
            row_width: width(schema),
        }
    }
}

fn width(schema: &Schema) -> usize {
    let widths = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Boolean => 1,
        kind => kind.primitive_width().unwrap_or(USUAL_WIDTH),
    });
    widths.sum::<usize>().max(1)
}

impl DisplayAs for SizedScan {
    fn fmt_as(&self, kind: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt_as(kind, formatter)
    }
}

impl ExecutionPlan for SizedScan {
    fn name(&self) -> &'static str {
        "SizedScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _body: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.scan.execute(partition, context)
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let schema = self.schema();
        let mut statistics = Statistics::new_unknown(&schema);
        if arguments.partition().is_none() {
            let rows = self.table_bytes / self.row_width;
            statistics.num_rows = Precision::Inexact(rows);
            statistics.total_byte_size = Precision::Inexact(rows.saturating_mul(width(&schema)));
        }
        Ok(Arc::new(statistics))
    }

    fn fetch(&self) -> Option<usize> {
        self.scan.fetch()
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self {
            scan: self.scan.with_fetch(limit)?,
            ..*self
        }))
    }
}
