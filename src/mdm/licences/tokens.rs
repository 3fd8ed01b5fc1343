//! Content tokens as people bring them: new, renewed, claimed by another server, taken over, refused by Apple, removed.

use std::time::Duration;

use serde_json::json;

use crate::error::{Error, Result};
use crate::language;
use crate::mdm::licences::{ACTOR, places, sync};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, journal};
use crate::protocol::apps_and_books::{ClientConfig, ContentToken as Brought, MdmInfo, Service, UNLIMITED};
use crate::secret::SecretBytes;
use crate::store::content_tokens::{self as rows, ContentToken, TokenState};
use crate::store::licences::{self, Stage, assets};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts};

/// Locations at the most.
pub const TOKENS_MAX: usize = 50;

/// How often a token that Apple refused is tried once more.
const REFUSED_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// By which Apple tells servers apart.
const OUR_ID: Setting<String> = Setting::new("licences.server_id");

/// Our id as Apple knows it, the same for this appliance's life.
pub fn our_id(tx: &Tx) -> Result<String> {
    if let Some(id) = settings::value(tx, &OUR_ID)? {
        return Ok(id);
    }
    let id = tx.random().uuid_v4().to_string();
    settings::set(tx, &OUR_ID, &id)?;
    Ok(id)
}

/// A location and what is known of it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The location.
    pub token: ContentToken,
    /// Apps and books that it owns.
    pub assets: usize,
    /// Licences that it owns, those of free apps left out.
    pub owned: u64,
    /// Licences of it that are in use.
    pub in_use: u64,
    /// Licences here that are held, or on their way.
    pub ours: usize,
}

/// Every location, oldest first; practice ones included.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    rows::all(tx)?.into_iter().map(|token| standing(tx, token)).collect()
}

/// One location.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Standing> {
    actor.require(Right::View)?;
    standing(tx, rows::by_id(tx, id)?.ok_or_else(unknown)?)
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such content token."))
}

fn standing(tx: &Tx, token: ContentToken) -> Result<Standing> {
    let owned = assets::of_token(tx, &token.id)?;
    Ok(Standing {
        assets: owned.len(),
        owned: owned.iter().filter_map(|asset| asset.owned).filter(|owned| *owned < UNLIMITED).map(u64::from).sum(),
        in_use: owned.iter().map(|asset| u64::from(asset.in_use())).sum(),
        ours: licences::of_token(tx, &token.id)?.len(),
        token,
    })
}

/// What was brought, with what Apple says of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The token.
    pub brought: Brought,
    /// Apple's addresses and limits.
    pub service: Service,
    /// Who owns the location, before anybody here claimed it.
    pub config: ClientConfig,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// Whether it is taken also where it ends before the one that is here.
    pub older: bool,
}

/// Whether Apple names another server than us as the one that manages a location.
pub fn is_foreign(tx: &Tx, info: &MdmInfo) -> Result<bool> {
    Ok(!info.id.is_empty() && info.id != our_id(tx)?)
}

/// Keeps a token. That of a location that is here already takes the place of the one before, and everything assigned stays.
///
/// # Errors
/// Conflict where it ends before the one that is here and Apple still takes that, unless the older one is meant.
pub fn keep(tx: &Tx, actor: &Actor, arrival: &Arrival) -> Result<ContentToken> {
    actor.require(Right::Configure)?;
    let Arrival { brought, service, config, practice, older } = arrival;
    if config.u_id.is_empty() {
        return Err(Error::bad_input(t!("Apple does not say which location this content token is of. Try again later.")));
    }
    let known = rows::by_location(tx, &config.u_id)?;
    if known.is_none() && rows::all(tx)?.len() >= TOKENS_MAX {
        return Err(Error::conflict(t!(
            "There are {TOKENS_MAX} content tokens, which is the most. Remove one that is not used.",
            TOKENS_MAX
        )));
    }
    if let Some(newer) =
        known.as_ref().filter(|known| known.expires_at > brought.expires_at && known.state != TokenState::Refused && !older)
    {
        return Err(ends_earlier(tx, newer, brought)?);
    }
    let secret = brought.text.expose().as_bytes();
    let mut token = match &known {
        Some(known) => known.clone(),
        None => new(tx, config, *practice),
    };
    if known.is_some() {
        rows::set_token(tx, &token.id, secret)?;
    }
    token.organisation = brought.organisation.chars().take(200).collect();
    token.expires_at = brought.expires_at;
    (token.service, token.service_at) = (service.to_json(), Some(tx.now));
    describe(&mut token, config);
    let foreign = is_foreign(tx, &config.mdm_info)?;
    token.state = if foreign { TokenState::Taken } else { TokenState::Ready };
    token.other_server = if foreign { name_of(&config.mdm_info) } else { String::new() };
    (token.problem, token.failures) = (String::new(), 0);
    (token.sync_due_at, token.due_at, token.synced_whole_at) = (Some(tx.now), Some(tx.now).filter(|_| !foreign), None);
    if known.is_some() {
        rows::update(tx, &token)?;
    } else {
        rows::insert(tx, &token, secret)?;
    }
    for alert in ["licences.refused", "licences.ends", "licences.taken", "licences.unreachable"] {
        alerts::clear(tx, &format!("{alert}:{}", token.id))?;
    }
    let kind = if known.is_some() { "content_token.renewed" } else { "content_token.added" };
    note(tx, actor, kind, &token)?;
    rows::by_id(tx, &token.id)?.ok_or_else(unknown)
}

