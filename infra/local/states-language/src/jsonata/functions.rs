//! The functions that AWS adds to JSONata: `$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid` and `$parse`; and
//! the execution's time and randomness. Queries evaluate with this as their host.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;
use jsonata::{Error, Host, HostFunction, Signature, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{LONGEST_SEQUENCE, java_random};
use crate::random::Random;
use crate::scope::Scope;

/// What the expressions of an execution have around them.
pub(super) struct Surroundings {
    now: Timestamp,
    /// Drawn from the execution's own, so that it draws the same again when it is replayed.
    random: Rc<RefCell<Random>>,
}

impl Surroundings {
    /// `draws`: whether the expression may ask for randomness.
    pub(super) fn of(scope: &mut Scope<'_>, draws: bool) -> Self {
        let seed = if draws {
            u64::from_le_bytes(scope.random.bytes())
        } else {
            0
        };
        Self {
            now: scope.now,
            random: Rc::new(RefCell::new(Random::new(seed))),
        }
    }
}

impl Host for Surroundings {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&mut self) -> f64 {
        self.random.borrow_mut().fraction()
    }

    fn function(&self, name: &str) -> Option<HostFunction> {
        type Call = Rc<dyn Fn(&[Value]) -> Result<Value, Error>>;
        let random = Rc::clone(&self.random);
        let (name, signature, call): (_, _, Call) = match name {
            "hash" => ("hash", "<ss:s>", Rc::new(hash)),
            "parse" => ("parse", "<s:x>", Rc::new(parse)),
            "partition" => ("partition", "<an:a>", Rc::new(partition)),
            "range" => ("range", "<nnn:a>", Rc::new(range)),
            "uuid" => {
                let uuid = move |_: &[Value]| Ok(Value::text(random.borrow_mut().uuid()));
                ("uuid", "<:s>", Rc::new(uuid))
            }
            "random" => {
                let fraction = move |arguments: &[Value]| {
                    Ok(Value::Number(
                        match arguments.first().and_then(Value::as_number) {
                            Some(seed) => java_random::first_fraction(seed as i64),
                            None => random.borrow_mut().fraction(),
                        },
                    ))
                };
                ("random", "<n?:n>", Rc::new(fraction))
            }
            _ => return None,
        };
        let signature = Signature::parse(signature).ok()?;
        Some(HostFunction {
            name,
            signature,
            call,
        })
    }
}

fn number(arguments: &[Value], position: usize) -> Option<f64> {
    arguments.get(position).and_then(Value::as_number)
}

/// `$partition(list, size)`.
fn partition(arguments: &[Value]) -> Result<Value, Error> {
    let (list, Some(size)) = (&arguments[0], number(arguments, 1)) else {
        return Ok(Value::Undefined);
    };
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    if size.trunc() < 1.0 {
        return Err(Error::plain(
            "Second argument of partition function must evaluate to a positive number",
        ));
    }
    let chunks = list.items().chunks(size as usize);
    Ok(Value::list(
        chunks.map(|chunk| Value::list(chunk.to_vec())).collect(),
    ))
}

/// `$range(first, last, step)`: with the last one, if a step lands on it.
fn range(arguments: &[Value]) -> Result<Value, Error> {
    let (Some(first), Some(last), Some(step)) = (
        number(arguments, 0),
        number(arguments, 1),
        number(arguments, 2),
    ) else {
        return Ok(Value::Undefined);
    };
    if step == 0.0 {
        return Err(Error::plain(
            "Third argument of range function must evaluate to a number other than zero",
        ));
    }
    let steps = ((last - first) / step).floor();
    if steps >= LONGEST_SEQUENCE as f64 {
        return Err(Error::plain(
            "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ));
    }
    let count = if steps < 0.0 { 0 } else { steps as usize + 1 };
    Ok(Value::list(
        (0..count)
            .map(|position| Value::Number(first + position as f64 * step))
            .collect(),
    ))
}

/// `$hash(text, algorithm)`: hexadecimal.
fn hash(arguments: &[Value]) -> Result<Value, Error> {
    fn digest<D: Digest>(text: &str) -> String {
        let digest = D::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    let (Some(text), Some(algorithm)) = (arguments[0].as_text(), arguments[1].as_text()) else {
        return Ok(Value::Undefined);
    };
    let digest = match algorithm {
        "MD5" => digest::<Md5>(text),
        "SHA-1" => digest::<Sha1>(text),
        "SHA-256" => digest::<Sha256>(text),
        "SHA-384" => digest::<Sha384>(text),
        "SHA-512" => digest::<Sha512>(text),
        other => {
            return Err(Error::plain(format!(
                "The hash algorithm \"{other}\" is not one of MD5, SHA-1, SHA-256, SHA-384, SHA-512"
            )));
        }
    };
    Ok(Value::text(digest))
}

/// `$parse(text)`: the JSON in a text.
fn parse(arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = arguments[0].as_text() else {
        return Ok(Value::Undefined);
    };
    serde_json::from_str(text)
        .map(|value| Value::from_json(&value))
        .map_err(|found| {
            Error::plain(format!(
                "The argument of the parse function must be JSON text: {found}"
            ))
        })
}
