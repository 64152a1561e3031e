//! The source address of a request: the peer's, or the one that a trusted proxy reports.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// The proxies whose `X-Forwarded-For` and `X-Real-IP` are trusted: none, unless configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl TrustedProxies {
    /// Each an address, a network (`10.0.0.0/8`), or `unix` for every peer of the Unix socket.
    ///
    /// # Errors
    /// A message about the first invalid one.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut trusted = Self::default();
        for text in texts {
            match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => trusted.networks.push(network),
                Err(_) if text == "unix" => trusted.unix = true,
                Err(_) => {
                    return Err(format!(
                        "{text:?} is not an address, a network like 10.0.0.0/8, or \"unix\""
                    ));
                }
            }
        }
        Ok(trusted)
    }

    /// Whether no proxy is trusted, so that every request comes from its peer.
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The source address; none when only the peer of a Unix socket is known.
    ///
    /// This is the last address in `X-Forwarded-For` that is not a trusted proxy's: a client can forge those before it.
    /// Several header lines are one list (RFC 9110, section 5.3), read as bytes. Where an entry is not an address, the
    /// proxy that sent it is used. `X-Real-IP` is read only without `X-Forwarded-For`.
    pub(crate) fn source_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.map(|address| address.to_canonical());
        if !peer.map_or(self.unix, |address| self.trusts(address)) {
            return peer;
        }
        let mut forwarded = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).peekable();
        if forwarded.peek().is_none() {
            let mut real = headers.get_all("x-real-ip").iter();
            // With two, one may be sent by the client.
            return match (real.next(), real.next()) {
                (Some(line), None) => address(line.as_bytes()).or(peer),
                _ => peer,
            };
        }
        let mut last_known = peer;
        for hop in forwarded.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let Some(hop) = address(hop) else { break };
            last_known = Some(hop);
            if !self.trusts(hop) {
                break;
            }
        }
        last_known
    }
}

/// An address, with or without a port.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<T: AsRef<[u8]>>(lines: &[(&'static str, T)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        }
        headers
    }

    fn from<T: AsRef<[u8]>>(
        trusted: &[&str],
        peer: Option<&str>,
        lines: &[(&'static str, T)],
    ) -> Option<String> {
        let trusted = TrustedProxies::parse(trusted.iter().copied()).unwrap();
        let peer = peer.map(|peer| peer.parse().unwrap());
        trusted.source_address(peer, &headers(lines)).map(|address| address.to_string())
    }

    #[test]
    fn proxies_are_trusted_only_when_configured() {
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-real-ip", "6.6.6.6")];
        assert_eq!(from(&[], Some("127.0.0.1"), &lines).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(&["10.0.0.0/8"], Some("127.0.0.1"), &lines).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(&["127.0.0.1"], None, &lines), None, "a Unix socket has no address");
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxy_counts() {
        let ours = ["127.0.0.1", "10.0.0.0/8", "unix"];
        let forwarded =
            |value| from(&ours, Some("127.0.0.1"), &[("x-forwarded-for", value)]).unwrap_or_default();
        assert_eq!(forwarded("203.0.113.9"), "203.0.113.9");
        assert_eq!(forwarded("6.6.6.6, 203.0.113.9"), "203.0.113.9", "6.6.6.6 is sent by the client");
        assert_eq!(forwarded("203.0.113.9, 10.1.2.3"), "203.0.113.9");
        assert_eq!(forwarded("10.1.2.3"), "10.1.2.3");
        assert_eq!(forwarded("203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(forwarded("[2001:db8::1]:443"), "2001:db8::1");
        assert_eq!(forwarded("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(forwarded("unknown, 10.1.2.3"), "10.1.2.3");
        assert_eq!(forwarded("nonsense"), "127.0.0.1");
        assert_eq!(forwarded(""), "127.0.0.1");
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(from(&ours, None, &lines).as_deref(), Some("203.0.113.9"));
        let both = [("x-real-ip", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(from(&ours, None, &both).as_deref(), Some("203.0.113.9"));
        assert_eq!(from(&ours, None, &[("x-real-ip", "203.0.113.9")]).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn a_client_cannot_choose_its_address_with_bytes_that_are_not_text() {
        const FORWARDED: &str = "x-forwarded-for";
        const REAL: &str = "x-real-ip";
        let ours = ["127.0.0.1", "10.0.0.0/8", "unix"];
        let of = |lines: &[(&'static str, &[u8])]| from(&ours, Some("127.0.0.1"), lines);
        for (lines, wanted) in [
            (&[(FORWARDED, &b"\xff, 203.0.113.9"[..]), (REAL, b"6.6.6.6")][..], "203.0.113.9"),
            (&[(FORWARDED, b"\xff"), (FORWARDED, b"203.0.113.9"), (REAL, b"6.6.6.6")], "203.0.113.9"),
            (&[(FORWARDED, b"6.6.6.6"), (FORWARDED, b"203.0.113.9, 10.1.2.3")], "203.0.113.9"),
            (&[(FORWARDED, b"\xff"), (REAL, b"6.6.6.6")], "127.0.0.1"),
            (&[(FORWARDED, b""), (REAL, b"6.6.6.6")], "127.0.0.1"),
            (&[(FORWARDED, b"6.6.6.6"), (FORWARDED, b"\xff")], "127.0.0.1"),
            (&[(FORWARDED, b"6.6.6.6, \xff")], "127.0.0.1"),
            (&[(FORWARDED, b"6.6.6.6, \xff, 10.1.2.3")], "10.1.2.3"),
            (&[(FORWARDED, b"6.6.6.6\xa0")], "127.0.0.1"),
            (&[(REAL, b"6.6.6.6"), (REAL, b"203.0.113.9")], "127.0.0.1"),
            (&[(REAL, b"203.0.113.9\xff")], "127.0.0.1"),
        ] {
            assert_eq!(of(lines).as_deref(), Some(wanted), "{lines:?}");
        }
        let unknown = from(&ours, None, &[(FORWARDED, &b"6.6.6.6, \xff"[..]), (REAL, b"6.6.6.6")]);
        assert_eq!(unknown, None, "the peer of a Unix socket has no address");
    }

    #[test]
    fn an_invalid_network_is_an_error() {
        assert!(TrustedProxies::parse(["10.0.0.0/33"]).unwrap_err().contains("10.0.0.0/33"));
        assert!(TrustedProxies::parse(["localhost"]).is_err());
    }
}
