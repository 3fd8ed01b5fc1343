//! `/api/v1/notices`: what was told away from the page, by which mail server, and the calendar of everything that ends.

mod recipients;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::notices::{out, send_test};
use crate::mdm::Actor;
use crate::mdm::backups::plan::time;
use crate::mdm::notices::settings::{self, NewRules, NewServer};
use crate::mdm::notices::{self, Standing, feed};
use crate::protocol::mail::{MailServer, Security};
use crate::secret::Secret;
use crate::store::letters::{Letter, LetterState, Occasion};
use crate::store::notices::{Notice, NoticeKind};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list))
        .routes(routes!(list_letters))
        .routes(routes!(show, change))
        .routes(routes!(set_server, remove_server))
        .routes(routes!(try_mail))
        .routes(routes!(calendar, renew_calendar, revoke_calendar))
        .merge(recipients::routes())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NoticesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Something that was told.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeView {
    /// UUIDv7.
    id: String,
    /// Names its cause; the same for as long as it is the same.
    key: String,
    /// What it is about.
    kind: NoticeKind,
    /// Larger is worse; 0 for what is over.
    harm: i64,
    /// What, in a sentence.
    what: String,
    /// What to do.
    why: String,
    /// The page where it is looked after.
    url: String,
    /// When it was told.
    told_at: Timestamp,
}

/// What was told in the last months.
#[utoipa::path(get, path = "/api/v1/notices", tag = "notices", params(NoticesQuery),
    responses((status = 200, description = "Newest first", body = List<NoticeView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<NoticesQuery>,
) -> Result<JsonBody<List<NoticeView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch, out) = (page.after.clone(), page.fetch(), out(&app));
    let look = move |tx: &_| notices::list(tx, &actor, after.as_ref().map(|(at, id)| (*at, id.as_str())), fetch);
    let (rows, total) = app.store.read(app.now(), look).await?;
    let view = |notice: Notice| NoticeView {
        url: out.link(&notice.path),
        id: notice.id,
        key: notice.key,
        kind: notice.kind,
        harm: notice.harm,
        what: notice.what,
        why: notice.why,
        told_at: notice.told_at,
    };
    Ok(JsonBody(page.answer(rows, total, |notice| (notice.told_at, notice.id.clone()), view)))
}

/// A letter, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
struct LetterView {
    /// UUIDv7.
    id: String,
    /// Why it was written.
    occasion: Occasion,
    /// To whom.
    address: String,
    /// What it is about.
    subject: String,
    /// What became of it.
    state: LetterState,
    /// Times tried.
    attempts: i64,
    /// When it is tried next, while it waits.
    due_at: Option<Timestamp>,
    /// The mail server's last words, or why it could not be asked; null before the first try.
    said: Option<String>,
    /// When it was written.
    created_at: Timestamp,
    /// When it was sent or given up.
    ended_at: Option<Timestamp>,
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        let Letter { id, occasion, address, subject, state, attempts, due_at, said, created_at, ended_at, .. } = letter;
        let said = Some(said).filter(|said| !said.is_empty());
        Self { id, occasion, address, subject, state, attempts, due_at, said, created_at, ended_at }
    }
}

/// Letters of the last months: those that wait, and how the others went.
#[utoipa::path(get, path = "/api/v1/notices/letters", tag = "notices", params(NoticesQuery),
    responses((status = 200, description = "Newest first", body = List<LetterView>)))]
async fn list_letters(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<NoticesQuery>,
) -> Result<JsonBody<List<LetterView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let look = move |tx: &_| notices::list_letters(tx, &actor, after.as_ref().map(|(at, id)| (*at, id.as_str())), fetch);
    let (rows, total) = app.store.read(app.now(), look).await?;
    Ok(JsonBody(page.answer(rows, total, |letter| (letter.created_at, letter.id.clone()), LetterView::from)))
}

