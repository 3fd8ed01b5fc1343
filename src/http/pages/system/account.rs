//! Enrollment by account: which devices people may enroll so, how their devices find this server, and what that means.

use maud::{Markup, html};

use super::super::account::separation;
use super::super::parts::{Button, Fact, Frame, Section, Shell, copy_field, facts, field, frame, hidden, post, section, select};
use crate::language::say;
use crate::protocol::service_discovery::{ModelFamily, PATH};
use crate::store::account_tokens::Ownership;

/// Where the page is.
pub const ADDRESS: &str = "/system/account-enrollment";

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct AccountView {
    /// For each family, as whose its devices come in; none where nobody may enroll one.
    pub families: Vec<(ModelFamily, Option<Ownership>)>,
    /// The group that they join.
    pub group: String,
    /// Groups that exist, to be offered while one types.
    pub groups: Vec<String>,
    /// The public address of this server.
    pub server: String,
    /// The domains of the people's Managed Apple Accounts.
    pub domains: Vec<String>,
    /// Server tokens by which Apple was told the address, or refused it: name and the reason, empty where Apple took it.
    pub told: Vec<(String, String)>,
    /// What came of asking a domain: its name, whether devices find the way, and the words.
    pub checked: Option<(String, bool, String)>,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The words for whose devices of a family are.
const CHOICES: [(&str, &str); 3] =
    [("off", msg!("nobody enrolls them so")), ("own", msg!("they are people’s own")), ("school", msg!("they are the organisation’s"))];

const fn word(ownership: Option<Ownership>) -> usize {
    match ownership {
        None => 0,
        Some(Ownership::Own) => 1,
        Some(Ownership::School) => 2,
    }
}

/// The page.
pub fn page(shell: &Shell, view: &AccountView) -> Markup {
    let content = html! {
        div.stack.loose {
            (section(t!("Who may"), who_may(view)))
            (section(t!("How devices find the way"), way(view)))
            (section(t!("What it means"), html! {
                p { (t!("A person signs in with the address and the password that they have here for apps; each needs a Managed Apple Account beside their name under "))
                    a href="/people" { (t!("People")) } (t!(". When they are deactivated, their own devices are not managed any more.")) }
                details { summary { (t!("For people’s own devices")) } (separation(t!("You"), Ownership::Own)) }
                details { summary { (t!("For the organisation’s devices")) } (separation(t!("You"), Ownership::School)) }
            }))
        }
    };
    let under = html! { (t!("A person types their Managed Apple Account in the settings of their iPhone, iPad, Mac or Vision Pro, and signs in.")) };
    frame(
        shell,
        &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Enrollment by account")) },
        content,
    )
}

fn who_may(view: &AccountView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    if !view.may_change {
        let mut list: Vec<Fact> =
            view.families.iter().map(|(family, ownership)| Fact::text(family.name(), say(CHOICES[word(*ownership)].1))).collect();
        list.push(Fact::text(t!("Group that they join"), &view.group));
        return html! { (facts(&list)) p.quiet { (t!("Only admins change this.")) } };
    }
    let options: Vec<_> = CHOICES.iter().map(|(value, words)| ((*value).to_owned(), say(words).to_owned())).collect();
    post(
        ADDRESS,
        html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                @for (family, ownership) in &view.families {
                    (select(family.as_str(), family.name(), &options, CHOICES[word(*ownership)].0, help(*family), error(family.as_str())))
                }
                (field("group", t!("Group that they join")).optional().value(&view.group).suggests(&view.groups).error(error("group"))
                    .help(t!("One that you fill by hand; it is made if there is none.")))
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        },
    )
}

fn help(family: ModelFamily) -> &'static str {
    match family {
        ModelFamily::Iphone | ModelFamily::Ipad => t!("People’s own from iOS 15, the organisation’s from iOS 17."),
        ModelFamily::Mac => t!("From macOS 14."),
        ModelFamily::Vision => t!("From visionOS 1.1."),
    }
}

fn way(view: &AccountView) -> Markup {
    let target = format!("{}{PATH}", view.server);
    html! {
        p {
            (t!("A device asks at the domain of the Managed Apple Account, the part after the @. Whoever looks after the web server of that domain leads it here, "))
            (t!("with everything that stands after the question mark. One of these does it:"))
        }
        (copy_field("nginx", "nginx", &format!("location = {PATH} {{ return 302 {target}$is_args$args; }}")))
        (copy_field("apache", "Apache", &format!("RedirectMatch 302 ^{}$ {target}", PATH.replace('.', "\\."))))
        (copy_field("address", t!("Any other: redirect to"), &target))
        (by_apple(view))
        @if view.domains.is_empty() {
            p.quiet { (t!("Nobody has a Managed Apple Account here yet, so no domain is known.")) }
        }
        @for domain in &view.domains {
            form method="post" action=(format!("{ADDRESS}/check")) {
                (hidden(&[("domain".to_owned(), domain.clone())]))
                p {
                    span.mono { (t!("https://")) (domain) (PATH) } " "
                    @if view.may_change { (Button::submit(t!("Try it")).small()) }
                }
            }
            @if let Some((_, good, words)) = view.checked.as_ref().filter(|(asked, ..)| asked == domain) {
                p.error[!good] role="status" { (words) }
            }
        }
    }
}

/// Whether Apple leads devices here that their domain does not.
fn by_apple(view: &AccountView) -> Markup {
    let is_off = view.families.iter().all(|(_, ownership)| ownership.is_none());
    html! {
        @for (name, problem) in &view.told {
            @if problem.is_empty() {
                p { (t!("Devices with iOS 18.2, macOS 15.2 or visionOS 2.2 and later need none of that: Apple was told by “")) (name) (t!("” where this server is, and leads \
                    them here where the domain does not.")) }
            } @else {
                p.error { (t!("Apple does not take the address of this server by “")) (name) "”: " (problem) }
            }
        }
        @if view.told.is_empty() && !is_off {
            p.quiet {
                (t!("Devices with iOS 18.2, macOS 15.2 or visionOS 2.2 and later can do without: with a token of "))
                a href="/system/device-list" { (t!("Apple’s device list")) } (t!(" Apple is told where this server is, and leads them here."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn view() -> AccountView {
        AccountView {
            families: vec![(ModelFamily::Ipad, Some(Ownership::Own)), (ModelFamily::Mac, None)],
            group: "Own <ones>".into(),
            server: "https://mdm.example.school".into(),
            domains: vec!["appleaccount.example.school".into()],
            checked: Some(("appleaccount.example.school".into(), false, "It leads <elsewhere>.".into())),
            ..AccountView::default()
        }
    }

    #[test]
    fn who_may_change_it_finds_the_form_the_snippets_and_what_a_domain_answered() {
        let shell = Shell::for_tests(Section::System, Timestamp::from_seconds(1_795_577_349));
        let html = page(&shell, &AccountView { may_change: true, ..view() }).into_string();
        for text in [
            "name=\"ipad\"",
            "return 302 https://mdm.example.school/.well-known/com.apple.remotemanagement$is_args$args",
            "It leads &lt;elsewhere&gt;.",
            "name=\"domain\" value=\"appleaccount.example.school\"",
        ] {
            assert!(html.contains(text), "{text}: {html}");
        }
        let html = page(&shell, &view()).into_string();
        assert!(!html.contains("name=\"ipad\"") && html.contains("they are people’s own") && html.contains("Own &lt;ones&gt;"), "{html}");
    }
}
