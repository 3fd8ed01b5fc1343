//! An app that asks, for tests of the whole API; what it is asked and answered stands with the pages' tests.

use super::*;
use crate::mdm::Actor;
use crate::mdm::access::{self, Policy};
use crate::store::access::{Standing, put_standing};
use crate::store::apps::{self, AppKind};
use crate::store::enrollments;
use crate::store::offline_copies::{self, Copy};

impl House {
    /// An app that a device has asked about, with a copy that it brought: the one of this id, or a new one; gives its id. The device is enrolled before.
    pub(super) async fn asking_app(&self, id: &str) -> String {
        let id = id.to_owned();
        let fill = move |tx: &crate::store::Tx| {
            let app = apps::App {
                id: id.clone(),
                kind: AppKind::InHouse,
                adam_id: None,
                bundle_id: "school.example.field".into(),
                name: "Field".into(),
                note: String::new(),
                platforms: "[]".into(),
                facts: "{}".into(),
                facts_at: None,
                settings: "{}".into(),
                revision: 1,
                created_at: tx.now,
                changed_at: tx.now,
            };
            if apps::by_id(tx, &id)?.is_none() {
                apps::insert(tx, &app)?;
            }
            access::set(tx, &Actor::Console, &id, Policy::default(), None)?;
            access::keys::prepare(tx)?;
            let enrollment = enrollments::by_nano_id(tx, super::commands::UDID)?.unwrap();
            let standing = Standing {
                app_id: id.clone(),
                holder: enrollment.id.clone(),
                enrollment_id: Some(enrollment.id.clone()),
                person_id: None,
                owner_id: None,
                installation: "installation-1".into(),
                sequence: 1,
                acknowledged: 0,
                counter: 1,
                nonce: Vec::new(),
                asked_at: tx.now,
                granted_at: Some(tx.now),
                offline_until: Some(tx.now),
                ended_at: None,
                code: "granted".into(),
            };
            put_standing(tx, &standing)?;
            let copy = Copy {
                id: "c1".into(),
                app_id: id.clone(),
                holder: enrollment.id,
                document: "notes.txt".into(),
                version: 1,
                media_type: "text/plain".into(),
                size_bytes: 4,
                sha256: vec![0; 32],
                device_id: Some(enrollment.device_id),
                person_id: None,
                whose: "iPad 1".into(),
                after_refusal: false,
                created_at: tx.now,
                keep_until: tx.now,
            };
            let sealed = offline_copies::seal(tx, "c1", b"edit")?;
            offline_copies::insert(tx, &copy, &sealed)?;
            Ok(id)
        };
        self.app.store.write(self.app.now(), fill).await.unwrap()
    }
}
