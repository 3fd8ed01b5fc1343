//! `simulate --seed-store`: enrollments for load written straight into a store, by the same rules as if the devices had come over the wire.

use std::path::{Path, PathBuf};

use super::{SHARED_KEYS, Simulate};
use crate::app::{App, Authority};
use crate::cli::{open, print, serve};
use crate::clock::Timestamp;
use crate::config::{Config, Layer};
use crate::error::{Error, Kind, Result};
use crate::mdm::ca::scep;
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::{Addresses, profile};
use crate::mdm::{checkin, connect, practice};
use crate::pki::certificate::Certificate;
use crate::pki::csr::CertificationRequest;
use crate::pki::digest::sha256;
use crate::pki::key::PrivateKey;
use crate::protocol::{checkin as message, report};
use crate::random::Random;
use crate::sim::load::{self, LoadMessages, Roster};
use crate::sim::model::{Individual, Mix, invent};
use crate::store::invitations::IdentityKind;
use crate::store::{DataFolder, OpenOptions, Store, Tx, enrollments};

/// The most enrollments that are written at once.
pub(super) const MAX_SEEDED: usize = load::MAX_ROSTER;

/// Devices of one transaction, so that none grows without bound.
const PAGE: usize = 500;

/// The name of the roster in the data folder.
const ROSTER: &str = "load-roster.json";

/// A key that many devices share, and the one request that certificates for it are issued from.
struct SharedKey {
    key: PrivateKey,
    request: CertificationRequest,
}

/// One device with its certificate, not in the store yet.
struct Newcomer {
    facts: Individual,
    certificate: Certificate,
    public_key: [u8; 32],
}

/// Writes `count` practice enrollments at rest into the store of a data folder that no server holds, and the roster that drives them.
pub(super) async fn seed(simulate: &Simulate, count: usize) -> Result<()> {
    if !(1..=MAX_SEEDED).contains(&count) {
        return Err(Error::bad_input(format!("--seed-store goes from 1 to {MAX_SEEDED}")));
    }
    let config = Config::read(Layer::flags().with("data", simulate.data.clone()), serve::environment())?;
    let folder = DataFolder::open(&config.data)?;
    let (clock, random) = (Simulate::clock(), Random::System);
    let store = Store::open(OpenOptions::file(folder.database(), folder.sealer()?).random(random.clone()))?;
    let url = serve::public_url(&config, &[]);
    let app = open::app(config, &url, store, clock, random).await?;
    let path = simulate.roster.clone().unwrap_or_else(|| folder.path().join(ROSTER));
    let written = fill(&app, simulate.seed, count).await.and_then(|roster| write(&path, &roster));
    app.store.close().await;
    written?;
    println!("{count} practice enrollments are in {}.", folder.path().display());
    println!("They are driven with: rollcall simulate --roster {} --bench idle", path.display());
    Ok(())
}

async fn fill(app: &App, seed: u64, count: usize) -> Result<Roster> {
    let authority = app.authority();
    let keys = tokio::task::spawn_blocking(|| (0..SHARED_KEYS).map(|_| shared_key()).collect::<Result<Vec<_>>>()).await;
    let keys = keys.map_err(|error| Error::internal("the keys cannot be made", error))??;
    let (topic, code) = prepare(app, &authority, &keys[0].key).await?;
    let addresses = Addresses::under(&app.public_url);
    let wire = load::Addresses { server_url: addresses.server_url.clone(), check_in_url: addresses.check_in_url.clone(), topic };
    let shared: Vec<_> = keys.iter().map(|shared| shared.key.clone()).collect();
    let mut roster = Roster::new(wire.clone(), &shared);
    // iPads have no users of their own, so that one device is one enrollment.
    let wish = Mix::parse(&["ipad@26"])?.wish(0);
    // Those that an earlier run wrote are not invented again.
    let present = wire.topic.clone();
    let first = app.store.read(app.now(), |tx| enrollments::count_on_topic(tx, &present)).await? as usize;
    for page in (first + 1..=first + count).collect::<Vec<_>>().chunks(PAGE) {
        let (now, facts) = (app.now(), page.iter().map(|number| invent(seed, *number as u32, wish)).collect());
        let newcomers = issue(app, &authority, &keys, facts, now)?;
        for (index, newcomer) in newcomers.iter().enumerate() {
            let (udid, serial) = (newcomer.facts.udid.clone(), newcomer.facts.serial_number.clone());
            roster.add(udid, serial, index % keys.len(), &newcomer.certificate);
        }
        let (code, addresses, wire, authority_id) = (code.clone(), addresses.clone(), wire.clone(), authority.id.clone());
        app.store
            .write(now, move |tx| newcomers.iter().try_for_each(|newcomer| enroll(tx, newcomer, &code, &addresses, &wire, &authority_id)))
            .await?;
    }
    Ok(roster)
}

