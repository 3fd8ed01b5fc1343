//! Profiles on pages: brought, looked at, given to groups, replaced, deleted.

use super::House;
use crate::mdm::profiles;
use crate::mdm::{Actor, Role};
use crate::protocol::mobileconfig::tests::{payload, profile, signed};
use crate::protocol::plist::Value;
use crate::store::meetings::tests as meetings;
use crate::store::profiles::tests as rows;

pub(super) fn camera(identifier: &str, allowed: bool) -> Vec<u8> {
    let keys = [("allowCamera", Value::Boolean(allowed)), ("Note", Value::String("$SERIAL".into()))];
    profile(identifier, &[payload("com.apple.applicationaccess", &format!("{identifier}.r"), &keys)])
}

impl House {
    pub(super) async fn bring(&self, cookie: &str, path: &str, content: &[u8]) -> super::Reply {
        let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mobileconfig\"\r\n\r\n";
        let body = [head.as_bytes(), content, b"\r\n--x--\r\n"].concat();
        self.send(Self::posted(cookie, path, "multipart/form-data; boundary=x", body)).await
    }

    /// Brings a profile and gives the address of its page.
    pub(super) async fn kept(&self, cookie: &str, content: &[u8]) -> String {
        let reply = self.bring(cookie, "/profiles/new", content).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        reply.location().split('?').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_profile_is_brought_and_its_page_says_what_it_is() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let empty = house.get(&owner, "/profiles").await.body;
    assert!(
        empty.contains("No profiles yet") && empty.contains("href=\"/profiles\"") && empty.contains("Profiles and policies"),
        "{empty}"
    );
    let reply = house.bring(&owner, "/profiles/new", &camera("school.example.camera", false)).await;
    let page = house.get(&owner, reply.location()).await.body;
    for part in [
        "No device has it yet: choose who gets it.",
        "Restrictions",
        "$SERIAL",
        "serial number of the device",
        "school.example.camera",
        "Version 1",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(page.contains("There is no group yet"), "{page}");
    let list = house.get(&owner, "/profiles").await.body;
    assert!(list.contains("school.example.camera") && list.contains("nobody yet"), "{list}");
    let log = house.get(&owner, "/system/audit").await.body;
    assert!(log.contains("Uploaded a profile: school.example.camera"), "{log}");
}

#[tokio::test]
async fn a_file_that_is_no_profile_is_told_at_its_field() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for (content, words) in [
        (&b"hello"[..], "This is a text. Here a configuration profile"),
        (&b""[..], "The file is empty"),
        (&profile("org.rollcall.enrollment", &[]), "one of Rollcall&#39;s own"),
        (
            &profile("school.example.a", &[payload("x.y", "p", &[("K", Value::String("$USERNAME".into()))])]),
            "$USERNAME, which is no variable",
        ),
    ] {
        let reply = house.bring(&owner, "/profiles/new", content).await;
        let said = reply.body.replace("Rollcall's", "Rollcall&#39;s");
        assert!(reply.status == 422 && said.contains("id=\"f-file-error\"") && said.contains(words), "{words} in {said}");
    }
    let large = house.bring(&owner, "/profiles/new", &vec![b'<'; (4 << 20) + 1]).await;
    assert!(large.status == 413 && large.body.contains("larger than 4 MB"), "{}", large.body);
    let huge = house.bring(&owner, "/profiles/new", &vec![b'<'; 5 << 20]).await;
    assert!(huge.status == 413 && huge.body.contains("far larger than"), "{}", huge.body);
}

#[tokio::test]
async fn another_version_is_shown_with_what_differs_before_any_device_gets_it() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.kept(&owner, &camera("school.example.a", true)).await;
    // By the general form too, since it is known by its identifier.
    for path in ["/profiles/new".to_owned(), format!("{page}/upload")] {
        let reply = house.bring(&owner, &path, &camera("school.example.a", false)).await;
        assert!(reply.location().starts_with(&format!("{page}/versions/2?")), "{}", reply.location());
    }
    let version = house.get(&owner, &format!("{page}/versions/2")).await.body;
    for part in ["What differs from version 1", "allowCamera", ">true<", ">false<", "Use this version", "Version 1 is in use"] {
        assert!(version.contains(part), "{part} in {version}");
    }
    assert!(house.get(&owner, &page).await.body.contains("kept"));
    let used = house.post(&owner, &format!("{page}/versions/2"), "").await;
    assert!(house.get(&owner, used.location()).await.body.contains("Version 2 is in use"));
    let current = house.get(&owner, &format!("{page}/versions/2")).await.body;
    assert!(current.contains("What differs from version 1") && !current.contains("Use this version"), "{current}");
    let other = house.bring(&owner, &format!("{page}/upload"), &camera("school.example.b", false)).await;
    assert!(other.status == 422 && other.body.contains("This is another profile"), "{}", other.body);
}

