//! Backups: how they stand, when and where to they go, the recovery key, and how one is restored.

use maud::{Markup, Render as _, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Row, Section, Shell, State, Table, badge, checkbox, confirm, copy_field, count, facts, field,
    frame, moment, post, section, table, time_ago,
};
use crate::clock::Timestamp;
use crate::http::pages::packages::parts::size;
use crate::mdm::backups::gone::is_gone;
use crate::mdm::backups::{Standing, plan};
use crate::pki::vault::PASSPHRASE_MIN;
use crate::protocol::s3::S3Place;
use crate::store::backups::{Backup, Place};

/// Where the page is.
pub const ADDRESS: &str = "/system/backups";

/// Backups that are listed on the page; there are seldom more.
pub const LISTED: usize = 100;

/// What stands in the form.
#[derive(Debug, Clone, Default)]
pub struct BackupsForm {
    /// Whether one is made each day.
    pub daily: bool,
    /// At which time of the day.
    pub at: String,
    /// Whether files of packages are in it.
    pub with_packages: bool,
    /// Days, weeks and months that are kept.
    pub keep: [String; 3],
    /// The folder.
    pub folder: String,
    /// The store's address.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What names begin with.
    pub prefix: String,
    /// The access key.
    pub key_id: String,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// Further roots.
    pub trust_anchors: String,
}

