//! What must be known before the database opens: flags, then `ROLLCALL_…`, then `rollcall.toml`, then the defaults.

mod layers;
mod values;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::HeaderName;

pub use layers::{KEYS, Layer, environment_name};
pub use values::{HttpsUrl, Listen, LogFormat, Network, OutboundProxy};

use crate::error::{Error, Result};
use crate::pki::proxy_header::ProxyCertFormat;
use layers::Layers;

/// The data folder when nothing names one.
pub const DATA_DEFAULT: &str = "rollcall-data";
/// The data folder of the packages' service.
pub const DATA_PACKAGED: &str = if cfg!(target_os = "macos") { "/usr/local/var/rollcall" } else { "/var/lib/rollcall" };
/// Where people and devices are served by default.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);
/// Where plain HTTP is served by default.
pub const HTTP_LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// The settings file in the data folder.
pub const FILE_NAME: &str = "rollcall.toml";
/// Addresses of one listener at most.
const LISTEN_MAX: usize = 16;
/// Bytes of a settings file at most.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// The settings of one running appliance.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// The public address; the host's name and the first port when none was written.
    pub url: Option<HttpsUrl>,
    /// HTTPS for people and devices; at least one address.
    pub listen: Vec<SocketAddr>,
    /// HTTPS that asks for device certificates.
    pub device_listen: Option<SocketAddr>,
    /// Plain HTTP: the trust page and redirects.
    pub http_listen: Option<SocketAddr>,
    /// Plain HTTP for a reverse proxy.
    pub proxy_listen: Option<SocketAddr>,
    /// What the reverse proxy may be and say.
    pub proxy: Proxy,
    /// Other host names that are served, for devices that moved in.
    pub extra_hosts: Vec<String>,
    /// The server certificate, where it comes from files.
    pub tls: Option<TlsFiles>,
    /// The program that sets DNS records, by which an authority that everybody trusts can be shown that a name is ours.
    pub dns_hook: Option<PathBuf>,
    /// How Apple's services are reached.
    pub apple: Apple,
    /// Whether SCEP clients that know nothing better than single DES are served.
    pub scep_legacy_clients: bool,
    /// How the log looks.
    pub log: Log,
}

/// The reverse proxies that are believed, and how they name a device's certificate.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// The networks that may connect; this machine alone by default.
    pub trusted: Vec<Network>,
    /// The header that holds the certificate.
    pub cert_header: HeaderName,
    /// The form of the certificate in that header.
    pub cert_format: ProxyCertFormat,
}

/// Files with the server's certificate chain and its key, both PEM; they may be the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that lead to its root, in this order.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How Apple's services are reached; `None` is Apple's own.
#[derive(Debug, Clone, Default)]
pub struct Apple {
    /// Where pushes go instead of `https://api.push.apple.com`; Apple also listens on port 2197.
    pub apns_endpoint: Option<HttpsUrl>,
    /// A file of PEM certificates that Apple's services are trusted by, instead of the public ones.
    pub trust_anchors: Option<PathBuf>,
    /// The proxy on the way to Apple.
    pub outbound_proxy: Option<OutboundProxy>,
    /// Where push certificate requests are signed instead of `https://mdmcert.download`.
    pub mdmcert_endpoint: Option<HttpsUrl>,
    /// Where licences are asked for instead of `https://vpp.itunes.apple.com`.
    pub apps_and_books_endpoint: Option<HttpsUrl>,
    /// Where devices that the organisation bought are asked for instead of `https://mdmenrollment.apple.com`.
    pub ade_endpoint: Option<HttpsUrl>,
    /// Where the list of OS releases is asked for instead of `https://gdmf.apple.com`.
    pub software_lookup_endpoint: Option<HttpsUrl>,
    /// Where Apple's own roots are fetched from instead of `https://www.apple.com`.
    pub roots_endpoint: Option<HttpsUrl>,
    /// A file of PEM certificates under which attestations of devices stand, instead of Apple's root.
    pub attestation_roots: Option<PathBuf>,
}

/// How the log looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// A filter in the words of `tracing`, for example `info` or `info,rollcall::http=debug`.
    pub level: String,
}

impl Config {
    /// Puts the settings together from `flags`, the `environment` and the file in the data folder.
    ///
    /// A relative path in the file is relative to the data folder; elsewhere to the working folder.
    /// Every failure names where the wrong words stand and what to write.
    pub fn read(flags: Layer, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::read_from(flags, environment, || PathBuf::from(DATA_DEFAULT))
    }

