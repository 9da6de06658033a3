//! `ResultWriter` of a distributed Map: what becomes of the children's outputs, and where they are exported to.

use serde_json::Value;

use crate::TaskId;
use crate::data_flow::jsonpath::evaluate;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::map_effects::{OutputType, Transformation, WriteResults};
use crate::payload::Payload;
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultWriter {
    /// `Parameters`, or `Arguments` in JSONata mode, if results are exported.
    export: Option<Template>,
    transformation: Option<Transformation>,
    output_type: OutputType,
}

impl ResultWriter {
    pub(super) fn read(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let (has_resource, has_parameters) =
            (fields.has("Resource"), fields.has(fields.arguments_field()));
        let location = fields.at("Resource");
        match fields.text("Resource", diagnostics) {
            None | Some("arn:aws:states:::s3:putObject") => {}
            Some(other) => diagnostics.error(
                location,
                format!("The resource provided {other} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."),
            ),
        }
        let export = fields.template(fields.arguments_field(), diagnostics);
        if has_resource != has_parameters {
            let missing = if has_resource {
                fields.arguments_field()
            } else {
                "Resource"
            };
            diagnostics.error(
                fields.location(),
                format!("These fields are required: [{missing}]"),
            );
        }
        let (mut transformation, mut output_type) = (None, OutputType::Json);
        match fields.inner("WriterConfig", diagnostics) {
            None if !has_resource && !has_parameters => {
                diagnostics.error(fields.location(), "Value cannot be empty");
            }
            None => {}
            Some(mut config) => {
                let location = config.at("Transformation");
                transformation = match config.text("Transformation", diagnostics) {
                    None => None,
                    Some("NONE") => Some(Transformation::None),
                    Some("COMPACT") => Some(Transformation::Compact),
                    Some("FLATTEN") => Some(Transformation::Flatten),
                    Some(_) => {
                        diagnostics.error(
                            location,
                            "The field 'Transformation' should have one of these values: [NONE, COMPACT, FLATTEN]",
                        );
                        None
                    }
                };
                let location = config.at("OutputType");
                output_type = match config.text("OutputType", diagnostics) {
                    None | Some("JSON") => OutputType::Json,
                    Some("JSONL") => OutputType::JsonLines,
                    Some(_) => {
                        diagnostics.error(
                            location,
                            "The field 'OutputType' should have one of these values: [JSON, JSONL]",
                        );
                        OutputType::Json
                    }
                };
                config.finish(diagnostics);
            }
        }
        fields.finish(diagnostics);
        Some(Self {
            export,
            transformation,
            output_type,
        })
    }

    /// What the driver is to write once all children are done; `None` if nothing is exported.
    pub(super) fn request(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Payload,
        map_run_arn: &str,
        task: TaskId,
    ) -> Result<Option<WriteResults>, Failure> {
        let Some(template) = &self.export else {
            return Ok(None);
        };
        let arguments = execution.evaluate(thread, input.value(), Extra::default(), |scope| {
            evaluate(template, scope)
        })?;
        Ok(Some(WriteResults {
            task,
            map_run_arn: map_run_arn.to_owned(),
            arguments,
            transformation: self.transformation.unwrap_or(Transformation::None),
            output_type: self.output_type,
            pending: Vec::new(),
        }))
    }

    /// The outputs as the state hands them on when nothing is exported.
    pub(super) fn shape(&self, outputs: Vec<Payload>) -> Payload {
        match self.transformation {
            Some(Transformation::Flatten) => {
                let mut flat = Vec::new();
                for output in outputs {
                    match output.value() {
                        Value::Array(values) => {
                            flat.extend(values.iter().cloned().map(Payload::from));
                        }
                        _ => flat.push(output),
                    }
                }
                Payload::list(flat)
            }
            _ => Payload::list(outputs),
        }
    }
}
