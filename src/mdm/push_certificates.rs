//! Push certificates as people bring them: the request made here, the upload, and the guard over the topic that devices know.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate as Pair;
use crate::secret::SecretBytes;
use crate::store::push_certificates::{self, PushCertificate};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, alerts, enrollments};

/// Longest account note, in characters.
pub const NOTE_MAX_CHARS: usize = 200;

/// How long an upload waits for the answer to whether it may replace another topic.
pub const PENDING_FOR: Duration = Duration::from_secs(3600);

/// An upload that waits for that answer: certificate, key and note, sealed.
const PENDING: Setting<SecretBytes> = Setting::new("push.pending");

/// A push certificate and how many devices it reaches.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The certificate.
    pub certificate: PushCertificate,
    /// When it begins.
    pub not_before_at: Timestamp,
    /// Devices that are enrolled on its topic, practice ones left out.
    pub devices: i64,
    /// When Apple last accepted a push made with it.
    pub last_push_at: Option<Timestamp>,
}

/// Every push certificate but the practice classroom's, the current one first.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    let rows = push_certificates::all(tx)?.into_iter().filter(|row| !row.practice);
    rows.map(|certificate| {
        let not_before_at = Certificate::from_der(&certificate.certificate)?.not_before();
        let (devices, last_push_at) =
            (enrollments::count_on_topic(tx, &certificate.topic)?, enrollments::last_push_on_topic(tx, &certificate.topic)?);
        Ok(Standing { certificate, not_before_at, devices, last_push_at })
    })
    .collect()
}

/// A new topic would cut devices off that know another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicChange {
    /// The topic that devices know.
    pub old_topic: String,
    /// The topic of what was brought.
    pub new_topic: String,
    /// Devices that would be lost.
    pub devices: i64,
}

impl TopicChange {
    /// The refusal in words.
    pub fn error(&self) -> Error {
        let devices = if self.devices == 1 { String::from(t!("1 device")) } else { t!("{devices} devices", devices = self.devices) };
        Error::conflict(t!(
            "This certificate has the topic {new_topic}, but {devices} enrolled with {old_topic}; {devices} would be lost. Renew the old certificate in Apple's portal \
             with the account that made it, or say on purpose that it is to be replaced.",
            new_topic = self.new_topic,
            devices,
            old_topic = self.old_topic
        ))
    }
}

/// Whether taking this pair for new enrollments would leave devices on another topic behind. A topic that is known already is renewed in its
/// place and changes nothing for the others.
pub fn topic_change(tx: &Tx, pair: &Pair) -> Result<Option<TopicChange>> {
    if push_certificates::by_topic(tx, pair.topic())?.is_some_and(|known| !known.practice) {
        return Ok(None);
    }
    let Some(current) = push_certificates::current(tx)?.filter(|current| current.topic != pair.topic()) else { return Ok(None) };
    let devices = enrollments::count_on_topic(tx, &current.topic)?;
    Ok((devices > 0).then(|| TopicChange { old_topic: current.topic, new_topic: pair.topic().to_owned(), devices }))
}

/// What became of an upload.
#[derive(Debug, Clone)]
pub struct Put {
    /// As it is kept now.
    pub certificate: PushCertificate,
    /// What is odd about it, in words.
    pub warning: Option<String>,
    /// That it is kept beside the one that is in use, and for whom, in words; none where it is the one for new devices.
    pub beside: Option<String>,
}

/// Takes a push certificate for new enrollments. Pushes use it from the next one on.
///
/// Fails with a conflict that names the devices when it would replace the topic that they know, unless it is meant.
pub fn put(tx: &Tx, actor: &Actor, pair: &Pair, account_note: &str, replace_topic: bool) -> Result<Put> {
    actor.require(Right::Configure)?;
    if account_note.chars().count() > NOTE_MAX_CHARS || account_note.chars().any(char::is_control) {
        return Err(Error::field("account", t!("at most {NOTE_MAX_CHARS} characters on one line", NOTE_MAX_CHARS)));
    }
    if let Some(change) = topic_change(tx, pair)?.filter(|_| !replace_topic) {
        return Err(change.error());
    }
    let known = push_certificates::by_topic(tx, pair.topic())?;
    let stays_aside = known.is_some_and(|known| !known.current) && is_used(tx)?;
    let is_current = !stays_aside || replace_topic;
    let put = keep(tx, actor, pair, is_current, account_note)?;
    settings::forget(tx, &PENDING)?;
    Ok(Put { beside: if is_current { None } else { beside(tx, pair.topic())? }, ..put })
}

