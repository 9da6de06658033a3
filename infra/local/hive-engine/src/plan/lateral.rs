//! LATERAL VIEW and functions that make rows of a value, called by the rewriter of SELECTs. `FROM t LATERAL VIEW explode(items) v
//! AS item` becomes `FROM (SELECT *, unnest(items) AS item FROM t) t`; what was called `v.item` is then called `item`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, LateralView,
    ObjectName, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};

use crate::error::Failure;
use crate::syntax::tokens::{parse_query, tokenize};

/// The name of what several tables are put together as.
const TOGETHER: &str = "lateral_source";

/// Takes the lateral views out of a SELECT, and those functions out of its list.
pub(super) fn rewrite(select: &mut Select) -> Result<(), Failure> {
    in_the_list(select)?;
    let views = std::mem::take(&mut select.lateral_views);
    if views.is_empty() {
        return Ok(());
    }
    let single = matches!(select.from.as_slice(), [source] if source.joins.is_empty());
    let mut views = views;
    if !single {
        together(select, &mut views)?;
    }
    while !views.is_empty() {
        let view = views.remove(0);
        apply(select, view, &mut views)?;
    }
    Ok(())
}

/// Whether a function makes rows, apart from `explode` of an array, which may stand in a list as it is.
fn makes_rows(function: &Function) -> bool {
    let name = function.name.to_string().to_lowercase();
    let of_map = || {
        arguments(function).is_ok_and(|all| {
            matches!(all.as_slice(), [Expr::Function(inner)]
                if ["map", "str_to_map"].contains(&inner.name.to_string().to_lowercase().as_str()))
        })
    };
    match name.as_str() {
        "posexplode" | "inline" | "stack" | "json_tuple" | "parse_url_tuple" => true,
        "explode" => of_map(),
        _ => false,
    }
}

/// `SELECT posexplode(items) FROM t` is `SELECT pos, col FROM t LATERAL VIEW posexplode(items) …`.
fn in_the_list(select: &mut Select) -> Result<(), Failure> {
    let found = select.projection.iter().find_map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Function(function)) if makes_rows(function) => {
            Some(function.clone())
        }
        _ => None,
    });
    let Some(function) = found else { return Ok(()) };
    let name = function.name.to_string().to_lowercase();
    if select.projection.len() > 1 {
        return Err(Failure::semantic(format!(
            "{name} must stand alone in the select list; use LATERAL VIEW beside other columns"
        )));
    }
    let columns = names(&function, &[])?;
    if select.from.is_empty() {
        let one = parse_query(&tokenize("select 1 from (select 1 as one) x")?, "")?;
        if let SetExpr::Select(one) = *one.body {
            select.from = one.from;
        }
    }
    select.lateral_views.push(LateralView {
        lateral_view: Expr::Function(function),
        lateral_view_name: ObjectName::from(vec![Ident::new("made_rows")]),
        lateral_col_alias: columns
            .iter()
            .map(|name| Ident::with_quote('`', name))
            .collect(),
        outer: false,
    });
    let items = columns.iter().map(|name| Ident::with_quote('`', name));
    select.projection = items
        .map(|name| SelectItem::UnnamedExpr(Expr::Identifier(name)))
        .collect();
    Ok(())
}

fn arguments(function: &Function) -> Result<Vec<Expr>, Failure> {
    let FunctionArguments::List(list) = &function.args else {
        return Ok(Vec::new());
    };
    let plain = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Ok(expression.clone()),
        other => Err(Failure::unsupported(format!(
            "the argument {other} of {}",
            function.name
        ))),
    });
    plain.collect()
}

/// The columns of a function: as the view calls them, or as Hive does.
fn names(function: &Function, given: &[Ident]) -> Result<Vec<String>, Failure> {
    if !given.is_empty() {
        return Ok(given.iter().map(|name| name.value.clone()).collect());
    }
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let count = arguments(function)?.len();
    Ok(match function.name.to_string().to_lowercase().as_str() {
        "explode" if makes_rows(function) => owned(&["key", "value"]),
        "explode" => owned(&["col"]),
        "posexplode" => owned(&["pos", "col"]),
        "json_tuple" | "parse_url_tuple" => (0..count.saturating_sub(1))
            .map(|place| format!("c{place}"))
            .collect(),
        "stack" => {
            let rows = stacked_rows(function)?;
            (0..(count - 1).div_ceil(rows))
                .map(|place| format!("col{place}"))
                .collect()
        }
        name => {
            return Err(Failure::unsupported(format!(
                "{name} without names for its columns"
            )));
        }
    })
}

