//! Enrollment by account: who is bound to which sign-in, what is shown afterwards, and that a person's own device goes when they do.

use std::time::Duration;

use super::{School, TOPIC, plist};
use crate::mdm::access::passwords;
use crate::mdm::admins::Password;
use crate::mdm::checkin::{self, Reply};
use crate::mdm::connect::{self, Incoming, Poll};
use crate::mdm::enroll::account::rules::{self, Change};
use crate::mdm::enroll::account::{self, Answer, Asked, Refusal, SignedIn, TOKEN_LIFE};
use crate::mdm::enroll::identify::{Presented, Refusal as Unheard};
use crate::mdm::enroll::profile::Grant;
use crate::mdm::enroll::{Addresses, profile, renewal};
use crate::mdm::people::{self, NewPerson};
use crate::mdm::{Actor, Role};
use crate::pki::device_identity::Vouched;
use crate::pki::digest::sha256;
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::service_discovery::ModelFamily;
use crate::protocol::{checkin as message, report};
use crate::random::Random;
use crate::secret::Secret;
use crate::store::account_tokens::{self, Ownership, Shown};
use crate::store::certificates::Purpose;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::{Entry, spend_challenge};
use crate::store::people::PersonRole;
use crate::store::{Tx, devices, people as rows};

const ACCOUNT: &str = "kim@appleaccount.example.school";

impl School {
    /// A school where iPads are people's own and Macs the school's; gives Kim's id.
    fn with_kim() -> (Self, String) {
        let school = Self::new().with_push_certificates();
        let kim = school.write(|tx| {
            let families = [(ModelFamily::Ipad, Some(Ownership::Own)), (ModelFamily::Mac, Some(Ownership::School))].into();
            rules::change(tx, &Actor::Console, Change { families, group: Some(" Own ".into()) })?;
            let new = NewPerson { name: "Kim".into(), email: "kim@example.school".into(), role: PersonRole::Teacher, active: true };
            let kim = people::create(tx, &Actor::Console, new)?;
            people::set_account(tx, &Actor::Console, &kim.id, ACCOUNT)?;
            Ok(kim.id)
        });
        school.has_password(&kim, "correct horse battery");
        (school, kim)
    }

    fn has_password(&self, person_id: &str, password: &str) {
        let hashed = Password::parse(Secret::new(password.into())).unwrap().hash().unwrap();
        let person_id = person_id.to_owned();
        self.write(move |tx| passwords::set(tx, &Actor::Console, &person_id, hashed));
    }

    /// Whoever said the right password now.
    fn at_the_desk(&self, person_id: &str) -> SignedIn {
        let person_id = person_id.to_owned();
        self.write(move |tx| account::signed_in(tx, &person_id, "")).unwrap()
    }

    fn goes_on(&self, who: SignedIn, token: &'static str, ownership: Ownership) -> Result<(), Refusal> {
        self.write(move |tx| account::issue(tx, token, &who, ownership))
    }

    fn signed_in(&self, person_id: &str, token: &'static str, ownership: Ownership) {
        self.goes_on(self.at_the_desk(person_id), token, ownership).unwrap();
    }

    fn is_active(&self, person_id: &str, active: bool) {
        let person_id = person_id.to_owned();
        self.write(move |tx| {
            let change = people::Change { active: Some(active), ..people::Change::default() };
            people::change(tx, &Actor::Console, &person_id, change)
        });
    }

    fn asks(&self, product: &str, token: Option<&str>, ownership: Ownership) -> Answer {
        let info = MachineInfo {
            product_name: product.into(),
            serial_number: "TESTSN0001".into(),
            udid: "UDID-1".into(),
            ..MachineInfo::default()
        };
        let asked = Asked { info, by: Vouched::Apple, ownership, token: token.map(|token| sha256(token.as_bytes())) };
        self.write(move |tx| {
            let answer = account::decide(tx, &asked, Addresses::under("https://mdm.example.school"))?;
            if let Answer::Profile(grant) = &answer {
                account::record(tx, &asked, grant)?;
            }
            Ok(answer)
        })
    }

    fn profile_for(&self, product: &str, token: &str, ownership: Ownership) -> Grant {
        match self.asks(product, Some(token), ownership) {
            Answer::Profile(grant) => *grant,
            other => panic!("{other:?}"),
        }
    }

