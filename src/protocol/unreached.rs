//! What keeps this server from somebody else's service, in a teacher's words: what a connection said itself is for whoever looks after the network.

/// Why a service could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// What happened, in a sentence.
    pub what: String,
    /// What helps, in a sentence or two.
    pub remedy: String,
    /// What was said, as it came.
    pub said: String,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Name,
    Way,
    Silence,
    Proxy,
    Opened,
    Refused,
    Broken,
}

/// Words of connections' own sentences by which each kind is known; the first that fits counts. They are never translated: only people read what comes of it.
const SIGNS: [(&str, Trouble); 12] = [
    ("opened no tunnel to ", Trouble::Proxy),
    (" is not trusted (", Trouble::Opened),
    ("refused our certificate (", Trouble::Refused),
    ("our certificate cannot be used (", Trouble::Refused),
    ("dns error", Trouble::Name),
    ("failed to lookup address", Trouble::Name),
    (" cannot be reached (", Trouble::Way),
    ("tcp connect error", Trouble::Way),
    (" did not answer within ", Trouble::Silence),
    (" broke (", Trouble::Broken),
    ("(os error ", Trouble::Way),
    ("tls handshake eof", Trouble::Broken),
];

/// What `said` means about the way to `service`, which is what people call it; nothing where it is no connection's sentence.
pub fn told(service: &str, said: &str) -> Option<Unreached> {
    let (_, trouble) = SIGNS.into_iter().find(|(sign, _)| said.contains(sign))?;
    let (what, remedy) = match trouble {
        Trouble::Name => (
            t!("This server has no way to {service}: its name is not found", service),
            String::from(t!("Check that this server has a network and a name server that knows the names of the internet.")),
        ),
        Trouble::Way => (
            t!("This server has no way to {service}", service),
            String::from(t!("Check this server's network, and that the firewall lets it out.")),
        ),
        Trouble::Silence => (
            t!("This server gets no answer from {service}", service),
            String::from(t!("Check that the firewall lets this server out; it is tried again by itself.")),
        ),
        Trouble::Proxy => (
            t!("The proxy does not let this server through to {service}", service),
            String::from(t!("Check the proxy's address, user, password and rules.")),
        ),
        Trouble::Opened => (
            t!("What answers this server in the place of {service} is not what it says it is", service),
            String::from(t!("If something in this network opens encrypted connections, exempt this one, or bring its root.")),
        ),
        Trouble::Refused => (
            t!("The certificate that this server shows is not taken by {service}", service),
            String::from(t!("Renew it, and upload it together with the key that belongs to it.")),
        ),
        Trouble::Broken => (
            t!("The connection of this server with {service} broke off", service),
            String::from(t!("It is tried again by itself. If it stays, look whether something in this network cuts connections.")),
        ),
    };
    Some(Unreached { what, remedy, said: said.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_says_is_told_without_its_words() {
        let cases = [
            ("127.0.0.1:29999 cannot be reached (tcp connect error: Connection refused (os error 111)): check the network", "no way to"),
            ("(dns error: failed to lookup address information: Name or service not known)", "its name is not found"),
            ("gdmf.apple.com:443 did not answer within 5000 ms: check that the firewall lets this port out", "gets no answer"),
        ];
        for (said, words) in cases {
            let told = told("Apple's push service", said).unwrap();
            assert!(told.what.contains(words) && told.what.contains("Apple's push service"), "{told:?}");
            for word in ["os error", "tcp", "dns", "127.0.0.1", " ms"] {
                assert!(!told.what.contains(word) && !told.remedy.contains(word), "{word} in {told:?}");
            }
            assert_eq!(told.said, said);
        }
        assert_eq!(told("Apple's push service", "TooManyRequests (429)"), None);
    }
}
