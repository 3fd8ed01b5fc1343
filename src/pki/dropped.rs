//! What a file is that somebody dropped, on whatever page: told by its content alone, with the place where it belongs.

use super::push_certificate::{self, Recognised};

/// Lines of a table that are compared with its first one.
const TABLE_LINES: usize = 5;

/// Bytes of a large file that are looked at.
const BEGINNING_BYTES: usize = 64 * 1024;

/// A file that is neither a certificate nor a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The content token of a location of Apps and Books (`.vpptoken`): base64 of JSON.
    ContentToken,
    /// What stands inside of a content token.
    OpenedContentToken,
    /// The server token of Automated Device Enrollment (`…_smime.p7m`): encrypted mail.
    ServerToken,
    /// What stands inside of a server token.
    OpenedServerToken,
    /// A configuration profile.
    Profile,
    /// A configuration profile inside of a signed message (CMS).
    SignedProfile,
    /// A provisioning profile (`.mobileprovision`): a signed message.
    ProvisioningProfile,
    /// An installer package for Macs.
    Package,
    /// An app (`.ipa`), which is a ZIP archive.
    App,
    /// The tables of a school's system (OneRoster) in a ZIP archive.
    Roster,
    /// Any other ZIP archive.
    Archive,
    /// A PDF.
    Pdf,
    /// A picture.
    Picture,
    /// A table as text.
    Table,
    /// A web page, saved where a file was meant.
    WebPage,
    /// A property list of another kind.
    PropertyList,
    /// JSON of another kind.
    Json,
    /// Any other text.
    Text,
}

/// A page of ours that takes a kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The push certificate.
    Push,
    /// Locations of Apps and Books.
    AppsAndBooks,
    /// Server tokens of Automated Device Enrollment.
    DeviceLists,
    /// Configuration profiles.
    Profiles,
    /// Provisioning profiles.
    Provisioning,
    /// Apps of one's own.
    OwnApps,
    /// Import of people and classes.
    People,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Push, Self::AppsAndBooks, Self::DeviceLists, Self::Profiles, Self::Provisioning, Self::OwnApps, Self::People];

    /// Where people find it, as remedies say it: `System, Apps and Books`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => t!("System, Push certificate"),
            Self::AppsAndBooks => t!("System, Apps and Books"),
            Self::DeviceLists => t!("System, Apple's device list"),
            Self::Profiles => t!("Profiles and policies"),
            Self::Provisioning => t!("Apps, Provisioning profiles"),
            Self::OwnApps => t!("Apps, Your own apps"),
            Self::People => t!("People and classes, Import"),
        }
    }

    /// The place to which sentences send a file: `It belongs under Profiles and policies.`
    pub fn told_in(words: &str) -> Option<Self> {
        let is_told =
            |place: &Self| ["belongs", "belong"].iter().any(|verb| words.contains(&t!("{verb} under {name}", verb, name = place.name())));
        Self::ALL.into_iter().find(is_told)
    }
}

/// What a file is, and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is: `a signed configuration profile (.mobileconfig)`.
    pub what: String,
    /// What to do, in sentences.
    pub remedy: String,
    /// Our page that takes it.
    pub place: Option<Place>,
}