    /// A certificate by the profile of a grant, shown together with this token.
    fn certified_by(&self, grant: &Grant, name: &str, token: Option<&str>) -> Presented {
        let presented = self.certificate(name, Purpose::Enroll, None);
        let (hash, fingerprint) = (grant.hash(), presented.fingerprint);
        assert!(self.write(move |tx| spend_challenge(tx, &hash, &fingerprint)));
        Presented { bearer: token.map(|token| sha256(token.as_bytes())), ..presented }
    }

    fn says(&self, presented: &Presented, keys: &str) -> Reply {
        let said = message::parse(plist(keys).as_bytes()).unwrap();
        let presented = presented.clone();
        self.write(move |tx| checkin::checkin(tx, Some(&presented), &said, None))
    }

    fn authenticates(&self, presented: &Presented, id: &str, product: &str) -> Reply {
        self.says(
            presented,
            &format!(
                "<key>MessageType</key><string>Authenticate</string>{id}<key>Topic</key><string>{TOPIC}</string>\
                 <key>ProductName</key><string>{product}</string><key>OSVersion</key><string>26.1</string>"
            ),
        )
    }

    fn enrolls(&self, presented: &Presented, id: &str, product: &str) {
        assert!(matches!(self.authenticates(presented, id, product), Reply::Empty));
        let reply = self.says(
            presented,
            &format!(
                "<key>MessageType</key><string>TokenUpdate</string>{id}<key>Topic</key><string>{TOPIC}</string>\
                 <key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>"
            ),
        );
        assert!(matches!(reply, Reply::Empty), "{reply:?}");
    }

    fn idles(&self, presented: &Presented, id: &str) -> connect::Reply {
        let body = plist(&format!("<key>Status</key><string>Idle</string>{id}")).into_bytes();
        let report = report::parse(&body).unwrap();
        let presented = presented.clone();
        self.write(move |tx| {
            let incoming = Incoming {
                head: &report.head,
                report: Some(&report),
                unreadable: None,
                body: Some(&body),
                size_bytes: body.len() as u64,
                sha256: sha256(&body),
                query: None,
            };
            connect::connect(tx, Some(&presented), &incoming)
        })
    }

    fn of(&self, nano_id: &'static str) -> Enrollment {
        self.write(move |tx| enrollments::by_nano_id(tx, nano_id)).unwrap()
    }
}

const OWN_ID: &str = "<key>EnrollmentID</key><string>E-1</string>";

#[test]
fn a_persons_own_device_is_theirs_by_name_and_group_and_tells_no_serial_number() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "token", Ownership::Own);
    let grant = school.profile_for("iPad13,18", "token", Ownership::Own);
    let device = grant.device.as_ref().unwrap();
    assert_eq!((&device.serial_number, &device.udid), (&None, &None), "what it says of itself is not kept");
    let presented = school.certified_by(&grant, "identity", Some("token"));
    school.enrolls(&presented, OWN_ID, "iPad13,18");
    let enrollment = school.of("E-1");
    assert_eq!((enrollment.state, enrollment.entry, enrollment.access_rights), (EnrollmentState::Enrolled, Entry::Account, None));
    let device_id = enrollment.device_id.clone();
    let (device, owner, groups) = school.write(move |tx| {
        let groups = crate::store::groups::of_device(tx, &device_id)?.into_iter().map(|group| group.name).collect::<Vec<_>>();
        Ok((devices::by_id(tx, &device_id)?.unwrap(), rows::of_device(tx, &device_id)?.unwrap(), groups))
    });
    assert_eq!(
        (device.name.as_str(), device.serial_number, owner.name.as_str(), groups),
        ("iPad of Kim", None, "Kim", vec!["Own".to_owned()])
    );
    assert!(matches!(school.asks("iPad13,18", Some("token"), Ownership::Own), Answer::SignIn), "a sign-in is for one device");
    let xml = school.write(move |tx| {
        renewal::hasten(tx, &enrollment)?;
        let step = renewal::due(tx, "https://mdm.example.school")?.remove(0);
        profile::unsigned(&step.grant, &Random::seeded(1))
    });
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains(ACCOUNT) && xml.contains("BYOD") && !xml.contains("AccessRights"), "a renewal says the same: {xml}");
    assert!(school.events().contains(&"account.signed_in".to_owned()));
}

