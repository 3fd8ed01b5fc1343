//! Second factors: switched on by a code, asked for after the password, each code good once, guesses slowed, and lost telephones.

use std::time::Duration;

use super::{
    BLOCKED_FOR, FAILURES_MAX, Next, PREPARED_LIFE, RECOVERY_CODES, Required, STEP_LIFE, TRIES_MAX, Taken, after_code, after_password,
    confirm, prepare, prepared, renew_codes, require, reset, standing, switch_off,
};
use crate::clock::{Clock, Timestamp};
use crate::error::{Kind, Result};
use crate::mdm::actor::{Actor, Role};
use crate::mdm::admins::sessions::{self, Client, Verified};
use crate::mdm::admins::{HashedPassword, NewAdmin, Password, add, reset_password};
use crate::pki::totp;
use crate::secret::{Secret, SecretBytes};
use crate::store::{OpenOptions, Store, Tx, second_factors};

const GOOD: &str = "correct horse battery";

struct House {
    store: Store,
    clock: Clock,
    kim: Actor,
}

impl House {
    fn new(role: Role) -> Self {
        let (store, clock) = (Store::open(OpenOptions::memory()).unwrap(), Clock::manual(Timestamp::from_seconds(1_800_000_000)));
        let new = NewAdmin { name: "kim".into(), role, password: hashed(GOOD) };
        let admin = store.write_blocking(clock.now(), move |tx| add(tx, &Actor::Console, new)).unwrap();
        Self { store, clock, kim: Actor::Person { id: admin.id, name: admin.name, role } }
    }

    fn id(&self) -> String {
        let Actor::Person { id, .. } = &self.kim else { unreachable!() };
        id.clone()
    }

    fn try_write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Result<T> {
        self.store.write_blocking(self.clock.now(), work)
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.try_write(work).unwrap()
    }

    /// Switches it on; gives the secret and the codes on paper.
    fn switched_on(&self) -> (SecretBytes, Vec<String>) {
        let secret = self.prepared();
        let (kim, code) = (self.kim.clone(), self.code(&secret, 0));
        let codes = self.write(move |tx| confirm(tx, &kim, &code));
        self.clock.advance(Duration::from_secs(30));
        (secret, codes.iter().map(|code| code.expose().clone()).collect())
    }

    /// The code that a telephone shows whose clock is so many steps off.
    fn code(&self, secret: &SecretBytes, off: i64) -> String {
        totp::code(secret, totp::step_at(self.clock.now().seconds()) + off)
    }

    fn proof(&self, name: &'static str) -> Verified {
        self.write(move |tx| sessions::candidate(tx, name)).verify(&Secret::new(GOOD.into())).unwrap()
    }

    /// A secret that waits for its first code.
    fn prepared(&self) -> SecretBytes {
        let (kim, proof) = (self.kim.clone(), self.proof("kim"));
        self.write(move |tx| prepare(tx, &kim, &proof))
    }

    fn password(&self) -> Next {
        let proof = self.proof("kim");
        self.write(move |tx| after_password(tx, &proof, &client()))
    }

    fn token(&self) -> String {
        match self.password() {
            Next::Code(token) => token.expose().clone(),
            Next::Started(_) => panic!("no code was asked for"),
        }
    }

    fn try_code(&self, token: &str, code: &str) -> Result<()> {
        let (token, code) = (token.to_owned(), code.to_owned());
        self.write(move |tx| after_code(tx, &token, &code, &client())).into_result().map(drop)
    }
}

fn client() -> Client {
    Client { address: [192, 0, 2, 7].into(), user_agent: "Safari".into() }
}

fn hashed(password: &str) -> HashedPassword {
    Password::parse(Secret::new(password.into())).unwrap().hash().unwrap()
}

#[test]
fn it_takes_the_persons_own_password_as_it_is_now() {
    let house = House::new(Role::Helper);
    let new = NewAdmin { name: "lee".into(), role: Role::Helper, password: hashed(GOOD) };
    house.write(move |tx| add(tx, &Actor::Console, new));
    let (kim, others) = (house.kim.clone(), house.proof("lee"));
    assert_eq!(house.try_write(move |tx| prepare(tx, &kim, &others)).unwrap_err().kind, Kind::Forbidden);
    let (kim, old, id) = (house.kim.clone(), house.proof("kim"), house.id());
    house.write(move |tx| reset_password(tx, &Actor::Console, &id, hashed("another good one")));
    assert_eq!(house.try_write(move |tx| prepare(tx, &kim, &old)).unwrap_err().kind, Kind::Unauthenticated);
    let kim = house.kim.clone();
    assert!(house.write(move |tx| prepared(tx, &kim)).is_none(), "nothing was made");
}