impl Kind {
    /// What a file is by its first bytes and words; nothing where they say nothing.
    pub fn of(file: &[u8]) -> Option<Self> {
        let has = |word: &str| file.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
        Some(match file {
            [b'P', b'K', 3 | 5, ..] if has("Payload/") && has(".app/") => Self::App,
            [b'P', b'K', 3 | 5, ..] if has("users.csv") || has("orgs.csv") => Self::Roster,
            [b'P', b'K', 3 | 5, ..] => Self::Archive,
            [b'x', b'a', b'r', b'!', ..] => Self::Package,
            [b'%', b'P', b'D', b'F', ..] => Self::Pdf,
            [0x89, b'P', b'N', b'G', ..]
            | [0xff, 0xd8, 0xff, ..]
            | [b'G', b'I', b'F', b'8', ..]
            | [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', ..] => Self::Picture,
            _ if has("<html") || has("<!doctype html") => Self::WebPage,
            _ if has("ProvisionedDevices") || has("ProvisionsAllDevices") || has("ApplicationIdentifierPrefix") => {
                Self::ProvisioningProfile
            }
            _ if has("PayloadContent") || has("PayloadType") => Self::Profile,
            _ if has("application/pkcs7-mime") => Self::ServerToken,
            _ if has("\"consumer_key\"") && has("\"access_token\"") => Self::OpenedServerToken,
            _ if file.starts_with(b"{") && has("\"token\"") && has("\"expDate\"") => Self::OpenedContentToken,
            _ if file.starts_with(b"{") || (file.starts_with(b"[") && serde_json::from_slice::<serde_json::Value>(file).is_ok()) => {
                Self::Json
            }
            _ if has("<plist") || file.starts_with(b"bplist") => Self::PropertyList,
            _ => return None,
        })
    }

    /// What decoded base64 text holds.
    pub(in crate::pki) fn of_decoded(decoded: &[u8]) -> Option<Self> {
        Self::of(decoded.trim_ascii()).map(|kind| if kind == Self::OpenedContentToken { Self::ContentToken } else { kind })
    }

    /// What a text is that says nothing of itself: a table where its lines have the same number of columns.
    pub(in crate::pki) fn of_text(text: &str) -> Self {
        let columns = |line: &str, by: char| line.split(by).count();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty()).take(TABLE_LINES);
        let Some(head) = lines.next() else { return Self::Text };
        let Some(by) = [',', ';', '\t'].into_iter().find(|by| head.contains(*by)) else { return Self::Text };
        let rest: Vec<_> = lines.collect();
        let even = rest.iter().all(|line| columns(line, by) >= columns(head, by));
        if !rest.is_empty() && even { Self::Table } else { Self::Text }
    }

    /// What it is, with its article and how such files are called.
    pub fn what(self) -> &'static str {
        match self {
            Self::ContentToken => t!("a content token of Apps and Books (.vpptoken)"),
            Self::OpenedContentToken => t!("the inside of a content token of Apps and Books, decoded"),
            Self::ServerToken => t!("a server token of Automated Device Enrollment (.p7m)"),
            Self::OpenedServerToken => t!("the inside of a server token of Automated Device Enrollment, already opened"),
            Self::Profile => t!("a configuration profile (.mobileconfig)"),
            Self::SignedProfile => t!("a signed configuration profile (.mobileconfig)"),
            Self::ProvisioningProfile => t!("a provisioning profile (.mobileprovision)"),
            Self::Package => t!("an installer package for Macs (.pkg)"),
            Self::App => t!("an app (.ipa)"),
            Self::Roster => t!("a ZIP archive with tables of people and classes (OneRoster)"),
            Self::Archive => t!("a ZIP archive"),
            Self::Pdf => t!("a PDF document"),
            Self::Picture => t!("a picture"),
            Self::Table => t!("a table (CSV)"),
            Self::WebPage => t!("a web page"),
            Self::PropertyList => t!("a property list"),
            Self::Json => "JSON",
            Self::Text => t!("a text"),
        }
    }

    /// Whose portal gives it and where it goes; nothing for files that belong nowhere.
    pub fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::ContentToken => t!("It comes from Apple School Manager or Apple Business and belongs under System, Apps and Books."),
            Self::OpenedContentToken => {
                t!("The file itself is needed, as Apple School Manager or Apple Business gave it, under System, Apps and Books.")
            }
            Self::ServerToken => t!("It comes from Apple School Manager or Apple Business and belongs under System, Apple's device list."),
            Self::OpenedServerToken => t!("The .p7m file itself is needed, as Apple's portal gave it, under System, Apple's device list."),
            Self::Profile | Self::SignedProfile => t!("It belongs under Profiles and policies."),
            Self::ProvisioningProfile => t!("It comes from Apple's developer site and belongs under Apps, Provisioning profiles."),
            Self::Package | Self::App => t!("It belongs under Apps, Your own apps."),
            Self::Archive => t!("Unpack it, and bring the file that is in it."),
            Self::Table | Self::Roster => t!("Lists of people and classes belong under People and classes, Import."),
            Self::WebPage => t!("The download was probably interrupted by a log-in: download it again."),
            Self::Pdf | Self::Picture | Self::PropertyList | Self::Json | Self::Text => return None,
        })
    }

    /// Our page that takes it.
    pub fn place(self) -> Option<Place> {
        Some(match self {
            Self::ContentToken => Place::AppsAndBooks,
            Self::ServerToken => Place::DeviceLists,
            Self::Profile | Self::SignedProfile => Place::Profiles,
            Self::ProvisioningProfile => Place::Provisioning,
            Self::Package | Self::App => Place::OwnApps,
            Self::Table | Self::Roster => Place::People,
            Self::OpenedContentToken
            | Self::OpenedServerToken
            | Self::Archive
            | Self::Pdf
            | Self::Picture
            | Self::WebPage
            | Self::PropertyList
            | Self::Json
            | Self::Text => return None,
        })
    }
}

