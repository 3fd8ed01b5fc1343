//! Policies as people make them in the guided editor.

use super::House;
use crate::mdm::Role;
use crate::store::assignments;
use crate::store::meetings::tests as meetings;
use crate::store::policies::{self, Policy, tests as rows};

impl House {
    async fn policies(&self) -> Vec<Policy> {
        self.write(|tx| policies::list(tx, None, 100)).await
    }
}

#[tokio::test]
async fn the_empty_list_offers_managed_open_in() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/policies").await;
    assert!(page.body.contains("No policies yet") && page.body.contains("/policies/new?start=open-in"), "{}", page.body);
    let form = house.get(&owner, "/policies/new?start=open-in").await.body;
    for part in
        ["value=\"Managed Open In\"", "name=\"open_in_managed_stays\" value=\"1\" checked", "Limits: ", "iPhone and iPad from iOS 15"]
    {
        assert!(form.contains(part), "{part}");
    }
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/policies").await.body;
    assert!(page.contains("No policies yet") && !page.contains("/policies/new"), "{page}");
    assert_eq!(house.get(&viewer, "/policies/new").await.status, 403);
    assert_eq!(house.post(&viewer, "/policies", "name=x&no_camera=1").await.status, 403);
}

#[tokio::test]
async fn what_contradicts_itself_is_told_at_the_top_and_at_its_switch_and_stays_typed() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let sent = "name=Pilots&no_beta_updates=1&offer_beta_programs=seed-1&no_camera=1";
    let reply = house.post(&owner, "/policies", sent).await;
    assert_eq!((reply.status, house.policies().await.len()), (422.try_into().unwrap(), 0), "{}", reply.body);
    let summary = reply.body.split("class=\"mistakes\"").nth(1).expect("a summary").split("</div>").next().unwrap();
    assert!(summary.contains("to be put right") && summary.contains("href=\"#f-"), "{summary}");
    let at = summary.split("href=\"#").nth(1).unwrap().split('"').next().unwrap();
    assert!(reply.body.contains(&format!("id=\"{at}\"")), "{at} is on the page");
    let words = summary.split("</a>").next().unwrap().rsplit(": ").next().unwrap();
    assert_eq!(reply.body.matches(words).count(), 2, "{words}: at the top and at the switch");
    for kept in [
        "value=\"Pilots\"",
        "name=\"no_camera\" value=\"1\" checked",
        "name=\"no_beta_updates\" value=\"1\" checked",
        "value=\"seed-1\" checked",
    ] {
        assert!(reply.body.contains(kept), "{kept} in {}", reply.body);
    }
}

#[tokio::test]
async fn the_editor_makes_and_changes_a_policy_and_loses_nothing_that_was_typed() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let wrong =
        "name=Exam+%3Croom%3E&no_camera=1&passcode_min_length=many&app_block_list=com.a.one%0D%0AKeynote&managed_web_domains=example.org";
    let reply = house.post(&owner, "/policies", wrong).await;
    assert_eq!((reply.status, house.policies().await.len()), (422.try_into().unwrap(), 0));
    for part in [
        "value=\"Exam &lt;room&gt;\"",
        "name=\"no_camera\" value=\"1\" checked",
        "value=\"many\"",
        "id=\"f-passcode_min_length-error\"",
        "A whole number from 4 to 16",
        "com.a.one\r\nKeynote",
        "id=\"f-app_block_list-error\"",
        "`Keynote`: this is no bundle id",
    ] {
        assert!(reply.body.contains(part), "{part} in {}", reply.body);
    }
    let right =
        "name=Exam&note=&revision=0&no_camera=1&passcode_min_length=+6+&app_block_list=com.b.two%0D%0A%0D%0Acom.a.one&app_age=200&no_siri=";
    let made = house.post(&owner, "/policies", right).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let policy = house.policies().await.remove(0);
    let expected =
        serde_json::json!({ "no_camera": true, "passcode_min_length": 6, "app_block_list": ["com.a.one", "com.b.two"], "app_age": 200 });
    assert_eq!(serde_json::Value::Object(policy.settings.clone()), expected);
    let page = house.get(&owner, made.location()).await.body;
    for part in [
        "The policy is made.",
        "Shortest passcode: 6 letters or digits",
        "no group yet, so it does nothing",
        "iOS 27 and later",
        "By declaration app.settings",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let edit = house.get(&owner, &format!("/policies/{}/edit", policy.id)).await.body;
    assert!(
        edit.contains("com.a.one\ncom.b.two")
            && edit.contains("<option value=\"200\" selected>")
            && edit.contains("name=\"revision\" value=\"1\""),
        "{edit}"
    );
    let address = format!("/policies/{}", policy.id);
    let saved = house.post(&owner, &address, "name=Exam&revision=1&no_siri=1").await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    assert!(house.get(&owner, saved.location()).await.body.contains("No Siri"));
    let stale = house.post(&owner, &address, "name=Mine&revision=1&no_airdrop=1").await;
    assert_eq!(stale.status, 422);
    assert!(stale.body.contains("Somebody else changed this policy") && stale.body.contains("value=\"Mine\""), "{}", stale.body);
    let none = house.post(&owner, &address, "name=Exam&revision=2").await;
    assert!(none.body.contains("Switch at least one thing on"), "{}", none.body);
}

