//! SHOW DATABASES, TABLES, PARTITIONS, COLUMNS and CREATE TABLE.

use super::format::{serde_class, stream_classes};
use super::partitions::matching;
use super::{Executed, Executor};
use crate::error::Failure;
use crate::metastore::model::{Column, Table, TableKind};
use crate::syntax::reader::TableName;
use crate::syntax::statement::PartitionSpec;

/// `*` stands for anything, `|` between alternatives; case does not count.
fn fits(pattern: Option<&str>, name: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    pattern.split('|').any(|alternative| {
        let expression = regex::escape(&alternative.to_lowercase())
            .replace(r"\*", ".*")
            .replace('%', ".*");
        regex::Regex::new(&format!("^{expression}$")).is_ok_and(|regex| regex.is_match(name))
    })
}

fn quoted(text: &str) -> String {
    format!(
        "'{}'",
        text.replace('\\', "\\\\")
            .replace('\'', "\\'")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\u{1}', "\\u0001")
    )
}

impl Executor<'_> {
    pub(super) fn show_databases(&self, pattern: Option<&str>) -> Result<Executed, Failure> {
        let names = self
            .engine
            .metastore()
            .databases()?
            .into_iter()
            .filter(|name| fits(pattern, name));
        Ok(Executed::rows(
            &["database_name"],
            names.map(|name| vec![name]),
        ))
    }

    pub(super) fn show_tables(
        &self,
        database: Option<&str>,
        pattern: Option<&str>,
    ) -> Result<Executed, Failure> {
        let database = database.unwrap_or(&self.session.database);
        self.existing_database(database)?;
        let names = self
            .engine
            .metastore()
            .tables(database)?
            .into_iter()
            .filter(|name| fits(pattern, name));
        Ok(Executed::rows(&["tab_name"], names.map(|name| vec![name])))
    }

    pub(super) fn show_views(
        &self,
        database: Option<&str>,
        pattern: Option<&str>,
    ) -> Result<Executed, Failure> {
        let database = database.unwrap_or(&self.session.database);
        self.existing_database(database)?;
        let metastore = self.engine.metastore();
        let mut views = Vec::new();
        for name in metastore.tables(database)? {
            if fits(pattern, &name)
                && metastore
                    .table(database, &name)?
                    .is_some_and(|t| t.is_view())
            {
                views.push(vec![name]);
            }
        }
        Ok(Executed::rows(&["tab_name"], views))
    }

    pub(super) fn show_properties(
        &self,
        name: &TableName,
        key: Option<&str>,
    ) -> Result<Executed, Failure> {
        let table = self.table(name)?;
        if let Some(key) = key {
            let value = table.properties.get(key).cloned().unwrap_or_else(|| {
                format!("Table {} does not have property: {key}", table.full_name())
            });
            return Ok(Executed::rows(&["prpt_name"], [vec![value]]));
        }
        let rows = table.properties.into_iter();
        Ok(Executed::rows(
            &["prpt_name", "prpt_value"],
            rows.map(|(key, value)| vec![key, value]),
        ))
    }

    pub(super) fn show_partitions(
        &self,
        name: &TableName,
        partition: &PartitionSpec,
    ) -> Result<Executed, Failure> {
        let table = self.table(name)?;
        if !table.is_partitioned() {
            return Err(Failure::semantic(format!(
                "{} is not a partitioned table",
                table.full_name()
            )));
        }
        Ok(Executed::rows(
            &["partition"],
            matching(&table, partition)?
                .into_iter()
                .map(|name| vec![name]),
        ))
    }

    pub(super) fn show_columns(&self, name: &TableName) -> Result<Executed, Failure> {
        let table = self.table(name)?;
        let columns = table.columns.iter().chain(&table.partition_columns);
        Ok(Executed::rows(
            &["field"],
            columns.map(|column| vec![column.name.clone()]),
        ))
    }

    pub(super) fn show_create_table(&self, name: &TableName) -> Result<Executed, Failure> {
        let table = self.table(name)?;
        let lines = create_statement(&table);
        Ok(Executed::rows(
            &["createtab_stmt"],
            lines.into_iter().map(|line| vec![line]),
        ))
    }
}

fn column_lines(columns: &[Column]) -> Vec<String> {
    let last = columns.len().saturating_sub(1);
    let line = |(index, column): (usize, &Column)| {
        let comment = column
            .comment
            .as_deref()
            .map_or_else(String::new, |comment| {
                format!(" COMMENT {}", quoted(comment))
            });
        format!(
            "  `{}` {}{comment}{}",
            column.name,
            column.kind,
            if index == last { ")" } else { ", " }
        )
    };
    columns.iter().enumerate().map(line).collect()
}

fn create_statement(table: &Table) -> Vec<String> {
    if let Some(view) = &table.view {
        return vec![format!(
            "CREATE VIEW `{}` AS {}",
            table.full_name().replace('.', "`.`"),
            view.text
        )];
    }
    let external = if table.kind == TableKind::ExternalTable {
        "EXTERNAL "
    } else {
        ""
    };
    let mut lines = vec![format!(
        "CREATE {external}TABLE `{}`.`{}`(",
        table.database, table.name
    )];
    lines.extend(column_lines(&table.columns));
    if let Some(comment) = &table.comment {
        lines.push(format!("COMMENT {}", quoted(comment)));
    }
    if table.is_partitioned() {
        lines.push("PARTITIONED BY ( ".to_owned());
        lines.extend(column_lines(&table.partition_columns));
    }
    lines.push("ROW FORMAT SERDE ".to_owned());
    lines.push(format!("  {} ", quoted(serde_class(table.serde))));
    if !table.serde_properties.is_empty() {
        lines.push("WITH SERDEPROPERTIES ( ".to_owned());
        lines.extend(property_lines(table.serde_properties.iter(), " "));
    }
    let (input, output) = stream_classes(table.format);
    lines.push("STORED AS INPUTFORMAT ".to_owned());
    lines.push(format!("  {} ", quoted(input)));
    lines.push("OUTPUTFORMAT ".to_owned());
    lines.push(format!("  {}", quoted(output)));
    lines.push("LOCATION".to_owned());
    lines.push(format!("  {}", quoted(&table.location)));
    if !table.properties.is_empty() {
        lines.push("TBLPROPERTIES (".to_owned());
        lines.extend(property_lines(table.properties.iter(), ""));
    }
    lines
}

fn property_lines<'a>(
    properties: impl ExactSizeIterator<Item = (&'a String, &'a String)>,
    end: &str,
) -> Vec<String> {
    let last = properties.len().saturating_sub(1);
    properties
        .enumerate()
        .map(|(index, (key, value))| {
            format!(
                "  {}={}{}{end}",
                quoted(key),
                quoted(value),
                if index == last { ")" } else { "," }
            )
        })
        .collect()
}
