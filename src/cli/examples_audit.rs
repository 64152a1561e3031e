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
Every entry must hold to the one before, every key, user and Application must be as the entries tell, and the head
that you saw last must be in the log still. Exit code 0 when all of that is so, 1 when not.

Examples:
  keydesk audit verify
  keydesk audit verify --expect \"$(cat /mnt/elsewhere/head)\"";

pub(crate) const HEAD: &str = "\
Who holds a head can tell whether anything before it was changed since: audit verify --expect HEAD.

Examples:
  keydesk audit head
  keydesk audit head | mail -s 'keydesk head' auditor@example.com";
