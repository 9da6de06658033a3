//! What a statement did: rows and files written per partition, or a result set. Read by the step runner and the command line.

use serde::Serialize;

/// One finished statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementResult {
    /// The script it stands in.
    pub script: String,
    /// Number of the statement in its script, from 1.
    pub number: usize,
    /// Its first line, from 1.
    pub line: usize,
    /// What kind of statement it was.
    pub kind: StatementKind,
    /// What was written: one entry per target of the statement (several for a multi-insert).
    pub written: Vec<TableWritten>,
    /// The rows of a query, SHOW or DESCRIBE.
    pub result: Option<QueryResult>,
}

/// Kinds of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatementKind {
    /// SET, USE, RESET.
    Session,
    /// CREATE, ALTER, DROP, TRUNCATE, MSCK.
    Definition,
    /// INSERT, CTAS.
    Load,
    /// SELECT, SHOW, DESCRIBE.
    Query,
}

/// What one INSERT or CTAS wrote to one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableWritten {
    /// Database, absent for a directory.
    pub database: Option<String>,
    /// Table name, or the address of a directory.
    pub table: String,
    /// Whether existing data was replaced.
    pub overwrite: bool,
    /// One entry per partition written, in the partitions' order; one without values for an unpartitioned table.
    pub partitions: Vec<PartitionWritten>,
}

impl TableWritten {
    /// Rows written to all partitions.
    pub fn rows(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.rows).sum()
    }
}

/// What was written to one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionWritten {
    /// Partition column and value; `None` stands for `__HIVE_DEFAULT_PARTITION__`.
    pub values: Vec<(String, Option<String>)>,
    /// Rows written.
    pub rows: u64,
    /// Files written.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
}

/// Rows of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct QueryResult {
    /// Column names.
    pub columns: Vec<String>,
    /// Hive type of each column, e.g. `decimal(12,2)`.
    pub types: Vec<String>,
    /// One entry per row, with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// One value. Dates, timestamps, decimals are texts as Hive prints them, so that nothing is rounded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// NULL.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// TINYINT to BIGINT.
    Integer(i64),
    /// FLOAT, DOUBLE.
    Double(f64),
    /// Anything else, as Hive prints it.
    Text(String),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => formatter.write_str("NULL"),
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Double(value) => formatter.write_str(&crate::value::double_text(*value)),
            Self::Text(value) => formatter.write_str(value),
        }
    }
}

/// Size of a table as its files are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableStatistics {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Rows, counted.
    pub rows: u64,
    /// Registered partitions; `None` for an unpartitioned table.
    pub partitions: Option<u64>,
    /// Data files.
    pub files: u64,
    /// Bytes of the data files.
    pub bytes: u64,
}