fn shared_key() -> Result<SharedKey> {
    let key = PrivateKey::generate_rsa_2048()?;
    let request = load::certification_request(&key)?;
    Ok(SharedKey { request: CertificationRequest::from_der(&request)?, key })
}

/// What practice devices need to come in: a topic with its push certificate, and an invitation. The topic and the invitation's code.
async fn prepare(app: &App, authority: &Authority, key: &PrivateKey) -> Result<(String, String)> {
    let now = app.now();
    let topic = app.store.write(now, practice::topic).await?;
    let certificate = authority.issuer.practice_push(&topic, key, now)?;
    let key = key.clone();
    let adopt = move |tx: &Tx| {
        practice::adopt_certificate(tx, &certificate, &key)?;
        practice::invitation(tx)
    };
    Ok((topic, app.store.write(now, adopt).await?.code))
}

/// Issues the certificates of one page; signing is all that takes time here, so it is spread over the processors.
fn issue(app: &App, authority: &Authority, keys: &[SharedKey], facts: Vec<Individual>, now: Timestamp) -> Result<Vec<Newcomer>> {
    let one = |(index, facts): (usize, Individual)| {
        let request = &keys[index % keys.len()].request;
        let certificate = authority.issuer.identity(request, &app.random.uuid_v7(now).to_string(), now)?;
        Ok(Newcomer { facts, certificate, public_key: sha256(request.public_key_der()) })
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = facts.len().div_ceil(workers).max(1);
    let mut numbered = facts.into_iter().enumerate();
    let shares: Vec<Vec<_>> = (0..workers).map(|_| numbered.by_ref().take(share).collect()).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(|| share.into_iter().map(one).collect::<Result<Vec<_>>>())).collect();
        let mut all = Vec::new();
        for thread in threads {
            // A panic of a thread is one of this function too.
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

/// All that a device does until it rests: its certificate, Authenticate, TokenUpdate, and a queue without commands.
fn enroll(tx: &Tx, newcomer: &Newcomer, code: &str, addresses: &Addresses, wire: &load::Addresses, authority_id: &str) -> Result<()> {
    let Newcomer { facts, certificate, public_key } = newcomer;
    let grant = profile::of_invitation(tx, code, addresses.clone())?.map_err(|why| Error::conflict(why.words()))?;
    profile::record(tx, &grant)?;
    let request = scep::Request {
        transaction_id: &facts.udid,
        public_key: *public_key,
        challenge: Some(grant.challenge.expose()),
        signer: certificate.fingerprint(),
        identity: IdentityKind::Scep,
    };
    let refused = |refusal: scep::Refusal| Error::conflict(refusal.words());
    match scep::decide(tx, &request)? {
        scep::Answer::Issue(grant) => scep::record(tx, &request, &grant, certificate, authority_id)?.map_err(refused)?,
        scep::Answer::Refuse(refusal) => return Err(refused(refusal)),
        scep::Answer::Again(_) => return Err(Error::conflict(format!("{} is in this store already", facts.serial_number))),
    }
    let presented =
        Presented { fingerprint: certificate.fingerprint(), certificate: None, imported_authority: None, bearer: None, host: None };
    let messages = LoadMessages { topic: &wire.topic, udid: &facts.udid, serial_number: &facts.serial_number };
    for body in [messages.authenticate()?, messages.token_update()?] {
        match checkin::checkin(tx, Some(&presented), &message::parse(&body)?, None)? {
            checkin::Reply::Empty => {}
            other => return Err(Error::new(Kind::Internal, format!("a check-in was answered {other:?}"))),
        }
    }
    rest(tx, &presented, &messages.idle()?)
}

/// Load wants devices without waiting commands: what a new enrollment would be asked is left out, and an Idle finds nothing.
fn rest(tx: &Tx, presented: &Presented, idle: &[u8]) -> Result<()> {
    let head = report::scan(idle)?;
    let Some(enrollment) = enrollments::by_nano_id(tx, head.ids.nano_id().as_str())? else {
        return Err(Error::new(Kind::Internal, "an enrollment that was written is not there"));
    };
    enrollments::set_questions_due(tx, &enrollment.id, false)?;
    let size_bytes = idle.len() as u64;
    let incoming =
        connect::Incoming { head: &head, report: None, body: None, size_bytes, sha256: sha256(idle), unreadable: None, query: None };
    connect::connect(tx, Some(presented), &incoming).map(drop)
}

/// Writes the roster for its owner alone: whoever has it can pass for these devices.
fn write(path: &Path, roster: &Roster) -> Result<PathBuf> {
    print::private_file(path, roster.to_json()?.as_bytes())?;
    Ok(path.to_owned())
}
