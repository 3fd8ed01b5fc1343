//! From any start and any order of answers, losses and lists: what is wanted comes about, stays, and nothing is sent twice while it is under way.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// A row of which nothing is known.
fn row() -> Deployment {
    Deployment {
        key: "profile:org.example.wifi".into(),
        mechanism: Mechanism::Command,
        wanted: String::new(),
        sent: String::new(),
        seen: String::new(),
        payload_uuid: String::new(),
        name: "Wi-Fi".into(),
        command_uuid: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
        origins: "[]".into(),
        changed_at: NOW,
    }
}

/// A device and the queue to it: what is installed, and the command that is under way.
#[derive(Debug)]
struct World {
    row: Option<Deployment>,
    installed: Option<String>,
    /// The command in the queue: the version that it brings (none: removal), and whether the device was offered it.
    command: Option<(Option<String>, bool)>,
    now: Timestamp,
    sent: usize,
}

#[derive(Debug, Clone)]
enum Event {
    /// Another version is wanted, or none.
    Want(Option<u8>),
    /// The device is offered the command.
    Offer,
    /// The device does it, and its answer arrives.
    Answer,
    /// The device does it, and its answer is lost; the command is set aside in the end.
    AnswerLost,
    /// The device refuses.
    Refuse,
    /// The device puts it off.
    NotNow,
    /// The command leaves the queue before it was offered.
    Cancel,
    /// The device lists what it has.
    List,
    /// Somebody removes the profile at the device.
    RemovedByHand,
    /// Another server's or person's version is there.
    ForeignVersion,
    /// Time passes.
    Wait(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        proptest::option::of(0..3_u8).prop_map(Event::Want),
        Just(Event::Offer),
        Just(Event::Answer),
        Just(Event::AnswerLost),
        Just(Event::Refuse),
        Just(Event::NotNow),
        Just(Event::Cancel),
        Just(Event::List),
        Just(Event::RemovedByHand),
        Just(Event::ForeignVersion),
        (1..100_000_u32).prop_map(Event::Wait),
    ]
}

fn loss(by_somebody: bool, was_offered: bool) -> Loss {
    Loss { because: "it never replied".into(), by_somebody, was_offered }
}

fn name(version: u8) -> String {
    format!("v{version}")
}

impl World {
    fn new() -> Self {
        Self { row: Some(row()), installed: None, command: None, now: NOW, sent: 0 }
    }

    fn under_way(&self) -> UnderWay {
        match &self.command {
            None => UnderWay::Nothing,
            Some((_, true)) => UnderWay::Offered,
            Some((_, false)) => UnderWay::Queued,
        }
    }

    /// One turn of the reconciler.
    fn turn(&mut self) -> Option<Step> {
        let under_way = self.under_way();
        let row = self.row.as_mut()?;
        let step = next(row, under_way, self.now);
        match step {
            Step::Send | Step::Remove => {
                assert_ne!(under_way, UnderWay::Offered, "nothing is sent while the device has one");
                let version = (step == Step::Send).then(|| row.wanted.clone());
                assert!(self.command.as_ref().is_none_or(|(queued, _)| *queued != version), "the same is not sent twice");
                sent(row, version.as_deref().unwrap_or_default(), version.as_deref().unwrap_or_default(), "C".into());
                self.command = Some((version, false));
                self.sent += 1;
            }
            Step::TakeBack => {
                assert_eq!(under_way, UnderWay::Queued);
                self.command = None;
                taken_back(row);
            }
            Step::Forget => self.row = None,
            Step::Done | Step::Answer | Step::Sync | Step::BackOff(_) => {}
        }
        Some(step)
    }

