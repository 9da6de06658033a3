//! Hive's data types: their text as the metastore keeps it, and the Arrow type that holds their values.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::error::Failure;

/// The key under which a field remembers its length.
const REMEMBERED: &str = "hive_type";

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    /// Precision and scale.
    Decimal(u8, i8),
    String,
    Varchar(u32),
    Char(u32),
    Binary,
    Date,
    Timestamp,
    Array(Box<HiveType>),
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

impl HiveType {
    /// The Arrow type of its values. Timestamps count microseconds and have no zone.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::String | Self::Varchar(_) | Self::Char(_) => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Array(item) => DataType::List(Arc::new(Field::new("item", item.arrow(), true))),
            Self::Map(key, value) => DataType::Map(
                Arc::new(Field::new(
                    "entries",
                    DataType::Struct(Fields::from(vec![
                        Field::new("key", key.arrow(), false),
                        Field::new("value", value.arrow(), true),
                    ])),
                    false,
                )),
                false,
            ),
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|(name, kind)| Field::new(name, kind.arrow(), true))
                    .collect(),
            ),
        }
    }

    /// A field of this type. VARCHAR and CHAR are texts in Arrow; the field remembers what they are.
    pub(crate) fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.arrow(), true);
        match self {
            Self::Varchar(_) | Self::Char(_) => {
                field.with_metadata([(REMEMBERED.to_owned(), self.to_string())].into())
            }
            _ => field,
        }
    }

    /// The type of a query's column.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for Arrow types that Hive lacks.
    pub(crate) fn of_field(field: &Field) -> Result<Self, Failure> {
        match (field.metadata().get(REMEMBERED), field.data_type()) {
            (Some(text), DataType::Utf8) => text.parse(),
            (_, kind) => Self::of_arrow(kind),
        }
    }

    /// The Hive type that holds what Arrow has, for CTAS and result sets.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for Arrow types that Hive lacks.
    pub(crate) fn of_arrow(kind: &DataType) -> Result<Self, Failure> {
        Ok(match kind {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::BigInt,
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::Decimal((*precision).min(38), *scale),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
                Self::String
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Binary,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, _) => Self::Timestamp,
            DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
                Self::Array(Box::new(Self::of_arrow(item.data_type())?))
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Self::Map(
                    Box::new(Self::of_arrow(fields[0].data_type())?),
                    Box::new(Self::of_arrow(fields[1].data_type())?),
                ),
                _ => return Err(Failure::unsupported("a map without key and value")),
            },
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| {
                        Ok((
                            field.name().to_lowercase(),
                            Self::of_arrow(field.data_type())?,
                        ))
                    })
                    .collect::<Result<_, Failure>>()?,
            ),
            DataType::Dictionary(_, value) => Self::of_arrow(value)?,
            other => return Err(Failure::unsupported(format!("a column of type {other}"))),
        })
    }

    /// Separators that its text needs.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Array(item) => 1 + item.depth(),
            Self::Map(key, value) => 2 + key.depth().max(value.depth()),
            Self::Struct(fields) => {
                let deepest = fields.iter().map(|(_, kind)| kind.depth()).max();
                1 + deepest.unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Whether it is a single value.
    pub(crate) fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Map(_, _) | Self::Struct(_))
    }
}

impl std::fmt::Display for HiveType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => formatter.write_str("boolean"),
            Self::TinyInt => formatter.write_str("tinyint"),
            Self::SmallInt => formatter.write_str("smallint"),
            Self::Int => formatter.write_str("int"),
            Self::BigInt => formatter.write_str("bigint"),
            Self::Float => formatter.write_str("float"),
            Self::Double => formatter.write_str("double"),
            Self::Decimal(precision, scale) => write!(formatter, "decimal({precision},{scale})"),
            Self::String => formatter.write_str("string"),
            Self::Varchar(length) => write!(formatter, "varchar({length})"),
            Self::Char(length) => write!(formatter, "char({length})"),
            Self::Binary => formatter.write_str("binary"),
            Self::Date => formatter.write_str("date"),
            Self::Timestamp => formatter.write_str("timestamp"),
            Self::Array(item) => write!(formatter, "array<{item}>"),
            Self::Map(key, value) => write!(formatter, "map<{key},{value}>"),
            Self::Struct(fields) => {
                formatter.write_str("struct<")?;
                for (index, (name, kind)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(formatter, "{comma}{name}:{kind}")?;
                }
                formatter.write_str(">")
            }
        }
    }
}

impl FromStr for HiveType {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let mut rest = text;
        let kind = read_type(&mut rest)?;
        if rest.trim().is_empty() {
            Ok(kind)
        } else {
            Err(malformed(text))
        }
    }
}

impl serde::Serialize for HiveType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for HiveType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn malformed(text: &str) -> Failure {
    Failure::syntax(format!("malformed type {}", text.trim()))
}

