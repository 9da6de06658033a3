//! The functions that AWS adds to JSONata (`$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid`, `$parse`), those
//! that need the execution's time and randomness, and `$eval`, which AWS does not have. A query offers those that it names.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::value::JValue;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{java_random, signatures, values};
use crate::context::timestamp;
use crate::random::Random;
use crate::scope::Scope;

/// The names of AWS's own functions; none of them is a name of JSONata's, but for `random`.
pub(super) const ADDED: [&str; 5] = ["hash", "parse", "partition", "range", "uuid"];

/// Offers the functions among the names.
pub(super) fn offer(
    evaluator: &mut Evaluator,
    names: &BTreeSet<String>,
    scope: &mut Scope<'_>,
) -> Result<(), EvaluatorError> {
    let named = |name: &str| names.contains(name);
    if named("partition") {
        evaluator.register_fn("partition", checked("partition", partition))?;
    }
    if named("range") {
        evaluator.register_fn("range", checked("range", range))?;
    }
    if named("hash") {
        evaluator.register_fn("hash", checked("hash", hash))?;
    }
    if named("parse") {
        evaluator.register_fn("parse", checked("parse", parse))?;
    }
    if named("eval") {
        evaluator.register_fn_override("eval", |_: &[JValue]| {
            Err(error("T1006: Attempted to invoke a non-function"))
        })?;
    }
    if named("uuid") || named("random") || named("shuffle") {
        // An execution draws the same again when it is replayed: the numbers come from a generator of its own.
        let random = Rc::new(RefCell::new(Random::new(u64::from_le_bytes(
            scope.random.bytes(),
        ))));
        let own = Rc::clone(&random);
        let uuid = move |_: &[JValue]| Ok(JValue::from(own.borrow_mut().uuid()));
        evaluator.register_fn("uuid", checked("uuid", uuid))?;
        let own = Rc::clone(&random);
        let fraction = move |arguments: &[JValue]| {
            Ok(JValue::Number(match arguments.first() {
                Some(JValue::Number(seed)) => java_random::first_fraction(*seed as i64),
                _ => own.borrow_mut().fraction(),
            }))
        };
        evaluator.register_fn_override("random", checked("random", fraction))?;
        let shuffle = move |arguments: &[JValue]| Ok(shuffle(arguments, &mut random.borrow_mut()));
        evaluator.register_fn_override("shuffle", checked("shuffle", shuffle))?;
    }
    if named("now") || named("millis") {
        let now = scope.now;
        let millis = now.as_millisecond() as f64;
        evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::Number(millis)))?;
        evaluator.register_fn_override("now", move |arguments: &[JValue]| {
            formatted(millis, timestamp(now), arguments)
        })?;
    }
    Ok(())
}

/// A function that is called only with arguments that suit its signature.
fn checked(
    name: &'static str,
    function: impl Fn(&[JValue]) -> HostFnResult,
) -> impl Fn(&[JValue]) -> HostFnResult {
    move |arguments| {
        // `$map` and its kin hand every function the item's position and the list as well.
        let arguments = match arguments {
            [_, JValue::Number(_), JValue::Array(_)] if name != "range" => {
                &arguments[..signatures::parameters(name).map_or(1, |all| all.len().min(2))]
            }
            all => all,
        };
        match signatures::first_misfit(name, arguments) {
            Some(position) => Err(error(&format!(
                "T0410: Argument {position} of function \"{name}\" does not match function signature"
            ))),
            // As JSONata's own: nothing in, nothing out.
            None if matches!(arguments.first(), Some(JValue::Undefined)) && name != "random" => {
                Ok(JValue::Undefined)
            }
            None => function(arguments),
        }
    }
}

fn error(message: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.to_owned())
}

fn number(value: Option<&JValue>) -> f64 {
    match value {
        Some(JValue::Number(number)) => *number,
        _ => f64::NAN,
    }
}

