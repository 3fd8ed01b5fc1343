//! Apps as people add, assign and manage them in a browser.

use super::House;
use crate::mdm::apps::{self, LicenceBy, Updates};
use crate::mdm::{Actor, Role, reconcile};
use crate::store::app_states::{self, AppState, Stage};
use crate::store::assignments::{self, AssignedKind, AssignedMode};
use crate::store::profiles::tests::group;
use crate::store::{apps as rows, devices};

impl House {
    async fn app(&self) -> String {
        self.write(|tx| Ok(apps::add(tx, &Actor::Console, "1500000002", "Atlas")?.id)).await
    }
}

#[tokio::test]
async fn an_app_is_added_by_its_address_and_what_is_wrong_stands_at_its_field() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    assert!(house.get(&owner, "/apps").await.body.contains("No apps yet"));
    let wrong = house.post(&owner, "/apps/new", "adam_id=atlas&name=A%3Cb%3E").await;
    assert!(wrong.status == 422 && wrong.body.contains("A&lt;b&gt;") && wrong.body.contains("id=\"f-adam_id-error\""), "{}", wrong.body);
    let added = house.post(&owner, "/apps/new", "adam_id=https%3A%2F%2Fapps.apple.com%2Fapp%2Fid1500000002&name=").await;
    let page = house.get(&owner, added.location()).await.body;
    assert!(page.contains("Choose for whom it is.") && page.contains("App 1500000002"), "{page}");
    assert!(house.get(&owner, "/apps?search=15000").await.body.contains("App 1500000002"));
    let viewer = house.person(Role::Viewer).await;
    assert!(!house.get(&viewer, "/apps").await.body.contains("/apps/new"));
    assert_eq!(house.post(&viewer, "/apps/new", "adam_id=7").await.status, 403);
}

#[tokio::test]
async fn groups_get_it_required_or_for_the_asking_and_who_lacks_licences_is_said() {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    house.write(|tx| group(tx, "g1", "7b", &["d1"])).await;
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let asked = house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=").await;
    assert!(asked.status == 409 && asked.body.contains("1 more licence of Atlas is needed for “7b”."), "{}", asked.body);
    let saved = house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=&confirmed=1").await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let page = house.get(&owner, saved.location()).await.body;
    assert!(page.contains("value=\"g1\" checked") && page.contains("Saved."), "{page}");
    let target = id.clone();
    let mode = move |tx: &crate::store::Tx| Ok(assignments::of_item(tx, AssignedKind::App, &target)?[0].mode);
    assert_eq!(house.write(mode.clone()).await, AssignedMode::Required);
    house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=&optional=1").await;
    assert_eq!(house.write(mode.clone()).await, AssignedMode::Optional);
    let late = house.post(&owner, &format!("/apps/{id}/scope"), "ends_at=&optional=1&was_optional=1").await;
    assert_eq!(late.status, 303);
    assert_eq!(house.write(mode.clone()).await, AssignedMode::Optional, "a form that was made before it was assigned takes nothing back");
    let wrong = house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=soon").await;
    assert!(wrong.status == 422 && wrong.body.contains("value=\"soon\""), "nothing typed is lost");
    let preview = house.post(&owner, &format!("/preview/app/{id}"), "groups=g1&ends_at=").await;
    assert_eq!(preview.status, 200, "{}", preview.body);
}

