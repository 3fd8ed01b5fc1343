//! The states that an app is in on its way to a device, in the words of each report.

/// The statuses of ManagedApplicationList that simulated apps have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Queued,
    Prompting,
    PromptingForManagement,
    NeedsRedemption,
    Redeeming,
    Installing,
    Managed,
    ManagedButUninstalled,
    Updating,
    UserRejected,
    ManagementRejected,
    Failed,
}

impl Status {
    /// The status as reports spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Prompting => "Prompting",
            Self::PromptingForManagement => "PromptingForManagement",
            Self::NeedsRedemption => "NeedsRedemption",
            Self::Redeeming => "Redeeming",
            Self::Installing => "Installing",
            Self::Managed => "Managed",
            Self::ManagedButUninstalled => "ManagedButUninstalled",
            Self::Updating => "Updating",
            Self::UserRejected => "UserRejected",
            Self::ManagementRejected => "ManagementRejected",
            Self::Failed => "Failed",
        }
    }

    /// The status as the status item `mdm.app` spells it.
    pub(crate) fn status_name(self) -> String {
        let mut name = String::new();
        for letter in self.name().chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The status as the status item `app.managed.list` spells it.
    pub(crate) fn declared_name(self) -> &'static str {
        match self {
            Self::Queued | Self::NeedsRedemption | Self::Redeeming => "queued",
            Self::Prompting => "prompting-for-consent",
            Self::PromptingForManagement => "prompting-for-management",
            Self::Installing | Self::Updating => "installing",
            Self::Managed => "managed",
            Self::ManagedButUninstalled => "managed-but-uninstalled",
            Self::UserRejected | Self::ManagementRejected | Self::Failed => "failed",
        }
    }

    /// Whether it is reported a single time and then forgotten.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::UserRejected | Self::ManagementRejected | Self::Failed)
    }

    /// Whether an install or update is under way.
    pub(crate) fn is_pending(self) -> bool {
        matches!(
            self,
            Self::NeedsRedemption
                | Self::Redeeming
                | Self::Queued
                | Self::Prompting
                | Self::PromptingForManagement
                | Self::Installing
                | Self::Updating
        )
    }
}