/// The mail server, without its password.
#[derive(Debug, Serialize, ToSchema)]
struct MailServerView {
    /// Its name or address.
    host: String,
    /// Its port.
    port: u16,
    /// How what is said to it is kept from others.
    security: Security,
    /// Whether somebody chose to send unencrypted to another machine.
    open_allowed: bool,
    /// Who we are to it; empty where it does not ask.
    user: String,
    /// Whether a password is kept; it is never shown.
    has_password: bool,
    /// The name beside the sender's address.
    from_name: String,
    /// The sender's address.
    from: String,
    /// Where answers go; empty for the sender's address.
    reply_to: String,
    /// Roots that are trusted besides the public ones, PEM.
    trust_anchors: String,
}

/// How notices go out.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeSettingsView {
    /// The mail server; null while nobody named one.
    mail_server: Option<MailServerView>,
    /// Whether people hear that something is over.
    tell_mended: bool,
    /// Whether a digest is sent each week.
    digest: bool,
    /// On which day: Monday 0 to Sunday 6.
    digest_weekday: i8,
    /// At which time, in the appliance's time zone.
    #[schema(example = "07:00")]
    digest_at: String,
    /// When the next one is sent.
    next_digest_at: Option<Timestamp>,
    /// Letters that wait.
    waiting: u64,
    /// Whether there is a calendar address.
    has_calendar: bool,
}

impl From<Standing> for NoticeSettingsView {
    fn from(standing: Standing) -> Self {
        let Standing { server, has_password, rules, next_digest_at, waiting, has_feed, .. } = standing;
        let server_view = |server: MailServer| MailServerView {
            host: server.host,
            port: server.port,
            security: server.security,
            open_allowed: server.open_allowed,
            user: server.user,
            has_password,
            from_name: server.from_name,
            from: server.from,
            reply_to: server.reply_to,
            trust_anchors: server.trust_anchors,
        };
        Self {
            mail_server: server.map(server_view),
            tell_mended: rules.tell_mended,
            digest: rules.digest,
            digest_weekday: rules.weekday,
            digest_at: time(rules.minute),
            next_digest_at,
            waiting,
            has_calendar: has_feed,
        }
    }
}

async fn standing(app: &App, actor: Actor) -> Result<JsonBody<NoticeSettingsView>> {
    Ok(JsonBody(app.store.read(app.now(), move |tx| notices::standing(tx, &actor, 0)).await?.into()))
}

/// How notices go out.
#[utoipa::path(get, path = "/api/v1/notices/settings", tag = "notices",
    responses((status = 200, description = "As they are", body = NoticeSettingsView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<NoticeSettingsView>> {
    standing(&app, actor).await
}

/// What is told beside what needs somebody, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticeSettingsInput {
    /// Whether people hear that something is over.
    tell_mended: bool,
    /// Whether a digest is sent each week.
    digest: bool,
    /// On which day: Monday 0 to Sunday 6.
    #[schema(minimum = 0, maximum = 6)]
    digest_weekday: i8,
    /// At which time, in the appliance's time zone.
    #[schema(example = "07:00")]
    digest_at: String,
}

/// Say what is told beside what needs somebody, and when the digest comes.
#[utoipa::path(put, path = "/api/v1/notices/settings", tag = "notices", request_body = NoticeSettingsInput,
    responses((status = 200, description = "As they are now", body = NoticeSettingsView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<NoticeSettingsInput>,
) -> Result<JsonBody<NoticeSettingsView>> {
    let NoticeSettingsInput { tell_mended, digest, digest_weekday, digest_at } = input;
    let (new, changer) = (NewRules { tell_mended, digest, weekday: digest_weekday, at: digest_at }, actor.clone());
    app.store.write(app.now(), move |tx| settings::set_rules(tx, &changer, &new)).await?;
    standing(&app, actor).await
}

/// What the mail server is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MailServerInput {
    /// Its name or address.
    #[schema(example = "mail.example.school")]
    host: String,
    /// Its port; left out for the usual one: 465 for TLS, 587 for STARTTLS, 25 without.
    #[schema(minimum = 1)]
    port: Option<u16>,
    /// How what is said to it is kept from others.
    #[serde(default)]
    security: Security,
    /// Says that mail is meant to go unencrypted to another machine.
    #[serde(default)]
    open_allowed: bool,
    /// Who we are to it; left out where it does not ask.
    #[serde(default)]
    user: String,
    /// The password; left out to keep the one that is here for the same server and user.
    #[schema(value_type = Option<String>)]
    password: Option<String>,
    /// The name beside the sender's address.
    #[serde(default)]
    from_name: String,
    /// The sender's address.
    #[schema(example = "rollcall@example.school")]
    from: String,
    /// Where answers go; left out for the sender's address.
    #[serde(default)]
    reply_to: String,
    /// Roots to trust besides the public ones, PEM.
    #[serde(default)]
    trust_anchors: String,
}

impl From<MailServerInput> for NewServer {
    fn from(input: MailServerInput) -> Self {
        let MailServerInput { host, port, security, open_allowed, user, password, from_name, from, reply_to, trust_anchors } = input;
        Self { host, port, security, open_allowed, user, password: password.map(Secret::new), from_name, from, reply_to, trust_anchors }
    }
}

/// Name the mail server. Letters that wait are tried at once.
#[utoipa::path(put, path = "/api/v1/notices/mail-server", tag = "notices", request_body = MailServerInput,
    responses((status = 200, description = "How notices go out now", body = NoticeSettingsView)))]
