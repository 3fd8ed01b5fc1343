//! What serving a package costs: one file to many clients at once over TLS, against nginx with the same certificate, the same file and the same clients.
//!
//! `cargo bench --bench packages -- [MiB] [clients]`, 1024 and 30 by default. The clients are a process of their own; nginx, zip and curl are used where
//! they are there.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall::cli::serve::Serving;
use rollcall::clock::Clock;
use rollcall::config::{Config, Layer};
use rollcall::http::limits::Grants;
use rollcall::http::server::Listener;
use rollcall::mdm::admins::tokens::{self, NewToken};
use rollcall::mdm::{Actor, Role, packages};
use rollcall::pki::issue::{self, ServerName};
use rollcall::random::Random;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName as TlsName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "client") {
        return client(&arguments[1..]);
    }
    let number = |at: usize, usual: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (mib, clients) = (number(0, 1024), number(1, 30));
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = packed(folder.path(), mib) else { return eprintln!("zip is absent: nothing to serve") };
    certificate(folder.path());
    let (ours, path) = appliance(folder.path(), &file, clients);
    let theirs = nginx(folder.path(), &file, &path, clients);
    println!("rollcall  {ours:8.0} MB/s, memory at its peak {} MB", peak_kib() / 1024);
    match theirs {
        Some(theirs) => println!("nginx     {theirs:8.0} MB/s\nshare     {:8.0} %", ours * 100.0 / theirs),
        None => println!("nginx is absent"),
    }
}

/// An app with a program of so many MiB, packed without compression.
fn packed(folder: &Path, mib: u64) -> Option<std::path::PathBuf> {
    let app = folder.join("Payload/Field.app");
    std::fs::create_dir_all(&app).unwrap();
    let info = "<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>school.example.field</string>\
                <key>CFBundleVersion</key><string>1</string></dict></plist>";
    std::fs::write(app.join("Info.plist"), info).unwrap();
    let mut program = std::fs::File::create(app.join("Field")).unwrap();
    let piece: Vec<u8> = (0..1_u64 << 20).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    (0..mib).for_each(|_| program.write_all(&piece).unwrap());
    let done = Command::new("zip").args(["-q0r", "field.ipa", "Payload"]).current_dir(folder).status().ok()?;
    std::fs::remove_dir_all(folder.join("Payload")).unwrap();
    done.success().then(|| folder.join("field.ipa"))
}

fn certificate(folder: &Path) {
    let now = Clock::System.now();
    let root = issue::root("Root of a benchmark", now).unwrap();
    let leaf = root.tls_server(&[ServerName::parse("localhost").unwrap()], now).unwrap();
    std::fs::write(folder.join("root.pem"), root.certificate().to_pem()).unwrap();
    std::fs::write(folder.join("tls.pem"), leaf.certificate().to_pem()).unwrap();
    std::fs::write(folder.join("tls.key"), leaf.key().to_pem().expose()).unwrap();
}

