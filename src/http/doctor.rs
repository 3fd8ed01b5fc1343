//! The examination of the appliance: looks outside at once in every direction, then lets the room judge.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use tokio::net::{TcpStream, lookup_host};

use crate::app::App;
use crate::apple::apns::PushIdentity;
use crate::apple::backup_folder;
use crate::apple::connect::{Connector, Endpoint, Failure, Trust};
use crate::apple::probe::{self, Seen as Look};
use crate::error::{Error, Kind, Result};
use crate::http::server::Bound;
use crate::mdm::doctor::{self, BackupsSeen, Door, Finding, Port, Reached, Report, Seen, Service};
use crate::mdm::{Actor, apple_roots, backups as room, integrity};
use crate::pki::apple::ROOT_CA;
use crate::store::backups::{Backup, Place};
use crate::store::integrity::{Depth, Finding as Damage, check as look_through};
use crate::store::{Tx, figures, push_certificates};

/// How long a name may take to be looked up, and a port of this machine to answer.
const NEAR_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a database that is looked through while somebody waits; a larger one is left to its job.
const LOOKED_THROUGH_MAX_BYTES: u64 = 256 << 20;

/// Examines the appliance.
///
/// # Errors
/// Forbidden for who may not change settings; busy while somebody else has it examined.
pub async fn check(app: &App, actor: &Actor) -> Result<Report> {
    doctor::may_examine(actor)?;
    let busy = |_| Error::new(Kind::Busy, t!("Somebody has the appliance looked at already. Wait a moment, and see what was found."));
    let _turn = app.examining.try_lock().map_err(busy)?;
    let seen = Box::pin(look(app)).await?;
    // Of a database that takes no write everything can still be said.
    if let (Some(damage), data) = (seen.damage.clone(), app.config.data.clone())
        && let Err(error) = app.store.write(app.now(), move |tx| integrity::record(tx, &damage, &data)).await
    {
        tracing::warn!("what was found in the database could not be noted: {error}");
    }
    let judge = actor.clone();
    let report = app.store.read_slow(app.now(), move |tx| doctor::examine(tx, &judge, &seen)).await?;
    let (keeper, kept) = (actor.clone(), report.clone());
    if let Err(error) = app.store.write(app.now(), move |tx| doctor::keep(tx, &keeper, &kept)).await {
        tracing::warn!("what the doctor found could not be kept: {error}");
    }
    Ok(report)
}

/// The page that mends what was found, where there is one.
pub fn page_of(finding: &Finding) -> Option<String> {
    let id = finding.id.as_str();
    let behind = |start: &str, page: &str| Some(format!("{page}/{}", id.strip_prefix(start)?.split_once(':')?.1));
    let ids = [
        ("tokens.apps_and_books", "/system/apps-and-books"),
        ("licences.", "/system/apps-and-books"),
        ("tokens.device_list", "/system/device-list"),
        ("ade.", "/system/device-list"),
    ];
    if let Some(page) = ids.iter().find_map(|(start, page)| behind(start, page)) {
        return Some(page);
    }
    let page = match id {
        _ if id.starts_with("push.") => "/system/push",
        _ if id.starts_with("releases") || id == "apple.releases" => "/system/releases",
        _ if id.starts_with("backup") => "/system/backups",
        "tls.ways" | "tls.name" | "tls.chain" | "tls.trust" | "tls.rules" | "tls.refused" => "/system/tls",
        _ if id.starts_with("jobs.") || id == "identities.authority" || id == "database.integrity" => "/system",
        "setup.no_authority" => "/system/releases",
        _ => return None,
    };
    Some(page.to_owned())
}

