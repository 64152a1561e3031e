//! Source addresses, and the ones that a key is accepted from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// The addresses and networks that a key is accepted from; none stands for any.
///
/// Displayed and stored as a list with commas: `10.0.0.4, 2001:db8::/32` without the spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AllowedSources(Arc<[IpNet]>);

impl AllowedSources {
    /// Maximum number of addresses and networks.
    pub const MOST: usize = 64;

    /// Parses addresses and networks, separated by commas or spaces. An empty text stands for any source. Bits of a
    /// network behind its prefix are ignored, and an IPv4 address within IPv6 is one of IPv4.
    ///
    /// # Errors
    /// When one is neither an address nor a network, or there are too many.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let mut networks = Vec::new();
        for part in text.split([',', ' ', '\t']).filter(|part| !part.is_empty()) {
            let network = network(part).ok_or_else(|| SourceError::Invalid(part.to_owned()))?;
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        if networks.len() > Self::MOST {
            return Err(SourceError::TooMany);
        }
        Ok(Self(networks.into()))
    }

    /// Whether any source is accepted.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether a request from this address is accepted. One whose address is not known is accepted only if any is.
    #[must_use]
    pub fn allow(&self, source: Option<IpAddr>) -> bool {
        let contains = |source: IpAddr| self.0.iter().any(|network| network.contains(&source.to_canonical()));
        self.is_any() || source.is_some_and(contains)
    }
}

impl fmt::Display for AllowedSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> = self.0.iter().map(|network| text(*network)).collect();
        f.pad(&text.join(","))
    }
}

/// A network, or a single address without its prefix length.
#[must_use]
pub fn text(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network: IpNet = text.parse().ok()?;
    let canonical = network.addr().to_canonical();
    if canonical.is_ipv4() && network.addr().is_ipv6() {
        // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
        return IpNet::new(canonical, network.prefix_len().checked_sub(96)?)
            .ok()
            .map(|network| network.trunc());
    }
    Some(network.trunc())
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{:?} is not an address or a network like 10.0.0.0/8", super::text::inert(.0))]
    Invalid(String),
    #[error("a key can have at most {} allowed sources", AllowedSources::MOST)]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> AllowedSources {
        AllowedSources::parse(text).unwrap()
    }

    #[test]
    fn a_key_without_allowed_sources_is_accepted_from_anywhere() {
        assert!(allowed("").is_any());
        assert!(allowed(" , ").allow(None));
        assert!(allowed("").allow(Some("10.0.0.4".parse().unwrap())));
    }

    #[test]
    fn an_unknown_source_is_not_allowed_where_sources_are_named() {
        assert!(!allowed("0.0.0.0/0, ::/0").allow(None));
    }

    #[test]
    fn addresses_and_networks_of_both_families_are_compared() {
        let allowed = allowed("10.0.0.4,192.168.0.0/16 2001:db8::/32");
        for (source, expected) in [
            ("10.0.0.4", true),
            ("10.0.0.5", false),
            ("::ffff:10.0.0.4", true),
            ("192.168.255.255", true),
            ("192.169.0.0", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(allowed.allow(Some(source.parse().unwrap())), expected, "{source}");
        }
    }

    #[test]
    fn the_text_is_canonical_and_reads_back() {
        let parsed =
            allowed("10.1.2.3/8, 10.0.0.4/32 ::ffff:10.0.0.4, 2001:DB8::1/32, ::ffff:172.16.0.0/108");
        assert_eq!(parsed.to_string(), "10.0.0.0/8,10.0.0.4,2001:db8::/32,172.16.0.0/12");
        assert_eq!(AllowedSources::parse(&parsed.to_string()), Ok(parsed));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in ["10.0.0", "10.0.0.0/33", "host.example", "::ffff:10.0.0.0/90", "10.0.0.0-10.0.0.9"] {
            assert_eq!(AllowedSources::parse(wrong), Err(SourceError::Invalid(wrong.into())));
        }
        let many: Vec<String> = (0..65).map(|number| format!("10.0.0.{number}")).collect();
        assert_eq!(AllowedSources::parse(&many.join(",")), Err(SourceError::TooMany));
    }
}
