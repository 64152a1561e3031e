//! `keydesk config --default`.

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::Output;
use crate::config::settings::DEFAULT;

const EXAMPLES: Examples = Examples(&[("keydesk config --default > ~/.config/keydesk/config.toml", "")]);

/// Print the settings
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Every setting with its default, documented: a config.toml to start from
    #[arg(long, required = true)]
    default: bool,
}

/// Prints the documented file, or its values as JSON.
pub(crate) fn run(output: &Output) -> Result<Exit, CommandError> {
    if output.is_json() {
        let values: serde_json::Value = toml::from_str(DEFAULT)
            .map_err(|error| CommandError::failed("configuration", error.message().to_owned()))?;
        output.document(&values)?;
    } else {
        output.line(DEFAULT.trim_end())?;
    }
    Ok(Exit::Done)
}