async fn look(app: &App) -> Result<Seen> {
    let serving = !app.listening().is_empty();
    let door = async { if serving { door(app).await.map(Some) } else { Ok(None) } };
    let resolved = async { if serving { Some(resolved(app.public_host()).await) } else { None } };
    let (resolved, door, ports, apple, push_refused, damage, backups) =
        tokio::join!(resolved, door, ports(app, serving), services(app), push_refused(app), damage(app), backups(app));
    Ok(Seen {
        public_url: app.public_url.clone(),
        host: app.public_host().to_owned(),
        resolved,
        serving,
        door: door?,
        ports,
        own_tls: app.shows_own_tls(),
        has_dns_hook: app.config.dns_hook.is_some(),
        apple,
        proxy: app.config.apple.outbound_proxy.as_ref().map(|proxy| Endpoint::new(&proxy.host, proxy.port).to_string()),
        push_refused: push_refused.unwrap_or_default(),
        data: app.config.data.clone(),
        backups: backups.unwrap_or_default(),
        disk_free: app.packages.disk_free().ok(),
        damage,
        version: env!("CARGO_PKG_VERSION"),
    })
}

async fn within<T>(work: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(NEAR_TIMEOUT, work).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(t!("no answer within {seconds} seconds", seconds = NEAR_TIMEOUT.as_secs())),
    }
}

/// The addresses to which a name leads from here.
async fn resolved(host: &str) -> Result<Vec<IpAddr>, String> {
    let mut found: Vec<_> = within(lookup_host((host, 443))).await?.map(|address| address.ip()).collect();
    found.dedup();
    Ok(found)
}

/// The roots that an enrolled device trusts: our own, and those that every device brings along.
pub(in crate::http) fn device_trust(app: &App) -> Result<Trust> {
    let roots = app.roots();
    let mut trust = Trust::public().and(&roots.current.issuer.certificate().to_pem())?;
    for former in &roots.former {
        trust = trust.and(&former.issuer.certificate().to_pem())?;
    }
    Ok(trust)
}

/// What the public address shows to a device, which trusts our own roots and those that every device brings along. No proxy is asked: devices do not.
async fn door(app: &App) -> Result<Door> {
    let trust = device_trust(app)?;
    let address = endpoint(&app.public_url).ok_or_else(|| Error::new(Kind::Internal, t!("The public address is none.")))?;
    let Look { chain, names_host, failure, version, suite, status, .. } =
        probe::look(&Connector::new(trust, app.clock.clone()), &address, Some("/health/live")).await;
    Ok(Door { chain, names_host, failure: failure.map(|failure| failure.in_two().0), version, suite, status })
}

/// Whether the listeners take connections; while none is open, whether they could be.
async fn ports(app: &App, serving: bool) -> Vec<Port> {
    if !serving {
        return match Bound::bind(&app.config).await {
            Ok(bound) => {
                bound.addresses().into_iter().map(|(listener, address)| Port { flag: listener.flag(), address, problem: None }).collect()
            }
            Err(error) => app
                .config
                .listen
                .first()
                .map(|address| Port { flag: "--listen", address: *address, problem: Some(error.message.into_owned()) })
                .into_iter()
                .collect(),
        };
    }
    let mut ports = Vec::new();
    for (flag, address) in app.listening() {
        let mut near = address;
        if address.ip().is_unspecified() {
            near.set_ip(if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
        }
        let problem = within(TcpStream::connect(SocketAddr::new(near.ip(), near.port()))).await.err();
        ports.push(Port { flag, address, problem });
    }
    ports
}

/// Apple's services, as the settings lead to them.
async fn services(app: &App) -> Vec<Reached> {
    let root = app.store.read(app.now(), |tx| apple_roots::certificate(tx, &ROOT_CA)).await.unwrap_or_default();
    let trust = app.software_lookup.trust(root.as_ref());
    let lookup = trust.clone().map_or_else(|| app.connector.clone(), |trust| app.connector.clone().trusting(trust));
    let ask = async |service, connector: &Connector, endpoint: Option<Endpoint>, path| {
        let Some(endpoint) = endpoint else {
            return Reached {
                service,
                host: String::new(),
                problem: Some((String::from(t!("its address in the settings is none")), String::from(t!("correct it in rollcall.toml")))),
                date: None,
            };
        };
        let seen = probe::look(connector, &endpoint, path).await;
        let problem = match seen.failure {
            // Apple's own root vouches for it, which is not here yet: who answers cannot be told, only that somebody does.
            Some(Failure::Untrusted { .. }) if service == Service::Releases && trust.is_none() => None,
            failure => failure.map(|failure| failure.in_two()),
        };
        Reached { service, host: endpoint.to_string(), problem, date: seen.date }
    };
    let (push, releases, devices, apps) = tokio::join!(
        ask(Service::Push, &app.connector, Some(app.apns.endpoint().clone()), None),
        ask(Service::Releases, &lookup, endpoint(app.software_lookup.address()), Some("/")),
        ask(Service::DeviceList, &app.connector, endpoint(app.ade.base()), Some("/")),
        ask(Service::AppsAndBooks, &app.connector, endpoint(app.apps_and_books.base()), Some("/")),
    );
    vec![devices, apps, releases, push]
}

fn endpoint(url: &str) -> Option<Endpoint> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Endpoint::new(host, uri.port_u16().unwrap_or(443)))
}

