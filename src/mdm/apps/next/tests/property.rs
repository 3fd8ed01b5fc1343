//! From any start and any order of answers, losses and lists: what is wanted comes about, stays, and nothing is sent twice while it is under way.

use proptest::prelude::*;

use super::*;

/// A device, and the queue to it.
#[derive(Debug)]
struct World {
    row: Option<AppState>,
    wish: Option<u8>,
    licence: bool,
    /// The digest that is installed.
    installed: Option<String>,
    /// Deleted by the person, and still known.
    deleted: bool,
    command: Option<(Intent, String, bool)>,
    now: Timestamp,
}

#[derive(Debug, Clone)]
enum Event {
    Want(Option<u8>),
    Licence(bool),
    Offer,
    Answer,
    AnswerLost,
    Refuse(u8),
    NotNow,
    Cancel,
    List,
    Delete,
    Ask,
    Wait(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        proptest::option::of(0..3_u8).prop_map(Event::Want),
        any::<bool>().prop_map(Event::Licence),
        Just(Event::Offer),
        Just(Event::Answer),
        Just(Event::AnswerLost),
        (0..6_u8).prop_map(Event::Refuse),
        Just(Event::NotNow),
        Just(Event::Cancel),
        Just(Event::List),
        Just(Event::Delete),
        Just(Event::Ask),
        (1..200_000_u32).prop_map(Event::Wait),
    ]
}

const REFUSALS: [CauseKind; 6] = [
    CauseKind::AlreadyRequested,
    CauseKind::WaitingForUser,
    CauseKind::LicenseMissing,
    CauseKind::AlreadyInstalled,
    CauseKind::Unsupported,
    CauseKind::Declined,
];

impl World {
    fn facts(&self) -> Facts {
        let digest = self.wish.map(|version| format!("v{version}"));
        let mut facts = facts(digest.as_deref());
        facts.licence = if self.licence { LicenceFact::Held } else { LicenceFact::Short("none is free".into()) };
        facts.under_way = match &self.command {
            None => UnderWay::Nothing,
            Some((.., true)) => UnderWay::Offered,
            Some(_) => UnderWay::Queued,
        };
        facts
    }

    /// One turn of the reconciler.
    fn turn(&mut self) -> Step {
        if self.row.is_none() && self.wish.is_some() {
            self.row = Some(row());
        }
        let (facts, now) = (self.facts(), self.now);
        let Some(row) = &mut self.row else { return Step::Release };
        want(row, &facts, Mechanism::Command, now);
        let step = next(row, &facts, now);
        match &step {
            Step::Install | Step::Remove => {
                assert!(!matches!(self.command, Some((.., true))), "nothing is sent while the device has one");
                let intent = if step == Step::Install { Intent::Install } else { Intent::Remove };
                assert!(intent == Intent::Remove || self.licence, "nothing is installed without a licence");
                let digest = facts.want.as_ref().map(|want| want.digest.clone()).unwrap_or_default();
                assert!(self.command.as_ref().is_none_or(|(kind, queued, _)| (*kind, queued) != (intent, &digest)), "not sent twice");
                sent(row, intent, "C".into(), &facts, now);
                self.command = Some((intent, digest, false));
            }
            Step::TakeBack => {
                self.command = None;
                taken_back(row, now);
            }
            Step::AwaitLicence => awaits_licence(row, &facts.licence, now),
            Step::Poll => polled(row, now),
            Step::Release => {
                assert!(self.command.is_none());
                self.row = None;
            }
            Step::Rest(_) | Step::Offer | Step::Want | Step::Declare | Step::DeclareAgain | Step::Doubt | Step::Redeem => {}
            Step::Lack => lacks(row, "no value", now),
        }
        step
    }

    fn carry_out(&mut self) {
        if let Some((intent, digest, _)) = self.command.take() {
            self.deleted = false;
            self.installed = (intent == Intent::Install).then_some(digest);
        }
    }

    fn list(&mut self) {
        let item = match (&self.installed, self.deleted) {
            (Some(_), _) => Some(item(ManagedState::Managed, 7)),
            (None, true) => Some(item(ManagedState::ManagedButUninstalled, 7)),
            (None, false) => None,
        };
        let (facts, now) = (self.facts(), self.now);
        if let Some(row) = &mut self.row {
            listed(row, item.as_ref(), None, true, &facts, now);
        }
    }

