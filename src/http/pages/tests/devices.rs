//! Devices as people look at them: the table with its chips, one device tab by tab, and what roles are offered.

use super::House;
use crate::error::Result;
use crate::mdm::Role;
use crate::protocol::platform::Platform;
use crate::store::commands::CommandState;
use crate::store::reports::{self, NewReport};
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{Tx, commands, devices as rows};

/// What stands in the chips: "All 3", "ok 2", …
fn chips(page: &str) -> String {
    let chips = page.split("aria-label=\"By state\"").nth(1).unwrap().split("</nav>").next().unwrap();
    let text: String = chips.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A table of two devices for which nothing waits and one with a command in its queue.
async fn three() -> House {
    let house = House::new();
    for (id, name) in [("1", "iPad A"), ("2", "iPad B"), ("3", "iPad C")] {
        house.device(id, name).await;
    }
    house
        .write(|tx| {
            let command = commands::NewCommand {
                enrollment_id: "e3",
                generation: 1,
                uuid: "0001",
                request_type: "DeviceLock",
                payload: b"plist",
                supersede_key: None,
                actor: "kim (owner)",
                expires_at: None,
                priority: 0,
            };
            commands::insert(tx, &command)
        })
        .await;
    house
}

#[tokio::test]
async fn every_chip_counts_whatever_chip_is_chosen() {
    let house = three().await;
    let viewer = house.person(Role::Viewer).await;
    for path in ["/devices", "/devices?state=waiting", "/devices?state=problem"] {
        let page = house.get(&viewer, path).await.body;
        assert_eq!(chips(&page), "All 3 ok 2 waiting 1 silent 0 problem 0", "{path}");
    }
    let page = house.get(&viewer, "/devices?state=problem").await.body;
    assert!(page.contains("No device is in the state “problem”") && !page.contains("the search and the filters together"), "{page}");
}

/// A device of this id was told to be in Lost Mode.
async fn told_to_be_lost(house: &House, id: &'static str) {
    let lose = move |tx: &Tx| {
        let command = commands::NewCommand {
            enrollment_id: &format!("e{id}"),
            generation: 1,
            uuid: "10057",
            request_type: "EnableLostMode",
            payload: b"plist",
            supersede_key: None,
            actor: "kim (owner)",
            expires_at: None,
            priority: 0,
        };
        commands::insert(tx, &command)
    };
    house.write(lose).await;
}

#[tokio::test]
async fn a_lost_device_is_called_lost_wherever_it_stands() {
    let house = three().await;
    told_to_be_lost(&house, "1").await;
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/devices").await.body;
    assert_eq!(chips(&page), "All 3 ok 1 waiting 1 silent 0 problem 0 lost 1");
    let row = page.split("href=\"/devices/1\"").next().unwrap().rsplit("<tr").next().unwrap().to_owned()
        + page.split("href=\"/devices/1\"").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row.contains("state-lost") && row.contains("lost; it has not heard of it yet"), "{row}");
    let only = house.get(&viewer, "/devices?state=lost").await.body;
    assert!(only.contains("iPad A") && !only.contains("iPad B"), "{only}");
    let today = house.get(&viewer, "/").await.body;
    let square = today.split("href=\"/devices/1\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(square.contains("state-lost") && square.contains("lost; it has not"), "{square}");
    assert!(today.contains("href=\"/devices?state=lost\"") && today.contains("3 devices, 1 waiting, 1 lost"), "{today}");
    let one = house.get(&viewer, "/devices/1").await.body;
    assert!(one.contains("state-lost") && !one.contains("in touch"), "{one}");
    let sorted = house.get(&viewer, "/devices?sort=-state").await.body;
    assert!(sorted.find("iPad A") < sorted.find("iPad C"), "the worst first: {sorted}");
}

#[tokio::test]
async fn nothing_is_said_of_the_version_of_a_device_for_which_nothing_waits() {
    let house = three().await;
    house
        .write(|tx| {
            let deadline_at = Some(tx.now.plus(std::time::Duration::from_secs(3600)));
            for (enrollment, stage) in [("e1", Stage::Prepared), ("e2", Stage::Cannot)] {
                update_states::put(tx, enrollment, &UpdateState { deadline_at, stage, ..UpdateState::blank("", 0, tx.now) })?;
            }
            Ok(())
        })
        .await;
    let viewer = house.person(Role::Viewer).await;
    for path in ["/devices", "/"] {
        let page = house.get(&viewer, path).await.body;
        assert!(page.contains("in touch") && !page.contains("up to date"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_device_past_the_deadline_of_an_update_is_not_called_up_to_date() {
    let house = three().await;
    house
        .write(|tx| {
            let deadline_at = Some(tx.now);
            for (enrollment, stage) in [("e1", Stage::Waiting), ("e2", Stage::Done)] {
                update_states::put(tx, enrollment, &UpdateState { deadline_at, stage, ..UpdateState::blank("", 0, tx.now) })?;
            }
            Ok(())
        })
        .await;
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/devices").await.body;
    assert_eq!(chips(&page), "All 3 ok 1 waiting 1 silent 0 problem 1");
    assert!(page.contains("past the deadline of an update"), "{page}");
    let today = house.get(&viewer, "/").await.body;
    assert!(today.contains("1 device is past the deadline of an update that was started by hand."), "{today}");
    let square = today.split("href=\"/devices/1\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(square.contains("state-problem") && square.contains("past the deadline of an update"), "{square}");
}

#[tokio::test]
async fn practice_devices_are_offered_only_to_those_who_may_add_them() {
    let house = House::new();
    for (role, is_offered) in [(Role::Owner, true), (Role::Admin, true), (Role::Helper, false), (Role::Viewer, false)] {
        let cookie = house.person(role).await;
        for path in ["/", "/devices"] {
            let page = house.get(&cookie, path).await.body;
            assert!(page.contains("No devices yet"), "{page}");
            assert_eq!(page.contains("Add practice devices"), is_offered, "{role:?} at {path}");
        }
    }
}

#[tokio::test]
async fn chips_change_with_their_table() {
    let house = three().await;
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/devices").await.body;
    let fragment = page.split("<div id=\"devices\"").nth(1).unwrap();
    let topics = fragment.split("data-live=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(topics.split(' ').any(|topic| topic == "command"), "a command makes a device wait: {topics}");
    assert!(fragment.contains("aria-label=\"By state\""), "the chips stand within what is fetched again");
}

#[tokio::test]
async fn what_a_mac_says_about_its_security_is_read_as_facts() {
    let house = House::new();
    house.device("1", "iMac").await;
    let said = r#"{"FDE_Enabled":true,"FirewallSettings":{"Applications":[{"BundleID":"com.example.app","Allowed":false}],"BlockAllIncoming":false,"FirewallEnabled":true},
        "ManagementStatus":{"EnrolledViaDEP":false,"UserApprovedEnrollment":true},"SecureBoot":{"SecureBootLevel":"full"},"HardwareEncryptionCaps":3}"#;
    house.write(move |tx| rows::set_security(tx, "1", said)).await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/devices/1/security").await.body;
    for words in [
        "FileVault",
        "Firewall",
        "com.example.app: blocked",
        "Management: user-approved enrollment",
        "Secure boot",
        "block-level and file-level",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("{&quot;"), "no JSON for people: {page}");
}

#[tokio::test]
async fn a_report_that_was_kept_can_be_read_and_one_put_off_is_not_called_too_large() {
    let house = House::new();
    house.device("1", "iMac").await;
    house
        .write(|tx| {
            let new = |status, size_bytes, body| NewReport {
                enrollment_id: "e1",
                command_uuid: "u",
                request_type: "SecurityInfo",
                status,
                size_bytes,
                sha256: &[0; 32],
                body,
            };
            reports::insert(tx, &new("Acknowledged", 20, Some(b"<plist><true/></plist>".as_slice())))?;
            reports::insert(tx, &new("NotNow", 30, None))?;
            reports::insert(tx, &new("Acknowledged", 30 << 20, None))
        })
        .await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/devices/1/reports").await.body;
    assert!(page.contains("&lt;plist&gt;"), "{page}");
    assert_eq!(page.matches("Too large to keep").count(), 1, "{page}");
    assert!(page.contains("A report that puts something off is not kept"), "{page}");
}

#[tokio::test]
async fn who_may_only_look_is_offered_no_deed() {
    let house = House::new();
    house.device("1", "iPad").await;
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/devices/1").await.body;
    assert!(!page.contains("Ask it for news") && !page.contains("actions/"), "{page}");
    for deed in ["erase", "restart", "lock"] {
        assert_eq!(house.get(&viewer, &format!("/devices/1/actions/{deed}")).await.status, 403, "{deed}");
    }
    let helper = house.person(Role::Helper).await;
    assert_eq!(house.get(&helper, "/devices/1/actions/erase").await.status, 403);
    assert_eq!(house.get(&helper, "/devices/1/actions/restart").await.status, 200);
    assert!(house.get(&helper, "/devices/1").await.body.contains("Ask it for news"));
}

#[tokio::test]
async fn a_deed_that_was_asked_for_is_confirmed_once() {
    let house = House::new();
    house.device("1", "iPad").await;
    let helper = house.person(Role::Helper).await;
    let done = house.post(&helper, "/devices/1/actions/restart", "confirmed=1").await;
    assert_eq!(done.status, 303, "{}", done.body);
    let page = house.get(&helper, done.location()).await.body;
    assert!(page.contains("role=\"status\"") && page.contains("Restart: asked of 1 device."), "{page}");
    assert!(!house.get(&helper, "/devices/1").await.body.contains("asked of 1 device"));
    let several = house.post(&helper, "/devices/actions/restart", "device=1&confirmed=1").await;
    let page = house.get(&helper, several.location()).await.body;
    assert!(several.location().starts_with("/devices?") && page.contains("Restart: asked of 1 device."), "{page}");
    let again = house.get(&helper, several.location()).await.body;
    assert!(!again.contains("asked of 1 device"), "said once: {again}");
}

/// An answer to a command of this type, as it was confirmed.
fn confirmed(tx: &Tx, uuid: &str, request_type: &str, body: &[u8]) -> Result<()> {
    let command = commands::NewCommand {
        enrollment_id: "e1",
        generation: 1,
        uuid,
        request_type,
        payload: b"plist",
        supersede_key: None,
        actor: "kim (owner)",
        priority: 0,
        expires_at: None,
    };
    let command = commands::insert(tx, &command)?;
    commands::answered(tx, command.seq, CommandState::Acknowledged, "", None)?;
    let new = NewReport {
        enrollment_id: "e1",
        command_uuid: uuid,
        request_type,
        status: "Acknowledged",
        size_bytes: body.len() as u64,
        sha256: &[0; 32],
        body: Some(body),
    };
    reports::insert(tx, &new).map(drop)
}

#[tokio::test]
async fn a_lost_device_says_so_and_where_it_is_to_those_who_may_ask() {
    let house = House::new();
    house.device("1", "iPad <A>").await;
    house
        .write(|tx| {
            let ipad = rows::by_id(tx, "1")?.unwrap();
            rows::update(tx, &rows::Device { supervised: Some(true), os_version: String::from("26.1"), ..ipad })
        })
        .await;
    let (helper, viewer) = (house.person(Role::Helper).await, house.person(Role::Viewer).await);
    let offered = async || {
        let page = house.get(&helper, "/devices/1").await.body;
        ["lost-mode", "end-lost-mode", "play-sound", "locate"].map(|deed| page.contains(&format!("/devices/1/actions/{deed}\"")))
    };
    assert_eq!(offered().await, [true, false, false, false]);
    house.write(|tx| confirmed(tx, "0001", "EnableLostMode", b"")).await;
    assert_eq!(offered().await, [true, true, true, true], "it can be given a new message");
    let page = house.get(&helper, "/devices/1/security").await.body;
    assert!(page.contains("It is in Lost Mode since") && page.contains("It has not said where it is."), "{page}");
    assert_eq!(house.post(&helper, "/devices/1/position", "").await.status, 404);
    let body = "<plist><dict><key>UDID</key><string>x</string><key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>0002</string>\
                <key>Latitude</key><real>48.125</real><key>Longitude</key><real>11.5</real><key>HorizontalAccuracy</key><real>20</real></dict></plist>";
    house.write(move |tx| confirmed(tx, "0002", "DeviceLocation", body.as_bytes())).await;
    let told = house.get(&helper, "/devices/1").await.body;
    assert!(told.contains("href=\"/devices/1/position\" data-dialog") && !told.contains("48.125"), "{told}");
    assert!(house.get(&helper, "/devices/1/position").await.body.contains("It is recorded that you looked"));
    let shown = house.post(&helper, "/devices/1/position", "").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    for words in
        ["48.125000", "11.500000", "within 20 metres", "https://maps.apple.com/?ll=48.125000,11.500000&amp;q=", "rel=\"noreferrer\""]
    {
        assert!(shown.body.contains(words), "{words}: {}", shown.body);
    }
    assert!(house.get(&helper, "/devices/1").await.body.contains("Looked where it is"), "the timeline says so");
    let looked = house.get(&viewer, "/devices/1").await.body;
    assert!(looked.contains("It is in Lost Mode") && !looked.contains("/devices/1/position"), "{looked}");
    assert_eq!(house.get(&viewer, "/devices/1/position").await.status, 403);
    assert_eq!(house.post(&viewer, "/devices/1/position", "").await.status, 403);
    for who in [&helper, &viewer] {
        let raw = house.get(who, "/devices/1/reports").await.body;
        assert!(raw.contains("It says where the device was") && !raw.contains("48.125"), "{raw}");
        let seq = house.write(|tx| reports::list(tx, "1", None, 1)).await.remove(0).seq;
        assert_eq!(house.get(who, &format!("/devices/1/reports/{seq}")).await.status, 403);
    }
}

#[tokio::test]
async fn what_devices_cannot_do_is_said_in_plain_words_for_every_deed_on_every_platform() {
    let house = House::new();
    let platforms = [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos, Platform::Watchos];
    for id in ["1", "2", "3", "4", "5"] {
        house.device(id, "One of five").await;
    }
    let become_all = move |tx: &Tx| {
        for (platform, id) in platforms.into_iter().zip(["1", "2", "3", "4", "5"]) {
            let device = rows::by_id(tx, id)?.unwrap();
            rows::update(tx, &rows::Device { platform, supervised: Some(false), os_version: String::from("26.1"), ..device })?;
        }
        Ok(())
    };
    house.write(become_all).await;
    let owner = house.person(Role::Owner).await;
    let deeds = [
        ("lost-mode", "EnableLostMode"),
        ("end-lost-mode", "DisableLostMode"),
        ("clear-passcode", "ClearPasscode"),
        ("restart", "RestartDevice"),
        ("shut-down", "ShutDownDevice"),
        ("lock", "DeviceLock"),
        ("erase", "EraseDevice"),
    ];
    let mut all = String::new();
    for (deed, request_type) in deeds {
        let chosen = "device=1&device=2&device=3&device=4&device=5&confirmed=1&typed=5&message=Bring+it+back";
        let page = house.post(&owner, &format!("/devices/actions/{deed}"), chosen).await.body;
        let first_look: String = page
            .split("<details>")
            .enumerate()
            .map(|(at, part)| if at == 0 { part } else { part.split_once("</details>").map_or("", |(_, after)| after) })
            .collect();
        assert!(!first_look.contains(request_type), "{deed}: {first_look}");
        all.push_str(&page);
    }
    for words in [
        "Macs have no Lost Mode.",
        "Only a supervised iPhone or iPad can be asked to go into Lost Mode.",
        "A Mac cannot be asked to take its passcode off.",
        "In Apple’s words",
        "EnableLostMode does not exist on macOS",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
}

#[tokio::test]
async fn a_device_cannot_turn_its_name_round_and_one_of_another_direction_stays_whole() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("1", "\u{202e}gnp.exe").await;
    house.device("2", "جهاز (ب) 7b").await;
    for path in ["/devices", "/devices/1", "/devices/1/actions/erase"] {
        let page = house.get(&owner, path).await.body;
        assert!(page.contains("gnp.exe") && !page.contains('\u{202e}'), "{path}: {page}");
    }
    for (path, whole) in [
        ("/devices", "<bdi>جهاز (ب) 7b</bdi>"),
        ("/devices/2", "<bdi>جهاز (ب) 7b</bdi>"),
        ("/devices/2/actions/erase", "Erase \u{2068}جهاز (ب) 7b\u{2069}"),
    ] {
        let page = house.get(&owner, path).await.body;
        assert!(page.contains(whole), "{path}: {page}");
    }
}
