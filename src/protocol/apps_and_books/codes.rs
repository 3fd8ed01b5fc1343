//! What Apple's error numbers ask for, and what they mean for people (Apple, "Handling error responses", API v2).

/// What to make of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The token is over: stop until a new one comes.
    NewToken,
    /// Not allowed or not there: nothing gets better by asking again.
    Never,
    /// Come again later.
    Later,
    /// There are not enough licences: look at the counts first.
    Short,
}

/// What to make of an error number, or of a status where there is none.
pub fn verdict(number: u32, status: u16) -> Verdict {
    match number {
        9601 | 9621 | 9622 | 9625 | 9722 => Verdict::NewToken,
        9709 => Verdict::Short,
        9603 | 9646 | 9729 => Verdict::Later,
        0 => match status {
            401 => Verdict::NewToken,
            // A server in between may say anything; only what Apple says with a number is final.
            _ => Verdict::Later,
        },
        _ => Verdict::Never,
    }
}

/// An error number in words that say what to do; `said` is Apple's own.
pub fn words(number: u32, said: &str) -> String {
    let known = match number {
        9601 | 9622 | 9722 => t!("Apple does not take this content token. Download it once more and bring it here."),
        9621 => t!("The content token has ended. Download a new one for the same location and bring it here."),
        9625 => {
            t!(
                "Apple has revoked the content token, as it does when the password of the account changes that downloaded it. Download a new one and \
             bring it here."
            )
        }
        9603 => t!("Apple's service had a fault of its own. It is tried again."),
        9646 | 9729 => t!("Apple's service is busy. It is tried again."),
        9709 => t!("All licences are in use."),
        9634 => t!("Apple does not know this any more."),
        9637 | 9647 => t!("The account that downloaded the content token may not do this."),
        9728 => t!("Apple cannot reach this server from the internet."),
        _ => "",
    };
    match (known.is_empty(), said.is_empty()) {
        (false, _) => t!("{known} (Apple's number {number})", known, number),
        (true, true) => t!("Apple refused this with number {number}.", number),
        (true, false) => {
            t!("Apple refused this: {said} (number {number}).", said = said.trim_end_matches('.'), number)
        }
    }
}
