//! Wanted, seen, waiting: how everything stands on one enrollment, each wait and each failure in one sentence.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::apps::words::sentence;
use crate::mdm::profiles::{self, Warning};
use crate::mdm::reconcile::apps::is_app;
use crate::mdm::reconcile::preview::named;
use crate::mdm::reconcile::seen::reasons;
use crate::mdm::reconcile::updates::is_update;
use crate::mdm::reconcile::{render, step};
use crate::mdm::wanted::{Origin, Unable};
use crate::mdm::{clashes, focus, locked};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::unreached;
use crate::store::assignments::AssignedKind;
use crate::store::commands::{self, CommandState};
use crate::store::declared::{self, DeclarationState, Declared};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Mechanism};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, devices};

/// How a thing stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WantedState)]
pub enum State {
    /// The device confirmed it as it should be.
    There,
    /// On its way.
    Waiting,
    /// The device refused it; it is tried again.
    Failed,
    /// It is to go and has not gone yet.
    Leaving,
    /// The device is not managed any more, and what it had by this management went with that.
    Left,
}

/// One thing on one enrollment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WantedThing)]
pub struct Standing {
    /// PayloadIdentifier, or Identifier of a declaration.
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// How it comes.
    pub mechanism: Mechanism,
    /// How it stands.
    pub state: State,
    /// The same in the words that it has elsewhere too: an app's stage; none where the state says it.
    #[serde(skip)]
    pub words: Option<String>,
    /// What it waits for, or why it failed; empty when it is there.
    pub because: String,
    /// What ends the wait.
    pub remedy: String,
    /// When it is tried again by itself, where it failed; where the device has been told of its declarations and has not said what came of
    /// them, when it is told again.
    pub retry_at: Option<Timestamp>,
    /// Since when it stands so.
    pub since_at: Option<Timestamp>,
    /// Where it comes from.
    pub origins: Vec<Origin>,
}

/// Everything that an enrollment has, is to have and cannot have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Wanted)]
pub struct Standings {
    /// What it is to have or still has.
    pub things: Vec<Standing>,
    /// What it cannot have, and why.
    pub unable: Vec<Unable>,
    /// What of it gets in each other's way, and which keys of its profiles do nothing on it, in sentences; it forbids nothing.
    pub warnings: Vec<Warning>,
    /// When this was last planned.
    pub planned_at: Option<Timestamp>,
    /// When the device last said what it thinks of its declarations.
    pub status_at: Option<Timestamp>,
}

/// How everything stands on a device: its own channel, and those of its users.
pub fn of_device(tx: &Tx, channel: &Enrollment) -> Result<Standings> {
    let mut standings = standing(tx, channel)?;
    if channel.state == EnrollmentState::Enrolled {
        standings.warnings = clashes::of_device(tx, &channel.device_id)?;
        standings.warnings.extend(profiles::unheeded_on(tx, &channel.device_id)?);
    }
    for user in enrollments::user_channels(tx, &channel.id)?.into_iter().filter(|user| user.state == EnrollmentState::Enrolled) {
        let name = user.name();
        let theirs = standing(tx, &user)?;
        let apps = theirs.unable.into_iter().filter(|unable| unable.origin.kind == AssignedKind::App);
        standings.unable.extend(apps.map(|unable| Unable { what: t!("{what} (user {name})", what = unable.what, name), ..unable }));
        let theirs = theirs.things;
        // What goes to a user is no lack of the device's.
        standings.unable.retain(|unable| !theirs.iter().any(|thing| thing.origins.contains(&unable.origin)));
        standings.things.extend(
            theirs.into_iter().map(|thing| Standing { name: t!("{name} (user {name_2})", name = thing.name, name_2 = name), ..thing }),
        );
    }
    Ok(standings)
}

