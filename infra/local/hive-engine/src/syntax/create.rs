//! CREATE and DROP of databases, tables and views. Called by [`super::statement::parse`].

use sqlparser::tokenizer::Token;

use super::reader::Reader;
use super::statement::{ColumnDefinition, CreateTable, FormatClause, Statement};
use super::tokens::parse_query;
use crate::error::Failure;

/// Reads from CREATE on.
pub(super) fn create(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("create")?;
    if reader.accept("database") || reader.accept("schema") {
        return database(reader);
    }
    let or_replace = reader.accept("or replace");
    if reader.accept("view") {
        return view(reader, or_replace);
    }
    if or_replace {
        return Err(reader.expected("VIEW"));
    }
    let external = reader.accept("external");
    if reader.accept("table") {
        return table(reader, external);
    }
    let what = reader
        .peek()
        .map(ToString::to_string)
        .unwrap_or_default()
        .to_uppercase();
    Err(Failure::unsupported(format!("CREATE {what}")))
}

/// Reads from DROP on.
pub(super) fn drop(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("drop")?;
    if reader.accept("database") || reader.accept("schema") {
        let if_exists = reader.accept("if exists");
        let name = reader.identifier("a database name")?;
        let cascade = reader.accept("cascade");
        if !cascade {
            reader.accept("restrict");
        }
        return Ok(Statement::DropDatabase {
            name,
            if_exists,
            cascade,
        });
    }
    if reader.accept("table") {
        let if_exists = reader.accept("if exists");
        let name = reader.table_name()?;
        reader.accept("purge");
        return Ok(Statement::DropTable { name, if_exists });
    }
    if reader.accept("view") {
        let if_exists = reader.accept("if exists");
        return Ok(Statement::DropView {
            name: reader.table_name()?,
            if_exists,
        });
    }
    let what = reader
        .peek()
        .map(ToString::to_string)
        .unwrap_or_default()
        .to_uppercase();
    Err(Failure::unsupported(format!("DROP {what}")))
}

fn database(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    let if_not_exists = reader.accept("if not exists");
    let name = reader.identifier("a database name")?;
    let (mut comment, mut location, mut properties) = (None, None, Vec::new());
    loop {
        if reader.accept("comment") {
            comment = Some(reader.string("a comment in quotes")?);
        } else if reader.accept("location") {
            location = Some(reader.string("a location in quotes")?);
        } else if reader.accept("with dbproperties") {
            properties = reader.properties()?;
        } else {
            break;
        }
    }
    Ok(Statement::CreateDatabase {
        name,
        if_not_exists,
        comment,
        location,
        properties,
    })
}

fn view(reader: &mut Reader<'_>, or_replace: bool) -> Result<Statement, Failure> {
    let if_not_exists = reader.accept("if not exists");
    let name = reader.table_name()?;
    let mut columns = Vec::new();
    if reader.accept_token(&Token::LParen) {
        loop {
            let column = reader.identifier("a column name")?;
            let comment = optional_comment(reader)?;
            columns.push((column, comment));
            if !reader.accept_token(&Token::Comma) {
                break;
            }
        }
        reader.expect_token(&Token::RParen)?;
    }
    let comment = optional_comment(reader)?;
    if reader.accept("tblproperties") {
        reader.properties()?;
    }
    reader.expect("as")?;
    let text = reader.rest_text().to_owned();
    // Read now, so that the error names this statement and not the one that uses the view.
    let whole = reader.text();
    parse_query(reader.take_rest(), whole)?;
    Ok(Statement::CreateView {
        name,
        if_not_exists,
        or_replace,
        columns,
        comment,
        text,
    })
}

fn table(reader: &mut Reader<'_>, external: bool) -> Result<Statement, Failure> {
    let if_not_exists = reader.accept("if not exists");
    let name = reader.table_name()?;
    if reader.accept("like") {
        let like = reader.table_name()?;
        let location = if reader.accept("location") {
            Some(reader.string("a location in quotes")?)
        } else {
            None
        };
        return Ok(Statement::CreateTableLike {
            name,
            like,
            external,
            if_not_exists,
            location,
        });
    }
    let mut table = CreateTable {
        name: Some(name),
        external,
        if_not_exists,
        ..CreateTable::default()
    };
    if reader.peek() == Some(&Token::LParen) && !starts_query(reader, 1) {
        table.columns = columns(reader)?;
    }
    loop {
        if reader.accept("comment") {
            table.comment = Some(reader.string("a comment in quotes")?);
        } else if reader.accept("partitioned by") {
            table.partition_columns = columns(reader)?;
        } else if reader.is_word("clustered") || reader.is_word("skewed") {
            let clause = if reader.is_word("clustered") {
                "CLUSTERED BY"
            } else {
                "SKEWED BY"
            };
            return Err(Failure::unsupported(format!(
                "the clause {clause} of CREATE TABLE"
            )));
        } else if reader.is_word("row") || reader.is_word("stored") {
            format(reader, &mut table.format)?;
        } else if reader.accept("location") {
            table.location = Some(reader.string("a location in quotes")?);
        } else if reader.accept("tblproperties") {
            table.properties = reader.properties()?;
        } else {
            break;
        }
    }
    let as_keyword = reader.accept("as");
    if as_keyword || starts_query(reader, 0) {
        let whole = reader.text();
        table.query = Some(Box::new(parse_query(reader.take_rest(), whole)?));
    }
    if table.query.is_none() && table.columns.is_empty() {
        return Err(reader.expected("columns in parentheses, or AS and a query"));
    }
    if table.query.is_some() && !table.columns.is_empty() {
        return Err(Failure::semantic(
            "CREATE TABLE AS takes its columns from the query; a column list is not allowed",
        ));
    }
    Ok(Statement::CreateTable(Box::new(table)))
}

