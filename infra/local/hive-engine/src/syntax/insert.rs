//! INSERT in its Hive forms: into tables and directories, one or several from one source. Called by [`super::statement::parse`].
//!
//! Hive lets FROM stand before INSERT or SELECT. The tokens are put into the usual order, then sqlparser reads the query.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::create::format;
use super::reader::{Reader, is_word};
use super::statement::{FormatClause, Insert, InsertTarget, Statement, query};
use super::{alter::optional_partition, tokens::parse_query};
use crate::error::Failure;

/// Clauses that follow FROM and WHERE's place in a query.
const AFTER_FROM: [&str; 10] = [
    "where",
    "group",
    "having",
    "window",
    "order",
    "sort",
    "cluster",
    "distribute",
    "limit",
    "union",
];

/// A statement that begins with WITH or SELECT: a query, unless INSERT follows the common table expressions.
pub(super) fn query_or_insert(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    let rest = reader.rest();
    let insert_at = positions(rest, &["insert"]).first().copied();
    match insert_at {
        Some(at) if is_word(&rest[0].token, "with") => {
            let with = reader.take(at);
            let from_at = positions(with, &["from"]).first().copied();
            let (with, from) = with.split_at(from_at.unwrap_or(with.len()));
            inserts(reader, with, from)
        }
        _ => query(reader),
    }
}

/// A statement that begins with FROM or INSERT.
pub(super) fn insert(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    if !reader.is_word("from") {
        return inserts(reader, &[], &[]);
    }
    match positions(reader.rest(), &["insert", "select"]).first() {
        Some(at) => {
            let from = reader.take(*at);
            if reader.is_word("select") {
                let text = reader.text();
                let tokens = with_source(reader.take_rest(), &[], from);
                return Ok(Statement::Query(Box::new(parse_query(&tokens, text)?)));
            }
            inserts(reader, &[], from)
        }
        None => Err(reader.expected("FROM … INSERT or FROM … SELECT")),
    }
}

/// Positions, outside of parentheses, of any of the words.
fn positions(tokens: &[TokenWithSpan], words: &[&str]) -> Vec<usize> {
    let mut depth = 0i32;
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            word if depth == 0 && words.iter().any(|expected| is_word(word, expected)) => {
                found.push(index)
            }
            _ => {}
        }
    }
    found
}

/// Puts FROM behind the select list, and WITH before everything.
fn with_source(
    select: &[TokenWithSpan],
    with: &[TokenWithSpan],
    from: &[TokenWithSpan],
) -> Vec<TokenWithSpan> {
    let mut tokens = with.to_vec();
    if from.is_empty() {
        tokens.extend_from_slice(select);
        return tokens;
    }
    let at = positions(select, &AFTER_FROM)
        .first()
        .copied()
        .unwrap_or(select.len());
    // LATERAL VIEW stands behind the source that was factored out.
    let at = positions(&select[..at], &["lateral"])
        .first()
        .copied()
        .unwrap_or(at);
    tokens.extend_from_slice(&select[..at]);
    tokens.extend_from_slice(from);
    tokens.extend_from_slice(&select[at..]);
    tokens
}

fn inserts(
    reader: &mut Reader<'_>,
    with: &[TokenWithSpan],
    from: &[TokenWithSpan],
) -> Result<Statement, Failure> {
    let mut inserts = Vec::new();
    while !reader.is_at_end() {
        reader.expect("insert")?;
        let overwrite = reader.accept("overwrite");
        if !overwrite {
            reader.expect("into")?;
        }
        let target = target(reader, overwrite)?;
        let end = if from.is_empty() {
            None
        } else {
            positions(reader.rest(), &["insert"]).first().copied()
        };
        let body = reader.take(end.unwrap_or(reader.rest().len()));
        if from.is_empty()
            || body
                .first()
                .is_some_and(|token| is_word(&token.token, "select"))
        {
            let tokens = with_source(body, with, from);
            if tokens.is_empty() {
                return Err(reader.expected("SELECT or VALUES"));
            }
            let query = Box::new(parse_query(&tokens, reader.text())?);
            inserts.push(Insert {
                overwrite,
                target,
                query,
            });
        } else {
            return Err(reader.expected("SELECT"));
        }
    }
    Ok(Statement::Insert(inserts))
}

fn target(reader: &mut Reader<'_>, overwrite: bool) -> Result<InsertTarget, Failure> {
    let local = overwrite && reader.is_word_at(1, "directory") && reader.accept("local");
    if overwrite && reader.accept("directory") {
        let location = reader.string("a directory in quotes")?;
        let mut clause = FormatClause::default();
        while reader.is_word("row") || reader.is_word("stored") {
            format(reader, &mut clause)?;
        }
        return Ok(InsertTarget::Directory {
            location,
            local,
            format: clause,
        });
    }
    reader.accept("table");
    let name = reader.table_name()?;
    let partition = optional_partition(reader)?;
    let if_not_exists = reader.accept("if not exists");
    let mut columns = Vec::new();
    if reader.peek() == Some(&Token::LParen)
        && !reader.is_word_at(1, "select")
        && !reader.is_word_at(1, "with")
    {
        reader.take(1);
        loop {
            columns.push(reader.identifier("a column name")?);
            if !reader.accept_token(&Token::Comma) {
                break;
            }
        }
        reader.expect_token(&Token::RParen)?;
    }
    Ok(InsertTarget::Table {
        name,
        partition,
        if_not_exists,
        columns,
    })
}
