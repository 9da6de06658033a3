//! ALTER TABLE, TRUNCATE and MSCK. Called by [`super::statement::parse`].

use sqlparser::tokenizer::Token;

use super::create::columns;
use super::reader::{Reader, TableName};
use super::statement::{
    ColumnDefinition, ColumnPlace, PartitionCondition, PartitionSpec, SpecValue, Statement,
};
use crate::error::Failure;

/// Reads from ALTER on.
pub(super) fn alter(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("alter")?;
    if reader.accept("view") {
        return alter_view(reader);
    }
    if !reader.accept("table") {
        let what = reader
            .peek()
            .map(ToString::to_string)
            .unwrap_or_default()
            .to_uppercase();
        return Err(Failure::unsupported(format!("ALTER {what}")));
    }
    let table = reader.table_name()?;
    if reader.accept("add columns") {
        let columns = columns(reader)?;
        cascade(reader);
        return Ok(Statement::AddColumns { table, columns });
    }
    if reader.accept("replace columns") {
        let columns = columns(reader)?;
        cascade(reader);
        return Ok(Statement::ReplaceColumns { table, columns });
    }
    if reader.accept("change") {
        return change_column(reader, table);
    }
    if reader.accept("unset tblproperties") {
        let if_exists = reader.accept("if exists");
        reader.expect_token(&Token::LParen)?;
        let mut keys = Vec::new();
        loop {
            keys.push(reader.string("a property's name in quotes")?);
            if !reader.accept_token(&Token::Comma) {
                break;
            }
        }
        reader.expect_token(&Token::RParen)?;
        return Ok(Statement::UnsetProperties {
            table,
            if_exists,
            keys,
        });
    }
    if reader.accept("set serdeproperties") {
        let properties = reader.properties()?;
        return Ok(Statement::SetSerde {
            table,
            class: None,
            properties,
        });
    }
    if reader.accept("set serde") {
        let class = Some(reader.string("the serde's class name in quotes")?);
        let properties = if reader.accept("with serdeproperties") {
            reader.properties()?
        } else {
            Vec::new()
        };
        return Ok(Statement::SetSerde {
            table,
            class,
            properties,
        });
    }
    if reader.accept("add") {
        return add_partitions(reader, table);
    }
    if reader.accept("drop") {
        return drop_partitions(reader, table);
    }
    if reader.accept("recover partitions") {
        return Ok(Statement::RecoverPartitions {
            table,
            add: true,
            drop: false,
        });
    }
    if reader.accept("rename to") {
        return Ok(Statement::RenameTable {
            table,
            to: reader.table_name()?,
        });
    }
    if reader.accept("set tblproperties") {
        return Ok(Statement::SetProperties {
            table,
            properties: reader.properties()?,
        });
    }
    let partition = optional_partition(reader)?;
    if reader.accept("concatenate") {
        return Ok(Statement::Concatenate { table, partition });
    }
    if !partition.is_empty() && reader.accept("rename to") {
        return Ok(Statement::RenamePartition {
            table,
            from: partition,
            to: optional_partition(reader)?,
        });
    }
    if reader.accept("set location") {
        return Ok(Statement::SetLocation {
            table,
            partition,
            location: reader.string("a location in quotes")?,
        });
    }
    let words: Vec<String> = reader
        .rest()
        .iter()
        .take(2)
        .map(|token| token.token.to_string().to_uppercase())
        .collect();
    Err(Failure::unsupported(format!(
        "ALTER TABLE … {}",
        words.join(" ")
    )))
}

/// A table's columns are kept once, so that there is nothing to choose between CASCADE and RESTRICT.
fn cascade(reader: &mut Reader<'_>) {
    if !reader.accept("cascade") {
        reader.accept("restrict");
    }
}

fn change_column(reader: &mut Reader<'_>, table: TableName) -> Result<Statement, Failure> {
    reader.accept("column");
    let column = reader.identifier("a column name")?;
    let name = reader.identifier("the column's new name")?;
    let kind = reader.data_type()?;
    let comment = if reader.accept("comment") {
        Some(reader.string("a comment in quotes")?)
    } else {
        None
    };
    let place = if reader.accept("first") {
        Some(ColumnPlace::First)
    } else if reader.accept("after") {
        Some(ColumnPlace::After(reader.identifier("a column name")?))
    } else {
        None
    };
    cascade(reader);
    Ok(Statement::ChangeColumn {
        table,
        column,
        to: ColumnDefinition {
            name,
            kind,
            comment,
        },
        place,
    })
}

