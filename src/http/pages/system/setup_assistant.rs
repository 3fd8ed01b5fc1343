//! What devices in Setup Assistant are asked and told, and what Apple Configurator needs of this server.

use maud::{Markup, html};

use super::super::parts::{
    Button, Fact, Frame, Section, Shell, checkbox, copy_field, facts, field, frame, moment, named, post, section, select, time_ago,
};
use crate::clock::Timestamp;

/// Where the page is.
pub const ADDRESS: &str = "/system/setup-assistant";

/// Where Configurator is looked after.
pub const CONFIGURATOR: &str = "/system/configurator";

/// The rules as they stand in the form.
#[derive(Debug, Clone, Default)]
pub struct RulesForm {
    /// Whether devices are taken that Apple's list does not name.
    pub take_unlisted: bool,
    /// What was typed for the minutes.
    pub hold_minutes: String,
    /// Whether a person is asked to sign in.
    pub sign_in: bool,
    /// For each family of systems its word, its name and what was typed.
    pub minimum: Vec<(String, String, String)>,
    /// For each family that can take part in one its word, the beta programme that is chosen, and all that there are: id and title.
    pub programs: Vec<FamilyPrograms>,
    /// The shortest and the longest time in minutes.
    pub limits: (u32, u32),
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Devices that are handed back at the device itself.
    pub returns: ReturnsForm,
}

/// A family's word, the id of the beta programme that is chosen, and the programmes that there are: id and title.
pub type FamilyPrograms = (String, String, Vec<(String, String)>);

/// What devices are told that are handed back at the device itself.
#[derive(Debug, Clone, Default)]
pub struct ReturnsForm {
    /// Whether they are erased and come in again.
    pub on: bool,
    /// The Wi-Fi profile by which they find the network.
    pub wifi_profile: String,
    /// Wi-Fi profiles: id and name.
    pub networks: Vec<(String, String)>,
}

/// Where it is said what devices are told that are handed back.
pub const RETURNS: &str = "/system/setup-assistant/return-to-service";

fn returns(view: &RulesForm) -> Markup {
    let of = &view.returns;
    let none = (String::new(), String::from(t!("None: they have a mobile plan")));
    let networks: Vec<_> = std::iter::once(none).chain(of.networks.iter().cloned()).collect();
    if !view.may_change {
        return html! { p { @if of.on { (t!("Switched on.")) } @else { (t!("Switched off.")) } } };
    }
    post(
        RETURNS,
        html! {
            div.form {
                p.help { (t!("An iPad, iPhone or Vision Pro with system 26 whose profile lets people hand it back asks here before it erases itself. \
                          Choose that in how new devices greet people.")) }
                (checkbox("on", t!("Erase them, and have them come in again by themselves"), of.on, t!("Without it they are told not to, and go on as they are.")))
                (select("wifi_profile", t!("Wi-Fi network for that"), &networks, &of.wifi_profile,
                    t!("Wi-Fi profiles of your library that name one network with its password."), None))
                div.form-foot { (Button::submit(t!("Save"))) }
            }
        },
    )
}

/// The page of the rules.
pub fn page(shell: &Shell, view: &RulesForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let (least, most) = view.limits;
    let help = t!(
        "From {least} to {most}. It goes on sooner when its profiles and required apps are there, and always after this time.",
        least,
        most
    );
    let form = post(
        ADDRESS,
        html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                (field("hold_minutes", t!("Minutes for which a device waits in Setup Assistant at the most")).kind("number").value(&view.hold_minutes)
                    .error(error("hold_minutes")).help(&help))
                fieldset.stack {
                    legend { (t!("The least that a device has to run")) }
                    p.help { (t!("A version such as 26.1, or the word latest for the newest one that Apple signs for it; nothing for any. \
                              iPhones and iPads with iOS 17, Macs with macOS 14 and later update themselves first; older ones come in as they are.")) }
                    @for (word, name, typed) in &view.minimum {
                        (field(&format!("minimum.{word}"), name).optional().value(typed).error(error(&format!("minimum.{word}"))))
                        @for (_, chosen, programs) in view.programs.iter().filter(|(family, ..)| family == word) {
                            @let choices: Vec<_> = std::iter::once((String::new(), String::from(t!("None")))).chain(programs.iter().cloned()).collect();
                            (select(&format!("beta_programs.{word}"), &t!("{name}: beta programme that brings it", name), &choices, chosen,
                                t!("Only where that version is a beta; from iOS 17.5 and macOS 14.5 on."), error(&format!("beta_programs.{word}"))))
                        }
                    }
                }
                (checkbox("take_unlisted", t!("Take devices that Apple’s list does not name"), view.take_unlisted,
                    t!("Without it, only devices that Apple School Manager or Apple Business assigns to this server are let in at its address for them.")))
                (checkbox("sign_in", t!("Ask who uses the device"), view.sign_in,
                    t!("Where Setup Assistant shows a page of ours, a person signs in with their address and their password for apps; the device is then theirs. A device whose profile at Apple shows no page of ours is let in without.")))
                div.form-foot { (Button::submit(t!("Save")).main()) (Button::link("/system", t!("Cancel"))) }
            }
        },
    );
    let content = html! {
        @if view.may_change { (form) } @else { (facts(&told(view))) p.quiet { (t!("Only admins change this.")) } }
        (section(t!("Devices that are handed back"), returns(view)))
        p { a href="/devices/setting-up" { (t!("Devices being set up now")) } }
        p { a href=(CONFIGURATOR) { (t!("Apple Configurator")) } }
    };
    let under = html! { (t!("For iPhones, iPads, Macs and Apple TVs that come in while they are set up.")) };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Setup Assistant")) }, content)
}

