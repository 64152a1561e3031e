//! `keydesk config --default`: every setting with its default, documented.

use super::exit::Exit;
use super::failure::{Failure, Stop};
use super::output::Output;
use crate::config::settings::DEFAULT;

/// Prints it; as it stands in the file, or its values as JSON.
pub(crate) fn print_default(output: &Output) -> Result<Exit, Stop> {
    if output.is_json() {
        let values: serde_json::Value = toml::from_str(DEFAULT)
            .map_err(|error| Failure::failed("configuration", error.message().to_owned()))?;
        output.document(&values)?;
    } else {
        output.line(DEFAULT.trim_end())?;
    }
    Ok(Exit::Done)
}
