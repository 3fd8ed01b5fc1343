//! Which addresses the whole internet knows, and which only the surroundings of this machine do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds tell a machine its own secrets, beside the link-local 169.254.169.254.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// The address at which something sent to this one arrives: the IPv4 address within those of IPv6 that stand for one (mapped or compatible, RFC 4291; of a
/// NAT64, RFC 6052; of 6to4, RFC 3056).
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let [.., high, low] = v6.segments();
    let of = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        // `::` and `::1` are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => IpAddr::V6(v6),
        [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => IpAddr::V6(v6),
    }
}

/// Whether nobody whom people choose to be asked can be at this address: what answers there belongs to the machine, the cable or the cloud.
pub fn is_off_limits(address: IpAddr) -> bool {
    let address = meant(address);
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_link_local || METADATA.contains(&address)
}

/// Whether an address is one of the internet, and not of this machine or of a network behind it.
pub fn is_public(address: IpAddr) -> bool {
    let address = meant(address);
    let is_within = match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            first == 0 || address.is_loopback() || address.is_private() || address.is_broadcast() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_unique_local(),
    };
    !(is_within || address.is_multicast() || is_off_limits(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings_are_told_from_the_internet() {
        let of = |address: &str| {
            let address = address.parse().unwrap();
            (is_off_limits(address), is_public(address))
        };
        for address in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"] {
            assert_eq!(of(address), (true, false), "{address}");
        }
        for address in ["::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"] {
            assert_eq!(of(address), (true, false), "another way to write it: {address}");
        }
        for address in ["64:ff9b::a01:203", "2002:a01:203::"] {
            assert_eq!(of(address), (false, false), "10.1.2.3 in other words: {address}");
        }
        for address in ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "::", "fd12::1", "224.0.0.1"]
        {
            assert_eq!(of(address), (false, false), "{address}");
        }
        for address in ["64:ff9b::11fd:900a", "17.253.144.10", "2001:4860:4860::8888", "100.128.0.1", "172.32.0.1"] {
            assert_eq!(of(address), (false, true), "{address}");
        }
    }
}
