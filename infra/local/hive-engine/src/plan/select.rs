//! Rewrites of a whole SELECT: names of unnamed columns, SORT / CLUSTER / DISTRIBUTE BY, `*` beside virtual columns.

use std::ops::ControlFlow;

use sqlparser::ast::{
    ExceptSelectItem, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    GroupByWithModifier, Ident, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, Value,
    VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::expression::small_constant;
use super::lateral;
use crate::error::Failure;
use crate::syntax::tokens::{parse_query, tokenize};

/// What stands at the query and not at its SELECT.
pub(super) fn rewrite_query(query: &mut Query) -> Result<(), Failure> {
    if query.fetch.is_some() {
        return Err(Failure::unsupported("FETCH"));
    }
    if !query.locks.is_empty() {
        return Err(Failure::unsupported("FOR UPDATE"));
    }
    // A result in one order is one of the orders that SORT BY and CLUSTER BY allow.
    if let SetExpr::Select(select) = query.body.as_mut() {
        let mut order: Vec<OrderByExpr> = std::mem::take(&mut select.sort_by);
        let ascending = |expr: Expr| OrderByExpr {
            expr,
            options: OrderByOptions {
                asc: None,
                nulls_first: None,
            },
            with_fill: None,
        };
        order.extend(
            std::mem::take(&mut select.cluster_by)
                .into_iter()
                .map(ascending),
        );
        select.distribute_by.clear();
        if !order.is_empty() {
            if query.order_by.is_some() {
                return Err(Failure::semantic(
                    "ORDER BY cannot stand together with SORT BY or CLUSTER BY",
                ));
            }
            query.order_by = Some(OrderBy {
                kind: OrderByKind::Expressions(order),
                interpolate: None,
            });
        }
    }
    Ok(())
}

/// One SELECT. `mentioned` are the virtual columns that the statement names, `common` the names of its common table expressions.
pub(super) fn rewrite_select(
    select: &mut Select,
    mentioned: &[&str],
    common: &[Vec<String>],
) -> Result<(), Failure> {
    if select.top.is_some()
        || select.qualify.is_some()
        || select.prewhere.is_some()
        || select.into.is_some()
    {
        return Err(Failure::unsupported(
            "TOP, QUALIFY, PREWHERE or INTO in a SELECT",
        ));
    }
    name_grouping(select);
    group_by(&mut select.group_by)?;
    lateral::rewrite(select)?;
    for (index, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expression) if !is_column(expression) => {
                *item = SelectItem::ExprWithAlias {
                    expr: small_constant(expression.clone()),
                    alias: Ident::new(format!("_c{index}")),
                };
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                name_assertion(expr, &alias.value);
                *expr = small_constant(expr.clone());
            }
            SelectItem::Wildcard(options)
                if !mentioned.is_empty() && reads_table(&select.from, None, common) =>
            {
                except(options, mentioned);
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if !mentioned.is_empty()
                && reads_table(
                    &select.from,
                    Some(&name.to_string().replace('`', "")),
                    common,
                ) =>
            {
                except(options, mentioned);
            }
            _ => {}
        }
    }
    tell_apart(&mut select.projection);
    Ok(())
}

/// Stands between the name of a column that is selected twice and a number.
const REPEATED: char = '\u{1}';

/// The name of a result's column as the query writes it.
pub(crate) fn shown_name(name: &str) -> &str {
    name.split(REPEATED).next().unwrap_or(name)
}

/// `SELECT a, a` has two columns of one name in Hive; the planner wants different ones.
fn tell_apart(items: &mut [SelectItem]) {
    let mut seen: Vec<Vec<String>> = Vec::new();
    for (index, item) in items.iter_mut().enumerate() {
        let (parts, expression) = match item {
            SelectItem::UnnamedExpr(expression @ Expr::Identifier(_)) => {
                (vec![expression.to_string().replace('`', "")], expression)
            }
            SelectItem::UnnamedExpr(expression @ Expr::CompoundIdentifier(_)) => {
                let Expr::CompoundIdentifier(parts) = &*expression else {
                    continue;
                };
                let parts = parts.iter().map(|part| part.value.clone()).collect();
                (parts, expression)
            }
            SelectItem::ExprWithAlias { expr, alias } => (vec![alias.value.clone()], expr),
            _ => continue,
        };
        let same = |other: &Vec<String>| {
            *other == parts
                || (other.last() == parts.last() && (other.len() == 1 || parts.len() == 1))
        };
        if seen.iter().any(same) {
            let name = parts.last().cloned().unwrap_or_default();
            *item = SelectItem::ExprWithAlias {
                expr: expression.clone(),
                alias: Ident::with_quote('`', format!("{name}{REPEATED}{index}")),
            };
        } else {
            seen.push(parts);
        }
    }
}

