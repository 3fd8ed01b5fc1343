//! The program as people start it: first start, second start, a second one beside it, wrong words, and the end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The program with `arguments` and no settings of this machine's.
pub(crate) fn rollcall(arguments: &[&str]) -> Command {
    alone(env!("CARGO_BIN_EXE_rollcall"), arguments)
}

/// A program with `arguments` and no settings of this machine's.
fn alone(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env_clear();
    // Nothing here asks Apple.
    for service in ["SOFTWARE_LOOKUP", "ROOTS"] {
        command.env(format!("ROLLCALL_APPLE_{service}_ENDPOINT"), "https://localhost:1");
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `program` to its end; its output must be a success.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// An appliance in a process of its own.
pub(crate) struct Appliance {
    process: Child,
    output: BufReader<ChildStdout>,
    introduction: String,
    folder: PathBuf,
}

impl Appliance {
    /// Starts it on `folder` and waits until it says where it is.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_by(&[env!("CARGO_BIN_EXE_rollcall")], folder, more)
    }

    /// Starts it so that it hears of a limit of its files' size as of a failure of the disk, where others are ended by the system.
    pub(crate) fn start_within_limits(folder: &Path, more: &[&str]) -> Self {
        let shell = ["/bin/sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rollcall")];
        Self::start_by(&shell, folder, more)
    }

    /// Starts it on a disk that takes nothing until [`Appliance::may_write`].
    pub(crate) fn start_on_a_full_disk(folder: &Path, more: &[&str]) -> Self {
        let shell = ["/bin/sh", "-c", "trap '' XFSZ; ulimit -S -f 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rollcall")];
        Self::start_by(&shell, folder, more)
    }

    fn start_by(program: &[&str], folder: &Path, more: &[&str]) -> Self {
        let data = folder.join("data");
        let any = "127.0.0.1:0";
        let usual = ["serve", "--data", data.to_str().unwrap(), "--url", "https://localhost", "--listen", any, "--http-listen", any];
        let mut command = alone(program[0], &[&program[1..], &usual[..], more].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut introduction = String::new();
        while !introduction.contains("Root certificate") {
            if output.read_line(&mut introduction).unwrap() == 0 {
                let mut errors = String::new();
                process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("it did not start: {introduction}{errors}");
            }
        }
        Self { process, output, introduction, folder: folder.to_path_buf() }
    }

    /// What is printed after the certificate's fingerprint, while nobody may log in.
    fn setup_link(&mut self) -> String {
        let mut lines = String::new();
        while !lines.contains("/setup?token=") {
            assert_ne!(self.output.read_line(&mut lines).unwrap(), 0, "no set-up link: {lines}");
        }
        lines.lines().last().unwrap().trim().to_owned()
    }

    pub(crate) fn at(&self, flag: &str) -> SocketAddr {
        let line = self.introduction.lines().find(|line| line.ends_with(&format!("({flag})"))).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The root certificate as somebody gets it who trusts nothing yet, compared with the printed fingerprint.
    pub(crate) fn root(&self) -> PathBuf {
        let (der, pem) = (self.folder.join("root.cer"), self.folder.join("root.pem"));
        let url = format!("http://{}/trust/root.cer", self.at("--http-listen"));
        run("curl", &["-sSf", "-m", "60", "-o", der.to_str().unwrap(), &url]);
        run("openssl", &["x509", "-inform", "der", "-in", der.to_str().unwrap(), "-out", pem.to_str().unwrap()]);
        let printed = run("openssl", &["x509", "-in", pem.to_str().unwrap(), "-noout", "-fingerprint", "-sha256"]);
        let fingerprint = printed.trim().rsplit('=').next().unwrap().replace(':', " ");
        assert!(self.introduction.contains(&fingerprint), "{} has not {fingerprint}", self.introduction);
        pem
    }

    /// Asks `path` by HTTPS, trusting the root alone.
    pub(crate) fn ask(&self, path: &str) -> String {
        self.ask_as(path, "Nobody")
    }

    /// [`Appliance::ask`] with an `Authorization`.
    pub(crate) fn ask_as(&self, path: &str, authorization: &str) -> String {
        let port = self.at("--listen").port();
        let root = self.root();
        let resolve = format!("localhost:{port}:127.0.0.1");
        run(
            "curl",
            &[
                "-sS",
                "-m",
                "60",
                "--cacert",
                root.to_str().unwrap(),
                "--resolve",
                &resolve,
                "-H",
                &format!("Authorization: {authorization}"),
                &format!("https://localhost:{port}{path}"),
            ],
        )
    }

    /// Lets it write to files, or to none.
    pub(crate) fn may_write(&self, may: bool) {
        let limit = if may { "--fsize=unlimited:unlimited" } else { "--fsize=0:unlimited" };
        run("prlimit", &["--pid", &self.process.id().to_string(), limit]);
    }

    /// Asks it to end as the system does, and gives what it logged.
    pub(crate) fn end(mut self) -> String {
        run("kill", &["-TERM", &self.process.id().to_string()]);
        let status = self.process.wait().unwrap();
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_makes_everything_and_the_second_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Appliance::start(folder.path(), &[]);
    let link = first.setup_link();
    assert!(link.starts_with("https://localhost/setup?token="), "{link}");
    assert_eq!(first.ask("/health/ready"), "ok\n");
    let data = folder.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for file in ["rollcall.db", "seal.key", "control.sock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let socket = data.join("control.sock");
    let session = run("curl", &["-sSf", "--unix-socket", socket.to_str().unwrap(), "http://rollcall/api/v1/session"]);
    assert!(session.contains(r#""role":"owner""#), "{session}");
    let root = std::fs::read(first.root()).unwrap();
    let log = first.end();
    assert!(!socket.exists());
    let token = link.split('=').next_back().unwrap();
    assert!(!log.contains(token), "no secret in the log");

    let mut second = Appliance::start(folder.path(), &[]);
    assert_ne!(second.setup_link(), link, "the first link is no longer valid");
    assert_eq!(std::fs::read(second.root()).unwrap(), root);
    second.end();
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_with_the_pid_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Appliance::start(folder.path(), &[]);
    let data = folder.path().join("data");
    let second =
        rollcall(&["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--http-listen", "off"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let words = text(&second.stderr);
    assert!(words.starts_with("rollcall: ") && words.contains(&format!("pid {}", first.process.id())), "{words}");
    assert_eq!(first.ask("/health/live"), "ok\n", "the first one goes on");
}

#[test]
fn a_killed_appliance_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = Appliance::start(folder.path(), &[]);
    drop(first);
    assert!(folder.path().join("data/control.sock").exists(), "left over");
    let second = Appliance::start(folder.path(), &[]);
    assert_eq!(second.ask("/health/ready"), "ok\n");
}

#[test]
fn an_appliance_whose_database_is_gone_does_not_begin_anew_and_says_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    // Killed, so that what was written lies in the log.
    drop(Appliance::start(folder.path(), &[]));
    let data = folder.path().join("data");
    let (database, log) = (data.join("rollcall.db"), data.join("rollcall.db-wal"));
    let written = std::fs::read(&log).unwrap();
    std::fs::rename(&database, folder.path().join("moved.db")).unwrap();
    for present in [false, true] {
        if present {
            std::fs::write(&database, "").unwrap();
        }
        let serve = ["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--http-listen", "off"];
        let (status, words) = code(&rollcall(&serve).output().unwrap());
        assert_eq!(status, Some(1), "{words}");
        for part in ["seal.key (32 bytes)", "rollcall.db-wal", "rollcall restore", "move the whole folder aside"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(std::fs::read(&log).unwrap() == written, "the log is not touched");
        let file = folder.path().join("b");
        let backup = ["backup", "--data", data.to_str().unwrap(), file.to_str().unwrap()];
        let output = rollcall(&backup).env("ROLLCALL_BACKUP_PASSPHRASE", "correct horse battery").output().unwrap();
        assert!(!output.status.success() && std::fs::read(&log).unwrap() == written, "{output:?}");
    }
    std::fs::rename(folder.path().join("moved.db"), &database).unwrap();
    Appliance::start(folder.path(), &[]).end();
}

#[test]
fn an_end_asked_for_while_it_starts_is_no_failure_and_the_next_start_finds_everything() {
    // The first file is made after signals are heard; each later moment asks a little further on, up to the first answer.
    for moment in ["rollcall.lock", "seal.key", "rollcall.db", "control.sock"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let usual = ["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--http-listen", "off"];
        let mut process = rollcall(&usual).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while !data.join(moment).exists() {
            std::thread::yield_now();
        }
        run("kill", &["-TERM", &process.id().to_string()]);
        let status = process.wait().unwrap();
        let mut log = String::new();
        process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(status.success(), "{moment}: {status}: {log}");
        let after = Appliance::start(folder.path(), &[]);
        assert_eq!(after.ask("/health/ready"), "ok\n");
        after.end();
    }
}

fn code(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stderr))
}

#[test]
fn wrong_words_end_with_two_and_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = |more: &[&str]| code(&rollcall(&[&["serve", "--data", data.to_str().unwrap()], more].concat()).output().unwrap());
    let (status, words) = serve(&["--listen", "banana"]);
    assert_eq!(status, Some(2));
    assert!(words.starts_with("rollcall: --listen: “banana” is not an address to listen on; write"), "{words}");
    let (status, words) = serve(&["--lissen", "x"]);
    assert_eq!(status, Some(2));
    assert!(words.starts_with("rollcall: ") && words.contains("--listen"), "{words}");
    assert!(!data.exists(), "wrong words make no folder");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("rollcall.toml"), "listn = 1").unwrap();
    let (status, words) = serve(&[]);
    assert_eq!((status, words.as_str()), (Some(2), "rollcall: rollcall.toml has no setting listn. Did you mean listen?\n"));
    let help = rollcall(&["serve", "--help"]).output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Examples:"));
}

#[test]
fn a_certificate_in_files_is_shown_and_a_wrong_one_is_named_and_stood_in_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let own = |name: &str| {
        let (key, certificate) = (path(&format!("{name}.key")), path(&format!("{name}.pem")));
        let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        run("openssl", &[&make[..], &["-keyout", &key, "-out", &certificate], &subject].concat());
        (certificate, key)
    };
    let ((certificate, key), (other, _)) = (own("first"), own("other"));
    let data = path("data");
    let serve = |certificate: &str| {
        let any = ["--listen", "127.0.0.1:0", "--http-listen", "off"];
        rollcall(&[&["serve", "--data", &data, "--tls-certificate", certificate, "--tls-key", &key], &any[..]].concat())
    };
    let mut process = serve(&other).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Root certificate")), "one of our own is shown");
    run("kill", &["-TERM", &process.id().to_string()]);
    let output = process.wait_with_output().unwrap();
    assert!(
        output.status.success() && text(&output.stderr).contains("other.pem: the key does not belong to the certificate"),
        "{output:?}"
    );

    let mut process = serve(&certificate).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.ends_with("(--listen)")).unwrap();
    let port = line.split_whitespace().next().unwrap().rsplit(':').next().unwrap().to_owned();
    let resolve = format!("localhost:{port}:127.0.0.1");
    let url = format!("https://localhost:{port}/health/live");
    let answer = run("curl", &["-sS", "-m", "60", "--cacert", &certificate, "--resolve", &resolve, &url]);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(answer, "ok\n");
}
