//! What a statement says, before any table is looked up. Made by [`parse`]; carried out by `execute`.

use sqlparser::ast::Query;
use sqlparser::tokenizer::Token;

use super::reader::{Reader, TableName};
use super::tokens::{parse_query, tokenize};
use super::{alter, create, insert};
use crate::error::Failure;
use crate::types::HiveType;

/// A statement.
#[derive(Debug)]
pub(crate) enum Statement {
    Use(String),
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: Vec<(String, String)>,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable(Box<CreateTable>),
    CreateTableLike {
        name: TableName,
        like: TableName,
        external: bool,
        if_not_exists: bool,
        location: Option<String>,
    },
    CreateView {
        name: TableName,
        if_not_exists: bool,
        or_replace: bool,
        columns: Vec<(String, Option<String>)>,
        comment: Option<String>,
        text: String,
    },
    DropTable {
        name: TableName,
        if_exists: bool,
    },
    DropView {
        name: TableName,
        if_exists: bool,
    },
    Truncate {
        name: TableName,
        partition: PartitionSpec,
    },
    AddPartitions {
        table: TableName,
        if_not_exists: bool,
        partitions: Vec<(PartitionSpec, Option<String>)>,
    },
    DropPartitions {
        table: TableName,
        if_exists: bool,
        partitions: Vec<Vec<PartitionCondition>>,
    },
    RecoverPartitions {
        table: TableName,
        add: bool,
        drop: bool,
    },
    SetProperties {
        table: TableName,
        properties: Vec<(String, String)>,
    },
    SetLocation {
        table: TableName,
        partition: PartitionSpec,
        location: String,
    },
    AddColumns {
        table: TableName,
        columns: Vec<ColumnDefinition>,
    },
    /// ALTER TABLE … REPLACE COLUMNS.
    ReplaceColumns {
        table: TableName,
        columns: Vec<ColumnDefinition>,
    },
    /// ALTER TABLE … CHANGE COLUMN.
    ChangeColumn {
        table: TableName,
        column: String,
        to: ColumnDefinition,
        place: Option<ColumnPlace>,
    },
    RenameTable {
        table: TableName,
        to: TableName,
    },
    RenamePartition {
        table: TableName,
        from: PartitionSpec,
        to: PartitionSpec,
    },
    UnsetProperties {
        table: TableName,
        if_exists: bool,
        keys: Vec<String>,
    },
    SetSerde {
        table: TableName,
        class: Option<String>,
        properties: Vec<(String, String)>,
    },
    Concatenate {
        table: TableName,
        partition: PartitionSpec,
    },
    /// ALTER VIEW … AS.
    AlterView {
        name: TableName,
        text: String,
    },
    /// ANALYZE TABLE … COMPUTE STATISTICS.
    Analyze {
        table: TableName,
        partition: PartitionSpec,
        /// NOSCAN: files and bytes only.
        rows: bool,
    },
    ShowViews {
        database: Option<String>,
        pattern: Option<String>,
    },
    ShowProperties {
        table: TableName,
        key: Option<String>,
    },
    ShowDatabases {
        pattern: Option<String>,
    },
    ShowTables {
        database: Option<String>,
        pattern: Option<String>,
    },
    ShowPartitions {
        table: TableName,
        partition: PartitionSpec,
    },
    ShowCreateTable(TableName),
    ShowColumns(TableName),
    Describe {
        table: TableName,
        formatted: bool,
        partition: PartitionSpec,
        column: Option<String>,
    },
    DescribeDatabase(String),
    Insert(Vec<Insert>),
    Query(Box<Query>),
}

/// Where ALTER TABLE … CHANGE puts a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnPlace {
    First,
    After(String),
}

/// Partition columns and values; a column without a value is dynamic.
pub(crate) type PartitionSpec = Vec<(String, SpecValue)>;

/// The value of a column in a PARTITION clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SpecValue {
    /// Comes from the query.
    Dynamic,
    /// A constant; `None` is NULL.
    Static(Option<String>),
}

/// One comparison of ALTER TABLE … DROP PARTITION.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionCondition {
    pub column: String,
    /// One of `=`, `<>`, `<`, `<=`, `>`, `>=`.
    pub operator: String,
    pub value: Option<String>,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    pub name: String,
    pub kind: HiveType,
    pub comment: Option<String>,
}

/// CREATE TABLE.
#[derive(Debug, Default)]
pub(crate) struct CreateTable {
    pub name: Option<TableName>,
    pub external: bool,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDefinition>,
    pub partition_columns: Vec<ColumnDefinition>,
    pub comment: Option<String>,
    pub format: FormatClause,
    pub location: Option<String>,
    pub properties: Vec<(String, String)>,
    /// CREATE TABLE … AS.
    pub query: Option<Box<Query>>,
}

/// ROW FORMAT and STORED AS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FormatClause {
    /// Class name of ROW FORMAT SERDE.
    pub serde: Option<String>,
    /// SERDEPROPERTIES, or DELIMITED's options under their property names.
    pub serde_properties: Vec<(String, String)>,
    /// Whether ROW FORMAT DELIMITED was written.
    pub delimited: bool,
    /// STORED AS, in upper case.
    pub stored_as: Option<String>,
}

