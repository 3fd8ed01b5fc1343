//! Pages through their whole way of layers, without sockets: what a browser is shown and led to.

mod access;
mod account;
mod ade;
mod app_forms;
mod apps;
mod audit;
mod backups;
mod catalog;
mod connections;
mod declarations;
mod deeds;
mod devices;
mod doctor;
mod dropped;
mod forms;
mod genuine;
mod groups;
mod language;
mod lessons;
mod licences;
mod log_in;
mod notices;
mod packages;
mod paging;
mod pins;
mod policies;
mod profiles;
mod releases;
mod roster;
mod saved_filters;
mod setup_assistant;
mod tls;
mod unstored;
mod updates;
mod webhooks;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::{Extension, Router};
use tower::ServiceExt as _;

use crate::app::App;
use crate::error::Result;
use crate::http::api::Streams;
use crate::http::auth::tests::{Kit, peer};
use crate::http::doors;
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::mdm::admins::link;
use crate::protocol::ids::EnrollmentKind;
use crate::store::enrollments::{self, Enrollment, EnrollmentState, RenewalState};
use crate::store::{Tx, devices as rows};

/// An appliance with its doors and people who may log in.
struct House {
    app: App,
    _data: tempfile::TempDir,
    kit: Kit,
    router: Router,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    /// Where it leads.
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The session's cookie that it sets.
    fn cookie(&self) -> String {
        let set = self.headers.get(SET_COOKIE).map_or("", |value| value.to_str().unwrap());
        set.split(';').next().unwrap_or_default().to_owned()
    }
}

impl House {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(crate::store::OpenOptions::memory(), data.path());
        let router = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        Self { kit: Kit::on(app.store.clone(), app.clock.clone()), router, app, _data: data }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 4 << 20).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// The cookie of a person who is added for it.
    async fn person(&self, role: Role) -> String {
        let name = format!("{role:?}");
        self.kit.add(&name, role).await;
        self.kit.cookie(&name).await
    }

    async fn get(&self, cookie: &str, path: &str) -> Reply {
        self.send(Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap()).await
    }

    /// Sends a form as a browser does.
    async fn post(&self, cookie: &str, path: &str, form: &str) -> Reply {
        self.send(Self::posted(cookie, path, "application/x-www-form-urlencoded", form.to_owned())).await
    }

    fn posted(cookie: &str, path: &str, kind: &str, body: impl Into<Body>) -> Request<Body> {
        let request = Request::builder().method(Method::POST).uri(path).header("cookie", cookie).header("sec-fetch-site", "same-origin");
        request.header(CONTENT_TYPE, kind).body(body.into()).unwrap()
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.app.store.write(self.app.now(), work).await.unwrap()
    }

    /// An enrolled device of this id and name; its enrollment's id is `e` and the device's.
    async fn device(&self, id: &'static str, name: &'static str) {
        self.write(move |tx| {
            let device = crate::store::roster::tests::device(id, name);
            rows::insert(tx, &device)?;
            enrollments::insert(tx, &enrollment(tx, id))
        })
        .await;
    }
}

pub(in crate::http) fn enrollment(tx: &Tx, device_id: &str) -> Enrollment {
    Enrollment {
        id: format!("e{device_id}"),
        device_id: device_id.to_owned(),
        parent_id: None,
        kind: EnrollmentKind::Device,
        nano_id: format!("UDID-{device_id}"),
        user_short_name: String::new(),
        user_long_name: String::new(),
        state: EnrollmentState::Enrolled,
        generation: 1,
        topic: String::from("com.apple.mgmt.External.test"),
        awaiting_configuration: false,
        token_update_tally: 1,
        token_hash: None,
        access_rights: Some(8191),
        server_url: String::new(),
        check_in_url: String::new(),
        scep_url: String::new(),
        invitation_id: None,
        session: 0,
        push_due_at: None,
        push_attempts: 0,
        push_sent_at: None,
        push_error: String::new(),
        push_dead_at: None,
        has_push_token: false,
        has_unlock_token: false,
        has_bootstrap_token: false,
        renewal_state: RenewalState::None,
        renewal_due_at: None,
        renewal_attempts: 0,
        renewal_began_at: None,
        authenticated_at: Some(tx.now),
        enrolled_at: Some(tx.now),
        token_updated_at: Some(tx.now),
        left_at: None,
        last_seen_at: Some(tx.now),
        created_at: tx.now,
        questions_due: false,
        entry: crate::store::invitations::Entry::Invitation,
    }
}

#[tokio::test]
async fn a_browser_at_a_device_address_is_told_what_it_is_for() {
    let house = House::new();
    for path in ["/mdm/checkin", "/mdm/connect", "/mdm", "/checkin"] {
        let reply = house.get("", path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body.contains("This door is for devices"), "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn the_set_up_page_offers_only_what_there_is() {
    let house = House::new();
    let token = house.write(crate::mdm::admins::setup::offer).await.unwrap();
    let page = house.get("", &format!("/setup?token={}", token.expose())).await.body;
    assert!(page.contains("Set up this appliance") && !page.contains("rollcall restore"), "{page}");
}

#[tokio::test]
async fn today_needs_somebody_as_long_as_no_device_can_be_woken() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/").await.body;
    assert!(page.contains("There is no push certificate yet") && !page.contains("Nothing needs you"), "{page}");
}

#[tokio::test]
async fn days_without_a_device_heard_of_have_no_highest() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/").await.body;
    assert!(page.contains("highest 0"), "{page}");
}

#[tokio::test]
async fn the_demos_link_logs_in_at_once_and_works_once() {
    let house = House::new();
    house.kit.add("demo", Role::Owner).await;
    let token = house.write(|tx| link::offer(tx, "demo")).await.unwrap();
    let path = format!("/login?once={}", token.expose());
    // A preview's look at the head and a browser's fetching ahead use nothing up.
    let head = Request::head(&path).body(Body::empty()).unwrap();
    let ahead = Request::get(&path).header("sec-purpose", "prefetch;prerender").body(Body::empty()).unwrap();
    for request in [head, ahead] {
        let looked = house.send(request).await;
        assert!(looked.status == StatusCode::OK && looked.cookie().is_empty());
    }
    let entered = house.get("", &path).await;
    assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/"), "{}", entered.body);
    assert!(house.get(&entered.cookie(), "/").await.body.contains("<h1><span>Today</span></h1>"));
    let again = house.get("", &path).await;
    assert!(again.cookie().is_empty() && again.body.contains("used already") && again.body.contains("name=\"password\""), "{}", again.body);
}
