//! Carries out statements: definitions, SHOW and DESCRIBE, queries; loads are in `load`. Called by the session, per statement.

mod columns;
mod create;
mod databases;
mod describe;
mod drop;
mod files;
pub(crate) mod format;
mod partitions;
pub(crate) mod query;
mod show;

use std::path::PathBuf;

use sqlparser::ast::Query;

use crate::engine::Engine;
use crate::error::Failure;
use crate::metastore::model::Table;
use crate::outcome::{Cell, QueryResult, StatementKind, TableWritten};
use crate::plan::context::{PlanContext, PlannedQuery, plan};
use crate::script::variables::Variables;
use crate::session::ProgressLine;
use crate::syntax::reader::TableName;
use crate::syntax::statement::Statement;

/// What a session remembers between statements.
#[derive(Debug, Clone)]
pub(crate) struct SessionState {
    pub variables: Variables,
    pub database: String,
}

/// Carries out one statement.
pub(crate) struct Executor<'a> {
    pub engine: &'a Engine,
    pub session: &'a mut SessionState,
    pub progress: ProgressLine<'a>,
}

/// What a statement did.
#[derive(Debug)]
pub(crate) struct Executed {
    pub kind: StatementKind,
    pub written: Vec<TableWritten>,
    pub result: Option<QueryResult>,
}

impl Executed {
    pub(crate) fn new(kind: StatementKind) -> Self {
        Self {
            kind,
            written: Vec::new(),
            result: None,
        }
    }

    /// A result of texts.
    pub(crate) fn rows(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().map(Cell::Text).collect())
            .collect();
        let result = QueryResult {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            types: vec!["string".to_owned(); columns.len()],
            rows,
        };
        Self {
            kind: StatementKind::Query,
            written: Vec::new(),
            result: Some(result),
        }
    }
}

