//! Finds what lies in the zones of the bucket on this machine, for "where is my data" and for logs.

use std::fs;
use std::path::{Path, PathBuf};

/// The files below a folder; none if it does not exist.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if path.is_dir() {
                open.push(path);
            } else if !hidden && entry.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_holds_no_files() {
        assert!(files_below(Path::new("/nowhere/at/all")).is_empty());
    }

    #[test]
    fn folder_markers_and_hidden_files_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        for (name, text) in [("below/a.csv", "x"), (".hidden", "x"), ("marker", "")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(
            files_below(folder.path()),
            [folder.path().join("below/a.csv")]
        );
    }
}
