//! The options of a text table's serde, read from its properties. A property that would change rows and is not known is refused.

use super::rows::Cutting;
use crate::error::Failure;
use crate::metastore::model::{Serde, Table};

/// Options of a text table or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextFormat {
    pub row: RowFormat,
    /// Lines at the start of each file that are no rows.
    pub header_lines: usize,
    /// Lines at the end of each file that are no rows.
    pub footer_lines: usize,
}

/// Separators below the one between fields: Hive's serde has eight in all.
pub(crate) const NESTED: usize = 7;
/// What they are when the table does not say.
const DEFAULT_NESTED: [u8; NESTED] = [2, 3, 4, 5, 6, 7, 8];

/// How a line is cut into fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// LazySimpleSerDe.
    Delimited {
        field: u8,
        /// Between the items of a list, between keys and values, and on for what lies deeper.
        nested: [u8; NESTED],
        escape: Option<u8>,
        null: Vec<u8>,
    },
    /// OpenCSVSerde.
    Quoted {
        separator: char,
        quote: char,
        escape: char,
    },
}

impl Default for TextFormat {
    /// Ctrl-A between fields, `\N` for NULL.
    fn default() -> Self {
        Self {
            row: RowFormat::Delimited {
                field: 1,
                nested: DEFAULT_NESTED,
                escape: None,
                null: b"\\N".to_vec(),
            },
            header_lines: 0,
            footer_lines: 0,
        }
    }
}

impl TextFormat {
    /// The options of a table.
    pub(crate) fn of(table: &Table) -> Result<Self, Failure> {
        let count = |name: &str| match table.property(name) {
            None => Ok(0),
            Some(text) => text.trim().parse::<usize>().map_err(|_| {
                Failure::semantic(format!(
                    "table {}: {name} must be a number, not '{text}'",
                    table.full_name()
                ))
            }),
        };
        Ok(Self {
            row: RowFormat::from_properties(table.serde, &|name| {
                table.property(name).map(str::to_owned)
            })?,
            header_lines: count("skip.header.line.count")?,
            footer_lines: count("skip.footer.line.count")?,
        })
    }
}

impl RowFormat {
    /// What separates fields, where single bytes do and nothing but quotes hides them.
    pub(crate) fn cutting(&self) -> Option<Cutting> {
        match self {
            Self::Delimited {
                escape: Some(_), ..
            } => None,
            Self::Delimited { field, .. } => Some(Cutting::At(*field)),
            Self::Quoted {
                separator,
                quote,
                escape,
            } => {
                let byte = |character: &char| u8::try_from(*character).ok().filter(u8::is_ascii);
                let (separator, quote, escape) = (byte(separator)?, byte(quote)?, byte(escape)?);
                let differ = separator != quote && separator != escape && quote != escape;
                differ.then_some(Cutting::Quoted(separator, quote, escape))
            }
        }
    }

    /// The options that `property` answers for.
    pub(crate) fn from_properties(
        serde: Serde,
        property: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        if let Some(encoding) = property("serialization.encoding")
            && !encoding.eq_ignore_ascii_case("utf-8")
        {
            return Err(Failure::unsupported(format!(
                "serialization.encoding {encoding}"
            )));
        }
        if property("serialization.last.column.takes.rest")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            return Err(Failure::unsupported("serialization.last.column.takes.rest"));
        }
        if let Some(delimiter) = property("textinputformat.record.delimiter")
            && delimiter != "\n"
        {
            return Err(Failure::unsupported("textinputformat.record.delimiter"));
        }
        match serde {
            Serde::LazySimple => {
                let field =
                    match property("field.delim").or_else(|| property("serialization.format")) {
                        Some(text) => delimiter("field.delim", &text)?,
                        None => 1,
                    };
                let escape = property("escape.delim")
                    .map(|text| delimiter("escape.delim", &text))
                    .transpose()?;
                let mut nested = DEFAULT_NESTED;
                // The first name is the one that Hive wrote for years.
                let items = property("colelction.delim").or_else(|| property("collection.delim"));
                for (place, text) in [items, property("mapkey.delim")].into_iter().enumerate() {
                    if let Some(text) = text {
                        nested[place] = delimiter("the delimiter of items or map keys", &text)?;
                    }
                }
                let null = property("serialization.null.format")
                    .map_or_else(|| b"\\N".to_vec(), String::into_bytes);
                Ok(Self::Delimited {
                    field,
                    nested,
                    escape,
                    null,
                })
            }
            Serde::OpenCsv => {
                let character = |name: &str, default: char| match property(name) {
                    None => Ok(default),
                    Some(text) => text.chars().next().ok_or_else(|| {
                        Failure::semantic(format!("OpenCSVSerde: {name} must not be empty"))
                    }),
                };
                let separator = character("separatorChar", ',')?;
                let quote = character("quoteChar", '"')?;
                // OpenCSVSerde takes a quote as escape for "not set"; its parser then uses the backslash.
                let escape = character("escapeChar", '\\')?;
                let escape = if escape == '"' { '\\' } else { escape };
                if separator == quote || separator == escape || quote == escape {
                    return Err(Failure::semantic(
                        "OpenCSVSerde: separatorChar, quoteChar and escapeChar must be different",
                    ));
                }
                Ok(Self::Quoted {
                    separator,
                    quote,
                    escape,
                })
            }
            Serde::Orc | Serde::Parquet => {
                Err(Failure::semantic("only text tables have a text format"))
            }
        }
    }
}

/// One byte: a character, or its number in decimal as Hive allows (`'9'` is the digit nine's byte 9, a tab).
fn delimiter(name: &str, text: &str) -> Result<u8, Failure> {
    if let Ok(number) = text.parse::<i16>() {
        #[expect(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "Hive reads a signed byte"
        )]
        return Ok(number as u8);
    }
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(Failure::unsupported(format!(
            "{name} of more than one byte ('{text}')"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(serde: Serde, pairs: &'static [(&str, &str)]) -> Result<RowFormat, Failure> {
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        RowFormat::from_properties(serde, &find)
    }

    #[test]
    fn refuses_what_it_would_have_to_ignore() {
        for pairs in [
            &[("serialization.encoding", "latin1")] as &[(&str, &str)],
            &[("field.delim", "||")],
        ] {
            assert!(read(Serde::LazySimple, pairs).is_err());
        }
        assert!(read(Serde::OpenCsv, &[("separatorChar", "\"")]).is_err());
    }

    #[test]
    fn a_delimiter_may_be_a_number() {
        let RowFormat::Delimited { field, .. } =
            read(Serde::LazySimple, &[("field.delim", "9")]).unwrap()
        else {
            panic!()
        };
        assert_eq!(field, b'\t');
    }

    #[test]
    fn quotes_default_to_comma_quote_and_backslash() {
        assert_eq!(
            read(Serde::OpenCsv, &[]).unwrap(),
            RowFormat::Quoted {
                separator: ',',
                quote: '"',
                escape: '\\'
            }
        );
    }
}
