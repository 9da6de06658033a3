//! What is measured, and who takes part in it.

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// One delimited file into ORC, partitioned by 30 dates.
    Csv,
    /// The same with quotes around every field, through OpenCSVSerde.
    Quoted,
    /// The same with two dimensions joined.
    Joins,
    /// A table of many small files into one ORC table.
    SmallFiles,
    /// Rows into a thousand partitions.
    Thousand,
    /// INSERT OVERWRITE of one partition among a thousand.
    OverwriteOne,
    /// A query of one partition among a thousand.
    QueryOne,
}

impl Case {
    /// In the order in which they are measured.
    pub(crate) const ALL: [Self; 7] = [
        Self::Csv,
        Self::Quoted,
        Self::Joins,
        Self::SmallFiles,
        Self::Thousand,
        Self::OverwriteOne,
        Self::QueryOne,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Quoted => "quoted",
            Self::Joins => "joins",
            Self::SmallFiles => "small-files",
            Self::Thousand => "thousand",
            Self::OverwriteOne => "overwrite-one",
            Self::QueryOne => "query-one",
        }
    }

    /// Whether the case works on the table of a thousand partitions as it is afterwards.
    pub(crate) fn needs_history(self) -> bool {
        matches!(self, Self::OverwriteOne | Self::QueryOne)
    }
}

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Engine,
    /// arrow-csv and orc-rust's writer, with nothing around them.
    Bare,
    Duckdb,
    Spark,
}

impl Contender {
    /// All but the engine.
    pub(crate) const OTHERS: [Self; 3] = [Self::Bare, Self::Duckdb, Self::Spark];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Bare => "bare",
            Self::Duckdb => "duckdb",
            Self::Spark => "spark",
        }
    }

    /// Its package on PyPI, if it comes from there.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Engine | Self::Bare => None,
            Self::Duckdb => Some("duckdb"),
            Self::Spark => Some("pyspark"),
        }
    }

    pub(crate) fn knows(self, case: Case) -> bool {
        self != Self::Bare || case == Case::Csv
    }
}

/// Picks by names with commas between them.
pub(crate) fn named<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    wanted: &str,
) -> anyhow::Result<Vec<T>> {
    wanted
        .split(',')
        .map(|wanted| {
            let known = || {
                all.iter()
                    .map(|one| name(*one))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let found = all.iter().copied().find(|one| name(*one) == wanted);
            found.ok_or_else(|| anyhow::anyhow!("{wanted} is none of {}", known()))
        })
        .collect()
}
