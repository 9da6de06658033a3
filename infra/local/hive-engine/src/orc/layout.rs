//! How an ORC file is laid out, by the properties of its table: codec and row index. Called where a table is made and where a
//! load begins.

use super::Compression;
use crate::error::Failure;

/// Rows of a group of the row index, where a table does not say.
const STRIDE: u64 = 10_000;
/// Hive's writer takes no smaller groups.
const SMALLEST_STRIDE: u64 = 1000;

/// Codec and row index of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `orc.compress`.
    pub compression: Compression,
    /// Rows of a group, `orc.row.index.stride`; `None` writes no index, as `orc.create.index` may ask.
    pub stride: Option<u64>,
}

impl From<Compression> for Layout {
    fn from(compression: Compression) -> Self {
        Self {
            compression,
            stride: Some(STRIDE),
        }
    }
}

impl Layout {
    /// What properties name.
    ///
    /// # Errors
    /// For a codec that is not there, and for a value that is no number or too small.
    pub(crate) fn named<'a>(property: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Failure> {
        let compression = Compression::named(property("orc.compress"))?;
        if property("orc.create.index").is_some_and(|index| index.eq_ignore_ascii_case("false")) {
            return Ok(Self {
                compression,
                stride: None,
            });
        }
        let Some(rows) = property("orc.row.index.stride") else {
            return Ok(compression.into());
        };
        match rows.trim().parse() {
            // Hive's writer takes 0 as no index.
            Ok(0) => Ok(Self {
                compression,
                stride: None,
            }),
            Ok(stride) if stride >= SMALLEST_STRIDE => Ok(Self {
                compression,
                stride: Some(stride),
            }),
            _ => Err(Failure::semantic(format!(
                "orc.row.index.stride is [{rows}]: it must be a number of rows from {SMALLEST_STRIDE} on, or 0 for no index"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, value: &'static str) -> Result<Layout, String> {
        let property = |wanted: &str| (wanted == name).then_some(value);
        Layout::named(property).map_err(|error| error.to_string())
    }

    #[test]
    fn an_index_is_written_unless_the_table_says_otherwise() {
        assert_eq!(named("x", "").unwrap().stride, Some(10_000));
        assert_eq!(named("orc.create.index", "FALSE").unwrap().stride, None);
        assert_eq!(named("orc.row.index.stride", "0").unwrap().stride, None);
        assert_eq!(
            named("orc.row.index.stride", "2000").unwrap().stride,
            Some(2000)
        );
    }

    #[test]
    fn refuses_groups_that_hive_would_refuse() {
        for value in ["999", "many", "-1"] {
            let refused = named("orc.row.index.stride", value).unwrap_err();
            assert!(refused.contains(&format!("[{value}]")), "{refused}");
        }
    }
}
