//! ROW FORMAT and STORED AS as the metastore keeps them. What this engine cannot read and write is refused here, by name.

use std::collections::BTreeMap;

use crate::error::Failure;
use crate::load::{OutputFormat, TextCodec};
use crate::metastore::model::{FileFormat, Serde};
use crate::orc::Layout;
use crate::parquet;
use crate::script::variables::Variables;
use crate::syntax::statement::FormatClause;
use crate::text::format::RowFormat;

const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// Format, serde and its properties.
pub(crate) type StoredFormat = (FileFormat, Serde, BTreeMap<String, String>);

/// The format of a table; `default` is `hive.default.fileformat`.
pub(crate) fn stored_format(clause: &FormatClause, default: &str) -> Result<StoredFormat, Failure> {
    let by_serde = clause.serde.as_deref().map(serde_named).transpose()?;
    let stored = match (&clause.stored_as, by_serde) {
        (Some(stored), _) => stored.clone(),
        (None, Some(Serde::Orc)) => "ORC".to_owned(),
        (None, Some(Serde::Parquet)) => "PARQUET".to_owned(),
        (None, Some(_)) => "TEXTFILE".to_owned(),
        (None, None) if clause.delimited => "TEXTFILE".to_owned(),
        (None, None) => default.to_uppercase(),
    };
    let format = match stored.as_str() {
        "TEXTFILE" => FileFormat::Textfile,
        "ORC" => FileFormat::Orc,
        "PARQUET" | "PARQUETFILE" => FileFormat::Parquet,
        other => return Err(Failure::unsupported(format!("STORED AS {other}"))),
    };
    let serde = match (format, by_serde) {
        (FileFormat::Orc, None | Some(Serde::Orc)) => Serde::Orc,
        (FileFormat::Parquet, None | Some(Serde::Parquet)) => Serde::Parquet,
        (FileFormat::Textfile, None) => Serde::LazySimple,
        (FileFormat::Textfile, Some(serde @ (Serde::LazySimple | Serde::OpenCsv))) => serde,
        _ => {
            return Err(Failure::semantic(format!(
                "the serde {} cannot read {stored}",
                clause.serde.as_deref().unwrap_or_default()
            )));
        }
    };
    if format != FileFormat::Textfile && clause.delimited {
        return Err(Failure::semantic(format!(
            "ROW FORMAT DELIMITED does not go together with STORED AS {stored}"
        )));
    }
    let properties: BTreeMap<String, String> = clause.serde_properties.iter().cloned().collect();
    if format == FileFormat::Textfile {
        RowFormat::from_properties(serde, &|name| properties.get(name).cloned())?;
    }
    Ok((format, serde, properties))
}

/// The serde of a class name.
pub(crate) fn serde_named(class: &str) -> Result<Serde, Failure> {
    match class {
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe" => Ok(Serde::LazySimple),
        "org.apache.hadoop.hive.serde2.OpenCSVSerde" => Ok(Serde::OpenCsv),
        "org.apache.hadoop.hive.ql.io.orc.OrcSerde" => Ok(Serde::Orc),
        PARQUET_SERDE => Ok(Serde::Parquet),
        other => Err(Failure::unsupported(format!("ROW FORMAT SERDE '{other}'"))),
    }
}

/// The class name of a serde.
pub(crate) fn serde_class(serde: Serde) -> &'static str {
    match serde {
        Serde::LazySimple => "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        Serde::OpenCsv => "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        Serde::Orc => "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
        Serde::Parquet => PARQUET_SERDE,
    }
}

/// The class names of a format's input and output.
pub(crate) fn stream_classes(format: FileFormat) -> (&'static str, &'static str) {
    match format {
        FileFormat::Textfile => (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        ),
        FileFormat::Orc => (
            "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
            "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        ),
        FileFormat::Parquet => (
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        ),
    }
}

/// How INSERT OVERWRITE DIRECTORY writes.
pub(crate) fn directory_format(
    clause: &FormatClause,
    variables: &Variables,
) -> Result<OutputFormat, Failure> {
    let (format, serde, properties) = stored_format(clause, "TEXTFILE")?;
    match format {
        FileFormat::Textfile => Ok(OutputFormat::Text(
            RowFormat::from_properties(serde, &|name| properties.get(name).cloned())?,
            TextCodec::of(variables)?,
        )),
        binary => {
            let property = |name: &str| properties.get(name).map(String::as_str);
            binary_format(binary, &property, variables)
        }
    }
}

/// How files of columns are written: the table's property counts more than the session's variable of the same name.
pub(crate) fn binary_format<'a>(
    format: FileFormat,
    property: &dyn Fn(&str) -> Option<&'a str>,
    variables: &'a Variables,
) -> Result<OutputFormat, Failure> {
    let session = |name: &str| variables.hiveconf.get(name).map(String::as_str);
    let named = |name: &str| property(name).or_else(|| session(name));
    match format {
        FileFormat::Parquet => {
            let compression = parquet::schema::compression(named("parquet.compression"))?;
            Ok(OutputFormat::Parquet(compression))
        }
        FileFormat::Orc | FileFormat::Textfile => Ok(OutputFormat::Orc(Layout::named(|name| {
            named(name).or_else(|| {
                let (_, last) = name.split_once('.')?;
                session(&format!("hive.exec.orc.default.{last}"))
            })
        })?)),
    }
}