#[tokio::test]
async fn who_gets_it_is_chosen_by_group_and_what_it_gets_in_the_way_of_is_asked_first() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("1", "iPad 1").await;
    house.write(|tx| rows::group(tx, "g1", "Cart A", &["1"])).await;
    let (a, b) =
        (house.kept(&owner, &camera("school.example.a", true)).await, house.kept(&owner, &camera("school.example.b", false)).await);
    let first = house.post(&owner, &format!("{a}/scope"), "groups=g1&ends_at=").await;
    assert_eq!(first.status, 303, "{}", first.body);
    let page = house.get(&owner, &a).await.body;
    assert!(page.contains("value=\"g1\" checked") && page.contains("For 1 device"), "{page}");

    let form = "groups=g1&ends_at=2100-12-24T15:30";
    let asked = house.post(&owner, &format!("{b}/scope"), form).await;
    assert_eq!(asked.status, 409);
    for part in [
        "allowCamera",
        "“school.example.a”",
        "same device",
        "Nothing was changed yet",
        "name=\"groups\" value=\"g1\"",
        "value=\"2100-12-24T15:30\"",
    ] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert!(!house.get(&owner, &b).await.body.contains("value=\"g1\" checked"));
    let done = house.post(&owner, &format!("{b}/scope"), &format!("{form}&confirmed=1")).await;
    assert_eq!(done.status, 303);
    let page = house.get(&owner, &b).await.body;
    assert!(page.contains("value=\"g1\" checked") && page.contains("2100-12-24T15:30") && page.contains("allowCamera"), "{page}");
    let wrong = house.post(&owner, &format!("{b}/scope"), "groups=g1&ends_at=soon").await;
    assert!(
        wrong.status == 422 && wrong.body.contains("id=\"f-ends_at-error\"") && wrong.body.contains("value=\"soon\""),
        "{}",
        wrong.body
    );
    let signed = house.kept(&owner, &signed(&profile("school.example.s", &[]))).await;
    let refused = house.post(&owner, &format!("{signed}/scope"), form).await;
    assert!(refused.status == 422 && refused.body.contains("is signed or encrypted"), "{}", refused.body);
    house.post(&owner, &format!("{b}/scope"), "before=g1&ends_at=").await;
    assert!(!house.get(&owner, &b).await.body.contains("value=\"g1\" checked"));
}

#[tokio::test]
async fn results_stand_by_device_with_the_reason_and_numbers_open_their_list() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("1", "iPad <1>").await;
    house.device("2", "iPad 2").await;
    house.write(|tx| rows::group(tx, "g1", "Cart A", &["1", "2"])).await;
    let page = house.kept(&owner, &camera("school.example.a", true)).await;
    house.post(&owner, &format!("{page}/scope"), "groups=g1&ends_at=").await;
    house
        .write(|tx| {
            rows::deployed(tx, "e1", "school.example.a", ["a", "a", ""], "The profile is <malformed>.")?;
            rows::deployed(tx, "e2", "school.example.a", ["a", "a", "a"], "")
        })
        .await;
    let id = page.trim_start_matches("/profiles/").to_owned();
    let unable = format!(r#"[{{"what":"x","because":"Nobody is assigned.","origin":{{"kind":"profile","id":"{id}","name":"x"}}}}]"#);
    house.write(move |tx| rows::planned(tx, "e1", &unable)).await;
    let cannot = house.get(&owner, &format!("{page}?state=unable")).await.body;
    assert!(cannot.contains("1 cannot have all of it") && cannot.contains("Nobody is assigned.") && !cannot.contains("iPad 2"), "{cannot}");
    let all = house.get(&owner, &page).await.body;
    for part in ["iPad &lt;1&gt;", "The profile is &lt;malformed&gt;.", "1 installed", "1 failed", &format!("href=\"{page}?state=failed\"")]
    {
        assert!(all.contains(part), "{part} in {all}");
    }
    let failed = house.get(&owner, &format!("{page}?state=failed")).await.body;
    assert!(failed.contains("iPad &lt;1&gt;") && !failed.contains("iPad 2"), "{failed}");
    assert!(house.get(&owner, "/profiles").await.body.contains("1 failed"));
}

