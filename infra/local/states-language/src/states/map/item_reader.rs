//! `ItemReader` of a distributed Map: which objects hold the items, and in which format. Read with the definition; what
//! is asked of the driver is made of it when the state runs.

use super::super::seconds;
use crate::data_flow::jsonpath::evaluate;
use crate::definition::{Diagnostics, Fields};
use crate::errors::{Failure, ITEM_READER_FAILED};
use crate::execution::{Execution, Extra, ThreadId};
use crate::jsonata::Query;
use crate::jsonpath::Path;
use crate::map_effects::{CsvHeader, ItemFormat, ItemSource, ManifestType, ReadItems};
use crate::payload::Payload;
use crate::template::Template;
use crate::{DiagnosticCode, TaskId};

/// The most items that AWS takes.
const MOST_ITEMS: u64 = 100_000_000;
const DELIMITERS: [(&str, char); 5] = [
    ("COMMA", ','),
    ("PIPE", '|'),
    ("SEMICOLON", ';'),
    ("SPACE", ' '),
    ("TAB", '\t'),
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ItemReader {
    source: ItemSource,
    parameters: Option<Template>,
    format: ItemFormat,
    load: bool,
    max_items: Option<MaxItems>,
}

#[derive(Debug, Clone, PartialEq)]
enum MaxItems {
    Literal(u64),
    At(Path),
    Query(Query),
}

impl ItemReader {
    pub(super) fn format(&self) -> &ItemFormat {
        &self.format
    }

    pub(super) fn read(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        fields.require(&["Resource"], diagnostics);
        let parameters = fields.template(fields.arguments_field(), diagnostics);
        let location = fields.at("Resource");
        let source = match fields.text("Resource", diagnostics) {
            Some("arn:aws:states:::s3:getObject") => Some(ItemSource::Object),
            Some("arn:aws:states:::s3:listObjectsV2") => Some(ItemSource::Listing),
            Some(other) => {
                diagnostics.error(
                    location,
                    format!("The resource provided {other} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."),
                );
                None
            }
            None => None,
        };
        let mut format = match source {
            Some(ItemSource::Listing) => ItemFormat::Listing,
            _ => ItemFormat::Json { pointer: None },
        };
        let (mut load, mut max_items) = (false, None);
        match fields.inner("ReaderConfig", diagnostics) {
            Some(mut config) => {
                load = read_transformation(&mut config, source, diagnostics);
                max_items = read_max_items(&mut config, diagnostics);
                format = read_format(&mut config, source, load, diagnostics)?;
                config.finish(diagnostics);
            }
            None if source == Some(ItemSource::Object) => diagnostics.error(
                fields.location(),
                "These fields are required: [ReaderConfig]",
            ),
            None => {}
        }
        fields.finish(diagnostics);
        Some(Self {
            source: source?,
            parameters,
            format,
            load,
            max_items,
        })
    }

    /// What the driver is to read.
    pub(super) fn request(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        task: TaskId,
    ) -> Result<ReadItems, Failure> {
        let arguments = match &self.parameters {
            None => serde_json::json!({}),
            Some(template) => {
                execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                    evaluate(template, scope)
                })?
            }
        };
        let max_items = match &self.max_items {
            None => None,
            Some(MaxItems::Literal(number)) => Some(*number),
            Some(MaxItems::Query(query)) => {
                let number =
                    execution.evaluate(thread, input.value(), Extra::default(), |scope| {
                        seconds::query_number(query, 1, scope)
                    })?;
                Some(number.min(MOST_ITEMS))
            }
            Some(MaxItems::At(path)) => {
                let value = seconds::at("MaxItemsPath", path, execution, thread, input.value())?;
                let refused = |cause: String| Err(Failure::new(ITEM_READER_FAILED, cause));
                match value.as_i64() {
                    None => {
                        let shown = value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned);
                        return refused(format!(
                            "The MaxItemsPath field refers to value '{shown}' which is not a valid integer: {path}"
                        ));
                    }
                    Some(number) => match u64::try_from(number) {
                        Ok(number) if number > 0 => Some(number.min(MOST_ITEMS)),
                        _ => return refused("field MaxItems must be positive".to_owned()),
                    },
                }
            }
        };
        Ok(ReadItems {
            task,
            source: self.source,
            arguments,
            format: self.format.clone(),
            load: self.load,
            max_items,
        })
    }
}

fn read_transformation(
    config: &mut Fields<'_>,
    source: Option<ItemSource>,
    diagnostics: &mut Diagnostics,
) -> bool {
    let location = config.at("Transformation");
    match config.text("Transformation", diagnostics) {
        None | Some("NONE") => false,
        Some("LOAD_AND_FLATTEN") => {
            if source == Some(ItemSource::Object) {
                diagnostics.error(
                    location,
                    "The Transformation 'LOAD_AND_FLATTEN' is only for the resource 'arn:aws:states:::s3:listObjectsV2'",
                );
            }
            true
        }
        Some(_) => {
            diagnostics.error(
                location,
                "The field 'Transformation' should have one of these values: [NONE, LOAD_AND_FLATTEN]",
            );
            false
        }
    }
}

