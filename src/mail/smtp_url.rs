//! Where the mail server is and how the way there is protected.
//!
//! A mail server is spoken to over TLS or on this machine; anything else must be asked for. TLS is
//! implicit (`smtps`) or a required STARTTLS, never "if the server happens to offer it": whoever sits
//! in between would answer that it does not.

use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, Url};

/// A mail server: `smtps://user:password@host:465`, `smtp://host:587?tls=required`, or
/// `smtp://localhost:25`. A path names us in EHLO. No `Debug`: it holds a password.
#[derive(Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
}

/// How the way to the server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// TLS after STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// What is wrong with a mail server's URL. Never the URL itself.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SmtpUrlError {
    /// Not a URL, or one without a host.
    #[error("is not a URL with a host")]
    NotAUrl,
    /// Some other protocol.
    #[error("must start with smtps:// or smtp://")]
    Scheme,
    /// A server elsewhere, without TLS.
    #[error("sends mails unprotected to another machine: use smtps:// or add ?tls=required")]
    Plain,
    /// `tls=opportunistic`, a misspelt parameter, or a fragment.
    #[error("may have no parameter but tls=required")]
    Parameter,
    /// Only half of them, or not percent-encoded UTF-8.
    #[error("needs both a user and a password, percent-encoded, or neither")]
    Credentials,
    /// A path that is no host name.
    #[error("has a path that is not a host name to greet with")]
    Hello,
}

impl SmtpUrl {
    /// Reads a URL. `allow_plain` lets mails go unprotected to another machine.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(url: &SecretString, allow_plain: bool) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(url.expose_secret()).map_err(|_| SmtpUrlError::NotAUrl)?;
        let security = security(&url)?;
        let host = host(&url)?;
        if security == Security::Plain && !allow_plain && !is_loopback(&host) {
            return Err(SmtpUrlError::Plain);
        }
        Ok(Self {
            port: url.port().unwrap_or(match security {
                Security::Plain => SMTP_PORT,
                Security::Starttls => SUBMISSION_PORT,
                Security::Tls => SUBMISSIONS_PORT,
            }),
            host,
            security,
            credentials: credentials(&url)?,
            hello: hello(&url)?,
        })
    }
}

fn security(url: &Url) -> Result<Security, SmtpUrlError> {
    let scheme = url.scheme();
    if !matches!(scheme, "smtp" | "smtps") {
        return Err(SmtpUrlError::Scheme);
    }
    // A misspelt `tls` must not quietly mean "no TLS", nor a `#` in a password cut it short.
    if url.fragment().is_some() {
        return Err(SmtpUrlError::Parameter);
    }
    match (scheme, url.query()) {
        ("smtps", None | Some("tls=required")) => Ok(Security::Tls),
        ("smtp", Some("tls=required")) => Ok(Security::Starttls),
        ("smtp", None) => Ok(Security::Plain),
        _ => Err(SmtpUrlError::Parameter),
    }
}

