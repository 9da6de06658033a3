//! JSONata's error messages as the reference implementation words them, and with it AWS. The library has the same codes and
//! words of its own, which name neither the function nor, quoted, the symbol. Queries put these into AWS's sentence.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::signatures::{self, Parameter};

const STACK: &str = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.";
const TIME: &str = "Expression evaluation timeout: Check for infinite loop";
const MEMORY: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// Messages that are the same whatever the values.
const FIXED: [(&str, &str); 37] = [
    ("T1006", "Attempted to invoke a non-function"),
    ("T1008", "Attempted to partially apply a non-function"),
    (
        "T2003",
        "The left side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2004",
        "The right side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2011",
        "The insert/update clause of the transform expression must evaluate to an object",
    ),
    (
        "T2012",
        "The delete clause of the transform expression must evaluate to a string or array of strings",
    ),
    ("D1001", "Number out of range"),
    ("D1002", "Cannot negate a non-numeric value"),
    (
        "D3001",
        "Attempting to invoke string function on Infinity or NaN",
    ),
    (
        "D3010",
        "Second argument of replace function cannot be an empty string",
    ),
    (
        "D3011",
        "Fourth argument of replace function must evaluate to a positive number",
    ),
    (
        "D3012",
        "Attempted to replace a matched string with a non-string value",
    ),
    (
        "D3020",
        "Third argument of split function must evaluate to a positive number",
    ),
    (
        "D3040",
        "Third argument of match function must evaluate to a positive number",
    ),
    (
        "D3050",
        "The second argument of reduce function must be a function with at least two arguments",
    ),
    (
        "D3080",
        "The picture string must only contain a maximum of two sub-pictures",
    ),
    (
        "D3081",
        "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    ),
    (
        "D3082",
        "The sub-picture must not contain more than one instance of the 'percent' character",
    ),
    (
        "D3083",
        "The sub-picture must not contain more than one instance of the 'per-mille' character",
    ),
    (
        "D3084",
        "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    ),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    ),
    (
        "D3088",
        "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    ),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    ),
    (
        "D3131",
        "In a decimal digit pattern, all digits must be from the same decimal group",
    ),
    (
        "D3134",
        "The timezone integer format specifier cannot have more than four digits",
    ),
    (
        "D3135",
        "No matching closing bracket ']' in date/time picture string",
    ),
    (
        "D3136",
        "The date/time picture string is missing specifiers required to parse the timestamp",
    ),
    (
        "D3138",
        "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    ),
    (
        "D3139",
        "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
    ),
    (
        "S0101",
        "String literal must be terminated by a matching quote",
    ),
    ("S0207", "Unexpected end of expression"),
];

/// What the parser says, without its code, as AWS shows it in a diagnostic.
pub(super) fn of_parser(text: &str, message: &str) -> String {
    let message = ["Invalid syntax: ", "Invalid number: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    let Some((code, rest)) = coded(message) else {
        return match message {
            "Unclosed comment" => "Comment has no closing tag".to_owned(),
            other => other.to_owned(),
        };
    };
    let symbol = |after: &str, before: &str| {
        let middle = rest.strip_prefix(after)?.strip_suffix(before)?;
        Some(symbol(middle))
    };
    let reworded = match code {
        "S0101" if !has_open_string(text) => {
            Some("No terminating / in regular expression".to_owned())
        }
        "S0102" => {
            symbol("Number out of range: ", "").map(|token| format!("Number out of range: {token}"))
        }
        "S0103" => symbol("Unsupported escape sequence: \\", "")
            .map(|token| format!("Unsupported escape sequence: \\{token}")),
        "S0201" => symbol("Syntax error: ", "").map(|token| format!("Syntax error: {token}")),
        "S0202" => rest
            .strip_prefix("Expected ")
            .and_then(|rest| rest.split_once(", got "))
            .map(|(wanted, found)| {
                format!(
                    "Expected {}, got {}",
                    self::symbol(wanted),
                    self::symbol(found)
                )
            }),
        "S0203" => symbol("Expected ", " before end of expression")
            .map(|token| format!("Expected {token} before end of expression")),
        "S0204" => {
            symbol("Unknown operator: ", "").map(|token| format!("Unknown operator: {token}"))
        }
        "S0211" => symbol("The symbol ", " cannot be used as a unary operator")
            .map(|token| format!("The symbol {token} cannot be used as a unary operator")),
        "S0214" => rest
            .strip_prefix("Expected a variable reference after ")
            .map(|token| {
                format!("The right side of \"{token}\" must be a variable name (start with $)")
            }),
        _ => None,
    };
    reworded.unwrap_or_else(|| rest.to_owned())
}

/// Whether a string is opened and not closed.
fn has_open_string(text: &str) -> bool {
    let mut characters = text.chars();
    let mut open = None;
    while let Some(character) = characters.next() {
        match (open, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(quote), found) if quote == found => open = None,
            (None, '"' | '\'') => open = Some(character),
            _ => {}
        }
    }
    open.is_some()
}

/// What ends AWS's sentence about an evaluation, with what separates it: a coded message is a sentence of its own.
pub(super) fn of_evaluator(expression: &AstNode, message: &str) -> String {
    let Some((code, rest)) = coded(message) else {
        // The one message about numbers without end that the library has no code for.
        return match message {
            "Cannot concatenate complex types" => {
                format!(". D3001: {}", reworded(expression, "D3001", ""))
            }
            other => format!(": {other}"),
        };
    };
    match code {
        "D1011" | "U1001" => format!(": {STACK}"),
        "D1012" | "U1003" => format!(": {TIME}"),
        "D2014" | "D2015" => format!(": {MEMORY}"),
        _ => format!(". {code}: {}", reworded(expression, code, rest)),
    }
}

fn reworded(expression: &AstNode, code: &str, rest: &str) -> String {
    if let Some((_, words)) = FIXED.iter().find(|(known, _)| *known == code) {
        return (*words).to_owned();
    }
    let between = |after: &str, before: &str| rest.strip_prefix(after)?.strip_suffix(before);
    let found = match code {
        "T0410" => mismatch(expression, rest).map(|(position, name)| {
            format!("Argument {position} of function \"{name}\" does not match function signature")
        }),
        "T0411" => context_mismatch(expression, rest).map(|(position, name)| {
            format!("Context value is not a compatible type with argument {position} of function \"{name}\"")
        }),
        "T0412" => array_mismatch(expression, rest).map(|(position, name, items)| {
            format!("Argument {position} of function \"{name}\" must be an array of \"{items}\"")
        }),
        "T2001" => between("The left side of the ", " operator must evaluate to a number")
            .map(|token| format!("The left side of the \"{token}\" operator must evaluate to a number")),
        "T2002" => between("The right side of the ", " operator must evaluate to a number")
            .map(|token| format!("The right side of the \"{token}\" operator must evaluate to a number")),
        "T2009" => rest
            .split('"')
            .nth(1)
            .map(|token| format!("The values either side of operator \"{token}\" must be of the same data type")),
        "T2010" => comparison(expression).map(|token| {
            format!("The expressions either side of operator \"{token}\" must evaluate to numeric or string values")
        }),
        "D3030" => between("Cannot convert '", "' to number")
            .map(|value| format!("Unable to cast value to a number: {}", quoted(value))),
        "D3100" => between("Radix must be between 2 and 36, got ", "").map(|value| {
            format!("The radix of the formatBase function must be between 2 and 36.  It was given {value}")
        }),
        "D3130" => Some(format!(
            "Formatting or parsing an integer as a sequence starting with {} is not supported by this implementation",
            quoted(rest)
        )),
        "D3132" => Some(format!(
            "Unknown component specifier {} in date/time picture string",
            quoted(rest)
        )),
        "D3133" => Some(format!(
            "The 'name' modifier can only be applied to months and days in the date/time picture string, not {}",
            quoted(rest)
        )),
        _ => None,
    };
    found.unwrap_or_else(|| rest.to_owned())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A message's code and what follows it.
fn coded(message: &str) -> Option<(&str, &str)> {
    let (code, rest) = message.split_once(": ")?;
    let mut bytes = code.bytes();
    let is_code = code.len() == 5
        && bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
        && bytes.all(|byte| byte.is_ascii_digit());
    is_code.then_some((code, rest))
}

/// A token of the library's parser as the expression has it, quoted unless it is a number.
fn symbol(token: &str) -> String {
    const NAMED: [(&str, &str); 38] = [
        ("Plus", "+"),
        ("Minus", "-"),
        ("Star", "*"),
        ("StarStar", "**"),
        ("Slash", "/"),
        ("Percent", "%"),
        ("Equal", "="),
        ("NotEqual", "!="),
        ("LessThan", "<"),
        ("LessThanOrEqual", "<="),
        ("GreaterThan", ">"),
        ("GreaterThanOrEqual", ">="),
        ("And", "and"),
        ("Or", "or"),
        ("In", "in"),
        ("Ampersand", "&"),
        ("Dot", "."),
        ("DotDot", ".."),
        ("Question", "?"),
        ("QuestionQuestion", "??"),
        ("QuestionColon", "?:"),
        ("Colon", ":"),
        ("ColonEqual", ":="),
        ("TildeArrow", "~>"),
        ("LeftParen", "("),
        ("RightParen", ")"),
        ("LeftBracket", "["),
        ("RightBracket", "]"),
        ("LeftBrace", "{"),
        ("RightBrace", "}"),
        ("Comma", ","),
        ("Semicolon", ";"),
        ("Caret", "^"),
        ("Pipe", "|"),
        ("Hash", "#"),
        ("At", "@"),
        ("Eof", "(end)"),
        ("Null", "null"),
    ];
    if let Some((_, symbol)) = NAMED.iter().find(|(name, _)| *name == token) {
        return quoted(symbol);
    }
    let inner = token
        .split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'));
    match inner {
        // `Number(2.0)`, `Identifier("a")`.
        Some(inner) => inner.strip_suffix(".0").unwrap_or(inner).to_owned(),
        None => quoted(token),
    }
}

/// The calls in an expression, in its order: the name and how many arguments it is given.
fn calls<'e>(node: &'e AstNode, piped: bool, found: &mut Vec<(&'e str, usize)>) {
    if let AstNode::Function { name, args, .. } = node {
        found.push((name, args.len() + usize::from(piped)));
    }
    if let AstNode::Binary {
        op: BinaryOp::ChainPipe,
        lhs,
        rhs,
    } = node
    {
        calls(lhs, false, found);
        calls(rhs, true, found);
        return;
    }
    for child in children(node) {
        calls(child, false, found);
    }
}

fn children(node: &AstNode) -> Vec<&AstNode> {
    match node {
        AstNode::Path { steps } => steps.iter().flat_map(of_step).collect(),
        AstNode::Binary { lhs, rhs, .. } => vec![lhs, rhs],
        AstNode::Unary { operand, .. } => vec![operand],
        AstNode::Function { args, .. } => args.iter().collect(),
        AstNode::Call { procedure, args } => {
            std::iter::once(&**procedure).chain(args.iter()).collect()
        }
        AstNode::Lambda { body, .. } => vec![body],
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
            items.iter().collect()
        }
        AstNode::Object(members) => members
            .iter()
            .flat_map(|(name, value)| [name, value])
            .collect(),
        AstNode::ObjectTransform { input, pattern } => {
            let members = pattern.iter().flat_map(|(name, value)| [name, value]);
            std::iter::once(&**input).chain(members).collect()
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => [Some(condition), Some(then_branch), else_branch.as_ref()]
            .into_iter()
            .flatten()
            .map(|node| &**node)
            .collect(),
        AstNode::FunctionApplication(inner) => vec![inner],
        AstNode::Sort { input, terms } => std::iter::once(&**input)
            .chain(terms.iter().map(|(term, _)| term))
            .collect(),
        AstNode::Transform {
            location,
            update,
            delete,
        } => [Some(location), Some(update), delete.as_ref()]
            .into_iter()
            .flatten()
            .map(|node| &**node)
            .collect(),
        _ => Vec::new(),
    }
}

fn of_step(step: &PathStep) -> Vec<&AstNode> {
    let predicates = step.stages.iter().filter_map(|stage| match stage {
        Stage::Filter(predicate) => Some(&**predicate),
        _ => None,
    });
    std::iter::once(&step.node).chain(predicates).collect()
}

/// The first call in the expression whose signature allows the misfit.
fn culprit(
    expression: &AstNode,
    fits: impl Fn(&[Parameter], usize) -> Option<usize>,
) -> Option<(usize, &str)> {
    let mut found = Vec::new();
    calls(expression, false, &mut found);
    found.into_iter().find_map(|(name, given)| {
        let parameters = signatures::parameters(name)?;
        Some((fits(&parameters, given)?, name))
    })
}

/// The letters of the types that the library names: `(String or Function)`.
fn letters(names: &str) -> String {
    names
        .trim_matches(['(', ')'])
        .split(" or ")
        .filter_map(|name| {
            Some(match name.trim() {
                "String" => 's',
                "Number" => 'n',
                "Boolean" | "Bool" => 'b',
                "Function" => 'f',
                "Array" => 'a',
                "Object" => 'o',
                _ => return None,
            })
        })
        .collect()
}

fn takes(parameter: &Parameter, wanted: &str) -> bool {
    wanted.is_empty()
        || wanted
            .chars()
            .all(|letter| parameter.types.contains(letter))
}

/// `Argument 2 must be Number`, `Argument count mismatch: expected 1, got 3`, or already with the function's name.
fn mismatch<'e>(expression: &'e AstNode, rest: &'e str) -> Option<(usize, &'e str)> {
    if rest.starts_with("Argument count mismatch") {
        return culprit(expression, |parameters, given| {
            let least = parameters
                .iter()
                .filter(|one| !one.optional && !one.context)
                .count();
            if given > parameters.len() {
                Some(parameters.len() + 1)
            } else if given < least {
                Some(given + 1)
            } else {
                None
            }
        });
    }
    let rest = rest.strip_prefix("Argument ")?;
    let (position, rest) = rest.split_once(' ')?;
    let position: usize = position.parse().ok()?;
    if let Some(named) = rest.strip_prefix("of function ") {
        let name = named.split(' ').next()?.trim_matches(['"', '$']);
        if signatures::parameters(name).is_some() {
            return Some((position, name));
        }
    }
    let wanted = rest
        .strip_prefix("must be ")
        .or_else(|| rest.split_once("(expected ")?.1.strip_suffix(')'))
        .map(letters)
        .unwrap_or_default();
    culprit(expression, |parameters, _| {
        let parameter = parameters.get(position - 1)?;
        (parameter.items.is_none() && takes(parameter, &wanted)).then_some(position)
    })
    // Where the context could have stood in, the library counts on.
    .or_else(|| {
        culprit(expression, |parameters, _| {
            (parameters.len() >= position).then_some(position)
        })
    })
}

fn context_mismatch<'e>(expression: &'e AstNode, rest: &str) -> Option<(usize, &'e str)> {
    let wanted = rest
        .split_once("(expected ")
        .and_then(|(_, wanted)| wanted.strip_suffix(')'))
        .map(letters)
        .unwrap_or_default();
    culprit(expression, |parameters, _| {
        let position = parameters
            .iter()
            .position(|one| one.context && takes(one, &wanted))?;
        Some(position + 1)
    })
}

fn array_mismatch<'e>(
    expression: &'e AstNode,
    rest: &str,
) -> Option<(usize, &'e str, &'static str)> {
    let position: usize = rest
        .strip_prefix("Argument ")?
        .split(' ')
        .next()?
        .parse()
        .ok()?;
    let (letter, items) = [
        ("Number", 'n', "numbers"),
        ("String", 's', "strings"),
        ("Object", 'o', "objects"),
        ("Boolean", 'b', "booleans"),
        ("Function", 'f', "functions"),
        ("Array", 'a', "arrays"),
    ]
    .into_iter()
    .find_map(|(name, letter, items)| rest.ends_with(name).then_some((letter, items)))?;
    let (position, name) = culprit(expression, |parameters, _| {
        (parameters.get(position - 1)?.items == Some(letter)).then_some(position)
    })?;
    Some((position, name, items))
}

/// The first operator of order in the expression.
fn comparison(node: &AstNode) -> Option<&'static str> {
    if let AstNode::Binary { op, .. } = node {
        let symbol = match op {
            BinaryOp::LessThan => Some("<"),
            BinaryOp::LessThanOrEqual => Some("<="),
            BinaryOp::GreaterThan => Some(">"),
            BinaryOp::GreaterThanOrEqual => Some(">="),
            _ => None,
        };
        if symbol.is_some() {
            return symbol;
        }
    }
    children(node).into_iter().find_map(comparison)
}