#[tokio::test]
async fn devices_that_come_into_a_group_without_licences_for_them_are_asked_about_first() {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    house.write(|tx| group(tx, "g1", "7b", &[])).await;
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    assert_eq!(house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=").await.status, 303);
    let asked = house.post(&owner, "/groups/g1/devices", "devices=iPad+1").await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    for part in ["There are not enough licences for this", "1 more licence of Atlas is needed for “7b”.", "the others wait for one"] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert!(house.get(&owner, "/groups/g1").await.body.contains("No device is in it"), "nothing was changed");
    assert_eq!(house.post(&owner, "/groups/g1/devices", "devices=iPad+1&confirmed=1").await.status, 303);
}

#[tokio::test]
async fn apps_of_one_name_are_told_apart_by_their_identifiers() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.app().await;
    house.write(|tx| apps::add(tx, &Actor::Console, "1500000003", "Notes").map(drop)).await;
    assert!(!house.get(&owner, "/apps").await.body.contains("App Store number"));
    house.write(|tx| apps::add(tx, &Actor::Console, "1500000004", "atlas").map(drop)).await;
    let page = house.get(&owner, "/apps").await.body;
    assert!(page.contains("App Store number 1500000002") && page.contains("App Store number 1500000004"), "{page}");
    assert!(!page.contains("App Store number 1500000003"), "{page}");
}

#[tokio::test]
async fn taking_an_app_back_names_the_devices_that_lose_it_and_asks_for_their_number() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    house.device("d1", "iPad 1").await;
    house.device("d2", "iPad 2").await;
    let target = id.clone();
    house
        .write(move |tx| {
            group(tx, "g1", "7b", &["d1", "d2"])?;
            let settings = apps::Settings { licence: LicenceBy::None, ..apps::Settings::default() };
            apps::edit(tx, &Actor::Console, &target, apps::Edit { settings: Some(settings), ..apps::Edit::default() })?;
            apps::assign(tx, &Actor::Console, &target, "g1", AssignedMode::Required, None)?;
            for device in ["d1", "d2"] {
                devices::set_facts(tx, device, "{}")?;
                let enrollment = format!("e{device}");
                reconcile::plan(tx, &enrollment)?;
                let row = app_states::of_enrollment(tx, &enrollment)?.remove(0);
                let row = AppState { seen: row.sent.clone(), bundle_id: "school.example.atlas".into(), stage: Stage::Installed, ..row };
                app_states::put(tx, &enrollment, &AppState { command_uuid: None, ..row })?;
            }
            Ok(())
        })
        .await;
    let path = format!("/apps/{id}/scope");
    let asked = house.post(&owner, &path, "before=g1&ends_at=").await;
    assert!(asked.status == 409 && asked.body.contains("Take it back from 2 devices") && asked.body.contains("iPad 2"), "{}", asked.body);
    let wrong = house.post(&owner, &path, "before=g1&ends_at=&confirmed=1&typed=3").await;
    assert!(wrong.status == 409 && wrong.body.contains("That is not the number."), "{}", wrong.body);
    assert_eq!(house.post(&owner, &format!("/apps/{id}/delete"), "typed=1").await.status, 422);
    for stage in [Stage::NoLicence, Stage::Lacking, Stage::Failed] {
        let target = id.clone();
        let there = move |tx: &crate::store::Tx| {
            let row = app_states::find(tx, "ed2", &target)?.unwrap();
            app_states::put(tx, "ed2", &AppState { stage, ..row })
        };
        house.write(there).await;
        let page = house.get(&owner, &format!("/apps/{id}/delete")).await.body;
        assert!(
            page.contains("It goes from 2 devices") && page.contains("iPad 2") && page.contains("Type 2 to go on"),
            "{stage:?}: {page}"
        );
    }
    let target = id.clone();
    let reach = move |tx: &crate::store::Tx| Ok(assignments::of_item(tx, AssignedKind::App, &target)?.len());
    assert_eq!(house.write(reach.clone()).await, 1);
    let preview = house.post(&owner, &format!("/preview/app/{id}"), "before=g1&ends_at=").await.body;
    assert!(preview.contains("removed") && !preview.contains("nothing would change"), "{preview}");
    assert_eq!(house.post(&owner, &path, "before=g1&ends_at=&confirmed=1&typed=2").await.status, 303);
    assert_eq!(house.write(reach).await, 0);
}