fn alter_view(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    let name = reader.table_name()?;
    if reader.accept("rename to") {
        return Ok(Statement::RenameTable {
            table: name,
            to: reader.table_name()?,
        });
    }
    if reader.accept("set tblproperties") {
        return Ok(Statement::SetProperties {
            table: name,
            properties: reader.properties()?,
        });
    }
    reader.expect("as")?;
    let text = reader.rest_text().to_owned();
    let whole = reader.text();
    super::tokens::parse_query(reader.take_rest(), whole)?;
    Ok(Statement::AlterView { name, text })
}

/// Reads from ANALYZE on.
pub(super) fn analyze(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("analyze table")?;
    let table = reader.table_name()?;
    let partition = optional_partition(reader)?;
    reader.expect("compute statistics")?;
    let rows = !reader.accept("noscan");
    // Statistics of columns are for a planner of another kind.
    if reader.accept("for columns") {
        reader.take_rest();
    }
    Ok(Statement::Analyze {
        table,
        partition,
        rows,
    })
}

/// Reads from TRUNCATE on.
pub(super) fn truncate(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("truncate")?;
    reader.accept("table");
    let name = reader.table_name()?;
    Ok(Statement::Truncate {
        name,
        partition: optional_partition(reader)?,
    })
}

/// Reads from MSCK on.
pub(super) fn msck(reader: &mut Reader<'_>) -> Result<Statement, Failure> {
    reader.expect("msck")?;
    if !reader.accept("repair") {
        return Err(Failure::unsupported("MSCK without REPAIR"));
    }
    reader.expect("table")?;
    let table = reader.table_name()?;
    let (mut add, mut drop) = (true, false);
    if reader.accept("drop partitions") {
        (add, drop) = (false, true);
    } else if reader.accept("sync partitions") {
        drop = true;
    } else {
        reader.accept("add partitions");
    }
    Ok(Statement::RecoverPartitions { table, add, drop })
}

/// `[PARTITION (a='x', b)]`.
pub(super) fn optional_partition(reader: &mut Reader<'_>) -> Result<PartitionSpec, Failure> {
    if !reader.accept("partition") {
        return Ok(Vec::new());
    }
    reader.expect_token(&Token::LParen)?;
    let mut spec: PartitionSpec = Vec::new();
    loop {
        let column = reader.identifier("a partition column")?;
        if spec.iter().any(|(name, _)| *name == column) {
            return Err(Failure::semantic(format!(
                "the partition column {column} is given twice"
            )));
        }
        let value = if reader.accept_token(&Token::Eq) {
            SpecValue::Static(reader.constant()?)
        } else {
            SpecValue::Dynamic
        };
        spec.push((column, value));
        if !reader.accept_token(&Token::Comma) {
            break;
        }
    }
    reader.expect_token(&Token::RParen)?;
    Ok(spec)
}

fn add_partitions(reader: &mut Reader<'_>, table: TableName) -> Result<Statement, Failure> {
    let if_not_exists = reader.accept("if not exists");
    let mut partitions = Vec::new();
    while reader.is_word("partition") {
        let spec = optional_partition(reader)?;
        if let Some((column, _)) = spec.iter().find(|(_, value)| *value == SpecValue::Dynamic) {
            return Err(Failure::semantic(format!(
                "ADD PARTITION needs a value for the column {column}"
            )));
        }
        let location = if reader.accept("location") {
            Some(reader.string("a location in quotes")?)
        } else {
            None
        };
        partitions.push((spec, location));
        reader.accept_token(&Token::Comma);
    }
    if partitions.is_empty() {
        return Err(reader.expected("COLUMNS or PARTITION"));
    }
    Ok(Statement::AddPartitions {
        table,
        if_not_exists,
        partitions,
    })
}

fn drop_partitions(reader: &mut Reader<'_>, table: TableName) -> Result<Statement, Failure> {
    let if_exists = reader.accept("if exists");
    let mut partitions = Vec::new();
    loop {
        reader.expect("partition")?;
        reader.expect_token(&Token::LParen)?;
        let mut conditions = Vec::new();
        loop {
            let column = reader.identifier("a partition column")?;
            let operator = match reader.peek() {
                Some(Token::Eq) => "=",
                Some(Token::Neq) => "<>",
                Some(Token::Lt) => "<",
                Some(Token::LtEq) => "<=",
                Some(Token::Gt) => ">",
                Some(Token::GtEq) => ">=",
                _ => return Err(reader.expected("a comparison")),
            };
            reader.take(1);
            conditions.push(PartitionCondition {
                column,
                operator: operator.to_owned(),
                value: reader.constant()?,
            });
            if !reader.accept_token(&Token::Comma) {
                break;
            }
        }
        reader.expect_token(&Token::RParen)?;
        partitions.push(conditions);
        if !reader.accept_token(&Token::Comma) {
            break;
        }
    }
    reader.accept("purge");
    Ok(Statement::DropPartitions {
        table,
        if_exists,
        partitions,
    })
}
