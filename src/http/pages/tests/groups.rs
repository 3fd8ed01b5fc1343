//! Groups as people make them: by hand, by the rule builder, and what stands on a device's page.

use super::House;
use crate::mdm::Role;
use crate::store::meetings::tests as meetings;
use crate::store::policies::tests as rows;

/// Where the page of what was just made is, without what it says once.
fn made(location: &str) -> String {
    location.split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_group_by_hand_is_made_filled_and_deleted() {
    let house = House::new();
    house.device("1", "iPad A").await;
    house.device("2", "iPad B").await;
    let owner = house.person(Role::Owner).await;
    let empty = house.get(&owner, "/groups").await.body;
    assert!(empty.contains("No groups yet") && empty.contains("href=\"/groups/new\""), "{empty}");
    let refused = house.post(&owner, "/groups/new", "name=+&note=&do=save").await;
    assert!(refused.status == 422 && refused.body.contains("A name of 1 to 100 characters"), "{}", refused.body);
    let reply = house.post(&owner, "/groups/new", "name=Cart+%3CA%3E&note=ours&do=save").await;
    let group = made(reply.location());
    let page = house.get(&owner, reply.location()).await.body;
    assert!(page.contains("Cart &lt;A&gt;") && page.contains("No device is in it") && page.contains("The group is made."), "{page}");
    let refused = house.post(&owner, &format!("{group}/devices"), "devices=TESTSN1%0D%0Anonsense").await;
    assert!(
        refused.status == 422 && refused.body.contains("nonsense") && refused.body.contains(">\nTESTSN1\r\nnonsense</textarea>"),
        "{}",
        refused.body
    );
    let put = house.post(&owner, &format!("{group}/devices"), "devices=testsn1%0D%0A%0D%0AiPad+B").await;
    let page = house.get(&owner, put.location()).await.body;
    assert!(page.contains("2 devices were put in.") && page.contains("iPad A") && page.contains("iPad B"), "{page}");
    let device = house.get(&owner, "/devices/1").await.body;
    assert!(device.contains(&format!("href=\"{group}\">Cart &lt;A&gt;</a>")), "{device}");
    let ask = house.post(&owner, &format!("{group}/remove"), "device=2").await.body;
    assert!(ask.contains("Take 1 device out of Cart &lt;A&gt;") && ask.contains("name=\"device\" value=\"2\""), "{ask}");
    house.post(&owner, &format!("{group}/remove"), "device=2&confirmed=1").await;
    let page = house.get(&owner, &group).await.body;
    assert!(!page.contains("iPad B"), "{page}");
    let listed = house.get(&owner, "/devices?group=Cart+%3CA%3E").await.body;
    assert!(listed.contains("iPad A") && !listed.contains("iPad B"), "{listed}");
    assert!(house.get(&owner, &format!("{group}/delete")).await.body.contains("Its 1 device stay"), "says what is lost");
    house.post(&owner, &format!("{group}/delete"), "confirmed=1").await;
    assert_eq!(house.get(&owner, &group).await.status, 404);
}

#[tokio::test]
async fn the_builder_adds_rows_counts_and_makes_the_group() {
    let house = House::new();
    house.device("1", "Cart A 1").await;
    house.device("2", "Staff").await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/groups/new?by=rule").await.body;
    assert!(page.contains("name=\"what-0\"") && !page.contains("name=\"what-1\""), "{page}");
    let one = "name=Carts&note=&mode=all&not-0=&what-0=name_begins&value-0=cart";
    let added = house.post(&owner, "/groups/new?by=rule", &format!("{one}&do=add")).await.body;
    assert!(added.contains("name=\"what-1\"") && added.contains("value=\"cart\"") && added.contains("value=\"Carts\""), "{added}");
    assert!(added.contains("1 device</strong>") || added.contains("1 device of 2"), "{added}");
    let two = format!("{one}&not-1=1&what-1=platform&value-1=macos");
    let counted = house.post(&owner, "/groups/new?by=rule", &format!("{two}&do=count")).await.body;
    assert!(counted.contains("its name begins with “cart” and it is not a Mac") && counted.contains("Cart A 1"), "{counted}");
    assert!(counted.contains("<option value=\"macos\" selected>a Mac</option>"), "{counted}");
    let wrong = house.post(&owner, "/groups/new?by=rule", &format!("{one}&what-1=os_least&value-1=new&do=save")).await;
    assert!(wrong.status == 422 && wrong.body.contains("A version, for example 17.5."), "{}", wrong.body);
    let saved = house.post(&owner, "/groups/new?by=rule", &format!("{two}&do=save")).await;
    let group = made(saved.location());
    let page = house.get(&owner, saved.location()).await.body;
    assert!(page.contains("1 device is in it now") && page.contains("Cart A 1") && !page.contains("Put devices in"), "{page}");
    let edit = house.get(&owner, &format!("{group}/edit")).await.body;
    assert!(edit.contains("name=\"what-1\"") && edit.contains("value=\"cart\""), "{edit}");
    let changed = house.post(&owner, &format!("{group}/edit"), "name=All&note=&what-0=everything&do=save").await;
    assert!(house.get(&owner, changed.location()).await.body.contains("Saved. 2 devices are in it now."));
}

#[tokio::test]
async fn the_builder_makes_lists_of_alternatives() {
    let house = House::new();
    house.device("1", "Cart A 1").await;
    let owner = house.person(Role::Owner).await;
    let one = "name=Some&note=&mode=all&not-0=&what-0=name_begins&value-0=cart";
    let added = house.post(&owner, "/groups/new?by=rule", &format!("{one}&do=add-list")).await.body;
    assert!(added.contains("name=\"list-1\" value=\"0\"") && added.contains("value=\"add-to-0\""), "{added}");
    let two = format!("{one}&what-1=platform&value-1=macos&list-1=0&what-2=supervised&list-2=0&not-2=1");
    let counted = house.post(&owner, "/groups/new?by=rule", &format!("{two}&do=count")).await.body;
    assert!(counted.contains("its name begins with “cart” and (it is a Mac or it is not supervised)"), "{counted}");
    let saved = house.post(&owner, "/groups/new?by=rule", &format!("{two}&do=save")).await;
    let edit = house.get(&owner, &format!("{}/edit", made(saved.location()))).await.body;
    assert!(edit.contains("name=\"list-2\"") && edit.contains("at least one of these</legend>"), "{edit}");
}

#[tokio::test]
async fn a_rule_that_does_not_fit_into_the_builder_is_shown_in_words_and_kept() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let id = house
        .write(|tx| {
            let rule = serde_json::from_str(
                r#"{"all":["everything",{"any":[{"supervised":true},{"all":[{"platform":"macos"},{"person":true}]}]}]}"#,
            )
            .unwrap();
            let new = crate::mdm::groups::NewGroup { name: "Nested".into(), note: String::new(), rule: Some(rule) };
            Ok(crate::mdm::groups::create(tx, &crate::mdm::Actor::Console, new)?.id)
        })
        .await;
    let edit = house.get(&owner, &format!("/groups/{id}/edit")).await.body;
    assert!(
        edit.contains("every device and (it is supervised or (it is a Mac and it belongs to somebody))") && !edit.contains("what-0"),
        "{edit}"
    );
    house.post(&owner, &format!("/groups/{id}/edit"), "name=Renamed&note=&do=save").await;
    let page = house.get(&owner, &format!("/groups/{id}")).await.body;
    assert!(page.contains("Renamed") && page.contains("(it is supervised or (it is a Mac and it belongs to somebody))"), "{page}");
}