#[tokio::test]
async fn how_it_is_managed_is_chosen_in_words_and_kept() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let path = format!("/apps/{id}/manage");
    let page = house.get(&owner, &path).await.body;
    assert!(page.contains("name=\"remove_with_management\" value=\"1\" checked"), "{page}");
    let form = "remove_with_management=1&licence=user&updates=quiet_hours&from=22%3A00&to=25%3A00&attributes.removable=no";
    let wrong = house.post(&owner, &path, form).await;
    assert!(wrong.status == 422 && wrong.body.contains("value=\"25:00\"") && wrong.body.contains("for example 22:00"), "{}", wrong.body);
    let saved = house.post(&owner, &path, &form.replace("25%3A00", "05%3A00")).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let target = id.clone();
    let settings = house.write(move |tx| apps::settings::read(&rows::by_id(tx, &target)?.unwrap().settings)).await;
    assert!(settings.remove_with_management && !settings.exclude_from_backup && settings.licence == LicenceBy::User);
    assert_eq!(settings.updates, Updates::QuietHours { from: "22:00".into(), to: "05:00".into() });
    assert_eq!(settings.attributes.removable, Some(false));
    let page = house.get(&owner, saved.location()).await.body;
    for part in
        ["Its data go into the person", "The person holds the licence.", "between 22:00 and 05:00 (UTC)", "The person may delete it: no."]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn a_configuration_is_typed_as_a_whole_or_key_by_key_and_cleared() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let path = format!("/apps/{id}/configuration");
    let kept = |id: String| house.write(move |tx| apps::configuration_of(tx, &Actor::Console, &id));
    assert_eq!(house.post(&owner, &path, "configuration=%7B%22server%22%3A%22a%22%7D&key=pages&value=7").await.status, 303);
    let keys = kept(id.clone()).await.unwrap();
    assert_eq!(keys.get("server").unwrap().as_string(), Some("a"));
    assert_eq!(keys.get("pages").unwrap().as_signed_integer(), Some(7));
    for (form, field) in [
        ("configuration=%3Cdict%3E&key=&value=", "configuration"),
        ("configuration=&key=&value=7", "key"),
        ("configuration=&key=a&value=%24SEREAL", "configuration"),
    ] {
        let wrong = house.post(&owner, &path, form).await;
        assert!(wrong.status == 422 && wrong.body.contains(&format!("id=\"f-{field}-error\"")), "{form}: {}", wrong.body);
    }
    assert_eq!(kept(id.clone()).await.unwrap(), keys, "what is wrong changes nothing");
    assert_eq!(house.post(&owner, &path, "configuration=&key=&value=").await.status, 303);
    assert_eq!(kept(id.clone()).await, None);
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.get(&viewer, &format!("/apps/{id}/manage")).await.status, 403, "it may hold secrets");
}

#[tokio::test]
async fn an_app_is_renamed_and_deleted_after_a_question() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    assert_eq!(house.post(&owner, &format!("/apps/{id}"), "name=&note=").await.status, 422);
    assert_eq!(house.post(&owner, &format!("/apps/{id}"), "name=The+Atlas&note=For+7b").await.status, 303);
    assert!(house.get(&owner, &format!("/apps/{id}")).await.body.contains("For 7b"));
    assert!(house.get(&owner, &format!("/apps/{id}/delete")).await.body.contains("The Atlas"));
    house.post(&owner, &format!("/apps/{id}/delete"), "").await;
    assert_eq!(house.get(&owner, &format!("/apps/{id}")).await.status, 404);
}