/// Why Apple refuses the push certificate that new enrollments get. That it cannot be asked is told elsewhere.
async fn push_refused(app: &App) -> Result<Option<String>> {
    let look = |tx: &Tx| {
        let Some(current) = push_certificates::current(tx)?.filter(|current| !current.practice) else { return Ok(None) };
        Ok(push_certificates::key(tx, &current.topic)?.map(|key| (current, key)))
    };
    let Some((current, key)) = app.store.read(app.now(), look).await? else { return Ok(None) };
    // A pair that cannot be used is told of by itself.
    let Ok(identity) = PushIdentity::from_stored(&current.topic, &current.certificate, key.expose()) else { return Ok(None) };
    let apns = Arc::clone(&app.apns);
    Ok(match apns.test_handshake(&identity).await {
        Err(error) if error.kind == Kind::BadInput => Some(error.message.trim_end_matches('.').to_owned()),
        _ => None,
    })
}

/// What is where backups were put. A folder of another machine that does not answer is not waited for.
async fn backups(app: &App) -> Result<BackupsSeen> {
    let list = |tx: &Tx| Ok((room::plan::plan(tx)?.folder, room::list(tx, &Actor::Console)?));
    let (folder, listed) = app.store.read(app.now(), list).await?;
    let data = app.config.data.clone();
    let look = tokio::task::spawn_blocking(move || {
        let files: Vec<_> = listed.into_iter().filter(|backup| backup.place == Place::Folder).collect();
        let unreachable = backup_folder::unreachable(files.iter().map(|backup| backup.location.as_str()).chain(folder.as_deref()));
        let is_there =
            |backup: &Backup| backup_folder::is_there(Path::new(&backup.location), &backup.name, backup.size_bytes.unsigned_abs());
        let gone = files.iter().filter(|backup| !is_there(backup)).map(|backup| backup.id.clone()).collect();
        BackupsSeen { same_disk: folder.and_then(|folder| backup_folder::same_disk(Path::new(&folder), &data)), unreachable, gone }
    });
    within(async { look.await.map_err(std::io::Error::other) }).await.map_err(Error::conflict)
}

/// What is damaged in the database; none where it is too large to look through now.
async fn damage(app: &App) -> Option<Vec<Damage>> {
    let look = |tx: &Tx| {
        let (bytes, _) = figures::database_bytes(tx)?;
        if bytes > LOOKED_THROUGH_MAX_BYTES { Ok(None) } else { look_through(tx, Depth::Quick).map(Some) }
    };
    app.store.read_slow(app.now(), look).await.unwrap_or_else(|error| {
        tracing::warn!("the database could not be looked through: {error}");
        None
    })
}

#[cfg(test)]
mod tests;