/// What is said of a token that is older than the one that is here.
fn ends_earlier(tx: &Tx, newer: &ContentToken, brought: &Brought) -> Result<Error> {
    let zone = zone(tx)?;
    Ok(Error::conflict(t!(
        "This content token of “{name}” ends on {time}, and the one that is here on {time_2}: it is an older one. Bring the newest, or say that the older one is meant.",
        name = newer.name(),
        time = language::date(zone.words(brought.expires_at)),
        time_2 = language::date(zone.words(newer.expires_at))
    )))
}

fn new(tx: &Tx, config: &ClientConfig, practice: bool) -> ContentToken {
    ContentToken {
        id: tx.new_id(),
        location_uid: config.u_id.clone(),
        organisation: String::new(),
        location: String::new(),
        country: String::new(),
        platform: String::new(),
        practice,
        state: TokenState::Ready,
        other_server: String::new(),
        problem: String::new(),
        failures: 0,
        expires_at: tx.now,
        service: String::from("{}"),
        service_at: None,
        assignments_version: String::new(),
        sync_due_at: None,
        synced_at: None,
        synced_whole_at: None,
        due_at: None,
        busy_until_at: None,
        created_at: tx.now,
        uploaded_at: tx.now,
    }
}

fn note(tx: &Tx, actor: &Actor, kind: &str, token: &ContentToken) -> Result<()> {
    let data = json!({ "location": token.location, "organisation": token.organisation, "expires_at": token.expires_at });
    journal::note(tx, actor, kind, journal::Subject::default(), data)
}

/// Takes over what Apple says of a location.
pub(super) fn describe(token: &mut ContentToken, config: &ClientConfig) {
    let text = |said: &str| said.chars().filter(|letter| !letter.is_control()).take(200).collect::<String>();
    for (kept, said) in [
        (&mut token.location, &config.location_name),
        (&mut token.country, &config.country),
        (&mut token.platform, &config.default_platform),
    ] {
        if !said.is_empty() {
            *kept = text(said);
        }
    }
}

fn name_of(info: &MdmInfo) -> String {
    let name = if info.name.is_empty() { &info.id } else { &info.name };
    name.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

/// Whether Apple still names us, or nobody, as the one that manages a location. Where it names another, nothing is assigned from it any more, and
/// somebody is told.
pub(super) fn is_ours(tx: &Tx, token: &ContentToken, info: Option<&MdmInfo>) -> Result<bool> {
    let Some(info) = info else { return Ok(true) };
    if !is_foreign(tx, info)? {
        return Ok(true);
    }
    let mut token = token.clone();
    token.state = TokenState::Taken;
    token.other_server = name_of(info);
    rows::update(tx, &token)?;
    places::tell_all(tx, &token)?;
    let message = t!(
        "Another server, “{other_server}”, took the location “{location}” of Apps and Books over.",
        other_server = token.other_server,
        location = token.location
    );
    let remedy = t!(
        "Nothing is assigned from it any more. If that was not meant, take it over again at System, Apps and Books; two servers on one \
                  location take each other's licences away."
    );
    if alerts::raise(tx, &format!("licences.taken:{}", token.id), 85, &message, remedy)? {
        note(tx, &ACTOR, "content_token.taken", &token)?;
    }
    Ok(false)
}

/// What Apple is to be told so that a location is ours.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The location.
    pub token_id: String,
    /// The token's text.
    pub secret: SecretBytes,
    /// Apple's addresses and limits.
    pub service: Service,
    /// Our id.
    pub server_id: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// What Apple is to prove itself with, if it tells us what happens.
    pub notify_secret: String,
    /// What it has proved itself with until now.
    told_before: Option<SecretBytes>,
}

