//! Which machines are never connected to, and what names stand for.
//!
//! A name is looked up once, what it stands for is looked at, and these numbers are connected to: there is no second look-up that
//! could give others (DNS rebinding).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::FetchError;
use crate::address::{Host, WebAddress};

/// Most numbers of a name that are looked at.
const MAX_NUMBERS: usize = 64;

/// Ranges of IPv4 that are no public machine's, as prefix, its bits, and what they are.
const REFUSED: [([u8; 4], u8, &str); 15] = [
    ([0, 0, 0, 0], 8, "no machine (0.0.0.0/8)"),
    ([10, 0, 0, 0], 8, "of a private network (10.0.0.0/8)"),
    ([100, 64, 0, 0], 10, "of a provider's inner network (100.64.0.0/10)"),
    ([127, 0, 0, 0], 8, "this machine (127.0.0.0/8)"),
    ([169, 254, 0, 0], 16, "link-local (169.254.0.0/16)"),
    ([172, 16, 0, 0], 12, "of a private network (172.16.0.0/12)"),
    ([192, 0, 0, 0], 24, "set apart (192.0.0.0/24)"),
    ([192, 0, 2, 0], 24, "for documents (192.0.2.0/24)"),
    ([192, 88, 99, 0], 24, "set apart (192.88.99.0/24)"),
    ([192, 168, 0, 0], 16, "of a private network (192.168.0.0/16)"),
    ([198, 18, 0, 0], 15, "for benchmarks (198.18.0.0/15)"),
    ([198, 51, 100, 0], 24, "for documents (198.51.100.0/24)"),
    ([203, 0, 113, 0], 24, "for documents (203.0.113.0/24)"),
    ([224, 0, 0, 0], 4, "multicast (224.0.0.0/4)"),
    ([240, 0, 0, 0], 4, "set apart (240.0.0.0/4)"),
];

/// Ranges of IPv6 within 2000::/3 that are no public machine's. All outside of it is refused.
const REFUSED_V6: [([u16; 2], u8, &str); 5] = [
    ([0x2001, 0], 23, "set apart, or an IPv4 address within (2001::/23)"),
    ([0x2001, 0xdb8], 32, "for documents (2001:db8::/32)"),
    ([0x2002, 0], 16, "an IPv4 address within (2002::/16)"),
    ([0x3fff, 0], 20, "for documents (3fff::/20)"),
    ([0x3ffe, 0], 16, "set apart (3ffe::/16)"),
];

/// The range, in words, for which nothing is fetched from a machine; `None` of a public one.
pub fn refused_range(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => refused_v4(ip),
        IpAddr::V6(ip) => refused_v6(ip),
    }
}

fn refused_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let found = REFUSED.iter().find(|(prefix, bits, _)| {
        let mask = u32::MAX << (32 - u32::from(*bits));
        ip.to_bits() & mask == Ipv4Addr::from(*prefix).to_bits()
    });
    found.map(|(_, _, what)| *what)
}

fn refused_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [first, second, ..] = ip.segments();
    if first & 0xe000 != 0x2000 {
        return Some(match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => "this machine (::1)",
            [0, 0, 0, 0, 0, 0, 0, 0] => "no machine (::)",
            [0, 0, 0, 0, 0, 0xffff, ..] => "an IPv4 address within (::ffff:0:0/96)",
            [0, 0, 0, 0, ..] => "an IPv4 address within (::/64)",
            [0x64, 0xff9b, ..] => "an IPv4 address within (NAT64, 64:ff9b::/32)",
            [first, ..] if first & 0xfe00 == 0xfc00 => "of a private network (fc00::/7)",
            [first, ..] if first & 0xffc0 == 0xfe80 => "link-local (fe80::/10)",
            [first, ..] if first & 0xff00 == 0xff00 => "multicast (ff00::/8)",
            _ => "no public address",
        });
    }
    let bits = u32::from(first) << 16 | u32::from(second);
    let found = REFUSED_V6.iter().find(|([first, second], length, _)| {
        let mask = u32::MAX << (32 - u32::from(*length));
        bits & mask == u32::from(*first) << 16 | u32::from(*second)
    });
    found.map(|(_, _, what)| *what)
}

/// What names stand for, and who is believed. The default asks the system and reaches public machines alone.
#[derive(Clone, Default)]
pub struct Reach {
    /// Whose machine is reached though it is not public.
    trusted: Option<Host>,
    /// Instead of the system's. A name among them may stand for this machine.
    tests: Option<Tests>,
}

