//! An appliance in hard times: clients that hold connections, lines that break, disks that are full or cannot be written, logs that are put aside.
//!
//! What takes long or needs root is ignored here, and run by `tests/run --long`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::serve::{Appliance, rollcall};
use crate::survive::{ask, text, whole};

/// Clients that hold connections; `ROLLCALL_SLOW_CLIENTS` says otherwise.
const SLOW_CLIENTS: usize = 200;

/// Enrolled devices that go on meanwhile.
const DEVICES: &str = "8";

/// Pauses after which nobody waits any longer: a minute of them.
pub(crate) const PAUSES: u32 = 1200;

/// How often each slow client sends a byte.
const DRIP: Duration = Duration::from_secs(1);

/// A data folder with load devices in it, and their roster.
pub(crate) fn seeded(folder: &Path) -> (PathBuf, PathBuf) {
    let data = folder.join("data");
    let seeded = rollcall(&["simulate", "--seed-store", DEVICES, "--data", data.to_str().unwrap()]).output().unwrap();
    assert!(seeded.status.success(), "{seeded:?}");
    let roster = data.join("load-roster.json");
    (data, roster)
}

/// Lets the devices of a roster do one kind of thing for so long; gives the figures.
pub(crate) fn load(roster: &Path, root: &Path, port: u16, kind: &str, lasts: &str) -> Value {
    let output = drive(roster, root, port, kind, lasts);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Does the same, whatever comes of it.
fn drive(roster: &Path, root: &Path, port: u16, kind: &str, lasts: &str) -> std::process::Output {
    let to = format!("https://localhost:{port}");
    let load = ["simulate", "--roster", roster.to_str().unwrap(), "--ca", root.to_str().unwrap(), "--to", &to, "--bench", kind];
    let more = ["--identity", "signature", "--connections", "4", "--warm-up", "0s", "--for", lasts];
    rollcall(&[&load[..], &more].concat()).output().unwrap()
}

/// A client that begins a request and then sends a byte a second, until it is told to stop or sent away; gives what it was answered.
async fn drips(to: SocketAddr, number: usize, stopped: Arc<AtomicBool>) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Ok(mut stream) = tokio::net::TcpStream::connect(to).await else { return String::new() };
    let begun = match number % 3 {
        // Nothing at all: neither a handshake nor a request.
        0 => String::new(),
        1 => String::from("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "),
        _ => String::from("PUT /mdm/connect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n<"),
    };
    let _ = stream.write_all(begun.as_bytes()).await;
    let mut answer = Vec::new();
    while !stopped.load(Ordering::Relaxed) {
        let mut buffer = [0; 1024];
        match tokio::time::timeout(DRIP, stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => answer.extend_from_slice(&buffer[..length]),
            Ok(_) => break,
            Err(_) if number.is_multiple_of(3) => {}
            Err(_) => {
                if stream.write_all(b"x").await.is_err() {
                    break;
                }
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn slow_clients_hold_connections_and_devices_are_served_meanwhile() {
    let clients = std::env::var("ROLLCALL_SLOW_CLIENTS").map_or(SLOW_CLIENTS, |count| count.parse().unwrap());
    let is_long = clients > SLOW_CLIENTS;
    let folder = tempfile::tempdir().unwrap();
    let (_, roster) = seeded(folder.path());
    let appliance = Appliance::start(folder.path(), &["--log-level", "error", "--proxy-listen", "127.0.0.1:0"]);
    let (root, port, plain) = (appliance.root(), appliance.at("--listen").port(), appliance.at("--proxy-listen"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stopped = Arc::new(AtomicBool::new(false));
    // Those that say nothing come to the port where a handshake is waited for.
    let to = |number: usize| if number.is_multiple_of(3) { appliance.at("--listen") } else { plain };
    let slow: Vec<_> = (0..clients).map(|number| runtime.spawn(drips(to(number), number, Arc::clone(&stopped)))).collect();
    // The patience of the appliance with a body is thirty seconds, with headers a minute.
    let figures = load(&roster, &root, port, "idle", if is_long { "45s" } else { "5s" });
    assert_eq!((&figures["failed"], figures["operations"].as_u64().unwrap() > 100), (&json!(0), true), "{figures}");
    assert!(figures["p99_ms"].as_f64().unwrap() < 2000.0, "{figures}");
    stopped.store(true, Ordering::Relaxed);
    let mut cut = 0;
    for (number, client) in slow.into_iter().enumerate() {
        let answer = runtime.block_on(client).unwrap();
        // To devices that is 503: they come again.
        cut += usize::from(number % 3 == 2 && answer.starts_with("HTTP/1.1 503 "));
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(!is_long || cut >= clients / 3 - 1, "{cut} of {} slow bodies were cut off", clients / 3);
    assert_eq!(appliance.end().lines().filter(|line| line.contains("panicked")).count(), 0);
}

/// A line that breaks: each connection, but every fourth, is cut off after some bytes in either direction.
struct BrokenLine {
    port: u16,
    cut: Arc<AtomicUsize>,
}

impl BrokenLine {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, cut) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&cut);
        // It ends with the process.
        std::thread::spawn(move || {
            for (number, near) in listener.incoming().enumerate() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(server)) else { return };
                // In the handshake, in a request, in an answer: primes meet every place in time. The first ones come as far as a request.
                let least = if number < 8 { 8_000 } else { 100 };
                let budget = if number % 4 == 3 { usize::MAX } else { least + number * 7919 % 40_000 };
                let left = Arc::new(AtomicUsize::new(budget));
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (left, counted) = (Arc::clone(&left), Arc::clone(&counted));
                    std::thread::spawn(move || carry(from.unwrap(), to.unwrap(), &left, &counted));
                }
            }
        });
        Self { port, cut }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, left: &AtomicUsize, cut: &AtomicUsize) {
    let mut buffer = [0; 4096];
    while let Ok(length) = from.read(&mut buffer)
        && length > 0
    {
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(length))).unwrap();
        if to.write_all(&buffer[..length.min(before)]).is_err() {
            break;
        }
        if before <= length {
            cut.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn lines_that_break_in_the_middle_of_everything_leave_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let (data, roster) = seeded(folder.path());
    let appliance = Appliance::start(folder.path(), &["--log-level", "error"]);
    let (root, server) = (appliance.root(), appliance.at("--listen"));
    let line = BrokenLine::to(server);
    let socket = data.join("control.sock");
    let list = ask(&socket, "GET", "/api/v1/devices", None).unwrap().1;
    let mut queued = Vec::new();
    for device in list["items"].as_array().unwrap() {
        let command = json!({ "targets": [device["id"]], "request_type": "SecurityInfo" });
        let (status, answer) = ask(&socket, "POST", "/api/v1/commands", Some(&command)).unwrap();
        assert!((200..300).contains(&status), "{answer}");
        queued.push(format!("/api/v1/commands/{}", text(&answer["commands"][0]["uuid"])));
    }
    for kind in ["tokenupdate", "enroll", "tokenupdate", "enroll"] {
        drive(&roster, &root, line.port, kind, "3s");
    }
    assert!(line.cut.load(Ordering::Relaxed) > 10, "{} connections were cut", line.cut.load(Ordering::Relaxed));
    // Over a whole line everything works for each of them.
    let figures = load(&roster, &root, server.port(), "tokenupdate", "2s");
    assert_eq!((&figures["failed"], figures["operations"].as_u64().unwrap() > 10), (&json!(0), true), "{figures}");
    for address in &queued {
        assert_eq!(ask(&socket, "GET", address, None).unwrap().0, 200, "{address}");
    }
    assert_eq!(appliance.end().lines().filter(|line| line.contains("panicked")).count(), 0);
    whole(&data.join("rollcall.db"));
}

/// A moment in which others do something.
pub(crate) fn pause() {
    let (_nobody, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_millis(50));
}

/// A small disk of its own, in memory; needs root.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, mebibytes: u32) -> Self {
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0700"), "disk"]).arg(&at).status();
        assert!(mounted.unwrap().success(), "this needs root, and the right to mount");
        Self(at)
    }

    fn writable(&self, is_writable: bool) {
        let how = if is_writable { "remount,rw" } else { "remount,ro" };
        assert!(Command::new("mount").args(["-o", how]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root to mount a disk: tests/run --long"]
fn a_full_disk_refuses_keeps_what_was_answered_and_has_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path().join("data"), 48);
    let (data, roster) = seeded(folder.path());
    let appliance = Appliance::start(folder.path(), &["--log-level", "error"]);
    let (root, port, socket) = (appliance.root(), appliance.at("--listen").port(), data.join("control.sock"));
    let mut number = 0;
    let mut make = |note: usize| {
        number += 1;
        let group = json!({ "name": format!("Group {number}"), "note": "x".repeat(note) });
        let (status, group) = ask(&socket, "POST", "/api/v1/groups", Some(&group)).unwrap();
        (status, format!("/api/v1/groups/{}", text(&group["id"])))
    };
    let (status, first) = make(10);
    assert!((200..300).contains(&status), "{status}");

    let mut ballast = fs::File::create(data.join("ballast")).unwrap();
    while ballast.write_all(&[0x5a; 4096]).is_ok() {}
    let mut kept = vec![first];
    let refused = loop {
        match make(400) {
            (200..=299, address) => kept.push(address),
            (status, _) => break status,
        }
        assert!(kept.len() < 20_000, "the disk is never full");
    };
    assert_eq!(refused, 503, "it may come again when there is room");
    for address in &kept {
        assert_eq!(ask(&socket, "GET", address, None).unwrap().0, 200, "{address}: what is there can be read");
    }
    let idle = load(&roster, &root, port, "idle", "2s");
    assert!(idle["operations"].as_u64().unwrap() > 10, "devices for which nothing waits are answered: {idle}");

    drop(ballast);
    fs::remove_file(data.join("ballast")).unwrap();
    // The appliance notices by itself.
    let mut pauses = 0;
    while make(10).0 == 503 {
        assert!(pauses < PAUSES, "it has room again and does not see it");
        pauses += 1;
        pause();
    }
    appliance.end();
    whole(&data.join("rollcall.db"));

    disk.writable(false);
    let any = "127.0.0.1:0";
    let serve = ["serve", "--data", data.to_str().unwrap(), "--url", "https://localhost", "--listen", any, "--http-listen", "off"];
    let refused = rollcall(&serve).output().unwrap();
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && errors.contains("Read-only file system"), "{errors}");
    disk.writable(true);
    let again = Appliance::start(folder.path(), &["--log-level", "error"]);
    for address in &kept {
        assert_eq!(ask(&socket, "GET", address, None).unwrap().0, 200, "{address} was answered");
    }
    again.end();
}

#[test]
fn a_log_that_is_put_aside_goes_on_in_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log, aside) = (folder.path().join("data"), folder.path().join("log"), folder.path().join("log.0"));
    let any = "127.0.0.1:0";
    let serve = ["serve", "--data", data.to_str().unwrap(), "--url", "https://localhost", "--listen", any, "--http-listen", "off"];
    let mut process = rollcall(&serve).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let socket = data.join("control.sock");
    let until = |what: &str, is: &dyn Fn() -> bool| {
        let mut pauses = 0;
        while !is() {
            assert!(pauses < PAUSES, "{what}");
            pauses += 1;
            pause();
        }
    };
    until("it answers", &|| ask(&socket, "GET", "/health/live", None).is_some_and(|(status, _)| status == 200));
    fs::rename(&log, &aside).unwrap();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
    signal("-HUP");
    until("it goes on in a new file", &|| fs::read_to_string(&log).is_ok_and(|text| text.contains("the log goes on here")));
    let before = fs::read(&aside).unwrap();
    assert_eq!(ask(&socket, "GET", "/api/v1/devices", None).unwrap().0, 200);
    until("requests stand in it", &|| fs::read_to_string(&log).unwrap().contains("GET /api/v1/devices"));
    assert_eq!(fs::read(&aside).unwrap(), before, "and not in the one before");
    signal("-TERM");
    assert!(process.wait().unwrap().success());
}
