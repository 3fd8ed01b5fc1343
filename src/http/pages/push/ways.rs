//! The forms of the push certificate's page: every way to a signed request, and the upload of what Apple gives for it.

use maud::{Markup, html};

use super::super::parts::forms::upload;
use super::super::parts::{Button, Icon, field};
use super::PushView;

/// The ways to a signed request; the last needs none.
pub(super) fn request_ways(view: &PushView) -> Markup {
    let requested = view.requested_at.is_some();
    let words = if requested { t!("Download the request again") } else { t!("Make and download the request") };
    html! {
        div.stack {
            details #mdmcert {
                summary { (t!("No vendor certificate: mdmcert.download signs it")) }
                (mdmcert(view))
            }
            details #vendor {
                summary { (t!("A vendor certificate of your own: sign it here")) }
                (own_vendor())
            }
            details #elsewhere {
                summary { (t!("Someone else signs it")) }
                form method="post" action="/system/push/request" {
                    div.row {
                        (Button::submit(words).icon(Icon::Download))
                        span.meta { (t!("the .csr file for whoever holds a vendor certificate: your supplier, or a tool of theirs")) }
                    }
                }
            }
            details #have-one {
                summary { (t!("You already have a push certificate with its key")) }
                p { (t!("From another server, or from a tool such as mdmctl: leave out the first two steps and upload both below, as one .p12 file, as one .pem file, or as two files.")) }
            }
            @if requested { (signed_form()) }
        }
    }
}

/// Asking mdmcert.download, and opening what it mails.
fn mdmcert(view: &PushView) -> Markup {
    let key = field("key", t!("Key of the service")).kind("password");
    html! {
        p {
            (t!("A free service of the MacAdmins community for organisations. Register an address of yours at "))
            a href="https://mdmcert.download" rel="noreferrer" target="_blank" { (t!("mdmcert.download")) }
            (t!(", and ask there for a key for this server. The signed request comes to that address by mail, encrypted so that only this server can open it."))
        }
        form.form method="post" action="/system/push/mdmcert" {
            (field("email", t!("Registered e-mail address")).kind("email").autocomplete("email"))
            @if view.has_mdmcert_key { (key.optional().help(t!("The one given before is used when this stays empty."))) } @else { (key) }
            (Button::submit(t!("Ask mdmcert.download to sign")))
        }
    }
}

fn own_vendor() -> Markup {
    upload(
        "/system/push/sign",
        html! {
            p { (t!("Organisations in Apple’s developer programmes can be MDM vendors. Certificate and key are used once and not kept.")) }
            (field("files", t!("Vendor certificate, its key, Apple’s intermediate and root")).kind("file").several().accept(".pem,.cer,.crt,.p12,.pfx,.key")
                .help(t!("Choose all the files together.")))
            (field("vendor_passphrase", t!("Passphrase")).kind("password").optional())
            (Button::submit(t!("Sign the request")))
        },
    )
}

/// Takes a signed request in whatever form it came.
fn signed_form() -> Markup {
    upload(
        "/system/push/signed",
        html! {
            (field("signed", t!("The signed request, when you have it")).kind("file")
                .help(t!("As the vendor gave it, or the attachment of the mail: it is opened and checked before you visit Apple.")))
            (Button::submit(t!("Check it")).icon(Icon::Upload))
        },
    )
}

pub(super) fn upload_form(view: &PushView) -> Markup {
    let passphrase = view.upload.as_ref().is_some_and(|upload| upload.needs_passphrase);
    upload(
        "/system/push",
        html! {
            (field("certificate", t!("Certificate")).kind("file").several().optional().accept(".pem,.cer,.crt,.p12,.pfx,.key")
                .help(t!("Choose the file or drop it here; with its key in a file of its own, both.")))
            details #pasted {
                summary { (t!("Paste its text instead")) }
                (field("text", t!("Text of the certificate")).lines(6).mono().optional().help(t!("From -----BEGIN CERTIFICATE----- on; the key may stand below.")))
            }
            @if passphrase {
                (field("passphrase", t!("Passphrase of the file")).kind("password").error(Some(t!("The file is locked. Choose it again and type its passphrase."))))
            } @else {
                details #passphrase { summary { (t!("The file has a passphrase")) } (field("passphrase", t!("Passphrase of the file")).kind("password").optional()) }
            }
            (field("account", t!("Apple Account it was made with")).kind("email").optional().value(&view.account)
                .help(t!("Noted here so that next year somebody knows which account renews it.")))
            @let button = Button::submit(t!("Upload and check")).icon(Icon::Upload);
            @if view.requested_at.is_some() { (button.main()) } @else { (button) }
        },
    )
}