#[test]
fn nobody_enrolls_by_a_sign_in_that_was_for_another_kind_or_another_device() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "token", Ownership::Own);
    let (first, second) =
        (school.profile_for("iPad13,18", "token", Ownership::Own), school.profile_for("iPad13,18", "token", Ownership::Own));
    let presented = school.certified_by(&first, "one", Some("token"));
    let by_udid = school.authenticates(&presented, "<key>UDID</key><string>UDID-1</string>", "iPad13,18");
    assert!(matches!(by_udid, Reply::Refused(Unheard::NotAsSignedIn)), "{by_udid:?}");
    school.enrolls(&presented, OWN_ID, "iPad13,18");
    let other = school.certified_by(&second, "two", Some("token"));
    let late = school.authenticates(&other, "<key>EnrollmentID</key><string>E-2</string>", "iPad13,18");
    assert!(matches!(late, Reply::Refused(Unheard::AnotherDevice)), "{late:?}");
    school.signed_in(&kim, "gone", Ownership::School);
    let grant = school.profile_for("Mac14,2", "gone", Ownership::School);
    assert_eq!(grant.device.as_ref().unwrap().serial_number.as_deref(), Some("TESTSN0001"));
    let presented = school.certified_by(&grant, "three", Some("gone"));
    let id = kim.clone();
    school.write(move |tx| people::delete(tx, &Actor::Console, &id));
    let over = school.authenticates(&presented, "<key>UDID</key><string>UDID-1</string>", "Mac14,2");
    assert!(matches!(over, Reply::Refused(Unheard::SignInOver)), "{over:?}");
}

#[test]
fn no_tool_sends_a_persons_own_device_what_it_is_never_asked() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "kim", Ownership::Own);
    let presented = school.certified_by(&school.profile_for("iPad13,18", "kim", Ownership::Own), "kim's", Some("kim"));
    school.enrolls(&presented, OWN_ID, "iPad13,18");
    let id = school.of("E-1").nano_id;
    let sends = |order: crate::protocol::command::Command| {
        let id = id.clone();
        school.try_write(move |tx| crate::mdm::nano::enqueue(tx, &Actor::Console, &id, &order, false))
    };
    let uuid = || crate::random::Random::seeded(1).uuid_v4();
    let refused = sends(crate::protocol::command::erase_device(uuid(), &crate::protocol::command::EraseDevice::default())).unwrap_err();
    assert!(refused.message.contains("own device"), "{refused}");
    sends(crate::protocol::command::profile_list(uuid())).unwrap();
}

#[test]
fn nobody_takes_over_an_enrolled_device_by_signing_in_with_their_own_account() {
    let (school, kim) = School::with_kim();
    let ben = school.write(|tx| {
        let new = NewPerson { name: "Ben".into(), email: "ben@example.school".into(), role: PersonRole::Student, active: true };
        let ben = people::create(tx, &Actor::Console, new)?;
        people::set_account(tx, &Actor::Console, &ben.id, "ben@appleaccount.example.school")?;
        Ok(ben.id)
    });
    school.signed_in(&kim, "kim", Ownership::Own);
    let presented = school.certified_by(&school.profile_for("iPad13,18", "kim", Ownership::Own), "kim's", Some("kim"));
    school.enrolls(&presented, OWN_ID, "iPad13,18");
    school.has_password(&ben, "battery horse correct");
    let as_ben = |token: &'static str, ownership| school.signed_in(&ben, token, ownership);
    as_ben("ben", Ownership::Own);
    let bens = school.certified_by(&school.profile_for("iPad13,18", "ben", Ownership::Own), "ben's", Some("ben"));
    let refused = school.authenticates(&bens, OWN_ID, "iPad13,18");
    assert!(matches!(refused, Reply::Refused(Unheard::EnrolledAlready)), "{refused:?}");
    assert!(!matches!(school.idles(&presented, OWN_ID), connect::Reply::Refused(_)), "hers goes on");
    // A device of the school's that an invitation brought, by whoever knows its UDID.
    let mac = school.enrolled("UDID-9");
    as_ben("school", Ownership::School);
    let info = MachineInfo { product_name: "Mac14,2".into(), ..MachineInfo::default() };
    let asked = Asked { info, by: Vouched::Apple, ownership: Ownership::School, token: Some(sha256(b"school")) };
    let answer = school.write(move |tx| {
        let answer = account::decide(tx, &asked, Addresses::under("https://mdm.example.school"))?;
        if let Answer::Profile(grant) = &answer {
            account::record(tx, &asked, grant)?;
        }
        Ok(answer)
    });
    let Answer::Profile(grant) = answer else { panic!("{answer:?}") };
    let bens = school.certified_by(&grant, "ben's Mac", Some("school"));
    let unproven = "<key>UDID</key><string>UDID-9</string>";
    let refused = school.authenticates(&bens, unproven, "Mac14,2");
    assert!(matches!(refused, Reply::Refused(Unheard::EnrolledAlready)), "{refused:?}");
    let other_family = school.authenticates(&bens, "<key>UDID</key><string>UDID-8</string>", "iPad13,18");
    assert!(matches!(other_family, Reply::Refused(Unheard::NotAllowed)), "it asked as a Mac: {other_family:?}");
    let id = mac.enrollment().device_id;
    school.write(move |tx| crate::mdm::devices::retire(tx, &Actor::Console, &id));
    assert!(matches!(school.authenticates(&bens, unproven, "Mac14,2"), Reply::Empty), "once it was retired it may come");
}