impl From<&Standing> for BackupsForm {
    fn from(standing: &Standing) -> Self {
        let plan = standing.plan.clone();
        let store = plan.s3.unwrap_or_default();
        Self {
            daily: plan.daily,
            at: plan::time(plan.minute),
            with_packages: plan.with_packages,
            keep: [plan.keep.daily, plan.keep.weekly, plan.keep.monthly].map(|keep| keep.to_string()),
            folder: plan.folder.unwrap_or_default(),
            endpoint: store.endpoint,
            region: store.region,
            bucket: store.bucket,
            prefix: store.prefix,
            key_id: store.key_id,
            path_style: store.path_style,
            trust_anchors: store.trust_anchors,
        }
    }
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct BackupsView {
    /// How backups stand.
    pub standing: Standing,
    /// The newest ones.
    pub list: Vec<Backup>,
    /// How many there are.
    pub total: usize,
    /// What stands in the form.
    pub form: BackupsForm,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// The appliance's time zone.
    pub zone: String,
    /// Whether one is being made, or will be in a moment.
    pub under_way: bool,
    /// Whether the viewer may set them up.
    pub may_configure: bool,
    /// Whether the viewer may take one away, and make a recovery key.
    pub may_govern: bool,
}

/// The page.
pub fn page(shell: &Shell, view: &BackupsView) -> Markup {
    let content = html! {
        div.stack.loose {
            (section(t!("How they stand"), standing(view, shell.now)))
            (section(t!("Recovery key"), recovery(view)))
            (section(t!("When and where to"), form(view)))
            (section(t!("Backups"), list(view, shell.now)))
            @if view.may_govern { (section(t!("Take one away"), take(view))) }
            (section(t!("When the machine is lost"), instructions()))
        }
    };
    let under = html! { (t!("One locked file brings every device back: who they are, what they are to have, and the certificates that they trust.")) };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Backups")) }, content)
}

fn standing(view: &BackupsView, now: Timestamp) -> Markup {
    let standing = &view.standing;
    let mut list = vec![Fact::new(
        t!("Last backup"),
        html! {
            @match &standing.last {
                Some(last) => { (time_ago(last.made_at, now)) ", " (size(last.size_bytes)) ", " (count(last.devices, t!("device"), t!("devices"))) },
                None => (t!("none yet")),
            }
        },
    )];
    if let Some(failure) = &standing.failure {
        list.push(Fact::new(
            t!("Last try"),
            html! { (badge(State::Problem, t!("failed"))) " " (time_ago(failure.at, now)) ": " (failure.because) },
        ));
    }
    let next = html! {
        @if view.under_way { (t!("being made")) }
        @else { @match standing.next_at {
            Some(at) if at > now => (moment(at)),
            Some(_) => (t!("as soon as it can be made")),
            None => (t!("not made by itself")),
        } }
    };
    list.push(Fact::new(t!("Next"), next));
    if let Some(tested) = &standing.last_test {
        let words = html! {
            @if tested.problem.is_empty() { (badge(State::Ok, t!("sound"))) } @else { (badge(State::Problem, t!("failed"))) }
            " " (time_ago(tested.at, now))
            @if !tested.problem.is_empty() { ": " (tested.problem) }
        };
        list.push(Fact::new(t!("Last restored for trial"), words));
    }
    if let Some(restored) = &standing.restored {
        list.push(Fact::new(
            t!("This appliance"),
            html! { (t!("was restored ")) (time_ago(restored.restored_at, now)) (t!(" from the backup of ")) (moment(restored.made_at)) },
        ));
    }
    let ready = standing.recovery.is_some() && standing.plan.has_place();
    html! {
        (facts(&list))
        @if view.may_configure && ready {
            div.row {
                (post(&format!("{ADDRESS}/run"), html! { (Button::submit(t!("Back up now")).main()) }))
                @if !view.list.is_empty() { (post(&format!("{ADDRESS}/self-test"), html! { (Button::submit(t!("Restore for trial"))) })) }
            }
        }
    }
}

fn recovery(view: &BackupsView) -> Markup {
    html! {
        @match &view.standing.recovery {
            Some(recovery) => {
                p { (t!("Backups are locked for the recovery key that was made on ")) (moment(recovery.made_at)) (t!(". Only its public part is here; the key itself is where you keep it.")) }
                (facts(&[Fact::code(t!("Public part"), &recovery.public_key)]))
            },
            None => p { (t!("Backups that are made by themselves are locked for a recovery key. It is shown once, and kept by you: without it, nobody opens them.")) },
        }
        @if view.may_govern {
            (post(&format!("{ADDRESS}/recovery-key"), html! {
                div.row {
                    @if view.standing.recovery.is_some() { (Button::submit(t!("Make another recovery key")).asks()) }
                    @else { (Button::submit(t!("Make a recovery key")).main()) }
                }
            }))
        } @else if view.standing.recovery.is_none() { p.quiet { (t!("Only owners make one.")) } }
    }
}

fn form(view: &BackupsView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let form = &view.form;
    if !view.may_configure {
        let plan = &view.standing.plan;
        let places = [plan.folder.clone(), plan.s3.as_ref().map(S3Place::location)].into_iter().flatten().collect::<Vec<_>>();
        let places = if places.is_empty() { String::from(t!("nowhere yet")) } else { places.join(", ") };
        let daily = if plan.daily { t!("each day at {at}", at = form.at) } else { String::from(t!("not by themselves")) };
        return html! { (facts(&[Fact::text(t!("Made"), &daily), Fact::text(t!("Put into"), &places)])) p.quiet { (t!("Only admins change this.")) } };
    }
    let keep = |name: &str, label: &str, value: &str| field(name, label).kind("number").value(value).error(error(name)).render();
    let at_help = t!("By the clock of {address}.", address = view.zone.replace('_', " "));
    let secret_help = if view.standing.has_s3_secret {
        t!("One is kept, and not shown. Leave this empty to go on with it.")
    } else {
        t!("It is kept sealed, and not shown again.")
    };
    let store_open = !form.endpoint.is_empty() || view.errors.iter().any(|(field, _)| field.starts_with("s3."));
    post(
        ADDRESS,
        html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                (checkbox("daily", t!("Make one each day"), form.daily, t!("It is made while everything goes on, and tried again where it fails.")))
                (field("at", t!("At")).kind("time").value(&form.at).error(error("at")).help(&at_help))
                (checkbox("with_packages", t!("With the files of apps of your own"), form.with_packages, t!("Without them a backup is small; they can be uploaded again.")))
                (field("folder", t!("Folder")).optional().value(&form.folder).error(error("folder")).example("/srv/backups").mono()
                    .help(t!("On another disk, or a share that is mounted on this machine.")))
                details open[store_open] {
                    summary { (t!("A store that speaks S3")) }
                    div.stack {
                        (field("s3.endpoint", t!("Address of the store")).optional().value(&form.endpoint).error(error("s3.endpoint")).example("https://s3.eu-central-1.amazonaws.com").mono()
                            .help(t!("Empty for none. What goes there is locked before it leaves this machine.")))
                        (field("s3.bucket", t!("Bucket")).optional().value(&form.bucket).error(error("s3.bucket")).mono().help(t!("It must exist already.")))
                        (field("s3.prefix", t!("Folder in the bucket")).optional().value(&form.prefix).error(error("s3.prefix")).example("rollcall/").mono())
                        (field("s3.region", t!("Region")).optional().value(&form.region).error(error("s3.region")).example("eu-central-1").mono())
                        (field("s3.key_id", t!("Access key")).optional().value(&form.key_id).error(error("s3.key_id")).autocomplete("off").mono()
                            .help(t!("It needs to put, get and delete objects in this bucket, and nothing else.")))
                        (field("s3.secret_key", t!("Secret key")).optional().kind("password").error(error("s3.secret_key")).autocomplete("new-password").help(secret_help))
                        (checkbox("s3.path_style", t!("The bucket stands in the address’s path"), form.path_style, t!("Most stores of one’s own, such as MinIO and Garage, want it so.")))
                        (field("s3.trust_anchors", t!("Certificates to trust")).optional().lines(4).value(&form.trust_anchors).error(error("s3.trust_anchors")).mono()
                            .help(t!("Only for a store with a certificate authority of its own: its root, as text.")))
                    }
                }
                fieldset {
                    legend { (t!("How many are kept")) }
                    div.thirds {
                        (keep("keep.daily", t!("Days"), &form.keep[0]))
                        (keep("keep.weekly", t!("Weeks"), &form.keep[1]))
                        (keep("keep.monthly", t!("Months"), &form.keep[2]))
                    }
                    p.meta { (t!("The newest of each of the last days, weeks and months. Only files that this appliance made are deleted.")) }
                }
                div.form-foot {
                    (Button::submit(t!("Save")).main())
                    (Button::submit(t!("Try the places")).to(format!("{ADDRESS}/try")))
                }
            }
        },
    )
}

