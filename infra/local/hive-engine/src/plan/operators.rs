//! Binary operators with Hive's types, decided while DataFusion plans an expression and knows its operands.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion::functions_nested::extract::array_element_udf;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, ScalarUDF, lit};
use sqlparser::ast::BinaryOperator;

use crate::error::Failure;
use crate::functions::cast::NAME as CAST;
use crate::functions::operator::wide_result;
use crate::functions::udf::external;

/// Plans binary operators.
#[derive(Debug)]
pub(super) struct HiveOperators {
    functions: Vec<Arc<ScalarUDF>>,
}

impl HiveOperators {
    /// `functions` are those that a query may call, and those that operators become.
    pub(super) fn new(functions: &[Arc<ScalarUDF>]) -> Self {
        Self {
            functions: functions.to_vec(),
        }
    }

    fn call(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let function = self
            .functions
            .iter()
            .find(|function| function.name() == name);
        let function = function
            .ok_or_else(|| external(Failure::unsupported(format!("the function {name}"))))?;
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(function),
            arguments,
        )))
    }

    fn cast(&self, expression: Expr, kind: &str) -> Result<Expr> {
        self.call(CAST, vec![expression, lit(kind)])
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// Small whole constants are INT in Hive, BIGINT in DataFusion.
fn as_int(expression: Expr) -> Expr {
    match expression {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => match i32::try_from(value) {
            Ok(small) => Expr::Literal(ScalarValue::Int32(Some(small)), metadata),
            Err(_) => Expr::Literal(ScalarValue::Int64(Some(value)), metadata),
        },
        other => other,
    }
}

/// A DATE and an interval of days or less make a TIMESTAMP in Hive; months leave it a DATE.
fn moves_by_time(kind: &DataType, interval: &Expr) -> bool {
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) = interval else {
        return false;
    };
    *kind == DataType::Date32 && (interval.days != 0 || interval.nanoseconds != 0)
}

/// A whole constant beside a decimal is a decimal of just its digits, so that the result is no wider than it need be.
fn as_decimal(expression: Expr, other: &DataType) -> Expr {
    match (expression, other) {
        (Expr::Literal(ScalarValue::Int64(Some(value)), metadata), DataType::Decimal128(_, _)) => {
            let digits = value
                .unsigned_abs()
                .checked_ilog10()
                .map_or(1, |power| power + 1);
            let precision = u8::try_from(digits).unwrap_or(19);
            Expr::Literal(
                ScalarValue::Decimal128(Some(i128::from(value)), precision, 0),
                metadata,
            )
        }
        (expression, _) => expression,
    }
}

impl ExprPlanner for HiveOperators {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expression;
        let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
        let function = match op {
            BinaryOperator::Divide => Some("hive_divide"),
            BinaryOperator::Modulo => Some("hive_modulo"),
            BinaryOperator::MyIntegerDivide => Some("hive_div"),
            _ => None,
        };
        let (left, right) = (as_decimal(left, &right_type), as_decimal(right, &left_type));
        if let Some(function) = function {
            return Ok(PlannerResult::Planned(
                self.call(function, vec![as_int(left), as_int(right)])?,
            ));
        }
        let (texts, numbers) = (
            [is_text(&left_type), is_text(&right_type)],
            [left_type.is_numeric(), right_type.is_numeric()],
        );
        let (left, right) = match op {
            BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply => {
                let (left, right) = (as_int(left), as_int(right));
                let types = [left.get_type(schema)?, right.get_type(schema)?];
                let (sign, function) = match op {
                    BinaryOperator::Plus => ('+', "hive_add"),
                    BinaryOperator::Minus => ('-', "hive_subtract"),
                    _ => ('*', "hive_multiply"),
                };
                if wide_result(sign, &types).is_some() {
                    let planned = self.call(function, vec![left, right])?;
                    return Ok(PlannerResult::Planned(planned));
                }
                if moves_by_time(&left_type, &right) {
                    (self.cast(left, "timestamp")?, right)
                } else if moves_by_time(&right_type, &left) {
                    (left, self.cast(right, "timestamp")?)
                } else if texts == [true, true]
                    || (texts[0] && numbers[1])
                    || (numbers[0] && texts[1])
                {
                    (self.cast(left, "double")?, self.cast(right, "double")?)
                } else {
                    (left, right)
                }
            }
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship => {
                if (texts[0] && numbers[1]) || (numbers[0] && texts[1]) {
                    (self.cast(left, "double")?, self.cast(right, "double")?)
                } else if left_type == DataType::Boolean && numbers[1] {
                    (self.cast(left, "double")?, right)
                } else if numbers[0] && right_type == DataType::Boolean {
                    (left, self.cast(right, "double")?)
                } else if texts[0] && right_type == DataType::Boolean {
                    (self.cast(left, "boolean")?, right)
                } else if texts[1] && left_type == DataType::Boolean {
                    (left, self.cast(right, "boolean")?)
                } else {
                    (left, right)
                }
            }
            BinaryOperator::StringConcat => {
                (self.cast(left, "string")?, self.cast(right, "string")?)
            }
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }

    /// `column.field`, of a struct or of an array of structs.
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = Column::new(qualifier.cloned(), field.name());
        let mut value = Expr::Column(column);
        for name in nested_names {
            value = self.call("hive_field", vec![value, lit(name.as_str())])?;
        }
        Ok(PlannerResult::Planned(value))
    }

    /// Arrays count from 0 in Hive.
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match access.field_access {
            GetFieldAccess::ListIndex { key }
                if matches!(access.expr.get_type(schema)?, DataType::List(_)) =>
            {
                let place = *key + lit(1i64);
                Ok(PlannerResult::Planned(Expr::ScalarFunction(
                    ScalarFunction::new_udf(array_element_udf(), vec![access.expr, place]),
                )))
            }
            GetFieldAccess::ListIndex { key } => {
                // A constant key of a map, in the type of its keys.
                let key = match (*key, access.expr.get_type(schema)?) {
                    (Expr::Literal(value, metadata), DataType::Map(entries, _)) => {
                        match entries.data_type() {
                            DataType::Struct(pair) => {
                                Expr::Literal(value.cast_to(pair[0].data_type())?, metadata)
                            }
                            _ => Expr::Literal(value, metadata),
                        }
                    }
                    (key, _) => key,
                };
                Ok(PlannerResult::Original(RawFieldAccessExpr {
                    field_access: GetFieldAccess::ListIndex { key: Box::new(key) },
                    expr: access.expr,
                }))
            }
            field_access => Ok(PlannerResult::Original(RawFieldAccessExpr {
                field_access,
                expr: access.expr,
            })),
        }
    }
}
