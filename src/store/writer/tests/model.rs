//! Many callers against a model that has one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What one caller of the model test does to one of a few counters.
#[derive(Debug, Clone)]
enum Step {
    Add { key: u8, amount: i64 },
    AddAndFail { key: u8, amount: i64 },
    AddAndPanic { key: u8, amount: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (key, amount) = (0..4_u8, 1..100_i64);
    (0..5_u8, key, amount).prop_map(|(kind, key, amount)| match kind {
        0 => Step::AddAndFail { key, amount },
        1 => Step::AddAndPanic { key, amount },
        _ => Step::Add { key, amount },
    })
}

/// Adds to a counter; gives its place in the order of all additions, and the value that the counter had before.
fn add(tx: &Tx, key: u8, amount: i64) -> Result<(i64, i64)> {
    let key = key.to_string();
    let before: Option<i64> =
        tx.optional("SELECT value FROM settings WHERE key = ?1", [&key], |row| Ok(row.get::<_, String>(0)?.parse().unwrap()))?;
    let before = before.unwrap_or(0);
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.execute(sql, (key, (before + amount).to_string()))?;
    Ok((note(tx, "added")?, before))
}

fn run(store: &Store, step: &Step) -> Option<(i64, i64)> {
    let outcome = match *step {
        Step::Add { key, amount } => store.write_blocking(NOW, move |tx| add(tx, key, amount)),
        Step::AddAndFail { key, amount } => store.write_blocking(NOW, move |tx| {
            add(tx, key, amount)?;
            Err(Error::conflict("no"))
        }),
        Step::AddAndPanic { key, amount } => store.write_blocking(NOW, move |tx| {
            add(tx, key, amount)?;
            // Unlike panic!, this stays silent in the test's output.
            std::panic::resume_unwind(Box::new("a fault of the test's own making"))
        }),
    };
    outcome.ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn many_callers_are_as_good_as_one_after_the_other(callers in prop::collection::vec(prop::collection::vec(step(), 1..30), 1..8)) {
        let store = memory();
        let mut kept: Vec<(i64, i64, Step)> = std::thread::scope(|scope| {
            let threads: Vec<_> = callers
                .iter()
                .map(|steps| scope.spawn(|| steps.iter().filter_map(|step| run(&store, step).map(|(seq, before)| (seq, before, step.clone()))).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        kept.sort_by_key(|(seq, ..)| *seq);
        let mut model = BTreeMap::<u8, i64>::new();
        for (_, before, step) in &kept {
            let Step::Add { key, amount } = step else { panic!("{step:?} was kept") };
            let value = model.entry(*key).or_default();
            prop_assert_eq!(*value, *before);
            *value += amount;
        }
        let wanted = callers.iter().flatten().filter(|step| matches!(step, Step::Add { .. })).count();
        prop_assert_eq!(kept.len(), wanted);
        let count = store.read_blocking(NOW, |tx| events::count(tx, &Filter::default())).unwrap();
        prop_assert_eq!(count, wanted as u64);
    }
}
