//! CREATE TABLE, CREATE TABLE AS, CREATE TABLE LIKE, CREATE VIEW, and the ALTERs that change a definition.

use std::collections::BTreeMap;

use super::format::stored_format;
use super::{Executed, Executor};
use crate::error::Failure;
use crate::load::target::TableTarget;
use crate::metastore::model::{Column, FileFormat, Serde, Table, TableKind, View};
use crate::orc::Layout;
use crate::outcome::StatementKind;
use crate::parquet;
use crate::plan::select::shown_name;
use crate::script::variables::Variables;
use crate::syntax::reader::TableName;
use crate::syntax::statement::{ColumnDefinition, CreateTable, PartitionSpec};
use crate::syntax::tokens::{parse_query, tokenize};
use crate::text::format::{NESTED, TextFormat};
use crate::types::HiveType;

pub(super) fn columns(definitions: Vec<ColumnDefinition>) -> Vec<Column> {
    definitions
        .into_iter()
        .map(|column| Column {
            name: column.name,
            kind: column.kind,
            comment: column.comment,
        })
        .collect()
}

impl Executor<'_> {
    pub(super) async fn create_table(&self, statement: CreateTable) -> Result<Executed, Failure> {
        let Some(name) = &statement.name else {
            return Err(Failure::syntax("a table needs a name"));
        };
        let (database, table_name) = self.names(name);
        let known = self.existing_database(&database)?;
        if self
            .engine
            .metastore()
            .table(&database, &table_name)?
            .is_some()
        {
            if statement.if_not_exists {
                return Ok(Executed::new(StatementKind::Definition));
            }
            return Err(Failure::semantic(format!(
                "the table {database}.{table_name} already exists"
            )));
        }
        let default = self
            .session
            .variables
            .hiveconf
            .get("hive.default.fileformat")
            .map_or("TEXTFILE", String::as_str);
        let (format, serde, serde_properties) = stored_format(&statement.format, default.trim())?;
        let location = statement.location.clone();
        let location = location
            .unwrap_or_else(|| format!("{}/{table_name}", known.location.trim_end_matches('/')));
        self.path(&location)?;
        let mut table = Table {
            database,
            name: table_name,
            kind: if statement.external {
                TableKind::ExternalTable
            } else {
                TableKind::ManagedTable
            },
            columns: columns(statement.columns),
            partition_columns: columns(statement.partition_columns),
            comment: statement.comment,
            format,
            serde,
            serde_properties,
            location,
            properties: statement.properties.into_iter().collect(),
            view: None,
            partitions: BTreeMap::new(),
            created_at: self.engine.now_micros().div_euclid(1_000_000),
        };
        let Some(query) = &statement.query else {
            check(&table)?;
            return self
                .store_new(&table, statement.if_not_exists)
                .map(|()| Executed::new(StatementKind::Definition));
        };
        if table.is_partitioned() {
            return Err(Failure::unsupported("CREATE TABLE AS with PARTITIONED BY"));
        }
        if statement.external {
            return Err(Failure::semantic(
                "CREATE TABLE AS cannot create an external table",
            ));
        }
        let planned = self.plan(query).await?;
        for field in planned.schema().fields() {
            let kind = HiveType::of_field(field)?;
            table.columns.push(Column {
                name: shown_name(field.name()).to_lowercase(),
                kind,
                comment: None,
            });
        }
        check(&table)?;
        let target = TableTarget::new(table.clone(), &Vec::new(), &[], &Variables::default())?;
        let prepared = self.prepare_table(target, true, &planned).await?;
        // Only now, so that a query that fails leaves no table behind.
        self.store_new(&table, false)?;
        let written = vec![self.publish(prepared)?];
        Ok(Executed {
            written,
            ..Executed::new(StatementKind::Load)
        })
    }

    fn store_new(&self, table: &Table, if_not_exists: bool) -> Result<(), Failure> {
        if self.engine.metastore().create_table(table, false)? || if_not_exists {
            return Ok(());
        }
        Err(Failure::semantic(format!(
            "the table {} already exists",
            table.full_name()
        )))
    }

    pub(super) fn create_table_like(
        &self,
        name: &TableName,
        like: &TableName,
        external: bool,
        if_not_exists: bool,
        location: Option<String>,
    ) -> Result<(), Failure> {
        let (database, table_name) = self.names(name);
        let known = self.existing_database(&database)?;
        let model = self.table(like)?;
        if model.is_view() {
            return Err(Failure::unsupported("CREATE TABLE LIKE a view"));
        }
        let location = location
            .unwrap_or_else(|| format!("{}/{table_name}", known.location.trim_end_matches('/')));
        self.path(&location)?;
        let figures = ["numFiles", "numRows", "totalSize", "external.table.purge"];
        let table = Table {
            database,
            name: table_name,
            kind: if external {
                TableKind::ExternalTable
            } else {
                TableKind::ManagedTable
            },
            location,
            partitions: BTreeMap::new(),
            properties: model
                .properties
                .into_iter()
                .filter(|(key, _)| !figures.contains(&key.as_str()))
                .collect(),
            created_at: self.engine.now_micros().div_euclid(1_000_000),
            ..model
        };
        self.store_new(&table, if_not_exists)
    }

    pub(super) async fn create_view(
        &self,
        name: &TableName,
        if_not_exists: bool,
        or_replace: bool,
        names: Vec<(String, Option<String>)>,
        comment: Option<String>,
        text: String,
    ) -> Result<(), Failure> {
        let (database, view_name) = self.names(name);
        self.existing_database(&database)?;
        let existing = self.engine.metastore().table(&database, &view_name)?;
        if let Some(existing) = &existing {
            if !existing.is_view() {
                return Err(Failure::semantic(format!(
                    "{} exists and is no view",
                    existing.full_name()
                )));
            }
            if if_not_exists {
                return Ok(());
            }
            if !or_replace {
                return Err(Failure::semantic(format!(
                    "the view {} already exists",
                    existing.full_name()
                )));
            }
        }
        let query = parse_query(&tokenize(&text)?, &text)?;
        let planned = self.plan(&query).await?;
        let fields = planned.schema().fields();
        if !names.is_empty() && names.len() != fields.len() {
            return Err(Failure::semantic(format!(
                "the view has {} column names, its query {} columns",
                names.len(),
                fields.len()
            )));
        }
        let mut columns = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let (name, comment) = names
                .get(index)
                .cloned()
                .unwrap_or_else(|| (shown_name(field.name()).to_lowercase(), None));
            columns.push(Column {
                name,
                kind: HiveType::of_field(field)?,
                comment,
            });
        }
        let table = Table {
            database,
            name: view_name,
            kind: TableKind::VirtualView,
            columns,
            partition_columns: Vec::new(),
            comment,
            format: FileFormat::Textfile,
            serde: Serde::LazySimple,
            serde_properties: BTreeMap::new(),
            location: String::new(),
            properties: BTreeMap::new(),
            view: Some(View {
                text,
                database: self.session.database.clone(),
            }),
            partitions: BTreeMap::new(),
            created_at: self.engine.now_micros().div_euclid(1_000_000),
        };
        self.engine
            .metastore()
            .create_table(&table, existing.is_some())?;
        Ok(())
    }

    pub(super) fn set_properties(
        &self,
        name: &TableName,
        properties: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let (database, table) = self.names(name);
        self.engine
            .metastore()
            .update_table(&database, &table, |table| {
                for (key, value) in properties {
                    if key.eq_ignore_ascii_case("external") {
                        let external = value.eq_ignore_ascii_case("true");
                        table.kind = if external {
                            TableKind::ExternalTable
                        } else {
                            TableKind::ManagedTable
                        };
                    } else {
                        table.properties.insert(key, value);
                    }
                }
                check(table)
            })
    }

    pub(super) fn set_location(
        &self,
        name: &TableName,
        partition: &PartitionSpec,
        location: String,
    ) -> Result<(), Failure> {
        self.path(&location)?;
        let (database, table) = self.names(name);
        self.engine
            .metastore()
            .update_table(&database, &table, |table| {
                if partition.is_empty() {
                    table.location = location;
                    return Ok(());
                }
                let values = super::partitions::full_values(table, partition)?;
                let partition_name = table.partition_name(&values);
                let partition = table.partitions.get_mut(&partition_name);
                let partition = partition.ok_or_else(|| {
                    Failure::semantic(format!("the partition {partition_name} does not exist"))
                })?;
                partition.location = location;
                partition.parameters.clear();
                Ok(())
            })
    }

    /// Gives a table another name. The folder of a managed table that lies where its name says moves with it.
    pub(super) fn rename_table(&self, name: &TableName, to: &TableName) -> Result<(), Failure> {
        let mut table = self.table(name)?;
        let (old_database, old_name) = (table.database.clone(), table.name.clone());
        (table.database, table.name) = self.names(to);
        let place = |database: &str, name: &str| {
            let known = self.existing_database(database)?;
            Ok::<_, Failure>(format!("{}/{name}", known.location.trim_end_matches('/')))
        };
        let (old_place, new_place) = (
            place(&old_database, &old_name)?,
            place(&table.database, &table.name)?,
        );
        if self
            .engine
            .metastore()
            .table(&table.database, &table.name)?
            .is_some()
        {
            return Err(Failure::semantic(format!(
                "the table {} already exists",
                table.full_name()
            )));
        }
        if table.kind == TableKind::ManagedTable && table.location == old_place {
            let (source, target) = (self.path(&old_place)?, self.path(&new_place)?);
            if target.exists() {
                return Err(Failure::semantic(format!(
                    "{new_place} exists; the files of {old_database}.{old_name} cannot move there"
                )));
            }
            if source.exists() {
                let parent = target.parent().unwrap_or(&target);
                std::fs::create_dir_all(parent).map_err(Failure::file("cannot make", parent))?;
                std::fs::rename(&source, &target)
                    .map_err(Failure::file("cannot rename", &source))?;
            }
            let below = format!("{old_place}/");
            for partition in table.partitions.values_mut() {
                if let Some(rest) = partition.location.strip_prefix(&below) {
                    partition.location = format!("{new_place}/{rest}");
                }
            }
            table.location = new_place;
        }
        self.store_new(&table, false)?;
        self.engine
            .metastore()
            .drop_table(&old_database, &old_name)?;
        Ok(())
    }
}