    fn happen(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Want(version) => {
                let wanted = version.map(name).unwrap_or_default();
                if self.row.is_none() && version.is_some() {
                    self.row = Some(row());
                }
                if let Some(row) = &mut self.row {
                    want(row, &wanted, Mechanism::Command);
                }
            }
            Event::Offer => self.command.iter_mut().for_each(|(_, offered)| *offered = true),
            Event::NotNow => self.command.iter_mut().for_each(|(_, offered)| *offered = false),
            Event::Answer => {
                if let Some((version, _)) = self.command.take_if(|(_, offered)| *offered) {
                    self.installed = version;
                    self.row.iter_mut().for_each(acknowledged);
                }
            }
            Event::AnswerLost => {
                if let Some((version, _)) = self.command.take_if(|(_, offered)| *offered) {
                    self.installed = version;
                    self.row.iter_mut().for_each(|row| lost(row, &loss(false, true), now));
                }
            }
            Event::Refuse => {
                if self.command.take_if(|(_, offered)| *offered).is_some() {
                    self.row.iter_mut().for_each(|row| refused(row, "no", now));
                }
            }
            Event::Cancel => {
                if self.command.take_if(|(_, offered)| !*offered).is_some() {
                    self.row.iter_mut().for_each(|row| lost(row, &loss(true, false), now));
                }
            }
            Event::List => {
                let there = self.installed.clone();
                self.row.iter_mut().for_each(|row| listed(row, there.as_deref(), now));
            }
            Event::RemovedByHand => self.installed = None,
            Event::ForeignVersion => self.installed = Some("foreign".into()),
            Event::Wait(seconds) => self.now = now.plus(Duration::from_secs(u64::from(*seconds))),
        }
    }

    /// From here on everything works: the device connects, answers and lists what it has.
    fn calm(&mut self) {
        for _ in 0..12 {
            self.turn();
            self.happen(&Event::Offer);
            self.happen(&Event::Answer);
            self.happen(&Event::List);
            self.happen(&Event::Wait(2 * 24 * 3600));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_wanted_comes_about_and_stays(events in prop::collection::vec(event(), 0..60), last in proptest::option::of(0..3_u8)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            world.turn();
        }
        world.happen(&Event::Want(last));
        world.calm();
        let wanted = last.map(name);
        if wanted.is_some() {
            prop_assert_eq!(&world.installed, &wanted);
            prop_assert_eq!(world.row.as_ref().map(|row| row.seen.clone()), wanted);
            prop_assert_eq!(world.row.as_ref().map(|row| (row.attempts, row.due_at, row.problem.as_str())), Some((0, None, "")));
        } else {
            prop_assert!(world.row.is_none(), "{:?}", world.row);
            prop_assert!(world.installed.is_none() || world.installed.as_deref() == Some("foreign"), "{:?}", world.installed);
        }
        let sent = world.sent;
        world.calm();
        prop_assert_eq!(world.sent, sent, "nothing more is sent");
    }

    #[test]
    fn deciding_twice_is_deciding_once(events in prop::collection::vec(event(), 0..60)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            world.turn();
            let sent = world.sent;
            for _ in 0..3 {
                world.turn();
            }
            prop_assert_eq!(world.sent, sent);
        }
    }
}

#[test]
fn what_failed_is_tried_again_ever_later_and_at_once_when_it_changes() {
    let mut row = row();
    want(&mut row, "v1", Mechanism::Command);
    let mut now = NOW;
    for wait in BACK_OFF.into_iter().chain([BACK_OFF[4]]) {
        assert_eq!(next(&row, UnderWay::Nothing, now), Step::Send);
        sent(&mut row, "v1", "U1", "C".into());
        refused(&mut row, "no", now);
        assert_eq!(next(&row, UnderWay::Nothing, now), Step::BackOff(now.plus(wait)));
        now = now.plus(wait);
    }
    refused(&mut row, "no", now);
    want(&mut row, "v2", Mechanism::Command);
    assert_eq!(next(&row, UnderWay::Nothing, now), Step::Send);
    assert_eq!((row.attempts, row.problem.as_str()), (0, ""));
}

#[test]
fn a_device_that_takes_a_version_and_lists_another_one_is_sent_it_ever_later() {
    let mut row = row();
    want(&mut row, "v1", Mechanism::Command);
    let mut now = NOW;
    for wait in BACK_OFF {
        assert_eq!(next(&row, UnderWay::Nothing, now), Step::Send);
        sent(&mut row, "v1", "U1", "C".into());
        acknowledged(&mut row);
        listed(&mut row, Some("U0"), now);
        assert_eq!(next(&row, UnderWay::Nothing, now), Step::BackOff(now.plus(wait)));
        listed(&mut row, Some("U0"), now);
        assert_eq!(next(&row, UnderWay::Nothing, now), Step::BackOff(now.plus(wait)), "a list that says the same is no news");
        now = now.plus(wait);
    }
    assert!(was_found_out(&row.problem), "{}", row.problem);
    listed(&mut row, Some("U1"), now);
    assert_eq!((row.seen.as_str(), row.attempts), ("other", 5), "nothing of ours was sent since");
    want(&mut row, "v2", Mechanism::Command);
    assert_eq!(next(&row, UnderWay::Nothing, now), Step::Send);
}

#[test]
fn what_somebody_took_back_is_not_sent_again_for_a_day() {
    let mut row = row();
    want(&mut row, "v1", Mechanism::Command);
    sent(&mut row, "v1", "U1", "C".into());
    lost(&mut row, &loss(true, false), NOW);
    assert_eq!(next(&row, UnderWay::Nothing, NOW), Step::BackOff(NOW.plus(AFTER_CANCEL)));
}

#[test]
fn a_declaration_takes_over_what_a_command_brought() {
    let mut row = row();
    want(&mut row, "v1", Mechanism::Command);
    sent(&mut row, "v1", "U1", "C".into());
    acknowledged(&mut row);
    assert_eq!(next(&row, UnderWay::Nothing, NOW), Step::Done);
    want(&mut row, "v1", Mechanism::Declaration);
    assert_eq!(next(&row, UnderWay::Nothing, NOW), Step::Sync, "confirmed anew, and not removed in between");
}