async fn set_server(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<MailServerInput>,
) -> Result<JsonBody<NoticeSettingsView>> {
    let (new, changer) = (NewServer::from(input), actor.clone());
    app.store.write(app.now(), move |tx| settings::set_server(tx, &changer, &new)).await?;
    standing(&app, actor).await
}

/// Forget the mail server and its password. Letters that wait are not sent any more.
#[utoipa::path(delete, path = "/api/v1/notices/mail-server", tag = "notices", responses((status = 204, description = "Forgotten")))]
async fn remove_server(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| settings::remove_server(tx, &actor)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a letter for trial goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestInput {
    /// To whom.
    #[schema(max_length = 254)]
    address: String,
    /// By this mail server, which is not kept; left out for the one that is.
    mail_server: Option<MailServerInput>,
}

/// A letter that was taken.
#[derive(Debug, Serialize, ToSchema)]
struct TestView {
    /// The mail server's last words.
    #[schema(example = "250 2.0.0 Ok: queued")]
    said: String,
}

/// Send a real letter, and wait for what the mail server says; a refusal is told in its own words.
#[utoipa::path(post, path = "/api/v1/notices/test", tag = "notices", request_body = TestInput,
    responses((status = 200, description = "The mail server took it", body = TestView)))]
async fn try_mail(State(app): State<App>, Authenticated(actor): Authenticated, Json(input): Json<TestInput>) -> Result<JsonBody<TestView>> {
    let said = send_test(&app, &actor, &input.address, input.mail_server.map(NewServer::from)).await?;
    Ok(JsonBody(TestView { said }))
}

/// Where the calendar is.
#[derive(Debug, Serialize, ToSchema)]
struct CalendarView {
    /// Its address, which is its own proof; null while there is none.
    url: Option<String>,
}

/// The address of the calendar of everything that ends.
#[utoipa::path(get, path = "/api/v1/notices/calendar", tag = "notices",
    responses((status = 200, description = "Whoever knows it reads the calendar", body = CalendarView)))]
async fn calendar(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<CalendarView>> {
    let path = app.store.read(app.now(), move |tx| feed::address(tx, &actor)).await?;
    Ok(JsonBody(CalendarView { url: path.map(|path| out(&app).link(path.expose())) }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CalendarInput {}

/// Make the calendar's address, or another one; the one before leads nowhere from then on.
#[utoipa::path(post, path = "/api/v1/notices/calendar", tag = "notices", request_body = CalendarInput,
    responses((status = 201, description = "The new address", body = CalendarView)))]
async fn renew_calendar(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<CalendarInput>) -> Result<Answer> {
    let out = out(&app);
    let make = move |tx: &_| {
        post.once.run(tx, &actor, |tx| {
            let path = feed::renew(tx, &actor)?;
            Answer::new(StatusCode::CREATED, &CalendarView { url: Some(out.link(path.expose())) })
        })
    };
    app.store.write(app.now(), make).await
}

/// Take the calendar's address back.
#[utoipa::path(delete, path = "/api/v1/notices/calendar", tag = "notices", responses((status = 204, description = "It leads nowhere now")))]
async fn revoke_calendar(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| feed::revoke(tx, &actor)).await?;
    Ok(StatusCode::NO_CONTENT)
}
