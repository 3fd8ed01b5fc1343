//! Each ask is told apart by what was shown before, and no order of asks, losses and returns gains anything.

use super::*;
use crate::clock::Timestamp;
use crate::secret::Secret;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn standing(acknowledged: i64, sequence: i64, counter: i64) -> Standing {
    Standing {
        app_id: "a".into(),
        holder: "e".into(),
        enrollment_id: Some("e".into()),
        person_id: None,
        owner_id: None,
        installation: "one".into(),
        sequence,
        acknowledged,
        counter,
        nonce: sha256(b"last").to_vec(),
        asked_at: NOW,
        granted_at: Some(NOW),
        offline_until: None,
        ended_at: None,
        code: "granted".into(),
    }
}

/// What an ask of a device is to what is known of it.
fn step(known: Option<&Standing>, request: &GrantRequest, shown: Option<Result<i64, ()>>) -> Step {
    Installation { holder: "e".into(), known: known.cloned(), shown, is_device: true, is_anothers: false }.step(request)
}

fn request(installation: &str, nonce: &str, counter: u64) -> GrantRequest {
    GrantRequest {
        bundle_id: "school.example.field".into(),
        installation: installation.into(),
        nonce: nonce.into(),
        client_time: NOW,
        counter,
        last_grant: None,
        token: Some(Secret::new("t".into())),
        email: None,
        password: None,
    }
}

#[test]
fn each_ask_is_told_apart_by_what_was_shown_before() {
    let known = standing(4, 6, 10);
    for (installation, nonce, counter, shown, expected, why) in [
        ("one", "next", 11, Some(Ok(6)), Step::Follows(6), "the usual one"),
        ("one", "next", 11, Some(Ok(5)), Step::Follows(5), "the last answer was lost"),
        ("one", "next", 11, Some(Ok(4)), Step::Follows(4), "two were lost"),
        ("one", "next", 11, Some(Ok(3)), Step::RolledBack, "it has shown 4"),
        ("one", "next", 10, Some(Ok(6)), Step::RolledBack, "the counter stands still"),
        ("one", "last", 10, Some(Ok(5)), Step::Again, "the same ask once more"),
        ("one", "last", 10, Some(Ok(3)), Step::RolledBack, "the same ask with an older grant"),
        ("one", "next", 11, None, Step::Follows(4), "the very first answers were all lost"),
        ("two", "next", 1, None, Step::First, "installed anew"),
        ("two", "next", FIRST_COUNTER_MAX, None, Step::First, "it took a while to get through"),
        ("two", "next", FIRST_COUNTER_MAX + 1, None, Step::RolledBack, "it has been in use"),
        ("two", "next", 11, Some(Ok(6)), Step::RolledBack, "a record under another name"),
        ("one", "next", 11, Some(Err(())), Step::RolledBack, "a grant that nobody gave"),
    ] {
        assert_eq!(step(Some(&known), &request(installation, nonce, counter), shown), expected, "{why}");
    }
    assert_eq!(step(None, &request("one", "first", 1), None), Step::First);
    assert_eq!(step(None, &request("one", "next", 9), Some(Ok(7))), Step::Follows(7), "the server came back from a backup");
    assert_eq!(step(None, &request("one", "next", 9), Some(Err(()))), Step::RolledBack);
    assert_eq!(step(None, &request("one", "next", FIRST_COUNTER_MAX + 1), None), Step::RolledBack);
    let forgotten = |shown| Installation { holder: "p/one".into(), known: None, shown, is_device: false, is_anothers: false };
    assert_eq!(forgotten(None).step(&request("one", "next", 9)), Step::First);
    assert_eq!(
        forgotten(Some(Ok(7))).step(&request("one", "next", 9)),
        Step::RolledBack,
        "a person's installation may have been forgotten"
    );
}

mod sequences {
    use proptest::prelude::*;

    use super::*;

    /// What an honest app and a cheat do with one device's standing.
    #[derive(Debug, Clone)]
    enum Deed {
        /// It asks; the answer comes or is lost.
        Ask { lost: bool },
        /// It asks as it did before, because it got no answer.
        Retry,
        /// A backup of its record is made.
        Backup,
        /// The backup is put back, and the app asks.
        Restore,
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            3 => any::<bool>().prop_map(|lost| Deed::Ask { lost }),
            1 => Just(Deed::Retry),
            1 => Just(Deed::Backup),
            1 => Just(Deed::Restore),
        ];
        prop::collection::vec(deed, 1..40)
    }

    /// Applies a step as the room does.
    fn apply(known: Option<Standing>, request: &GrantRequest, step: Step) -> Option<Standing> {
        let mut next = known.clone().unwrap_or_else(|| standing(0, 0, 0));
        match step {
            Step::RolledBack | Step::Again => return known,
            Step::First => next.acknowledged = next.sequence,
            Step::Follows(number) => next.acknowledged = number,
        }
        next.sequence = next.sequence.max(next.acknowledged) + 1;
        next.counter = request.counter as i64;
        next.nonce = sha256(request.nonce.as_bytes()).to_vec();
        Some(next)
    }

    proptest! {
        #[test]
        fn the_honest_always_go_on_and_an_older_record_never_does(deeds in deeds()) {
            let (mut known, mut counter, mut grant) = (None::<Standing>, 0_u64, None::<i64>);
            let mut backup: Option<(u64, Option<i64>)> = None;
            let mut last: Option<(GrantRequest, Option<i64>)> = None;
            let mut asks_since_backup = 0;
            for (number, deed) in deeds.into_iter().enumerate() {
                match deed {
                    Deed::Ask { lost } => {
                        counter += 1;
                        asks_since_backup += 1;
                        let said = request("one", &format!("nonce {number}"), counter);
                        let step = step(known.as_ref(), &said, grant.map(Ok));
                        prop_assert!(matches!(step, Step::First | Step::Follows(_)), "{step:?}");
                        known = apply(known, &said, step);
                        last = Some((said, grant));
                        if !lost {
                            grant = known.as_ref().map(|known| known.sequence);
                        }
                    }
                    Deed::Retry => {
                        if let Some((said, shown)) = &last {
                            prop_assert_eq!(step(known.as_ref(), said, shown.map(Ok)), Step::Again);
                            grant = known.as_ref().map(|known| known.sequence);
                        }
                    }
                    Deed::Backup => {
                        backup = Some((counter, grant));
                        asks_since_backup = 0;
                    }
                    Deed::Restore => {
                        if let Some((old_counter, old_grant)) = backup.filter(|_| asks_since_backup > 0) {
                            let said = request("one", &format!("restored {number}"), old_counter + 1);
                            let step = step(known.as_ref(), &said, old_grant.map(Ok));
                            prop_assert_eq!(step, Step::RolledBack);
                            known = apply(known, &said, step);
                        }
                    }
                }
            }
        }
    }
}