#[tokio::test]
async fn updates_are_held_back_by_days_and_words_that_the_editor_keeps() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let wrong = "name=Updates&hold_updates=91&auto_download=AlwaysOff&auto_install=AlwaysOn";
    let reply = house.post(&owner, "/policies", wrong).await;
    assert_eq!((reply.status, house.policies().await.len()), (422.try_into().unwrap(), 0));
    for part in
        ["value=\"91\"", "A whole number from 1 to 90 (days)", "let updates download themselves", "<option value=\"AlwaysOn\" selected>"]
    {
        assert!(reply.body.contains(part), "{part} in {}", reply.body);
    }
    let made = house.post(&owner, "/policies", "name=Updates&hold_updates=14&auto_install=AlwaysOff&update_cadence=").await;
    assert_eq!(made.status, 303, "{}", made.body);
    let policy = house.policies().await.remove(0);
    assert_eq!(serde_json::json!(policy.settings), serde_json::json!({ "hold_updates": 14, "auto_install": "AlwaysOff" }));
    let page = house.get(&owner, made.location()).await.body;
    for part in [
        "Hold updates back: 14 days",
        "Updates install themselves: never",
        "By declaration softwareupdate.settings",
        "By restrictions profile",
        "By software update profile",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let edit = house.get(&owner, &format!("/policies/{}/edit", policy.id)).await.body;
    assert!(edit.contains("<option value=\"AlwaysOff\" selected>") && edit.contains("Software updates"), "{edit}");
}

#[tokio::test]
async fn a_policy_says_where_it_is_wanted_what_a_device_gets_and_asks_before_it_goes() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad <1>").await;
    house
        .write(|tx| {
            rows::group(tx, "g1", "Cart <A>")?;
            rows::put_in(tx, "g1", "d1")
        })
        .await;
    house.post(&owner, "/policies", "name=Open+In&open_in_managed_stays=1&open_in_unmanaged_stays=1&no_private_browsing=1").await;
    let policy = house.policies().await.remove(0);
    let address = format!("/policies/{}", policy.id);
    let page = house.get(&owner, &address).await.body;
    for part in ["cannot open attachments", "AirDrop&#39;s sheet", "Cart &lt;A&gt;", "Safari's"] {
        assert!(page.contains(part) || page.contains(&part.replace("&#39;", "'")), "{part} in {page}");
    }
    let refused = house.post(&owner, &format!("{address}/scope"), "groups=g1&ends_at=soon").await;
    assert!(
        refused.status == 422 && refused.body.contains("value=\"soon\"") && refused.body.contains("value=\"g1\" checked"),
        "{}",
        refused.body
    );
    let preview = house.post(&owner, &format!("/preview{}", address.replace("policies", "policy")), "groups=g1&ends_at=").await;
    for part in [
        "What would happen with",
        "Nothing has been done yet.",
        "iPad &lt;1&gt;",
        &format!("action=\"{address}/scope\""),
        "name=\"groups\" value=\"g1\"",
    ] {
        assert!(preview.body.contains(part), "{part} in {}", preview.body);
    }
    assert!(house.write(|tx| assignments::of_group(tx, "g1")).await.is_empty(), "looking changes nothing");
    assert_eq!(house.post(&owner, "/preview/nonsense/1", "").await.status, 404);
    assert_eq!(house.post(&owner, "/preview/policy/nobody", "groups=g1").await.status, 404);
    let saved = house.post(&owner, &format!("{address}/scope"), "groups=g1&ends_at=").await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let page = house.get(&owner, saved.location()).await.body;
    assert!(page.contains("Devices that it reaches or leaves follow.") && page.contains("/policies/devices/d1"), "{page}");
    let device = house.get(&owner, "/policies/devices/d1").await.body;
    for part in ["Policies on iPad &lt;1&gt;", "allow open from managed to unmanaged", "allowOpenFromManagedToUnmanaged", "Open In</a>"] {
        assert!(device.contains(part), "{part} in {device}");
    }
    let viewer = house.person(Role::Viewer).await;
    let seen = house.get(&viewer, &address).await.body;
    assert!(
        seen.contains("Cart &lt;A&gt;") && !seen.contains("Change switches") && !seen.contains("<form method=\"post\" action=\"/policies"),
        "{seen}"
    );
    let ask = house.get(&owner, &format!("{address}/delete")).await.body;
    assert!(ask.contains("Cart &lt;A&gt; (1 device) is undone"), "{ask}");
    assert_eq!(house.post(&viewer, &format!("{address}/delete"), "").await.status, 403);
    assert_eq!(house.post(&owner, &format!("{address}/delete"), "").await.status, 303);
    assert_eq!(house.get(&owner, &address).await.status, 404);
    assert!(house.policies().await.is_empty());
}

