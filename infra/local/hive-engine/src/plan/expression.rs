//! Rewrites of expressions: Hive's names of functions, casts, and syntax that DataFusion plans otherwise or not at all.

use std::collections::BTreeSet;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    CaseWhen, CastKind, CeilFloorKind, DateTimeField, DuplicateTreatment, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    TrimWhereField, UnaryOperator, Value,
};

use crate::error::Failure;
use crate::functions::condition::NUMBER;
use crate::functions::{cast, engine_name};
use crate::types::HiveType;
use crate::value;

/// Rewrites one expression, whose parts are rewritten already.
pub(super) fn rewrite(expression: &mut Expr, functions: &BTreeSet<String>) -> Result<(), Failure> {
    let replacement = match expression {
        Expr::Cast {
            kind,
            expr,
            data_type,
            format,
            ..
        } => {
            if *kind != CastKind::Cast || format.is_some() {
                return Err(Failure::unsupported(format!("{expression}")));
            }
            let target: HiveType = data_type.to_string().to_lowercase().parse()?;
            Some(cast_to(take(expr), &target.to_string()))
        }
        Expr::TypedString(typed) => {
            let target: HiveType = typed.data_type.to_string().to_lowercase().parse()?;
            let text = typed.value.value.clone().into_string().unwrap_or_default();
            let readable = match target {
                HiveType::Date => value::parse_date(&text).is_some(),
                HiveType::Timestamp => value::parse_timestamp(&text).is_some(),
                _ => false,
            };
            if !readable {
                return Err(Failure::semantic(format!("'{text}' is no {target}")));
            }
            Some(cast_to(string(text), &target.to_string()))
        }
        Expr::RLike {
            negated,
            expr,
            pattern,
            ..
        } => {
            let matches = call("rlike", vec![take(expr), take(pattern)]);
            Some(if *negated {
                Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(matches),
                }
            } else {
                matches
            })
        }
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => {
            let Some(from) = substring_from else {
                return Err(Failure::semantic(
                    "the function substr takes 2 to 3 arguments, not 1",
                ));
            };
            let mut arguments = vec![take(expr), take(from)];
            arguments.extend(substring_for.as_mut().map(take));
            Some(call("substr", arguments))
        }
        Expr::Trim {
            trim_where,
            trim_what,
            expr,
            trim_characters,
        } => {
            if trim_what.is_some() || trim_characters.is_some() {
                return Err(Failure::unsupported("TRIM of given characters"));
            }
            let name = match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                _ => "trim",
            };
            Some(call(name, vec![take(expr)]))
        }
        Expr::Ceil { expr, field } => Some(whole("ceil", expr, field)?),
        Expr::Floor { expr, field } => Some(whole("floor", expr, field)?),
        Expr::Position { expr, r#in } => Some(call("locate", vec![take(expr), take(r#in)])),
        Expr::Extract { field, expr, .. } => {
            let name = match field {
                DateTimeField::Year => "year",
                DateTimeField::Quarter => "quarter",
                DateTimeField::Month => "month",
                DateTimeField::Week(None) => "weekofyear",
                DateTimeField::Day => "day",
                DateTimeField::Hour => "hour",
                DateTimeField::Minute => "minute",
                DateTimeField::Second => "second",
                other => return Err(Failure::unsupported(format!("EXTRACT({other})"))),
            };
            Some(call(name, vec![take(expr)]))
        }
        Expr::UnaryOp {
            op: op @ UnaryOperator::BangNot,
            ..
        } => {
            *op = UnaryOperator::Not;
            None
        }
        Expr::Function(function) => rewrite_function(function, functions)?,
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expression = replacement;
    }
    Ok(())
}

fn take(expression: &mut Box<Expr>) -> Expr {
    std::mem::replace(expression.as_mut(), Expr::Value(Value::Null.into()))
}

fn string(text: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).into())
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn cast_to(expression: Expr, kind: &str) -> Expr {
    call(cast::NAME, vec![expression, string(kind)])
}

fn whole(name: &str, expr: &mut Box<Expr>, field: &CeilFloorKind) -> Result<Expr, Failure> {
    match field {
        CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => Ok(call(name, vec![take(expr)])),
        _ => Err(Failure::unsupported(format!(
            "{} to a field or scale",
            name.to_uppercase()
        ))),
    }
}

fn present(value: Expr) -> Expr {
    Expr::IsNotNull(Box::new(Expr::Nested(Box::new(value))))
}

fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

