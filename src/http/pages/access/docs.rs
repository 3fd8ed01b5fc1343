//! `/docs/access`: how an app asks, for those who write one. Public: it holds nothing that is not the same everywhere.

use maud::{Markup, html};

use super::super::parts::person;
use crate::language::say;
use crate::mdm::access::copies::{COPIES_MAX, COPIES_MAX_BYTES, COPY_MAX_BYTES};
use crate::mdm::access::{COPIES_AFTER_REFUSAL, Policy};
use crate::protocol::grant::{Code, NONCE_MIN};

const ASK: &str = r#"POST /access/v1/grant
Content-Type: application/json

{
  "bundle_id":    "school.example.field",
  "installation": "random UUID, made with the record",
  "nonce":        "fresh and random, base64url",
  "client_time":  "2026-11-25T08:00:00Z",
  "counter":      17,
  "last_grant":   "4-…, the grant of the last answer; left out at first",
  "token":        "$ACCESS_TOKEN of the managed configuration",
  "email":        "only with password",
  "password":     "only with email"
}"#;

const ANSWER: &str = r#"200, Content-Type: application/jose
A compact JWS: {"alg":"ES256","kid":"…","typ":"rollcall-grant+jws"}

{
  "iss":               "https://this-server",
  "bundle_id":         "school.example.field",
  "installation":      "as sent",
  "nonce":             "as sent",
  "grant":             "5-…",
  "sequence":          5,
  "allowed":           true,
  "erase":             false,
  "code":              "granted",
  "reason":            "You may use this app.",
  "issued_at":         "2026-11-25T08:00:01Z",
  "expires_at":        "2026-11-25T09:00:01Z",
  "offline_until":     "2026-11-26T08:00:01Z",
  "launches_left":     20,
  "clock_tolerance_s": 600,
  "copies_until":      "2026-11-26T08:00:01Z",
  "holder":            "opaque",
  "app_id":            "opaque"
}"#;

/// The duties of a client, in the order in which they matter.
const DUTIES: [&str; 11] = [
    msg!("Ask at each launch, and again at expires_at while the app is open. Show nothing before the answer was verified."),
    msg!("Count: before each launch offline and before each ask, add 1 to the counter and store it. Only then go on."),
    msg!(
        "Verify the JWS: alg must be ES256, typ rollcall-grant+jws, kid one of GET /access/v1/keys (a JSON Web Key Set, fetched over TLS). Refuse everything else, alg none first of all."
    ),
    msg!(
        "Compare iss, bundle_id, installation and nonce with what was sent. An answer that differs in one of them is no answer. Forget the nonce once it was answered."
    ),
    msg!(
        "When it allows, sequence must be larger than the last one. Store the whole answer before showing anything: it is the right to go on offline. Its grant is sent as last_grant from then on, and stays when the right has gone."
    ),
    msg!(
        "When it does not allow, take the stored answer and launches_left out of the record, and store that, before anything else: from then on no launch offline opens the app."
    ),
    msg!(
        "When it says erase: store that you are erasing, erase all data, then the record, then show the reason. What was cut short goes on at the next launch before anything else, online or not. Edits that were not brought yet may wait in an outbox that is never shown, until copies_until, and are brought under this very answer. The next ask begins a new installation: counter 1, no last_grant."
    ),
    msg!("When it says neither allowed nor erase: show the reason, keep the data closed, ask again later."),
    msg!(
        "Only no answer at all, and the statuses 408, 429 and 5xx, lead to the rules for offline; wait as Retry-After says. Every other status closes the app, and it stays closed, offline too, until an answer allows it. 401: a proof is missing or wrong. 404: nobody has to ask for this app."
    ),
    msg!(
        "Offline, go on only while there is a right to, the latest time ever seen (the device's clock or issued_at) is before offline_until, the clock is not further behind that time than clock_tolerance_s, and launches_left is not 0. Store what changed first."
    ),
    msg!(
        "Keep the record (installation, counter, sequence, last_grant, last answer, launches left, latest time) in the keychain with kSecAttrAccessibleWhenUnlockedThisDeviceOnly, never in a file that is backed up. Keep data in Library/Caches."
    ),
];