/// How everything stands on one channel.
pub fn standing(tx: &Tx, enrollment: &Enrollment) -> Result<Standings> {
    let Some(plan) = deployments::plan(tx, &enrollment.id)?.filter(|plan| plan.generation == enrollment.generation) else {
        return Ok(Standings::default());
    };
    let mut standings = Standings {
        unable: serde_json::from_str(&plan.unable).unwrap_or_default(),
        planned_at: plan.planned_at,
        status_at: plan.status_at,
        ..Standings::default()
    };
    let is_silent = devices::by_id(tx, &enrollment.device_id)?.is_some_and(|device| device.facts_at.is_none());
    let rows = deployments::of_enrollment(tx, &enrollment.id)?;
    let sync = rows.iter().find(|row| row.key == DECLARATIONS);
    for row in rows.iter().filter(|row| row.key != DECLARATIONS && !row.is_away()) {
        standings.things.push(of_row(tx, enrollment, row, sync, is_silent)?);
    }
    standings.things.extend(super::apps::standing(tx, enrollment)?);
    standings.things.extend(super::updates::standing(tx, enrollment)?);
    standings.things.extend(of_declarations(tx, enrollment, sync)?);
    if let Some(because) = has_left(enrollment.state) {
        for thing in &mut standings.things {
            (thing.state, thing.words, thing.retry_at) = (State::Left, None, None);
            (thing.because, thing.remedy) = words(because, t!("It gets it again when it is enrolled again."));
        }
    }
    Ok(standings)
}

/// What became of a device that is not managed any more.
fn has_left(state: EnrollmentState) -> Option<&'static str> {
    match state {
        EnrollmentState::Authenticated | EnrollmentState::Enrolled => None,
        EnrollmentState::Left => Some(t!("The device has left, and what it had by this management went with that.")),
        EnrollmentState::Retired => Some(t!(
            "The device was retired: it is told to leave when it is heard of next, and what it had by this management goes with that."
        )),
        EnrollmentState::Erased => Some(t!("The device was erased, and this with it.")),
    }
}

fn of_row(tx: &Tx, enrollment: &Enrollment, row: &Deployment, sync: Option<&Deployment>, is_silent: bool) -> Result<Standing> {
    let is_there = !row.wanted.is_empty() && row.seen == row.wanted;
    let (state, (because, remedy)) = match () {
        () if is_there => (State::There, (String::new(), String::new())),
        () if !row.problem.is_empty() => (State::Failed, failed(row)),
        () if row.wanted.is_empty() => (State::Leaving, waiting(tx, enrollment, row, sync, is_silent)?),
        () => (State::Waiting, waiting(tx, enrollment, row, sync, is_silent)?),
    };
    Ok(Standing {
        identifier: row.key.trim_start_matches("profile:").to_owned(),
        name: row.name.clone(),
        mechanism: row.mechanism,
        state,
        words: None,
        because,
        remedy,
        retry_at: match (state, row.mechanism) {
            (State::Failed, _) => row.due_at,
            (State::Waiting | State::Leaving, Mechanism::Declaration) => told_again_at(sync),
            _ => None,
        },
        since_at: Some(row.changed_at),
        origins: serde_json::from_str(&row.origins).unwrap_or_default(),
    })
}

/// When a device that was told of its declarations and has not said what came of them is told again; nothing while it is yet to be told.
fn told_again_at(sync: Option<&Deployment>) -> Option<Timestamp> {
    sync.filter(|sync| sync.command_uuid.is_none() && sync.seen != sync.wanted).and_then(|sync| sync.due_at)
}

fn failed(row: &Deployment) -> (String, String) {
    let because = match &row.problem {
        found if step::was_found_out(found) => sentence(&language::kept(found)),
        answered => t!("The device refused it: {answered}.", answered = answered.trim_end_matches('.')),
    };
    let remedy = match row.due_at {
        Some(_) => String::from(t!("It is tried again by itself, and at once when it is changed.")),
        None => String::from(t!("It is tried again when it is changed.")),
    };
    (because, remedy)
}

