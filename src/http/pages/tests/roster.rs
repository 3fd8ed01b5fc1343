//! People and classes as people manage them, the import with its preview, and who uses a device.

use super::House;
use crate::mdm::{Actor, Role, admins};
use crate::store::{commands, people};

fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--x\r\ncontent-disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n--x--\r\n"].concat()
}

impl House {
    async fn upload(&self, cookie: &str, name: &str, bytes: &[u8]) -> super::Reply {
        self.send(Self::posted(cookie, "/people/import", "multipart/form-data; boundary=x", form(name, bytes))).await
    }
}

#[tokio::test]
async fn a_person_is_added_given_a_device_and_deleted() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let owner = house.person(Role::Owner).await;
    assert!(house.get(&owner, "/people").await.body.contains("No people yet"));
    let refused = house.post(&owner, "/people/new", "name=Kim&email=kim&role=student&active=1").await;
    assert!(
        refused.status == 422 && refused.body.contains("An e-mail address, or nothing.") && refused.body.contains("value=\"kim\""),
        "{}",
        refused.body
    );
    let added = house.post(&owner, "/people/new", "name=Kim+%3CExample%3E&email=kim%40example.school&role=student&active=1").await;
    let person = added.location().split('?').next().unwrap().to_owned();
    let id = person.trim_start_matches("/people/").to_owned();
    let choose = house.get(&owner, "/devices/1/person?search=kim%40").await.body;
    assert!(
        choose.contains("Give it to Kim &lt;Example&gt;") && choose.contains("Nobody&#39;s now.") || choose.contains("Nobody's now."),
        "{choose}"
    );
    assert!(house.get(&owner, "/devices/1/person?search=zoe").await.body.contains("Nobody found"));
    house.post(&owner, "/devices/1/person", &format!("person={id}")).await;
    let device = house.get(&owner, "/devices/1").await.body;
    assert!(device.contains(&format!("href=\"{person}\">Kim &lt;Example&gt;</a>")) && device.contains("/devices/1/person"), "{device}");
    assert!(device.contains("Given to Kim &lt;Example&gt;"), "the timeline says so: {device}");
    assert!(house.get(&owner, &person).await.body.contains("href=\"/devices/1\">iPad A</a>"));
    let ask = house.get(&owner, &format!("{person}/delete")).await.body;
    assert!(ask.contains("Their 1 device will be nobody"), "{ask}");
    house.post(&owner, &format!("{person}/delete"), "").await;
    assert_eq!(house.get(&owner, &person).await.status, 404);
    assert_eq!(house.write(|tx| people::of_device(tx, "1")).await, None);
}

#[tokio::test]
async fn somebody_is_let_go_on_one_page_and_followed_there() {
    let house = House::new();
    house.device("1", "iPad <A>").await;
    let owner = house.person(Role::Owner).await;
    let added = house.post(&owner, "/people/new", "name=Kim+%3CExample%3E&email=&role=student&active=1").await;
    let person = added.location().split('?').next().unwrap().to_owned();
    let id = person.trim_start_matches("/people/").to_owned();
    house.post(&owner, "/devices/1/person", &format!("person={id}")).await;
    assert!(house.get(&owner, &person).await.body.contains("Let them go…"));
    let farewell = format!("{person}/farewell");
    let ask = house.get(&owner, &farewell).await.body;
    assert!(ask.contains("iPad &lt;A&gt;") && ask.contains("name=\"then.1\"") && ask.contains("Let Kim &lt;Example&gt; go"), "{ask}");
    let forgotten = house.post(&owner, &farewell, "").await;
    assert!(forgotten.status == 422 && forgotten.body.contains("what becomes of iPad &lt;A&gt;"), "{}", forgotten.body);
    let done = house.post(&owner, &farewell, "then.1=hand_on").await;
    assert!(done.status == 303 && done.location().split('?').next() == Some(&farewell), "{}", done.location());
    let followed = house.get(&owner, &farewell).await.body;
    assert!(followed.contains("Kim &lt;Example&gt; left") && followed.contains("handed on") && followed.contains("of 1"), "{followed}");
    assert!(house.get(&owner, &person).await.body.contains("What they left"));
    assert!(house.get(&owner, "/system/audit").await.body.contains("A person was let go: Kim &lt;Example&gt;"));
    assert_eq!(house.write(|tx| people::of_device(tx, "1")).await, None);
    let again = house.post(&owner, &farewell, "").await;
    assert!(again.status == 303 && again.location().starts_with(&format!("{farewell}?said=")), "{}", again.body);
    let told = house.get(&owner, again.location()).await.body;
    assert!(
        told.contains("Kim &lt;Example&gt; is not active any more.") && told.contains("Kim &lt;Example&gt; left"),
        "once is enough: {told}"
    );
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.get(&viewer, &farewell).await.status, 403);
}