#[test]
fn a_token_is_proof_besides_the_certificate_and_never_instead_of_it() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "token", Ownership::Own);
    let grant = school.profile_for("iPad13,18", "token", Ownership::Own);
    let right = school.certified_by(&grant, "identity", Some("token"));
    school.enrolls(&right, OWN_ID, "iPad13,18");
    let shown = || {
        let id = school.of("E-1").id;
        school.write(move |tx| account_tokens::of_enrollment(tx, &id)).unwrap().shown
    };
    for (bearer, expected) in [(None, Shown::Nothing), (Some(sha256(b"another")), Shown::Another), (right.bearer, Shown::Right)] {
        let presented = Presented { bearer, ..right.clone() };
        let (head, asked) =
            (report::parse(plist(&format!("<key>Status</key><string>Idle</string>{OWN_ID}")).as_bytes()).unwrap().head, presented.clone());
        assert_eq!(school.write(move |tx| connect::poll(tx, &asked, &head)), Poll::Write, "{expected:?} is news");
        assert!(!matches!(school.idles(&presented, OWN_ID), connect::Reply::Leave(_) | connect::Reply::Refused(_)));
        assert_eq!((shown(), school.of("E-1").state), (expected, EnrollmentState::Enrolled));
    }
    let noted = school.events().iter().filter(|kind| *kind == "account.token_shown").count();
    school.idles(&right, OWN_ID);
    assert_eq!((noted, school.events().iter().filter(|kind| *kind == "account.token_shown").count()), (3, 3), "the same is told once");
    let stranger = Presented { bearer: right.bearer, ..school.certificate("of nobody", Purpose::Enroll, None) };
    assert!(matches!(school.idles(&stranger, OWN_ID), connect::Reply::Refused(_)), "a token alone is nobody");
}

#[test]
fn with_their_person_go_their_own_devices_and_unused_sign_ins_and_the_schools_stay() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "own", Ownership::Own);
    school.signed_in(&kim, "school", Ownership::School);
    school.signed_in(&kim, "unused", Ownership::Own);
    let own = school.certified_by(&school.profile_for("iPad13,18", "own", Ownership::Own), "own", Some("own"));
    school.enrolls(&own, OWN_ID, "iPad13,18");
    let mac = school.certified_by(&school.profile_for("Mac14,2", "school", Ownership::School), "mac", Some("school"));
    school.enrolls(&mac, "<key>UDID</key><string>UDID-1</string><key>SerialNumber</key><string>TESTSN0001</string>", "Mac14,2");
    let id = kim.clone();
    let leaving = school.write(move |tx| people::leaving(tx, &Actor::Console, &id, false));
    assert_eq!(leaving.devices, ["iPad of Kim"]);
    school.is_active(&kim, false);
    assert_eq!((school.of("E-1").state, school.of("UDID-1").state), (EnrollmentState::Retired, EnrollmentState::Enrolled));
    assert!(matches!(school.idles(&own, OWN_ID), connect::Reply::Leave(_)));
    let answer = school.asks("iPad13,18", Some("unused"), Ownership::Own);
    assert!(matches!(answer, Answer::SignIn), "{answer:?}");
}