#[test]
fn a_secret_that_nobody_confirmed_is_shown_for_a_while_only() {
    let house = House::new(Role::Helper);
    let secret = house.prepared();
    house.clock.advance(PREPARED_LIFE);
    let (kim, code) = (house.kim.clone(), house.code(&secret, 0));
    assert!(house.write(move |tx| prepared(tx, &kim)).is_none());
    let kim = house.kim.clone();
    assert_eq!(house.try_write(move |tx| confirm(tx, &kim, &code)).unwrap_err().kind, Kind::Conflict);
}

#[test]
fn it_counts_from_the_first_code_on_and_is_asked_for_after_the_password() {
    let house = House::new(Role::Helper);
    let secret = house.prepared();
    assert!(matches!(house.password(), Next::Started(_)), "what nobody has confirmed locks nobody out");
    let kim = house.kim.clone();
    assert_eq!(house.try_write(move |tx| confirm(tx, &kim, "000000")).unwrap_err().fields[0].field, "code");
    let (kim, code) = (house.kim.clone(), house.code(&secret, 0));
    house.write(move |tx| confirm(tx, &kim, &code));
    let kim = house.kim.clone();
    assert!(house.write(move |tx| prepared(tx, &kim)).is_none(), "the secret is shown no more");
    let token = house.token();
    assert_eq!(
        house.try_code(&token, &house.code(&secret, 0)).unwrap_err().kind,
        Kind::Unauthenticated,
        "the code that confirmed it was used"
    );
    house.clock.advance(Duration::from_secs(30));
    house.try_code(&token, &house.code(&secret, 0)).unwrap();
    assert!(house.try_code(&token, &house.code(&secret, 1)).is_err(), "the wait is over with the log-in");
}

#[test]
fn no_code_is_good_twice_and_a_clock_may_be_a_step_off() {
    let house = House::new(Role::Helper);
    let (secret, _) = house.switched_on();
    let ahead = house.code(&secret, 1);
    house.try_code(&house.token(), &ahead).unwrap();
    for used in [ahead, house.code(&secret, 0), house.code(&secret, -1)] {
        assert!(house.try_code(&house.token(), &used).is_err(), "nothing up to the newest code that was taken counts");
    }
    house.clock.advance(Duration::from_secs(60));
    assert!(house.try_code(&house.token(), &house.code(&secret, 2)).is_err());
    house.try_code(&house.token(), &house.code(&secret, 0)).unwrap();
}

#[test]
fn a_wait_ends_after_some_tries_after_a_while_and_with_a_new_password() {
    let house = House::new(Role::Helper);
    let (secret, _) = house.switched_on();
    let token = house.token();
    for _ in 0..TRIES_MAX {
        assert_eq!(house.try_code(&token, "000000").unwrap_err().kind, Kind::Unauthenticated);
    }
    assert!(house.try_code(&token, &house.code(&secret, 0)).unwrap_err().message.contains("Log in again"), "a right one comes too late");
    let token = house.token();
    house.clock.advance(STEP_LIFE);
    assert!(house.try_code(&token, &house.code(&secret, 0)).is_err());
    let (token, id, password) = (house.token(), house.id(), hashed("another good one"));
    house.write(move |tx| reset_password(tx, &Actor::Console, &id, password));
    assert!(house.try_code(&token, &house.code(&secret, 0)).is_err(), "whoever knew the old password is out");
}

#[test]
fn guesses_in_a_row_block_all_codes_for_a_while_wherever_they_come_from() {
    let house = House::new(Role::Helper);
    let (secret, codes) = house.switched_on();
    let mut token = house.token();
    for guess in 0..FAILURES_MAX {
        if guess % TRIES_MAX == 0 {
            token = house.token();
        }
        assert!(house.try_code(&token, "000000").is_err());
    }
    let token = house.token();
    for right in [house.code(&secret, 0), codes[0].clone()] {
        let refusal = house.try_code(&token, &right).unwrap_err();
        assert_eq!((refusal.kind, refusal.retry_after_s), (Kind::TooOften, Some(BLOCKED_FOR.as_secs() as u32)));
    }
    house.clock.advance(BLOCKED_FOR);
    house.try_code(&house.token(), &house.code(&secret, 0)).unwrap();
}

