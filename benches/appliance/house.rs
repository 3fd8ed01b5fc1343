//! The program in a process of its own, and what is asked of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::Load;

/// Who looks at the pages.
const OWNER: &str = "owner";

/// Operations prepared for loads that can do each only once.
const OPERATIONS: u32 = 20_000;
/// The same where each has a key of its own to be proved.
const CERTIFICATES: u32 = 5_000;

fn rollcall() -> Command {
    let program = std::env::var_os("ROLLCALL_APPLIANCE_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_rollcall").into());
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    // Nothing here asks Apple.
    for service in ["SOFTWARE_LOOKUP", "ROOTS"] {
        command.env(format!("ROLLCALL_APPLE_{service}_ENDPOINT"), "https://localhost:1");
    }
    command
}

/// Runs a command of the program to its end; gives what it printed.
fn said(arguments: &[&str]) -> String {
    let output = rollcall().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A data folder with so many practice enrollments at rest.
pub(crate) fn seeded(devices: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(&["simulate", "--seed-store", &devices.to_string(), "--data", folder.path().to_str().unwrap()]);
    folder
}

/// An appliance that is served.
pub(crate) struct House {
    process: Child,
    data: PathBuf,
    devices: u32,
    /// By the flag that it listens by.
    addresses: Vec<(String, SocketAddr)>,
    cookie: String,
    token: String,
    /// What it prints, held open.
    _output: BufReader<ChildStdout>,
}

impl House {
    /// Starts it, and waits for its first answer.
    pub(crate) fn start(data: &Path, devices: u32) -> Self {
        let any = "127.0.0.1:0";
        // The public address stands in profiles, so the port has to be known before.
        let https = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let (url, https) = (format!("https://localhost:{}", https.port()), https.to_string());
        let flags = ["--listen", &https, "--device-listen", any, "--proxy-listen", any, "--http-listen", any, "--log-level", "error"];
        let serve = ["serve", "--data", data.to_str().unwrap(), "--url", &url];
        let mut process = rollcall().args(serve).args(flags).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut addresses = Vec::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Root certificate") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it did not start");
            let mut words = line.split_whitespace();
            if let (Some(address), Some(flag), None) = (words.next(), words.next(), words.next())
                && flag.starts_with("(--")
            {
                addresses.push((flag.trim_matches(['(', ')']).to_owned(), address.parse().unwrap()));
            }
        }
        let (cookie, token) = (String::new(), String::new());
        let house = Self { process, data: data.to_path_buf(), devices, addresses, cookie, token, _output: output };
        assert_eq!(house.get("/health/live").0, 200);
        house
    }

    fn at(&self, flag: &str) -> SocketAddr {
        self.addresses.iter().find(|(known, _)| known == flag).unwrap().1
    }

    /// Makes an Owner, and a session and a token of theirs.
    pub(crate) fn log_in(&mut self) {
        let data = self.data.to_str().unwrap();
        let password = said(&["admin", "add", OWNER, "--role", "owner", "--data", data]);
        let password = password.trim().lines().last().unwrap();
        let token = said(&["token", "create", "--role", "owner", "--data", data]);
        token.trim().lines().last().unwrap().clone_into(&mut self.token);
        let form = format!("name={OWNER}&password={password}");
        let origin = format!("http://{}", self.at("--proxy-listen"));
        let more = format!("Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", form.len());
        let answer = ask(self.at("--proxy-listen"), "POST", "/login", &more, &form);
        let cookie = answer.lines().find_map(|line| line.to_ascii_lowercase().starts_with("set-cookie: ").then(|| &line[12..]));
        cookie.expect("the log-in gives a session").split(';').next().unwrap().clone_into(&mut self.cookie);
    }

    /// A page or an answer of the API: status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let who = if path.starts_with("/api/") {
            format!("Authorization: Bearer {}\r\n", self.token)
        } else {
            format!("Cookie: {}\r\n", self.cookie)
        };
        let answer = ask(self.at("--proxy-listen"), "GET", path, &who, "");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// What the process has in memory.
    pub(crate) fn memory(&self) -> String {
        let output = Command::new("ps").args(["-o", "rss=", "-p", &self.process.id().to_string()]).output().unwrap();
        let kib: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        format!("{} MB", kib * 1024 / 1_000_000)
    }

    /// Operations a second under a load, and how long the middle one and the slowest hundredth took.
    pub(crate) fn load(&self, load: &Load, seconds: u32) -> String {
        let path = |name: &str| self.data.join(name).to_str().unwrap().to_owned();
        let root = path("root.cer");
        std::fs::write(&root, fetched(self.at("--http-listen"), "/trust/root.cer")).unwrap();
        let to = match (load.tls, load.identity) {
            (false, _) => format!("http://{}", self.at("--proxy-listen")),
            (true, "tls") => format!("https://localhost:{}", self.at("--device-listen").port()),
            (true, _) => format!("https://localhost:{}", self.at("--listen").port()),
        };
        let operations = if load.mode == "scep" { CERTIFICATES } else { OPERATIONS };
        let mut command = rollcall();
        command.args(["simulate", "--bench", load.mode, "--identity", load.identity, "--ca", &root, "--to", &to]);
        command.args(["--connections", &load.connections.to_string(), "--operations", &operations.to_string()]);
        command.args(["--for", &format!("{seconds}s")]);
        match load.mode {
            "scep" => command.args(["--profile", &self.profile()]),
            _ => command.args(["--roster", &path("load-roster.json"), "--devices", &self.devices.to_string()]),
        };
        if load.mode == "cycle" {
            command.args(["--api", &to, "--api-token", &self.token]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}: {}", load.name, String::from_utf8_lossy(&output.stderr));
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |key: &str| figures[key].as_f64().unwrap();
        let failed = if number("failed") > 0.0 { format!(", {} failed: {}", figures["failed"], figures["errors"]) } else { String::new() };
        format!("{:.0}/s, {:.1} and {:.1} ms{failed}", number("throughput_per_s"), number("p50_ms"), number("p99_ms"))
    }

    /// A profile of the invitation for practice devices, in a file, with addresses that can be reached here.
    fn profile(&self) -> String {
        let (_, body) = self.get("/api/v1/invitations");
        let invitations: Value = serde_json::from_str(&body).unwrap();
        let code = invitations["items"][0]["code"].as_str().expect("practice devices have an invitation").to_owned();
        format!("http://{}/enroll/{code}/profile", self.at("--proxy-listen"))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn ask(at: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    String::from_utf8_lossy(&exchange(at, method, path, headers, body)).into_owned()
}

/// The bytes of a file.
fn fetched(at: SocketAddr, path: &str) -> Vec<u8> {
    let answer = exchange(at, "GET", path, "", "");
    let begin = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    answer[begin..].to_vec()
}

fn exchange(at: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_nodelay(true).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{headers}\r\n{body}").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}