fn host(url: &Url) -> Result<String, SmtpUrlError> {
    // As text for all three: the resolver takes no brackets, and certificates name addresses bare.
    match url.host().ok_or(SmtpUrlError::NotAUrl)? {
        Host::Domain("") => Err(SmtpUrlError::NotAUrl),
        Host::Domain(name) => Ok(name.to_ascii_lowercase()),
        Host::Ipv4(address) => Ok(address.to_string()),
        Host::Ipv6(address) => Ok(address.to_string()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, SmtpUrlError> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => Err(SmtpUrlError::Credentials),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

fn decoded(part: &str) -> Result<String, SmtpUrlError> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => (hex(*high, *low)?, tail),
            (b'%', _) => return Err(SmtpUrlError::Credentials),
            _ => (first, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| SmtpUrlError::Credentials)
}

fn hex(high: u8, low: u8) -> Result<u8, SmtpUrlError> {
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .ok_or(SmtpUrlError::Credentials)
    };
    let value = digit(high)? * 16 + digit(low)?;
    Ok(u8::try_from(value).expect("two hex digits make one byte"))
}

fn hello(url: &Url) -> Result<ClientId, SmtpUrlError> {
    let name = url.path().trim_matches('/');
    if name.is_empty() {
        return Ok(ClientId::default());
    }
    let is_host_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if is_host_name {
        Ok(ClientId::Domain(name.to_owned()))
    } else {
        Err(SmtpUrlError::Hello)
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::authentication::Credentials;
    use lettre::transport::smtp::extension::ClientId;
    use secrecy::SecretString;

    use super::{Security, SmtpUrl, SmtpUrlError};

    fn parse(url: &str) -> Result<SmtpUrl, SmtpUrlError> {
        SmtpUrl::parse(&SecretString::from(url), false)
    }

    #[test]
    fn the_scheme_and_tls_decide_protection_and_port() {
        for (url, security, port) in [
            ("smtps://mail.example", Security::Tls, 465),
            ("smtps://mail.example?tls=required", Security::Tls, 465),
            ("smtp://mail.example?tls=required", Security::Starttls, 587),
            ("smtp://localhost", Security::Plain, 25),
            ("smtp://127.0.0.2:1025/", Security::Plain, 1025),
            ("smtp://[::1]:1025", Security::Plain, 1025),
        ] {
            let parsed = parse(url).unwrap_or_else(|fault| panic!("{url} {fault}"));

            assert_eq!((parsed.security, parsed.port), (security, port), "{url}");
        }
    }

    #[test]
    fn another_machine_without_tls_must_be_allowed() {
        for url in [
            "smtp://mail.example",
            "smtp://10.0.0.1:25",
            "smtp://localhost.example",
        ] {
            assert_eq!(parse(url).err(), Some(SmtpUrlError::Plain), "{url}");
            assert!(
                SmtpUrl::parse(&SecretString::from(url), true).is_ok(),
                "{url}"
            );
        }
    }

    #[test]
    fn each_fault_is_named() {
        for (url, fault) in [
            ("", SmtpUrlError::NotAUrl),
            ("mail.example", SmtpUrlError::NotAUrl),
            ("smtps://", SmtpUrlError::NotAUrl),
            ("smtps:mail.example", SmtpUrlError::NotAUrl),
            ("smtps://mail.example:99999", SmtpUrlError::NotAUrl),
            ("https://mail.example", SmtpUrlError::Scheme),
            (
                "smtp://mail.example?tls=opportunistic",
                SmtpUrlError::Parameter,
            ),
            ("smtp://mail.example?tsl=required", SmtpUrlError::Parameter),
            ("smtps://mail.example#x", SmtpUrlError::Parameter),
            ("smtps://neo@mail.example", SmtpUrlError::Credentials),
            ("smtps://neo:@mail.example", SmtpUrlError::Credentials),
            ("smtps://:secret@mail.example", SmtpUrlError::Credentials),
            ("smtps://neo:100%@mail.example", SmtpUrlError::Credentials),
            ("smtps://neo:%ff@mail.example", SmtpUrlError::Credentials),
            ("smtps://neo:%+1@mail.example", SmtpUrlError::Credentials),
            ("smtps://mail.example/a b", SmtpUrlError::Hello),
            ("smtps://mail.example/a%0d%0ab", SmtpUrlError::Hello),
        ] {
            assert_eq!(parse(url).err(), Some(fault), "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        let url = parse("smtps://neo%40pay.example:p%25%C3%B6%3a+@mail.example").unwrap();

        let expected = Credentials::new("neo@pay.example".to_owned(), "p%ö:+".to_owned());
        assert!(url.credentials == Some(expected));
    }

    #[test]
    fn the_path_is_how_we_greet() {
        let url = parse("smtps://mail.example/worker.pay.example").unwrap();

        assert_eq!(url.hello, ClientId::Domain("worker.pay.example".to_owned()));
    }
}
