//! The command line beside a running appliance, and alone with its data folder.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use crate::serve::{Appliance, rollcall};

/// What a command did: its exit code and what it printed.
struct Told {
    code: i32,
    out: String,
    err: String,
}

/// Runs a command on the data folder under `folder`, with `input` to read.
fn tell(folder: &Path, arguments: &[&str], input: &str) -> Told {
    let data = folder.join("data");
    let mut command = rollcall(&[arguments, &["--data", data.to_str().unwrap()]].concat());
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that wants no input may be done before it is offered some.
    let given = process.stdin.take().unwrap().write_all(input.as_bytes());
    assert!(given.is_ok() || given.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
    let output = process.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn last_line(told: &Told) -> &str {
    assert_eq!(told.code, 0, "{}", told.err);
    told.out.lines().last().unwrap()
}

#[test]
fn people_and_tokens_are_managed_beside_the_running_appliance_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = Appliance::start(folder.path(), &[]);
    let tell = |arguments: &[&str]| tell(folder.path(), arguments, "correct horse battery\n");

    let created = tell(&["token", "create", "--role", "viewer", "--days", "2", "--name", "nightly report"]);
    let token = last_line(&created).to_owned();
    assert!(token.starts_with("rc_"), "{}", created.out);
    let me = appliance.ask_as("/api/v1/session", &format!("Bearer {token}"));
    assert!(me.contains("\"name\":\"nightly report\"") && me.contains("\"role\":\"viewer\""), "{me}");

    let added = tell(&["admin", "add", "kim", "--role", "owner"]);
    assert_eq!(last_line(&added).len(), 19, "the password that was made: {}", added.out);
    let again = tell(&["admin", "add", "KIM", "--role", "viewer", "--password-stdin"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("There is a `KIM` already"), "{}", again.err);
    let unknown = tell(&["admin", "add", "lee", "--role", "king"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("owner, admin, helper, teacher or viewer"), "{}", unknown.err);
    appliance.end();

    let listed = tell(&["admin", "list", "--json"]);
    let people: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((people[0]["name"].as_str(), people[0]["role"].as_str()), (Some("kim"), Some("owner")));
    let reset = tell(&["admin", "reset-password", "kim", "--password-stdin"]);
    assert_eq!((reset.code, reset.out.contains("the password that was given")), (0, true), "{}", reset.err);
    let listed = tell(&["token", "list"]);
    let id = last_line(&listed).split_whitespace().next().unwrap().to_owned();
    assert_eq!(tell(&["token", "revoke", &id]).code, 0);
    assert_eq!(tell(&["token", "revoke", "nothing"]).code, 1);

    let appliance = Appliance::start(folder.path(), &[]);
    let refused = appliance.ask_as("/api/v1/session", &format!("Bearer {token}"));
    assert!(refused.contains("\"status\":401"), "{refused}");
}

/// A receiver on a loopback port that takes every event and says Hello.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut said, mut some) = (Vec::new(), [0; 4096]);
            // The body is one JSON object, and nothing in the head ends like one.
            while !said.ends_with(b"}") {
                match stream.read(&mut some) {
                    Ok(read) if read > 0 => said.extend_from_slice(&some[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nHello");
        }
    });
    address
}

#[test]
fn webhooks_are_added_tried_changed_and_removed_beside_the_running_appliance_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = Appliance::start(folder.path(), &[]);
    let key = "sixteen letters of a key";
    let tell = |arguments: &[&str]| tell(folder.path(), &[&["webhook"][..], arguments].concat(), key);

    let url = receiver();
    let added = tell(&["add", &url, "--topic", "mdm.CheckOut"]);
    assert!(last_line(&added).len() >= 16 && added.out.contains("is told mdm.CheckOut"), "{}", added.out);
    let listed = tell(&["list"]);
    let id = last_line(&listed).split_whitespace().next().unwrap().to_owned();
    assert!(listed.out.contains(&url), "{}", listed.out);
    let tried = tell(&["test", &id]);
    assert!(tried.out.contains("Status 200") && last_line(&tried) == "Hello", "{}", tried.out);
    let given = tell(&["add", &url, "--key-stdin"]);
    assert!(given.code == 0 && !given.out.contains(key), "{}{}", given.out, given.err);

    assert_eq!(tell(&["change", &id, "--url", "http://127.0.0.1:1/", "--all-topics"]).code, 0);
    let refused = tell(&["test", &id, "--json"]);
    let trial: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((refused.code, &trial["delivered"]), (1, &serde_json::json!(false)));
    assert!(refused.err.contains("was not taken"), "{}", refused.err);
    for (wrong, because) in [
        (&["change", &id][..], "Say what is to change"),
        (&["change", &id, "--on", "--off"], "cannot be used with"),
        (&["add", "hooks.example.school"], "begins with https://"),
        (&["add", &url, "--topic", "mdm.Bananas"], "mdm.Bananas"),
    ] {
        let told = tell(wrong);
        assert!(told.code == 2 && told.err.contains(because), "{wrong:?}: {} {}", told.code, told.err);
    }
    appliance.end();

    let posted = tell(&["deliveries", &id]);
    assert_eq!(posted.out.lines().count(), 3, "{}", posted.out);
    let number = last_line(&posted).split_whitespace().next().unwrap().to_owned();
    assert!(last_line(&posted).contains("delivered") && posted.out.contains("given up"), "{}", posted.out);
    assert_eq!(tell(&["redeliver", &id, &number]).code, 0);
    let off = tell(&["change", &id, "--off"]);
    assert!(off.out.contains("switched off"), "{}", off.out);
    assert_eq!(tell(&["redeliver", &id, &number]).code, 1);
    assert_eq!((tell(&["remove", &id]).code, tell(&["remove", &id]).code), (0, 1));
    let left = tell(&["list", "--json"]);
    let left: serde_json::Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!(left.as_array().map(Vec::len), Some(1));
}
