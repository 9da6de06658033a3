//! Rewrites of a whole SELECT: names of unnamed columns, LATERAL VIEW, SORT / CLUSTER / DISTRIBUTE BY, `*` beside virtual columns.

use sqlparser::ast::{
    ExceptSelectItem, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    GroupByWithModifier, Ident, LateralView, OrderBy, OrderByExpr, OrderByKind, OrderByOptions,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

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
    group_by(&mut select.group_by)?;
    for view in std::mem::take(&mut select.lateral_views) {
        lateral_view(select, view)?;
    }
    for (index, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expression) if !is_column(expression) => {
                *item = SelectItem::ExprWithAlias {
                    expr: expression.clone(),
                    alias: Ident::new(format!("_c{index}")),
                };
            }
            SelectItem::ExprWithAlias { expr, alias } => name_assertion(expr, &alias.value),
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
    Ok(())
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

/// `FROM t LATERAL VIEW explode(items) v AS item` becomes `FROM (SELECT *, unnest(items) AS item FROM t) t`; what was called
/// `v.item` is then called `item`.
fn lateral_view(select: &mut Select, view: LateralView) -> Result<(), Failure> {
    let Expr::Function(function) = &view.lateral_view else {
        return Err(Failure::unsupported(format!(
            "LATERAL VIEW {}",
            view.lateral_view
        )));
    };
    let name = function.name.to_string().to_lowercase();
    if name != "explode" {
        return Err(Failure::unsupported(format!("LATERAL VIEW {name}")));
    }
    let FunctionArguments::List(arguments) = &function.args else {
        return Err(Failure::semantic("explode takes one argument"));
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(items))] = arguments.args.as_slice() else {
        return Err(Failure::semantic("explode takes one argument"));
    };
    let [column] = view.lateral_col_alias.as_slice() else {
        return Err(Failure::unsupported(
            "LATERAL VIEW explode with other than one column (a map)",
        ));
    };
    let [source] = select.from.as_mut_slice() else {
        return Err(Failure::unsupported("LATERAL VIEW behind several tables"));
    };
    if !source.joins.is_empty() {
        return Err(Failure::unsupported("LATERAL VIEW behind a join"));
    }
    let alias = match &source.relation {
        TableFactor::Table { name, alias, .. } => {
            let last = name.0.last().map(ToString::to_string).unwrap_or_default();
            alias
                .as_ref()
                .map_or_else(|| last.replace('`', ""), |alias| alias.name.value.clone())
        }
        TableFactor::Derived {
            alias: Some(alias), ..
        } => alias.name.value.clone(),
        other => return Err(Failure::unsupported(format!("LATERAL VIEW behind {other}"))),
    };
    let column = column.value.clone();
    // OUTER keeps a row without items, with NULL for the item.
    let template = if view.outer {
        format!(
            "select *, unnest(case when size({items}) > 0 then {items} else array(null) end) as `{column}` from x"
        )
    } else {
        format!("select *, unnest({items}) as `{column}` from x where size({items}) > 0")
    };
    let mut inner = parse_query(&tokenize(&template)?, &template)?;
    if let SetExpr::Select(inner) = inner.body.as_mut() {
        inner.from = vec![source.clone()];
    }
    source.relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(inner),
        alias: Some(TableAlias {
            explicit: true,
            name: Ident::with_quote('`', alias),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    };
    let _ = VisitMut::visit(
        select,
        &mut Unqualify {
            view: view.lateral_view_name.to_string().replace('`', ""),
            column,
        },
    );
    Ok(())
}

/// Takes the lateral view's name away from its column.
struct Unqualify {
    view: String,
    column: String,
}

impl VisitorMut for Unqualify {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> std::ops::ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && parts.len() == 2
            && parts[0].value == self.view
            && parts[1].value == self.column
        {
            *expression = Expr::Identifier(parts[1].clone());
        }
        std::ops::ControlFlow::Continue(())
    }
}
