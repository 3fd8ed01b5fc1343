//! Forms of our own pages, read strictly.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The fields of a form, sent as browsers send it.
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(fields)) => Ok(Self(fields)),
            // Our own pages send what is asked for; this is an old page or a script.
            Err(_) => {
                Err(Error::bad_input(t!("The form did not arrive as the page sends it. Open the page again and repeat what you typed.")))
            }
        }
    }
}

/// What a form's page says about a refusal: field and message, with no field's name where it belongs to none.
pub(super) fn errors(error: &Error) -> Vec<(String, String)> {
    if error.fields.is_empty() {
        return vec![(String::new(), error.message.clone().into_owned())];
    }
    error.fields.iter().map(|fault| (fault.field.clone(), sentence(&fault.message))).collect()
}

/// A message of a field as a sentence.
pub(super) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if message.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences_at_their_fields() {
        assert_eq!(errors(&Error::field("name", "a name is needed")), [("name".to_owned(), "A name is needed.".to_owned())]);
        assert_eq!(errors(&Error::conflict("There is a kim already.")), [(String::new(), "There is a kim already.".to_owned())]);
        assert_eq!(sentence(""), ".");
    }
}
