//! Parses an expression by the precedence of its operators, into the tree that [`crate::paths`] then makes paths of. The
//! depth of a tree is bounded, so that walking it is.

use std::sync::Arc;

use crate::ast::{Kind, Lambda, Node, Operator, SortTerm, Transform};
use crate::error::{Error, quoted};
use crate::lexer::{Lexer, Token};
use crate::paths::Paths;
use crate::signature::Signature;

/// How deep a tree may be; no evaluation goes so deep.
const DEEPEST: usize = 1000;
/// How deep the parser itself may go, which needs more room for a level.
const MOST_NESTED: usize = 120;

pub(crate) struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    depth: usize,
    nested: usize,
    pub(crate) paths: Paths,
}

/// Parses a whole expression. The second value holds the label of each slot of a `%`.
pub(crate) fn parse(text: &str) -> Result<(Node, Vec<usize>), Error> {
    let mut lexer = Lexer::new(text);
    let token = lexer.next(true)?;
    let mut parser = Parser {
        lexer,
        token,
        depth: 0,
        nested: 0,
        paths: Paths::default(),
    };
    let node = parser.expression(0)?;
    if !matches!(parser.token, Token::End) {
        return Err(Error::new(
            "S0201",
            format!("Syntax error: {}", parser.token.shown()),
        ));
    }
    if !node.seeking.is_empty() || matches!(node.kind, Kind::Parent(_)) {
        return Err(no_parent());
    }
    Ok((node, parser.paths.labels))
}

pub(crate) fn no_parent() -> Error {
    Error::new(
        "S0217",
        "The object representing the 'parent' cannot be derived from this expression",
    )
}

fn power(token: &Token) -> usize {
    let Token::Symbol(symbol) = token else {
        return 0;
    };
    match *symbol {
        "." => 75,
        "[" | "(" | "@" | "#" => 80,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "!=" | "<=" | ">=" | "~>" | "in" => 40,
        "^" => 40,
        "and" => 30,
        "or" => 25,
        "?" | ".." => 20,
        ":=" => 10,
        _ => 0,
    }
}