#[tokio::test]
async fn a_name_is_changed_and_a_profile_deleted_by_those_who_may() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let page = house.kept(&owner, &camera("school.example.a", true)).await;
    house.post(&owner, &page, "name=Camera%20off&note=For%20exams").await;
    let shown = house.get(&viewer, &page).await.body;
    assert!(shown.contains("Camera off") && shown.contains("For exams"), "{shown}");
    for hidden in ["/delete", "/upload", "Save", "/content"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    for (path, form) in [("", "name=x"), ("/delete", ""), ("/scope", ""), ("/versions/1", "")] {
        assert_eq!(house.post(&viewer, &format!("{page}{path}"), form).await.status, 403, "{path}");
    }
    assert_eq!(house.get(&viewer, &format!("{page}/content")).await.status, 403);
    let empty = house.post(&owner, &page, "name=&note=x").await;
    assert!(empty.status == 422 && empty.body.contains("id=\"f-name-error\""), "{}", empty.body);
    assert!(house.get(&owner, &format!("{page}/delete")).await.body.contains("Delete the profile"));
    let gone = house.post(&owner, &format!("{page}/delete"), "confirmed=1").await;
    assert!(house.get(&owner, gone.location()).await.body.contains("The profile is deleted"));
    assert_eq!(house.get(&owner, &page).await.status, 404);
}

#[tokio::test]
async fn a_long_library_goes_on_where_the_page_before_ended() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house
        .write(|tx| {
            for number in 0..51 {
                let brought = profiles::recognise(profile(&format!("school.example.n{number:02}"), &[]))?;
                profiles::create(tx, &Actor::Console, &brought, "Same name", "")?;
            }
            Ok(())
        })
        .await;
    let first = house.get(&owner, "/profiles").await.body;
    assert!(first.contains("Showing 50 of 51 profiles"), "{first}");
    let next = first.split("href=\"/profiles?after=").nth(1).unwrap().split('"').next().unwrap();
    let second = house.get(&owner, &format!("/profiles?after={next}")).await.body;
    assert_eq!((second.matches("Same name").count(), first.matches("row-link").count()), (1, 50), "{second}");
}

#[tokio::test]
async fn the_devices_of_a_profile_are_listed_up_to_a_limit() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.kept(&owner, &camera("school.example.a", true)).await;
    let limit = profiles::STANDINGS_MAX as usize;
    house
        .write(move |tx| {
            for number in 0..=limit {
                let id = format!("{number:04}");
                crate::store::devices::insert(tx, &crate::store::roster::tests::device(&id, "iPad"))?;
                crate::store::enrollments::insert(tx, &super::enrollment(tx, &id))?;
                rows::deployed(tx, &format!("e{id}"), "school.example.a", ["a", "a", "a"], "")?;
            }
            Ok(())
        })
        .await;
    let shown = house.get(&owner, &page).await.body;
    assert_eq!(shown.matches("href=\"/devices/").count(), limit);
    assert!(shown.contains("501 installed"));
}

