//! Signatures of functions, `<s-nn?:s>`: what a function takes, what may be missing, and for what the context stands in.

use crate::error::{Error, quoted};
use crate::value::Value;

/// The parameters of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    /// The letters of the types that it takes; `m` is nothing.
    types: String,
    is_list: bool,
    /// The type of a list's items.
    items: Option<char>,
    optional: bool,
    context: bool,
    many: bool,
}

impl Signature {
    /// Reads `<s-nn?:s>`.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let letters: Vec<char> = text.trim_start_matches('<').chars().collect();
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut position = 0;
        while let Some(letter) = letters.get(position) {
            let simple = |types: &str, is_list: bool| Parameter {
                types: types.to_owned(),
                is_list,
                items: None,
                optional: false,
                context: false,
                many: false,
            };
            match letter {
                ':' => break,
                's' | 'n' | 'b' | 'l' | 'o' => {
                    parameters.push(simple(&format!("{letter}m"), false))
                }
                'a' => parameters.push(simple("asnblfom", true)),
                'f' => parameters.push(simple("f", false)),
                'j' => parameters.push(simple("asnblom", false)),
                'x' => parameters.push(simple("asnblfom", false)),
                '-' | '?' | '+' => {
                    if let Some(last) = parameters.last_mut() {
                        last.context |= *letter == '-';
                        last.optional |= *letter != '+';
                        last.many |= *letter == '+';
                    }
                }
                '(' => {
                    let end = closing(&letters, position, '(', ')');
                    let choice: String = letters[position + 1..end].iter().collect();
                    if choice.contains('<') {
                        return Err(Error::new(
                            "S0402",
                            "Choice groups containing parameterized types are not supported",
                        ));
                    }
                    parameters.push(simple(&format!("{choice}m"), false));
                    position = end;
                }
                '<' => {
                    let end = closing(&letters, position, '<', '>');
                    match parameters.last_mut() {
                        Some(last) if last.is_list || last.types == "f" => {
                            last.items = letters.get(position + 1).copied();
                        }
                        _ => {
                            return Err(Error::new(
                                "S0401",
                                "Type parameters can only be applied to functions and arrays",
                            ));
                        }
                    }
                    position = end;
                }
                _ => {}
            }
            position += 1;
        }
        Ok(Self { parameters })
    }

    pub(crate) fn arity(&self) -> usize {
        self.parameters.len()
    }

    /// The arguments as the function takes them: with the context where it stands in, and lists where lists are wanted.
    pub(crate) fn check(
        &self,
        name: &str,
        arguments: Vec<Value>,
        context: &Value,
    ) -> Result<Vec<Value>, Error> {
        let given: Vec<char> = arguments.iter().map(letter).collect();
        let Some(counts) = self.counts(&given, 0, true) else {
            return Err(self.misfit(name, &given));
        };
        let mut arguments = arguments.into_iter().enumerate();
        let mut checked = Vec::with_capacity(self.parameters.len());
        for (parameter, count) in self.parameters.iter().zip(counts) {
            if count == 0 {
                let position = checked.len() + 1;
                if !parameter.context {
                    if let Some((_, missing)) = arguments.next() {
                        checked.push(missing);
                    } else {
                        checked.push(Value::Undefined);
                    }
                } else if parameter.types.contains(letter(context)) {
                    checked.push(context.clone());
                } else {
                    return Err(Error::new(
                        "T0411",
                        format!(
                            "Context value is not a compatible type with argument {position} of function {}",
                            quoted(name)
                        ),
                    ));
                }
                continue;
            }
            for (position, argument) in arguments.by_ref().take(count) {
                checked.push(if parameter.is_list {
                    parameter.list(name, position + 1, argument)?
                } else {
                    argument
                });
            }
        }
        Ok(checked)
    }

    /// How many arguments each parameter takes, as greedily as it can.
    fn counts(&self, given: &[char], from: usize, whole: bool) -> Option<Vec<usize>> {
        fn fit(
            parameters: &[Parameter],
            given: &[char],
            whole: bool,
            counts: &mut Vec<usize>,
        ) -> bool {
            let Some((first, rest)) = parameters.split_first() else {
                return !whole || given.is_empty();
            };
            let most = given
                .iter()
                .take_while(|letter| first.types.contains(**letter))
                .count();
            let most = if first.many { most } else { most.min(1) };
            let least = usize::from(!first.optional);
            for count in (least..=most).rev() {
                counts.push(count);
                if fit(rest, &given[count..], whole, counts) {
                    return true;
                }
                counts.pop();
            }
            false
        }
        let mut counts = Vec::new();
        let parameters = &self.parameters[from..];
        fit(parameters, given, whole, &mut counts).then_some(counts)
    }

    fn misfit(&self, name: &str, given: &[char]) -> Error {
        let mut good = 0;
        for length in 1..=self.parameters.len() {
            let part = Self {
                parameters: self.parameters[..length].to_vec(),
            };
            match part.counts(given, 0, false) {
                Some(counts) => good = counts.iter().sum(),
                None => break,
            }
        }
        Error::new(
            "T0410",
            format!(
                "Argument {} of function {} does not match function signature",
                good + 1,
                quoted(name)
            ),
        )
    }
}

impl Parameter {
    fn list(&self, name: &str, position: usize, argument: Value) -> Result<Value, Error> {
        if argument.is_undefined() {
            return Ok(argument);
        }
        if let Some(wanted) = self.items {
            let suits = match &argument {
                Value::List(list) => list.items.iter().all(|item| letter(item) == wanted),
                one => letter(one) == wanted,
            };
            if !suits {
                let items = match wanted {
                    'a' => "arrays",
                    'b' => "booleans",
                    'f' => "functions",
                    'n' => "numbers",
                    'o' => "objects",
                    _ => "strings",
                };
                return Err(Error::new(
                    "T0412",
                    format!(
                        "Argument {position} of function {} must be an array of \"{items}\"",
                        quoted(name)
                    ),
                ));
            }
        }
        Ok(match argument {
            Value::List(_) => argument,
            one => Value::list(vec![one]),
        })
    }
}

fn closing(letters: &[char], from: usize, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (position, letter) in letters.iter().enumerate().skip(from) {
        if *letter == open {
            depth += 1;
        } else if *letter == close {
            depth -= 1;
            if depth == 0 {
                return position;
            }
        }
    }
    letters.len() - 1
}

fn letter(value: &Value) -> char {
    match value {
        Value::Undefined => 'm',
        Value::Null => 'l',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::Text(_) => 's',
        Value::List(_) => 'a',
        Value::Object(_) | Value::Tuple(_) => 'o',
        Value::Function(_) => 'f',
    }
}