/// `$partition(list, size)`.
fn partition(arguments: &[JValue]) -> HostFnResult {
    let size = number(arguments.get(1)).trunc();
    if size < 1.0 || size.is_nan() {
        return Err(error(
            "Second argument of partition function must evaluate to a positive number",
        ));
    }
    let whole = std::slice::from_ref(&arguments[0]);
    let list = match &arguments[0] {
        JValue::Array(items) => items.as_slice(),
        _ => whole,
    };
    let chunks = list.chunks(size as usize);
    Ok(JValue::array(
        chunks.map(|chunk| JValue::array(chunk.to_vec())).collect(),
    ))
}

/// `$range(first, last, step)`: with the last one, if a step lands on it.
fn range(arguments: &[JValue]) -> HostFnResult {
    let (first, last, step) = (
        number(arguments.first()),
        number(arguments.get(1)),
        number(arguments.get(2)),
    );
    if step == 0.0 || step.is_nan() {
        return Err(error(
            "Third argument of range function must evaluate to a number other than zero",
        ));
    }
    let steps = ((last - first) / step).floor();
    if steps >= super::LONGEST_SEQUENCE as f64 {
        return Err(error("D2015: the list is too long"));
    }
    let count = if steps < 0.0 { 0 } else { steps as usize + 1 };
    Ok(JValue::array(
        (0..count)
            .map(|position| JValue::Number(first + position as f64 * step))
            .collect(),
    ))
}

/// `$hash(text, algorithm)`: hexadecimal.
fn hash(arguments: &[JValue]) -> HostFnResult {
    let text = arguments[0].as_str().unwrap_or_default();
    let algorithm = arguments
        .get(1)
        .and_then(JValue::as_str)
        .unwrap_or_default();
    fn digest<D: Digest>(text: &str) -> String {
        let digest = D::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    let digest = match algorithm {
        "MD5" => digest::<Md5>(text),
        "SHA-1" => digest::<Sha1>(text),
        "SHA-256" => digest::<Sha256>(text),
        "SHA-384" => digest::<Sha384>(text),
        "SHA-512" => digest::<Sha512>(text),
        other => {
            return Err(error(&format!(
                "The hash algorithm \"{other}\" is not one of MD5, SHA-1, SHA-256, SHA-384, SHA-512"
            )));
        }
    };
    Ok(JValue::from(digest))
}

/// `$parse(text)`: the JSON in a text.
fn parse(arguments: &[JValue]) -> HostFnResult {
    let text = arguments[0].as_str().unwrap_or_default();
    match serde_json::from_str(text) {
        Ok(value) => Ok(values::to_jsonata(&value)),
        Err(found) => Err(error(&format!(
            "The argument of the parse function must be JSON text: {found}"
        ))),
    }
}

fn shuffle(arguments: &[JValue], random: &mut Random) -> JValue {
    let mut items = match &arguments[0] {
        JValue::Array(items) => items.as_slice().to_vec(),
        one => vec![one.clone()],
    };
    for last in (1..items.len()).rev() {
        let other = (random.fraction() * (last + 1) as f64) as usize;
        items.swap(last, other);
    }
    JValue::array(items)
}

/// `$now(picture, timezone)` of the execution's time.
fn formatted(millis: f64, plain: String, arguments: &[JValue]) -> HostFnResult {
    let written: Vec<&JValue> = arguments
        .iter()
        .take_while(|argument| !matches!(argument, JValue::Undefined))
        .collect();
    if written.is_empty() {
        return Ok(JValue::from(plain));
    }
    // The library formats a time only in an expression.
    let mut context = jsonata_core::evaluator::Context::new();
    let parameters = ["millis", "picture", "timezone"];
    let call = format!(
        "$fromMillis(${})",
        parameters[..=written.len().min(2)].join(", $")
    );
    context.bind("millis".to_owned(), JValue::Number(millis));
    for (name, value) in parameters[1..].iter().zip(written) {
        context.bind((*name).to_owned(), value.clone());
    }
    let expression =
        jsonata_core::parser::parse(&call).map_err(|found| error(&found.to_string()))?;
    Evaluator::with_context(context).evaluate(&expression, &JValue::Null)
}
