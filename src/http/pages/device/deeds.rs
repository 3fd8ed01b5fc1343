//! What can be done with a device or with many: the words, what is asked before, and the page that asks.

mod came;

use maud::{Markup, html};

pub use came::{Came, outcome};

use super::super::parts::{Confirm, Frame, Section, Shell, Typed, checkbox, confirm, count, field, frame, select};
use super::DeviceAction;

/// Something that a person can do with devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Locks the screen, a Mac with a PIN.
    Lock,
    /// Restarts it.
    Restart,
    /// Turns it off.
    ShutDown,
    /// Locks it with a message for the finder and lets it be located.
    LostMode,
    /// Ends that.
    EndLostMode,
    /// Lets it sound while it is lost.
    PlaySound,
    /// Asks where it is while it is lost.
    Locate,
    /// Takes its passcode away.
    ClearPasscode,
    /// Tells it to leave.
    Retire,
    /// Has it not be told to leave after all.
    TakeBack,
    /// Takes it off the lists.
    Delete,
    /// Deletes everything on it.
    Erase,
}

impl Deed {
    /// All deeds, in the order of a menu: what destroys stands last.
    pub const ALL: [Self; 12] = [
        Self::Lock,
        Self::Restart,
        Self::ShutDown,
        Self::LostMode,
        Self::PlaySound,
        Self::Locate,
        Self::EndLostMode,
        Self::TakeBack,
        Self::ClearPasscode,
        Self::Retire,
        Self::Delete,
        Self::Erase,
    ];

