//! Puts written files in their place: by exchanging directories when data is replaced, by adding files otherwise.
//! A reader sees the old or the new directory, and a killed process leaves one of them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::faults::point;
use crate::error::Failure;

/// Makes `fresh` the content of `target`. What was there lies in `fresh`'s place afterwards, or is gone.
pub(super) fn replace(fresh: &Path, target: &Path) -> Result<(), Failure> {
    point();
    if !target.exists() {
        let parent = target.parent().unwrap_or(target);
        fs::create_dir_all(parent).map_err(Failure::file("cannot make", parent))?;
        fs::rename(fresh, target).map_err(Failure::file("cannot publish", target))?;
        point();
        return Ok(());
    }
    match renameat_with(CWD, fresh, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => {
            point();
            Ok(())
        }
        // Some file systems cannot exchange: then there is a moment without data, but never one with half of it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            let old = fresh.with_extension("old");
            fs::rename(target, &old).map_err(Failure::file("cannot set aside", target))?;
            fs::rename(fresh, target).map_err(Failure::file("cannot publish", target))
        }
        Err(error) => Err(Failure::file("cannot publish", target)(error.into())),
    }
}

/// Moves every file of `fresh` into `target`, under a name that is free.
pub(super) fn add(fresh: &Path, target: &Path) -> Result<(), Failure> {
    fs::create_dir_all(target).map_err(Failure::file("cannot make", target))?;
    for file in crate::tables::files::data_files(fresh, false)? {
        let mut copy = 0;
        loop {
            let name = if copy == 0 {
                file.name.clone()
            } else {
                format!("{}_copy_{copy}", file.name)
            };
            let path = target.join(name);
            point();
            // A link fails when the name is taken, also by a load that runs at the same time.
            match fs::hard_link(&file.path, &path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => copy += 1,
                Err(error) => return Err(Failure::file("cannot publish", &path)(error)),
            }
        }
        point();
        fs::remove_file(&file.path).map_err(Failure::file("cannot remove", &file.path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_nothing_of_the_old_data() {
        let folder = tempfile::tempdir().unwrap();
        let (fresh, target) = (folder.path().join("fresh"), folder.path().join("t"));
        fs::create_dir(&fresh).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(fresh.join("000000_0"), "new").unwrap();
        fs::write(target.join("000000_0"), "old").unwrap();
        fs::write(target.join("000001_0"), "old").unwrap();
        replace(&fresh, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("000000_0")).unwrap(), "new");
        assert!(!target.join("000001_0").exists());
    }

    #[test]
    fn a_directory_that_is_exchanged_while_it_is_listed_is_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("t");
        fs::create_dir(&table).unwrap();
        fs::write(table.join("a"), "0").unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..2000 {
                    let fresh = folder.path().join(format!("fresh-{turn}"));
                    fs::create_dir(&fresh).unwrap();
                    fs::write(fresh.join("a"), "1").unwrap();
                    replace(&fresh, &table).unwrap();
                    fs::remove_dir_all(&fresh).unwrap();
                }
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(
                    crate::tables::files::data_files(&table, false)
                        .unwrap()
                        .len(),
                    1
                );
            }
        });
    }

    #[test]
    fn adding_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("t");
        for text in ["one", "two", "three"] {
            let fresh = folder.path().join(text);
            fs::create_dir(&fresh).unwrap();
            fs::write(fresh.join("000000_0"), text).unwrap();
            add(&fresh, &target).unwrap();
        }
        assert_eq!(fs::read_to_string(target.join("000000_0")).unwrap(), "one");
        assert_eq!(
            fs::read_to_string(target.join("000000_0_copy_2")).unwrap(),
            "three"
        );
    }
}
