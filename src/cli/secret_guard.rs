//! Rejects secrets in arguments, which would be in the history of the shell and in the list of processes.

use std::ffi::OsString;

use crate::cli::error::CommandError;
use crate::domain::token::holds_secret;

/// Rejects arguments that contain the text of a key, damaged or not. The error does not repeat it.
pub(crate) fn check(arguments: &[OsString]) -> Result<(), CommandError> {
    if arguments.iter().any(|argument| holds_secret(&argument.to_string_lossy())) {
        return Err(CommandError::usage(
            "secret_in_arguments",
            "an argument contains the secret of a key: it is now in the shell's history, and other users of this machine \
             may have seen it in the process list",
        )
        .hint(
            "rotate that key with \"keydesk keys rotate KEY --leaked\" and remove it from the history. Use key IDs as \
             arguments, and pass a key to \"keydesk verify\" on standard input",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::report;
    use crate::cli::output::table::Color;

    #[test]
    fn a_secret_is_found_wherever_it_stands_and_not_repeated() {
        let secret = format!("ik_live_7Qm2x9KdPa_{}", "a".repeat(49));
        for argument in [secret.clone(), format!("--name={secret}"), format!("'{secret}'\n")] {
            let error = check(&["keydesk".into(), "verify".into(), argument.into()]).unwrap_err();
            assert!(
                !report::document(&error).contains(&secret)
                    && !report::text(&error, Color::Off).contains(&secret)
            );
            assert_eq!(error.exit().code(), 2);
        }
        assert!(check(&["keydesk".into(), "ik_live_7Qm2x9KdPa".into()]).is_ok());
    }
}