/// Kim, who has these devices; gives the address of Kim's farewell.
async fn leaver(house: &House, owner: &str, devices: &[&'static str]) -> String {
    let added = house.post(owner, "/people/new", "name=Kim+Example&email=kim%40example.school&role=staff&active=1").await;
    let person = added.location().split('?').next().unwrap().to_owned();
    let id = person.trim_start_matches("/people/").to_owned();
    for device in devices {
        house.device(device, if *device == "1" { "iPad <A>" } else { "iPad B" }).await;
        house.post(owner, &format!("/devices/{device}/person"), &format!("person={id}")).await;
    }
    format!("{person}/farewell")
}

#[tokio::test]
async fn devices_of_a_leaver_are_erased_only_after_their_number_is_typed() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let farewell = leaver(&house, &owner, &["1", "2"]).await;
    let both = "then.1=erase&then.2=erase";
    let erasing = async || {
        let queued = async |device: &'static str| house.write(move |tx| commands::open(tx, &format!("e{device}"), 100)).await;
        let all = [queued("1").await, queued("2").await].concat();
        all.iter().filter(|command| command.request_type == "EraseDevice").count()
    };
    let asked = house.post(&owner, &farewell, both).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    for words in ["<li>iPad &lt;A&gt;</li>", "<li>iPad B</li>", "cannot be undone", "Type 2 to go on", "name=\"then.1\" value=\"erase\""] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    for wrong in ["&confirmed=1", "&confirmed=1&typed=", "&confirmed=1&typed=3", "&typed=3"] {
        let refused = house.post(&owner, &farewell, &format!("{both}{wrong}")).await;
        assert!(refused.status == 422 && refused.body.contains("That is not the number."), "{wrong}: {}", refused.body);
    }
    assert!(house.get(&owner, &farewell).await.body.contains("Let Kim Example go"), "nothing happened");
    assert_eq!(erasing().await, 0);
    let done = house.post(&owner, &farewell, &format!("{both}&confirmed=1&typed=2")).await;
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(erasing().await, 2);
}

#[tokio::test]
async fn the_script_asks_about_erasing_first_and_lets_nobody_go_by_that() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let farewell = leaver(&house, &owner, &["1"]).await;
    let only_asks = async |form: &'static str| {
        let mut request = House::posted(&owner, &farewell, "application/x-www-form-urlencoded", form);
        request.headers_mut().insert("x-fragment", "confirm".parse().unwrap());
        house.send(request).await
    };
    let question = only_asks("then.1=erase").await;
    assert!(question.status == 200 && question.body.contains("id=\"confirm\"") && question.body.contains("cannot be undone"));
    assert_eq!(only_asks("then.1=keep").await.status, 204);
    assert_eq!(only_asks("").await.status, 204, "what is wrong is said when it is sent");
    assert!(house.get(&owner, &farewell).await.body.contains("Let Kim Example go"), "nothing happened");
    assert_eq!(house.post(&owner, &farewell, "then.1=erase&confirmed=1").await.status, 303, "one device is named, not counted");
}