#[tokio::test]
async fn what_devices_would_lack_is_asked_about_before_a_configuration_is_saved() {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let target = id.clone();
    house
        .write(move |tx| {
            group(tx, "g1", "7b", &["d1"])?;
            apps::assign(tx, &Actor::Console, &target, "g1", AssignedMode::Required, None).map(drop)
        })
        .await;
    let path = format!("/apps/{id}/configuration");
    let form = "configuration=%7B%22mail%22%3A%22%24PERSON_EMAIL%22%7D&key=&value=";
    let asked = house.post(&owner, &path, form).await;
    assert!(asked.status == 409 && asked.body.contains("1 device cannot have Atlas like this"), "{}", asked.body);
    assert!(asked.body.contains("$PERSON_EMAIL") && asked.body.contains("name=\"configuration\""), "what was typed goes along");
    let kept = |id: String| house.write(move |tx| apps::configuration_of(tx, &Actor::Console, &id));
    assert_eq!(kept(id.clone()).await, None, "nothing is saved before");
    let saved = house.post(&owner, &path, &format!("{form}&confirmed=1")).await;
    assert!(saved.status == 303 && kept(id.clone()).await.is_some(), "{}", saved.body);
    let page = house.get(&owner, saved.location()).await.body;
    assert!(page.contains("stay as they are") && page.contains("1 device cannot have Atlas like this"), "{page}");
    let by_person = house.post(&owner, &format!("/apps/{id}/manage"), "licence=user&updates=off").await;
    assert_eq!(by_person.status, 303, "they lack the same as before: {}", by_person.body);
    assert_eq!(house.post(&owner, &path, "configuration=&key=&value=&confirmed=1").await.status, 303);
    let again = house.post(&owner, &format!("/apps/{id}/scope"), "groups=g1&ends_at=").await;
    assert_eq!(again.status, 303, "it is assigned already: {}", again.body);
}

#[tokio::test]
async fn what_a_property_list_cannot_hold_is_refused_at_its_field_with_all_that_was_typed() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let path = format!("/apps/{id}/configuration");
    let whole = house.post(&owner, &path, "configuration=%7B%22server%22%3A%22a%5Cu0001%22%7D&key=&value=").await;
    assert_eq!(whole.status, 422, "{}", whole.body);
    assert!(whole.body.contains("“server” holds a character") && whole.body.contains("U+0001"), "{}", whole.body);
    assert!(whole.body.contains("a\\u0001"), "what was typed stays: {}", whole.body);
    let one = house.post(&owner, &path, "configuration=&key=room&value=A%01B").await;
    assert!(one.status == 422 && one.body.contains("value=\"room\""), "{}", one.body);
    assert!(one.body.contains("One thing is to be put right.") && one.body.contains("href=\"#f-configuration\""), "{}", one.body);
}

#[tokio::test]
async fn an_app_is_taken_away_from_one_device_after_a_question() {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    let (owner, id) = (house.person(Role::Owner).await, house.app().await);
    let target = id.clone();
    house
        .write(move |tx| {
            let row = AppState::absent(&target, crate::store::deployments::Mechanism::Command, tx.now);
            let row = AppState { name: "Atlas".into(), wanted: "d".into(), sent: "d".into(), seen: "d".into(), ..row };
            app_states::put(tx, "ed1", &AppState { stage: Stage::Installed, mode: AssignedMode::Optional, ..row })
        })
        .await;
    let path = format!("/apps/{id}/devices/d1/withdraw");
    let page = house.get(&owner, &format!("/apps/{id}")).await.body;
    assert!(page.contains(&format!("href=\"{path}\"")) && !page.contains(&format!("action=\"{path}\"")), "{page}");
    let asked = house.get(&owner, &path).await;
    assert!(asked.status == 200 && asked.body.contains("Remove Atlas from iPad 1"), "{}", asked.body);
    let is_withdrawn = || house.write(|tx| Ok(app_states::of_enrollment(tx, "ed1")?[0].withdrawn));
    assert!(house.post(&owner, &path, "").await.body.contains("Remove Atlas from iPad 1"));
    assert!(!is_withdrawn().await, "one click deletes nothing");
    assert_eq!(house.post(&owner, &path, "confirmed=1").await.status, 303);
    assert!(is_withdrawn().await);
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.get(&viewer, &path).await.status, 403);
}
