//! One shape for all of our functions: a name, how many arguments, the type of the answer, and a body over whole columns.
//! Arguments of any type are taken and read as Hive would convert them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, FieldRef, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

/// The type of an answer, from the arguments' types and from those that are constants.
pub(crate) type Returns = fn(&[DataType], &[Option<ScalarValue>]) -> Result<DataType, Failure>;

/// A body.
pub(crate) type Body = Arc<dyn Fn(&Arguments) -> Result<ArrayRef, Failure> + Send + Sync>;

/// A scalar function.
#[derive(Clone)]
pub(crate) struct Function {
    name: &'static str,
    least: usize,
    most: usize,
    returns: Returns,
    body: Body,
    signature: Signature,
}

impl Function {
    /// A function that gives equal answers for equal arguments.
    pub(crate) fn new(
        name: &'static str,
        arity: std::ops::RangeInclusive<usize>,
        returns: Returns,
        body: impl Fn(&Arguments) -> Result<ArrayRef, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            least: *arity.start(),
            most: *arity.end(),
            returns,
            body: Arc::new(body),
            signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable),
        }
    }

    /// It has effects or gives other answers each time, so it must be called for every row.
    pub(crate) fn volatile(mut self) -> Self {
        self.signature = Signature::new(TypeSignature::UserDefined, Volatility::Volatile);
        self
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Wraps a failure so that it comes back as itself at the other end of a plan.
pub(crate) fn external(failure: Failure) -> DataFusionError {
    DataFusionError::External(Box::new(failure))
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> datafusion::common::Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> datafusion::common::Result<DataType> {
        (self.returns)(types, &vec![None; types.len()]).map_err(external)
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> datafusion::common::Result<FieldRef> {
        let types: Vec<DataType> = arguments
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        if !(self.least..=self.most).contains(&types.len()) {
            let wanted = if self.least == self.most {
                self.least.to_string()
            } else {
                format!("{} to {}", self.least, self.most)
            };
            let message = format!(
                "the function {} takes {wanted} arguments, not {}",
                self.name,
                types.len()
            );
            return Err(external(Failure::semantic(message)));
        }
        let constants: Vec<Option<ScalarValue>> = arguments
            .scalar_arguments
            .iter()
            .map(|value| value.cloned())
            .collect();
        let kind = (self.returns)(&types, &constants).map_err(external)?;
        Ok(Arc::new(Field::new(self.name, kind, true)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> datafusion::common::Result<ColumnarValue> {
        let constant = !arguments.args.is_empty()
            && self.signature.volatility == Volatility::Immutable
            && arguments
                .args
                .iter()
                .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let columns = arguments
            .args
            .iter()
            .map(|value| value.to_array(rows))
            .collect::<Result<Vec<_>, _>>()?;
        let kind = arguments.return_field.data_type().clone();
        let answer = (self.body)(&Arguments {
            columns,
            rows,
            kind,
        })
        .map_err(external)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &answer, 0,
            )?));
        }
        Ok(ColumnarValue::Array(answer))
    }
}

/// A call's arguments.
pub(crate) struct Arguments {
    pub columns: Vec<ArrayRef>,
    pub rows: usize,
    /// The answer's type.
    pub kind: DataType,
}

impl Arguments {
    pub(crate) fn count(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn text(&self, index: usize) -> Result<StringArray, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::String)?
            .as_string::<i32>()
            .clone())
    }

    pub(crate) fn integer(&self, index: usize) -> Result<Int64Array, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::BigInt)?
            .as_primitive::<Int64Type>()
            .clone())
    }

    pub(crate) fn double(&self, index: usize) -> Result<Float64Array, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::Double)?
            .as_primitive::<Float64Type>()
            .clone())
    }

    pub(crate) fn boolean(&self, index: usize) -> Result<BooleanArray, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::Boolean)?
            .as_boolean()
            .clone())
    }

    pub(crate) fn date(&self, index: usize) -> Result<Date32Array, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::Date)?
            .as_primitive::<Date32Type>()
            .clone())
    }

    pub(crate) fn timestamp(&self, index: usize) -> Result<TimestampMicrosecondArray, Failure> {
        Ok(cast_array(&self.columns[index], &HiveType::Timestamp)?
            .as_primitive::<TimestampMicrosecondType>()
            .clone())
    }
}

/// A value of a typed array, or nothing where it is NULL.
pub(crate) fn at<'a, T>(
    array: &'a T,
    row: usize,
) -> Option<<&'a T as datafusion::arrow::array::ArrayAccessor>::Item>
where
    &'a T: datafusion::arrow::array::ArrayAccessor,
    T: Array,
{
    (!array.is_null(row)).then(|| datafusion::arrow::array::ArrayAccessor::value(&array, row))
}

/// Answers with texts.
pub(crate) const TEXT: Returns = |_, _| Ok(DataType::Utf8);
/// Answers with INT.
pub(crate) const INT: Returns = |_, _| Ok(DataType::Int32);
/// Answers with BIGINT.
pub(crate) const BIGINT: Returns = |_, _| Ok(DataType::Int64);
/// Answers with DOUBLE.
pub(crate) const DOUBLE: Returns = |_, _| Ok(DataType::Float64);
/// Answers with BOOLEAN.
pub(crate) const BOOLEAN: Returns = |_, _| Ok(DataType::Boolean);
/// Answers with DATE.
pub(crate) const DATE: Returns = |_, _| Ok(DataType::Date32);
/// Answers with TIMESTAMP.
pub(crate) const TIMESTAMP: Returns = |_, _| {
    Ok(DataType::Timestamp(
        datafusion::arrow::datatypes::TimeUnit::Microsecond,
        None,
    ))
};

/// Texts, one per row.
pub(crate) fn texts(
    rows: usize,
    answer: impl Fn(usize) -> Option<String>,
) -> Result<ArrayRef, Failure> {
    Ok(Arc::new((0..rows).map(answer).collect::<StringArray>()))
}

/// A function of one text to a text.
pub(crate) fn text_to_text(name: &'static str, answer: fn(&str) -> String) -> Function {
    Function::new(name, 1..=1, TEXT, move |arguments| {
        let values = arguments.text(0)?;
        texts(arguments.rows, |row| at(&values, row).map(answer))
    })
}
