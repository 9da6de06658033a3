//! Which table a landing file is for. Files lie in `<data>/<kind>/`, either in a folder named after the table or with a
//! name that begins with it; the longest table name that fits decides.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::project::{KINDS, PipelineTable};

/// A file on its way to the landing zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingFile {
    /// The file on this machine.
    pub path: PathBuf,
    /// Its table.
    pub table: PipelineTable,
    /// The file's name.
    pub name: String,
}

impl LandingFile {
    /// The object's key.
    pub fn key(&self) -> String {
        format!(
            "landing/{}/{}/{}",
            self.table.kind, self.table.name, self.name
        )
    }
}

/// Why landing files could not be told apart.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The folder is not there.
    #[error("{} is not a folder with landing files", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A part of it could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is for no table.
    #[error(
        "{} is for no table: its name, or its folder's, must begin with one of {}",
        path.display(),
        names(.tables)
    )]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The tables that it could be for.
        tables: Vec<PipelineTable>,
    },
    /// Two files would become the same object.
    #[error("{} and {} would both be s3://…/{key}", one.display(), other.display())]
    Twice {
        /// A file.
        one: PathBuf,
        /// Another.
        other: PathBuf,
        /// The key of both.
        key: String,
    },
}

fn names(tables: &[PipelineTable]) -> String {
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    names.join(", ")
}

/// The landing files in a folder, by key. Hidden files, `_SUCCESS` and its like, and Markdown are passed over.
pub fn landing_files(
    folder: &Path,
    tables: &[PipelineTable],
) -> Result<Vec<LandingFile>, LandingError> {
    if !folder.is_dir() {
        return Err(LandingError::NoFolder {
            folder: folder.to_owned(),
        });
    }
    let mut files: Vec<LandingFile> = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| LandingError::Unreadable {
            path: error.path().unwrap_or(folder).to_owned(),
            source: error.into(),
        })?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with(['.', '_']) || name.ends_with(".md");
        if !entry.file_type().is_file() || hidden {
            continue;
        }
        let path = entry.path().to_owned();
        let within = path.strip_prefix(folder).unwrap_or(&path);
        let Some(table) = table_of(within, tables) else {
            return Err(LandingError::NoTable {
                path,
                tables: tables.to_vec(),
            });
        };
        files.push(LandingFile {
            table: table.clone(),
            name,
            path,
        });
    }
    files.sort_by_key(LandingFile::key);
    for pair in files.windows(2) {
        if let [one, other] = pair
            && one.key() == other.key()
        {
            return Err(LandingError::Twice {
                one: one.path.clone(),
                other: other.path.clone(),
                key: one.key(),
            });
        }
    }
    Ok(files)
}

fn table_of<'t>(within: &Path, tables: &'t [PipelineTable]) -> Option<&'t PipelineTable> {
    let parts: Vec<String> = within
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    // A folder `dimension` or `fact` (or its plural) settles the kind.
    let kind = KINDS.iter().find(|kind| {
        let folders = &parts[..parts.len() - 1];
        folders
            .iter()
            .any(|part| part == *kind || part.strip_suffix('s') == Some(**kind))
    });
    let candidates = tables
        .iter()
        .filter(|table| kind.is_none_or(|kind| table.kind == *kind));
    // The file's own name is more telling than a folder's.
    let best = |part: &String| {
        let fitting = candidates
            .clone()
            .filter(|table| begins_with(part, &table.name));
        fitting.max_by_key(|table| table.name.len())
    };
    parts.iter().rev().find_map(best)
}

/// Whether `text` is `table`, or goes on with something that no longer belongs to a name.
fn begins_with(text: &str, table: &str) -> bool {
    match text.strip_prefix(table) {
        Some(rest) => !rest.starts_with(|next: char| next.is_ascii_alphanumeric()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tables() -> Vec<PipelineTable> {
        [
            ("dimension", "country"),
            ("dimension", "country_region"),
            ("fact", "card_transaction"),
            ("fact", "country"),
        ]
        .map(|(kind, name)| PipelineTable {
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
        .to_vec()
    }

    fn keys(files: &[&str]) -> Result<Vec<String>, LandingError> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let files = landing_files(folder.path(), &tables())?;
        Ok(files.iter().map(LandingFile::key).collect())
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = landing_files(Path::new("/nowhere/data"), &tables()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nowhere/data is not a folder with landing files"
        );
    }

    #[test]
    fn a_file_for_no_table_is_named_with_the_tables_there_are() {
        let error = keys(&["fact/orders.csv"]).unwrap_err().to_string();
        assert!(error.contains("fact/orders.csv is for no table"), "{error}");
        assert!(error.contains("card_transaction"), "{error}");
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another_name() {
        assert!(keys(&["fact/card_transactions.csv"]).is_err());
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let error =
            keys(&["fact/a/card_transaction.csv", "fact/b/card_transaction.csv"]).unwrap_err();
        assert!(matches!(error, LandingError::Twice { .. }));
    }

    #[test]
    fn the_longest_table_name_and_the_folder_decide() {
        let keys = keys(&[
            "dimension/country.csv",
            "dimension/country_region.part1.csv",
            "fact/card_transaction/2026-11-20.csv.gz",
            "fact/country-1.csv",
            "fact/.hidden",
            "README.md",
        ]);
        assert_eq!(
            keys.unwrap(),
            [
                "landing/dimension/country/country.csv",
                "landing/dimension/country_region/country_region.part1.csv",
                "landing/fact/card_transaction/2026-11-20.csv.gz",
                "landing/fact/country/country-1.csv",
            ]
        );
    }
}
