//! SQLite: a file beside its write-ahead log.

mod value;
