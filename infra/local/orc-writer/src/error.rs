//! What can go wrong while writing an ORC file.

use arrow::datatypes::DataType;

/// An error of the writer. Messages name the column.
#[derive(Debug, thiserror::Error)]
pub enum OrcWriteError {
    /// The Arrow type has no ORC type.
    #[error("column {column}: type {data_type} cannot be written as ORC")]
    UnsupportedType {
        /// The column's path, with dots.
        column: String,
        /// Its Arrow type.
        data_type: DataType,
    },
    /// A batch whose columns are not those of the file.
    #[error("a batch with columns {found} does not fit a file with columns {expected}")]
    SchemaMismatch {
        /// The batch's columns and types.
        found: String,
        /// The file's columns and types.
        expected: String,
    },
    /// Arrow could not convert an array.
    #[error("an array could not be converted")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The sink refused the bytes.
    #[error("the file could not be written")]
    Io(#[from] std::io::Error),
}