fn waiting(tx: &Tx, enrollment: &Enrollment, row: &Deployment, sync: Option<&Deployment>, is_silent: bool) -> Result<(String, String)> {
    if is_silent {
        return Ok(words(t!("The device has not said yet what it is."), t!("It is asked when it connects.")));
    }
    if row.seen == step::OTHER && row.mechanism == Mechanism::Command && row.command_uuid.is_none() {
        return Ok(words(t!("Another version of it is on the device."), t!("It is replaced when the device connects.")));
    }
    if row.wanted.is_empty() && focus::is_left_alone(tx, enrollment, row)? {
        return Ok(words(t!("Its time is over, and the device ends it by itself."), t!("The device says so when it connects next.")));
    }
    let command = match row.mechanism {
        Mechanism::Command => row.command_uuid.as_deref(),
        Mechanism::Declaration => sync.and_then(|sync| sync.command_uuid.as_deref()),
    };
    let command = command.map(|uuid| commands::by_uuid(tx, &enrollment.id, uuid)).transpose()?.flatten();
    Ok(match command.map(|command| command.state) {
        Some(CommandState::Queued) => until_it_connects(tx, enrollment)?,
        Some(CommandState::NotNow) => words(
            t!("The device put it off, as it does while it is locked or busy."),
            t!("It is offered again when the device connects next."),
        ),
        Some(CommandState::Sent) => words(t!("The device has been sent it and has not answered yet."), t!("Its answer ends the wait.")),
        _ if row.mechanism == Mechanism::Declaration => words(
            t!("The device has been told and has not said yet what came of it."),
            t!("It says so by itself; if it does not, it is told again."),
        ),
        _ => words(t!("It is about to be sent."), t!("It goes out within seconds.")),
    })
}

/// What waits in the queue: for the device, or for the user of a Mac whose channel it is.
fn until_it_connects(tx: &Tx, enrollment: &Enrollment) -> Result<(String, String)> {
    if let Some(locked) = locked::because_of_device(tx, enrollment)? {
        return Ok(locked);
    }
    if enrollment.parent_id.is_some() {
        let because = t!("It waits for {name} to be logged in at the Mac.", name = enrollment.name());
        return Ok((because, String::from(t!("Users get what is theirs while they are logged in."))));
    }
    let remedy = match enrollment.push_error.as_str() {
        "" => String::from(t!("The device has been woken; it may be off or without network.")),
        error => {
            let told = unreached::told(t!("Apple's push service"), error);
            let error = told.as_ref().map_or(error, |told| told.what.as_str());
            t!("It could not be woken: {error}. It comes when the device connects by itself.", error = error.trim_end_matches('.'))
        }
    };
    Ok((String::from(t!("It waits for the device to connect.")), remedy))
}

fn words(because: &str, remedy: &str) -> (String, String) {
    (because.to_owned(), remedy.to_owned())
}

/// The declarations that somebody asked for; those of profiles and apps are told as such.
fn of_declarations(tx: &Tx, enrollment: &Enrollment, sync: Option<&Deployment>) -> Result<Vec<Standing>> {
    let states = declared::states(tx, &enrollment.id)?;
    let mut things = Vec::new();
    let all = declared::of_enrollment(tx, &enrollment.id)?;
    for served in all.clone() {
        let is_ours = served.identifier.starts_with(&format!("{}on.", render::PREFIX));
        let is_profile = served.identifier.starts_with(&format!("{}profile.", render::PREFIX));
        if served.origins == "[]" || is_ours || is_profile || is_app(&served.identifier) || is_update(&served.identifier) {
            continue;
        }
        let said = state_of(&states, &served);
        let activations =
            if served.kind == DeclarationKind::Configuration { activations_of(tx, enrollment, &all, &served)? } else { Vec::new() };
        let of_activations = activations.iter().filter_map(|activation| state_of(&states, activation)).filter_map(activation_words);
        // A refusal says more than a condition that does not hold.
        let of_activation = of_activations.min_by_key(|(state, _)| *state != State::Failed);
        let (state, (because, remedy)) = match said.and_then(settled).or(of_activation) {
            Some(told) => told,
            None => unsettled(tx, enrollment, said, sync)?,
        };
        // What the device has said something of is looked at by the device itself, whenever its conditions change.
        let is_silent = state == State::Waiting && said.is_none_or(|said| said.valid != "valid" && said.reasons == "[]");
        let origins: Vec<Origin> = serde_json::from_str(&served.origins).unwrap_or_default();
        things.push(Standing {
            name: named(&served.identifier, &origins),
            identifier: served.identifier,
            mechanism: Mechanism::Declaration,
            retry_at: told_again_at(sync).filter(|_| is_silent),
            state,
            words: None,
            because,
            remedy,
            since_at: None,
            origins,
        });
    }
    Ok(things)
}