#[tokio::test]
async fn a_leaver_does_not_log_in_any_more_where_an_owner_lets_them_go() {
    let house = House::new();
    let (owner, admin, kim) = (house.person(Role::Owner).await, house.person(Role::Admin).await, house.person(Role::Helper).await);
    let farewell = leaver(&house, &owner, &[]).await;
    house.write(|tx| admins::link_person(tx, &Actor::Console, "Helper", Some("kim@example.school"))).await;
    let told = house.get(&admin, &farewell).await.body;
    assert!(told.contains("Kim Example also logs in here as <strong>Helper</strong> (Helper). An Owner has to end it."), "{told}");
    assert!(told.contains("href=\"/system/admins\""), "{told}");
    let told = house.get(&owner, &farewell).await.body;
    assert!(told.contains("Kim Example also logs in here as <strong>Helper</strong> (Helper). That ends"), "{told}");
    assert_eq!(house.get(&kim, "/devices").await.status, 200);
    house.post(&owner, &farewell, "").await;
    assert_eq!(house.get(&kim, "/devices").await.status, 303, "led to the log-in");
    let said = house.get(&owner, &farewell).await.body;
    assert!(said.contains("<strong>Helper</strong> (Helper): ended"), "{said}");
    assert!(house.get(&owner, "/system/audit?kind=admin.").await.body.contains("Helper"), "the log says so");
}

#[tokio::test]
async fn a_class_gets_its_people_and_loses_them() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.post(&owner, "/people/new", "name=Kim+Example&email=kim%40example.school&role=student&active=1").await;
    assert!(house.get(&owner, "/classes").await.body.contains("No classes yet"));
    let made = house.post(&owner, "/classes/new", "name=7b").await;
    let class = made.location().split('?').next().unwrap().to_owned();
    let refused = house.post(&owner, &format!("{class}/people"), "person=Zoe&role=student").await;
    assert!(
        refused.status == 422 && refused.body.contains("There is no active person") && refused.body.contains("value=\"Zoe\""),
        "{}",
        refused.body
    );
    house.post(&owner, &format!("{class}/people"), "person=KIM%40example.school&role=teacher").await;
    let page = house.get(&owner, &class).await.body;
    assert!(page.contains("Kim Example") && page.contains("teaches"), "{page}");
    assert!(house.get(&owner, "/classes").await.body.contains("7b"));
    let remove = page.split("action=\"").find(|part| part.contains("/remove\"")).unwrap().split('"').next().unwrap().to_owned();
    house.post(&owner, &remove, "").await;
    assert!(house.get(&owner, &class).await.body.contains("Nobody is in it."));
    house.post(&owner, &format!("{class}/edit"), "name=7+b").await;
    assert!(house.get(&owner, &class).await.body.contains("7 b"));
    house.post(&owner, &format!("{class}/delete"), "").await;
    assert_eq!(house.get(&owner, &class).await.status, 404);
}

#[tokio::test]
async fn an_import_is_shown_before_it_is_done() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let owner = house.person(Role::Owner).await;
    let table = "name,email,class,serial\nKim <Example>,kim@example.school,7b,TESTSN1\n";
    let shown = house.upload(&owner, "people.csv", table.as_bytes()).await;
    assert_eq!(shown.status, 303, "{}", shown.body);
    let page = house.get(&owner, shown.location()).await.body;
    for words in ["Kim &lt;Example&gt; (kim@example.school)", "TESTSN1 to Kim", "Import: add 1 person"] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(house.get(&owner, "/people").await.body.contains("No people yet"), "looking changes nothing");
    let done = house.post(&owner, shown.location(), "").await;
    let page = house.get(&owner, done.location()).await.body;
    assert!(page.contains("Imported: 1 person added") && page.contains("Kim &lt;Example&gt;"), "{page}");
    assert_eq!(house.post(&owner, shown.location(), "").await.status, 404, "once");
    let again = house.upload(&owner, "people.csv", table.as_bytes()).await;
    assert!(house.get(&owner, again.location()).await.body.contains("Everything is as the file says already."));
}

