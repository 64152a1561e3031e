//! Chooses the ways to copy from the facts of the session.

use serde::Deserialize;
use strum::IntoStaticStr;

use super::osc52::Wrapping;

/// The setting `clipboard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ClipboardMode {
    Auto,
    /// The clipboard of the display.
    System,
    Osc52,
    Off,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the environment")]
pub struct Facts {
    /// `DISPLAY` or `WAYLAND_DISPLAY` is set, or the system always has one.
    pub display: bool,
    /// Connected over SSH. Inside tmux, as reported by tmux: the environment of a pane gets stale.
    pub remote: bool,
    pub tmux: bool,
    /// In GNU screen and not in tmux.
    pub screen: bool,
    /// The name of a terminal that is known to ignore OSC 52.
    pub deaf: Option<&'static str>,
}

impl Facts {
    /// `var` reads the environment. `tmux_remote` is whether tmux reports an SSH connection, if it was asked.
    pub fn gather(var: impl Fn(&str) -> Option<String>, tmux_remote: Option<bool>) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        let tmux = set("TMUX");
        let in_mux = tmux || set("STY") || set("ZELLIJ");
        let shell_remote = set("SSH_CONNECTION") || set("SSH_TTY") || set("SSH_CLIENT");
        Self {
            display: cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY"),
            remote: if tmux { tmux_remote.unwrap_or(shell_remote) } else { shell_remote },
            tmux,
            screen: set("STY") && !tmux,
            deaf: if in_mux { None } else { deaf(&var) },
        }
    }
}

/// Terminals that ignore OSC 52, as far as they can be recognized.
fn deaf(var: &impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
    let konsole: Option<u32> = var("KONSOLE_VERSION").and_then(|version| version.parse().ok());
    match (var("TERM").as_deref(), var("TERM_PROGRAM").as_deref()) {
        (Some("linux"), _) => Some("The Linux console"),
        (_, Some("Apple_Terminal")) => Some("Apple's Terminal"),
        _ if set("VTE_VERSION") => Some("This terminal (VTE)"),
        // Supported since 24.12.
        _ if konsole.is_some_and(|version| version < 241_200) => Some("This Konsole"),
        _ => None,
    }
}

/// How a copy reaches a clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The display's clipboard, held by a helper process.
    System,
    /// Through tmux to its terminal.
    Tmux,
    Terminal(Wrapping),
}

/// The channels to try, in order. Empty when copying is off.
#[must_use]
pub fn channels(facts: &Facts, mode: ClipboardMode) -> Vec<Channel> {
    let terminal = if facts.tmux {
        vec![Channel::Tmux, Channel::Terminal(Wrapping::Tmux)]
    } else if facts.screen {
        vec![Channel::Terminal(Wrapping::Screen)]
    } else {
        vec![Channel::Terminal(Wrapping::Plain)]
    };
    match mode {
        ClipboardMode::Off => vec![],
        ClipboardMode::System => vec![Channel::System],
        // A display forwarded over SSH is used only when configured: its helper delays the logout.
        ClipboardMode::Auto if facts.display && !facts.remote => [vec![Channel::System], terminal].concat(),
        ClipboardMode::Auto | ClipboardMode::Osc52 => terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], tmux_remote: Option<bool>) -> Vec<Channel> {
        channels(&facts(variables, tmux_remote), ClipboardMode::Auto)
    }

    fn facts(variables: &[(&str, &str)], tmux_remote: Option<bool>) -> Facts {
        let var = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Facts::gather(var, tmux_remote)
    }

    const PAST_TMUX: Channel = Channel::Terminal(Wrapping::Tmux);
    const PLAIN: Channel = Channel::Terminal(Wrapping::Plain);
    const SSH: (&str, &str) = ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22");

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn every_row_of_the_table() {
        assert_eq!(chosen(&[("DISPLAY", ":0")], None), [Channel::System, PLAIN], "local X11");
        assert_eq!(
            chosen(&[("WAYLAND_DISPLAY", "wayland-0")], None),
            [Channel::System, PLAIN],
            "local Wayland"
        );
        assert_eq!(chosen(&[SSH], None), [PLAIN], "SSH");
        assert_eq!(chosen(&[("SSH_TTY", "/dev/pts/1")], None), [PLAIN], "SSH, by its terminal");
        assert_eq!(chosen(&[SSH, ("DISPLAY", "localhost:10.0")], None), [PLAIN], "SSH with X forwarding");
        assert_eq!(chosen(&[SSH, ("TMUX", "x")], Some(true)), [Channel::Tmux, PAST_TMUX], "tmux, remote");
        assert_eq!(
            chosen(&[("DISPLAY", ":0"), ("TMUX", "x")], Some(true)),
            [Channel::Tmux, PAST_TMUX],
            "tmux started locally, attached over SSH"
        );
        assert_eq!(
            chosen(&[SSH, ("DISPLAY", ":0"), ("TMUX", "x")], Some(false)),
            [Channel::System, Channel::Tmux, PAST_TMUX],
            "tmux started over SSH, attached locally"
        );
        assert_eq!(chosen(&[SSH, ("STY", "1.x")], None), [Channel::Terminal(Wrapping::Screen)], "GNU screen");
        assert_eq!(
            chosen(&[SSH, ("STY", "1.x"), ("TMUX", "x")], Some(true)),
            [Channel::Tmux, PAST_TMUX],
            "tmux inside screen"
        );
        assert_eq!(chosen(&[SSH, ("ZELLIJ", "0")], None), [PLAIN], "zellij");
        assert_eq!(chosen(&[], None), [PLAIN], "no display, no SSH: the console");
    }

    #[test]
    fn settings_win() {
        let local = facts(&[("DISPLAY", ":0")], None);
        assert_eq!(channels(&local, ClipboardMode::Osc52), [PLAIN]);
        assert_eq!(channels(&local, ClipboardMode::Off), []);
        let forwarded = facts(&[SSH, ("DISPLAY", "localhost:10.0")], None);
        assert_eq!(channels(&forwarded, ClipboardMode::System), [Channel::System]);
    }

    #[test]
    fn terminals_without_osc52_are_known() {
        let deaf = |variables: &[(&str, &str)]| facts(variables, None).deaf;
        assert!(deaf(&[SSH, ("VTE_VERSION", "7200")]).is_some());
        assert!(deaf(&[("KONSOLE_VERSION", "230804")]).is_some());
        assert!(deaf(&[("KONSOLE_VERSION", "241201")]).is_none());
        assert!(deaf(&[("TERM_PROGRAM", "Apple_Terminal")]).is_some());
        assert!(deaf(&[("TERM", "linux")]).is_some());
        assert!(deaf(&[("TERM", "xterm-256color")]).is_none());
        assert!(deaf(&[("VTE_VERSION", "7200"), ("TMUX", "x")]).is_none(), "tmux is in between");
    }
}
