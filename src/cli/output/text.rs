//! Numbers and paths in sentences.

use std::path::Path;

use crate::domain::text::inert;

/// A number with its noun: `1 key`, `3 keys`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A number of bytes in the largest unit of which there is at least one, rounded down.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}

/// A path with control characters made visible.
pub(crate) fn path(path: &Path) -> String {
    inert(&path.display().to_string())
}