#[tokio::test]
async fn a_file_that_is_no_roster_is_refused_where_it_was_chosen() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for (name, bytes, words) in [
        ("people.csv", &b"name\nok\n\xc9va\n"[..], "in line 3 that are not UTF-8"),
        ("", &b""[..], "Choose a CSV file"),
        ("x.csv", &b"colour\nred\n"[..], "no column called Name or Email"),
    ] {
        let reply = house.upload(&owner, name, bytes).await;
        assert!(reply.status == 422 && reply.body.contains(words), "{words} in {}", reply.body);
    }
    // More than other forms may have, and not more than a roster may.
    let many = format!("name,note\n{}", format!("Kim,{}\n", "x".repeat(900)).repeat(2_000));
    assert!(many.len() > crate::http::limits::FORM_MAX_BYTES);
    assert_eq!(house.upload(&owner, "people.csv", many.as_bytes()).await.status, 303);
    let large = vec![b'x'; crate::http::limits::ROSTER_MAX_BYTES + 1];
    assert_eq!(house.upload(&owner, "people.csv", &large).await.status, 413);
}

/// What of a page is left on paper: its tags and text without what the print rules of the stylesheet hide.
fn printed(page: &str) -> String {
    let css = include_str!("../../../../static/app.css");
    let rules = css.split("@media print {").nth(1).unwrap();
    let hidden = rules.split(" { display: none").next().unwrap().rsplit("*/").next().unwrap();
    let hidden: Vec<_> = hidden.split(',').map(str::trim).collect();
    let is_hidden = |tag: &str| {
        let name = tag.split(' ').next().unwrap_or_default();
        let classes = tag.split("class=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        hidden.contains(&name) || classes.split(' ').any(|class| hidden.contains(&format!(".{class}").as_str()))
    };
    let body = page.split("<body").nth(1).unwrap();
    let (mut open, mut paper, mut hidden_from) = (Vec::new(), String::new(), None);
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            open.pop();
            if hidden_from.is_some_and(|depth| open.len() < depth) {
                hidden_from = None;
            }
        } else {
            open.push(name);
            if hidden_from.is_none() && is_hidden(tag) {
                hidden_from = Some(open.len());
            }
            if hidden_from.is_none() {
                paper.extend(["<", tag, ">"]);
            }
            if matches!(name, "input" | "br" | "hr" | "img" | "link" | "meta") {
                open.pop();
                if hidden_from.is_some_and(|depth| open.len() < depth) {
                    hidden_from = None;
                }
            }
        }
        if hidden_from.is_none() {
            paper.push_str(text);
        }
    }
    paper
}

#[tokio::test]
async fn a_class_on_paper_is_its_people_with_their_devices_and_nothing_to_press() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    leaver(&house, &owner, &["1", "2"]).await;
    let made = house.post(&owner, "/classes/new", "name=7b").await;
    let class = made.location().split('?').next().unwrap().to_owned();
    let put = house.post(&owner, &format!("{class}/people"), "person=kim%40example.school&role=student").await;
    let page = house.get(&owner, put.location()).await.body;
    assert!(page.contains("data-print") && page.contains("Put somebody in") && page.contains("Take out"), "{page}");
    let paper = printed(&page);
    for part in ["7b", "Kim Example", "kim@example.school", "learns", "iPad &lt;A&gt;", "TESTSN1", "iPad B", "TESTSN2"] {
        assert!(paper.contains(part), "{part} in {paper}");
    }
    for control in
        ["<button", "<select", "<nav", "<textarea", "type=\"text\"", "Take out", "Delete the class", "Put somebody in", "is in the class"]
    {
        assert!(!paper.contains(control), "{control} in {paper}");
    }
    let list = printed(&house.get(&owner, "/classes").await.body);
    assert!(list.contains("7b") && !list.contains("<button") && !list.contains("<nav") && !list.contains("New class"), "{list}");
}