/// Gets ready to claim a location. Apple tries while it is asked whether it reaches us, so that it is admitted from here on; [`claimed`] or
/// [`not_claimed`] ends that.
pub fn claim(tx: &Tx, actor: &Actor, id: &str) -> Result<Claim> {
    actor.require(Right::Configure)?;
    let token = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    let secret = rows::secret(tx, id)?.ok_or_else(unknown)?;
    let service = Service::from_json(&token.service);
    let (notify_secret, told_before) = (tx.random().token(), rows::notify_secret(tx, id)?);
    rows::set_notify_secret(tx, id, Some(notify_secret.as_bytes()))?;
    Ok(Claim { token_id: token.id, secret, service, server_id: our_id(tx)?, practice: token.practice, notify_secret, told_before })
}

/// Takes note that a location could not be claimed: who told us what happens before does so still.
pub fn not_claimed(tx: &Tx, claim: &Claim) -> Result<()> {
    rows::set_notify_secret(tx, &claim.token_id, claim.told_before.as_ref().map(|secret| secret.expose().as_slice()))
}

/// Takes note that a location is ours: Apple said so. `notified` says that it tells us what happens.
pub fn claimed(tx: &Tx, actor: &Actor, claim: &Claim, notified: bool) -> Result<ContentToken> {
    actor.require(Right::Configure)?;
    let mut token = rows::by_id(tx, &claim.token_id)?.ok_or_else(unknown)?;
    let was_taken = token.state == TokenState::Taken;
    (token.state, token.other_server, token.problem, token.failures) = (TokenState::Ready, String::new(), String::new(), 0);
    (token.sync_due_at, token.due_at, token.synced_whole_at) = (Some(tx.now), Some(tx.now), None);
    rows::update(tx, &token)?;
    rows::set_notify_secret(tx, &token.id, notified.then_some(claim.notify_secret.as_bytes()))?;
    places::tell_all(tx, &token)?;
    alerts::clear(tx, &format!("licences.taken:{}", token.id))?;
    if was_taken {
        note(tx, actor, "content_token.taken_over", &token)?;
    }
    Ok(token)
}

/// Takes note that Apple does not take a token any more.
pub(super) fn refuse(tx: &Tx, mut token: ContentToken, words: &str) -> Result<()> {
    token.state = TokenState::Refused;
    words.clone_into(&mut token.problem);
    token.sync_due_at = Some(tx.now.plus(REFUSED_AGAIN));
    rows::update(tx, &token)?;
    places::tell_all(tx, &token)?;
    let message = t!("Apple does not take the content token of “{location}” any more.", location = token.location);
    if alerts::raise(tx, &format!("licences.refused:{}", token.id), 85, &message, words)? {
        note(tx, &ACTOR, "content_token.refused", &token)?;
    }
    Ok(())
}

/// What removing a location ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ending {
    /// Licences that were held or on their way from it.
    pub licences: usize,
    /// Of these, those that are still wanted and have to come from another location.
    pub wanted: usize,
}

/// What [`remove`] would end.
pub fn ending(tx: &Tx, actor: &Actor, id: &str) -> Result<(ContentToken, Ending)> {
    actor.require(Right::View)?;
    let token = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    let of_it = licences::of_token(tx, id)?;
    let ending = Ending { licences: of_it.len(), wanted: of_it.iter().filter(|row| row.wanted).count() };
    Ok((token, ending))
}

/// Removes a location. What Apple has assigned stays assigned there; this server neither counts nor changes it any more. Who still wants a licence of
/// it gets one of another location, or waits.
pub fn remove(tx: &Tx, actor: &Actor, id: &str) -> Result<Ending> {
    actor.require(Right::Configure)?;
    let (token, ending) = ending(tx, actor, id)?;
    for row in licences::of_token(tx, id)? {
        if !row.wanted {
            licences::remove(tx, &row)?;
            continue;
        }
        let again = licences::Licence {
            token_id: None,
            pricing_param: String::new(),
            stage: Stage::Open,
            event_id: None,
            attempts: 0,
            due_at: None,
            problem: String::new(),
            ..row.clone()
        };
        licences::put(tx, Some(&row), &again)?;
    }
    rows::delete(tx, id)?;
    for alert in ["licences.refused", "licences.ends", "licences.taken", "licences.unreachable"] {
        alerts::clear(tx, &format!("{alert}:{id}"))?;
    }
    sync::serve_all(tx, token.practice)?;
    look_again(tx)?;
    note(tx, actor, "content_token.removed", &token)?;
    Ok(ending)
}

/// Everybody who waits for a place learns that it may be long.
fn look_again(tx: &Tx) -> Result<()> {
    for (adam_id, practice) in licences::short_apps(tx)? {
        places::tell_short(tx, &adam_id, practice)?;
    }
    Ok(())
}
