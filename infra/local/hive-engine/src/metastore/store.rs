//! Databases and tables as JSON files: `<directory>/<database>/<table>.json`, written aside and renamed.
//! Every change is read, made and written under one file lock, so that sessions and processes lose no update.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{Database, Table};
use crate::error::{Failure, closest};
use crate::load::faults::point;

/// The document of a database inside its folder; no table can have this name.
const DATABASE_DOCUMENT: &str = "database@.json";

/// An open metastore.
#[derive(Debug, Clone)]
pub(crate) struct Metastore {
    directory: PathBuf,
}

impl Metastore {
    /// Opens a directory, and makes it and the database `default` when they are missing.
    pub(crate) fn open(directory: &Path, warehouse: &str) -> Result<Self, Failure> {
        fs::create_dir_all(directory).map_err(Failure::file(
            "cannot make the metastore's directory",
            directory,
        ))?;
        let store = Self {
            directory: directory.to_path_buf(),
        };
        if store.database("default")?.is_none() {
            let database = Database {
                name: "default".to_owned(),
                comment: Some("Default Hive database".to_owned()),
                location: warehouse.to_owned(),
                properties: Default::default(),
            };
            store.create_database(&database)?;
        }
        Ok(store)
    }

    /// Names of all databases, in order.
    pub(crate) fn databases(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for entry in list(&self.directory)? {
            if self
                .directory
                .join(&entry)
                .join(DATABASE_DOCUMENT)
                .is_file()
            {
                names.push(entry);
            }
        }
        Ok(names)
    }

    pub(crate) fn database(&self, name: &str) -> Result<Option<Database>, Failure> {
        read(&self.database_path(name)?)
    }

    /// Creates a database; false when it existed and stays as it was.
    pub(crate) fn create_database(&self, database: &Database) -> Result<bool, Failure> {
        let _lock = self.lock()?;
        let path = self.database_path(&database.name)?;
        if path.exists() {
            return Ok(false);
        }
        write(&path, database)?;
        Ok(true)
    }

    /// Removes a database and the documents of its tables.
    pub(crate) fn drop_database(&self, name: &str) -> Result<(), Failure> {
        let _lock = self.lock()?;
        let path = self.directory.join(checked(name)?);
        fs::remove_dir_all(&path).map_err(Failure::file("cannot remove", &path))
    }

    /// Names of a database's tables and views, in order.
    pub(crate) fn tables(&self, database: &str) -> Result<Vec<String>, Failure> {
        let names = list(&self.directory.join(checked(database)?))?;
        let tables = names
            .iter()
            .filter_map(|name| name.strip_suffix(".json"))
            .filter(|name| checked(name).is_ok());
        Ok(tables.map(str::to_owned).collect())
    }

    pub(crate) fn table(&self, database: &str, name: &str) -> Result<Option<Table>, Failure> {
        read(&self.table_path(database, name)?)
    }

    /// The table, which must exist.
    pub(crate) fn existing_table(&self, database: &str, name: &str) -> Result<Table, Failure> {
        if let Some(table) = self.table(database, name)? {
            return Ok(table);
        }
        if self.database(database)?.is_none() {
            return Err(Failure::semantic(format!(
                "the database {database} does not exist"
            )));
        }
        let known = self.tables(database)?;
        let Some(meant) = closest(name, known.iter().map(String::as_str)) else {
            return Err(missing(database, name));
        };
        Err(Failure::semantic(format!(
            "the table {database}.{name} does not exist; did you mean {meant}?"
        )))
    }

    /// Writes a new table; false when one of that name existed and stays as it was.
    pub(crate) fn create_table(&self, table: &Table, replace: bool) -> Result<bool, Failure> {
        let _lock = self.lock()?;
        if !self.database_path(&table.database)?.exists() {
            return Err(Failure::semantic(format!(
                "the database {} does not exist",
                table.database
            )));
        }
        let path = self.table_path(&table.database, &table.name)?;
        if !replace && path.exists() {
            return Ok(false);
        }
        write(&path, table)?;
        Ok(true)
    }

    /// Changes a table as it is now: read, changed and written under the lock.
    pub(crate) fn update_table<T>(
        &self,
        database: &str,
        name: &str,
        change: impl FnOnce(&mut Table) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _lock = self.lock()?;
        let path = self.table_path(database, name)?;
        let mut table: Table = read(&path)?.ok_or_else(|| missing(database, name))?;
        let before = table.clone();
        let answer = change(&mut table)?;
        if table != before {
            write(&path, &table)?;
        }
        Ok(answer)
    }