fn told(view: &RulesForm) -> Vec<Fact> {
    let yes = |on: bool| if on { t!("yes") } else { t!("no") };
    let mut list = vec![
        Fact::text(t!("Minutes in Setup Assistant at the most"), &view.hold_minutes),
        Fact::text(t!("Devices that Apple’s list does not name are taken"), yes(view.take_unlisted)),
        Fact::text(t!("People sign in"), yes(view.sign_in)),
    ];
    list.extend(
        view.minimum
            .iter()
            .filter(|(_, _, typed)| !typed.is_empty())
            .map(|(_, name, typed)| Fact::text(t!("{name}: at least", name), typed)),
    );
    list
}

/// How Configurator stands.
#[derive(Debug, Clone, Default)]
pub struct ConfiguratorView {
    /// The address of this server, which Configurator asks for the rest.
    pub server: String,
    /// The address of the profile that gives trust, where devices need one.
    pub trust: Option<String>,
    /// The address for devices and when it ends, while Configurator may bring devices in; the address is shown to those who may change it.
    pub open: Option<(Option<String>, Option<Timestamp>)>,
    /// The group that they join.
    pub group: String,
    /// Fingerprint and end of the supervision identity.
    pub identity: Option<(String, Timestamp)>,
    /// What was typed for the hours.
    pub hours: String,
    /// The shortest and the longest time in hours.
    pub limits: (u32, u32),
    /// Groups that exist, to be offered while one types.
    pub groups: Vec<String>,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Whether the viewer may have the identity's file.
    pub may_reveal: bool,
}

/// The page of Configurator.
pub fn configurator(shell: &Shell, view: &ConfiguratorView) -> Markup {
    let content = html! {
        div.stack.loose {
            (section(t!("In Configurator"), html! {
                p { (t!("Add a server in Configurator’s settings, under Servers. It asks this address for everything else.")) }
                (copy_field("server", t!("Address of the server"), &view.server))
                @if let Some(trust) = &view.trust {
                    p { (t!("This server’s certificate is its own. Configurator puts this profile on the devices that it prepares, so that they trust it.")) }
                    (copy_field("trust", t!("Trust profile"), trust))
                }
            }))
            (section(t!("Devices that Apple’s list does not name"), opened(view, shell.now)))
            (section(t!("Supervision identity"), identity(view, shell.now)))
        }
    };
    let under = html! { (t!("Prepares iPhones, iPads and Apple TVs over a cable or nearby, from a Mac or an iPhone.")) };
    let page = Frame { back: Some((ADDRESS, t!("Setup Assistant"))), under, ..Frame::new(Section::System, t!("Apple Configurator")) };
    frame(shell, &page, content)
}

fn error<'a>(view: &'a ConfiguratorView, name: &str) -> Option<&'a str> {
    view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str())
}

