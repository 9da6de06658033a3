//! The signatures of JSONata's functions and of AWS's: `<s-nn?:s>` takes a text, which may be the context, a number, and
//! perhaps another. AWS's functions are checked against theirs, and errors find in them which function refused its argument.

use jsonata_core::value::JValue;

use super::functions::ADDED;

/// Without the types of results.
const SIGNATURES: [(&str, &str); 66] = [
    ("abs", "n-"),
    ("append", "xx"),
    ("assert", "bs?"),
    ("average", "a<n>"),
    ("base64decode", "s-"),
    ("base64encode", "s-"),
    ("boolean", "x-"),
    ("ceil", "n-"),
    ("contains", "s-(sf)"),
    ("count", "a"),
    ("decodeUrl", "s-"),
    ("decodeUrlComponent", "s-"),
    ("distinct", "x"),
    ("each", "o-f"),
    ("encodeUrl", "s-"),
    ("encodeUrlComponent", "s-"),
    ("error", "s?"),
    ("exists", "x"),
    ("filter", "af"),
    ("floor", "n-"),
    ("formatBase", "n-n?"),
    ("formatInteger", "n-s"),
    ("formatNumber", "n-so?"),
    ("fromMillis", "n-s?s?"),
    ("hash", "ss"),
    ("join", "a<s>s?"),
    ("keys", "x-"),
    ("length", "s-"),
    ("lookup", "x-s"),
    ("lowercase", "s-"),
    ("map", "af"),
    ("match", "s-fn?"),
    ("max", "a<n>"),
    ("merge", "a<o>"),
    ("millis", ""),
    ("min", "a<n>"),
    ("not", "x-"),
    ("now", "s?s?"),
    ("number", "(nsb)-"),
    ("pad", "s-ns?"),
    ("parse", "s"),
    ("parseInteger", "s-s"),
    ("partition", "an"),
    ("power", "n-n"),
    ("random", "n?"),
    ("range", "nnn"),
    ("reduce", "afj?"),
    ("replace", "s-(sf)(sf)n?"),
    ("reverse", "a"),
    ("round", "n-n?"),
    ("shuffle", "a"),
    ("sift", "o-f?"),
    ("single", "af?"),
    ("sort", "af?"),
    ("split", "s-(sf)n?"),
    ("spread", "x-"),
    ("sqrt", "n-"),
    ("string", "x-b?"),
    ("substring", "s-nn?"),
    ("substringAfter", "s-s"),
    ("substringBefore", "s-s"),
    ("sum", "a<n>"),
    ("toMillis", "s-s?"),
    ("trim", "s-"),
    ("type", "x"),
    ("uppercase", "s-"),
];

/// One parameter of a signature.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Parameter {
    /// The types that it takes, a letter each.
    pub(super) types: String,
    /// The type of the items of an array.
    pub(super) items: Option<char>,
    pub(super) optional: bool,
    /// Whether the context stands in for it.
    pub(super) context: bool,
}

/// The parameters of a function; `None` if there is no such function, or if it takes any number of them.
pub(super) fn parameters(name: &str) -> Option<Vec<Parameter>> {
    let (_, signature) = SIGNATURES.iter().find(|(known, _)| *known == name)?;
    let mut parameters: Vec<Parameter> = vec![];
    let mut letters = signature.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => parameters.push(Parameter {
                types: letters
                    .by_ref()
                    .take_while(|letter| *letter != ')')
                    .collect(),
                ..Parameter::default()
            }),
            '<' => {
                let items = letters.by_ref().take_while(|letter| *letter != '>').next();
                if let Some(last) = parameters.last_mut() {
                    last.items = items;
                }
                // The iterator stops at the item's type.
                letters.next();
            }
            '?' | '-' => {
                if let Some(last) = parameters.last_mut() {
                    last.optional |= letter == '?';
                    last.context |= letter == '-';
                }
            }
            letter => parameters.push(Parameter {
                types: letter.to_string(),
                ..Parameter::default()
            }),
        }
    }
    Some(parameters)
}

/// The position, from 1, of the first argument that does not suit a function of AWS's.
pub(super) fn first_misfit(name: &str, arguments: &[JValue]) -> Option<usize> {
    let parameters = parameters(name).unwrap_or_default();
    for (position, parameter) in parameters.iter().enumerate() {
        let suits = match arguments.get(position) {
            None => parameter.optional,
            Some(JValue::Undefined) => true,
            Some(argument) => parameter.types.chars().any(|letter| is(argument, letter)),
        };
        if !suits {
            return Some(position + 1);
        }
    }
    (arguments.len() > parameters.len() && (ADDED.contains(&name) || name == "random"))
        .then(|| parameters.len() + 1)
}

fn is(argument: &JValue, letter: char) -> bool {
    match letter {
        's' => argument.is_string(),
        'n' => argument.is_number(),
        'b' => argument.is_bool(),
        // One value stands for a list of it.
        'a' => !argument.is_function(),
        'o' => argument.is_object(),
        'f' => argument.is_function(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_signatures() {
        let read = parameters("replace").expect("it is known");
        let types: Vec<&str> = read.iter().map(|one| one.types.as_str()).collect();
        assert_eq!(types, ["s", "sf", "sf", "n"]);
        assert!(read[0].context && read[3].optional && !read[1].optional);
        let join = parameters("join").expect("it is known");
        assert_eq!((join.len(), join[0].items), (2, Some('s')));
        assert_eq!(parameters("millis"), Some(vec![]));
        assert_eq!(parameters("zip"), None);
    }
}
