//! The examples under the help of the commands about the audit log.

pub(crate) const AUDIT: &str = "\
Examples:
  keydesk audit list --since 7d
  keydesk audit verify";

pub(crate) const LIST: &str = "\
Examples:
  keydesk audit list --since 7d --action deleted
  keydesk audit list --key Checkout --user ana@example.com
  keydesk audit list --limit 20 --json | jq -r '.[].action'";

pub(crate) const VERIFY: &str = "\
Every entry must hold to the one before, every key, user and Application must be as the
entries tell, and the head that you saw last must be in the log still. Exit code 0 when
all of that is so, 1 when not.

Examples:
  keydesk audit verify
  keydesk audit verify --expect \"$(cat /mnt/elsewhere/head)\"";

pub(crate) const HEAD: &str = "\
Who holds a head can tell whether anything before it was changed since:
keydesk audit verify --expect HEAD.

Examples:
  keydesk audit head
  keydesk audit head | mail -s 'keydesk head' auditor@example.com";

pub(crate) const ACCEPT: &str = "\
Each start compares the log with the last head that you saw, which is remembered in your
own state folder. When it is not in the log any more, the log was shortened or written
anew, or a backup was restored. Keys that were deleted since and are alive again are
named; delete them first.

Examples:
  keydesk audit accept                     asks
  keydesk audit accept --yes               does not ask";