/// Which devices use the topic beside which the certificate of another is kept, in words.
fn beside(tx: &Tx, topic: &str) -> Result<Option<String>> {
    let Some(current) = push_certificates::current(tx)? else { return Ok(None) };
    let said = |count: i64| if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
    let (others, own) = (enrollments::count_on_topic(tx, &current.topic)?, enrollments::count_on_topic(tx, topic)?);
    Ok(Some(if own == 0 {
        t!(
            "It is kept beside the push certificate in use, and no device uses it: {others} enrolled with the topic {current}, as new ones do.",
            others = said(others),
            current = current.topic
        )
    } else {
        t!(
            "It is kept beside the push certificate in use, for {own} with its topic: {others} enrolled with the topic {current}, as new ones do.",
            own = said(own),
            others = said(others),
            current = current.topic
        )
    }))
}

/// In words, that the certificate ends before the one of its topic that it would replace; none where it does not.
pub fn ends_sooner(tx: &Tx, pair: &Pair) -> Result<Option<String>> {
    let known = push_certificates::by_topic(tx, pair.topic())?.filter(|known| known.not_after_at > pair.not_after());
    let Some(known) = known else { return Ok(None) };
    let zone = zone(tx)?;
    Ok(Some(t!(
        "This certificate ends on {not_after}, earlier than the one before it ({not_after_at}). Was the newest file uploaded?",
        not_after = language::date(zone.words(pair.not_after())),
        not_after_at = language::date(zone.words(known.not_after_at))
    )))
}

/// Whether devices are enrolled on the topic that new enrollments get.
fn is_used(tx: &Tx) -> Result<bool> {
    let Some(current) = push_certificates::current(tx)? else { return Ok(false) };
    Ok(enrollments::count_on_topic(tx, &current.topic)? > 0)
}

/// Stores the certificate of a topic, new or renewed, and lets the pushes go on that waited for it.
pub(in crate::mdm) fn keep(tx: &Tx, actor: &Actor, pair: &Pair, current: bool, account_note: &str) -> Result<Put> {
    let topic = pair.topic();
    let warning = ends_sooner(tx, pair)?;
    let known = push_certificates::by_topic(tx, topic)?;
    let kept_note = || known.as_ref().map(|known| known.account_note.clone()).unwrap_or_default();
    let row = PushCertificate {
        topic: topic.to_owned(),
        certificate: pair.certificate().der().to_vec(),
        not_after_at: pair.not_after(),
        current,
        practice: known.as_ref().is_some_and(|known| known.practice),
        account_note: if account_note.is_empty() { kept_note() } else { account_note.to_owned() },
        uploads: 0,
        paused_until_at: None,
        uploaded_at: tx.now,
    };
    push_certificates::put(tx, &row, pair.key().pkcs8_der().expose())?;
    enrollments::push_again_on_topic(tx, topic)?;
    for alert in ["push.impossible", "push.certificate_refused", "push.certificate_problem"] {
        alerts::clear(tx, &format!("{alert}:{topic}"))?;
    }
    let alert = format!("push.ends_sooner:{topic}");
    match &warning {
        Some(words) => {
            alerts::raise(
                tx,
                &alert,
                40,
                words,
                t!("Upload the newest certificate once more, or renew it in Apple's portal before this one ends."),
            )?;
        }
        None => {
            alerts::clear(tx, &alert)?;
        }
    }
    let kind = if known.is_some() { "push_certificate.renewed" } else { "push_certificate.added" };
    let mut data = json!({ "topic": topic, "not_after_at": row.not_after_at });
    if let Some(words) = &warning {
        data["because"] = json!(words);
    }
    journal::note(tx, actor, kind, journal::Subject::default(), data)?;
    tx.ring(Bell::Jobs);
    Ok(Put { certificate: row, warning, beside: None })
}