/// The first argument of `stack`.
fn stacked_rows(function: &Function) -> Result<usize, Failure> {
    let all = arguments(function)?;
    let rows = all.first().and_then(|rows| rows.to_string().parse().ok());
    rows.filter(|rows| *rows > 0 && all.len() > 1)
        .ok_or_else(|| Failure::semantic("stack takes a number of rows, a constant, and values"))
}

/// The expressions of a view's columns, and what must not be empty for a row to stay.
fn columns(
    function: &Function,
    named: &[String],
    outer: bool,
) -> Result<(Vec<String>, Option<String>), Failure> {
    let name = function.name.to_string().to_lowercase();
    let all = arguments(function)?;
    let one = || match all.as_slice() {
        [only] => Ok(only.to_string()),
        _ => Err(Failure::semantic(format!("{name} takes one argument"))),
    };
    let wrong = |count: usize| {
        Failure::semantic(format!(
            "{name} makes {count} columns, and {} are named",
            named.len()
        ))
    };
    let unnest = |list: String, of: &str| {
        if outer {
            format!("unnest(case when size({of}) > 0 then {list} else hive_none({list}) end)")
        } else {
            format!("unnest({list})")
        }
    };
    match (name.as_str(), named.len()) {
        ("explode", 1) => {
            let items = one()?;
            Ok((vec![unnest(items.clone(), &items)], Some(items)))
        }
        ("explode", 2) => {
            let items = one()?;
            let lists = ["map_keys", "map_values"];
            let lists = lists.map(|part| unnest(format!("{part}({items})"), &items));
            Ok((lists.into(), Some(items)))
        }
        ("posexplode", 2) => {
            let items = one()?;
            let positions = unnest(format!("hive_positions({items})"), &items);
            let values = unnest(items.clone(), &items);
            Ok((vec![positions, values], Some(items)))
        }
        ("inline", count) => {
            let items = one()?;
            let parts = (0..count)
                .map(|place| unnest(format!("hive_members({items}, {place}, {count})"), &items));
            Ok((parts.collect(), Some(items)))
        }
        ("stack", count) => {
            let rows = stacked_rows(function)?;
            let values = &all[1..];
            if values.len().div_ceil(rows) != count {
                return Err(wrong(values.len().div_ceil(rows)));
            }
            let column = |place: usize| {
                let cells = (0..rows).map(|row| {
                    let value = values.get(row * count + place);
                    value.map_or_else(|| "null".to_owned(), ToString::to_string)
                });
                format!("unnest(array({}))", cells.collect::<Vec<_>>().join(", "))
            };
            Ok(((0..count).map(column).collect(), None))
        }
        ("json_tuple" | "parse_url_tuple", count) => {
            let Some((source, keys)) = all.split_first() else {
                return Err(wrong(0));
            };
            if keys.len() != count {
                return Err(wrong(keys.len()));
            }
            let function = if name == "json_tuple" {
                "hive_json_key"
            } else {
                "hive_url_part"
            };
            let parts = keys
                .iter()
                .map(|key| format!("{function}({source}, {key})"));
            Ok((parts.collect(), None))
        }
        ("explode", _) => Err(wrong(if makes_rows(function) { 2 } else { 1 })),
        ("posexplode", _) => Err(wrong(2)),
        _ => Err(Failure::unsupported(format!("LATERAL VIEW {name}"))),
    }
}

/// Puts one view into the select's only source. `later` views may use its columns.
fn apply(select: &mut Select, view: LateralView, later: &mut [LateralView]) -> Result<(), Failure> {
    let Expr::Function(function) = &view.lateral_view else {
        return Err(Failure::unsupported(format!(
            "LATERAL VIEW {}",
            view.lateral_view
        )));
    };
    let named = names(function, &view.lateral_col_alias)?;
    let (made, present) = columns(function, &named, view.outer)?;
    let items: Vec<String> = made
        .iter()
        .zip(&named)
        .map(|(made, name)| format!("{made} as `{name}`"))
        .collect();
    let condition = match present {
        Some(items) if !view.outer => format!(" where size({items}) > 0"),
        _ => String::new(),
    };
    let template = format!("select *, {} from x{condition}", items.join(", "));
    let mut inner = parse_query(&tokenize(&template)?, &template)?;
    let [source] = select.from.as_mut_slice() else {
        return Err(Failure::unsupported("LATERAL VIEW behind several tables"));
    };
    let alias = alias_of(&source.relation)?;
    if let SetExpr::Select(inner) = inner.body.as_mut() {
        inner.from = vec![source.clone()];
    }
    source.relation = derived(inner, &alias);
    let mut unqualify = Unqualify {
        view: view.lateral_view_name.to_string().replace('`', ""),
        columns: named,
    };
    let _ = VisitMut::visit(select, &mut unqualify);
    for view in later {
        let _ = VisitMut::visit(view, &mut unqualify);
    }
    Ok(())
}

