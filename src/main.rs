//! keydesk
fn main() {}
