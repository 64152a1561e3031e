//! What every test may need, also the unit tests of the library.

use std::time::{Duration, Instant};

/// Whether a program is there; says so when a test is skipped for want of it.
pub fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Waits until something is so, and tells whether it came about in time.
pub fn until(patience: Duration, mut so: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    loop {
        if so() {
            return true;
        }
        if since.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
