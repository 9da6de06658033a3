//! The data files of a directory. Names that begin with `_` or `.` are no data, as everywhere in Hadoop.

use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Failure;

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub path: PathBuf,
    /// Path below the directory, with `/`.
    pub name: String,
    pub bytes: u64,
}

/// Whether a file or directory is no data.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// The directory's data files in the order of their names; none when it does not exist.
///
/// # Errors
/// A folder that holds data is refused, unless `recursive`: its rows would be missing without a word.
pub(crate) fn data_files(directory: &Path, recursive: bool) -> Result<Vec<DataFile>, Failure> {
    loop {
        // As long as it is open, no other directory gets its number.
        let opened = File::open(directory);
        let mut found = Vec::new();
        let collected = collect(directory, "", recursive, &mut found);
        let before = match &opened {
            Ok(opened) => opened.metadata().ok(),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // What cannot be opened now cannot be the next time either.
            Err(_) => return collected.map(|()| found),
        };
        let after = fs::metadata(directory).ok();
        // A load that exchanges the directory meanwhile empties the one that was listed.
        if before.as_ref().map(identity) == after.as_ref().map(identity) {
            return collected.map(|()| found);
        }
    }
}

/// Device and number.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn collect(
    directory: &Path,
    prefix: &str,
    recursive: bool,
    found: &mut Vec<DataFile>,
) -> Result<(), Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file("cannot list", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Failure::file("cannot list", directory))?;
        let name = entry.file_name().into_string().map_err(|name| {
            Failure::content(
                directory,
                format!("the file name {} is not UTF-8", name.to_string_lossy()),
            )
        })?;
        if !is_hidden(&name) {
            names.push(name);
        }
    }
    names.sort();
    for name in names {
        let path = directory.join(&name);
        let metadata = fs::metadata(&path).map_err(Failure::file("cannot read", &path))?;
        let name = format!("{prefix}{name}");
        if metadata.is_dir() {
            let mut below = Vec::new();
            collect(&path, &format!("{name}/"), true, &mut below)?;
            if !below.is_empty() && !recursive {
                let message = "is a folder with data inside a table's or partition's location; \
                               set mapreduce.input.fileinputformat.input.dir.recursive=true to read it";
                return Err(Failure::content(&path, message));
            }
            found.extend(below);
        } else if metadata.len() > 0 {
            found.push(DataFile {
                path,
                name,
                bytes: metadata.len(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_skip_data_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("more")).unwrap();
        assert!(data_files(folder.path(), false).unwrap().is_empty());
        fs::write(folder.path().join("more/a.csv"), "1").unwrap();
        assert!(
            data_files(folder.path(), false)
                .unwrap_err()
                .to_string()
                .contains("is a folder with data")
        );
        assert_eq!(
            data_files(folder.path(), true).unwrap()[0].name,
            "more/a.csv"
        );
    }

    #[test]
    fn hidden_and_empty_files_are_no_data() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["_SUCCESS", ".part.crc", "b", "a"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::write(folder.path().join("empty"), "").unwrap();
        fs::create_dir(folder.path().join(".hive-staging_1")).unwrap();
        fs::write(folder.path().join(".hive-staging_1/000000_0"), "x").unwrap();
        let names: Vec<String> = data_files(folder.path(), false)
            .unwrap()
            .into_iter()
            .map(|file| file.name)
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert!(
            data_files(&folder.path().join("missing"), false)
                .unwrap()
                .is_empty()
        );
    }
}