    /// Its part of an address: `/devices/<id>/actions/<path>` for one device, `/devices/actions/<path>` for the chosen ones.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Restart => "restart",
            Self::ShutDown => "shut-down",
            Self::LostMode => "lost-mode",
            Self::EndLostMode => "end-lost-mode",
            Self::PlaySound => "play-sound",
            Self::Locate => "locate",
            Self::ClearPasscode => "clear-passcode",
            Self::Retire => "retire",
            Self::TakeBack => "take-back",
            Self::Delete => "delete",
            Self::Erase => "erase",
        }
    }

    /// Reads [`Deed::path`] back.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.path() == path)
    }

    /// What its button says.
    pub fn words(self) -> &'static str {
        match self {
            Self::Lock => t!("Lock"),
            Self::Restart => t!("Restart"),
            Self::ShutDown => t!("Shut down"),
            Self::LostMode => t!("Lost Mode"),
            Self::EndLostMode => t!("End Lost Mode"),
            Self::PlaySound => t!("Play a sound"),
            Self::Locate => t!("Ask where it is"),
            Self::ClearPasscode => t!("Clear passcode"),
            Self::Retire => t!("Retire"),
            Self::TakeBack => t!("Take back retiring"),
            Self::Delete => t!("Delete"),
            Self::Erase => t!("Erase"),
        }
    }

    /// Whether something is lost by it.
    pub const fn is_destructive(self) -> bool {
        matches!(self, Self::ClearPasscode | Self::Retire | Self::Delete | Self::Erase)
    }

    /// Whether it makes sense for several devices at once.
    pub const fn suits_many(self) -> bool {
        !matches!(self, Self::PlaySound | Self::Locate)
    }

    /// Whether it is confirmed first even for one device; for many, everything is.
    pub const fn asks(self) -> bool {
        !matches!(self, Self::PlaySound | Self::Locate)
    }

    /// What is done to what: "Erase Cart A 3", "Put 28 devices in Lost Mode".
    fn done_to(self, what: &str) -> String {
        match self {
            Self::LostMode => t!("Put {what} in Lost Mode", what),
            Self::EndLostMode => t!("End Lost Mode on {what}", what),
            Self::PlaySound => t!("Play a sound on {what}", what),
            Self::Locate => t!("Ask where {what} is", what),
            Self::TakeBack => t!("Take back the retiring of {what}", what),
            Self::ClearPasscode => t!("Clear the passcode of {what}", what),
            Self::Lock | Self::Restart | Self::ShutDown | Self::Retire | Self::Delete | Self::Erase => {
                t!("{deed} {what}", deed = self.words(), what)
            }
        }
    }

    /// What is said once it was asked for.
    pub fn done(self, devices: u64) -> String {
        let words = self.words();
        let of = count(devices, t!("device"), t!("devices"));
        match self {
            Self::Delete => t!("{words}: {of} taken off the lists.", words, of),
            Self::Retire => t!("{words}: {of} told to leave at the next contact. Until then it can be taken back.", words, of),
            Self::TakeBack => t!("Taken back: {of} not told to leave.", of),
            _ => t!("{words}: asked of {of}.", words, of),
        }
    }

    /// What is said of those that can have it, where others cannot.
    pub(super) fn of_the_others(self) -> &'static str {
        match self {
            Self::Retire => t!("The others are told to leave at the next contact."),
            Self::TakeBack => t!("The others are not told to leave."),
            Self::Delete => t!("The others are taken off the lists."),
            _ => t!("The others have it in their queue."),
        }
    }

    /// What happens and what is lost.
    fn consequence(self) -> &'static str {
        match self {
            Self::Lock => {
                t!(
                    "The screen locks at once, and whoever knows the passcode goes on. A Mac restarts and asks for a PIN, which is kept here."
                )
            }
            Self::Restart => {
                t!("What is open and not saved is lost. A locked iPhone or iPad joins no Wi-Fi again before someone unlocks it.")
            }
            Self::ShutDown => t!("What is open and not saved is lost. Only someone at the device can turn it on again."),
            Self::LostMode => {
                t!(
                    "The screen locks and shows your message, and the device can be located from here. Nobody can use it until Lost Mode is ended here."
                )
            }
            Self::EndLostMode => t!("The device can be used again, and its person is told if it was located meanwhile."),
            Self::PlaySound => t!("The device sounds for two minutes, however quiet it was set."),
            Self::ClearPasscode => {
                t!(
                    "Whoever holds the device can use it until a new passcode is set. Where a rule asks for a passcode, that is within an hour."
                )
            }
            Self::Retire => {
                t!(
                    "The device is told to leave: apps, settings and accounts that came from here are removed; what people made on it stays. \
                 It returns only by enrolling again."
                )
            }
            Self::TakeBack => {
                t!(
                    "It is not told to leave. It stays managed as before: its apps, licences and settings come again by themselves, what waited for it does not."
                )
            }
            Self::Locate => t!("The device says where it is; its person is told so when Lost Mode ends."),
            Self::Delete => {
                t!("It disappears from the lists. It is told nothing, and secrets kept for it stay; if it enrolls again it is back.")
            }
            Self::Erase => {
                t!(
                    "Everything on the device is deleted: apps, work, settings. What was not saved elsewhere is gone. It starts as new and returns only by enrolling again."
                )
            }
        }
    }
}

impl From<Deed> for DeviceAction {
    fn from(deed: Deed) -> Self {
        Self { words: deed.words().into(), path: deed.path().into(), asks: deed.asks(), destructive: deed.is_destructive() }
    }
}

/// What the page before a deed shows.
#[derive(Debug, Clone)]
pub struct DeedView<'a> {
    /// The deed.
    pub deed: Deed,
    /// Names of the devices, as many as are at hand.
    pub names: &'a [String],
    /// How many devices in all.
    pub total: u64,
    /// Whether a Mac is among them, which needs a PIN.
    pub macs: bool,
    /// Wi-Fi profiles by which an erased device may come back, id and name; nothing where no device here can.
    pub networks: Option<&'a [(String, String)]>,
    /// What is worth knowing of these devices; empty for nothing.
    pub note: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// Where *Cancel* leads, and its title.
    pub back: (&'a str, &'a str),
    /// Pairs carried along: the chosen devices or the filter.
    pub hidden: &'a [(String, String)],
    /// What was typed before.
    pub typed: DeedForm,
    /// Field and message of what was wrong.
    pub errors: &'a [(String, String)],
}

