//! A session of DataFusion for one statement: limits, functions, Hive's settings, and just the tables that the query names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::common::{Column, DataFusionError, SchemaError};
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{Expr, Query, Statement, visit_expressions};
use sqlparser::tokenizer::Location;

use super::operators::HiveOperators;
use super::rewrite::rewrite;
use super::select::shown_name;
use crate::error::{Failure, closest};
use crate::functions::{
    aggregate_functions, cast::ReplaceCasts, scalar_functions, window_functions,
};
use crate::locations::Locations;
use crate::metastore::store::Metastore;
use crate::tables::provider::{FILE_NAME, HiveTable, OFFSET};

const CATALOG: &str = "hive";
/// Columns that a message lists.
const SHOWN_COLUMNS: usize = 12;
/// Below so many bytes of input a query runs on one thread: it is faster, and its output has one order.
const SMALL_INPUT: u64 = 8 << 20;
/// A side of a join with at most so many bytes is kept in memory as a whole.
const LARGEST_KEPT_SIDE: usize = 32 << 20;

/// What planning needs to know.
pub(crate) struct PlanContext<'a> {
    pub metastore: &'a Metastore,
    pub locations: &'a Arc<dyn Locations>,
    pub runtime: &'a Arc<RuntimeEnv>,
    pub parallelism: usize,
    /// The session's current database.
    pub database: &'a str,
    /// Microseconds since 1970.
    pub now: i64,
    /// Whether folders inside a location are read.
    pub recursive: bool,
}

/// A query that is ready to be planned physically.
pub(crate) struct PlannedQuery {
    state: SessionState,
    plan: LogicalPlan,
    scanned_bytes: Arc<AtomicU64>,
    parallelism: usize,
    /// Full names of the tables that it reads.
    pub reads: Vec<String>,
}

impl PlannedQuery {
    /// The query's columns.
    pub(crate) fn schema(&self) -> &datafusion::common::DFSchema {
        self.plan.schema()
    }

    /// The plan to run, on one thread if there is little to read, and the context to run it in.
    pub(crate) async fn physical(
        &self,
    ) -> Result<(Arc<dyn ExecutionPlan>, SessionContext), Failure> {
        let optimized = self.state.optimize(&self.plan).map_err(failure_of)?;
        let mut state = self.state.clone();
        let small = state
            .query_planner()
            .create_physical_plan(&optimized, &state)
            .await
            .map_err(failure_of)?;
        if self.parallelism == 1 || self.scanned_bytes.load(Ordering::Relaxed) < SMALL_INPUT {
            return Ok((small, SessionContext::new_with_state(state)));
        }
        state.config_mut().options_mut().execution.target_partitions = self.parallelism;
        let large = state
            .query_planner()
            .create_physical_plan(&optimized, &state)
            .await
            .map_err(failure_of)?;
        Ok((large, SessionContext::new_with_state(state)))
    }
}

/// Plans a query.
///
/// # Errors
/// For tables, columns and functions that do not exist, types that do not fit, and what is not supported.
pub(crate) async fn plan(
    context: &PlanContext<'_>,
    written: &Query,
) -> Result<PlannedQuery, Failure> {
    let (scalars, aggregates, windows) = (
        scalar_functions(context.now),
        aggregate_functions(),
        window_functions(),
    );
    let names: BTreeSet<String> = scalars
        .iter()
        .map(|function| function.name().to_owned())
        .chain(
            aggregates
                .iter()
                .flat_map(|function| named(function.name(), function.aliases())),
        )
        .chain(
            windows
                .iter()
                .flat_map(|function| named(function.name(), function.aliases())),
        )
        .collect();
    let mut query = written.clone();
    let needs = rewrite(&mut query, context.metastore, context.database, &names)?;
    let scanned_bytes = Arc::new(AtomicU64::new(0));
    let catalog = MemoryCatalogProvider::new();
    let virtual_columns: Vec<&'static str> = needs.virtual_columns.iter().copied().collect();
    let mut reads = Vec::new();
    for ((database, name), table) in needs.tables {
        if catalog.schema(&database).is_none() {
            catalog
                .register_schema(&database, Arc::new(MemorySchemaProvider::new()))
                .map_err(failure_of)?;
        }
        reads.push(table.full_name());
        let locations = Arc::clone(context.locations);
        let provider = HiveTable::new(
            table,
            &virtual_columns,
            locations,
            context.recursive,
            Arc::clone(&scanned_bytes),
        );
        if let Some(schema) = catalog.schema(&database) {
            schema
                .register_table(name, Arc::new(provider))
                .map_err(failure_of)?;
        }
    }
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(HiveOperators::new(&scalars))];
    planners.extend(SessionStateDefaults::default_expr_planners());
    let state = SessionStateBuilder::new()
        .with_config(config(context.database))
        .with_runtime_env(Arc::clone(context.runtime))
        .with_expr_planners(planners)
        .with_scalar_functions(scalars)
        .with_aggregate_functions(aggregates)
        .with_window_functions(windows)
        .with_analyzer_rule(Arc::new(ReplaceCasts::new()))
        .build();
    state
        .catalog_list()
        .register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let statement = EngineStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = state.statement_to_plan(statement).await.map_err(|error| {
        let place = place_of_ambiguous(&error, written);
        let failure = failure_of(error);
        match place {
            Some(place) => failure.at(place.line, place.column),
            None => failure,
        }
    })?;
    Ok(PlannedQuery {
        state,
        plan,
        scanned_bytes,
        parallelism: context.parallelism,
        reads,
    })
}