fn opened(view: &ConfiguratorView, now: Timestamp) -> Markup {
    let (least, most) = view.limits;
    html! {
        @match &view.open {
            Some((url, ends)) => {
                p {
                    (t!("Every device that is prepared for this server now is let in"))
                    @if !view.group.is_empty() { (t!(", and joins ")) strong { (named(&view.group)) } }
                    @if let Some(ends) = ends { (t!(". That ends ")) (time_ago(*ends, now)) " (" (moment(*ends)) ")" }
                    "."
                }
                @if let Some(url) = url { (copy_field("enrollment", t!("Address for devices, where one has to be typed"), url)) }
                @if view.may_change { (post(&format!("{CONFIGURATOR}/close"), html! { (Button::submit(t!("End it now")).destructive()) })) }
            },
            None => p { (t!("They are refused. Let them in for as long as you prepare devices; whoever holds an Apple device could come in meanwhile.")) },
        }
        @if view.may_change && view.open.is_none() {
            (post(&format!("{CONFIGURATOR}/open"), html! {
                div.form {
                    (field("hours", t!("For how many hours")).kind("number").value(&view.hours).error(error(view, "hours"))
                        .help(&t!("From {least} to {most}.", least, most)))
                    (field("group", t!("Group that the devices join")).optional().value(&view.group).suggests(&view.groups).error(error(view, "group")))
                    div.form-foot { (Button::submit(t!("Let them in")).main()) }
                }
            }))
        }
    }
}

fn identity(view: &ConfiguratorView, now: Timestamp) -> Markup {
    html! {
        @match &view.identity {
            Some((fingerprint, ends)) => {
                p { (t!("Configurator supervises devices in the name of this identity. Macs that hold it may pair with them; keep its file safe.")) }
                (facts(&[Fact::code("SHA-256", fingerprint), Fact::new(t!("Ends"), html! { (time_ago(*ends, now)) })]))
                @if !view.may_reveal { p.quiet { (t!("An Owner downloads its file.")) } }
                @if view.may_reveal {
                    (post(&format!("{CONFIGURATOR}/identity/file"), html! {
                        div.form {
                            (field("passphrase", t!("Passphrase for the file")).kind("password").autocomplete("new-password")
                                .error(error(view, "passphrase"))
                                .help(t!("Eight letters at least. Configurator asks for it once; it is not kept here.")))
                            div.form-foot { (Button::submit(t!("Download the file")).main()) }
                        }
                    }))
                }
            },
            None => {
                p { (t!("An organisation in Configurator supervises devices by an identity. Make it here, so that it is kept with everything else.")) }
                @if view.may_change { (post(&format!("{CONFIGURATOR}/identity"), html! { (Button::submit(t!("Make the identity")).main()) })) }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::System, NOW)
    }

    #[test]
    fn who_may_only_look_finds_no_form() {
        let view = RulesForm {
            hold_minutes: "20".into(),
            minimum: vec![("ios".into(), "iPhone and iPad".into(), "26.1".into())],
            programs: Vec::new(),
            limits: (5, 60),
            ..RulesForm::default()
        };
        let html = page(&shell(), &view).into_string();
        assert!(html.contains("26.1") && !html.contains("action=\"/system/"), "{html}");
        let html = page(&shell(), &RulesForm { may_change: true, errors: vec![("minimum.ios".into(), "a <version>".into())], ..view })
            .into_string();
        assert!(html.contains("a &lt;version&gt;") && html.contains("name=\"minimum.ios\""), "{html}");
    }

    #[test]
    fn configurator_finds_its_addresses_and_each_step_once() {
        let view = ConfiguratorView {
            server: "https://mdm.example.school".into(),
            trust: Some("https://mdm.example.school/MDMServiceConfig/trust".into()),
            limits: (1, 168),
            may_change: true,
            may_reveal: true,
            ..ConfiguratorView::default()
        };
        let html = configurator(&shell(), &view).into_string();
        assert!(html.contains("/open\"") && html.contains("Make the identity") && !html.contains("/close\""), "{html}");
        let open = Some((Some("https://mdm.example.school/ade/CODE".into()), Some(NOW)));
        let view = ConfiguratorView { open, identity: Some(("AA BB".into(), NOW)), group: "Cart <A>".into(), ..view };
        let html = configurator(&shell(), &view).into_string();
        assert!(html.contains("/close\"") && html.contains("/identity/file\"") && html.contains("Cart &lt;A&gt;"), "{html}");
        let html = configurator(&shell(), &ConfiguratorView { may_change: false, may_reveal: false, ..view }).into_string();
        assert!(!html.contains("action=\"/system/"), "{html}");
    }
}
