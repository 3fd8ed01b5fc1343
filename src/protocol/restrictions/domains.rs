//! Patterns of managed domains, as Apple's devices match them.

/// Longest pattern, in bytes.
const MAX_BYTES: usize = 255;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// There is nothing.
    #[error("write a domain, for example example.org")]
    Empty,
    /// Over [`MAX_BYTES`].
    #[error("a domain has at most {MAX_BYTES} letters")]
    TooLong,
    /// A star anywhere but before the first dot.
    #[error("a * stands only at the beginning and before a dot, as in *.example.org")]
    Star,
    /// A scheme that is not of the web.
    #[error("only web addresses can be managed: write example.org, without {0}://")]
    Scheme(String),
    /// A port that is none.
    #[error("a port is a number from 1 to 65535, as in example.org:8443")]
    Port,
    /// Something behind a question mark or number sign.
    #[error("leave out what stands behind ? or #; a pattern has a domain, a port and a path")]
    Query,
    /// A letter that domains do not have.
    #[error("`{0}` cannot stand in a domain; write names with other letters in their xn-- form")]
    Letter(char),
    /// A label that is empty, too long, or begins or ends with a hyphen.
    #[error("a domain is made of names with dots between them, as in example.org")]
    Label,
    /// More than a domain where one is wanted.
    #[error("write the part behind the @ alone, as in example.org, without * and path")]
    NotPlain,
}

/// Reads a pattern for addresses of the web, and gives it as devices compare it: without scheme and trailing slash, the host in small letters.
pub fn web_domain(text: &str) -> Result<String, DomainError> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Err(DomainError::TooLong);
    }
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => rest,
        Some((scheme, _)) => return Err(DomainError::Scheme(scheme.to_owned())),
        None => text,
    };
    if rest.contains(['?', '#']) {
        return Err(DomainError::Query);
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let path = path.trim_end_matches('/');
    if let Some(letter) = path.chars().find(|letter| letter.is_whitespace() || letter.is_control() || !letter.is_ascii()) {
        return Err(DomainError::Letter(letter));
    }
    if path.contains('*') {
        return Err(DomainError::Star);
    }
    let (name, port) = authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port)));
    if let Some(port) = port {
        let number = Some(port).filter(|port| port.bytes().all(|digit| digit.is_ascii_digit())).and_then(|port| port.parse::<u16>().ok());
        if number.is_none_or(|number| number == 0) {
            return Err(DomainError::Port);
        }
    }
    let name = name.to_ascii_lowercase();
    host(name.strip_prefix("*.").unwrap_or(&name))?;
    Ok(format!("{name}{}{path}", port.map(|port| format!(":{port}")).unwrap_or_default()))
}

/// Reads the domain of an organisation's mail addresses, in small letters.
pub fn email_domain(text: &str) -> Result<String, DomainError> {
    let text = text.trim();
    let text = text.strip_prefix('@').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(DomainError::TooLong);
    }
    if text.contains(['@', '*', '/', ':']) {
        return Err(DomainError::NotPlain);
    }
    let name = text.to_ascii_lowercase();
    host(&name)?;
    Ok(name)
}

fn host(name: &str) -> Result<(), DomainError> {
    if name.is_empty() {
        return Err(DomainError::Empty);
    }
    if name.contains('*') {
        return Err(DomainError::Star);
    }
    if let Some(letter) = name.chars().find(|letter| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_'))) {
        return Err(DomainError::Letter(letter));
    }
    let sound = |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    if name.split('.').all(sound) { Ok(()) } else { Err(DomainError::Label) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_web_are_read_as_devices_compare_them() {
        for (typed, kept) in [
            ("example.org", "example.org"),
            (" HTTPS://Example.org/ ", "example.org"),
            ("*.example.org", "*.example.org"),
            ("example.org/Sub/", "example.org/Sub"),
            ("*.example.org/sub", "*.example.org/sub"),
            ("*.co", "*.co"),
            ("*.example.org:8443", "*.example.org:8443"),
            ("http://www.example.org:80/a/b", "www.example.org:80/a/b"),
            ("intranet", "intranet"),
        ] {
            assert_eq!(web_domain(typed).as_deref(), Ok(kept), "{typed}");
        }
    }

    #[test]
    fn what_no_device_would_match_is_refused_with_the_reason() {
        for (typed, error) in [
            ("", DomainError::Empty),
            ("*", DomainError::Star),
            ("*.", DomainError::Empty),
            ("a.*.org", DomainError::Star),
            ("*example.org", DomainError::Star),
            ("example.org/*", DomainError::Star),
            ("ftp://example.org", DomainError::Scheme("ftp".into())),
            ("example.org:0", DomainError::Port),
            ("example.org:+1", DomainError::Port),
            ("example.org:65536", DomainError::Port),
            ("example.org/?q=1", DomainError::Query),
            ("exa mple.org", DomainError::Letter(' ')),
            ("schüle.example", DomainError::Letter('ü')),
            ("example..org", DomainError::Label),
            ("-example.org", DomainError::Label),
        ] {
            assert_eq!(web_domain(typed), Err(error), "{typed}");
        }
        assert_eq!(web_domain(&"a".repeat(MAX_BYTES + 1)), Err(DomainError::TooLong));
    }

    #[test]
    fn mail_domains_are_plain() {
        assert_eq!(email_domain("@Example.School").as_deref(), Ok("example.school"));
        for typed in ["kim@example.school", "*.example.school", "example.school/x", "example.school:25"] {
            assert_eq!(email_domain(typed), Err(DomainError::NotPlain), "{typed}");
        }
    }
}
