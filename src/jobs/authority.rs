//! Looks after our own root: makes its successor in time, sends it to devices, takes it into use, and notes the end of the one before.

use std::sync::Arc;

use crate::app::{App, Authority, Roots};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::jobs::Job;
use crate::mdm::ca::roots::{self, Issuing};
use crate::mdm::ca::succession::{self, wrong_clock};
use crate::mdm::enroll::next_root;
use crate::pki::certificate::Certificate;
use crate::pki::issue;
use crate::store::authorities::{self, AuthorityState};
use crate::store::{Store, Tx};

pub(super) const JOB: Job = Job { name: "authority", due, run: |app, now| Box::pin(run(app, now)) };

fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    let due = [succession::next_look(tx)?, next_root::next_due(tx)?].into_iter().flatten().min();
    let unsettled = wrong_clock::unsettled_until(tx)?;
    Ok(due.map(|due| unsettled.map_or(due, |until| due.max(until))))
}

async fn run(app: &App, now: Timestamp) -> Result<String> {
    if app.store.read(now, wrong_clock::unsettled_until).await?.is_some() {
        return Ok(String::from(t!("the clock jumped ahead: no root is made or taken into use before it has gone on for two days")));
    }
    let mut done = Vec::new();
    if make(app, now).await? {
        done.push(String::from(t!("the next root was made")));
    }
    let shows_own = app.shows_own_tls();
    let look = app.store.write(now, move |tx| succession::look(tx, shows_own)).await?;
    if look.promoted {
        done.push(String::from(t!("the next root is used from now on")));
    }
    if look.promoted || is_stale(app, now).await? {
        take_over(app, now).await?;
    }
    let queued = send(app, now).await?;
    if queued > 0 {
        done.push(t!("{queued} profiles queued", queued));
    }
    if let Some(progress) = look.progress {
        done.push(t!("{known} of {devices} devices know the root", known = progress.known, devices = progress.devices));
    }
    Ok(if done.is_empty() { String::from(t!("nothing to do")) } else { done.join(", ") })
}

/// Looks after the roots before anything is issued by them.
pub(super) async fn catch_up(app: &App) -> Result<()> {
    let now = app.now();
    if app.store.read(now, succession::next_look).await?.is_some_and(|look| look <= now) {
        run(app, now).await?;
    }
    Ok(())
}

/// Makes the next root when it is wanted. Its key takes a tenth of a second, so it is made beside the requests and outside of the transaction.
async fn make(app: &App, now: Timestamp) -> Result<bool> {
    if app.store.read(now, roots::wanted).await? != Some(AuthorityState::Next) {
        return Ok(false);
    }
    let host = app.public_host().to_owned();
    let name = app.store.read(now, move |tx| roots::name(tx, &host)).await?;
    let present = app.authority();
    let made = tokio::task::spawn_blocking(move || {
        let root = issue::root(&name, now)?;
        // A root that is over already has nothing to lend.
        let bridge = present.issuer.bridge(root.certificate(), now).ok();
        Ok::<_, Error>((root, bridge))
    });
    let (root, bridge) = made.await.map_err(|error| Error::internal("The key of the next root could not be made.", error))??;
    app.store.write(now, move |tx| roots::adopt(tx, AuthorityState::Next, &root, bridge.as_ref())).await
}

/// Sends the root that devices have to learn to one page of those whose turn it is.
async fn send(app: &App, now: Timestamp) -> Result<usize> {
    let Some(parcel) = app.store.read(now, next_root::due).await?.filter(|parcel| !parcel.is_empty()) else { return Ok(0) };
    let (authority, random) = (app.authority(), app.random.clone());
    let signing = tokio::task::spawn_blocking(move || {
        let signed = parcel.signed(&random, &authority.issuer, now)?;
        Ok::<_, Error>((parcel, signed))
    });
    let (parcel, signed) = signing.await.map_err(|error| Error::internal("The profile of the next root could not be signed.", error))??;
    app.store.write(now, move |tx| next_root::queue(tx, &parcel, &signed)).await
}

/// Tells whether the handles differ from the rows.
async fn is_stale(app: &App, now: Timestamp) -> Result<bool> {
    let roots = app.roots();
    let (current, next, former) = app
        .store
        .read(now, |tx| {
            let former = authorities::retired(tx)?.into_iter().filter(|former| former.not_after_at > tx.now).count();
            Ok((authorities::current(tx)?.map(|current| current.id), authorities::upcoming(tx)?.is_some(), former))
        })
        .await?;
    // An appliance of a test may have no row at all.
    Ok(current.is_some_and(|current| current != roots.current.id) || next != roots.next.is_some() || former != roots.former.len())
}

