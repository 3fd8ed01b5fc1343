//! What is said: Apple's messages as types; parsing and building, no I/O.

pub mod acme;
pub mod ade;
pub mod app_config;
pub mod apps_and_books;
pub mod availability;
pub mod calendar;
pub mod checkin;
pub mod command;
pub mod declaration;
pub mod error_chain;
pub mod event;
pub mod grant;
pub mod ids;
pub mod lookup;
pub mod machine_info;
pub mod mail;
pub mod malformed;
pub mod manifest;
pub mod mdmcert;
pub mod mobileconfig;
pub mod moves;
pub mod os_version;
pub mod package;
pub mod platform;
pub mod plist;
pub mod provision;
pub mod push;
pub mod report;
pub mod restrictions;
pub mod roster;
pub mod s3;
pub mod scep;
pub mod service_discovery;
pub mod unreached;
mod xml;

/// The bodies of the recorded requests in these folders of conversations, each with its name; for tests.
#[cfg(test)]
fn recorded_requests(folders: &[&str]) -> Vec<(String, Vec<u8>)> {
    let Some(shared) = crate::shared_for_tests() else { return Vec::new() };
    let mut bodies = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(shared.join("captures/conversations").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let request = std::fs::read(&path).unwrap();
            let end_of_head = request.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end_of_head.filter(|_| name.ends_with(".request.http")) {
                bodies.push((name, request[end + 4..].to_vec()));
            }
        }
    }
    bodies
}