/// What a device says of a declaration in the version that it is served.
fn state_of<'a>(states: &'a [DeclarationState], served: &Declared) -> Option<&'a DeclarationState> {
    states.iter().find(|state| state.identifier == served.identifier && state.server_token == served.server_token)
}

/// The activations that activate a configuration: ours, or those of the library that name it.
fn activations_of(tx: &Tx, enrollment: &Enrollment, all: &[Declared], configuration: &Declared) -> Result<Vec<Declared>> {
    let own = render::own_activation(&configuration.identifier);
    let mut found = Vec::new();
    for activation in all.iter().filter(|served| served.kind == DeclarationKind::Activation) {
        let names = if activation.identifier.starts_with(render::PREFIX) {
            activation.identifier == own
        } else {
            let document = declared::document(tx, &enrollment.id, activation.kind, &activation.identifier)?;
            let document: Value = document.and_then(|document| serde_json::from_slice(document.expose()).ok()).unwrap_or_default();
            let named = document.pointer("/Payload/StandardConfigurations").and_then(Value::as_array);
            named.is_some_and(|named| named.iter().any(|name| name.as_str() == Some(&configuration.identifier)))
        };
        if names {
            found.push(activation.clone());
        }
    }
    Ok(found)
}

type Told = (State, (String, String));

/// What a device says of a declaration, where that settles it.
fn settled(said: &DeclarationState) -> Option<Told> {
    // Management declarations and assets are never active.
    let is_passive = matches!(said.kind.as_str(), "management" | "assets");
    match said.valid.as_str() {
        "valid" if said.active || is_passive => Some((State::There, words("", ""))),
        "invalid" => {
            let because = t!("The device refused it: {said}.", said = reasons(&said.reasons).trim_end_matches('.'));
            Some((State::Failed, words(&because, t!("Change it, or take it back."))))
        }
        _ => None,
    }
}

/// What the state of an activation means for what it activates; nothing where it is in effect or not looked at yet.
fn activation_words(activation: &DeclarationState) -> Option<Told> {
    match activation.valid.as_str() {
        "invalid" => {
            let because = t!("Its activation was refused because {reasons}.", reasons = as_clause(&reasons(&activation.reasons)));
            Some((State::Failed, words(&because, t!("Change what is wrong, or take both back."))))
        }
        "valid" if !activation.active => {
            Some((State::Waiting, words(t!("It is there and not in effect: its condition does not hold."), &reasons(&activation.reasons))))
        }
        _ => None,
    }
}

/// A sentence of the device's as the end of one of ours.
fn as_clause(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    match sentence.split_once(' ') {
        // Words that begin a sentence are small within one; names and codes stay as they are.
        Some((first @ ("The" | "A" | "An" | "It" | "There"), rest)) => format!("{} {rest}", first.to_lowercase()),
        _ => sentence.to_owned(),
    }
}

/// What is to be said of a declaration that neither its own state nor that of an activation settles.
fn unsettled(tx: &Tx, enrollment: &Enrollment, said: Option<&DeclarationState>, sync: Option<&Deployment>) -> Result<Told> {
    let told = match said {
        Some(said) if said.valid == "valid" => {
            words(t!("It is there and not in effect: its condition does not hold."), &reasons(&said.reasons))
        }
        Some(said) if said.reasons != "[]" => {
            let because = t!("The device says that it is inactive: {reasons}.", reasons = as_clause(&reasons(&said.reasons)));
            words(&because, t!("It comes into effect when an activation of it does."))
        }
        _ if sync.is_some_and(|sync| sync.command_uuid.is_some()) => until_it_connects(tx, enrollment)?,
        _ => words(
            t!("The device has been told and has not said yet what came of it."),
            t!("It says so by itself; ask it for news to know at once. If it says nothing, it is told again."),
        ),
    };
    Ok((State::Waiting, told))
}
