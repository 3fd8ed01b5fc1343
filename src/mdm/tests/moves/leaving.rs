//! Devices that go to another server: what is told of them, whole and page by page.

use super::*;

#[test]
fn what_leaves_here_arrives_elsewhere_with_secrets_only_where_they_are_asked_for() {
    let school = School::new().with_push_certificates();
    let device = school.enrolled(A);
    device
        .check_in(&format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string><key>Token</key><data>BBBB</data>\
         <key>PushMagic</key><string>of kim</string>{USER}"
        ))
        .unwrap();
    device.check_in("<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>Ym9vdA==</data>").unwrap();
    let page = |secrets: bool| school.write(move |tx| export::page(tx, &Actor::Console, secrets, "", 100));
    let kinds = |page: &export::Page| page.messages.iter().map(|message| message.message_type).collect::<Vec<_>>();
    let bare = page(false);
    assert_eq!(kinds(&bare), ["Authenticate", "TokenUpdate", "TokenUpdate"]);
    assert!(bare.messages.iter().all(|message| !String::from_utf8_lossy(message.body.expose()).contains("UnlockToken")));
    assert!(!school.events().iter().any(|kind| kind == "escrow.exported"));
    let whole = page(true);
    assert_eq!(kinds(&whole), ["Authenticate", "TokenUpdate", "SetBootstrapToken", "TokenUpdate"]);
    assert_eq!(school.events().iter().filter(|kind| *kind == "escrow.exported").count(), 1);
    assert_eq!((whole.total, whole.devices, whole.next), (1, 1, None));

    let other = School::new();
    let messages: Vec<_> = whole.messages.iter().map(|message| Message { body: message.body.clone(), identity: None }).collect();
    let taken = other.write(move |tx| take::take(tx, &Actor::Console, MovedFrom::Nano, &messages, false));
    assert!(taken.iter().all(|taken| taken.outcome.is_ok()), "{taken:?}");
    let arrived = |school: &School, id: &'static str, column| {
        school.write(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, id)?.unwrap();
            Ok(enrollments::secret(tx, &enrollment.id, column)?.map(|secret| secret.expose().clone()))
        })
    };
    for column in [SealedColumn::PushToken, SealedColumn::PushMagic, SealedColumn::UnlockToken, SealedColumn::BootstrapToken] {
        assert_eq!(arrived(&other, A, column), arrived(&school, A, column));
    }
    let user = "00008030-00AA11BB22CC33D1:5A0F0001-0000-4000-8000-000000000001";
    assert_eq!(arrived(&other, user, SealedColumn::PushMagic), Some(b"of kim".to_vec()));
    let admin = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Admin };
    assert_eq!(school.try_write(move |tx| export::page(tx, &admin, false, "", 1)).unwrap_err().kind, Kind::Forbidden);
}

#[test]
fn pages_of_an_export_have_each_device_once_and_leave_out_who_cannot_be_woken() {
    let school = School::new().with_push_certificates();
    for number in 0..7 {
        school.enrolled(&format!("00008030-00AA11BB22CC330{number}"));
    }
    let mute = school.enrolled("00008030-00AA11BB22CC3309").enrollment().id;
    school.write(move |tx| enrollments::set_secret(tx, &mute, SealedColumn::PushToken, None));
    let (mut after, mut seen, mut left_out) = (String::new(), Vec::new(), Vec::new());
    loop {
        let from = after.clone();
        let page = school.write(move |tx| export::page(tx, &Actor::Console, false, &from, 3));
        seen.extend(page.messages.iter().filter(|message| message.message_type == "Authenticate").map(|message| message.nano_id.clone()));
        left_out.extend(page.without_tokens);
        let Some(next) = page.next else { break };
        after = next;
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), left_out.as_slice()), (7, &[String::from("00008030-00AA11BB22CC3309")][..]));
}
