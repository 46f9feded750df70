//! The network address of a client, which proxies that are trusted may tell.

use std::net::IpAddr;

use kith_domain::webhook::address::AllowNets;
use poem::Request;
use poem::http::HeaderMap;

/// The address from which a request came: that of the connection, or if that is a trusted proxy, what it says.
pub(crate) fn address(request: &Request, trusted: &AllowNets) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr()?.ip().to_canonical();
    Some(behind(peer, request.headers(), trusted))
}

/// Goes back from the peer along what proxies have noted, as long as they are trusted.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &AllowNets) -> IpAddr {
    if !trusted.contains(peer) {
        return peer;
    }
    let mut client = peer;
    for noted in noted(headers).into_iter().rev() {
        // What cannot be read was not noted by a proxy that can be trusted.
        let Some(address) = noted else { break };
        client = address;
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// The addresses that proxies have noted, the nearest last.
fn noted(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = |name| {
        let lines = headers.get_all(name).iter();
        lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
    };
    let forwarded: Vec<_> = lines("forwarded").collect();
    if forwarded.is_empty() {
        let lines: Vec<_> = lines("x-forwarded-for").collect();
        let parts = lines.iter().flat_map(|line| line.split(','));
        return parts.map(read).collect();
    }
    let elements = forwarded.iter().flat_map(|line| line.split(','));
    elements
        .map(|element| {
            let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
            let of_client = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
            of_client.and_then(|(_, value)| read(value))
        })
        .collect()
}

/// `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`, `2001:db8::1`, each also in quotes.
fn read(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok()?,
        None => match text.parse() {
            Ok(address) => address,
            Err(_) => text.rsplit_once(':')?.0.parse().ok()?,
        },
    };
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use poem::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: AllowNets = "10.0.0.0/8,fd00::/8".parse().unwrap();
        let xff = "x-forwarded-for";
        for (peer, headers, client) in [
            ("203.0.113.9", vec![], "203.0.113.9"),
            ("203.0.113.9", vec![(xff, "198.51.100.1")], "203.0.113.9"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(xff, "198.51.100.1")], "198.51.100.1"),
            (
                "10.0.0.1",
                vec![(xff, "6.6.6.6, 198.51.100.1, 10.0.0.2")],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                vec![(xff, "6.6.6.6"), (xff, "198.51.100.1")],
                "198.51.100.1",
            ),
            ("10.0.0.1", vec![(xff, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", vec![(xff, "198.51.100.1, unknown")], "10.0.0.1"),
            ("10.0.0.1", vec![(xff, "198.51.100.1:1234")], "198.51.100.1"),
            (
                "fd00::1",
                vec![("forwarded", "for=\"[2001:db8::7]:9\";proto=https")],
                "2001:db8::7",
            ),
            (
                "10.0.0.1",
                vec![
                    ("forwarded", "for=6.6.6.6, proto=https;For=198.51.100.1"),
                    (xff, "7.7.7.7"),
                ],
                "198.51.100.1",
            ),
            ("10.0.0.1", vec![("forwarded", "for=_hidden")], "10.0.0.1"),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
            }
            let found = behind(peer.parse().unwrap(), &map, &trusted);
            assert_eq!(found.to_string(), client, "{peer} {headers:?}");
        }
    }
}
