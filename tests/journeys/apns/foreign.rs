//! Foreign judges: nghttpd and OpenSSL as servers of our client, curl as the client of our stand-in.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::sim::apple::authority::Authority;
use rustls::pki_types::PrivateKeyDer;

use super::*;

/// Whether a tool is installed; says loudly when it is not.
fn is_installed(tool: &str, package: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: {tool} is absent; install the package {package}");
    }
    found
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Writes `certificate.pem`, `key.pem` and `authority.pem` for a server on 127.0.0.1, and finds a free port for it.
fn write_server_files(folder: &Path, authority: &Authority) -> u16 {
    let (certificate, key) = authority.server(&["127.0.0.1", "localhost"], today()).unwrap();
    let PrivateKeyDer::Pkcs8(key) = key else { panic!("PKCS#8") };
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", key.secret_pkcs8_der())).unwrap();
    std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", &certificate)).unwrap();
    std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// nghttpd, which demands a client certificate of one authority; it ends with this value.
struct Nghttpd {
    server: Child,
    endpoint: Endpoint,
    output: Option<std::thread::JoinHandle<String>>,
}

impl Nghttpd {
    /// Starts it on a free port with the authority's certificate, serving the files in `folder`.
    fn start(folder: &Path, authority: &Authority) -> Self {
        let port = write_server_files(folder, authority);
        let mut server = Command::new("nghttpd")
            .args(["--address=127.0.0.1", "--verbose", "--echo-upload", "--verify-client"])
            .args([&format!("--htdocs={}", folder.display()), &port.to_string(), "key.pem", "certificate.pem"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        output.by_ref().find(|line| line.contains("listen")).expect("nghttpd listens");
        // It stands still when nobody reads what it writes.
        let output = std::thread::spawn(move || output.collect::<Vec<_>>().join("\n"));
        Self { server, endpoint: Endpoint::new("127.0.0.1", port), output: Some(output) }
    }

    /// Ends it and returns everything that it wrote.
    fn log(mut self) -> String {
        self.server.kill().unwrap();
        self.output.take().unwrap().join().unwrap()
    }
}

impl Drop for Nghttpd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Certificates are judged by tools that know only the true time.
fn today() -> Timestamp {
    Clock::System.now()
}

#[tokio::test]
async fn nghttpd_accepts_our_connection_certificate_and_frames() {
    if !is_installed("nghttpd", "nghttp2-server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Foreign", today(), Random::System).unwrap();
    let certificate = identity(&authority.push_identity(TOPIC, today()).unwrap());
    let nghttpd = Nghttpd::start(folder.path(), &authority);
    let config = ApnsConfig {
        endpoint: nghttpd.endpoint.clone(),
        ..ApnsConfig::new(Connector::new(Trust::only(&authority.pem()).unwrap(), Clock::System))
    };
    let apns = Apns::new(config.clone());
    for number in 1..=50 {
        let outcome = apns.push(&certificate, &push(number)).await;
        assert!(is_delivered(&outcome), "{outcome:?}");
    }
    let log = nghttpd.log();
    let path = format!(":path: /3/device/{}", token_hex(50));
    for header in [path.as_str(), ":method: POST", "apns-push-type: mdm", "apns-priority: 10", TOPIC] {
        assert!(log.contains(header), "{header} is not in\n{log}");
    }
}

#[tokio::test]
async fn a_refusal_by_openssl_is_understood() {
    if !is_installed("openssl", "openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Foreign", today(), Random::System).unwrap();
    let stranger = Authority::new("Stranger", today(), Random::System).unwrap();
    let port = write_server_files(folder.path(), &authority);
    for version in ["-tls1_3", "-tls1_2"] {
        let mut server = Command::new("openssl")
            .args(["s_server", version, "-accept", &format!("127.0.0.1:{port}"), "-alpn", "h2", "-cert", "certificate.pem"])
            .args(["-key", "key.pem", "-CAfile", "authority.pem", "-Verify", "1", "-verify_return_error", "-naccept", "1"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        output.by_ref().find(|line| line.contains("ACCEPT")).expect("s_server listens");
        let connector = Connector::new(Trust::only(&authority.pem()).unwrap(), Clock::System);
        let apns = Apns::new(ApnsConfig { endpoint: Endpoint::new("127.0.0.1", port), ..ApnsConfig::new(connector) });
        let certificate = identity(&stranger.push_identity(TOPIC, today()).unwrap());
        let outcome = apns.push(&certificate, &push(1)).await;
        server.kill().unwrap();
        server.wait().unwrap();
        let Outcome::Unproven { why } = &outcome else { panic!("{version}: {outcome:?}") };
        assert!(why.contains("TLS alert UnknownCA"), "{version}: {why}");
    }
}

#[tokio::test]
async fn curl_pushes_to_the_stand_in() {
    let has_http2 = |version: std::process::Output| String::from_utf8_lossy(&version.stdout).contains("HTTP2");
    if !is_installed("curl", "curl") || !Command::new("curl").arg("-V").output().is_ok_and(has_http2) {
        eprintln!("SKIPPED: curl is absent or cannot speak HTTP/2");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stand_in = ApnsStandIn::start(Clock::System, Random::System).await.unwrap();
    let issued = stand_in.issue_push_identity(TOPIC).unwrap();
    std::fs::write(folder.path().join("trust.pem"), stand_in.trust_anchor_pem()).unwrap();
    std::fs::write(folder.path().join("push.pem"), issued.certificate.to_pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), issued.key.to_pem().expose()).unwrap();
    let url = format!("https://127.0.0.1:{}/3/device/{}", stand_in.address().port(), token_hex(1));
    let curl = move |with_certificate: bool, body: &'static str| {
        let (url, folder) = (url.clone(), folder.path().to_owned());
        tokio::task::spawn_blocking(move || {
            let mut curl = Command::new("curl");
            curl.current_dir(folder).args(["--silent", "--http2", "--max-time", "20", "--cacert", "trust.pem"]);
            if with_certificate {
                curl.args(["--cert", "push.pem", "--key", "key.pem"]);
            }
            curl.args(["-H", &format!("apns-topic: {TOPIC}"), "-H", "apns-push-type: mdm", "-H", "apns-priority: 10"]);
            curl.args(["-H", "apns-expiration: 4000000000", "-d", body, "-w", "%{http_code} %{http_version}", &url]);
            String::from_utf8(curl.output().unwrap().stdout).unwrap()
        })
    };
    let mut deliveries = stand_in.deliveries();
    assert_eq!(curl(true, r#"{"mdm":"MAGIC"}"#).await.unwrap(), "200 2");
    assert_eq!(deliveries.recv().await.unwrap().magic, "MAGIC");
    assert_eq!(curl(true, r#"{"aps":{}}"#).await.unwrap(), r#"{"reason":"BadPayload"}400 2"#);
    assert_eq!(curl(false, r#"{"mdm":"MAGIC"}"#).await.unwrap(), r#"{"reason":"MissingProviderToken"}403 2"#);
}