fn derived(query: sqlparser::ast::Query, alias: &str) -> TableFactor {
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(TableAlias {
            explicit: true,
            name: Ident::with_quote('`', alias),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    }
}

/// What a source's columns are qualified with.
fn alias_of(source: &TableFactor) -> Result<String, Failure> {
    match source {
        TableFactor::Table { name, alias, .. } => {
            let last = name.0.last().map(ToString::to_string).unwrap_or_default();
            Ok(alias
                .as_ref()
                .map_or_else(|| last.replace('`', ""), |alias| alias.name.value.clone()))
        }
        TableFactor::Derived {
            alias: Some(alias), ..
        } => Ok(alias.name.value.clone()),
        other => Err(Failure::unsupported(format!("LATERAL VIEW behind {other}"))),
    }
}

/// Makes one source of several: the columns that the SELECT names, under names that keep their qualifier.
fn together(select: &mut Select, views: &mut [LateralView]) -> Result<(), Failure> {
    let wildcard = select.projection.iter().any(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    });
    if wildcard {
        return Err(Failure::unsupported("* beside LATERAL VIEW behind a join"));
    }
    let mut own: BTreeSet<String> = views
        .iter()
        .flat_map(|view| &view.lateral_col_alias)
        .map(|column| column.value.to_lowercase())
        .collect();
    let aliases = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_lowercase()),
        _ => None,
    });
    own.extend(aliases);
    let views_named: BTreeSet<String> = views
        .iter()
        .map(|view| view.lateral_view_name.to_string().replace('`', ""))
        .collect();
    let sources = std::mem::take(&mut select.from);
    // An item that is a plain column keeps its name.
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) = item
            && let Some(last) = parts.last().cloned()
        {
            *item = SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(parts.clone()),
                alias: last,
            };
        }
    }
    let mut collect = Collect {
        own,
        views: views_named,
        found: BTreeSet::new(),
    };
    let _ = VisitMut::visit(select, &mut collect);
    for view in views.iter_mut() {
        let _ = VisitMut::visit(view, &mut collect);
    }
    let columns: Vec<String> = collect
        .found
        .iter()
        .map(|name| match name.split_once('.') {
            Some((table, column)) => format!("`{table}`.`{column}` as `{name}`"),
            None => format!("`{name}`"),
        })
        .collect();
    let columns = if columns.is_empty() {
        "1 as one".to_owned()
    } else {
        columns.join(", ")
    };
    let template = format!("select {columns} from x");
    let mut inner = parse_query(&tokenize(&template)?, &template)?;
    if let SetExpr::Select(inner) = inner.body.as_mut() {
        inner.from = sources;
    }
    select.from = vec![TableWithJoins {
        relation: derived(inner, TOGETHER),
        joins: Vec::new(),
    }];
    Ok(())
}

/// Collects the columns that are named, and names them as the common source does.
struct Collect {
    /// Names that the select or its views make themselves.
    own: BTreeSet<String>,
    views: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl VisitorMut for Collect {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::CompoundIdentifier(parts)
                if parts.len() >= 2 && !self.views.contains(&parts[0].value) =>
            {
                let name = format!("{}.{}", parts[0].value, parts[1].value);
                let mut kept = vec![Ident::with_quote('`', &name)];
                kept.extend(parts.drain(2..));
                self.found.insert(name);
                *expression = match kept.len() {
                    1 => Expr::Identifier(kept.remove(0)),
                    _ => Expr::CompoundIdentifier(kept),
                };
            }
            Expr::Identifier(name)
                if !name.value.contains('.') && !self.own.contains(&name.value.to_lowercase()) =>
            {
                self.found.insert(name.value.clone());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Takes a lateral view's name away from its columns.
struct Unqualify {
    view: String,
    columns: Vec<String>,
}

impl VisitorMut for Unqualify {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && parts.len() >= 2
            && parts[0].value == self.view
            && self.columns.contains(&parts[1].value)
        {
            parts.remove(0);
            if let [only] = parts.as_slice() {
                *expression = Expr::Identifier(only.clone());
            }
        }
        ControlFlow::Continue(())
    }
}