#[tokio::test]
async fn viewers_see_groups_and_change_none() {
    let house = House::new();
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/groups").await.body;
    assert!(page.contains("No groups yet") && !page.contains("href=\"/groups/new\""), "{page}");
    for path in ["/groups/new", "/people/new", "/people/import", "/classes/new"] {
        assert_eq!(house.get(&viewer, path).await.status, 403, "{path}");
    }
    assert_eq!(house.post(&viewer, "/groups/new", "name=x&note=&do=save").await.status, 403);
    let teacher = house.person(Role::Teacher).await;
    for path in ["/groups", "/people", "/classes"] {
        assert_eq!(house.get(&teacher, path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn chosen_devices_are_put_into_a_group_that_is_there_or_new() {
    let house = House::new();
    house.device("1", "iPad A").await;
    house.device("2", "iPad B").await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/devices").await.body;
    assert!(page.contains("formaction=\"/devices/actions/group\""), "{page}");
    let ask = house.post(&owner, "/devices/actions/group", "device=1").await.body;
    assert!(
        ask.contains("Put 1 device into a group") && ask.contains("Name of the new group") && ask.contains("name=\"device\" value=\"1\""),
        "{ask}"
    );
    let refused = house.post(&owner, "/devices/actions/group", "device=1&confirmed=1&new=").await;
    assert!(refused.status == 422 && refused.body.contains("Choose a group, or name a new one."), "{}", refused.body);
    let done = house.post(&owner, "/devices/actions/group", "device=1&confirmed=1&new=Cart+A").await;
    let group = made(done.location());
    assert!(house.get(&owner, done.location()).await.body.contains("1 device was put into Cart A."));
    let taken = house.post(&owner, "/devices/actions/group", "device=1&confirmed=1&new=cart+a").await;
    assert!(taken.status == 422 && taken.body.contains("There is a group of this name already"), "{}", taken.body);
    let id = group.trim_start_matches("/groups/");
    house.post(&owner, "/devices/actions/group", &format!("all=1&search=iPad&confirmed=1&into={id}")).await;
    let page = house.get(&owner, &group).await.body;
    assert!(page.contains("iPad A") && page.contains("iPad B"), "{page}");
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.post(&viewer, "/devices/actions/group", "device=1&confirmed=1&new=x").await.status, 403);
}

#[tokio::test]
async fn a_change_that_brings_together_what_gets_in_each_others_way_is_asked_about_first() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A").and_then(|()| rows::group(tx, "g2", "Cart B"))).await;
    house.write(|tx| meetings::device(tx, "d1", "iPad 1", "18.1", "g1")).await;
    let profile = house.kept(&owner, &super::profiles::camera("school.example.camera", true)).await;
    house.post(&owner, &format!("{profile}/scope"), "groups=g1&ends_at=").await;
    let made = house.post(&owner, "/policies", "name=Exam&no_camera=1").await;
    let policy = made.location().split('?').next().unwrap().to_owned();
    let assigned = house.post(&owner, &format!("{policy}/scope"), "groups=g2&ends_at=").await;
    assert_eq!(assigned.status, 303, "{}", assigned.body);

    let asked = house.post(&owner, "/groups/g2/devices", "devices=iPad+1").await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    for part in [
        "allowCamera",
        "name=\"devices\" value=\"iPad 1\"",
        "Do it all the same",
        "Nothing was changed yet",
        "action=\"/groups/g2/devices\"",
    ] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert!(house.get(&owner, "/groups/g2").await.body.contains("No device is in it"), "nothing was changed");
    let chosen = house.post(&owner, "/devices/actions/group", "device=d1&into=g2&new=&confirmed=1").await;
    assert!(chosen.status == 409 && chosen.body.contains("name=\"accepted\" value=\"1\""), "{}", chosen.body);
    assert!(house.get(&owner, "/groups/g2").await.body.contains("No device is in it"), "nothing was changed");

    assert_eq!(house.post(&owner, "/groups/g2/devices", "devices=iPad+1&confirmed=1").await.status, 303);
    let group = house.get(&owner, "/groups/g2").await.body;
    assert!(group.contains("iPad 1") && group.contains("allowCamera"), "{group}");
    let wanted = house.get(&owner, "/devices/d1/wanted").await.body;
    assert!(wanted.contains("allowCamera") && wanted.contains("both are for the same device"), "{wanted}");
    house.post(&owner, "/groups/g2/remove", "device=d1&confirmed=1").await;
    let accepted = house.post(&owner, "/devices/actions/group", "device=d1&into=g2&new=&accepted=1&confirmed=1").await;
    assert_eq!(accepted.status, 303, "{}", accepted.body);
}

#[tokio::test]
async fn a_rule_that_brings_together_what_gets_in_each_others_way_is_asked_about_first() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A")).await;
    house.write(|tx| meetings::device(tx, "d1", "iPad 1", "18.1", "g1")).await;
    let profile = house.kept(&owner, &super::profiles::camera("school.example.camera", true)).await;
    house.post(&owner, &format!("{profile}/scope"), "groups=g1&ends_at=").await;
    let rule = "name=Named&note=&mode=all&not-0=&what-0=name_begins&value-0=";
    let group = made(house.post(&owner, "/groups/new?by=rule", &format!("{rule}nobody&do=save")).await.location());
    let id = group.rsplit('/').next().unwrap();
    let policy = made(house.post(&owner, "/policies", "name=Exam&no_camera=1").await.location());
    house.post(&owner, &format!("{policy}/scope"), &format!("groups={id}&ends_at=")).await;
    let asked = house.post(&owner, &format!("{group}/edit"), &format!("{rule}iPad&do=save")).await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    assert!(asked.body.contains("allowCamera") && asked.body.contains("name=\"value-0\" value=\"iPad\""), "{}", asked.body);
    assert!(house.get(&owner, &group).await.body.contains("No device is in it"), "nothing was changed");
    assert_eq!(house.post(&owner, &format!("{group}/edit"), &format!("{rule}iPad&do=save&confirmed=1")).await.status, 303);
    assert!(house.get(&owner, &group).await.body.contains("iPad 1"));
}

#[tokio::test]
async fn what_takes_something_from_several_devices_is_deleted_once_their_number_is_typed() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| rows::group(tx, "g1", "Cart A")).await;
    for device in ["d1", "d2"] {
        house.write(move |tx| meetings::device(tx, device, device, "18.1", "g1")).await;
    }
    let profile = house.kept(&owner, &super::profiles::camera("school.example.camera", true)).await;
    house.post(&owner, &format!("{profile}/scope"), "groups=g1&ends_at=").await;
    let policy = made(house.post(&owner, "/policies", "name=Exam&no_siri=1").await.location());
    house.post(&owner, &format!("{policy}/scope"), "groups=g1&ends_at=").await;
    for path in [policy.as_str(), &profile, "/groups/g1"] {
        let asked = house.get(&owner, &format!("{path}/delete")).await.body;
        assert!(asked.contains("Type 2 to go on") && !asked.contains("That is not the number."), "{asked}");
        let refused = house.post(&owner, &format!("{path}/delete"), "confirmed=1&typed=3").await;
        assert!(refused.status == 422 && refused.body.contains("That is not the number."), "{}", refused.body);
        assert_eq!(house.get(&owner, path).await.status, 200, "{path} is still there");
        if path != "/groups/g1" {
            // The group is deleted while something is assigned to it.
            continue;
        }
        assert_eq!(house.post(&owner, &format!("{path}/delete"), "confirmed=1&typed=2").await.status, 303);
    }
    // Nothing is lost on any device any more.
    assert_eq!(house.post(&owner, &format!("{policy}/delete"), "confirmed=1").await.status, 303);
}
