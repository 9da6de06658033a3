//! USE, CREATE DATABASE and DROP DATABASE.

use super::Executor;
use crate::error::Failure;
use crate::metastore::model::Database;
use crate::syntax::reader::TableName;

impl Executor<'_> {
    pub(super) fn use_database(&mut self, name: String) -> Result<(), Failure> {
        self.existing_database(&name)?;
        self.session.database = name;
        Ok(())
    }

    /// A database that must exist.
    pub(super) fn existing_database(&self, name: &str) -> Result<Database, Failure> {
        let found = self.engine.metastore().database(name)?;
        found.ok_or_else(|| Failure::semantic(format!("the database {name} does not exist")))
    }

    pub(super) fn create_database(
        &self,
        name: String,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let location = match location {
            Some(location) => {
                self.path(&location)?;
                location
            }
            None => format!(
                "{}/{name}.db",
                self.engine.config().warehouse.trim_end_matches('/')
            ),
        };
        let database = Database {
            name,
            comment,
            location,
            properties: properties.into_iter().collect(),
        };
        let created = self.engine.metastore().create_database(&database)?;
        if created || if_not_exists {
            return Ok(());
        }
        Err(Failure::semantic(format!(
            "the database {} already exists",
            database.name
        )))
    }

    pub(super) fn drop_database(
        &mut self,
        name: &str,
        if_exists: bool,
        cascade: bool,
    ) -> Result<(), Failure> {
        let metastore = self.engine.metastore();
        if metastore.database(name)?.is_none() {
            return if if_exists {
                Ok(())
            } else {
                Err(Failure::semantic(format!(
                    "the database {name} does not exist"
                )))
            };
        }
        if name == "default" {
            return Err(Failure::semantic("the database default cannot be dropped"));
        }
        let tables = metastore.tables(name)?;
        if let (Some(first), false) = (tables.first(), cascade) {
            return Err(Failure::semantic(format!(
                "the database {name} is not empty: it holds {first}"
            )));
        }
        for table in tables {
            let table = metastore.existing_table(name, &table)?;
            let is_view = table.is_view();
            self.drop_table(
                &TableName {
                    database: Some(table.database),
                    name: table.name,
                },
                true,
                is_view,
            )?;
        }
        metastore.drop_database(name)?;
        if self.session.database == name {
            self.session.database = "default".to_owned();
        }
        Ok(())
    }
}
