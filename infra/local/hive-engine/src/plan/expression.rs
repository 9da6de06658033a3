//! Rewrites of expressions: Hive's names of functions, casts, and syntax that DataFusion plans otherwise or not at all.

use std::collections::BTreeSet;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, CaseWhen, CastKind, CeilFloorKind, DateTimeField, DuplicateTreatment, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    Interval, NullTreatment, ObjectName, Spanned, TrimWhereField, UnaryOperator, Value,
};

use super::rewrite::placed;
use crate::error::{Failure, closest};
use crate::functions::collection::ARRAY;
use crate::functions::condition::NUMBER;
use crate::functions::map::MAP;
use crate::functions::random::RAND;
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
            op: UnaryOperator::BitwiseNot,
            expr,
        } => Some(call("hive_not", vec![take(expr)])),
        // `1e3` is a DOUBLE, `1000.0` a DECIMAL.
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) if number.contains(['e', 'E']) => {
                Some(cast_to(string(number.clone()), "double"))
            }
            _ => None,
        },
        Expr::Interval(interval) if interval.last_field.is_some() => {
            *interval = in_one_unit(interval)?;
            None
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let chain = std::mem::take(access_chain);
            let mut value = take(root);
            for access in chain {
                value = match access {
                    AccessExpr::Dot(Expr::Identifier(name)) => {
                        call("hive_field", vec![value, string(name.value)])
                    }
                    AccessExpr::Dot(other) => {
                        return Err(Failure::unsupported(format!("the access .{other}")));
                    }
                    subscript => Expr::CompoundFieldAccess {
                        root: Box::new(value),
                        access_chain: vec![subscript],
                    },
                };
            }
            Some(value)
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

/// `INTERVAL '1-2' YEAR TO MONTH` is one of 14 months, and of days to seconds one of seconds.
fn in_one_unit(interval: &Interval) -> Result<Interval, Failure> {
    let text = match interval.value.as_ref() {
        Expr::Value(value) => value.value.clone().into_string().unwrap_or_default(),
        _ => String::new(),
    };
    let malformed = || Failure::semantic(format!("the interval '{text}' is not readable"));
    let number = |part: &str| part.trim().parse::<f64>().map_err(|_| malformed());
    let (negative, digits) = match text.trim().strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.trim()),
    };
    let (amount, unit) = match (&interval.leading_field, &interval.last_field) {
        (Some(DateTimeField::Year), Some(DateTimeField::Month)) => {
            let (years, months) = digits.split_once('-').ok_or_else(malformed)?;
            (
                number(years)? * 12.0 + number(months)?,
                DateTimeField::Month,
            )
        }
        (Some(DateTimeField::Day), Some(DateTimeField::Second)) => {
            let (days, time) = digits.split_once(' ').ok_or_else(malformed)?;
            let mut seconds = number(days)? * 24.0;
            let mut parts = time.split(':');
            seconds = (seconds + number(parts.next().unwrap_or("0"))?) * 60.0;
            seconds = (seconds + number(parts.next().unwrap_or("0"))?) * 60.0;
            seconds += number(parts.next().unwrap_or("0"))?;
            (seconds, DateTimeField::Second)
        }
        _ => return Err(Failure::unsupported(format!("the interval {interval}"))),
    };
    let sign = if negative { "-" } else { "" };
    Ok(Interval {
        value: Box::new(string(format!("{sign}{amount}"))),
        leading_field: Some(unit),
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
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

/// An expression in a type.
pub(crate) fn convert(expression: Expr, kind: &HiveType) -> Expr {
    cast_to(expression, &kind.to_string())
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

/// Whole constants that fit are INT in Hive.
fn small_constants(values: Vec<Expr>) -> Vec<Expr> {
    values.into_iter().map(small_constant).collect()
}

/// A whole constant that fits as INT; anything else as it is.
pub(super) fn small_constant(value: Expr) -> Expr {
    let text = match &value {
        Expr::Value(constant) => match &constant.value {
            Value::Number(number, _) => number.parse::<i32>().ok(),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => format!("-{expr}").parse::<i32>().ok(),
        _ => None,
    };
    match text {
        Some(number) => cast_to(string(number.to_string()), "int"),
        None => value,
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
        // `first_value(x, true)` leaves out NULLs.
        "first_value" | "last_value" | "first" | "last" => {
            if let (FunctionArguments::List(list), Some([value, skips])) = (
                &mut function.args,
                arguments.and_then(|all| <[Expr; 2]>::try_from(all).ok()),
            ) {
                let Expr::Value(skips) = skips else {
                    return Err(wrong("TRUE or FALSE behind its value"));
                };
                match skips.value {
                    Value::Boolean(true) => {
                        function.null_treatment = Some(NullTreatment::IgnoreNulls);
                    }
                    Value::Boolean(false) => {}
                    _ => return Err(wrong("TRUE or FALSE behind its value")),
                }
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value))];
            }
        }
        "rand" => {
            let mut seeds = arguments
                .filter(|all| all.len() <= 1)
                .ok_or_else(|| wrong("no argument, or a seed"))?;
            let null = Expr::Value(Value::Null.into());
            let seed = seeds.pop().unwrap_or(null);
            return Ok(Some(call(RAND, vec![seed, place(&function.name)])));
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
                MAP,
                vec![
                    call(ARRAY, small_constants(keys)),
                    call(ARRAY, small_constants(values)),
                ],
            )));
        }
        "array" => {
            let values = arguments.ok_or_else(|| wrong("values"))?;
            return Ok(Some(call(ARRAY, small_constants(values))));
        }
        "struct" => {
            let values = small_constants(arguments.ok_or_else(|| wrong("values"))?);
            let named = values
                .into_iter()
                .enumerate()
                .flat_map(|(place, value)| [string(format!("col{}", place + 1)), value]);
            return Ok(Some(call("named_struct", named.collect())));
        }
        "named_struct" => {
            if let (FunctionArguments::List(list), Some(arguments)) =
                (&mut function.args, arguments)
            {
                let plain = |value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value));
                list.args = small_constants(arguments).into_iter().map(plain).collect();
            }
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
        let hint = closest(&written, functions.iter().map(String::as_str));
        let hint = hint.map_or_else(String::new, |name| format!(" (did you mean {name}?)"));
        let failure = Failure::unsupported(format!("the function {written}{hint}"));
        return Err(placed(failure, &function.name));
    }
    function.name = ObjectName::from(vec![Ident::new(name)]);
    Ok(None)
}

/// A number that tells the calls in a statement apart.
fn place(name: &ObjectName) -> Expr {
    let start = name.span().start;
    let place = (start.line << 20) + start.column;
    Expr::Value(Value::Number(place.to_string(), false).into())
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