/// One INSERT of a statement.
#[derive(Debug)]
pub(crate) struct Insert {
    pub overwrite: bool,
    pub target: InsertTarget,
    pub query: Box<Query>,
}

/// Where an INSERT writes.
#[derive(Debug)]
pub(crate) enum InsertTarget {
    Table {
        name: TableName,
        partition: PartitionSpec,
        if_not_exists: bool,
        columns: Vec<String>,
    },
    Directory {
        location: String,
        local: bool,
        format: FormatClause,
    },
}

/// Reads one statement, after substitution and without its `;`.
///
/// # Errors
/// [`Failure::Syntax`], or [`Failure::Unsupported`] for what Hive has and this engine lacks.
pub(crate) fn parse(text: &str) -> Result<Statement, Failure> {
    let tokens = tokenize(text)?;
    let mut reader = Reader::new(text, &tokens);
    let reader = &mut reader;
    let statement = match reader.peek() {
        Some(Token::LParen) => query(reader)?,
        Some(Token::Word(word)) => match word.value.as_str() {
            "select" | "with" | "values" => return insert::query_or_insert(reader),
            "from" | "insert" => insert::insert(reader)?,
            "create" => create::create(reader)?,
            "drop" => create::drop(reader)?,
            "alter" => alter::alter(reader)?,
            "analyze" => alter::analyze(reader)?,
            "truncate" => alter::truncate(reader)?,
            "msck" => alter::msck(reader)?,
            "show" => show(reader)?,
            "describe" | "desc" => describe(reader)?,
            "use" => {
                reader.take(1);
                Statement::Use(reader.identifier("a database name")?)
            }
            other => {
                return Err(Failure::unsupported(format!(
                    "the statement {}",
                    other.to_uppercase()
                )));
            }
        },
        _ => return Err(reader.expected("a statement")),
    };
    reader.expect_end()?;
    Ok(statement)
}

pub(super) fn query(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    let text = reader.text();
    Ok(Statement::Query(Box::new(parse_query(
        reader.take_rest(),
        text,
    )?)))
}

fn show(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("show")?;
    if reader.accept("databases") || reader.accept("schemas") {
        return Ok(Statement::ShowDatabases {
            pattern: pattern(reader)?,
        });
    }
    if reader.accept("tblproperties") {
        let table = reader.table_name()?;
        let key = if reader.accept_token(&Token::LParen) {
            let key = reader.string("a property's name in quotes")?;
            reader.expect_token(&Token::RParen)?;
            Some(key)
        } else {
            None
        };
        return Ok(Statement::ShowProperties { table, key });
    }
    if reader.accept("views") {
        let database = if reader.accept("in") || reader.accept("from") {
            Some(reader.identifier("a database name")?)
        } else {
            None
        };
        return Ok(Statement::ShowViews {
            database,
            pattern: pattern(reader)?,
        });
    }
    if reader.accept("tables") {
        let database = if reader.accept("in") || reader.accept("from") {
            Some(reader.identifier("a database name")?)
        } else {
            None
        };
        return Ok(Statement::ShowTables {
            database,
            pattern: pattern(reader)?,
        });
    }
    if reader.accept("partitions") {
        let table = reader.table_name()?;
        return Ok(Statement::ShowPartitions {
            table,
            partition: alter::optional_partition(reader)?,
        });
    }
    if reader.accept("create table") {
        return Ok(Statement::ShowCreateTable(reader.table_name()?));
    }
    if reader.accept("columns in") || reader.accept("columns from") {
        let mut table = reader.table_name()?;
        if reader.accept("in") || reader.accept("from") {
            table.database = Some(reader.identifier("a database name")?);
        }
        return Ok(Statement::ShowColumns(table));
    }
    let what = reader
        .peek()
        .map(ToString::to_string)
        .unwrap_or_default()
        .to_uppercase();
    Err(Failure::unsupported(format!("SHOW {what}")))
}

/// `LIKE 'pattern'` or `'pattern'`.
fn pattern(reader: &mut Reader<'_>) -> Result<Option<String>, Failure> {
    if reader.accept("like") || !reader.is_at_end() {
        reader.string("a pattern in quotes").map(Some)
    } else {
        Ok(None)
    }
}

fn describe(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.take(1);
    if reader.accept("database") || reader.accept("schema") {
        reader.accept("extended");
        return Ok(Statement::DescribeDatabase(
            reader.identifier("a database name")?,
        ));
    }
    if reader.is_word("function") {
        return Err(Failure::unsupported("DESCRIBE FUNCTION"));
    }
    let formatted = reader.accept("formatted") || reader.accept("extended");
    let table = reader.table_name()?;
    let partition = alter::optional_partition(reader)?;
    let column = if reader.is_at_end() {
        None
    } else {
        Some(reader.identifier("a column name")?)
    };
    Ok(Statement::Describe {
        table,
        formatted,
        partition,
        column,
    })
}
