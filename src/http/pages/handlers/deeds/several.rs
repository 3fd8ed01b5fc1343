//! What is done with several devices at once: which ones, what is asked before, and what became of it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;

use super::super::devices::{DevicesQuery, name, wanted};
use super::super::{Form, errors, said, shell};
use super::{DEVICES, Made, act, comes_back, networks, no_macs, read, right};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::deeds::{Came, Deed, DeedForm, DeedView, ask, outcome};
use crate::http::pages::devices::CHOSEN_MAX;
use crate::http::pages::parts::count;
use crate::http::return_to_service;
use crate::mdm::devices::{self, Outcome};
use crate::mdm::return_to_service::network::Network;
use crate::mdm::{Actor, Right};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::roster::Listed;

/// What a form for several devices sends: which ones, by their boxes or by the filters of the table, and what was typed.
#[derive(Debug, Default)]
pub(in crate::http::pages::handlers) struct Chosen {
    ids: Vec<String>,
    all: bool,
    filter: DevicesQuery,
    typed: DeedForm,
    pub(in crate::http::pages::handlers) confirmed: bool,
}

impl Chosen {
    pub(in crate::http::pages::handlers) fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let wrong = |error: serde::de::value::Error| Error::bad_input(error.to_string());
        let strings: std::collections::HashMap<_, _> = pairs.iter().filter(|(key, _)| key != "device").cloned().collect();
        Ok(Self {
            filter: DevicesQuery::deserialize(strings.clone().into_deserializer()).map_err(wrong)?,
            typed: DeedForm::deserialize(strings.clone().into_deserializer()).map_err(wrong)?,
            all: strings.contains_key("all"),
            confirmed: strings.contains_key("confirmed"),
            ids: pairs.into_iter().filter(|(key, _)| key == "device").map(|(_, id)| id).collect(),
        })
    }

    /// What the confirmation carries along.
    pub(in crate::http::pages::handlers) fn hidden(&self) -> Vec<(String, String)> {
        if !self.all {
            return self.ids.iter().map(|id| ("device".to_owned(), id.clone())).collect();
        }
        let filter = &self.filter;
        let pairs = [
            ("all", "1"),
            ("search", &filter.search),
            ("state", &filter.state),
            ("platform", &filter.platform),
            ("group", &filter.group),
            ("hardware", &filter.hardware),
            ("version", &filter.version),
        ];
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The devices, as they are now.
    pub(in crate::http::pages::handlers) fn devices(&self, tx: &Tx, actor: &Actor) -> Result<Vec<Listed>> {
        let too_many = || Error::bad_input(format!("That is done to at most {CHOSEN_MAX} devices at once; narrow the list first."));
        if self.all {
            let found = devices::list(tx, actor, &wanted(&self.filter), None, CHOSEN_MAX as u32 + 1)?;
            return if found.len() > CHOSEN_MAX { Err(too_many()) } else { Ok(found) };
        }
        match self.ids.len() {
            0 => Err(Error::bad_input("No device is chosen. Tick some in the table first.")),
            n if n > CHOSEN_MAX => Err(too_many()),
            _ => self.ids.iter().map(|id| devices::standing(tx, actor, id)).collect(),
        }
    }
}

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
        Ok((listed, networks))
    });
    let (listed, networks) = looked.await?;
    let mut wrong = left_out(&who.actor, deed, &listed);
    if chosen.confirmed && (!deed.is_destructive() || listed.len() == 1 || chosen.typed.typed == listed.len().to_string()) {
        let (actor, given) = (who.actor.clone(), Arc::clone(&chosen));
        let targets: Vec<_> = listed.iter().map(|listed| listed.device.id.clone()).collect();
        let came = match comes_back(deed, &given.typed) {
            Some(network) => bring_back(&app, &actor, &targets, &network).await.map(|done| with_names(done, &listed)),
            None => {
                let work = move |tx: &Tx| devices::each(&targets, |id| Ok((id.to_owned(), act(tx, &actor, id, deed, &given.typed)?)));
                app.store.write(app.now(), work).await.map(|done| with_names(done, &listed))
            }
        };
        match came {
            Ok(came) if came.refused.is_empty() && came.made.is_empty() => {
                return Ok(said(&app, &gate, &who, DEVICES.0, &deed.done(came.done)));
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
    let stay = count(macs(listed), "Mac among these stays as it is", "Macs among these stay as they are");
    because.map(|because| (String::new(), format!("{stay}. {because}"))).into_iter().collect()
}

/// What became of it, by the names of the devices.
fn with_names(outcome: Outcome<(String, Made)>, listed: &[Listed]) -> Came {
    let called = |id: &str| listed.iter().find(|listed| listed.device.id == id).map(|listed| name(&listed.device)).unwrap_or_default();
    let Outcome { done, refused } = outcome;
    Came {
        done: done.len() as u64,
        made: done.into_iter().filter_map(|(id, made)| Some((called(&id), made?))).collect(),
        refused: refused.into_iter().map(|(id, error)| (called(&id), error)).collect(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_choice_is_read_with_every_box_and_carried_along() {
        let sent = pairs(&[("search", "cart"), ("device", "1"), ("device", "2"), ("message", "Back to B12"), ("confirmed", "1")]);
        let chosen = Chosen::read(sent).unwrap();
        assert!(chosen.confirmed && !chosen.all);
        assert_eq!((chosen.ids.as_slice(), chosen.typed.message.as_str()), (["1".to_owned(), "2".to_owned()].as_slice(), "Back to B12"));
        assert_eq!(chosen.hidden(), pairs(&[("device", "1"), ("device", "2")]));
    }

    #[test]
    fn all_that_match_are_carried_along_by_the_filter() {
        let kept = [("all", "1"), ("search", "cart"), ("platform", "ios"), ("hardware", "iPad13,18/"), ("version", "18.1")];
        let sent: Vec<_> = [("device", "1"), ("group", "")].into_iter().chain(kept).collect();
        assert_eq!(Chosen::read(pairs(&sent)).unwrap().hidden(), pairs(&kept));
    }
}