    /// Does what [`Config::read`] does, for who looks at an appliance that is there already: where nothing names a data folder and none lies in the working
    /// folder, it is that of the packages' service.
    pub fn read_present(flags: Layer, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::read_from(flags, environment, || present(Path::new(DATA_DEFAULT), Path::new(DATA_PACKAGED)))
    }

    fn read_from(flags: Layer, environment: impl IntoIterator<Item = (String, String)>, default: impl FnOnce() -> PathBuf) -> Result<Self> {
        let mut layers = Layers(vec![flags, Layer::environment(environment)?]);
        let data = single::<PathBuf>(&layers, "data")?.unwrap_or_else(default);
        if let Some(text) = read_file(&data.join(FILE_NAME))? {
            layers.0.push(Layer::file(&text)?);
        }
        Self::settle(data, &layers)
    }

    fn settle(data: PathBuf, layers: &Layers) -> Result<Self> {
        let path = |key| Ok::<_, Error>(single::<PathBuf>(layers, key)?.map(|path| located(layers, key, path, &data)));
        Ok(Self {
            url: single(layers, "url")?,
            listen: listen_addresses(layers)?,
            device_listen: listen_address(layers, "device_listen", None)?,
            http_listen: listen_address(layers, "http_listen", Some(HTTP_LISTEN_DEFAULT))?,
            proxy_listen: listen_address(layers, "proxy_listen", None)?,
            proxy: proxy(layers)?,
            extra_hosts: list::<Host>(layers, "extra_hosts")?.unwrap_or_default().into_iter().map(|host| host.0).collect(),
            tls: tls_files(path("tls.certificate")?, path("tls.key")?)?,
            dns_hook: path("tls.dns_hook")?,
            apple: Apple {
                apns_endpoint: single(layers, "apple.apns_endpoint")?,
                trust_anchors: path("apple.trust_anchors")?,
                outbound_proxy: single(layers, "apple.outbound_proxy")?,
                mdmcert_endpoint: single(layers, "apple.mdmcert_endpoint")?,
                apps_and_books_endpoint: single(layers, "apple.apps_and_books_endpoint")?,
                ade_endpoint: single(layers, "apple.ade_endpoint")?,
                software_lookup_endpoint: single(layers, "apple.software_lookup_endpoint")?,
                roots_endpoint: single(layers, "apple.roots_endpoint")?,
                attestation_roots: path("apple.attestation_roots")?,
            },
            scep_legacy_clients: single::<Switch>(layers, "scep.legacy_clients")?.is_some_and(|switch| switch.0),
            log: Log {
                format: single(layers, "log.format")?.unwrap_or_default(),
                level: single(layers, "log.level")?.unwrap_or_else(|| "info".to_owned()),
            },
            data,
        })
    }
}

/// The data folder that is there: `own`, else `packaged`; `own` where there is neither.
fn present(own: &Path, packaged: &Path) -> PathBuf {
    if !own.exists() && packaged.is_dir() { packaged } else { own }.to_path_buf()
}

/// The text of the settings file, if there is one.
fn read_file(path: &Path) -> Result<Option<String>> {
    let wrong = |why: String| Error::bad_input(format!("{} cannot be read: {why}. Mend or remove it.", path.display()));
    match std::fs::metadata(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(None),
        // The folder is in the way, not the file, which may not even be there.
        Err(closed) if matches!(closed.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory) => {
            let folder = path.parent().unwrap_or(path).display();
            return Err(Error::bad_input(match closed.kind() {
                io::ErrorKind::NotADirectory => {
                    format!("The data folder {folder} is a file. Name a folder with --data, or one that can be made.")
                }
                _ => format!(
                    "The data folder {folder} is closed to this user. Run Rollcall as the user it belongs to, or name another folder with --data."
                ),
            }));
        }
        Err(other) => return Err(wrong(other.to_string())),
        Ok(file) if file.len() > FILE_MAX_BYTES => return Err(wrong(format!("it is larger than {FILE_MAX_BYTES} bytes"))),
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| wrong(error.to_string()))
}

