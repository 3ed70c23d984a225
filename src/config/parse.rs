//! From text to values, for settings of more than one room. Each error completes the sentence
//! "the variable …".

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use url::{Host, Url};

pub(super) fn text(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(value.to_owned())
}

/// A short name: it becomes part of ids and labels.
pub(super) fn name(value: &str) -> Result<String, String> {
    let value = value.trim();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if value.len() > 64 || !value.chars().all(is_plain) {
        return Err("is not up to 64 letters, digits, dots, dashes or underscores".to_owned());
    }
    Ok(value.to_owned())
}

pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

pub(super) fn number(value: &str, from: u32, to: u32) -> Result<u32, String> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|number| (from..=to).contains(number))
        .ok_or_else(|| format!("is not a whole number from {from} to {to}"))
}

pub(super) fn milliseconds(value: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(86_400);
    value
        .trim()
        .parse()
        .ok()
        .map(Duration::from_millis)
        .filter(|duration| !duration.is_zero() && *duration <= most)
        .ok_or_else(|| "is not a whole number of milliseconds from 1 to 86400000".to_owned())
}

/// With its unit: `20s`, or as ISO 8601 has it, `PT20S`.
pub(super) fn duration(value: &str) -> Result<Duration, String> {
    value
        .trim()
        .parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| *duration <= Duration::from_secs(3600))
        .ok_or_else(|| "is not a duration with its unit, of at most an hour".to_owned())
}

/// With its unit, which may be days of 24 hours: `90d`, or as ISO 8601 has it, `P90D`.
pub(super) fn calendar_duration(value: &str) -> Option<Duration> {
    let span: Span = value.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

pub(super) fn list(value: &str) -> Result<Vec<String>, String> {
    let entries: Vec<_> = value
        .split(',')
        .map(|entry| entry.trim().to_owned())
        .collect();
    if entries.iter().any(String::is_empty) {
        return Err("has an empty entry between its commas".to_owned());
    }
    Ok(entries)
}

pub(super) fn socket(value: &str) -> Result<SocketAddr, String> {
    value
        .trim()
        .parse()
        .map_err(|_| "is not an IP address and a port".to_owned())
}

/// Addresses and networks. One that holds every address would make a wish of what it is to limit.
pub(super) fn networks(value: &str) -> Result<Vec<IpNet>, String> {
    let network = |entry: &String| {
        let network = match entry.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => entry
                .parse()
                .map_err(|_| format!("has {entry:?}, which is no IP address or network"))?,
        };
        let network = of_ipv4(network).unwrap_or(network);
        match network.prefix_len() {
            0 => Err(format!("has {entry:?}, which is everybody")),
            _ => Ok(network.trunc()),
        }
    };
    list(value)?.iter().map(network).collect()
}

/// The IPv4 network that an IPv6 one stands for (`::ffff:10.0.0.0/104` for `10.0.0.0/8`): callers
/// are compared by their IPv4 addresses. One that reaches beyond holds all of IPv4.
fn of_ipv4(network: IpNet) -> Option<IpNet> {
    const MAPPED: u8 = 96;
    let IpNet::V6(network) = network else {
        return None;
    };
    let address = network.addr().to_ipv4_mapped()?;
    let prefix = network.prefix_len().saturating_sub(MAPPED);
    Ipv4Net::new(address, prefix).ok().map(IpNet::V4)
}

/// A file that can be read now; what is in it is looked at by its room.
pub(super) fn readable_file(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value.trim());
    match std::fs::File::open(&path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => Ok(path),
        Ok(_) => Err("does not name a file".to_owned()),
        Err(fault) => Err(unreadable(&fault)),
    }
}

/// Why a file could not be read, in an operator's words and without its name.
pub(super) fn unreadable(fault: &io::Error) -> String {
    match fault.kind() {
        ErrorKind::NotFound => "names a file that is not there".to_owned(),
        ErrorKind::PermissionDenied => "names a file that this user may not read".to_owned(),
        ErrorKind::IsADirectory => "names a folder".to_owned(),
        ErrorKind::InvalidData => "names a file that is not UTF-8".to_owned(),
        kind => format!("names a file that cannot be read ({kind})"),
    }
}

/// An address of HTTP. It is shown in places where a password must not be.
pub(super) fn http_url(value: &str) -> Result<Url, String> {
    let url = Url::parse(value.trim()).map_err(|fault| format!("is not a URL ({fault})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("starts with neither https:// nor http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password, which do not belong into it".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has something after its path".to_owned());
    }
    Ok(url)
}

/// Whether what is sent to this address could be read on the way.
pub(super) fn leaves_machine_unencrypted(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_milliseconds_have_none() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("PT1M"), Ok(Duration::from_secs(60)));
        assert!(duration("20").is_err() && duration("-1s").is_err() && duration("2h").is_err());
        assert_eq!(milliseconds("250"), Ok(Duration::from_millis(250)));
        for text in ["0", "-1", "10s", "1.5", "99999999999"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_are_addresses_and_prefixes_but_never_everybody() {
        let read = |text| networks(text).map(|networks| format!("{networks:?}"));

        assert_eq!(
            read("10.4.7.1/16, 192.0.2.7,2001:db8::7"),
            Ok("[10.4.0.0/16, 192.0.2.7/32, 2001:db8::7/128]".into())
        );
        assert_eq!(
            read("10.4.0.0/16,proxy.bank.example"),
            Err("has \"proxy.bank.example\", which is no IP address or network".into())
        );
        assert_eq!(
            read("::ffff:10.4.7.1/112,::ffff:192.0.2.7"),
            Ok("[10.4.0.0/16, 192.0.2.7/32]".into())
        );
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:10.0.0.0/90"] {
            assert!(read(everybody).unwrap_err().ends_with("is everybody"));
        }
        assert!(read("10.0.0.1,,10.0.0.2").is_err() && read("10.0.0.0/33").is_err());
    }

    #[test]
    fn only_plain_http_to_another_machine_is_unencrypted() {
        let unencrypted = |url: &str| leaves_machine_unencrypted(&http_url(url).unwrap());

        for url in [
            "http://localhost:8080",
            "http://127.0.0.2/",
            "http://[::1]:1",
            "https://a.b",
        ] {
            assert!(!unencrypted(url), "{url}");
        }
        assert!(unencrypted("http://engine:8080/engine-rest"));
        assert!(unencrypted("http://10.0.0.1/"));
    }

    #[test]
    fn an_address_holds_no_password() {
        let fault = http_url("https://user:hunter2@engine/").unwrap_err();

        assert!(!fault.contains("hunter2"), "{fault}");
    }
}