/// The page.
pub fn access(organisation: &str) -> Markup {
    let sensible = Policy::default();
    let content = html! {
        h1 { (t!("How an app asks for access")) }
        p.lead { (t!("An app of your own asks this server at each launch whether it may go on: whether the device is managed, the app assigned, the person active. \
                  The answer is signed, holds for a while offline, and can tell the app to erase what it holds.")) }
        h2 { (t!("Ask")) }
        pre.code-block tabindex="0" role="group" aria-label=(t!("What is asked")) { code { (ASK) } }
        p { (t!("Proofs are those of the app's policy: the token, email and password, or a signature: then the body is a compact JWS over the same JSON \
             (application/jose) with alg ES256 or RS256 and the device's certificate in x5c. The nonce has at least ")) (NONCE_MIN) (t!(" characters. Unknown fields are refused.")) }
        h2 { (t!("Answer")) }
        pre.code-block tabindex="0" role="group" aria-label=(t!("What is answered")) { code { (ANSWER) } }
        p { (t!("Unless the policy says otherwise: ")) (sensible.offline_hours) (t!(" hours and ")) (sensible.launches.unwrap_or_default()) (t!(" launches offline. \
             launches_left and copies_until are absent where they are not counted or not taken. The same ask (counter and nonce) gets the same answer again.")) }
        h2 { (t!("Codes")) }
        dl.words {
            @for code in Code::ALL {
                dt { code { (code) } @if code.ends_the_right() { (t!(" erases, if the policy says so")) } }
                dd { (code.words()) }
            }
        }
        p { (t!("An installation is the person's whom it was first granted for, wherever it matters who that is. Another person is told another_person, and the app begins anew.")) }
        h2 { (t!("What the app must do")) }
        ol { @for duty in DUTIES { li { (say(duty)) } } }
        h2 { (t!("Copies of offline edits")) }
        pre.code-block tabindex="0" role="group" aria-label=(t!("A document sent back")) { code { "POST /access/v1/copies?document=notes.txt\nAuthorization: Bearer <the last answer>\n\n<the document>" } }
        p { (t!("201 with id, version and sha256; 200 when the newest version is the same. Copies are added and never changed. At most ")) (COPY_MAX_BYTES / (1 << 20)) (t!(" MiB each, "))
            (COPIES_MAX) (t!(" and ")) (COPIES_MAX_BYTES / (1 << 20)) (t!(" MiB of one app for each device, or for each person where only a password is asked. When a right ends, \
             copies are taken for another ")) (COPIES_AFTER_REFUSAL.as_secs() / 60) (t!(" minutes from the first refusal on, and are kept apart; who never had a right brings none.")) }
        h2 { (t!("Why cheating gains nothing")) }
        ul {
            li { (t!("Opening the app again and again: launches are counted before anything is shown.")) }
            li { (t!("Turning the clock back: the latest time that was ever seen counts, and it does not go back.")) }
            li { (t!("Going offline after a refusal: the right went before the refusal was shown.")) }
            li { (t!("Restoring an old backup: the record is not in backups; an older one shows a smaller grant or counter than the server has seen, or one of an installation \
                  that it has forgotten, and is told rolled_back.")) }
            li { (t!("Inventing installations: grants and copies are counted by device, or by person.")) }
            li { (t!("Playing an answer back: its nonce belongs to another ask, its sequence is not larger.")) }
            li { (t!("Guessing passwords: guesses are slowed by the address they come from and the person they are aimed at, written down, and do not lock an app that this person \
                  was granted before.")) }
            li { (t!("Another device's or app's token, certificate or answer: each is bound to one enrollment and one app.")) }
        }
        p { (t!("A client in Swift is in the source, packaging/swift/RollcallAccess.swift.")) }
    };
    person(t!("How an app asks for access"), organisation, content)
}