/// What the appliance gives; and the path of the package.
fn appliance(folder: &Path, file: &Path, clients: u64) -> (f64, String) {
    let runtime = Runtime::new().unwrap();
    let text = |name: &str| [folder.join(name).display().to_string()];
    let flags = Layer::flags().with("data", text("data")).with("url", ["https://localhost"]).with("listen", ["127.0.0.1:0"]);
    let flags = flags.with("http_listen", ["off"]).with("tls.certificate", text("tls.pem")).with("tls.key", text("tls.key"));
    let nobody = ["https://localhost:1"];
    let flags = flags.with("apple.software_lookup_endpoint", nobody).with("apple.roots_endpoint", nobody);
    let config = Config::read(flags, Vec::new()).unwrap();
    let (serving, _) = runtime.block_on(Serving::start(config, Clock::System, Random::System, Grants::default())).unwrap();
    let address = serving.addresses.iter().find(|(listener, _)| *listener == Listener::Main).unwrap().1;
    let app = serving.app.clone();
    let token = runtime.block_on(app.store.write(app.now(), |tx| {
        tokens::create(tx, &Actor::Console, &NewToken { name: "benchmark".into(), role: Role::Owner, days: Some(1) })
    }));
    let authorization = format!("Authorization: Bearer {}", token.unwrap().1.expose());
    let url = format!("https://localhost:{}/api/v1/packages/content?file_name=field.ipa", address.port());
    let started = Instant::now();
    let sent = Command::new("curl")
        .args(["-sSf", "--cacert", &text("root.pem")[0], "-H", &authorization, "-H", "Content-Type: application/octet-stream"])
        .args(["-T", file.to_str().unwrap(), "-o", "/dev/null", &url])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "the package is taken");
    println!("uploaded, hashed and read in {:.1} s", started.elapsed().as_secs_f64());
    let trial =
        runtime.block_on(app.store.write(app.now(), |tx| packages::trials(tx, "https://benchmark.example.school"))).unwrap().remove(0);
    let capability = trial.manifest_url.rsplit('/').nth(1).unwrap().to_owned();
    let path = format!("/packages/{capability}/{}/{}", trial.package.sha256, trial.package.file_name);
    let rate = best(folder, address, &path, clients);
    runtime.block_on(serving.stop()).unwrap();
    (rate, path)
}

/// What nginx gives with as many workers as there are cores.
fn nginx(folder: &Path, file: &Path, path: &str, clients: u64) -> Option<f64> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = folder.join("www").join(path.trim_start_matches('/'));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::hard_link(file, &place).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let user = if Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.starts_with(b"0")) { "user root;" } else { "" };
    let settings = format!(
        "{user} worker_processes auto; daemon off; pid {}; error_log stderr crit; events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; \
         ssl_protocols TLSv1.3; root {}; }} }}",
        at("nginx.pid"),
        at("tls.pem"),
        at("tls.key"),
        at("www")
    );
    std::fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut server = Command::new("nginx").args(["-c", &at("nginx.conf"), "-p", &at("")]).stderr(Stdio::inherit()).spawn().ok()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let is_there = (0..100).any(|_| {
        let found = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
        if !found {
            let _ = Command::new("sleep").arg("0.1").status();
        }
        found
    });
    let rate = is_there.then(|| best(folder, address, path, clients));
    end(&mut server);
    rate
}

fn end(server: &mut Child) {
    let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
    let _ = server.wait();
}

/// The best of three runs, in MB/s.
fn best(folder: &Path, address: SocketAddr, path: &str, clients: u64) -> f64 {
    let root = folder.join("root.pem").display().to_string();
    let run = || {
        let me = std::env::current_exe().unwrap();
        let output = Command::new(me).args(["client", &address.to_string(), path, &root, &clients.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
    };
    (0..3).map(|_| run()).fold(0.0, f64::max)
}

/// The clients' process: all fetch the file at once; prints MB/s.
fn client(arguments: &[String]) {
    let [address, path, root, clients] = arguments else { panic!("client ADDRESS PATH ROOT CLIENTS") };
    let address: SocketAddr = address.parse().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let runtime = Runtime::new().unwrap();
    let started = Instant::now();
    let bytes: u64 = runtime.block_on(async {
        let fetches: Vec<_> =
            (0..clients.parse::<u64>().unwrap()).map(|_| tokio::spawn(fetch(connector.clone(), address, request.clone()))).collect();
        let mut bytes = 0;
        for fetch in fetches {
            bytes += fetch.await.unwrap();
        }
        bytes
    });
    println!("{}", bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
}

async fn fetch(connector: TlsConnector, address: SocketAddr, request: String) -> u64 {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(TlsName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 256 << 10];
    let (mut bytes, mut is_first) = (0, true);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return bytes,
            Ok(read) => {
                assert!(!is_first || buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read.min(200)]));
                is_first = false;
                bytes += read as u64;
            }
            // nginx ends without TLS's own farewell.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The most memory that this process has held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}
