//! The apps on a device: what its user installed, what the server manages, and the states an install goes through with time.

mod declared;
mod status;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value};
use crate::sim::model::{Individual, KnownApp, Person, external_version_id};

pub(crate) use self::status::Status;

/// How long an order waits before its download begins.
const QUEUED: Duration = Duration::from_secs(2);

/// How soon a device that keeps an app current looks for a newer version, once it manages one that is old.
const LOOKS_FOR_UPDATES: Duration = Duration::from_secs(60);

/// Bytes that a device downloads in a second.
const DOWNLOAD_BYTES_PER_S: u64 = 20_000_000;

/// The least and the longest that a download takes.
const DOWNLOAD_S: (u64, u64) = (3, 90);

/// All apps of one device, by bundle identifier.
#[derive(Debug, Clone, Default)]
pub(crate) struct Apps(BTreeMap<String, App>);

/// One app that is there, or that the server wants there.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) identifier: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) size_bytes: u64,
    pub(crate) adam_id: Option<u64>,
    /// It is on the device, whoever brought it.
    pub(crate) installed: bool,
    pub(crate) managed: Option<Management>,
    /// The version that the store has by now.
    pub(crate) newer: Option<String>,
}

/// What the server holds of an app.
#[derive(Debug, Clone)]
pub(crate) struct Management {
    pub(crate) status: Status,
    /// When the status changes by itself.
    due: Option<Timestamp>,
    pub(crate) flags: i64,
    pub(crate) configuration: Option<Dictionary>,
    pub(crate) attributes: Option<Dictionary>,
    pub(crate) feedback: Option<Dictionary>,
    /// The licence belongs to the device, not to an account.
    pub(crate) device_based: bool,
    /// The declaration that manages it; such an app is none of the commands' business.
    pub(crate) declaration: Option<String>,
    /// What the server called that declaration's content when the app was looked at last.
    token: Option<String>,
    /// It is a package for Macs, which stays when its declaration goes.
    pub(crate) is_package: bool,
    /// Its package is still being downloaded: however much time passes, it is not there before that came.
    awaits: bool,
    /// The device brings newer versions by itself.
    keeps_current: bool,
    /// Why it, or its update, failed, as status reports say it.
    pub(crate) failure: Option<&'static str>,
    /// What will go wrong with it on purpose.
    mishap: Option<AppMishap>,
    /// The store has no licence of it.
    pub(crate) unlicensed: bool,
}

/// What goes wrong with an app on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppMishap {
    /// The person says no when they are asked.
    Declined,
    /// There is no room for it.
    NoRoom,
}

/// An install order as the server gave it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) flags: i64,
    pub(crate) configuration: Option<Dictionary>,
    pub(crate) attributes: Option<Dictionary>,
    pub(crate) device_based: bool,
    pub(crate) declaration: Option<String>,
    /// What the server called that declaration's content.
    pub(crate) token: Option<String>,
    pub(crate) is_package: bool,
    /// Its package is downloaded apart.
    pub(crate) awaits: bool,
    /// The device is to bring newer versions by itself.
    pub(crate) keeps_current: bool,
    /// It must be bought, and nobody has paid for it.
    pub(crate) costs: bool,
    pub(crate) mishap: Option<AppMishap>,
}

impl App {
    /// An app of the practice store that is not there yet.
    pub(crate) fn of_store(app: &KnownApp) -> Self {
        Self {
            identifier: app.identifier.to_owned(),
            name: app.name.to_owned(),
            version: app.version.to_owned(),
            size_bytes: app.size_bytes,
            adam_id: Some(app.adam_id),
            installed: false,
            managed: None,
            newer: None,
        }
    }

    /// An app that the store may have but this device has never heard of.
    pub(crate) fn unknown(identifier: String, adam_id: Option<u64>) -> Self {
        let name = adam_id.map_or_else(|| identifier.clone(), |adam_id| format!("App {adam_id}"));
        Self {
            identifier,
            name,
            version: String::from("1.0"),
            size_bytes: 50_000_000,
            adam_id,
            installed: false,
            managed: None,
            newer: None,
        }
    }

    /// The version number that the store gives to this version of the app.
    pub(crate) fn external_version(&self) -> i64 {
        external_version_id(&self.version)
    }

    fn download(&self) -> Duration {
        Duration::from_secs((self.size_bytes / DOWNLOAD_BYTES_PER_S).clamp(DOWNLOAD_S.0, DOWNLOAD_S.1))
    }
}

impl Apps {
    /// The apps that the device's user installed by themselves.
    pub(crate) fn of(individual: &Individual) -> Self {
        let installed = individual.apps.iter().map(|own| {
            let app = App { installed: true, ..App::of_store(own.app) };
            let newer = own.is_old.then(|| app.version.clone());
            let version = if own.is_old { own.app.earlier.to_owned() } else { app.version };
            (app.identifier.clone(), App { version, newer, ..app })
        });
        Self(installed.collect())
    }

    /// The app called `identifier`, there or wanted.
    pub(crate) fn find(&self, identifier: &str) -> Option<&App> {
        self.0.get(identifier)
    }