impl Executor<'_> {
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<Executed, Failure> {
        let defined = |()| Executed::new(StatementKind::Definition);
        match statement {
            Statement::Use(database) => self
                .use_database(database)
                .map(|()| Executed::new(StatementKind::Session)),
            Statement::CreateDatabase {
                name,
                if_not_exists,
                comment,
                location,
                properties,
            } => self
                .create_database(name, if_not_exists, comment, location, properties)
                .map(defined),
            Statement::DropDatabase {
                name,
                if_exists,
                cascade,
            } => self.drop_database(&name, if_exists, cascade).map(defined),
            Statement::CreateTable(table) => self.create_table(*table).await,
            Statement::CreateTableLike {
                name,
                like,
                external,
                if_not_exists,
                location,
            } => self
                .create_table_like(&name, &like, external, if_not_exists, location)
                .map(defined),
            Statement::CreateView {
                name,
                if_not_exists,
                or_replace,
                columns,
                comment,
                text,
            } => self
                .create_view(&name, if_not_exists, or_replace, columns, comment, text)
                .await
                .map(defined),
            Statement::DropTable { name, if_exists } => {
                self.drop_table(&name, if_exists, false).map(defined)
            }
            Statement::DropView { name, if_exists } => {
                self.drop_table(&name, if_exists, true).map(defined)
            }
            Statement::Truncate { name, partition } => {
                self.truncate(&name, &partition).map(defined)
            }
            Statement::AddPartitions {
                table,
                if_not_exists,
                partitions,
            } => self
                .add_partitions(&table, if_not_exists, &partitions)
                .map(defined),
            Statement::DropPartitions {
                table,
                if_exists,
                partitions,
            } => self
                .drop_partitions(&table, if_exists, &partitions)
                .map(defined),
            Statement::RecoverPartitions { table, add, drop } => {
                self.recover_partitions(&table, add, drop).map(defined)
            }
            Statement::SetProperties { table, properties } => {
                self.set_properties(&table, properties).map(defined)
            }
            Statement::SetLocation {
                table,
                partition,
                location,
            } => self.set_location(&table, &partition, location).map(defined),
            Statement::AddColumns { table, columns } => {
                self.add_columns(&table, columns).map(defined)
            }
            Statement::ReplaceColumns { table, columns } => {
                self.replace_columns(&table, columns).map(defined)
            }
            Statement::ChangeColumn {
                table,
                column,
                to,
                place,
            } => self.change_column(&table, &column, to, place).map(defined),
            Statement::RenamePartition { table, from, to } => {
                self.rename_partition(&table, &from, &to).map(defined)
            }
            Statement::UnsetProperties {
                table,
                if_exists,
                keys,
            } => self.unset_properties(&table, if_exists, &keys).map(defined),
            Statement::SetSerde {
                table,
                class,
                properties,
            } => self
                .set_serde(&table, class.as_deref(), properties)
                .map(defined),
            Statement::Concatenate { table, partition } => {
                self.concatenate(&table, &partition).await.map(defined)
            }
            Statement::AlterView { name, text } => self
                .create_view(&name, false, true, Vec::new(), None, text)
                .await
                .map(defined),
            Statement::Analyze {
                table,
                partition,
                rows,
            } => self.analyze(&table, &partition, rows).await.map(defined),
            Statement::ShowViews { database, pattern } => {
                self.show_views(database.as_deref(), pattern.as_deref())
            }
            Statement::ShowProperties { table, key } => {
                self.show_properties(&table, key.as_deref())
            }
            Statement::RenameTable { table, to } => self.rename_table(&table, &to).map(defined),
            Statement::ShowDatabases { pattern } => self.show_databases(pattern.as_deref()),
            Statement::ShowTables { database, pattern } => {
                self.show_tables(database.as_deref(), pattern.as_deref())
            }
            Statement::ShowPartitions { table, partition } => {
                self.show_partitions(&table, &partition)
            }
            Statement::ShowCreateTable(table) => self.show_create_table(&table),
            Statement::ShowColumns(table) => self.show_columns(&table),
            Statement::Describe {
                table,
                formatted,
                partition,
                column,
            } => self.describe(&table, formatted, &partition, column.as_deref()),
            Statement::DescribeDatabase(name) => self.describe_database(&name),
            Statement::Insert(inserts) => {
                let written = self.insert(&inserts).await?;
                Ok(Executed {
                    written,
                    ..Executed::new(StatementKind::Load)
                })
            }
            Statement::Query(query) => self.query(&query).await,
        }
    }

    /// A line for the log.
    pub(crate) fn say(&self, line: &str) {
        (self.progress)(line);
    }

    /// Database and name of a table.
    pub(crate) fn names(&self, table: &TableName) -> (String, String) {
        (
            table
                .database
                .clone()
                .unwrap_or_else(|| self.session.database.clone()),
            table.name.clone(),
        )
    }

    /// A table or view that must exist.
    pub(crate) fn table(&self, name: &TableName) -> Result<Table, Failure> {
        let (database, table) = self.names(name);
        self.engine.metastore().existing_table(&database, &table)
    }

    /// The local path of an address.
    pub(crate) fn path(&self, address: &str) -> Result<PathBuf, Failure> {
        self.engine.local_path(address)
    }

    /// A setting that is a number.
    pub(crate) fn number(&self, name: &str, default: usize) -> Result<usize, Failure> {
        match self.session.variables.hiveconf.get(name) {
            None => Ok(default),
            Some(text) => text
                .trim()
                .parse()
                .map_err(|_| Failure::semantic(format!("{name} must be a number, not '{text}'"))),
        }
    }

    /// Plans a query in the current database.
    pub(crate) async fn plan(&self, query: &Query) -> Result<PlannedQuery, Failure> {
        let setting = |name: &str| {
            self.session
                .variables
                .hiveconf
                .get(name)
                .is_some_and(|value| value.trim() == "true")
        };
        let context = PlanContext {
            metastore: self.engine.metastore(),
            locations: &self.engine.config().locations,
            runtime: self.engine.runtime(),
            parallelism: self.engine.config().parallelism,
            database: &self.session.database,
            now: self.engine.now_micros(),
            recursive: setting("mapreduce.input.fileinputformat.input.dir.recursive")
                || setting("mapred.input.dir.recursive"),
        };
        plan(&context, query).await
    }
}