impl Parser<'_> {
    /// Goes on to the next token. `operand`: whether a value may begin there.
    fn advance(&mut self, operand: bool) -> Result<Token, Error> {
        let next = self.lexer.next(operand)?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn expect(&mut self, symbol: &'static str, operand: bool) -> Result<(), Error> {
        if self.token.is(symbol) {
            return self.advance(operand).map(|_| ());
        }
        Err(match self.token {
            Token::End => Error::new(
                "S0203",
                format!("Expected {} before end of expression", quoted(symbol)),
            ),
            _ => Error::new(
                "S0202",
                format!("Expected {}, got {}", quoted(symbol), self.token.shown()),
            ),
        })
    }

    pub(crate) fn expression(&mut self, least: usize) -> Result<Node, Error> {
        let depth = self.depth;
        let mut left = self.deeper(Self::prefix)?;
        while least < power(&self.token) {
            // Every operator is one level more around what is on its left.
            self.depth += 1;
            self.nested += 1;
            if self.depth > DEEPEST || self.nested > MOST_NESTED {
                return Err(Error::stack());
            }
            left = self.infix(left)?;
            self.nested -= 1;
        }
        self.depth = depth;
        Ok(left)
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Node, Error>,
    ) -> Result<Node, Error> {
        self.depth += 1;
        self.nested += 1;
        if self.depth > DEEPEST || self.nested > MOST_NESTED {
            return Err(Error::stack());
        }
        let node = parse(self)?;
        self.depth -= 1;
        self.nested -= 1;
        Ok(node)
    }

    fn prefix(&mut self) -> Result<Node, Error> {
        // After a value, a slash divides; after a symbol, it opens a regular expression.
        let operand = matches!(&self.token, Token::Symbol(symbol) if !matches!(*symbol, ")" | "]" | "}" | "*" | "**" | "%"));
        let token = self.advance(operand)?;
        let node = match token {
            Token::End => return Err(Error::new("S0207", "Unexpected end of expression")),
            Token::Name(name) => return Ok(self.paths.name(name)),
            Token::Variable(name) => Kind::Variable(name),
            Token::Text(text) => Kind::Text(text),
            Token::Number(number) => Kind::Number(number),
            Token::Bool(bool) => Kind::Bool(bool),
            Token::Null => Kind::Null,
            Token::Regex(regex) => Kind::Regex(regex),
            Token::Symbol(symbol) => return self.prefix_symbol(symbol),
        };
        Ok(Node::new(node))
    }

    fn prefix_symbol(&mut self, symbol: &'static str) -> Result<Node, Error> {
        Ok(match symbol {
            "*" => Node::new(Kind::Wildcard),
            "**" => Node::new(Kind::Descendant),
            "%" => self.paths.parent(),
            // They are names where no operator can stand.
            "and" | "or" | "in" => self.paths.name(symbol.into()),
            "-" => {
                let operand = self.expression(70)?;
                match operand.kind {
                    Kind::Number(number) if operand.predicates.is_empty() => {
                        Node::new(Kind::Number(-number))
                    }
                    _ => {
                        let mut node = Node::new(Kind::Negate(Box::new(Node::new(Kind::Null))));
                        self.paths.pass_on(&mut node, &operand);
                        node.kind = Kind::Negate(Box::new(operand));
                        node
                    }
                }
            }
            "(" => {
                let mut expressions = Vec::new();
                while !self.token.is(")") {
                    expressions.push(self.expression(0)?);
                    if !self.token.is(";") {
                        break;
                    }
                    self.advance(true)?;
                }
                self.expect(")", false)?;
                self.paths.block(expressions)
            }
            "[" => {
                let mut items = Vec::new();
                while !self.token.is("]") {
                    let mut item = self.expression(0)?;
                    if self.token.is("..") {
                        self.advance(true)?;
                        let last = self.expression(0)?;
                        item = self.paths.binary(Operator::Range, item, last);
                    }
                    items.push(item);
                    if !self.token.is(",") {
                        break;
                    }
                    self.advance(true)?;
                }
                self.expect("]", false)?;
                self.paths.list(items)
            }
            "{" => {
                let members = self.members()?;
                let mut node = Node::new(Kind::Null);
                for (name, value) in &members {
                    self.paths.pass_on(&mut node, name);
                    self.paths.pass_on(&mut node, value);
                }
                node.kind = Kind::Object(members);
                node
            }
            "|" => {
                let pattern = self.expression(0)?;
                self.expect("|", true)?;
                let update = self.expression(0)?;
                let mut delete = None;
                if self.token.is(",") {
                    self.advance(true)?;
                    delete = Some(self.expression(0)?);
                }
                self.expect("|", false)?;
                Node::new(Kind::Transform(Arc::new(Transform {
                    pattern,
                    update,
                    delete,
                })))
            }
            other => {
                return Err(Error::new(
                    "S0211",
                    format!(
                        "The symbol {} cannot be used as a unary operator",
                        quoted(other)
                    ),
                ));
            }
        })
    }

    fn members(&mut self) -> Result<Vec<(Node, Node)>, Error> {
        let mut members = Vec::new();
        while !self.token.is("}") {
            let name = self.expression(0)?;
            self.expect(":", true)?;
            members.push((name, self.expression(0)?));
            if !self.token.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect("}", false)?;
        Ok(members)
    }

    fn infix(&mut self, left: Node) -> Result<Node, Error> {
        let Token::Symbol(symbol) = self.token else {
            return Ok(left);
        };
        // An empty predicate ends the operand.
        self.advance(true)?;
        let operator = match symbol {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Modulo,
            "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "&" => Operator::Concatenate,
            "and" => Operator::And,
            "or" => Operator::Or,
            "in" => Operator::In,
            ".." => Operator::Range,
            other => return self.special(other, left),
        };
        let right = self.expression(power(&Token::Symbol(symbol)))?;
        Ok(self.paths.binary(operator, left, right))
    }

    fn special(&mut self, symbol: &'static str, mut left: Node) -> Result<Node, Error> {
        match symbol {
            "." => {
                let right = self.expression(75)?;
                self.paths.step(left, right)
            }
            "[" => {
                if self.token.is("]") {
                    self.advance(false)?;
                    // Past any predicates: the innermost step that is there.
                    self.paths.keep_array(&mut left);
                    return Ok(left);
                }
                let predicate = self.expression(0)?;
                self.expect("]", false)?;
                self.paths.predicate(left, predicate)
            }
            "{" => {
                let members = self.members()?;
                if left.group.is_some() {
                    return Err(Error::new(
                        "S0210",
                        "Each step can only have one grouping expression",
                    ));
                }
                left.group = Some(members);
                Ok(left)
            }
            "^" => {
                self.expect("(", true)?;
                let mut terms = Vec::new();
                loop {
                    let descending = self.token.is(">");
                    if descending || self.token.is("<") {
                        self.advance(true)?;
                    }
                    terms.push(SortTerm {
                        descending,
                        by: self.expression(0)?,
                    });
                    if !self.token.is(",") {
                        break;
                    }
                    self.advance(true)?;
                }
                self.expect(")", false)?;
                self.paths.sort(left, terms)
            }
            ":=" => {
                let Kind::Variable(name) = left.kind.clone() else {
                    return Err(Error::new(
                        "S0212",
                        "The left side of := must be a variable name (start with $)",
                    ));
                };
                if !left.predicates.is_empty() {
                    return Err(Error::new(
                        "S0212",
                        "The left side of := must be a variable name (start with $)",
                    ));
                }
                let value = self.expression(9)?;
                let mut node = Node::new(Kind::Null);
                self.paths.pass_on(&mut node, &value);
                node.kind = Kind::Bind(name, Box::new(value));
                Ok(node)
            }
            "@" | "#" => {
                let right = self.expression(80)?;
                let Kind::Variable(name) = right.kind else {
                    return Err(Error::new(
                        "S0214",
                        format!(
                            "The right side of {} must be a variable name (start with $)",
                            quoted(symbol)
                        ),
                    ));
                };
                if symbol == "@" {
                    self.paths.focus(left, name)
                } else {
                    Ok(self.paths.index(left, name))
                }
            }
            "~>" => {
                let right = self.expression(40)?;
                let mut node = Node::new(Kind::Null);
                node.keep_array = left.keep_array || right.keep_array;
                node.kind = Kind::Apply(Box::new(left), Box::new(right));
                Ok(node)
            }
            "?" => {
                let then = self.expression(0)?;
                let mut node = Node::new(Kind::Null);
                self.paths.pass_on(&mut node, &left);
                self.paths.pass_on(&mut node, &then);
                let mut otherwise = None;
                if self.token.is(":") {
                    self.advance(true)?;
                    let found = self.expression(0)?;
                    self.paths.pass_on(&mut node, &found);
                    otherwise = Some(Box::new(found));
                }
                node.kind = Kind::Condition(Box::new(left), Box::new(then), otherwise);
                Ok(node)
            }
            "(" => self.call(left),
            other => Err(Error::new(
                "S0201",
                format!("Syntax error: {}", quoted(other)),
            )),
        }
    }

    fn call(&mut self, procedure: Node) -> Result<Node, Error> {
        if let Some(word) = crate::paths::single_name(&procedure)
            && matches!(word, "function" | "λ")
        {
            return self.lambda();
        }
        let (mut arguments, mut partial) = (Vec::new(), false);
        while !self.token.is(")") {
            if self.token.is("?") {
                partial = true;
                self.advance(false)?;
                arguments.push(Node::new(Kind::Placeholder));
            } else {
                arguments.push(self.expression(0)?);
            }
            if !self.token.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect(")", false)?;
        let mut node = Node::new(Kind::Null);
        for argument in &arguments {
            self.paths.pass_on(&mut node, argument);
        }
        let procedure = Box::new(procedure);
        node.kind = if partial {
            Kind::Partial(procedure, arguments)
        } else {
            Kind::Call(procedure, arguments)
        };
        Ok(node)
    }

    fn lambda(&mut self) -> Result<Node, Error> {
        let mut parameters = Vec::new();
        while !self.token.is(")") {
            let shown = self.token.shown();
            match self.advance(false)? {
                Token::Variable(name) => parameters.push(name),
                Token::End => return Err(Error::new("S0207", "Unexpected end of expression")),
                _ => {
                    return Err(Error::new(
                        "S0208",
                        format!(
                            "Parameter {shown} of function definition must be a variable name (start with $)"
                        ),
                    ));
                }
            }
            if !self.token.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect(")", true)?;
        let mut signature = None;
        if self.token.is("<") {
            signature = Some(self.signature()?);
        }
        self.expect("{", true)?;
        let body = self.expression(0)?;
        self.expect("}", false)?;
        Ok(Node::new(Kind::Lambda(Arc::new(Lambda {
            parameters,
            signature,
            body,
        }))))
    }

    /// What stands between the outermost `<` and `>`.
    fn signature(&mut self) -> Result<Signature, Error> {
        let mut text = String::new();
        let mut depth = 0_usize;
        loop {
            match &self.token {
                Token::Symbol("<") => depth += 1,
                Token::Symbol(">") => depth -= 1,
                Token::End | Token::Symbol("{") => {
                    return Err(Error::new(
                        "S0203",
                        "Expected \">\" before end of expression",
                    ));
                }
                _ => {}
            }
            match &self.token {
                Token::Symbol(symbol) => text.push_str(symbol),
                Token::Name(name) => text.push_str(name),
                other => text.push_str(&other.shown()),
            }
            self.advance(true)?;
            if depth == 0 {
                return Signature::parse(&text);
            }
        }
    }
}