fn starts_query(reader: &Reader<'_>, ahead: usize) -> bool {
    reader.is_word_at(ahead, "select") || reader.is_word_at(ahead, "with")
}

fn optional_comment(reader: &mut Reader<'_>) -> Result<Option<String>, Failure> {
    if reader.accept("comment") {
        reader.string("a comment in quotes").map(Some)
    } else {
        Ok(None)
    }
}

/// `(name type [COMMENT 'text'], …)`.
pub(super) fn columns(reader: &mut Reader<'_>) -> Result<Vec<ColumnDefinition>, Failure> {
    reader.expect_token(&Token::LParen)?;
    let mut columns: Vec<ColumnDefinition> = Vec::new();
    loop {
        for constraint in ["primary", "constraint", "foreign", "unique", "check"] {
            let next_is_clause =
                reader.is_word_at(1, "key") || (constraint == "constraint" && !reader.is_at_end());
            if reader.is_word(constraint) && next_is_clause {
                return Err(Failure::unsupported(format!(
                    "the constraint {} KEY of CREATE TABLE",
                    constraint.to_uppercase()
                )));
            }
        }
        let name = reader.identifier("a column name")?;
        if columns.iter().any(|column| column.name == name) {
            return Err(Failure::semantic(format!(
                "the column {name} is declared twice"
            )));
        }
        let kind = reader.data_type()?;
        if reader.is_word("not") || reader.is_word("default") {
            return Err(Failure::unsupported(
                "a column constraint (NOT NULL, DEFAULT)",
            ));
        }
        columns.push(ColumnDefinition {
            name,
            kind,
            comment: optional_comment(reader)?,
        });
        if !reader.accept_token(&Token::Comma) {
            break;
        }
    }
    reader.expect_token(&Token::RParen)?;
    Ok(columns)
}

/// One ROW FORMAT or STORED AS clause.
pub(super) fn format(reader: &mut Reader<'_>, format: &mut FormatClause) -> Result<(), Failure> {
    if reader.accept("row format serde") {
        format.serde = Some(reader.string("the serde's class name in quotes")?);
        if reader.accept("with serdeproperties") {
            format.serde_properties = reader.properties()?;
        }
        return Ok(());
    }
    if reader.accept("row format delimited") {
        format.delimited = true;
        return delimited(reader, &mut format.serde_properties);
    }
    if reader.accept("stored as") {
        if reader.accept("inputformat") {
            let input = reader.string("a class name in quotes")?;
            reader.expect("outputformat")?;
            reader.string("a class name in quotes")?;
            let class = input.rsplit('.').next().unwrap_or_default();
            format.stored_as = Some(match class {
                "TextInputFormat" => "TEXTFILE".to_owned(),
                "OrcInputFormat" => "ORC".to_owned(),
                "MapredParquetInputFormat" => "PARQUET".to_owned(),
                _ => return Err(Failure::unsupported(format!("INPUTFORMAT {input}"))),
            });
            return Ok(());
        }
        format.stored_as = Some(reader.identifier("a file format")?.to_uppercase());
        return Ok(());
    }
    if reader.is_word("stored") {
        return Err(Failure::unsupported("STORED BY"));
    }
    Err(reader.expected("ROW FORMAT DELIMITED, ROW FORMAT SERDE or STORED AS"))
}

fn delimited(
    reader: &mut Reader<'_>,
    properties: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    loop {
        let name = if reader.accept("fields terminated by") {
            "field.delim"
        } else if reader.accept("escaped by") {
            "escape.delim"
        } else if reader.accept("collection items terminated by") {
            "collection.delim"
        } else if reader.accept("map keys terminated by") {
            "mapkey.delim"
        } else if reader.accept("lines terminated by") {
            "line.delim"
        } else if reader.accept("null defined as") {
            "serialization.null.format"
        } else {
            return Ok(());
        };
        let value = reader.string("a character in quotes")?;
        if name == "line.delim" && value != "\n" {
            return Err(Failure::semantic(
                "LINES TERMINATED BY only supports newline '\\n'",
            ));
        }
        properties.push((name.to_owned(), value));
    }
}
