//! File systems without stored files.

use std::path::Path;

/// Whether a directory is on a file system that the kernel makes up: `/proc`, `/sys` and what is mounted below them.
#[must_use]
pub fn is_kernel_file_system(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::statfs::{
            BPF_FS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, PROC_SUPER_MAGIC,
            SECURITYFS_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC,
        };
        const KINDS: [nix::sys::statfs::FsType; 8] = [
            BPF_FS_MAGIC,
            CGROUP_SUPER_MAGIC,
            CGROUP2_SUPER_MAGIC,
            DEBUGFS_MAGIC,
            PROC_SUPER_MAGIC,
            SECURITYFS_MAGIC,
            SYSFS_MAGIC,
            TRACEFS_MAGIC,
        ];
        nix::sys::statfs::statfs(path).is_ok_and(|stat| KINDS.contains(&stat.filesystem_type()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}
