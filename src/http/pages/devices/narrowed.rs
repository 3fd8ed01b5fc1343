//! What another page narrowed the list of devices to, in words.

use maud::{Markup, html};

use super::DevicesFilter;

/// What the page of updates narrowed the list to, in words, and the way back to all.
pub(super) fn narrowed(filter: &DevicesFilter) -> Markup {
    let all = filter.address().without("after").without("hardware").without("version");
    let hardware = filter.hardware.trim_end_matches('/');
    html! {
        p {
            (t!("Enrolled devices"))
            @if !hardware.is_empty() { (t!(" of the model ")) strong { (hardware) } }
            @match filter.version.as_str() {
                "" => {},
                "unknown" => { (t!(" that have not said which version they run")) },
                version => { (t!(" that run ")) strong { (version.trim_end_matches(" (*)")) } },
            }
            ". " a href=(all) { (t!("Show others too")) }
        }
    }
}

/// What somebody asked of the devices of the list at once, to stand after "Devices", and the way back to all.
pub(super) fn those_asked(filter: &DevicesFilter, asked: &str) -> Markup {
    let all = filter.address().without("after").without("asked").without("answer");
    html! { p { (t!("Devices ")) (asked) ". " a href=(all) { (t!("Show others too")) } } }
}
