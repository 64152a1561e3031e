//! A file system of a few megabytes, mounted over a folder and unmounted when dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a file system of this size (as `mount` takes it); none where that is not allowed.
    pub(crate) fn mount(folder: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("skipped: a small file system cannot be mounted here");
        None
    }

    /// Fills it to the last block with a file of this name.
    pub(crate) fn fill(&self, name: &str) {
        let target = format!("of={}", self.0.join(name).display());
        let status =
            Command::new("dd").args(["if=/dev/zero", "bs=1k"]).arg(target).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| !status.success()), "the disk is full");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