/// Refuses what could be created but not be read or written later.
pub(super) fn check(table: &Table) -> Result<(), Failure> {
    let name = table.full_name();
    let mut names: Vec<&str> = table
        .columns
        .iter()
        .chain(&table.partition_columns)
        .map(|column| column.name.as_str())
        .collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::semantic(format!(
            "the column {} of {name} is declared twice",
            twice[0]
        )));
    }
    if let Some(column) = table
        .partition_columns
        .iter()
        .find(|column| !column.kind.is_primitive())
    {
        return Err(Failure::semantic(format!(
            "the partition column {} of {name} must be of a primitive type",
            column.name
        )));
    }
    if table
        .property("transactional")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return Err(Failure::unsupported("a transactional table"));
    }
    match table.format {
        FileFormat::Orc => Layout::named(|name| table.property(name)).map(|_| ()),
        FileFormat::Parquet => {
            parquet::schema::compression(table.property("parquet.compression")).map(|_| ())
        }
        FileFormat::Textfile => {
            if let Some(column) = table
                .columns
                .iter()
                .find(|column| table.column_type(column).depth() > NESTED)
            {
                return Err(Failure::unsupported(format!(
                    "a type in a text table that is nested more than {NESTED} deep (column {} of {name})",
                    column.name
                )));
            }
            TextFormat::of(table).map(|_| ())
        }
    }
}