#[tokio::test]
async fn a_long_list_goes_on_at_the_next_page() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for at in 0..51 {
        let form = format!("name=Policy+%26+{at:02}&no_camera=1&no_siri=1&no_airdrop=1&no_erase=1");
        assert_eq!(house.post(&owner, "/policies", &form).await.status, 303);
    }
    let page = house.get(&owner, "/policies").await.body;
    assert!(page.contains("Policy &amp; 49") && !page.contains("Policy &amp; 50") && page.contains("and 1 more"), "{page}");
    assert!(page.contains("/policies?after=Policy%20%26%2049"), "{page}");
    let rest = house.get(&owner, "/policies?after=Policy%20%26%2049").await.body;
    assert!(rest.contains("Policy &amp; 50") && !rest.contains("Policy &amp; 49"), "{rest}");
}

#[tokio::test]
async fn what_gets_in_the_way_is_asked_before_and_stands_on_both_pages_and_in_the_preview() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart <A>")).await;
    house.write(|tx| meetings::device(tx, "d1", "iPad 1", "18.1", "g1")).await;
    let profile = super::profiles::camera("school.example.camera", true);
    let profile = house.kept(&owner, &profile).await;
    house.post(&owner, &format!("{profile}/scope"), "groups=g1&ends_at=").await;
    let made = house.post(&owner, "/policies", "name=Exam&no_camera=1&no_private_browsing=1").await;
    let policy = made.location().split('?').next().unwrap().to_owned();
    let id = policy.rsplit('/').next().unwrap();
    let preview = house.post(&owner, &format!("/preview/policy/{id}"), "groups=g1&ends_at=").await.body;
    for part in ["allowCamera", "both are for the same device", "name=\"confirmed\"", "On 1 device: 1 thing sent by a command"] {
        assert!(preview.contains(part), "{part} in {preview}");
    }
    let asked = house.post(&owner, &format!("{policy}/scope"), "groups=g1&ends_at=").await;
    assert_eq!(asked.status, 409);
    for part in [
        "gets in the way of something else",
        "allowCamera",
        "name=\"groups\" value=\"g1\"",
        "Assign it all the same",
        "Nothing was changed yet",
    ] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    let (page, other) = (house.get(&owner, &policy).await.body, house.get(&owner, &profile).await.body);
    assert!(!page.contains("allowCamera") && !other.contains("the policy “Exam”"), "nothing was assigned");
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), "groups=g1&ends_at=&confirmed=1").await.status, 303);
    let (page, other) = (house.get(&owner, &policy).await.body, house.get(&owner, &profile).await.body);
    assert!(page.contains("allowCamera") && page.contains("by their own clock"), "{page}");
    assert!(other.contains("the policy “Exam”"), "{other}");
    // Ticked already: saving again asks nothing.
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), "groups=g1&ends_at=").await.status, 303);
}

