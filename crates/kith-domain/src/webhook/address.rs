//! The address guard: which IP addresses a webhook may be sent to, in every notation that reaches the same machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Networks that webhooks may reach although the guard would block them (`KITH_WEBHOOK_ALLOW_NETS`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowNets(Vec<IpNet>);

/// An entry that is neither a network nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network; write it as in 10.0.0.0/8, fd00::/8 or 127.0.0.1")]
pub struct NotANetwork(String);

impl AllowNets {
    /// Whether the networks hold an address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether nothing is allowed besides what everybody may reach.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a comma-separated list of CIDR networks and single addresses.
impl FromStr for AllowNets {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let nets = entries.map(|entry| {
            let net = IpNet::from_str(entry);
            net.or_else(|_| IpAddr::from_str(entry).map(IpNet::from))
                .map_err(|_| NotANetwork(entry.to_owned()))
        });
        nets.collect::<Result<_, _>>().map(AllowNets)
    }
}

/// Why an address is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The machine itself.
    Loopback,
    /// No address: `0.0.0.0/8`, `::`.
    Unspecified,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// The same link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Site-local (RFC 3879).
    SiteLocal,
    /// Shared by a carrier's customers (RFC 6598).
    CarrierNat,
    /// The metadata service of a cloud.
    Metadata,
    /// Many receivers.
    Multicast,
    /// All receivers.
    Broadcast,
    /// Written in documentation only.
    Documentation,
    /// For measurements (RFC 2544, RFC 5180).
    Benchmarking,
    /// A tunnel or a translation that could end anywhere.
    Transition,
    /// Set aside by IANA.
    Reserved,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Loopback => "a loopback address",
            Kind::Unspecified => "an unspecified address",
            Kind::Private => "a private address",
            Kind::LinkLocal => "a link-local address",
            Kind::SiteLocal => "a site-local address",
            Kind::CarrierNat => "a carrier-grade NAT address",
            Kind::Metadata => "a cloud's metadata address",
            Kind::Multicast => "a multicast address",
            Kind::Broadcast => "the broadcast address",
            Kind::Documentation => "a documentation address",
            Kind::Benchmarking => "a benchmarking address",
            Kind::Transition => "a tunnel or translation address",
            Kind::Reserved => "a reserved address",
        }
    }
}

/// An address that webhooks may not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The address.
    pub address: IpAddr,
    /// What it is.
    pub kind: Kind,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.kind.words())
    }
}

impl std::error::Error for Blocked {}

type Row4 = ([u8; 4], u8, Kind);

/// The first row that holds an address decides.
const V4: [Row4; 24] = [
    ([169, 254, 169, 254], 32, Kind::Metadata),
    ([169, 254, 170, 2], 32, Kind::Metadata),
    ([169, 254, 0, 0], 16, Kind::LinkLocal),
    ([100, 100, 100, 200], 32, Kind::Metadata),
    ([168, 63, 129, 16], 32, Kind::Metadata),
    ([192, 0, 0, 192], 32, Kind::Metadata),
    ([127, 0, 0, 0], 8, Kind::Loopback),
    ([0, 0, 0, 0], 8, Kind::Unspecified),
    ([10, 0, 0, 0], 8, Kind::Private),
    ([172, 16, 0, 0], 12, Kind::Private),
    ([192, 168, 0, 0], 16, Kind::Private),
    ([100, 64, 0, 0], 10, Kind::CarrierNat),
    ([192, 0, 2, 0], 24, Kind::Documentation),
    ([198, 51, 100, 0], 24, Kind::Documentation),
    ([203, 0, 113, 0], 24, Kind::Documentation),
    ([198, 18, 0, 0], 15, Kind::Benchmarking),
    ([192, 0, 0, 0], 24, Kind::Reserved),
    ([192, 31, 196, 0], 24, Kind::Reserved),
    ([192, 52, 193, 0], 24, Kind::Reserved),
    ([192, 175, 48, 0], 24, Kind::Reserved),
    ([192, 88, 99, 0], 24, Kind::Transition),
    ([224, 0, 0, 0], 4, Kind::Multicast),
    ([255, 255, 255, 255], 32, Kind::Broadcast),
    ([240, 0, 0, 0], 4, Kind::Reserved),
];

type Row6 = ([u16; 8], u8, Kind);

/// The first row that holds an address decides. What is outside of 2000::/3 and not named is reserved.
const V6: [Row6; 23] = [
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, Kind::Metadata),
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, Kind::Metadata),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Kind::Loopback),
    ([0; 8], 128, Kind::Unspecified),
    // IPv4-compatible and IPv4-translated (SIIT).
    ([0; 8], 96, Kind::Transition),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Kind::Transition),
    // NAT64 for local use; the well-known prefix is looked into.
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Kind::Transition),
    // Teredo, 6to4.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Kind::Transition),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Kind::Transition),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Kind::Benchmarking),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Kind::Documentation),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Kind::Documentation),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Kind::Reserved),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, Kind::Reserved),
    // The address space of the former 6bone.
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, Kind::Reserved),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Kind::Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Kind::LinkLocal),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Kind::SiteLocal),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Kind::Multicast),
    ([0, 0, 0, 0, 0, 0, 0, 0], 3, Kind::Reserved),
    ([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, Kind::Reserved),
    ([0x8000, 0, 0, 0, 0, 0, 0, 0], 2, Kind::Reserved),
    ([0xc000, 0, 0, 0, 0, 0, 0, 0], 2, Kind::Reserved),
];

