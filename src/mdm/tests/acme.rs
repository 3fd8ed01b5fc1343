//! Accounts of ACME: anybody may come, and nobody fills the database.

use super::School;
use crate::mdm::ca::acme::{ACCOUNTS_MAX, ORDER_LIFETIME, new_account, new_order};
use crate::pki::digest::sha256;
use crate::pki::jws::flattened::{Jwk, jwk_of};
use crate::pki::key::PrivateKey;
use crate::protocol::acme::{Fault, IDENTIFIER, Identifier, NewOrder};
use crate::store::acme;

fn key() -> Jwk {
    Jwk::read(&jwk_of(PrivateKey::generate_p256().unwrap().public_key_der()).unwrap()).unwrap()
}

#[test]
fn beyond_so_many_accounts_the_oldest_one_without_an_order_makes_room() {
    let school = School::new();
    school.write(|tx| {
        (0..ACCOUNTS_MAX).try_for_each(|number| acme::insert_account(tx, &format!("{number:05}"), &sha256(&number.to_be_bytes()), "{}"))
    });
    let (account, is_new) = school.write(|tx| new_account(tx, &key())).unwrap();
    assert!(is_new);
    let (count, oldest) = school.write(|tx| Ok((acme::count_accounts(tx)?, acme::account_by_id(tx, "00000")?)));
    assert_eq!((count, oldest), (ACCOUNTS_MAX, None));
    let wanted = NewOrder { identifiers: vec![Identifier { kind: IDENTIFIER.into(), value: "nobody's".into() }] };
    assert!(school.write(move |tx| new_order(tx, &account, &wanted)).unwrap_err().is(Fault::RejectedIdentifier));
    school.clock.advance(ORDER_LIFETIME);
    let removed = school.write(|tx| acme::prune(tx, tx.now, 10_000));
    assert_eq!(removed as i64, ACCOUNTS_MAX, "who orders nothing is forgotten");
}
