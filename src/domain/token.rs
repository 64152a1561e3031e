//! To come within this first change.
