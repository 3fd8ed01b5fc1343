//! What `static/app.js` says by itself: it finds the texts in the page, so that they are in the language of the appliance.

use maud::{Markup, html};

use super::time::units;

/// The texts of the script, as attributes of an element that nobody sees. Their holes are filled by the script.
pub(super) fn said() -> Markup {
    // One a line: how much of it and which way, in the script's order.
    let [minutes, hours, days, months, years] = units().map(|said| said.map(|text| text.replace('\n', " ")).join("\n"));
    html! {
        template #said data-minutes=(minutes) data-hours=(hours) data-days=(days) data-months=(months) data-years=(years)
            data-now=(t!("just now")) data-soon=(t!("in a moment"))
            data-copied=(t!("Copied"))
            data-sending=(t!("Upload"))
            data-progress=(t!("{percent} %, {at} of {most} MB"))
            data-looked-into=(t!("{progress}. It is being looked into."))
            data-wrong-file=(t!("{name} is far too large: {size} MB, where {most} MB is the most. It cannot be the right file. Nothing was sent; choose another one."))
            data-too-large=(t!("{name} is larger than {most} GB, which is the most. Choose another file."))
            data-refused=(t!("The file is far too large. Nothing was changed; choose another one."))
            data-no-page=(t!("The appliance did not answer with a page. Wait a moment and send it again."))
            data-not-arrived=(t!("The file did not arrive. The appliance may be restarting: wait a moment and send it again."))
            data-no-answer=(t!("The appliance does not answer. Wait a moment and try again."))
            data-lost=(t!("The connection is lost. What was sent is kept for a day: choose the same file again, and it goes on."))
            data-gone=(t!("The upload is gone. Send the file again."))
            data-unfinished=(t!("The appliance does not answer. Choose the same file again in a moment; nothing is sent twice.")) {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex_lite::Regex;

    use super::*;

    #[test]
    fn the_script_finds_every_text_that_it_says_and_says_every_text_that_is_there() {
        let script = include_str!("../../../../static/app.js");
        let found = |pattern: &str, text: &str| -> BTreeSet<String> {
            Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
        };
        let html = said().into_string();
        let camel = |name: &String| {
            let mut parts = name.split('-');
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |whole, part| format!("{whole}{}{}", part[..1].to_uppercase(), &part[1..]))
        };
        let there: BTreeSet<_> = found(r"data-([a-z-]+)=", &html).iter().map(camel).collect();
        let mut wanted = found(r#"say\("([A-Za-z]+)""#, script);
        wanted.extend(["minutes", "hours", "days", "months", "years"].map(String::from));
        assert_eq!(there, wanted);
        assert!(html.contains("data-hours=\"1 hour ago\n{n} hours ago\nin 1 hour\nin {n} hours\""), "{html}");
    }
}