impl Named {
    /// In sentences: `This is a ZIP archive. Unpack it, and bring the file that is in it.`
    pub fn sentences(&self) -> String {
        let gap = if self.remedy.is_empty() { "" } else { " " };
        t!("This is {what}.{gap}{remedy}", what = self.what, gap, remedy = self.remedy)
    }
}

/// Names a file for a page that wanted another one. Nothing where it cannot be told, or where that is no help.
///
/// Encrypted files are named without being opened, so that this takes no time.
pub fn name(file: &[u8]) -> Option<Named> {
    let push = |what: &str| Named {
        what: what.to_owned(),
        remedy: String::from(t!("Push certificates and their keys belong under System, Push certificate.")),
        place: Some(Place::Push),
    };
    if file.len() > push_certificate::MAX_FILE_BYTES {
        let kind = Kind::of(&file[..BEGINNING_BYTES])?;
        return Some(Named { what: kind.what().to_owned(), remedy: kind.remedy().unwrap_or_default().to_owned(), place: kind.place() });
    }
    Some(match push_certificate::recognise(file, None) {
        Recognised::Pair { .. } | Recognised::Mismatch { .. } => push(t!("a push certificate with a key")),
        Recognised::Certificate(_) => push(t!("a push certificate")),
        Recognised::Key(_) => Named { what: String::from(t!("a private key")), remedy: String::from(t!("Keep it secret.")), place: None },
        Recognised::Locked { what, .. } => Named { what: t!("a locked {what}", what), remedy: String::new(), place: None },
        Recognised::Mistaken(mistake) => {
            let place = mistake.place();
            Named { what: mistake.what()?, remedy: mistake.elsewhere().to_owned(), place }
        }
    })
}

/// Names a file that cannot be what is wanted `here`. Nothing where it cannot be told, where it is just that, and where it only says what it is made of:
/// a text, an archive.
pub fn foreign(file: &[u8], here: Place) -> Option<Named> {
    if file.trim_ascii().is_empty() {
        return None;
    }
    let vague = [Kind::Text.what(), Kind::Archive.what()];
    name(file).filter(|named| named.place != Some(here) && !vague.contains(&named.what.as_str()))
}

/// Names a file in sentences, to stand before those that say what is wanted `here`; empty where it cannot be told, and where it is just that.
pub fn sentences(file: &[u8], here: Place) -> String {
    name(file).filter(|named| named.place != Some(here)).map_or_else(String::new, |named| named.sentences() + " ")
}

#[cfg(test)]
mod tests;