/// The arguments when all are plain expressions.
fn plain_arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return Some(Vec::new());
    };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn rewrite_function(
    function: &mut Function,
    functions: &BTreeSet<String>,
) -> Result<Option<Expr>, Failure> {
    let written = function.name.to_string().replace('`', "").to_lowercase();
    let arguments = plain_arguments(function);
    let wrong = |count: &str| Failure::semantic(format!("the function {written} takes {count}"));
    match written.as_str() {
        "if" => {
            let Some([condition, yes, no]) =
                arguments.and_then(|all| <[Expr; 3]>::try_from(all).ok())
            else {
                return Err(wrong("three arguments"));
            };
            return Ok(Some(case(condition, yes, Some(no))));
        }
        "isnull" | "isnotnull" => {
            let Some([value]) = arguments.and_then(|all| <[Expr; 1]>::try_from(all).ok()) else {
                return Err(wrong("one argument"));
            };
            let value = Box::new(Expr::Nested(Box::new(value)));
            return Ok(Some(if written == "isnull" {
                Expr::IsNull(value)
            } else {
                Expr::IsNotNull(value)
            }));
        }
        // As CASE they are evaluated lazily, and their values find a common type by Hive's rules.
        "coalesce" | "nvl" | "ifnull" => {
            let mut values = arguments
                .filter(|all| !all.is_empty() && (written == "coalesce" || all.len() == 2));
            let mut values = values
                .take()
                .ok_or_else(|| wrong("two arguments (coalesce: one or more)"))?;
            let last = values.pop();
            let conditions: Vec<CaseWhen> = values
                .into_iter()
                .map(|value| CaseWhen {
                    condition: present(value.clone()),
                    result: value,
                })
                .collect();
            if conditions.is_empty() {
                return Ok(last.map(|value| Expr::Nested(Box::new(value))));
            }
            return Ok(Some(Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions,
                else_result: last.map(Box::new),
            }));
        }
        "nvl2" => {
            let Some([value, yes, no]) = arguments.and_then(|all| <[Expr; 3]>::try_from(all).ok())
            else {
                return Err(wrong("three arguments"));
            };
            return Ok(Some(case(present(value), yes, Some(no))));
        }
        "nullif" => {
            let Some([left, right]) = arguments.and_then(|all| <[Expr; 2]>::try_from(all).ok())
            else {
                return Err(wrong("two arguments"));
            };
            let same = Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(left.clone()))),
                op: sqlparser::ast::BinaryOperator::Eq,
                right: Box::new(Expr::Nested(Box::new(right))),
            };
            return Ok(Some(case(
                same,
                Expr::Value(Value::Null.into()),
                Some(left),
            )));
        }
        "sum" | "avg" | "std" | "stddev" | "stddev_pop" | "stddev_samp" | "variance"
        | "var_pop" | "var_samp" => {
            if let (FunctionArguments::List(list), Some(arguments)) =
                (&mut function.args, arguments)
            {
                let number = |argument| {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(call(NUMBER, vec![argument])))
                };
                list.args = arguments.into_iter().map(number).collect();
            }
        }
        "map" => {
            let arguments = arguments
                .filter(|all| all.len().is_multiple_of(2))
                .ok_or_else(|| wrong("keys and values"))?;
            let (keys, values): (Vec<_>, Vec<_>) = arguments
                .chunks(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .unzip();
            return Ok(Some(call(
                "map",
                vec![call("make_array", keys), call("make_array", values)],
            )));
        }
        "collect_list" | "collect_set" => {
            let Some([value]) = arguments.and_then(|all| <[Expr; 1]>::try_from(all).ok()) else {
                return Err(wrong("one argument"));
            };
            let present = present(value);
            function.filter = Some(Box::new(match function.filter.take() {
                None => present,
                Some(filter) => Expr::BinaryOp {
                    left: Box::new(Expr::Nested(filter)),
                    op: sqlparser::ast::BinaryOperator::And,
                    right: Box::new(present),
                },
            }));
            if let (FunctionArguments::List(list), "collect_set") =
                (&mut function.args, written.as_str())
            {
                list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
            }
        }
        "count" => count_distinct(function, arguments),
        "explode" => {
            function.name = ObjectName::from(vec![Ident::new("unnest")]);
            return Ok(None);
        }
        "unnest" => return Ok(None),
        _ => {}
    }
    let name = engine_name(&written);
    if !functions.contains(name) {
        return Err(Failure::unsupported(format!("the function {written}")));
    }
    function.name = ObjectName::from(vec![Ident::new(name)]);
    Ok(None)
}

/// `COUNT(DISTINCT a, b)` counts the pairs in which nothing is NULL.
fn count_distinct(function: &mut Function, arguments: Option<Vec<Expr>>) {
    let (FunctionArguments::List(list), Some(arguments)) = (&mut function.args, arguments) else {
        return;
    };
    if list.duplicate_treatment != Some(DuplicateTreatment::Distinct) || arguments.len() < 2 {
        return;
    }
    let all = arguments
        .iter()
        .cloned()
        .map(present)
        .reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: sqlparser::ast::BinaryOperator::And,
            right: Box::new(right),
        });
    if let Some(all) = all {
        let pair = case(all, call("struct", arguments), None);
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(pair))];
    }
}