fn read_type(rest: &mut &str) -> Result<HiveType, Failure> {
    let whole = *rest;
    let name = read_word(rest).to_ascii_lowercase();
    Ok(match name.as_str() {
        "boolean" => HiveType::Boolean,
        "tinyint" | "byte" => HiveType::TinyInt,
        "smallint" | "short" => HiveType::SmallInt,
        "int" | "integer" => HiveType::Int,
        "bigint" | "long" => HiveType::BigInt,
        "float" | "real" => HiveType::Float,
        "double" => {
            if rest
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("precision")
            {
                read_word(rest);
            }
            HiveType::Double
        }
        "string" => HiveType::String,
        "binary" => HiveType::Binary,
        "date" => HiveType::Date,
        "timestamp" => HiveType::Timestamp,
        "decimal" | "dec" | "numeric" => {
            let numbers = read_numbers(rest, whole)?;
            let precision = numbers.first().copied().unwrap_or(10);
            let scale = numbers.get(1).copied().unwrap_or(0);
            if !(1..=38).contains(&precision) || scale > precision || numbers.len() > 2 {
                return Err(Failure::semantic(format!(
                    "decimal({precision},{scale}): precision must be 1 to 38, and scale must not exceed it"
                )));
            }
            let scale = i8::try_from(scale).map_err(|_| malformed(whole))?;
            HiveType::Decimal(
                u8::try_from(precision).map_err(|_| malformed(whole))?,
                scale,
            )
        }
        "varchar" | "char" => {
            let most = if name == "char" { 255 } else { 65535 };
            let length = match read_numbers(rest, whole)?.as_slice() {
                [length] if (1..=most).contains(length) => *length,
                _ => {
                    return Err(Failure::semantic(format!(
                        "{name} needs a length of 1 to {most}"
                    )));
                }
            };
            if name == "char" {
                HiveType::Char(length)
            } else {
                HiveType::Varchar(length)
            }
        }
        "array" => {
            expect(rest, '<', whole)?;
            let item = read_type(rest)?;
            expect(rest, '>', whole)?;
            HiveType::Array(Box::new(item))
        }
        "map" => {
            expect(rest, '<', whole)?;
            let key = read_type(rest)?;
            expect(rest, ',', whole)?;
            let value = read_type(rest)?;
            expect(rest, '>', whole)?;
            HiveType::Map(Box::new(key), Box::new(value))
        }
        "struct" => {
            expect(rest, '<', whole)?;
            let mut fields = Vec::new();
            loop {
                let field = read_word(rest).to_lowercase();
                if field.is_empty() {
                    return Err(malformed(whole));
                }
                expect(rest, ':', whole)?;
                fields.push((field, read_type(rest)?));
                match rest.trim_start().strip_prefix(',') {
                    Some(more) => *rest = more,
                    None => break,
                }
            }
            expect(rest, '>', whole)?;
            HiveType::Struct(fields)
        }
        "" => return Err(malformed(whole)),
        other => return Err(Failure::unsupported(format!("type {other}"))),
    })
}

fn read_word<'a>(rest: &mut &'a str) -> &'a str {
    let trimmed = rest.trim_start();
    if let Some(quoted) = trimmed.strip_prefix('`')
        && let Some(end) = quoted.find('`')
    {
        *rest = &quoted[end + 1..];
        return &quoted[..end];
    }
    let end = trimmed
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(trimmed.len());
    *rest = &trimmed[end..];
    &trimmed[..end]
}

fn read_numbers(rest: &mut &str, whole: &str) -> Result<Vec<u32>, Failure> {
    let Some(inner) = rest.trim_start().strip_prefix('(') else {
        return Ok(Vec::new());
    };
    let (numbers, after) = inner.split_once(')').ok_or_else(|| malformed(whole))?;
    *rest = after;
    numbers
        .split(',')
        .map(|number| number.trim().parse().map_err(|_| malformed(whole)))
        .collect()
}

fn expect(rest: &mut &str, character: char, whole: &str) -> Result<(), Failure> {
    *rest = rest
        .trim_start()
        .strip_prefix(character)
        .ok_or_else(|| malformed(whole))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_types_that_hive_refuses() {
        for text in [
            "decimal(39,2)",
            "decimal(5,6)",
            "varchar",
            "char(256)",
            "array<int",
            "map<int>",
            "uuid",
            "int int",
            "",
        ] {
            assert!(text.parse::<HiveType>().is_err(), "{text}");
        }
        assert_eq!(
            "uuid".parse::<HiveType>().unwrap_err().to_string(),
            "type uuid is not supported"
        );
    }

    #[test]
    fn prints_what_it_reads() {
        for text in [
            "decimal(12,2)",
            "array<struct<a:int,b:map<string,double>>>",
            "varchar(3)",
            "timestamp",
        ] {
            assert_eq!(text.parse::<HiveType>().unwrap().to_string(), text);
        }
        assert_eq!(
            "DECIMAL".parse::<HiveType>().unwrap(),
            HiveType::Decimal(10, 0)
        );
        assert_eq!(
            "Double Precision".parse::<HiveType>().unwrap(),
            HiveType::Double
        );
    }
}