#[test]
fn a_sign_in_that_is_open_ends_with_the_person_and_with_the_password() {
    let (school, kim) = School::with_kim();
    let reading = school.at_the_desk(&kim);
    school.is_active(&kim, false);
    assert!(matches!(school.goes_on(reading, "left", Ownership::Own), Err(Refusal::NotActive(_))));
    school.is_active(&kim, true);

    let reading = school.at_the_desk(&kim);
    school.signed_in(&kim, "unused", Ownership::Own);
    assert!(matches!(school.asks("iPad13,18", Some("unused"), Ownership::Own), Answer::Profile(_)));
    school.clock.advance(Duration::from_secs(1));
    school.has_password(&kim, "another horse battery");
    assert_eq!(school.goes_on(reading, "old", Ownership::Own), Err(Refusal::PasswordChanged));
    assert!(matches!(school.asks("iPad13,18", Some("unused"), Ownership::Own), Answer::SignIn), "the token of the password before is over");
    school.signed_in(&kim, "new", Ownership::Own);
    assert!(matches!(school.asks("iPad13,18", Some("new"), Ownership::Own), Answer::Profile(_)));
    let reading = school.at_the_desk(&kim);
    let id = kim.clone();
    school.write(move |tx| passwords::remove(tx, &Actor::Console, &id));
    assert_eq!(school.goes_on(reading, "none", Ownership::Own), Err(Refusal::PasswordChanged));
}

#[test]
fn a_sign_in_that_is_not_used_ends_and_the_rules_decide_who_is_asked_for_one() {
    let (school, kim) = School::with_kim();
    assert!(matches!(school.asks("iPad13,18", None, Ownership::Own), Answer::SignIn));
    for (product, ownership) in [("iPad13,18", Ownership::School), ("iPhone14,5", Ownership::Own), ("AppleTV14,1", Ownership::Own)] {
        let answer = school.asks(product, None, ownership);
        assert!(matches!(answer, Answer::Refused(Refusal::Off)), "{product}: {answer:?}");
    }
    school.signed_in(&kim, "token", Ownership::Own);
    school.clock.advance(TOKEN_LIFE);
    assert!(matches!(school.asks("iPad13,18", Some("token"), Ownership::Own), Answer::SignIn));
    school.clock.advance(TOKEN_LIFE);
    assert_eq!(school.write(|tx| account_tokens::prune(tx, 10)), 1);
    let id = kim.clone();
    let refused = |identifier: &'static str| {
        let id = id.clone();
        school.write(move |tx| account::signed_in(tx, &id, identifier)).err()
    };
    assert_eq!(refused("KIM@appleaccount.example.school"), None);
    assert!(matches!(refused("ben@appleaccount.example.school"), Some(Refusal::OtherAccount(_))));
    let denied = school.try_write(|tx: &Tx| {
        let helper = Actor::Person { id: "h".into(), name: "Helper".into(), role: Role::Helper };
        rules::change(tx, &helper, Change::default())
    });
    assert!(denied.is_err());
    let domains = school.write(|tx| rules::domains(tx, &Actor::Console));
    assert_eq!(domains, ["appleaccount.example.school"]);
    let long = school.try_write(|tx| rules::change(tx, &Actor::Console, Change { group: Some("x".repeat(201)), ..Change::default() }));
    assert_eq!(long.unwrap_err().fields[0].field, "group");
}

#[test]
fn who_comes_back_by_an_invitation_has_no_sign_in_any_more() {
    let (school, kim) = School::with_kim();
    school.signed_in(&kim, "school", Ownership::School);
    let mac = school.certified_by(&school.profile_for("Mac14,2", "school", Ownership::School), "mac", Some("school"));
    let id = "<key>UDID</key><string>UDID-1</string><key>SerialNumber</key><string>TESTSN0001</string>";
    school.enrolls(&mac, id, "Mac14,2");
    let enrollment = school.of("UDID-1");
    school.write(move |tx| renewal::hasten(tx, &enrollment));
    let invited = school.certificate("by invitation", Purpose::Enroll, None);
    school.enrolls(&invited, id, "Mac14,2");
    let enrollment_id = school.of("UDID-1").id;
    assert_eq!(school.write(move |tx| account_tokens::of_enrollment(tx, &enrollment_id)), None);
}