/// The fields of a deed as typed: `message`, `phone`, `footnote`, `pin`, and `typed` for the count.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct DeedForm {
    /// What the lock screen says.
    pub message: String,
    /// A number to call.
    pub phone: String,
    /// A line at the foot of the lost screen.
    pub footnote: String,
    /// Six digits that open a locked Mac.
    pub pin: String,
    /// Whether it is erased to come back by itself: `1`.
    pub come_back: String,
    /// The profile of the library by which it then finds the network; empty for none.
    pub wifi_profile: String,
    /// The count of devices, typed before something is destroyed on several.
    pub typed: String,
}

/// The page that asks before a deed.
pub fn ask(shell: &Shell, view: &DeedView<'_>) -> Markup {
    let what = match view.names {
        [only] if view.total == 1 => only.clone(),
        _ => count(view.total, t!("device"), t!("devices")),
    };
    let title = view.deed.done_to(&what);
    let phrase = view.total.to_string();
    let wrong = (!view.typed.typed.is_empty() && view.typed.typed != phrase).then_some(t!("That is not the number."));
    let ask = Confirm {
        action: view.action,
        title: &title,
        consequence: html! { (view.deed.consequence()) },
        names: if view.total == 1 { &[] } else { view.names },
        total: view.total,
        typed: (view.deed.is_destructive() && view.total > 1).then_some(Typed { phrase: &phrase, given: &view.typed.typed, error: wrong }),
        hidden: view.hidden,
        fields: html! {
            @if let Some((_, message)) = view.errors.iter().find(|(field, _)| field.is_empty()) { p.error role="alert" { (message) } }
            @if !view.note.is_empty() { p { (view.note) } }
            (fields(view))
        },
        verb: &title,
        destructive: view.deed.is_destructive(),
        cancel: view.back.0,
    };
    frame(shell, &Frame { back: Some(view.back), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}

fn fields(view: &DeedView<'_>) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str());
    let typed = &view.typed;
    let words = html! {
        (field("message", t!("Message on its screen")).optional().value(&typed.message).error(error("message")).example(t!("This iPad belongs to Example School")))
        (field("phone", t!("Telephone number to call")).kind("tel").optional().value(&typed.phone).error(error("phone")))
    };
    let pin = html! {
        @if view.macs {
            (field("pin", t!("PIN for Macs")).optional().mono().value(&typed.pin).error(error("pin")).pattern("[0-9]{6}").help(t!("Six digits. Left empty, one is made for each Mac and shown once. Either is kept here with the Mac.")))
        }
    };
    match view.deed {
        Deed::Lock => html! { (words) (pin) },
        Deed::LostMode => html! {
            (words)
            (field("footnote", t!("Small print")).optional().value(&typed.footnote).error(error("footnote")).help(t!("A message or a number is needed; this is not.")))
        },
        Deed::Erase => html! {
            (pin)
            @if let Some(networks) = view.networks {
                (checkbox("come_back", t!("Bring it back"), !typed.come_back.is_empty(),
                    t!("It joins its network, enrolls again by itself and gets its settings and apps. For supervised iPhones and iPads from iOS 17, Apple TVs from tvOS 18 and Vision Pros from visionOS 26.")))
                (select("wifi_profile", t!("Wi-Fi network for that"), &offered(networks), &typed.wifi_profile,
                    t!("Wi-Fi profiles of your library that name one network with its password. Erased, a device knows no other."), error("wifi_profile")))
            }
        },
        Deed::Restart
        | Deed::ShutDown
        | Deed::EndLostMode
        | Deed::PlaySound
        | Deed::Locate
        | Deed::ClearPasscode
        | Deed::Retire
        | Deed::TakeBack
        | Deed::Delete => Markup::default(),
    }
}

/// The networks as a choice.
fn offered(networks: &[(String, String)]) -> Vec<(String, String)> {
    let none = (String::new(), String::from(t!("None: it has a cable or a mobile plan")));
    std::iter::once(none).chain(networks.iter().cloned()).collect()
}

#[cfg(test)]
mod tests;
