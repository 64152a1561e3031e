//! Extended attributes of files, among them access control lists.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::XattrFlags;

/// The access control list is an extended attribute.
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";

/// Copies the extended attributes. Labels of security modules are the kernel's own: where it gives the new file another
/// one, that stays.
pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
    let (wanted, present) = (attributes(from)?, attributes(to)?);
    // The default list of the directory.
    for name in present.iter().filter(|name| name.as_bytes() == ACCESS_LIST && !wanted.contains(name)) {
        rustix::fs::fremovexattr(to, name.as_os_str())?;
    }
    for name in wanted {
        let kept = value(from, &name)
            .and_then(|value| Ok(rustix::fs::fsetxattr(to, name.as_os_str(), &value, XattrFlags::empty())?));
        if let Err(error) = kept
            && !name.as_bytes().starts_with(b"security.")
        {
            let name = name.display();
            return Err(io::Error::other(format!("its extended attribute {name} cannot be kept: {error}")));
        }
    }
    Ok(())
}

/// The names of the extended attributes; none where the file system has no such attributes.
fn attributes(file: &File) -> io::Result<Vec<OsString>> {
    let length = match rustix::fs::flistxattr_query(file) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return Ok(Vec::new()),
        length => length?,
    };
    let mut names = vec![0_u8; length];
    let length = rustix::fs::flistxattr(file, &mut names[..])?;
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| OsStr::from_bytes(name).to_owned()).collect())
}

fn value(file: &File, name: &OsString) -> io::Result<Vec<u8>> {
    let length = rustix::fs::fgetxattr_query(file, name.as_os_str())?;
    let mut value = vec![0_u8; length];
    let length = rustix::fs::fgetxattr(file, name.as_os_str(), &mut value[..])?;
    value.truncate(length);
    Ok(value)
}

#[cfg(test)]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const DEFAULT_LIST: &str = "system.posix_acl_default";

    fn file(folder: &Path, name: &str) -> File {
        let file = File::create(folder.join(name)).unwrap();
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        file
    }

    fn set(file: &File, name: &str, value: &[u8]) -> bool {
        let done = rustix::fs::fsetxattr(file, name, value, XattrFlags::empty());
        if let Err(error) = done {
            eprintln!("skipped: {name} is not possible here: {error}");
        }
        done.is_ok()
    }

    /// The attribute of a list with permissions for user 12345: `linux/posix_acl_xattr.h`.
    fn access_list(permissions: u8) -> Vec<u8> {
        let (owner, user, group, mask, others) = (1, 2, 4, 16, 32);
        let mut list = vec![2, 0, 0, 0];
        for (tag, permissions, id) in [
            (owner, 6, u32::MAX),
            (user, permissions, 12_345),
            (group, 0, u32::MAX),
            (mask, permissions, u32::MAX),
            (others, 0, u32::MAX),
        ] {
            list.extend([tag, 0, permissions, 0]);
            list.extend(u32::to_le_bytes(id));
        }
        list
    }

    #[test]
    fn attributes_and_the_access_list_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (file(folder.path(), "from"), file(folder.path(), "to"));
        let name = String::from_utf8(ACCESS_LIST.to_vec()).unwrap();
        let list = access_list(4);
        if !set(&from, "user.origin", b"deployment") || !set(&from, &name, &list) {
            return;
        }
        copy(&from, &to).unwrap();
        assert_eq!(value(&to, &"user.origin".into()).unwrap(), b"deployment");
        assert_eq!(value(&to, &name.into()).unwrap(), list);
        assert_eq!(to.metadata().unwrap().permissions(), from.metadata().unwrap().permissions());
    }

    #[test]
    fn the_default_list_of_the_directory_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let from = file(folder.path(), "from");
        if !set(&File::open(folder.path()).unwrap(), DEFAULT_LIST, &access_list(6)) {
            return;
        }
        let to = file(folder.path(), "to");
        assert!(attributes(&to).unwrap().iter().any(|name| name.as_bytes() == ACCESS_LIST));
        copy(&from, &to).unwrap();
        assert!(attributes(&to).unwrap().iter().all(|name| name.as_bytes() != ACCESS_LIST));
        to.set_permissions(Permissions::from_mode(0o640)).unwrap();
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o7777, 0o640);
    }
}
