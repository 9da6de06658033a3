//! The hidden directory beside a table in which a load writes. It vanishes with its owner; what a killed process left is
//! removed by the next load of the same table.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Failure;

const LOCK: &str = ".lock";

/// A directory for one load, on the same file system as its target.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: tempfile::TempDir,
    /// Held as long as the load lives, so that others can tell it from a leftover.
    _lock: File,
}

impl Staging {
    /// Makes a directory beside `target`, and removes those of loads that died.
    pub(crate) fn beside(target: &Path) -> Result<Self, Failure> {
        let parent = target.parent().unwrap_or(target);
        let name = target
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let prefix = format!(".hive-staging_{name}_");
        fs::create_dir_all(parent).map_err(Failure::file("cannot make", parent))?;
        remove_leftovers(parent, &prefix)?;
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(Failure::file("cannot make a staging directory in", parent))?;
        let path = directory.path().join(LOCK);
        let lock = File::create(&path).map_err(Failure::file("cannot create", &path))?;
        lock.lock().map_err(Failure::file("cannot lock", &path))?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    /// A directory inside it, made if it is missing.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.directory.path().join(name);
        fs::create_dir_all(&path).map_err(Failure::file("cannot make", &path))?;
        Ok(path)
    }
}

fn remove_leftovers(parent: &Path, prefix: &str) -> Result<(), Failure> {
    for entry in fs::read_dir(parent).map_err(Failure::file("cannot list", parent))? {
        let entry = entry.map_err(Failure::file("cannot list", parent))?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        // A load that lives holds its lock.
        let is_dead = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_dead {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(Failure::file("cannot remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_load_left_is_removed_and_a_living_load_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("country");
        let left = folder.path().join(".hive-staging_country_dead");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let living = Staging::beside(&target).unwrap();
        assert!(!left.exists());
        let path = living.folder("x").unwrap();
        let _second = Staging::beside(&target).unwrap();
        assert!(path.exists());
        drop(living);
        assert!(!path.exists());
    }
}
