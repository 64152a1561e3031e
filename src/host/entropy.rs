//! Random bits from the operating system. No environment variable, seed or option replaces them.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::domain::token::{Entropy, EntropyError};

/// The operating system's random number generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        SysRng.try_fill_bytes(bytes).map_err(|error| EntropyError { reason: error.to_string() })
    }
}
