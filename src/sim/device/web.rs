//! What a person does on a web page that the device shows them: reads the form, fills it in, and sends it.

/// A form of a page, as its person sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where it goes, absolute.
    pub(crate) url: String,
    /// The fields by name, those that the page hides among them.
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of the page at `url`, filled in by somebody of this address and password.
    pub(crate) fn of(html: &str, url: &str, address: &str, password: &str) -> Option<Self> {
        let (_, rest) = html.split_once("<form")?;
        let (form, _) = rest.split_once("</form>")?;
        let (head, inside) = form.split_once('>')?;
        let action = attribute(head, "action")?;
        let inputs = inside.split("<input").skip(1).filter_map(|rest| rest.split_once('>')).map(|(input, _)| input);
        let fill = |input: &str| {
            let value = match attribute(input, "type").as_deref() {
                Some("hidden") => attribute(input, "value").unwrap_or_default(),
                Some("password") => password.to_owned(),
                _ => address.to_owned(),
            };
            attribute(input, "name").map(|name| (name, value))
        };
        Some(Self { url: joined(url, &action)?, fields: inputs.filter_map(fill).collect() })
    }

    /// The body as a browser writes it.
    pub(crate) fn body(&self) -> String {
        let pairs: Vec<_> = self.fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        pairs.join("&")
    }
}

/// What the page says under its heading, for the log: the text of its first paragraph or of what is wrong in a form.
pub(crate) fn says(html: &str) -> String {
    let of = |mark: &str| {
        let (_, rest) = html.split_once(mark)?;
        let (_, inside) = rest.split_once('>')?;
        let (inside, _) = inside.split_once("</p>")?;
        // Without the marks inside of it.
        let texts = inside.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text).trim());
        Some(plain(&texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")))
    };
    of("class=\"error").or_else(|| of("class=\"lead")).unwrap_or_default()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| plain(value))
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// A whole address, or a path on the same host.
fn joined(base: &str, action: &str) -> Option<String> {
    if !action.starts_with('/') {
        return Some(action.to_owned());
    }
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    Some(format!("{scheme}://{host}{action}"))
}

/// Percent-encoded, for a query or a form.
pub(crate) fn encoded(text: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keeps(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in_and_written_as_a_browser_writes_it() {
        let html = r#"<p class="lead">Sign in</p><form method="post" action="/in?a=1&amp;b=2"><input type="hidden" name="v" value="x&amp;y">
            <input type="email" name="email" value=""><input type="password" name="password"><button>Go</button></form>"#;
        let form = Form::of(html, "https://mdm.example.school/begin?q=1", "kim@example.school", "a b").unwrap();
        assert_eq!(form.url, "https://mdm.example.school/in?a=1&b=2");
        assert_eq!(form.body(), "v=x%26y&email=kim%40example.school&password=a%20b");
        assert_eq!((says(html).as_str(), Form::of("<p>no form</p>", "https://x/", "", "")), ("Sign in", None));
        assert_eq!(says(r#"<p class="error" id="x"><svg a="b"></svg><span>It is &lt;wrong&gt;.</span></p>"#), "It is <wrong>.");
    }
}
