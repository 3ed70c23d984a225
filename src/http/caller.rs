//! Who is calling: the address that limits count by.
//!
//! Anybody can write `X-Forwarded-For`, so only the entries that our own proxies wrote count. Each
//! proxy adds the address that it was called from on the right: read from there, the first address
//! that is none of ours is the customer's. `Forwarded` (RFC 7239) is not read, because a proxy that
//! fills in one header passes the other through as the customer sent it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;
use ipnet::IpNet;

/// Whoever holds one address of such an IPv6 network holds all of them.
const IPV6_NETWORK: u128 = !0 << 64;

/// An address that stands for one household, office or network operator's gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Caller(IpAddr);

impl Caller {
    /// Who sent this request, in the word of the proxies that we trust.
    pub(super) fn of(request: &HttpRequest, trusted: &[IpNet]) -> Self {
        // Only a connection over something other than IP has no address.
        let unknown = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
        let forwarded: Vec<_> = request
            .headers()
            .get_all(X_FORWARDED_FOR)
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        Self::behind(peer, &forwarded, trusted)
    }

    fn behind(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let mut caller = peer.to_canonical();
        let entries = forwarded.iter().rev().flat_map(|line| line.rsplit(','));
        for entry in entries {
            if !is_trusted(caller) {
                break;
            }
            // What no proxy of ours can have written, nobody vouches for.
            let Some(address) = read(entry.trim()) else {
                break;
            };
            caller = address;
        }
        Self(network_of(caller))
    }
}

/// An address; some proxies add the port.
fn read(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let address = bare.parse().ok();
    let with_port = || entry.parse().ok().map(|socket: SocketAddr| socket.ip());
    address
        .or_else(with_port)
        .map(|ip: IpAddr| ip.to_canonical())
}

fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:1::/48"]
            .map(|network| network.parse().unwrap())
            .into();
        let caller = Caller::behind(peer.parse().unwrap(), forwarded, &trusted);
        caller.0.to_string()
    }

    #[test]
    fn a_stranger_is_who_he_is_whatever_he_says() {
        assert_eq!(caller("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(caller("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(caller("192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn behind_our_proxies_the_rightmost_stranger_calls() {
        for (forwarded, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (&["198.51.100.7, 10.0.0.2 ,10.0.0.3"], "198.51.100.7"),
            (&["203.0.113.9", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (&["198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            (&["[2001:db8:7::1]:4711"], "2001:db8:7::"),
            (&["[2001:db8:7::1]"], "2001:db8:7::"),
        ] {
            assert_eq!(caller("10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn what_nobody_vouches_for_ends_the_search() {
        for (forwarded, expected) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["unknown"], "10.0.0.1"),
            (&["198.51.100.7, _hidden, 10.0.0.2"], "10.0.0.2"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            assert_eq!(caller("10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let one = caller("2001:db8:7:8:1::1", &[]);

        assert_eq!(one, "2001:db8:7:8::");
        assert_eq!(one, caller("2001:db8:7:8:ffff::2", &[]));
        assert_ne!(one, caller("2001:db8:7:9:1::1", &[]));
        assert_eq!(caller("2001:db8:1::5", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }
}