    fn happen(&mut self, event: &Event) {
        let (facts, now) = (self.facts(), self.now);
        let is_offered = matches!(self.command, Some((.., true)));
        match event {
            Event::Want(version) => self.wish = *version,
            Event::Licence(held) => self.licence = *held,
            Event::Offer => self.command.iter_mut().for_each(|command| command.2 = true),
            Event::NotNow => self.command.iter_mut().for_each(|command| command.2 = false),
            Event::Answer if is_offered => {
                let is_install = matches!(self.command, Some((Intent::Install, ..)));
                self.carry_out();
                let state = is_install.then_some(ManagedState::Managed);
                self.row.iter_mut().for_each(|row| answered(row, &taken(state), &facts, now));
            }
            Event::AnswerLost if is_offered => {
                self.carry_out();
                let loss = Loss { because: "it never replied".into(), by_somebody: false, was_offered: true };
                self.row.iter_mut().for_each(|row| lost(row, &loss, now));
            }
            Event::Refuse(kind) if is_offered => {
                if *kind == 0 {
                    // It has carried it out already, and says so.
                    self.carry_out();
                }
                self.command = None;
                self.row.iter_mut().for_each(|row| answered(row, &refusal(REFUSALS[usize::from(*kind)]), &facts, now));
            }
            Event::Cancel if self.command.is_some() && !is_offered => {
                self.command = None;
                let loss = Loss { because: "taken back".into(), by_somebody: true, was_offered: false };
                self.row.iter_mut().for_each(|row| lost(row, &loss, now));
            }
            Event::List => self.list(),
            Event::Delete if self.installed.is_some() => {
                self.installed = None;
                self.deleted = true;
            }
            Event::Ask => self.row.iter_mut().for_each(|row| ask(row, now)),
            Event::Wait(seconds) => self.now = now.plus(Duration::from_secs(u64::from(*seconds))),
            _ => {}
        }
    }

    /// A device that does everything it is told, and a person who agrees.
    fn settle(&mut self) -> usize {
        self.licence = true;
        self.happen(&Event::Ask);
        for turn in 0..60 {
            let step = self.turn();
            self.list();
            if self.command.is_some() {
                self.happen(&Event::Offer);
                self.happen(&Event::Answer);
            } else if matches!(step, Step::Rest(None) | Step::Release) && self.is_settled() {
                return turn;
            } else if matches!(step, Step::Rest(None)) {
                self.happen(&Event::Ask);
            }
            self.now = self.now.plus(POLLS[5]);
        }
        60
    }

    fn is_settled(&self) -> bool {
        let wanted = self.wish.map(|version| format!("v{version}"));
        self.installed == wanted && self.row.is_some() == wanted.is_some()
    }
}

/// A world in which all this happened.
fn after(events: &[Event]) -> World {
    let mut world = World { row: None, wish: None, licence: true, installed: None, deleted: false, command: None, now: NOW };
    for event in events {
        world.turn();
        world.happen(event);
    }
    world
}

#[test]
fn who_asks_again_while_another_version_is_on_its_way_gets_the_one_that_is_wanted() {
    use Event::{Answer, Licence, Offer, Refuse, Want};
    let already_at_it = Refuse(0);
    let mut world = after(&[Want(Some(2)), Offer, Answer, Want(Some(0)), Licence(false), Offer, Want(Some(2)), already_at_it]);
    world.settle();
    assert!(world.is_settled(), "{world:?}");
}

#[test]
fn what_an_order_without_an_answer_brought_goes_although_the_next_one_was_declined() {
    use Event::{AnswerLost, Ask, Offer, Refuse, Want};
    let declined = Refuse(5);
    let mut world = after(&[Want(Some(0)), Offer, AnswerLost, Ask, Offer, declined, Want(None)]);
    world.settle();
    assert!(world.is_settled(), "{world:?}");
}

#[test]
fn settings_that_the_person_declined_stay_declined_and_come_when_somebody_asks_again() {
    use Event::{Answer, List, Offer, Refuse, Want};
    let declined = Refuse(5);
    let mut world = after(&[Want(Some(1)), Offer, Answer, List, Want(Some(0)), Offer, declined, List]);
    assert_eq!(world.turn(), Step::Rest(None), "nobody is asked twice");
    let row = world.row.as_ref().unwrap();
    assert_eq!((row.stage, row.seen.as_str()), (Stage::Declined, "v1"), "{row:?}");
    world.settle();
    assert!(world.is_settled(), "{world:?}");

    let mut world = after(&[Want(Some(1)), Offer, Answer, List, Want(Some(0)), Offer, Refuse(5), Want(Some(1)), List]);
    assert_eq!(world.turn(), Step::Rest(None));
    assert_eq!(world.row.unwrap().stage, Stage::Installed, "what is wanted now is what is there");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happened_a_willing_device_ends_as_wanted_and_stays_so(events in proptest::collection::vec(event(), 0..60)) {
        let mut world = after(&events);
        world.settle();
        prop_assert!(world.is_settled(), "{world:?}");
        for _ in 0..3 {
            world.turn();
            world.list();
            world.now = world.now.plus(POLLS[5]);
            prop_assert!(world.is_settled() && world.command.is_none(), "{world:?}");
        }
    }
}