/// What a name stands for, in a test; `None` of one that is unknown.
type Names = Arc<dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync>;

/// The little world of a test.
#[derive(Clone)]
struct Tests {
    names: Names,
    roots: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tests.is_some() { "Reach(tests)" } else { "Reach" })
    }
}

impl Reach {
    /// A world of these names alone, of which those that stand for this machine are reached, and of these roots of certificates. For
    /// tests that serve themselves; no setting leads here. All other ranges are refused as ever, and so is this machine by its number.
    #[doc(hidden)]
    pub fn of_tests(
        names: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
        roots: Vec<Vec<u8>>,
    ) -> Self {
        let roots = roots.into_iter().map(CertificateDer::from).collect();
        Self { trusted: None, tests: Some(Tests { names: Arc::new(names), roots }) }
    }

    /// Reaches public machines, and that of the address, which the user of this process named, though it be of a private network.
    pub fn public_and(address: &WebAddress) -> Self {
        Self { trusted: Some(address.origin.host.clone()), tests: None }
    }

    /// Roots of certificates instead of the system's.
    pub(crate) fn roots(&self) -> Option<&[CertificateDer<'static>]> {
        self.tests.as_ref().map(|tests| tests.roots.as_slice())
    }

    /// The numbers of a host, all of which may be connected to.
    pub(crate) async fn numbers(&self, host: &Host, port: u16) -> Result<Vec<IpAddr>, FetchError> {
        let away = |what: String| FetchError::Connection { address: host.to_string(), what };
        let numbers = match host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => {
                let found = self.look_up(name, port).await;
                found.map_err(|error| away(format!("the name cannot be looked up: {error}")))?
            }
        };
        if numbers.is_empty() {
            return Err(away("the name stands for no machine".to_owned()));
        }
        if self.trusted.as_ref() == Some(host) {
            return Ok(numbers);
        }
        let is_own = |ip: &IpAddr| self.tests.is_some() && matches!(host, Host::Name(_)) && ip.is_loopback();
        // One that is not public is enough: who answers so may answer otherwise the next time.
        let refused = numbers.iter().filter(|ip| !is_own(ip)).find_map(|ip| refused_range(*ip));
        match refused {
            Some(range) => Err(FetchError::NotPublic { host: host.to_string(), range }),
            None => Ok(numbers),
        }
    }

    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<IpAddr>> {
        if let Some(tests) = &self.tests {
            return (tests.names)(name)
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"));
        }
        let found = tokio::net::lookup_host((name, port)).await?;
        Ok(found.map(|address| address.ip()).take(MAX_NUMBERS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_that_are_not_public_are_refused_in_every_form() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "250.1.1.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(refused_range(ip.parse().expect(ip)).is_some(), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.0.0",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::1",
        ] {
            assert_eq!(refused_range(ip.parse().expect(ip)), None, "{ip}");
        }
    }

    #[tokio::test]
    async fn a_name_with_one_private_number_is_refused_whole() {
        let ip = |text: &str| text.parse::<IpAddr>().expect(text);
        let names = move |name: &str| {
            Some(match name {
                "own.test" => vec![ip("127.0.0.1")],
                "private.test" => vec![ip("10.0.0.1")],
                "both.test" => vec![ip("1.1.1.1"), ip("fd00::1")],
                "none.test" => Vec::new(),
                _ => return None,
            })
        };
        let reach = Reach::of_tests(names, Vec::new());
        let asked = |name: &str| Host::Name(name.to_owned());
        assert_eq!(reach.numbers(&asked("own.test"), 80).await.expect("reached"), [ip("127.0.0.1")]);
        for name in ["private.test", "both.test"] {
            let error = reach.numbers(&asked(name), 80).await.expect_err(name);
            assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
        }
        for name in ["none.test", "unknown.test"] {
            let error = reach.numbers(&asked(name), 80).await.expect_err(name);
            assert!(matches!(error, FetchError::Connection { .. }), "{error}");
        }
        // By its number this machine is refused also here, and where names are the system's it is refused by name.
        assert!(reach.numbers(&Host::Ip(ip("127.0.0.1")), 80).await.is_err());
        let error = Reach::default().numbers(&asked("localhost"), 80).await.expect_err("this machine");
        assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
    }
}