fn list(view: &BackupsView, now: Timestamp) -> Markup {
    let place = |place: Place| match place {
        Place::Folder => t!("folder"),
        Place::S3 => t!("store"),
    };
    let row = |backup: &Backup| Row {
        id: backup.id.clone(),
        name: backup.name.clone(),
        href: None,
        cells: vec![
            html! { (time_ago(backup.made_at, now)) },
            html! { (size(backup.size_bytes.unsigned_abs())) },
            html! { (backup.devices) },
            html! { (place(backup.place)) " " span.mono { (backup.location) } },
            html! {
                @match backup.tested_at {
                    Some(_) if backup.test_problem.is_empty() => (badge(State::Ok, t!("sound"))),
                    Some(_) if is_gone(backup) => (badge(State::Problem, t!("gone"))),
                    Some(_) => (badge(State::Problem, t!("failed"))),
                    None => span.quiet { (t!("not tried")) },
                }
            },
            html! { span.mono { (backup.name) } },
        ],
    };
    html! {
        (table(&Table {
            caption: t!("Backups"),
            columns: vec![
                Column::main(t!("Made")),
                Column::number(t!("Size")),
                Column::number(t!("Devices")),
                Column::text(t!("Where")).wraps(),
                Column::text(t!("Restored for trial")),
                Column::text(t!("File")).minor(),
            ],
            rows: view.list.iter().map(row).collect(),
            pager: None,
            empty: html! { p.quiet { (t!("None yet. A day after the first one there are two.")) } },
            selection: None,
            compact: true,
        }))
        @if view.total > view.list.len() { p.quiet { (t!("The newest ")) (view.list.len()) (t!(" of ")) (view.total) "." } }
    }
}

fn take(view: &BackupsView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let help = t!(
        "At least {PASSPHRASE_MIN} characters; four words are easy to keep. Whoever has the file and the passphrase has everything that is here.",
        PASSPHRASE_MIN
    );
    post(
        &format!("{ADDRESS}/file"),
        html! {
            div.form {
                (field("passphrase", t!("Passphrase")).kind("password").autocomplete("new-password").error(error("passphrase")).help(&help))
                (checkbox("packages_too", t!("With the files of apps of your own"), false, ""))
                div.form-foot { (Button::submit(t!("Download a backup"))) }
            }
        },
    )
}

fn instructions() -> Markup {
    html! {
        ol.taps {
            li { p { (t!("Install Rollcall on another machine. It must answer at the same address as before: devices look for no other.")) } }
            li { p { (t!("Start it. Its first page offers ")) em { (t!("Restore a backup")) } (t!("; or run ")) code { "rollcall restore FILE" } (t!(" before.")) } }
            li { p { (t!("Give the recovery key, or the passphrase. Devices come back by themselves, within minutes when they are woken.")) } }
        }
        p.quiet { (t!("Without Rollcall, ")) code { "age --decrypt FILE | zstd -d | tar x" } (t!(" opens a backup too.")) }
    }
}

/// A new recovery key, shown this once.
pub fn key(shell: &Shell, key: &str) -> Markup {
    let content = html! {
        div.stack.loose {
            p { strong { (t!("This is shown once.")) } (t!(" Print it, or write it into the safe of your passwords; not on this machine alone. With it, and a backup, everything here can be brought back; without it, backups that are made by themselves open for nobody.")) }
            (copy_field("recovery-key", t!("Recovery key"), key))
            p.quiet { (t!("Backups that were made before open with the key before: keep that one too, as long as they are kept.")) }
            div.row { (Button::link(ADDRESS, t!("I have kept it")).main()) }
        }
    };
    frame(shell, &Frame { back: Some((ADDRESS, t!("Backups"))), ..Frame::new(Section::System, t!("Your recovery key")) }, content)
}

/// What is asked before another recovery key is made.
pub fn ask_for_key(shell: &Shell) -> Markup {
    let ask = Confirm {
        action: &format!("{ADDRESS}/recovery-key"),
        title: t!("Make another recovery key"),
        consequence: html! { (t!("Backups from now on are locked for the new key only. Those that were made before still want the key before.")) },
        verb: t!("Make another recovery key"),
        cancel: ADDRESS,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, t!("Backups"))), ..Frame::new(Section::System, ask.title) }, confirm(&ask))
}