/// Where the column stands that several tables have: DataFusion says it of those in a list and not of those in a condition.
fn place_of_ambiguous(error: &DataFusionError, query: &Query) -> Option<Location> {
    let DataFusionError::SchemaError(error, _) = error.find_root() else {
        return None;
    };
    let SchemaError::AmbiguousReference { field } = error.as_ref() else {
        return None;
    };
    let found = visit_expressions(query, |expression| match expression {
        Expr::Identifier(name) if name.value == field.name => ControlFlow::Break(name.span.start),
        _ => ControlFlow::Continue(()),
    });
    found.break_value()
}

fn named(name: &str, aliases: &[String]) -> Vec<String> {
    std::iter::once(name.to_owned())
        .chain(aliases.iter().cloned())
        .collect()
}

fn config(database: &str) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, database);
    let options = config.options_mut();
    // Sizes of tables are guesses from their files' sizes, and a dimension of some megabytes fits well.
    options.optimizer.hash_join_single_partition_threshold = LARGEST_KEPT_SIDE;
    options.sql_parser.parse_float_as_decimal = true;
    // So that an error can say where its column stands.
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Hive: NULL is less than every value.
    options.sql_parser.default_null_ordering = "nulls_min".to_owned();
    config
}

/// Finds our own failure in DataFusion's error, or gives its message.
pub(crate) fn failure_of(error: DataFusionError) -> Failure {
    match error {
        DataFusionError::External(source) => match source.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(other) => Failure::Query(other.to_string()),
        },
        DataFusionError::Context(_, inner) => failure_of(*inner),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let failure = failure_of(*inner);
            match diagnostic.span {
                Some(span) => failure.at(span.start.line, span.start.column),
                None => failure,
            }
        }
        DataFusionError::SchemaError(error, _) => Failure::semantic(match *error {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => no_column(&field, &valid_fields),
            SchemaError::AmbiguousReference { field } => format!(
                "the column {} is ambiguous: several tables have it, so write the table's name before it",
                shown_name(&field.name)
            ),
            other => other.to_string(),
        }),
        DataFusionError::Collection(errors) => errors.into_iter().next().map_or_else(
            || Failure::Query("the query cannot be planned".to_owned()),
            failure_of,
        ),
        DataFusionError::ArrowError(arrow, _) => match *arrow {
            datafusion::arrow::error::ArrowError::ExternalError(source) => {
                match source.downcast::<DataFusionError>() {
                    Ok(inner) => failure_of(*inner),
                    Err(other) => Failure::Query(other.to_string()),
                }
            }
            other => Failure::Query(other.to_string()),
        },
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(inner) => failure_of(inner),
            Err(shared) => Failure::Query(sentence(&shared)),
        },
        other => Failure::Query(sentence(&other)),
    }
}

/// What is said of a column that is not there.
fn no_column(field: &Column, valid: &[Column]) -> String {
    let is_own = |name: &&str| {
        !name.starts_with("_c") && *name != FILE_NAME && *name != OFFSET && !name.is_empty()
    };
    let mut names: Vec<&str> = valid
        .iter()
        .map(|column| shown_name(&column.name))
        .filter(is_own)
        .collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let written = match &field.relation {
        Some(table) => format!("{}.{}", table.table(), field.name),
        None => field.name.clone(),
    };
    let hint = match closest(&field.name, names.iter().copied()) {
        Some(name) if name != field.name => format!("; did you mean {name}?"),
        _ => String::new(),
    };
    let listed = if names.is_empty() {
        String::new()
    } else {
        let more = if names.len() > SHOWN_COLUMNS {
            ", …"
        } else {
            ""
        };
        let shown = names.iter().take(SHOWN_COLUMNS).copied();
        format!(
            " (there are {}{more})",
            shown.collect::<Vec<_>>().join(", ")
        )
    };
    format!("there is no column {written}{listed}{hint}")
}

/// The message without DataFusion's prefix and help.
fn sentence(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = text.split("\n\n").next().unwrap_or_default();
    [
        "Error during planning: ",
        "Schema error: ",
        "This feature is not implemented: ",
        "Execution error: ",
    ]
    .iter()
    .fold(text.to_owned(), |text, prefix| text.replace(prefix, ""))
}
