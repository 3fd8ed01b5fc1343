//! Declarations in pages: uploaded, refused at the text, assigned to groups, changed and deleted.

use super::{House, Reply};
use crate::mdm::Actor;
use crate::mdm::Role;
use crate::mdm::declarations::library;
use crate::mdm::policies::{self, NewPolicy};
use crate::store::declarations::tests::group;

pub(super) const TEST: &str =
    r#"{"Type":"com.apple.configuration.management.test","Identifier":"school.example.test","Payload":{"Echo":"x"}}"#;

impl House {
    pub(super) async fn send_declarations(&self, cookie: &str, file: &str, text: &str, name: &str) -> Reply {
        let part = |field: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        let file = format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\r\n{file}\r\n");
        let body = format!("{file}{}{}--x--\r\n", part("text", text), part("name", name));
        self.send(Self::posted(cookie, "/declarations", "multipart/form-data; boundary=x", body)).await
    }
}

#[tokio::test]
async fn a_declaration_is_pasted_shown_changed_assigned_and_deleted() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| group(tx, "g", "Cart <A>")).await;
    assert!(house.get(&owner, "/declarations").await.body.contains("No declarations yet"));
    let added = house.send_declarations(&owner, "", TEST, "Echo <test>").await;
    assert_eq!(added.status, 303, "{}", added.body);
    let page = house.get(&owner, added.location()).await.body;
    assert!(page.contains("The declaration was added") && page.contains("Echo &lt;test&gt;") && page.contains("Cart &lt;A&gt;"), "{page}");
    let own = added.location().split('?').next().unwrap().to_owned();

    let preview = house.post(&owner, &format!("/preview{}", own.replace("declarations", "declaration")), "groups=g").await;
    assert!(page.contains("/preview/declaration/") && preview.body.contains(&format!("action=\"{own}/scope\"")), "{}", preview.body);
    let assigned = house.post(&owner, &format!("{own}/scope"), "groups=g").await;
    assert!(house.get(&owner, assigned.location()).await.body.contains("value=\"g\" checked"));
    let changed = house.post(&owner, &format!("{own}/edit"), &format!("text={}", TEST.replace("\"x\"", "\"y\""))).await;
    assert!(house.get(&owner, changed.location()).await.body.contains("revision 2"), "{}", changed.body);
    assert!(house.get(&owner, &format!("{own}/edit")).await.body.contains("&quot;Echo&quot;: &quot;y&quot;"));
    let wrong = house.post(&owner, &format!("{own}/edit"), &format!("text={}", TEST.replace("school.example.test", "other"))).await;
    assert!(
        wrong.status == 422 && wrong.body.contains("Identifier must stay") && wrong.body.contains("&quot;other&quot;"),
        "{}",
        wrong.body
    );
    assert_eq!(house.post(&owner, &format!("{own}/name"), "name=Renamed").await.status, 303);

    let taken = house.post(&owner, &format!("{own}/scope"), "before=g").await;
    assert!(!house.get(&owner, taken.location()).await.body.contains("value=\"g\" checked"));
    assert!(house.get(&owner, &format!("{own}/delete")).await.body.contains("Renamed"));
    let gone = house.post(&owner, &format!("{own}/delete"), "confirmed=1").await;
    assert!(house.get(&owner, gone.location()).await.body.contains("The declaration was deleted"));
    assert_eq!(house.get(&owner, &own).await.status, 404);
}

#[tokio::test]
async fn mistakes_are_told_at_the_text_and_nothing_typed_is_lost() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for (file, text, words) in [
        ("", "", "Choose a file, or paste"),
        (TEST, TEST, "Send one of the two"),
        ("", "{", "This is not JSON"),
        (r#"[{"Type":"com.apple.configuration.management.test","Identifier":"a","Payload":{}}]"#, "", "[0].Payload.Echo is required"),
    ] {
        let refused = house.send_declarations(&owner, file, text, "Kept").await;
        assert!(refused.status == 422 && refused.body.contains(words), "{words}: {}", refused.body);
        assert!(refused.body.contains("id=\"f-text-error\"") && refused.body.contains("value=\"Kept\""), "{}", refused.body);
    }
    house.send_declarations(&owner, TEST, "", "").await;
    let again = house.send_declarations(&owner, TEST, "", "").await;
    assert!(again.status == 422 && again.body.contains("there is a declaration"), "{}", again.body);
}

#[tokio::test]
async fn who_may_only_look_sees_names_and_no_text() {
    let house = House::new();
    let viewer = house.person(Role::Viewer).await;
    let id = house.write(|tx| Ok(library::add(tx, &Actor::Console, library::read(TEST.as_bytes())?, "")?.remove(0).declaration.id)).await;
    let page = house.get(&viewer, &format!("/declarations/{id}")).await.body;
    assert!(page.contains("For no group yet") && !page.contains("/edit"), "{page}");
    for path in ["/declarations/new", &format!("/declarations/{id}/edit"), &format!("/declarations/{id}/delete")] {
        assert_eq!(house.get(&viewer, path).await.status, 403, "{path}");
    }
    assert_eq!(house.post(&viewer, &format!("/declarations/{id}/delete"), "").await.status, 403);
    assert_eq!(house.send_declarations(&viewer, TEST, "", "").await.status, 403);
}