    /// Removes a table's document; false when there was none.
    pub(crate) fn drop_table(&self, database: &str, name: &str) -> Result<bool, Failure> {
        let _lock = self.lock()?;
        let path = self.table_path(database, name)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::file("cannot remove", &path)(error)),
        }
    }

    fn database_path(&self, name: &str) -> Result<PathBuf, Failure> {
        Ok(self.directory.join(checked(name)?).join(DATABASE_DOCUMENT))
    }

    fn table_path(&self, database: &str, name: &str) -> Result<PathBuf, Failure> {
        Ok(self
            .directory
            .join(checked(database)?)
            .join(format!("{}.json", checked(name)?)))
    }

    /// Waits for the lock, which ends when the file is dropped.
    fn lock(&self) -> Result<File, Failure> {
        let path = self.directory.join(".lock");
        let refused = || Failure::file("cannot lock", &path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(refused())?;
        file.lock().map_err(refused())?;
        Ok(file)
    }
}

fn missing(database: &str, name: &str) -> Failure {
    Failure::semantic(format!("the table {database}.{name} does not exist"))
}

/// Names are letters, digits and underscores, so that they are safe as file names.
fn checked(name: &str) -> Result<&str, Failure> {
    let legal = !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
    if legal {
        Ok(name)
    } else {
        Err(Failure::semantic(format!(
            "[{name}]: not a valid database or table name"
        )))
    }
}

fn list(directory: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file("cannot list", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Failure::file("cannot list", directory))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Failure::content(path, error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("cannot read", path)(error)),
    }
}

fn write<T: Serialize>(path: &Path, document: &T) -> Result<(), Failure> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory).map_err(Failure::file("cannot make", directory))?;
    let bytes = serde_json::to_vec_pretty(document)
        .map_err(|error| Failure::content(path, error.to_string()))?;
    // The lock is held, so nobody else writes this file.
    let aside = path.with_extension("json.new");
    point();
    fs::write(&aside, bytes).map_err(Failure::file("cannot write", &aside))?;
    point();
    fs::rename(&aside, path).map_err(Failure::file("cannot write", path))?;
    point();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::model::{FileFormat, Serde, TableKind};
    use super::*;

    fn table(name: &str) -> Table {
        Table {
            database: "default".to_owned(),
            name: name.to_owned(),
            kind: TableKind::ManagedTable,
            columns: Vec::new(),
            partition_columns: Vec::new(),
            comment: None,
            format: FileFormat::Textfile,
            serde: Serde::LazySimple,
            serde_properties: BTreeMap::new(),
            location: "/w/t".to_owned(),
            properties: BTreeMap::new(),
            view: None,
            partitions: BTreeMap::new(),
            created_at: 0,
        }
    }

    #[test]
    fn refuses_names_that_would_leave_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let store = Metastore::open(folder.path(), "/w").unwrap();
        assert!(store.table("default", "../x").is_err());
        assert!(store.table("..", "x").is_err());
    }

    #[test]
    fn names_a_document_that_is_not_readable() {
        let folder = tempfile::tempdir().unwrap();
        let store = Metastore::open(folder.path(), "/w").unwrap();
        fs::write(folder.path().join("default/t.json"), "{").unwrap();
        assert!(
            store
                .table("default", "t")
                .unwrap_err()
                .to_string()
                .contains("t.json")
        );
    }

    #[test]
    fn sessions_that_change_one_table_at_once_lose_no_update() {
        let folder = tempfile::tempdir().unwrap();
        let store = Metastore::open(folder.path(), "/w").unwrap();
        store.create_table(&table("t"), false).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = folder.path();
                scope.spawn(move || {
                    let store = Metastore::open(path, "/w").unwrap();
                    for turn in 0..20 {
                        let change = |table: &mut Table| {
                            table
                                .properties
                                .insert(format!("{thread}-{turn}"), String::new());
                            Ok(())
                        };
                        store.update_table("default", "t", change).unwrap();
                    }
                });
            }
        });
        assert_eq!(
            store
                .existing_table("default", "t")
                .unwrap()
                .properties
                .len(),
            80
        );
    }

    #[test]
    fn a_failed_change_leaves_the_table_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Metastore::open(folder.path(), "/w").unwrap();
        store.create_table(&table("t"), false).unwrap();
        let change = |table: &mut Table| -> Result<(), Failure> {
            table.location = "/elsewhere".to_owned();
            Err(Failure::semantic("no"))
        };
        store.update_table("default", "t", change).unwrap_err();
        assert_eq!(store.existing_table("default", "t").unwrap(), table("t"));
    }

    #[test]
    fn a_reopened_metastore_has_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Metastore::open(folder.path(), "/w").unwrap();
        assert!(store.create_table(&table("t"), false).unwrap());
        assert!(!store.create_table(&table("t"), false).unwrap());
        let again = Metastore::open(folder.path(), "/w").unwrap();
        assert_eq!(again.databases().unwrap(), ["default"]);
        assert_eq!(again.tables("default").unwrap(), ["t"]);
        assert!(again.drop_table("default", "t").unwrap());
        assert!(!again.drop_table("default", "t").unwrap());
    }
}