#[tokio::test]
async fn the_page_says_to_which_place_of_a_mac_a_profile_goes_as_it_does() {
    use crate::protocol::mobileconfig::tests::profile_with;
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let (users, itself) = ("to the users of the Mac that are managed", "to the Mac itself");
    let scope = |scope: &str| vec![("PayloadScope", Value::String(scope.into()))];
    let mail = ["com.apple.mail.managed"];
    for (at, (keys, types, place)) in [
        (vec![], &mail[..], users),
        (scope("System"), &mail[..], itself),
        (scope("User"), &["com.apple.wifi.managed"][..], users),
        (vec![], &["com.apple.mail.managed", "com.apple.wifi.managed"][..], itself),
    ]
    .into_iter()
    .enumerate()
    {
        let payloads: Vec<_> = types.iter().enumerate().map(|(n, name)| payload(name, &format!("p{n}"), &[])).collect();
        let content = profile_with(&format!("school.example.p{at}"), &keys, &payloads);
        let page = house.kept(&owner, &content).await;
        let page = house.get(&owner, &page).await.body;
        assert!(page.contains(place), "{at}: {page}");
        let facts = crate::protocol::mobileconfig::facts::Facts::of(&crate::protocol::mobileconfig::read(&content).unwrap());
        assert_eq!(facts.is_for_users_of_macs(), place == users);
    }
}

fn locks(identifier: &str) -> Vec<u8> {
    let keys = ["allowCamera", "allowChat", "allowAssistant"].map(|key| (key, Value::Boolean(false)));
    profile(identifier, &[payload("com.apple.applicationaccess", &format!("{identifier}.r"), &keys)])
}

#[tokio::test]
async fn keys_that_own_and_unsupervised_devices_pass_over_are_told_at_upload_when_it_is_assigned_and_on_the_device() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house
        .write(|tx| {
            rows::group(tx, "g1", "Cart A", &[])?;
            rows::group(tx, "g2", "Everybody", &[])?;
            meetings::device(tx, "d1", "iPad 1", "18.1", "g1")?;
            for (id, name) in [("d2", "iPad of Kim"), ("d3", "iPad of Lou"), ("d4", "iPad 4")] {
                meetings::device(tx, id, name, "18.1", "g2")?;
            }
            ["d2", "d3"].into_iter().try_for_each(|id| meetings::is_own(tx, id))?;
            meetings::is_unsupervised(tx, "d4")
        })
        .await;
    let page = house.kept(&owner, &locks("school.example.locks")).await;
    let id = page.rsplit('/').next().unwrap();
    let body = house.get(&owner, &page).await.body;
    for part in [
        "On 2 people's own devices, these keys of “school.example.locks” (Restrictions) would do nothing: allowCamera, allowChat.",
        "On 1 device that is not supervised, this key of “school.example.locks” (Restrictions) would do nothing: allowChat.",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    // Supervised devices take them all: nothing is asked, and nothing is said any more.
    assert_eq!(house.post(&owner, &format!("{page}/scope"), "groups=g1&ends_at=").await.status, 303);
    assert!(!house.get(&owner, &page).await.body.contains("nothing: allow"));
    let form = "groups=g1&groups=g2&ends_at=";
    let preview = house.post(&owner, &format!("/preview/profile/{id}"), form).await.body;
    let told = "On 2 people's own devices, these keys of “school.example.locks” (Restrictions) do nothing: allowCamera, allowChat.";
    assert!(preview.contains(told), "{preview}");
    let asked = house.post(&owner, &format!("{page}/scope"), form).await;
    assert_eq!(asked.status, 409);
    for part in ["Some of it does nothing on some devices", told, "On 1 device that is not supervised, this key", "Assign it all the same"]
    {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert_eq!(house.post(&owner, &format!("{page}/scope"), &format!("{form}&confirmed=1")).await.status, 303, "nothing is refused");
    assert!(house.get(&owner, &page).await.body.contains(told));
    for (device, words) in [
        (
            "d2",
            "This device is a person's own, so that these keys of “school.example.locks” (Restrictions) do nothing on it: allowCamera, allowChat.",
        ),
        ("d4", "This device is not supervised, so that this key of “school.example.locks” (Restrictions) does nothing on it: allowChat."),
    ] {
        let body = house.get(&owner, &format!("/devices/{device}/wanted")).await.body;
        assert!(body.contains(words), "{body}");
    }
    assert!(!house.get(&owner, "/devices/d1/wanted").await.body.contains("nothing on it"));
}