#[tokio::test]
async fn a_long_list_goes_on_where_the_page_ends() {
    let house = House::new();
    let viewer = house.person(Role::Viewer).await;
    house
        .write(|tx| {
            let many: Vec<_> = (0..60).map(|number| TEST.replace("example.test", &format!("example.{number:02}"))).collect();
            library::add(tx, &Actor::Console, library::read(format!("[{}]", many.join(",")).as_bytes())?, "")
        })
        .await;
    let first = house.get(&viewer, "/declarations").await.body;
    assert!(first.contains("school.example.49") && !first.contains("school.example.50"), "{first}");
    let next = first.split("href=\"/declarations?").nth(1).and_then(|rest| rest.split('"').next()).unwrap().replace("&amp;", "&");
    let second = house.get(&viewer, &format!("/declarations?{next}")).await.body;
    assert!(second.contains("school.example.50") && !second.contains("school.example.49"), "{second}");
}

impl House {
    async fn send_file(&self, cookie: &str, path: &str, parts: &[(&str, &str)], content: &str) -> Reply {
        let part = |(field, value): &(&str, &str)| format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"printers.txt\"\r\nContent-Type: text/plain\r\n\r\n";
        let body = format!("{}{head}{content}\r\n--x--\r\n", parts.iter().map(part).collect::<String>());
        self.send(Self::posted(cookie, path, "multipart/form-data; boundary=x", body)).await
    }
}

#[tokio::test]
async fn a_file_is_uploaded_shown_replaced_and_taken() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    assert!(house.get(&owner, "/declarations/new/file").await.body.contains("com.apple.asset.data"));
    let parts = [("type", "com.apple.asset.data"), ("identifier", "school.example.printers"), ("name", "Printers")];
    let wrong = house.send_file(&owner, "/declarations/new/file", &parts, "").await;
    assert!(wrong.status == 422 && wrong.body.contains("f-file-error") && wrong.body.contains("value=\"school.example.printers\""));
    assert!(house.get(&owner, "/declarations").await.body.contains("No declarations yet"), "nothing was kept");
    let added = house.send_file(&owner, "/declarations/new/file", &parts, "one").await;
    assert_eq!(added.status, 303, "{}", added.body);
    let page = house.get(&owner, added.location()).await.body;
    assert!(
        page.contains("The file is kept") && page.contains("printers.txt") && page.contains("text/plain") && page.contains("3 bytes"),
        "{page}"
    );
    let taken = house.send_file(&owner, "/declarations/new/file", &parts, "two").await;
    assert!(taken.status == 422 && taken.body.contains("f-identifier-error"), "{}", taken.body);

    let own = added.location().split('?').next().unwrap().to_owned();
    assert!(house.get(&owner, &format!("{own}/file")).await.body.contains("Printers"));
    let replaced = house.send_file(&owner, &format!("{own}/file"), &[("content_type", "text/csv")], "three").await;
    let page = house.get(&owner, replaced.location()).await.body;
    assert!(page.contains("text/csv") && page.contains("5 bytes"), "{page}");
    let file = house.get(&owner, &format!("{own}/file/content")).await;
    assert_eq!(
        (file.body.as_str(), file.headers["content-disposition"].to_str().unwrap()),
        ("three", "attachment; filename=\"printers.txt\"")
    );
    let wrong = house.send_file(&owner, &format!("{own}/file"), &[("content_type", "nonsense")], "four").await;
    assert!(wrong.status == 422 && wrong.body.contains("f-content_type-error"), "{}", wrong.body);

    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, &own).await.body;
    assert!(page.contains("text/csv") && !page.contains("/file"), "{page}");
    for path in ["/declarations/new/file", &format!("{own}/file"), &format!("{own}/file/content")] {
        assert_eq!(house.get(&viewer, path).await.status, 403, "{path}");
    }
    assert_eq!(house.send_file(&viewer, &format!("{own}/file"), &[], "x").await.status, 403);
}

#[tokio::test]
async fn what_a_declaration_would_set_beside_a_policy_is_asked_before_it_is_assigned() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.write(|tx| group(tx, "g", "Cart")).await;
    let updates = r#"{"Type":"com.apple.configuration.softwareupdate.settings","Identifier":"school.example.own",
        "Payload":{"Deferrals":{"CombinedPeriodInDays":7}}}"#;
    let own = house.send_declarations(&owner, updates, "", "Own").await.location().split('?').next().unwrap().to_owned();
    house
        .write(|tx| {
            let settings = serde_json::json!({ "hold_updates": 30 }).as_object().cloned().unwrap_or_default();
            let new = NewPolicy { name: "Calm".into(), note: String::new(), settings };
            let policy = policies::create(tx, &Actor::Console, &new)?;
            policies::assign(tx, &Actor::Console, &policy.id, "g", None).map(drop)
        })
        .await;
    let asked = house.post(&owner, &format!("{own}/scope"), "groups=g").await;
    assert!(asked.status == 409 && asked.body.contains("the policy “Calm”"), "{}", asked.body);
    assert!(!house.get(&owner, &own).await.body.contains("value=\"g\" checked"), "nothing changed yet");
    let done = house.post(&owner, &format!("{own}/scope"), "groups=g&confirmed=1").await;
    let page = house.get(&owner, done.location()).await.body;
    assert!(page.contains("value=\"g\" checked") && page.contains("the policy “Calm”"), "{page}");
    assert_eq!(house.post(&owner, &format!("{own}/scope"), "groups=g&before=g").await.status, 303, "what is known is not asked again");
}