async fn take_over(app: &App, now: Timestamp) -> Result<()> {
    let lost = || Error::new(Kind::Internal, t!("The certificate authority is not there any more."));
    app.set_roots(load(&app.store, now).await?.ok_or_else(lost)?);
    Ok(())
}

/// The authorities of a store, ready for use; none before the first start made one.
pub async fn load(store: &Store, now: Timestamp) -> Result<Option<Roots>> {
    let (current, next, former) = store.read(now, |tx| Ok((roots::issuing(tx)?, authorities::upcoming(tx)?, roots::former(tx)?))).await?;
    let Some(current) = current else { return Ok(None) };
    Ok(Some(Roots {
        current: ready(&current)?,
        next: next.map(|next| Certificate::from_der(&next.certificate)).transpose()?,
        former: former.iter().map(ready).collect::<Result<_>>()?,
    }))
}

fn ready(authority: &Issuing) -> Result<Arc<Authority>> {
    let bridge = authority.bridge.as_deref().map(Certificate::from_der).transpose()?;
    Ok(Arc::new(Authority { id: authority.id.clone(), issuer: authority.issuer()?, bridge }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// An appliance whose root is in its database, and the id of that.
    async fn with_root() -> (App, String) {
        let app = App::for_tests();
        let root = app.authority();
        app.store.write(app.now(), move |tx| roots::adopt(tx, AuthorityState::Current, &root.issuer, None)).await.unwrap();
        take_over(&app, app.now()).await.unwrap();
        let id = app.authority().id.clone();
        (app, id)
    }

    /// Every root that is kept.
    async fn kept(app: &App) -> Vec<(AuthorityState, String)> {
        let all = app.store.read(app.now(), authorities::all).await.unwrap();
        all.into_iter().map(|authority| (authority.state, authority.id)).collect()
    }

    const AHEAD: Duration = Duration::from_secs(21 * 365 * 24 * 3600);

    #[tokio::test]
    async fn a_clock_that_jumped_beyond_the_end_of_the_root_makes_none_before_it_has_lasted() {
        let (app, root) = with_root().await;
        app.clock.advance(AHEAD);
        app.store.write(app.now(), wrong_clock::jumped_ahead).await.unwrap();
        run(&app, app.now()).await.unwrap();
        assert_eq!(kept(&app).await, [(AuthorityState::Current, root.clone())]);
        let until = app.now().plus(wrong_clock::SETTLES);
        assert_eq!(app.store.read(app.now(), due).await.unwrap(), Some(until), "and nobody asks without end meanwhile");
        app.clock.set_back(AHEAD);
        run(&app, app.now()).await.unwrap();
        assert_eq!(kept(&app).await, [(AuthorityState::Current, root.clone())], "it was taken back");

        app.clock.advance(AHEAD + wrong_clock::SETTLES);
        run(&app, app.now()).await.unwrap();
        assert_ne!(app.authority().id, root, "a clock that goes on is believed");
    }

    #[tokio::test]
    async fn the_root_that_devices_know_issues_again_when_a_clock_that_was_ahead_is_right() {
        let (app, root) = with_root().await;
        app.clock.advance(AHEAD);
        catch_up(&app).await.unwrap();
        assert_ne!(app.authority().id, root, "else this shows nothing");
        app.clock.set_back(AHEAD);
        catch_up(&app).await.unwrap();
        assert_eq!(app.authority().id, root);
        assert_eq!(kept(&app).await, [(AuthorityState::Current, root)], "the other one, of which nobody has anything, is gone");
        assert_eq!(app.roots().former.len(), 0);
    }

    #[tokio::test]
    async fn an_appliance_that_was_off_beyond_the_end_of_its_root_begins_with_the_next_one() {
        let app = App::for_tests();
        let old = app.authority();
        app.store.write(app.now(), move |tx| roots::adopt(tx, AuthorityState::Current, &old.issuer, None)).await.unwrap();
        take_over(&app, app.now()).await.unwrap();
        let old = app.authority();
        catch_up(&app).await.unwrap();
        assert_eq!(app.authority().id, old.id, "nothing to do for seventeen years");

        app.clock.advance(issue::ROOT_LIFETIME + Duration::from_secs(1));
        catch_up(&app).await.unwrap();
        let new = app.authority();
        assert!(new.id != old.id && new.issuer.certificate().not_after() > app.now() && new.bridge.is_none());
        assert_eq!(new.issuer.certificate().common_name().unwrap(), "Rollcall CA of mdm.example.school, 2046");
        assert!(app.roots().next.is_none() && app.roots().former.is_empty());
    }
}
