//! Tries whether devices can fetch the house's apps: every app once at the public address, as a device would, before it is first used.

use std::time::Duration;

use crate::app::App;
use crate::apple::connect::{Connector, Trust};
use crate::apple::own_address::{self, Answer};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::mdm::packages::{self, Trial};
use crate::protocol::plist::{fields, parse_dictionary};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) const JOB: Job = Job { name: "packages", due: packages::next_trial, run: |app, now| Box::pin(run(app, now)) };

/// Has every app tried anew when the public address is another one than before.
pub(super) async fn note_address(app: &App) -> Result<()> {
    let url = app.public_url.clone();
    app.store.write(app.now(), move |tx| packages::note_address(tx, &url)).await
}

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let url = app.public_url.clone();
    let trials = app.store.write(now, move |tx| packages::trials(tx, &url));
    let trials = trials.await?;
    let count = trials.len();
    let connector = connector(app)?;
    let mut problems = 0;
    for trial in trials {
        let problem = problem(&connector, &trial).await;
        problems += usize::from(!problem.is_empty());
        let url = app.public_url.clone();
        app.store.write(app.now(), move |tx| packages::note_trial(tx, &trial.app_id, &url, &problem)).await?;
    }
    Ok(t!("{count} tried, {problems} cannot be fetched", count, problems))
}

/// Trusts what enrolled devices trust: our own roots, and those that every device brings along.
fn connector(app: &App) -> Result<Connector> {
    let roots = app.roots();
    let mut trust = Trust::public().and(&roots.current.issuer.certificate().to_pem())?;
    for former in &roots.former {
        trust = trust.and(&former.issuer.certificate().to_pem())?;
    }
    Ok(Connector::new(trust, app.clock.clone()))
}

/// Why devices cannot fetch an app, in a sentence; empty where they can.
async fn problem(connector: &Connector, trial: &Trial) -> String {
    if let Some(words) = unfit(&trial.manifest_url) {
        return words;
    }
    let manifest = match own_address::fetch(connector, &trial.manifest_url, None, TIMEOUT).await {
        Ok(answer) if answer.status == 200 => answer,
        Ok(answer) => return unexpected("The list of its files", &answer),
        Err(error) => return error.message.into_owned(),
    };
    let Some(package_url) = package_url(&manifest) else {
        return String::from(t!(
            "At the address of its list of files something else answers. Does a proxy or another program stand before this server?"
        ));
    };
    match own_address::fetch(connector, &package_url, Some("bytes=0-0"), TIMEOUT).await {
        Ok(answer) if answer.status == 206 && answer.body.len() == 1 => String::new(),
        Ok(answer) if answer.status == 200 => String::from(t!(
            "A proxy before this server does not pass on parts of files, and devices fetch apps in parts. Have it pass on the header Range."
        )),
        Ok(answer) => unexpected("Its file", &answer),
        Err(error) => error.message.into_owned(),
    }
}

/// What is wrong with an address before anything is asked.
fn unfit(url: &str) -> Option<String> {
    let Some(rest) = url.strip_prefix("https://") else {
        return Some(String::from(t!(
            "The public address does not begin with https://, and devices fetch apps by https only. Change --url."
        )));
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_bare = !host.contains('.') && !host.starts_with('[') && host != "localhost";
    is_bare.then(|| {
        t!("The public address names only “{host}”, which devices in another network do not find. Give the server a whole name, like {host}.example.school, and start it with that as --url.", host)
    })
}

fn unexpected(what: &str, answer: &Answer) -> String {
    let status = answer.status;
    match status {
        300..400 => {
            t!(
                "{what} is answered with a redirect ({status}), which devices do not follow here. Change --url to where it leads.",
                what,
                status
            )
        }
        400 | 404 => t!(
            "{what} is not found at the public address ({status}). Does the address lead to this server, and does a proxy pass on everything below /packages?",
            what,
            status
        ),
        _ => t!("{what} is answered with {status} at the public address. Does a proxy stand before this server?", what, status),
    }
}

fn package_url(manifest: &Answer) -> Option<String> {
    let manifest = parse_dictionary(&manifest.body).ok()?;
    let item = fields::dictionaries(&manifest, "items").next()?;
    let asset = fields::dictionaries(item, "assets").find(|asset| fields::text(asset, "kind") == Some("software-package"))?;
    fields::filled(asset, "url").filter(|url| url.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    #[test]
    fn an_address_that_no_device_can_use_is_told_before_anything_is_asked() {
        assert!(unfit("http://mdm.example.school/packages").unwrap().contains("https only"));
        assert!(unfit("https://mdm:8443/packages").unwrap().contains("mdm.example.school"));
        for fine in [
            "https://mdm.example.school/x",
            "https://mdm.example.school:8443/x",
            "https://localhost:8443/x",
            "https://192.0.2.7/x",
            "https://[::1]:1/x",
        ] {
            assert_eq!(unfit(fine), None);
        }
    }

    #[test]
    fn every_other_answer_is_told_in_words() {
        let answer = |status| Answer { status, headers: HeaderMap::new(), body: bytes::Bytes::from_static(b"<html>") };
        assert!(unexpected("Its file", &answer(404)).contains("not found at the public address (404)"));
        assert!(unexpected("Its file", &answer(301)).contains("redirect"));
        assert!(unexpected("Its file", &answer(502)).contains("502"));
        assert_eq!(package_url(&answer(200)), None);
    }
}