fn listen_addresses(layers: &Layers) -> Result<Vec<SocketAddr>> {
    let Some(wanted) = list::<Listen>(layers, "listen")? else { return Ok(vec![LISTEN_DEFAULT]) };
    let addresses: Vec<_> = wanted
        .into_iter()
        .filter_map(|listen| match listen {
            Listen::On(address) => Some(address),
            Listen::Off => None,
        })
        .collect();
    match addresses.len() {
        0 => Err(Error::bad_input("listen cannot be off: people and devices need at least one address.")),
        1..=LISTEN_MAX => Ok(addresses),
        _ => Err(Error::bad_input(format!("listen has more than {LISTEN_MAX} addresses; 0.0.0.0 and [::] listen on all."))),
    }
}

fn listen_address(layers: &Layers, key: &'static str, default: Option<SocketAddr>) -> Result<Option<SocketAddr>> {
    Ok(match single(layers, key)? {
        None => default,
        Some(Listen::Off) => None,
        Some(Listen::On(address)) => Some(address),
    })
}

fn proxy(layers: &Layers) -> Result<Proxy> {
    let this_machine = || ["127.0.0.0/8", "::1"].into_iter().filter_map(|network| network.parse().ok()).collect();
    Ok(Proxy {
        trusted: list(layers, "trusted_proxies")?.unwrap_or_else(this_machine),
        cert_header: single::<Header>(layers, "proxy_cert_header")?.map_or(HeaderName::from_static("client-cert"), |header| header.0),
        cert_format: single::<Dialect>(layers, "proxy_cert_format")?.map_or(ProxyCertFormat::default(), |dialect| dialect.0),
    })
}

fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), key) => Ok(Some(TlsFiles { key: key.unwrap_or_else(|| certificate.clone()), certificate })),
        (None, Some(_)) => Err(Error::bad_input("tls.key is set and tls.certificate is not. Name the file of the certificate too.")),
    }
}

/// A path of the settings file is meant from where that file lies.
fn located(layers: &Layers, key: &'static str, path: PathBuf, data: &Path) -> PathBuf {
    match layers.find(key) {
        Some((_, origin)) if origin.is_file() => data.join(path),
        _ => path,
    }
}

/// The one value of `key`.
fn single<T: FromStr<Err: WhatIsWrong>>(layers: &Layers, key: &'static str) -> Result<Option<T>> {
    match layers.find(key) {
        None => Ok(None),
        Some(([word], origin)) => read(word, origin).map(Some),
        Some((_, origin)) => Err(Error::bad_input(format!("{origin}: write one value, not a list."))),
    }
}

/// The values of `key`, each word of which may hold several, separated by commas.
fn list<T: FromStr<Err: WhatIsWrong>>(layers: &Layers, key: &'static str) -> Result<Option<Vec<T>>> {
    let Some((words, origin)) = layers.find(key) else { return Ok(None) };
    let words = words.iter().flat_map(|word| word.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| read(word, origin)).collect::<Result<_>>().map(Some)
}

fn read<T: FromStr<Err: WhatIsWrong>>(word: &str, origin: layers::Origin) -> Result<T> {
    // A proxy's address may hold a password: what was written is not repeated then.
    let shown = if word.contains('@') { String::from("the value") } else { format!("“{word}”") };
    word.parse().map_err(|wrong: T::Err| Error::bad_input(format!("{origin}: {shown} {}.", wrong.words())))
}

/// What a type of setting says about words that it cannot read.
trait WhatIsWrong {
    fn words(&self) -> &'static str;
}

impl WhatIsWrong for &'static str {
    fn words(&self) -> &'static str {
        self
    }
}

impl WhatIsWrong for std::convert::Infallible {
    fn words(&self) -> &'static str {
        match *self {}
    }
}

/// A switch in words.
struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "true" | "on" | "yes" | "1" => Ok(Self(true)),
            "false" | "off" | "no" | "0" => Ok(Self(false)),
            _ => Err("is neither true nor false"),
        }
    }
}

/// The name of a header.
struct Header(HeaderName);

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "is not the name of a header; write for example Client-Cert or X-Forwarded-Tls-Client-Cert")
    }
}

/// The dialect of a certificate header.
struct Dialect(ProxyCertFormat);

impl FromStr for Dialect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a form of certificate header; write rfc9440, url-pem, traefik or apache";
        ProxyCertFormat::from_name(text).map(Self).ok_or(wrong)
    }
}

/// A host name.
struct Host(String);

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        values::host(text).map(Self).ok_or("is not a host name; write for example old-mdm.example.school")
    }
}

#[cfg(test)]
mod tests;
