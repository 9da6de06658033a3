//! Parquet files as Hive's own serde writes and reads them: its names for the levels of lists and maps ([`schema`]), timestamps
//! in 96 bits ([`levels`]), decimals in as few bytes as they need ([`write`]), columns found by their names ([`read`]).

mod levels;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod write;
