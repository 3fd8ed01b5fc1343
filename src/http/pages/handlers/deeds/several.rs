//! What is done with several devices at once: which ones, what is asked before, and what became of it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::devices::name;
use super::super::{Form, errors, said, said_with_way, shell};
use super::chosen::Chosen;
use super::{DEVICES, Made, act, comes_back, networks, no_macs, note, read, request_type, right};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::deeds::{Came, Deed, DeedView, ask, outcome};
use crate::http::pages::parts::count;
use crate::http::pages::today::GOING_ON;
use crate::http::return_to_service;
use crate::language::way;
use crate::mdm::devices::{self, Outcome};
use crate::mdm::return_to_service::network::Network;
use crate::mdm::{Actor, Right, lost};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::roster::Listed;

/// Asks before a deed for several devices, and does it once that is confirmed, to as many as can have it.
pub(super) async fn several(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(deed): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let deed = read(&deed)?;
    let chosen = Arc::new(Chosen::read(pairs)?);
    who.actor.require(right(deed))?;
    let (actor, asked) = (who.actor.clone(), Arc::clone(&chosen));
    let looked = app.store.read_slow(app.now(), move |tx| {
        let listed = asked.devices(tx, &actor)?;
        let networks = networks(tx, deed, &listed)?;
        let note = note(tx, deed, &listed)?;
        Ok((listed, networks, note))
    });
    let (listed, networks, note) = looked.await?;
    let mut wrong = left_out(&who.actor, deed, &listed);
    if chosen.confirmed && (!deed.is_destructive() || listed.len() == 1 || chosen.typed.typed == listed.len().to_string()) {
        match carry_out(&app, &who.actor, &listed, deed, &chosen).await {
            Ok(came) if came.refused.is_empty() && came.made.is_empty() => {
                let words = deed.done(came.done);
                return Ok(match came.way {
                    Some(way) => said_with_way(&app, &gate, &who, DEVICES.0, &words, way),
                    None => said(&app, &gate, &who, DEVICES.0, &words),
                });
            }
            Ok(came) => return Ok(outcome(&shell(&app, &who, None).await?, deed, &came, DEVICES).into_response()),
            Err(error) if error.kind == Kind::BadInput => wrong = errors(&error),
            Err(error) => return Err(error),
        }
    }
    let names: Vec<_> = listed.iter().map(|listed| name(&listed.device)).collect();
    let view = DeedView {
        deed,
        names: &names,
        total: names.len() as u64,
        macs: who.actor.may(Right::Destroy) && macs(&listed) > 0,
        networks: networks.as_deref(),
        note: &note,
        action: &format!("/devices/actions/{}", deed.path()),
        back: DEVICES,
        hidden: &chosen.hidden(),
        typed: chosen.typed.clone(),
        errors: &wrong,
    };
    let status = if chosen.confirmed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, ask(&shell(&app, &who, None).await?, &view)).into_response())
}

fn macs(listed: &[Listed]) -> u64 {
    listed.iter().filter(|listed| listed.device.platform == Platform::Macos).count() as u64
}

/// What is said before Macs are left out that this actor does not lock.
fn left_out(actor: &Actor, deed: Deed, listed: &[Listed]) -> Vec<(String, String)> {
    let because = no_macs(actor, deed).filter(|_| macs(listed) > 0);
    let stay = count(macs(listed), t!("Mac among these stays as it is"), t!("Macs among these stay as they are"));
    because.map(|because| (String::new(), format!("{stay}. {because}"))).into_iter().collect()
}

/// Does a deed to several devices, to as many as can have it; says what became of it by their names.
async fn carry_out(app: &App, actor: &Actor, listed: &[Listed], deed: Deed, chosen: &Arc<Chosen>) -> Result<Came> {
    let targets: Vec<_> = listed.iter().map(|listed| listed.device.id.clone()).collect();
    let network = comes_back(deed, &chosen.typed);
    let is_followed = request_type(deed).is_some() && network.is_none();
    let Outcome { done, refused } = if let Some(network) = network {
        bring_back(app, actor, &targets, &network).await?
    } else {
        let (actor, given) = (actor.clone(), Arc::clone(chosen));
        let each = move |tx: &Tx| {
            devices::each(&targets, |id| {
                if deed == Deed::LostMode {
                    lost::not_twice(tx, &actor, id)?;
                }
                Ok((id.to_owned(), act(tx, &actor, id, deed, &given.typed)?))
            })
        };
        app.store.write(app.now(), each).await?
    };
    let called = |id: &str| listed.iter().find(|listed| listed.device.id == id).map(|listed| name(&listed.device)).unwrap_or_default();
    Ok(Came {
        done: done.len() as u64,
        way: (is_followed && done.len() > 1).then(|| way(GOING_ON)),
        made: done.into_iter().filter_map(|(id, made)| Some((called(&id), made?))).collect(),
        refused: refused.into_iter().map(|(id, error)| (called(&id), error)).collect(),
    })
}

/// Erases several devices that come back by themselves, as many as can.
async fn bring_back(app: &App, actor: &Actor, targets: &[String], network: &Network) -> Result<Outcome<(String, Made)>> {
    let mut outcome = Outcome { done: Vec::new(), refused: Vec::new() };
    for id in targets {
        match return_to_service::bring_back(app, actor, id, network.clone()).await {
            Ok(()) => outcome.done.push((id.clone(), None)),
            // What is wrong with the network is wrong for all: it is said at its field.
            Err(error) if error.kind == Kind::BadInput && outcome.done.is_empty() && outcome.refused.is_empty() => return Err(error),
            Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict | Kind::NotFound) => {
                outcome.refused.push((id.clone(), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}
