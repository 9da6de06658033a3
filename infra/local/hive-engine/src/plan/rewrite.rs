//! Walks a query's syntax tree: resolves tables and views in the metastore, and hands SELECTs and expressions to the files
//! that rewrite those. Collects the tables that the plan will scan.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SetExpr, SetOperator, Spanned, TableAlias, TableFactor,
    VisitMut, VisitorMut,
};

use super::{expression, select};
use crate::error::Failure;
use crate::metastore::model::Table;
use crate::metastore::store::Metastore;
use crate::syntax::tokens::{parse_query, tokenize};
use crate::tables::provider::{FILE_NAME, OFFSET};

/// Views may use views, but not for ever.
const DEEPEST_VIEW: usize = 50;

/// What a rewritten query needs.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// By database and name.
    pub tables: BTreeMap<(String, String), Table>,
    /// The virtual columns that are mentioned anywhere.
    pub virtual_columns: BTreeSet<&'static str>,
}

/// Rewrites a query in place.
///
/// # Errors
/// For a table that does not exist, and for a clause or function that is not supported.
pub(super) fn rewrite(
    query: &mut Query,
    metastore: &Metastore,
    database: &str,
    functions: &BTreeSet<String>,
) -> Result<Needs, Failure> {
    let mut needs = Needs::default();
    rewrite_at(query, metastore, database, functions, &mut needs, 0)?;
    Ok(needs)
}

fn rewrite_at(
    query: &mut Query,
    metastore: &Metastore,
    database: &str,
    functions: &BTreeSet<String>,
    needs: &mut Needs,
    depth: usize,
) -> Result<(), Failure> {
    if depth > DEEPEST_VIEW {
        return Err(Failure::semantic(format!(
            "views refer to each other more than {DEEPEST_VIEW} deep"
        )));
    }
    find_virtual_columns(query, needs);
    let mut rewriter = Rewriter {
        metastore,
        database,
        functions,
        needs,
        depth,
        common: Vec::new(),
    };
    match VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(failure) => Err(failure),
    }
}

/// They are columns of a table only where somebody asks for them.
fn find_virtual_columns(query: &Query, needs: &mut Needs) {
    let text = query.to_string().to_lowercase();
    for name in [FILE_NAME, OFFSET] {
        if text.contains(name) {
            needs.virtual_columns.insert(name);
        }
    }
}

struct Rewriter<'a> {
    metastore: &'a Metastore,
    database: &'a str,
    functions: &'a BTreeSet<String>,
    needs: &'a mut Needs,
    depth: usize,
    /// Names of common table expressions, per enclosing query.
    common: Vec<Vec<String>>,
}

impl Rewriter<'_> {
    fn resolve(&mut self, factor: &mut TableFactor) -> Result<(), Failure> {
        let TableFactor::Table {
            name,
            alias,
            args,
            sample,
            ..
        } = factor
        else {
            return match factor {
                TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => Ok(()),
                other => Err(Failure::unsupported(format!(
                    "the table expression {other}"
                ))),
            };
        };
        if args.is_some() {
            return Err(Failure::unsupported(format!("the table function {name}")));
        }
        if sample.is_some() {
            return Err(Failure::unsupported("TABLESAMPLE"));
        }
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| part.to_string().replace('`', "").to_lowercase())
            .collect();
        let (database, table) = match parts.as_slice() {
            [table] if self.common.iter().flatten().any(|known| known == table) => return Ok(()),
            [table] => (self.database.to_owned(), table.clone()),
            [database, table] => (database.clone(), table.clone()),
            _ => return Err(Failure::semantic(format!("{name} is no table name"))),
        };
        let key = (database, table);
        let found = match self.needs.tables.get(&key) {
            Some(table) => table.clone(),
            None => self
                .metastore
                .existing_table(&key.0, &key.1)
                .map_err(|failure| placed(failure, name))?,
        };
        if let Some(view) = &found.view {
            let tokens = tokenize(&view.text)?;
            let mut query = parse_query(&tokens, &view.text)?;
            rewrite_at(
                &mut query,
                self.metastore,
                &view.database,
                self.functions,
                self.needs,
                self.depth + 1,
            )
            .map_err(|failure| {
                let view = found.full_name();
                placed(
                    Failure::semantic(format!("the view {view}: {failure}")),
                    name,
                )
            })?;
            let name = alias
                .take()
                .map_or_else(|| Ident::new(&found.name), |alias| alias.name);
            let columns = found
                .columns
                .iter()
                .map(|column| sqlparser::ast::TableAliasColumnDef {
                    name: Ident::with_quote('`', &column.name),
                    data_type: None,
                });
            *factor = TableFactor::Derived {
                lateral: false,
                subquery: Box::new(query),
                alias: Some(TableAlias {
                    explicit: true,
                    name,
                    columns: columns.collect(),
                    at: None,
                }),
                sample: None,
            };
            return Ok(());
        }
        if alias.is_none() {
            // `db.t` is called `t` in the rest of the query.
            *alias = Some(TableAlias {
                explicit: true,
                name: Ident::with_quote('`', &found.name),
                columns: Vec::new(),
                at: None,
            });
        }
        *name = ObjectName::from(vec![
            Ident::with_quote('`', &key.0),
            Ident::with_quote('`', &key.1),
        ]);
        self.needs.tables.insert(key, found);
        Ok(())
    }
}

/// At the place of a name.
pub(super) fn placed(failure: Failure, name: &ObjectName) -> Failure {
    match name.0.first().map(Spanned::span) {
        Some(span) => failure.at(span.start.line, span.start.column),
        None => failure,
    }
}

/// MINUS is EXCEPT by another name, which DataFusion does not know.
fn minus_as_except(body: &mut SetExpr) {
    if let SetExpr::SetOperation {
        op, left, right, ..
    } = body
    {
        if *op == SetOperator::Minus {
            *op = SetOperator::Except;
        }
        minus_as_except(left);
        minus_as_except(right);
    }
}

fn flow(result: Result<(), Failure>) -> ControlFlow<Failure> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => ControlFlow::Break(failure),
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = Failure;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Failure> {
        let names = query
            .with
            .iter()
            .flat_map(|with| &with.cte_tables)
            .map(|table| table.alias.name.value.to_lowercase());
        self.common.push(names.collect());
        minus_as_except(&mut query.body);
        flow(select::rewrite_query(query))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Failure> {
        self.common.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Failure> {
        let mentioned: Vec<&str> = self.needs.virtual_columns.iter().copied().collect();
        flow(select::rewrite_select(select, &mentioned, &self.common))
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Failure> {
        flow(self.resolve(factor))
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Failure> {
        flow(expression::rewrite(expression, self.functions))
    }
}