fn read_max_items(config: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<MaxItems> {
    config.at_most_one(&["MaxItems", "MaxItemsPath"], diagnostics);
    if let Some(query) = config.query("MaxItems", diagnostics)? {
        return Some(MaxItems::Query(query));
    }
    match config.whole_number("MaxItems", 1..=MOST_ITEMS, diagnostics) {
        Some(number) => Some(MaxItems::Literal(number)),
        None => config.path("MaxItemsPath", diagnostics).map(MaxItems::At),
    }
}

fn read_format(
    config: &mut Fields<'_>,
    source: Option<ItemSource>,
    load: bool,
    diagnostics: &mut Diagnostics,
) -> Option<ItemFormat> {
    let location = config.at("InputType");
    let kind = config.text("InputType", diagnostics);
    let header = read_header(config, diagnostics);
    let delimiter_location = config.at("CSVDelimiter");
    let delimiter = config.text("CSVDelimiter", diagnostics);
    let pointer = config.text("ItemsPointer", diagnostics).map(str::to_owned);
    let manifest_location = config.at("ManifestType");
    let manifest = config.text("ManifestType", diagnostics);
    let for_csv = kind == Some("CSV") || manifest == Some("ATHENA_DATA");
    for (field, given, belongs) in [
        ("CSVHeaderLocation", header.is_some(), for_csv),
        ("CSVDelimiter", delimiter.is_some(), for_csv),
        ("ItemsPointer", pointer.is_some(), kind == Some("JSON")),
        (
            "ManifestType",
            manifest.is_some(),
            kind == Some("MANIFEST") || manifest == Some("ATHENA_DATA"),
        ),
    ] {
        if given && !belongs {
            diagnostics.error(
                config.at(field),
                format!(
                    "The field '{field}' does not go with the InputType '{}'",
                    kind.unwrap_or("(none)")
                ),
            );
        }
    }
    let delimiter = match delimiter {
        None => ',',
        Some(name) => match DELIMITERS.iter().find(|(known, _)| *known == name) {
            Some((_, delimiter)) => *delimiter,
            None => {
                diagnostics.error(
                    delimiter_location,
                    "The field 'CSVDelimiter' should have one of these values: [COMMA, PIPE, SEMICOLON, SPACE, TAB]",
                );
                return None;
            }
        },
    };
    if let Some(pointer) = &pointer
        && !pointer.is_empty()
        && !pointer.starts_with('/')
    {
        diagnostics.error(
            config.at("ItemsPointer"),
            "The value for the field 'ItemsPointer' must be a valid JSONPointer",
        );
    }
    if let Some(name) = manifest {
        match name {
            "S3_INVENTORY" => {}
            "ATHENA_DATA" => diagnostics.unsupported(
                manifest_location,
                "the ManifestType 'ATHENA_DATA' is not supported",
            ),
            _ => diagnostics.error(
                manifest_location,
                "The field 'ManifestType' should have one of these values: [ATHENA_DATA, S3_INVENTORY]",
            ),
        }
    }
    if kind.is_some() && source == Some(ItemSource::Listing) && !load {
        diagnostics.error(
            location,
            "The field 'InputType' needs the Transformation 'LOAD_AND_FLATTEN' for the resource 'arn:aws:states:::s3:listObjectsV2'",
        );
        return None;
    }
    match kind {
        Some("JSON") => Some(ItemFormat::Json { pointer }),
        Some("JSONL") => Some(ItemFormat::JsonLines),
        Some("CSV") => match header {
            Some(header) => Some(ItemFormat::Csv { header, delimiter }),
            None => {
                diagnostics.error(
                    config.location(),
                    "These fields are required: [CSVHeaderLocation]",
                );
                None
            }
        },
        Some("MANIFEST") => Some(ItemFormat::Manifest(ManifestType::S3Inventory)),
        Some("PARQUET") => {
            diagnostics.push(
                DiagnosticCode::UnsupportedFeature,
                location,
                "the InputType 'PARQUET' is not supported",
            );
            None
        }
        Some(_) => {
            diagnostics.error(
                location,
                "The field 'InputType' should have one of these values: [CSV, JSON, JSONL, PARQUET, MANIFEST]",
            );
            None
        }
        None if source == Some(ItemSource::Listing) && !load => Some(ItemFormat::Listing),
        None => {
            diagnostics.error(config.location(), "These fields are required: [InputType]");
            None
        }
    }
}

fn read_header(config: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<CsvHeader> {
    let location = config.at("CSVHeaderLocation");
    let place = config.text("CSVHeaderLocation", diagnostics);
    let headers_location = config.at("CSVHeaders");
    let headers = config.list("CSVHeaders", diagnostics);
    match place {
        None => {
            if headers.is_some() {
                diagnostics.error(
                    headers_location,
                    "The field 'CSVHeaders' is only for the CSVHeaderLocation 'GIVEN'",
                );
            }
            None
        }
        Some("FIRST_ROW") => {
            if headers.is_some() {
                diagnostics.error(
                    headers_location,
                    "The field 'CSVHeaders' is only for the CSVHeaderLocation 'GIVEN'",
                );
            }
            Some(CsvHeader::FirstRow)
        }
        Some("GIVEN") => {
            let Some(headers) = headers else {
                diagnostics.error(config.location(), "These fields are required: [CSVHeaders]");
                return Some(CsvHeader::Given(Vec::new()));
            };
            let names: Option<Vec<String>> = headers
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect();
            if headers.is_empty() {
                diagnostics.error(headers_location.as_str(), "Value cannot be empty");
            }
            if names.is_none() {
                diagnostics.error(headers_location, "Expected value of type String");
            }
            Some(CsvHeader::Given(names.unwrap_or_default()))
        }
        Some(_) => {
            diagnostics.error(
                location,
                "The field 'CSVHeaderLocation' should have one of these values: [FIRST_ROW, GIVEN]",
            );
            None
        }
    }
}
