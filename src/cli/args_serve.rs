//! The command line of `keydesk serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::domain::expiry;
use crate::domain::key::KeyType;

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Listen at this address [default: 127.0.0.1:7766, or the sockets that systemd hands over]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Listen at this Unix socket
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// Who may connect to the Unix socket, as the octal mode of its file
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode, requires = "unix")]
    pub(crate) unix_mode: u32,
    /// Allow an address that other machines can reach
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Let in only keys of this type: with production, test keys are refused
    #[arg(long, value_name = "TYPE",
        value_parser = PossibleValuesParser::new(["production", "test"]).try_map(|name| name.parse::<KeyType>()))]
    pub(crate) require_type: Option<KeyType>,
    /// Believe what this proxy says of the client's address (X-Forwarded-For, X-Real-IP): an address, a network like
    /// 10.0.0.0/8, or unix for whoever connects to the Unix socket; may be given several times
    #[arg(long, value_name = "ADDR")]
    pub(crate) trusted_proxy: Vec<String>,
    /// How many connections there may be at once
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = number(1, 100_000))]
    pub(crate) max_connections: usize,
    /// The longest request head, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = number(8_192, 1_048_576))]
    pub(crate) max_head: usize,
    /// How long a request head may take to come
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = expiry::parse_duration)]
    pub(crate) head_timeout: TimeDelta,
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "a mode is an octal number like 660".into())
}

fn number(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        text.parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("a number from {least} to {most}"))
    }
}
