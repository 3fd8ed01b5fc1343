//! Drawings of what a person sees on an iPhone, iPad or Mac, with a mark where to tap; words in them are the device's own.

use maud::{Markup, html};

/// Safari asks whether a profile may be downloaded.
pub fn allow_download() -> Markup {
    sheet(
        t!("A question of Safari with the buttons Ignore and Allow; tap Allow"),
        140,
        html! {
            rect.s-box x="24" y="14" width="272" height="112" rx="12" {}
            text.s-text x="160" y="44" text-anchor="middle" { (t!("This website is trying to download")) }
            text.s-text x="160" y="62" text-anchor="middle" { (t!("a configuration profile.")) }
            line.s-line x1="24" x2="296" y1="84" y2="84" {}
            line.s-line x1="160" x2="160" y1="84" y2="126" {}
            text.s-text x="92" y="110" text-anchor="middle" { (t!("Ignore")) }
            text.s-link x="228" y="110" text-anchor="middle" { (t!("Allow")) }
            rect.s-mark x="166" y="89" width="124" height="32" rx="8" {}
        },
    )
}

/// The row at the top of Settings that leads to the downloaded profile.
pub fn profile_downloaded() -> Markup {
    sheet(
        t!("Settings with the row Profile Downloaded at its top; tap it"),
        140,
        html! {
            text.s-strong x="24" y="30" { (t!("Settings")) }
            rect.s-box x="16" y="44" width="288" height="40" rx="10" {}
            rect.s-icon x="28" y="54" width="20" height="20" rx="5" {}
            text.s-text x="60" y="69" { (t!("Profile Downloaded")) }
            (chevron(64))
            rect.s-mark x="16" y="44" width="288" height="40" rx="10" {}
            (row(94, t!("General"), Markup::default()))
        },
    )
}

/// The button Install at the right of the profile's own screen.
pub fn install_profile(organisation: &str) -> Markup {
    sheet(
        t!("The profile with Cancel at its left and Install at its right; tap Install"),
        140,
        html! {
            text.s-text x="24" y="30" { (t!("Cancel")) }
            text.s-strong x="160" y="30" text-anchor="middle" { (t!("Install Profile")) }
            text.s-link x="296" y="30" text-anchor="end" { (t!("Install")) }
            rect.s-mark x="244" y="12" width="60" height="28" rx="8" {}
            rect.s-box x="16" y="54" width="288" height="72" rx="10" {}
            rect.s-icon x="28" y="68" width="30" height="30" rx="6" {}
            text.s-strong x="70" y="82" { (shortened(organisation, 24)) }
            text.s-quiet x="70" y="100" { (t!("Mobile Device Management")) }
        },
    )
}

/// The question whether the server may manage the device.
pub fn trust_management() -> Markup {
    sheet(
        t!("The question Remote Management with the buttons Cancel and Trust; tap Trust"),
        140,
        html! {
            rect.s-box x="24" y="14" width="272" height="112" rx="12" {}
            text.s-strong x="160" y="42" text-anchor="middle" { (t!("Remote Management")) }
            text.s-quiet x="160" y="62" text-anchor="middle" { (t!("Do you trust this profile’s source to")) }
            text.s-quiet x="160" y="76" text-anchor="middle" { (t!("enroll your device?")) }
            line.s-line x1="24" x2="296" y1="88" y2="88" {}
            line.s-line x1="160" x2="160" y1="88" y2="126" {}
            text.s-text x="92" y="112" text-anchor="middle" { (t!("Cancel")) }
            text.s-link x="228" y="112" text-anchor="middle" { (t!("Trust")) }
            rect.s-mark x="166" y="92" width="124" height="30" rx="8" {}
        },
    )
}

/// The switch that trusts a root certificate, in Certificate Trust Settings.
pub fn trust_switch(name: &str) -> Markup {
    sheet(
        t!("Certificate Trust Settings with a switch beside the certificate; switch it on"),
        116,
        html! {
            text.s-quiet x="24" y="32" { (t!("ENABLE FULL TRUST FOR ROOT CERTIFICATES")) }
            rect.s-box x="16" y="44" width="288" height="48" rx="10" {}
            text.s-text x="30" y="73" { (shortened(name, 24)) }
            rect.s-on x="244" y="55" width="46" height="26" rx="13" {}
            circle.s-knob cx="277" cy="68" r="11" {}
            rect.s-mark x="238" y="49" width="58" height="38" rx="14" {}
        },
    )
}

/// The profile in System Settings of a Mac.
pub fn mac_profile(organisation: &str) -> Markup {
    sheet(
        t!("System Settings of a Mac, Device Management, with the downloaded profile; open it and click Install"),
        150,
        html! {
            circle.s-icon cx="24" cy="20" r="5" {}
            circle.s-icon cx="40" cy="20" r="5" {}
            circle.s-icon cx="56" cy="20" r="5" {}
            text.s-strong x="110" y="25" { (t!("Device Management")) }
            line.s-line x1="96" x2="96" y1="0" y2="150" {}
            rect.s-box x="12" y="40" width="72" height="22" rx="5" {}
            text.s-quiet x="20" y="55" { (t!("General")) }
            rect.s-box x="108" y="44" width="198" height="44" rx="8" {}
            rect.s-icon x="118" y="54" width="24" height="24" rx="5" {}
            text.s-text x="152" y="64" { (shortened(organisation, 19)) }
            text.s-quiet x="152" y="79" { (t!("Downloaded")) }
            rect.s-mark x="108" y="44" width="198" height="44" rx="8" {}
            rect.s-box x="236" y="108" width="70" height="26" rx="6" {}
            text.s-link x="271" y="126" text-anchor="middle" { (t!("Install…")) }
        },
    )
}

fn sheet(says: &str, height: u16, content: Markup) -> Markup {
    html! {
        svg.screen viewBox=(format!("0 0 320 {height}")) width="320" height=(height) role="img" aria-label=(says) { (content) }
    }
}

fn row(y: u16, words: &str, right: Markup) -> Markup {
    html! {
        rect.s-box x="16" y=(y) width="288" height="36" rx="10" {}
        rect.s-icon x="28" y=(y + 9) width="18" height="18" rx="5" {}
        text.s-text x="60" y=(y + 23) { (words) }
        (chevron(y + 18))
        (right)
    }
}

fn chevron(y: u16) -> Markup {
    html! { path.s-line d=(format!("M286 {}l5 5-5 5", y - 5)) fill="none" stroke-width="1.5" {} }
}

/// As much of a name as fits a drawing.
fn shortened(name: &str, fits: usize) -> String {
    if name.chars().count() <= fits {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(fits - 1).collect::<String>().trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_fits_its_drawing() {
        assert_eq!(shortened("Example School", 24), "Example School");
        let long = shortened("Gesamtschule Beispielstadt-Nordost, Außenstelle", 24);
        assert!(long.chars().count() <= 24 && long.ends_with('…'), "{long}");
        assert!(install_profile("<b>").into_string().contains("&lt;b&gt;"));
    }
}
