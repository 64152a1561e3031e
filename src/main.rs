//! keydesk: a terminal UI and CLI to issue, rotate and revoke the API keys of your own API.

use std::process::ExitCode;

use keydesk::host::clipboard::holder;
use keydesk::{cli, host, tui};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // The clipboard's helper is this program too; it has a life and an end of its own.
    if arguments.next().is_some_and(|first| first == holder::WORD) {
        return holder::main(arguments.next().as_deref().and_then(std::ffi::OsStr::to_str));
    }
    host::harden();
    host::size_limit::survive();
    cli::main(std::env::args_os(), launch_tui).into()
}

fn launch_tui(launch: cli::Launch) -> Result<(), String> {
    let cli::Launch { desk, settings, application, remembered, throwaway } = launch;
    if let Some(folder) = throwaway {
        tui::terminal::throw_away(folder);
    }
    tui::run(tui::Launch { desk, settings, application, remembered }).map_err(|error| error.to_string())
}