    /// What the server holds of the app called `identifier`, unless a declaration does.
    pub(crate) fn managed_mut(&mut self, identifier: &str) -> Option<&mut Management> {
        self.0.get_mut(identifier)?.managed.as_mut().filter(|management| management.declaration.is_none())
    }

    /// The app called `identifier`, to be changed.
    pub(crate) fn find_mut(&mut self, identifier: &str) -> Option<&mut App> {
        self.0.get_mut(identifier)
    }

    /// Every app, there or wanted.
    pub(crate) fn all(&self) -> impl Iterator<Item = &App> {
        self.0.values()
    }

    /// All apps that are on the device.
    pub(crate) fn installed(&self) -> impl Iterator<Item = &App> {
        self.0.values().filter(|app| app.installed)
    }

    /// All apps that the server manages or wants.
    pub(crate) fn managed(&self) -> impl Iterator<Item = (&App, &Management)> {
        self.0.values().filter_map(|app| app.managed.as_ref().map(|management| (app, management)))
    }

    /// Takes an order for `app`; silently where the device may, else by asking its user. Says the first status.
    pub(crate) fn order(&mut self, app: App, order: Order, silent: bool, person: Person, now: Timestamp) -> Status {
        let brought = app.adam_id.is_none().then(|| app.version.clone());
        let app = self.0.entry(app.identifier.clone()).or_insert(app);
        // The manifest says which version comes.
        app.newer = brought.filter(|version| *version != app.version).or(app.newer.take());
        let answers_at = now.plus(Duration::from_secs(u64::from(person.answers_after_s)));
        let was_managed = app.managed.is_some();
        let (status, due) = match (app.installed, was_managed, silent) {
            (true, true, _) => (Status::Updating, Some(now.plus(app.download()))),
            (true, false, true) => (Status::Managed, (order.keeps_current && app.newer.is_some()).then(|| now.plus(LOOKS_FOR_UPDATES))),
            (true, false, false) => (Status::PromptingForManagement, Some(answers_at)),
            (false, ..) if order.costs => (Status::NeedsRedemption, None),
            (false, _, true) => (Status::Queued, Some(now.plus(QUEUED))),
            (false, _, false) => (Status::Prompting, Some(answers_at)),
        };
        let feedback = app.managed.take().and_then(|management| management.feedback);
        app.managed = Some(Management { feedback, ..Management::of(order, status, due) });
        status
    }

    /// Holds an order back until the store has said whether there is a licence.
    pub(crate) fn hold(&mut self, app: App, order: Order) {
        let app = self.0.entry(app.identifier.clone()).or_insert(app);
        app.managed = Some(Management::of(order, Status::Queued, None));
    }

    /// Takes back what was held for a declaration; none where it is not wanted any more.
    pub(crate) fn held_for(&mut self, identifier: &str, declaration: &str) -> Option<(App, Order)> {
        let app = self.0.get_mut(identifier)?;
        let is_held = |held: &mut Management| held.declaration.as_deref() == Some(declaration) && held.status == Status::Queued;
        let held = app.managed.take_if(is_held)?;
        let Management { flags, configuration, attributes, device_based, declaration, token, keeps_current, mishap, .. } = held;
        let order = Order { flags, configuration, attributes, device_based, declaration, token, keeps_current, mishap, ..Order::default() };
        let app = app.clone();
        if !app.installed {
            self.0.remove(identifier);
        }
        Some((app, order))
    }

    /// Redeems a code for an app that waits for one; tells whether one does.
    pub(crate) fn redeem(&mut self, identifier: &str, now: Timestamp) -> bool {
        let Some(management) = self.managed_mut(identifier).filter(|management| management.status == Status::NeedsRedemption) else {
            return false;
        };
        (management.status, management.due) = (Status::Redeeming, Some(now.plus(QUEUED)));
        true
    }

    /// What is ordered will go wrong.
    pub(crate) fn will_meet(&mut self, identifier: &str, mishap: AppMishap) {
        if let Some(management) = self.0.get_mut(identifier).and_then(|app| app.managed.as_mut()) {
            management.mishap = Some(mishap);
        }
    }

    /// An order came to nothing: the store has no licence of the app.
    pub(crate) fn lacks_licence(&mut self, app: App, order: Order) {
        let app = self.0.entry(app.identifier.clone()).or_insert(app);
        app.managed = Some(Management { unlicensed: true, ..Management::of(order, Status::Failed, None) });
    }

    /// Puts an app on the device without managing it; one that is there gets the newer version.
    pub(crate) fn place(&mut self, app: App) {
        let management = self.0.remove(&app.identifier).and_then(|old| old.managed);
        self.0.insert(app.identifier.clone(), App { installed: true, managed: management, ..app });
    }

    /// What was to be installed cannot be, and why; an app that was to be updated is there as before.
    pub(crate) fn fail(&mut self, identifier: &str, why: &'static str) {
        let Some(app) = self.0.get_mut(identifier) else { return };
        let is_update = app.installed && app.managed.as_ref().is_some_and(|management| management.status == Status::Updating);
        app.newer = None;
        app.installed = is_update;
        if let Some(management) = &mut app.managed {
            management.status = if is_update { Status::Managed } else { Status::Failed };
            (management.due, management.awaits, management.failure) = (None, false, Some(why));
        }
    }

