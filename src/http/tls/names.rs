//! The names and addresses by which this machine may be reached, for a certificate of our own.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::config::Config;

/// Names of one certificate at most; a machine with more addresses than that has containers, not visitors.
pub const NAMES_MAX: usize = 64;

/// The name of this machine in lower case, without a domain when it has none; `localhost` when it has no name at all.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| output("hostname")).unwrap_or_default();
    let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() || name == "(none)" { "localhost".to_owned() } else { name }
}

/// The name by which devices in the same network find this machine: its own with a domain, else the one that it announces (mDNS).
pub fn public_host() -> String {
    let name = host_name();
    if name.contains('.') || name == "localhost" { name } else { format!("{name}.local") }
}

/// What a certificate should name: the public host and further ones, this machine's names and addresses.
pub fn wanted(config: &Config, public_host: &str) -> Vec<String> {
    let listens = config.listen.iter().chain(&config.device_listen).map(SocketAddr::ip).collect::<Vec<_>>();
    let addresses = if listens.iter().any(IpAddr::is_unspecified) { interface_addresses() } else { Vec::new() };
    put_together(
        [public_host.to_owned()].into_iter().chain(config.extra_hosts.iter().cloned()),
        &host_name(),
        listens.into_iter().chain(addresses),
    )
}

/// Names first, in the order of their importance, so that the limit cuts off what matters least.
fn put_together(asked_for: impl Iterator<Item = String>, host_name: &str, addresses: impl Iterator<Item = IpAddr>) -> Vec<String> {
    let first_label = host_name.split('.').next().unwrap_or(host_name);
    let local = (host_name != "localhost").then(|| format!("{first_label}.local"));
    let names = asked_for.chain([host_name.to_owned()]).chain(local).chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let addresses = addresses.filter(|address| !address.is_unspecified()).map(|address| address.to_canonical().to_string());
    let mut seen = BTreeSet::new();
    names.chain(addresses).filter(|name| seen.insert(name.clone())).take(NAMES_MAX).collect()
}

/// The addresses of this machine's interfaces, without loopback and link-local ones.
fn interface_addresses() -> Vec<IpAddr> {
    let linux = [("/proc/net/fib_trie", of_fib_trie as fn(&str) -> Vec<IpAddr>), ("/proc/net/if_inet6", of_if_inet6)];
    let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
    for (path, parse) in linux {
        addresses.extend(std::fs::read_to_string(path).map(|text| parse(&text)).unwrap_or_default());
    }
    if addresses.is_empty() {
        addresses.extend(output("ifconfig").map(|text| of_ifconfig(&text)).unwrap_or_default());
    }
    // What every system can tell: from where a packet to the world would go. No packet is sent.
    addresses.extend(["192.0.2.1:9", "[2001:db8::1]:9"].into_iter().filter_map(towards));
    addresses.into_iter().filter(is_for_visitors).collect()
}

fn towards(destination: &str) -> Option<IpAddr> {
    let destination: SocketAddr = destination.parse().ok()?;
    let any: IpAddr = if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(destination).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

fn is_for_visitors(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || link_local)
}

/// Linux's routing trie: an address is this machine's where `/32 host LOCAL` follows it.
fn of_fib_trie(text: &str) -> Vec<IpAddr> {
    let lines = || text.lines().map(str::trim);
    lines()
        .zip(lines().skip(1))
        .filter(|(_, next)| *next == "/32 host LOCAL")
        .filter_map(|(line, _)| line.strip_prefix("|-- ")?.parse().ok())
        .collect()
}

/// Linux's IPv6 addresses: 32 hexadecimal digits, then the interface's data.
fn of_if_inet6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| u128::from_str_radix(line.split_whitespace().next()?, 16).ok();
    text.lines().filter_map(address).map(|bits| Ipv6Addr::from(bits).into()).collect()
}

/// The BSDs' and macOS's `ifconfig`: `inet 192.0.2.2 netmask …` and `inet6 fd00::2%en0 prefixlen …`.
fn of_ifconfig(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let (kind, rest) = line.trim().split_once(' ')?;
        let word = rest.split_whitespace().next()?;
        matches!(kind, "inet" | "inet6").then(|| word.split('%').next().unwrap_or(word).parse().ok())?
    };
    text.lines().filter_map(address).collect()
}

fn output(program: &str) -> Option<String> {
    let output = std::process::Command::new(program).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(addresses: Vec<IpAddr>) -> Vec<String> {
        addresses.into_iter().filter(is_for_visitors).map(|address| address.to_string()).collect()
    }

    #[test]
    fn addresses_are_read_from_what_linux_and_the_bsds_tell() {
        let trie = "Main:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.0\n        /24 link UNICAST\n\
                    \x20    |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(text(of_fib_trie(trie)), ["192.0.2.2"]);
        let inet6 = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n\
                     fd000000000000000000000000000002 04 40 00 82     eth0\n";
        assert_eq!(text(of_if_inet6(inet6)), ["fd00::2"]);
        let ifconfig = "en0: flags=8863<UP> mtu 1500\n\tether 02:00:00:00:00:01\n\tinet6 fe80::1%en0 prefixlen 64 scopeid 0x4\n\
                        \tinet 192.0.2.2 netmask 0xffffff00 broadcast 192.0.2.255\n\tinet6 fd00::2 prefixlen 64\n";
        assert_eq!(text(of_ifconfig(ifconfig)), ["192.0.2.2", "fd00::2"]);
    }

    #[test]
    fn names_come_before_addresses_and_none_comes_twice() {
        let addresses = || ["192.0.2.2", "0.0.0.0", "127.0.0.1", "192.0.2.2"].into_iter().map(|address| address.parse().unwrap());
        let names = put_together(["mdm.example.school".to_owned()].into_iter(), "cupboard.example.school", addresses());
        let expected = ["mdm.example.school", "cupboard.example.school", "cupboard.local", "localhost", "127.0.0.1", "::1", "192.0.2.2"];
        assert_eq!(names, expected);
        let many = (0..200).map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!(put_together(std::iter::empty(), "localhost", many).len(), NAMES_MAX);
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(!host_name().is_empty() && !host_name().contains(char::is_whitespace));
    }
}
