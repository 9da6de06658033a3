//! Parquet files as Hive's own serde writes and reads them: its names for the levels of lists and maps ([`schema`]), timestamps
//! in 96 bits ([`levels`]), decimals in as few bytes as they need ([`write`]), columns found by their names ([`read`]), row
//! groups left out by their statistics ([`prune`]).

mod levels;
mod prune;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod write;
