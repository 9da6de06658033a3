//! Writes Arrow record batches as ORC files that Hive, Spark, pyarrow and DataFusion read with equal results, with file
//! and stripe statistics. The Hive engine writes its ORC tables with it; orc-rust reads them.
//!
//! * [`writer`]: the file: stripes, footer, postscript
//! * `schema`: Arrow types as ORC types
//! * `column`: one column's streams; `integers`, `byte_runs`: the run-length encodings; `compression`: chunks
//! * `statistics`: what a column holds, per stripe and per file
//!
//! The format is the ORC specification, version 1 (https://orc.apache.org/specification/ORCv1/), file version 0.12.

mod byte_runs;
mod column;
mod compression;
mod error;
mod integers;
mod schema;
mod statistics;
pub mod writer;

pub use compression::Compression;
pub use error::OrcWriteError;
pub use schema::HIVE_TYPE;
pub use writer::{OrcWriter, WriterOptions, Written};