#[tokio::test]
async fn the_preview_of_the_form_knows_its_end() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A")).await;
    house.write(|tx| meetings::device(tx, "d1", "iPad 1", "12.5.7", "g1")).await;
    let made = house.post(&owner, "/policies", "name=Exam&no_camera=1").await;
    let policy = made.location().split('?').next().unwrap().to_owned();
    let address = format!("/preview/policy/{}", policy.rsplit('/').next().unwrap());
    let end = house.app.now().plus(std::time::Duration::from_secs(3600));
    let preview = house.post(&owner, &address, &format!("groups=g1&ends_at={end}")).await.body;
    assert!(preview.contains("Restrictions until ") && preview.contains("It would end by itself on "), "{preview}");
    let lasting = house.post(&owner, &address, "groups=g1&ends_at=").await.body;
    assert!(!lasting.contains("Restrictions until ") && !lasting.contains("end by itself"), "{lasting}");
    // Assigned with the end, the form as it stands changes nothing; without it the end goes.
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), &format!("groups=g1&ends_at={end}")).await.status, 303);
    let same = house.post(&owner, &address, &format!("before=g1&groups=g1&ends_at={end}")).await.body;
    assert!(same.contains("Restrictions until ") && !same.contains("end by itself"), "{same}");
    let endless = house.post(&owner, &address, "before=g1&groups=g1&ends_at=").await.body;
    assert!(!endless.contains("Restrictions until "), "{endless}");
}

#[tokio::test]
async fn a_preview_goes_on_page_by_page_and_leads_back_to_the_form_when_it_is_only_looked_up() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A")).await;
    house.write(|tx| (0..51).try_for_each(|at| meetings::device(tx, &format!("d{at:02}"), &format!("iPad {at:02}"), "18.1", "g1"))).await;
    let made = house.post(&owner, "/policies", "name=Exam&no_camera=1").await;
    let policy = made.location().split('?').next().unwrap().to_owned();
    let address = format!("/preview/policy/{}", policy.rsplit('/').next().unwrap());
    let first = house.post(&owner, &address, "groups=g1&ends_at=").await.body;
    for part in
        ["On 51 devices: 51 things sent by a command", "Showing 50 of 51 devices", "Further devices", "name=\"after\" value=\"d49\""]
    {
        assert!(first.contains(part), "{part} in {first}");
    }
    let rest = house.post(&owner, &address, "groups=g1&ends_at=&after=d49").await.body;
    assert!(
        rest.contains("iPad 50") && !rest.contains("iPad 49") && rest.contains("First devices") && !rest.contains("Further devices"),
        "{rest}"
    );
    assert!(rest.contains("On 51 devices: 51 things"), "{rest}");
    let looked_up = house.get(&owner, &address).await;
    assert_eq!((looked_up.status, looked_up.location()), (303.try_into().unwrap(), policy.as_str()));
    assert_eq!(house.get(&owner, "/preview/nothing/x").await.status, 404);
}

#[tokio::test]
async fn what_has_ended_is_told_as_past_and_comes_back_only_when_somebody_ticks_it() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A").and_then(|()| rows::group(tx, "g2", "Cart B"))).await;
    let made = house.post(&owner, "/policies", "name=Exam&no_camera=1").await;
    let policy = made.location().split('?').next().unwrap().to_owned();
    let id = policy.rsplit('/').next().unwrap().to_owned();
    let end = house.app.now().plus(std::time::Duration::from_secs(3600));
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), &format!("groups=g1&ends_at={end}")).await.status, 303);
    house.app.clock.advance(std::time::Duration::from_secs(7200));
    let owner = house.kit.cookie("Owner").await;
    let page = house.get(&owner, &policy).await.body;
    assert!(page.contains(", ended ") && !page.contains("value=\"g1\" checked") && page.contains("no group yet"), "{page}");
    assert!(
        page.contains("name=\"ends_at\"") && !page.contains(&format!("value=\"{}", &end.to_string()[..13])),
        "no past end is sent back: {page}"
    );
    let group = house.get(&owner, "/groups/g1").await.body;
    assert!(group.contains("Policy Exam</a><span class=\"quiet\">, ended ") && group.contains("Nothing now."), "{group}");
    // Saving another group as the page sends it.
    let preview = house.post(&owner, &format!("/preview/policy/{id}"), "groups=g2&ends_at=").await.body;
    assert!(preview.contains("It reaches no device."), "{preview}");
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), "groups=g2&ends_at=").await.status, 303);
    let ends = |id: String| async { house.write(move |tx| assignments::of_item(tx, assignments::AssignedKind::Policy, &id)).await };
    let rows: Vec<_> = ends(id.clone()).await.into_iter().map(|row| (row.group_id, row.ends_at)).collect();
    assert_eq!(rows, [("g1".to_owned(), Some(end)), ("g2".to_owned(), None)]);
    // Ticked again it is a new assignment.
    assert_eq!(house.post(&owner, &format!("{policy}/scope"), "groups=g1&groups=g2&ends_at=").await.status, 303);
    let rows = ends(id).await;
    let again = rows.iter().find(|row| row.group_id == "g1").unwrap();
    assert_eq!((again.ends_at, again.created_at), (None, house.app.now()));
}