/// `GROUP BY a, b WITH ROLLUP` and its like, in the form that the planner knows.
fn group_by(clause: &mut GroupByExpr) -> Result<(), Failure> {
    let GroupByExpr::Expressions(expressions, modifiers) = clause else {
        return Err(Failure::unsupported("GROUP BY ALL"));
    };
    let columns = |expressions: &[Expr]| {
        expressions
            .iter()
            .map(|expression| vec![expression.clone()])
            .collect()
    };
    let sets = match modifiers.as_slice() {
        [] => return Ok(()),
        [GroupByWithModifier::Rollup] => Expr::Rollup(columns(expressions)),
        [GroupByWithModifier::Cube] => Expr::Cube(columns(expressions)),
        [GroupByWithModifier::GroupingSets(sets)] => sets.clone(),
        other => {
            let names: Vec<String> = other.iter().map(ToString::to_string).collect();
            return Err(Failure::unsupported(format!(
                "GROUP BY … {}",
                names.join(" ")
            )));
        }
    };
    *clause = GroupByExpr::Expressions(vec![sets], Vec::new());
    Ok(())
}

/// `GROUPING__ID` is `grouping` of all that is grouped by.
fn name_grouping(select: &mut Select) {
    let GroupByExpr::Expressions(_, modifiers) = &select.group_by else {
        return;
    };
    if modifiers.is_empty() {
        return;
    }
    // It keeps its name, which ORDER BY may use.
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && name.value == "grouping__id"
        {
            *item = SelectItem::ExprWithAlias {
                expr: Expr::Identifier(name.clone()),
                alias: name.clone(),
            };
        }
    }
    let GroupByExpr::Expressions(expressions, _) = &select.group_by else {
        return;
    };
    let arguments = expressions.iter().map(ToString::to_string);
    let text = format!("grouping({})", arguments.collect::<Vec<_>>().join(", "));
    let Ok(query) = tokenize(&format!("select {text}")).and_then(|tokens| parse_query(&tokens, ""))
    else {
        return;
    };
    let SetExpr::Select(parsed) = *query.body else {
        return;
    };
    let Some(SelectItem::UnnamedExpr(grouping)) = parsed.projection.into_iter().next() else {
        return;
    };
    let _ = VisitMut::visit(select, &mut NameGrouping(grouping));
}

/// Puts an expression in the place of `grouping__id`.
struct NameGrouping(Expr);

impl VisitorMut for NameGrouping {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Identifier(name) if name.value == "grouping__id") {
            *expression = self.0.clone();
        }
        ControlFlow::Continue(())
    }
}

/// `assert_true(…) AS name` fails with its name.
fn name_assertion(expression: &mut Expr, name: &str) {
    if let Expr::Function(function) = expression
        && function
            .name
            .to_string()
            .eq_ignore_ascii_case("assert_true")
        && let FunctionArguments::List(list) = &mut function.args
        && list.args.len() == 1
    {
        let name = Expr::Value(Value::SingleQuotedString(name.to_owned()).into());
        list.args
            .push(FunctionArg::Unnamed(FunctionArgExpr::Expr(name)));
    }
}

/// A column keeps its own name.
fn is_column(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_)
    )
}

fn except(options: &mut WildcardAdditionalOptions, columns: &[&str]) {
    let mut names = columns.iter().map(|name| Ident::new(*name));
    if let Some(first_element) = names.next() {
        options.opt_except = Some(ExceptSelectItem {
            first_element,
            additional_elements: names.collect(),
        });
    }
}

/// Whether FROM holds a table of the metastore, of this name or alias if one is given.
fn reads_table(from: &[TableWithJoins], wanted: Option<&str>, common: &[Vec<String>]) -> bool {
    let matches = |factor: &TableFactor| match factor {
        TableFactor::Table { name, .. }
            if common
                .iter()
                .flatten()
                .any(|known| *known == name.to_string().replace('`', "")) =>
        {
            false
        }
        TableFactor::Table { name, alias, .. } => wanted.is_none_or(|wanted| {
            let known = alias
                .as_ref()
                .map_or_else(|| name.to_string(), |alias| alias.name.value.clone());
            let known = known.replace('`', "");
            known == wanted || known.rsplit('.').next() == Some(wanted)
        }),
        _ => false,
    };
    from.iter().any(|item| {
        matches(&item.relation) || item.joins.iter().any(|join| matches(&join.relation))
    })
}