    /// Removes an app and what the server holds of it; says whether it was managed.
    pub(crate) fn remove(&mut self, identifier: &str) -> bool {
        let managed = self.0.get(identifier).is_some_and(|app| app.managed.is_some());
        if managed {
            self.0.remove(identifier);
        }
        managed
    }

    /// The user deletes an app; a managed one stays known.
    pub(crate) fn delete_by_user(&mut self, identifier: &str) {
        match self.0.get_mut(identifier) {
            Some(App { managed: Some(management), installed, .. }) => {
                *installed = false;
                management.status = Status::ManagedButUninstalled;
                management.due = None;
            }
            Some(_) => drop(self.0.remove(identifier)),
            None => {}
        }
    }

    /// Management ends: apps ordered with flag 1 go with it, the others stay as the user's own.
    pub(crate) fn release_all(&mut self, remove_all: bool) {
        let is_flagged = |management: &Management| management.flags & 1 == 1 || management.declaration.is_some();
        let goes = |management: &Management| remove_all || is_flagged(management) && !management.is_package;
        self.0.retain(|_, app| app.managed.as_ref().is_none_or(|management| !goes(management)) && (app.installed || app.managed.is_none()));
        for app in self.0.values_mut() {
            app.managed = None;
        }
    }

    /// Forgets statuses that are reported a single time; called when they were.
    pub(crate) fn forget_transient(&mut self) {
        // A declared app stays failed until its declaration changes.
        let passes = |management: &Management| management.status.is_transient() && management.declaration.is_none();
        self.0.retain(|_, app| app.installed || !app.managed.as_ref().is_some_and(passes));
        for app in self.0.values_mut() {
            app.managed.take_if(|management| passes(management));
        }
    }

    /// Lets time pass; says whether any status changed.
    pub(crate) fn advance(&mut self, person: Person, now: Timestamp) -> bool {
        let mut changed = false;
        for app in self.0.values_mut() {
            while let Some(due) = app.managed.as_ref().and_then(|management| management.due).filter(|due| *due <= now) {
                app.step(person, due);
                changed = true;
            }
        }
        changed
    }

    /// When the next status changes by itself.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        self.managed().filter_map(|(_, management)| management.due).min()
    }
}

impl Management {
    fn of(order: Order, status: Status, due: Option<Timestamp>) -> Self {
        let Order { flags, configuration, attributes, device_based, declaration, token, .. } = order;
        let Order { is_package, awaits, keeps_current, mishap, .. } = order;
        let (feedback, failure, unlicensed) = (None, None, false);
        Self {
            status,
            due,
            flags,
            configuration,
            attributes,
            feedback,
            device_based,
            declaration,
            token,
            is_package,
            awaits,
            keeps_current,
            failure,
            mishap,
            unlicensed,
        }
    }
}

impl App {
    /// The change that was due at `due`.
    fn step(&mut self, person: Person, due: Timestamp) {
        let download = self.download();
        let Some(management) = &mut self.managed else { return };
        if management.awaits && matches!(management.status, Status::Installing | Status::Updating) {
            management.due = None;
            return;
        }
        let agrees = person.agrees && management.mishap != Some(AppMishap::Declined);
        let (status, next) = match management.status {
            Status::Queued | Status::Redeeming => (Status::Installing, Some(due.plus(download))),
            Status::Installing | Status::Updating if management.mishap == Some(AppMishap::NoRoom) => (Status::Failed, None),
            Status::Prompting if agrees => (Status::Installing, Some(due.plus(download))),
            Status::Prompting => (Status::UserRejected, None),
            Status::PromptingForManagement if !agrees => (Status::ManagementRejected, None),
            Status::PromptingForManagement if management.keeps_current && self.newer.is_some() => {
                (Status::Managed, Some(due.plus(LOOKS_FOR_UPDATES)))
            }
            Status::Managed if management.keeps_current && self.newer.is_some() => (Status::Updating, Some(due.plus(download))),
            _ => (Status::Managed, None),
        };
        let is_taken_over = management.status == Status::PromptingForManagement;
        management.status = status;
        management.due = next;
        if status == Status::Managed {
            // Being managed from now on brings nothing new by itself.
            if let Some(newer) = self.newer.take_if(|_| !is_taken_over) {
                self.version = newer;
            }
            self.installed = true;
            management.feedback = management.configuration.as_ref().map(feedback_on);
        }
    }
}

/// What the invented apps say about their configuration: that they read it, and how many keys it had.
fn feedback_on(configuration: &Dictionary) -> Dictionary {
    let mut feedback = Dictionary::new();
    feedback.insert(String::from("ConfigurationRead"), Value::Boolean(true));
    feedback.insert(String::from("KeyCount"), Value::from(configuration.len() as u64));
    feedback
}

#[cfg(test)]
mod tests;
