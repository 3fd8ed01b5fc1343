//! The parts by themselves, in all states.

use std::time::Duration;

use rollcall::http::pages::parts::{
    Banner, BurnDown, Button, Field, Frame, Icon, Markup, Section, Segment, Share, Shell, Sparkline, State, badge, bar, burn_down,
    checkbox, code, copy_field, empty, field, frame, html, legend, practice, progress, qr, radio, section, select, sparkline, state_square,
};

use crate::{NOW, ago, in_days, shell};

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    vec![("parts", frame(&banners(), &Frame::new(Section::Profiles, "Parts"), content()))]
}

fn banners() -> Shell {
    let notice = |state, words: &str| Banner::Notice(state, words.into(), Some(("/x".into(), "Do it".into())));
    Shell {
        banners: vec![
            Banner::Practice(25),
            notice(State::Waiting, "Apple’s push service does not answer. Devices are pushed as soon as it does; nothing is lost."),
            notice(State::Problem, "The disk is almost full: 200 MB are left. Devices are answered until then."),
        ],
        ..shell()
    }
}

fn content() -> Markup {
    html! {
        (section("State", states()))
        (section("Buttons", buttons()))
        (section("Fields", fields()))
        (section("Bars", bars()))
        (section("Charts", charts()))
        (section("Text", text()))
        (section("Empty", empty("No profiles yet", "A profile sets rules, networks and accounts on devices. Upload one, or begin with a guided switch.", html! { (Button::link("/x", "Upload a profile").main().icon(Icon::Upload)) (Button::link("/x", "Guided switches")) })))
    }
}

fn states() -> Markup {
    html! {
        @for size in [8, 12, 16, 20, 32] { div.row { @for state in State::ALL { (state_square(state, size)) } } }
        div.row { @for state in State::ALL { (badge(state, state.word())) } (practice()) }
        (legend([1_102, 84, 41, 12, 1], |state| (state != State::Ok).then(|| "/x".to_owned())))
    }
}

fn buttons() -> Markup {
    html! {
        div.row {
            (Button::submit("Install on 28 devices").main()) (Button::submit("Show")) (Button::submit("Erase 3 devices").destructive())
            (Button::submit("Not now").disabled()) (Button::submit("Small").small()) (Button::link("/x", "Invite a device").main().icon(Icon::Plus))
        }
    }
}

fn fields() -> Markup {
    let options = [("a".to_owned(), "Cart A".to_owned()), ("b".to_owned(), "Cart B".to_owned())];
    html! {
        div.halves {
            div.form {
                (field("name", "Name").value("Cart A").help("As people call it."))
                (field("days", "Days").kind("number").value("900").error(Some("Between 1 and 90.")).help("How long new releases are held back."))
                (select("group", "Group", &options, "b", "", None))
                (field("note", "Note").lines(3).optional().example("What the next person should know"))
            }
            div.form {
                (upload())
                div.choices { (radio("when", "now", "As soon as possible", true, "")) (radio("when", "night", "At night", false, "Between 22:00 and 6:00, local time of each device.")) }
                (checkbox("remove", "Remove the app and its data when management ends", true, "On, unless there is a reason."))
                (copy_field("copy", "Address", "https://mdm.example.school:8443/enroll/K7PM4QXD"))
            }
        }
    }
}

fn upload() -> Field<'static> {
    field("file", "Profile").kind("file").help("Choose the file or drop it here.")
}

fn bars() -> Markup {
    let segment = |share, count| Segment { share, count, href: Some("/x".into()) };
    let all = [
        segment(Share::Installed, 812),
        segment(Share::Installing, 41),
        segment(Share::Waiting, 220),
        segment(Share::Declined, 12),
        segment(Share::NoLicence, 40),
        segment(Share::Failed, 3),
    ];
    html! {
        (bar(&all)) (bar(&[segment(Share::Installed, 1_240)])) (bar(&[segment(Share::Waiting, 27), segment(Share::Failed, 1)])) (bar(&[]))
        (progress(12, 28, "9 wait to be unlocked, 7 are out of reach."))
    }
}

fn charts() -> Markup {
    let spark = Sparkline { title: "Check-ins".into(), days: (1..=14).map(|day| (format!("{day} Nov"), (day * day * 37) % 900)).collect() };
    let hour = Duration::from_secs(3_600);
    let points = [28, 28, 24, 17, 12, 9].iter().enumerate().map(|(at, left)| (ago(200_000).plus(hour * 9 * at as u32), *left)).collect();
    let burn = BurnDown { title: "Not yet on iPadOS 18.2".into(), points, total: 28, deadline: in_days(2), starts: "22 Nov".into() };
    html! { (sparkline(&spark)) (burn_down(&burn, NOW)) }
}

fn text() -> Markup {
    html! {
        p { "A paragraph is at most 72 characters wide, so that the eye finds the next line without effort, however wide the window happens to be. " a href="/x" { "A link" } " stands in it." }
        (code("Report", "<plist version=\"1.0\">\n<dict>\n\t<key>Status</key>\n\t<string>Idle</string>\n</dict>\n</plist>"))
        div.row { (qr("https://mdm.example.school:8443/enroll/K7PM4QXD", "A code")) }
    }
}