#[test]
fn each_code_on_paper_is_good_once_however_it_is_typed() {
    let house = House::new(Role::Helper);
    let (secret, codes) = house.switched_on();
    assert_eq!(codes.len(), RECOVERY_CODES);
    house.try_code(&house.token(), &codes[0].to_lowercase().replace('-', " ")).unwrap();
    assert!(house.try_code(&house.token(), &codes[0]).is_err());
    let left = |house: &House| {
        let (kim, id) = (house.kim.clone(), house.id());
        house.write(move |tx| standing(tx, &kim, &id)).codes_left
    };
    assert_eq!(left(&house), RECOVERY_CODES as u64 - 1);
    let (kim, code) = (house.kim.clone(), house.code(&secret, 0));
    let Taken::Right(fresh) = house.write(move |tx| renew_codes(tx, &kim, &code)) else { panic!("the code was right") };
    assert_eq!(left(&house), RECOVERY_CODES as u64);
    assert!(house.try_code(&house.token(), &codes[1]).is_err(), "the old ones are good for nothing");
    house.try_code(&house.token(), fresh[0].expose()).unwrap();
}

#[test]
fn it_is_switched_off_by_a_code_or_for_another_by_an_owner() {
    let house = House::new(Role::Helper);
    let (secret, _) = house.switched_on();
    let kim = house.kim.clone();
    assert!(matches!(house.write(move |tx| switch_off(tx, &kim, "000000")), Taken::Wrong(_)));
    let (kim, code) = (house.kim.clone(), house.code(&secret, 0));
    assert!(matches!(house.write(move |tx| switch_off(tx, &kim, &code)), Taken::Right(())));
    let Next::Started(started) = house.password() else { panic!("it is off") };
    house.switched_on();
    let (id, admin) = (house.id(), Actor::Person { id: "x".into(), name: "pat".into(), role: Role::Admin });
    assert_eq!(house.try_write(move |tx| reset(tx, &admin, &id)).unwrap_err().kind, Kind::Forbidden);
    house.write(|tx| reset(tx, &Actor::Console, "kim"));
    assert!(matches!(house.password(), Next::Started(_)));
    assert!(house.write(move |tx| sessions::identify(tx, started.token.expose())).is_none(), "whoever found the telephone is out");
}

#[test]
fn whose_role_needs_one_is_told_to_set_it_up_until_it_is_on() {
    let house = House::new(Role::Helper);
    let lacks = |house: &House| {
        let Next::Started(started) = house.password() else { return false };
        house.write(move |tx| sessions::identify(tx, started.token.expose())).unwrap().lacks_second_factor
    };
    for (required, expected) in [(Required::Nobody, false), (Required::Changing, true), (Required::Everybody, true)] {
        house.write(move |tx| require(tx, &Actor::Console, required));
        assert_eq!(lacks(&house), expected, "{required:?}");
    }
    let kim = house.kim.clone();
    assert_eq!(house.try_write(move |tx| require(tx, &kim, Required::Nobody)).unwrap_err().kind, Kind::Forbidden);
    house.switched_on();
    assert!(!lacks(&house));
    assert!(!Required::Changing.asks(Role::Viewer) && Required::Everybody.asks(Role::Viewer));
}

#[test]
fn the_secret_is_sealed_and_no_code_stands_in_the_log() {
    let house = House::new(Role::Owner);
    let (secret, codes) = house.switched_on();
    house.try_code(&house.token(), &codes[0]).unwrap();
    let id = house.id();
    assert_eq!(house.write(move |tx| second_factors::secret(tx, &id)).unwrap().expose(), secret.expose());
    let log = house.write(|tx| crate::store::events::list(tx, &crate::store::events::Filter::default(), None, 100));
    let log = format!("{log:?}");
    assert!(!log.contains(&totp::base32(&secret)) && codes.iter().all(|code| !log.contains(code.as_str())), "{log}");
}