/// Judges the address that is about to be connected to.
///
/// IPv4-mapped and well-known NAT64 addresses are judged by the IPv4 address that they reach; other tunnels and
/// translations are blocked as such. `allow` overrules all of it.
///
/// # Errors
/// What the address is, if it is not an ordinary public one.
pub fn judge(address: IpAddr, allow: &AllowNets) -> Result<(), Blocked> {
    if allow.contains(address) {
        return Ok(());
    }
    let kind = match address {
        IpAddr::V4(v4) => kind4(v4),
        IpAddr::V6(v6) => match inner(v6) {
            Some(v4) if allow.contains(IpAddr::V4(v4)) => None,
            Some(v4) => kind4(v4),
            None => kind6(v6),
        },
    };
    match kind {
        Some(kind) => Err(Blocked { address, kind }),
        None => Ok(()),
    }
}

/// The IPv4 address that an IPv4-mapped (`::ffff:0:0/96`) or NAT64 (`64:ff9b::/96`) address reaches.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

fn kind4(address: Ipv4Addr) -> Option<Kind> {
    let bits = address.to_bits();
    let row = V4.iter().find(|(net, length, _)| {
        let net = u32::from_be_bytes(*net);
        (bits ^ net) >> (32 - u32::from(*length)) == 0
    });
    row.map(|(.., kind)| *kind)
}

fn kind6(address: Ipv6Addr) -> Option<Kind> {
    let bits = address.to_bits();
    let row = V6.iter().find(|(net, length, _)| {
        let net = Ipv6Addr::from(*net).to_bits();
        (bits ^ net) >> (128 - u32::from(*length)) == 0
    });
    // ISATAP: an IPv4 address behind the interface identifier 0000:5efe or 0200:5efe.
    let isatap = matches!(address.segments(), [.., 0 | 0x200, 0x5efe, _, _]);
    row.map(|(.., kind)| *kind)
        .or(isatap.then_some(Kind::Transition))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn kind(text: &str) -> Option<Kind> {
        judge(text.parse().unwrap(), &AllowNets::default())
            .err()
            .map(|blocked| blocked.kind)
    }

    #[test]
    fn every_special_range_is_blocked_by_its_first_and_last_address() {
        use Kind::*;
        for (text, expected) in [
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("100.64.0.0", CarrierNat),
            ("100.127.255.255", CarrierNat),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("100.100.100.200", Metadata),
            ("168.63.129.16", Metadata),
            ("192.0.0.192", Metadata),
            ("192.0.0.1", Reserved),
            ("192.0.2.1", Documentation),
            ("198.51.100.255", Documentation),
            ("203.0.113.7", Documentation),
            ("198.18.0.0", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("192.31.196.1", Reserved),
            ("192.52.193.1", Reserved),
            ("192.175.48.1", Reserved),
            ("192.88.99.1", Transition),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Broadcast),
            ("::1", Loopback),
            ("::", Unspecified),
            ("::127.0.0.1", Transition),
            ("::8.8.8.8", Transition),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.1.2.3", Private),
            ("::ffff:a9fe:a9fe", Metadata),
            ("::ffff:0:127.0.0.1", Transition),
            ("64:ff9b::127.0.0.1", Loopback),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b:1::8.8.8.8", Transition),
            ("100::1", Reserved),
            ("2001::1", Transition),
            ("2001:0:7f00:1::", Transition),
            ("2001:2::1", Benchmarking),
            ("2001:10::1", Reserved),
            ("2001:20::1", Reserved),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("3fff:fff:ffff::1", Documentation),
            ("2002:7f00:1::1", Transition),
            ("2002:808:808::1", Transition),
            ("2620:4f:8000::1", Reserved),
            ("5f00::1", Reserved),
            ("fc00::1", Private),
            ("fdff:ffff::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", SiteLocal),
            ("feff::1", SiteLocal),
            ("ff02::1", Multicast),
            ("2a00:1450::5efe:10.0.0.1", Transition),
            ("2a00:1450:0:0:200:5efe:7f00:1", Transition),
            ("1::1", Reserved),
            ("4000::1", Reserved),
            ("8000::1", Reserved),
            ("e000::1", Reserved),
        ] {
            assert_eq!(kind(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn their_public_neighbours_are_not() {
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "2001:4860:4860::8888",
            "2003::1",
            "2400::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn listed_networks_are_allowed_also_inside_ipv6() {
        let allow: AllowNets = " 127.0.0.0/8, ::1,fd00::/8 ".parse().unwrap();
        for text in [
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "::1",
            "fd12::1",
        ] {
            assert_eq!(judge(text.parse().unwrap(), &allow), Ok(()), "{text}");
        }
        assert!(judge("10.0.0.1".parse().unwrap(), &allow).is_err());
        let error = "localhost".parse::<AllowNets>().unwrap_err();
        assert!(error.to_string().contains("`localhost` is no network"));
        assert!("".parse::<AllowNets>().unwrap().is_empty());
    }

    #[test]
    fn the_words_say_what_and_why() {
        let blocked = judge("::ffff:10.0.0.1".parse().unwrap(), &AllowNets::default()).unwrap_err();
        assert_eq!(blocked.to_string(), "::ffff:10.0.0.1 is a private address");
    }
}
