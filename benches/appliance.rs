//! What the whole appliance does, as one table: `cargo bench --bench appliance`. The program serves a seeded school of each size on an empty machine's
//! terms (its own database, durable answers), and the load of `rollcall simulate` comes over real sockets from a process beside it, on the same cores.
//!
//! `ROLLCALL_APPLIANCE_DEVICES` names other sizes (`1000,10000`), `ROLLCALL_APPLIANCE_SECONDS` how long each load lasts, and
//! `ROLLCALL_APPLIANCE_PROGRAM` another build of the program (`packaging/static`).

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

#[path = "appliance/house.rs"]
mod house;

use std::time::{Duration, Instant};

use house::House;

/// Devices of the schools.
const SIZES: &str = "1000,10000,100000";
/// Seconds of each load.
const SECONDS: &str = "5";
/// Looks at one page, of which the middle one and the slowest are told.
const LOOKS: usize = 50;

/// A line of the table: what is measured, and what `rollcall simulate --bench` is asked for.
struct Load {
    name: &'static str,
    mode: &'static str,
    connections: u32,
    identity: &'static str,
    /// Whether the devices come over TLS.
    tls: bool,
}

const LOADS: [Load; 11] = [
    load("Idle polls, 16 connections, header of a proxy", "idle", 16, "header=Client-Cert", false),
    load("Idle polls, 16 connections, Mdm-Signature", "idle", 16, "signature", false),
    load("Idle polls, 1,000 kept TLS connections, Mdm-Signature", "idle", 1000, "signature", true),
    load("Idle polls, 1,000 kept TLS connections, client certificates", "idle", 1000, "tls", true),
    load("TokenUpdate, 16 connections, header", "tokenupdate", 16, "header=Client-Cert", false),
    load("TokenUpdate, 16 connections, Mdm-Signature", "tokenupdate", 16, "signature", false),
    load("Enqueue, fetch, acknowledge, 10 connections, header", "cycle", 10, "header=Client-Cert", false),
    load("Enqueue, fetch, acknowledge, 10 connections, Mdm-Signature", "cycle", 10, "signature", false),
    load("Enroll (Authenticate and TokenUpdate), 8 connections, header", "enroll", 8, "header=Client-Cert", false),
    load("Enroll (Authenticate and TokenUpdate), 8 connections, Mdm-Signature", "enroll", 8, "signature", false),
    load("SCEP certificates, 8 connections", "scep", 8, "signature", false),
];

const fn load(name: &'static str, mode: &'static str, connections: u32, identity: &'static str, tls: bool) -> Load {
    Load { name, mode, connections, identity, tls }
}

/// Pages with lists, and the same by the API.
const LISTS: [(&str, &str); 9] = [
    ("Page of devices", "/devices"),
    ("Page of devices, searched", "/devices?search=TESTSN"),
    ("Page of devices, sorted by when they were last seen", "/devices?sort=last_seen"),
    ("Page of devices, sorted by their system", "/devices?sort=os"),
    ("Page of devices, of which none is found", "/devices?search=nowhere"),
    ("Page of what happened", "/system/audit"),
    ("Today", "/"),
    ("Table of the versions that devices run", "/updates"),
    ("100 devices by the API", "/api/v1/devices?limit=100"),
];

fn main() {
    let said = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let sizes: Vec<u32> =
        said("ROLLCALL_APPLIANCE_DEVICES", SIZES).split(',').map(|size| size.trim().parse().expect("numbers with commas")).collect();
    let seconds: u32 = said("ROLLCALL_APPLIANCE_SECONDS", SECONDS).parse().expect("a number of seconds");
    let columns: Vec<_> = sizes.iter().map(|size| column(*size, seconds)).collect();
    let heads: Vec<_> = sizes.iter().map(|size| format!("{size} devices")).collect();
    println!("| | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for row in 0..columns[0].len() {
        let cells: Vec<_> = columns.iter().map(|column| column[row].1.as_str()).collect();
        println!("| {} | {} |", columns[0][row].0, cells.join(" | "));
    }
}

/// What one school gives: each row's name and its cell.
fn column(devices: u32, seconds: u32) -> Vec<(&'static str, String)> {
    let school = house::seeded(devices);
    // The first start makes certificates; those after it are what a restart is.
    drop(House::start(school.path(), devices));
    let began = Instant::now();
    let mut house = House::start(school.path(), devices);
    let mut rows = vec![("Start until the first answer", format!("{} ms", began.elapsed().as_millis()))];
    std::thread::sleep(Duration::from_secs(3));
    rows.push(("Memory, idle", house.memory()));
    house.log_in();
    for (name, path) in LISTS {
        rows.push((name, looks(&house, path)));
    }
    for load in &LOADS {
        eprintln!("{devices} devices: {}", load.name);
        rows.push((load.name, house.load(load, seconds)));
    }
    rows.push(("Memory, after all loads", house.memory()));
    rows
}

/// The time until a page is there, over a connection of its own.
fn looks(house: &House, path: &str) -> String {
    let mut taken: Vec<_> = (0..LOOKS)
        .map(|_| {
            let began = Instant::now();
            let (status, body) = house.get(path);
            assert!(status == 200 && !body.is_empty(), "{path} gave {status}");
            began.elapsed()
        })
        .collect();
    taken.sort();
    let ms = |at: Duration| at.as_secs_f64() * 1000.0;
    format!("{:.1} ms, at most {:.1}", ms(taken[LOOKS / 2]), ms(taken[LOOKS - 1]))
}