/// Keeps an upload, sealed, until its topic change is confirmed or an hour has passed.
pub fn hold(tx: &Tx, actor: &Actor, pair: &Pair, account_note: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let held = json!({ "until": tx.now.plus(PENDING_FOR), "certificate": pair.certificate().to_pem(), "key": pair.key().to_pem().expose(), "note": account_note });
    settings::set_secret(tx, &PENDING, &SecretBytes::new(held.to_string().into_bytes()))
}

/// The upload that is held, with its note.
pub fn held(tx: &Tx, actor: &Actor) -> Result<(Pair, String)> {
    actor.require(Right::Configure)?;
    let over = || Error::conflict(t!("The upload is not kept any more. Upload the file once more."));
    let held = settings::secret(tx, &PENDING)?.ok_or_else(over)?;
    let held: serde_json::Value =
        serde_json::from_slice(held.expose()).map_err(|error| Error::internal("an upload that was kept cannot be read", error))?;
    let text = |key: &str| held[key].as_str().unwrap_or_default();
    if Timestamp::parse(text("until")).is_none_or(|until| until <= tx.now) {
        return Err(over());
    }
    let (certificate, key) = (Certificate::from_pem(text("certificate").as_bytes())?, PrivateKey::from_pem(text("key").as_bytes(), None)?);
    Ok((Pair::new(certificate, key, tx.now)?, text("note").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::tests::School;
    use crate::pki::issue;

    /// A push certificate as the portal would give it.
    fn pair(topic: &str, now: Timestamp) -> Pair {
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let certificate = issue::root("Portal of a test", now).unwrap().practice_push(topic, &key, now).unwrap();
        Pair::new(certificate, key, now).unwrap()
    }

    #[test]
    fn another_topic_is_refused_with_the_count_of_devices_that_would_be_lost() {
        // C24: B is a conflict, only with an explicit override; A renewed is taken; a shorter-lived one is warned of.
        let school = School::new();
        let now = school.clock.now();
        let known = pair(crate::mdm::tests::TOPIC, now);
        let known_until = known.not_after();
        school.write(move |tx| put(tx, &Actor::Console, &known, "it@example.school", false));
        for number in 0..25 {
            school.enrolled(&format!("00008030-00AA11BB22CC3{number:03}"));
        }
        let other = pair("com.apple.mgmt.External.99999999-2222-4333-8444-555555555555", now);
        let same = other.clone();
        let refusal = school.try_write(move |tx| put(tx, &Actor::Console, &other, "", false)).unwrap_err();
        assert!(refusal.message.contains("25 devices would be lost"), "{refusal}");
        assert_eq!(school.write(push_certificates::current).unwrap().topic, crate::mdm::tests::TOPIC, "nothing is replaced on failure");

        let shorter = pair(crate::mdm::tests::TOPIC, now.minus(Duration::from_secs(30 * 24 * 3600)));
        let put_shorter = school.write(move |tx| put(tx, &Actor::Console, &shorter, "", false));
        let warning = put_shorter.warning.unwrap();
        let [sooner, later] = [put_shorter.certificate.not_after_at, known_until].map(Timestamp::words);
        assert!(warning.starts_with(&format!("This certificate ends on {sooner}, earlier than the one before it ({later}).")), "{warning}");
        assert_eq!(put_shorter.certificate.account_note, "it@example.school", "the note stays");

        school.write(move |tx| put(tx, &Actor::Console, &same, "", true));
        assert!(school.write(push_certificates::current).unwrap().topic.contains("99999999"));
        assert_eq!(school.write(push_certificates::all).len(), 2, "the old topic keeps its certificate for its devices");
    }

    #[test]
    fn a_renewed_certificate_is_used_at_once_and_the_topic_before_can_be_renewed_too() {
        let school = School::new();
        let now = school.clock.now();
        let (old, new) = (pair(crate::mdm::tests::TOPIC, now), pair("com.apple.mgmt.External.second", now));
        let (first, again) = (old.clone(), old);
        school.write(move |tx| put(tx, &Actor::Console, &first, "", false));
        let device = school.enrolled("00008030-00AA11BB22CC33DD");
        let id = school.write(|tx| enrollments::by_nano_id(tx, "00008030-00AA11BB22CC33DD")).unwrap().id;
        drop(device);
        let (one, refused) = (id.clone(), id.clone());
        school.write(move |tx| enrollments::set_push_outcome(tx, &one, "Apple refused the push certificate", None));
        school.write(move |tx| enrollments::set_push(tx, &refused, Some(tx.now.plus(Duration::from_secs(86_400))), 3));
        let renewed = again.clone();
        school.write(move |tx| put(tx, &Actor::Console, &renewed, "", false));
        let after = school.write(move |tx| enrollments::by_id(tx, &id)).unwrap();
        assert_eq!((after.push_due_at, after.push_attempts), (Some(now), 0), "nobody waits for the end of a pause");

        school.write(move |tx| put(tx, &Actor::Console, &new, "", true));
        for number in 0..2 {
            let udid = format!("00008030-00AA11BB22CC3{number:03}");
            drop(school.enrolled(&udid));
            school.write(move |tx| {
                let mut enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
                enrollment.topic = String::from("com.apple.mgmt.External.second");
                enrollments::update(tx, &enrollment)
            });
        }
        let (renewed, back) = (again.clone(), again);
        let put_aside = school.write(move |tx| put(tx, &Actor::Console, &renewed, "", false));
        assert!(!put_aside.certificate.current, "its devices are served, and new ones still get the topic chosen last");
        let beside = put_aside.beside.unwrap();
        assert!(beside.contains("for 1 device with its topic: 2 devices enrolled") && beside.contains("External.second"), "{beside}");
        assert!(school.write(move |tx| put(tx, &Actor::Console, &back, "", true)).certificate.current, "unless that is meant");
    }

    #[test]
    fn a_topic_that_no_device_uses_any_more_is_kept_beside_and_its_end_is_nobodys_concern() {
        let school = School::new();
        let now = school.clock.now();
        // The appliance of the tests begins with the topic that its devices enroll with.
        let (unused, used) = (pair("com.apple.mgmt.External.unused", now), pair(crate::mdm::tests::TOPIC, now));
        let again = unused.clone();
        school.write(move |tx| put(tx, &Actor::Console, &unused, "", true));
        school.write(move |tx| put(tx, &Actor::Console, &used, "", true));
        for number in 0..7 {
            drop(school.enrolled(&format!("00008030-00AA11BB22CC3{number:03}")));
        }
        let put_aside = school.write(move |tx| put(tx, &Actor::Console, &again, "", false));
        let beside = put_aside.beside.unwrap();
        assert!(
            beside.contains("no device uses it: 7 devices enrolled with the topic") && beside.contains(crate::mdm::tests::TOPIC),
            "{beside}"
        );
        assert_eq!(school.write(push_certificates::current).unwrap().topic, crate::mdm::tests::TOPIC);
        let ends = school.write(|tx| crate::mdm::ends::all(tx, true));
        let told: Vec<_> = ends.iter().filter(|end| end.key.starts_with("push.certificate:")).map(|end| end.key.as_str()).collect();
        assert_eq!(told, [format!("push.certificate:{}", crate::mdm::tests::TOPIC)]);
    }

    #[test]
    fn an_upload_is_held_for_an_hour_and_sealed() {
        let school = School::new();
        let brought = pair("com.apple.mgmt.External.held", school.clock.now());
        let topic = brought.topic().to_owned();
        school.write(move |tx| hold(tx, &Actor::Console, &brought, "note"));
        let (back, note) = school.write(|tx| held(tx, &Actor::Console));
        assert_eq!((back.topic(), note.as_str()), (topic.as_str(), "note"));
        school.clock.advance(PENDING_FOR);
        assert!(school.try_write(|tx| held(tx, &Actor::Console).map(drop)).is_err());
    }
}
