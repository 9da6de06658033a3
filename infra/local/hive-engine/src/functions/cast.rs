//! CAST as a function, `hive_cast(value, 'type')`: explicit casts are written so by the rewriter, and the ones that DataFusion
//! puts in for itself are replaced by a rule, because DataFusion's own would fail where Hive answers NULL.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::optimizer::analyzer::AnalyzerRule;

use super::udf::external;
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

/// The function's name.
pub(crate) const NAME: &str = "hive_cast";

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct HiveCast {
    signature: Signature,
}

impl HiveCast {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable),
        }
    }
}

fn target(constant: Option<&ScalarValue>) -> Result<HiveType> {
    let text = constant.and_then(|value| value.try_as_str().flatten());
    let text = text.ok_or_else(|| external(Failure::semantic("CAST needs a type")))?;
    text.parse().map_err(external)
}

impl ScalarUDFImpl for HiveCast {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(
            "the type of a cast depends on its second argument".to_owned(),
        ))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kind = target(arguments.scalar_arguments.get(1).copied().flatten())?;
        Ok(Arc::new(kind.field(NAME)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Scalar(constant)) = arguments.args.get(1) else {
            return Err(external(Failure::semantic("CAST needs a type")));
        };
        let kind = target(Some(constant))?;
        match &arguments.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(
                cast_array(array, &kind).map_err(external)?,
            )),
            ColumnarValue::Scalar(value) => {
                let array = cast_array(&value.to_array()?, &kind).map_err(external)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                    &array, 0,
                )?))
            }
        }
    }
}

/// Replaces the casts that DataFusion put in.
#[derive(Debug)]
pub(crate) struct ReplaceCasts {
    function: Arc<ScalarUDF>,
}

impl ReplaceCasts {
    pub(crate) fn new() -> Self {
        Self {
            function: Arc::new(ScalarUDF::new_from_impl(HiveCast::new())),
        }
    }
}

impl AnalyzerRule for ReplaceCasts {
    fn name(&self) -> &str {
        "hive_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let transformed = plan.transform_up_with_subqueries(|node| {
            let mut schema = datafusion::common::DFSchema::empty();
            for input in node.inputs() {
                schema.merge(input.schema());
            }
            if let LogicalPlan::TableScan(scan) = &node {
                schema.merge(&scan.projected_schema);
            }
            // The columns above refer to an expression by its name, which must not change with its cast.
            let keeps_names = matches!(
                node,
                LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)
            );
            node.map_expressions(|expression| {
                let before = expression.schema_name().to_string();
                let replaced =
                    expression.transform_up(|expression| self.replace(expression, &schema))?;
                if !replaced.transformed
                    || !keeps_names
                    || replaced.data.schema_name().to_string() == before
                {
                    return Ok(replaced);
                }
                replaced.map_data(|expression| match expression {
                    aliased @ Expr::Alias(_) => Ok(aliased),
                    other => Ok(other.alias(before)),
                })
            })?
            .map_data(nullable_values)?
            .map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(transformed.data)
    }
}

/// A cast may give NULL where VALUES had none.
fn nullable_values(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Values(mut values) = node else {
        return Ok(node);
    };
    let fields = values
        .schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    let fields = fields.collect::<datafusion::arrow::datatypes::Fields>();
    values.schema = Arc::new(datafusion::common::DFSchema::from_unqualified_fields(
        fields,
        Default::default(),
    )?);
    Ok(LogicalPlan::Values(values))
}

impl ReplaceCasts {
    fn replace(
        &self,
        expression: Expr,
        schema: &datafusion::common::DFSchema,
    ) -> Result<Transformed<Expr>> {
        let Expr::Cast(Cast { expr, field }) = expression else {
            return Ok(Transformed::no(expression));
        };
        let to = field.data_type().clone();
        let Ok(from) = expr.get_type(schema) else {
            return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
        };
        if widens(&from, &to) {
            return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
        }
        let Ok(kind) = HiveType::of_arrow(&to) else {
            return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
        };
        if kind.arrow() != to {
            return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
        }
        let arguments = vec![
            *expr,
            Expr::Literal(ScalarValue::Utf8(Some(kind.to_string())), None),
        ];
        Ok(Transformed::yes(Expr::ScalarFunction(
            ScalarFunction::new_udf(Arc::clone(&self.function), arguments),
        )))
    }
}

/// Conversions that lose nothing, which DataFusion's own casts do as well, and which its optimizer understands.
fn widens(from: &DataType, to: &DataType) -> bool {
    from == to
        || *from == DataType::Null
        || (from.is_integer() && to.is_integer() && from.primitive_width() <= to.primitive_width())
        || (from.is_integer() && matches!(to, DataType::Float64))
        || (from.is_numeric() && *to == DataType::Float64)
        || matches!((from, to), (DataType::Date32, DataType::Timestamp(_, None)))
        || (from.is_string() && to.is_string())
}
