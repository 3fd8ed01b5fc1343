//! Apps that declarations manage.

use super::{App, Apps, Status};
use crate::clock::Timestamp;
use crate::protocol::plist::Dictionary;

impl Apps {
    /// A declared app gets the configuration that its declaration refers to, or loses it.
    pub(crate) fn configure(&mut self, identifier: &str, configuration: Option<Dictionary>) {
        if let Some(management) = self.0.get_mut(identifier).and_then(|app| app.managed.as_mut()) {
            management.configuration = configuration;
        }
    }

    /// The declaration of an app came with this token. Where that is another one the device looks at the app anew: a newer version comes, and what came
    /// to nothing is given back, to be ordered again.
    pub(crate) fn look_anew(&mut self, identifier: &str, token: Option<&str>, now: Timestamp) -> Option<App> {
        let app = self.0.get_mut(identifier)?;
        let download = app.download();
        let management = app.managed.as_mut().filter(|management| management.token.as_deref() != token)?;
        management.token = token.map(str::to_owned);
        match management.status {
            Status::Managed if app.newer.is_some() => {
                (management.status, management.due) = (Status::Updating, Some(now.plus(download)));
                None
            }
            Status::UserRejected | Status::ManagementRejected | Status::Failed => {
                app.managed = None;
                Some(app.clone())
            }
            _ => None,
        }
    }

    /// A declaration manages from now on what is there; says whether that may be: not where another declaration does.
    pub(crate) fn hand_over(&mut self, identifier: &str, declaration: &str, configuration: Option<Dictionary>) -> bool {
        let Some(management) = self.0.get_mut(identifier).and_then(|app| app.managed.as_mut()) else { return false };
        let is_free = management.declaration.as_ref().is_none_or(|own| own == declaration);
        if is_free && management.status == Status::Managed {
            management.declaration = Some(declaration.to_owned());
            management.configuration = configuration;
            return true;
        }
        false
    }

    /// The app that a declaration manages.
    pub(crate) fn declared_by(&self, declaration: &str) -> Option<&App> {
        self.managed().find(|(_, management)| management.declaration.as_deref() == Some(declaration)).map(|(app, _)| app)
    }

    /// The declarations whose downloads did not come.
    pub(crate) fn failed_downloads(&self) -> Vec<String> {
        let failed = self.managed().filter(|(_, management)| matches!(management.failure, Some("Error.DownloadFailed")));
        failed.filter_map(|(_, management)| management.declaration.clone()).collect()
    }

    /// A declaration that managed an app or a package is gone: the app goes with it, what a package brought stays.
    pub(crate) fn release(&mut self, identifier: &str) {
        match self.0.get_mut(identifier) {
            Some(app) if app.installed && app.managed.as_ref().is_some_and(|management| management.is_package) => app.managed = None,
            _ => drop(self.0.remove(identifier)),
        }
    }

    /// The package of an app came whole: what its installation waited for.
    pub(crate) fn arrived(&mut self, identifier: &str, now: Timestamp) {
        let Some(management) = self.0.get_mut(identifier).and_then(|app| app.managed.as_mut()) else { return };
        let was_awaited = std::mem::take(&mut management.awaits);
        if was_awaited && matches!(management.status, Status::Installing | Status::Updating | Status::Managed) {
            management.due = management.due.or(Some(now));
        }
    }
}
