//! Every decoder of outside input meets good input, cut short, with bits flipped, and damaged in ways that only chance finds.
//!
//! `ROLLCALL_FUZZ_SECONDS` is for how long, all decoders together (15 unless said otherwise); `ROLLCALL_FUZZ_SEED` repeats a run; `ROLLCALL_FUZZ_ONLY` names
//! one decoder; `ROLLCALL_FUZZ_INPUT` is a file that it reads alone. `ROLLCALL_WRITE_SEEDS=DIR` writes the seeds for cargo-fuzz.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod decoders;
mod harness;
mod mutate;
mod seeds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use decoders::{DECODERS, Decoder};
use harness::Limits;

fn of_the_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, usually: u64) -> u64 {
    of_the_environment(name).map_or(usually, |value| value.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn no_decoder_panics_or_runs_away() {
    let only = of_the_environment("ROLLCALL_FUZZ_ONLY");
    let chosen: Vec<&Decoder> = DECODERS.iter().filter(|decoder| only.as_deref().is_none_or(|name| name == decoder.name)).collect();
    assert!(!chosen.is_empty(), "ROLLCALL_FUZZ_ONLY names no decoder");
    let seed = number("ROLLCALL_FUZZ_SEED", fastrand::u64(..));
    let budget = Duration::from_secs(number("ROLLCALL_FUZZ_SECONDS", 15)) / chosen.len() as u32;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    eprintln!(
        "ROLLCALL_FUZZ_SEED={seed}: {} decoders, {} ms each; what breaks one is written to {}",
        chosen.len(),
        budget.as_millis(),
        folder.display()
    );
    let mut broken = Vec::new();
    let mut runs = 0;
    for decoder in chosen {
        let given = of_the_environment("ROLLCALL_FUZZ_INPUT").map(|file| vec![std::fs::read(file).unwrap()]);
        let outcome = harness::run(decoder, given.unwrap_or_else(|| seeds::of(decoder.name)), seed, &Limits { budget, ..Limits::usual() });
        eprintln!("{}: {} inputs, the slowest {} ms", decoder.name, outcome.runs, outcome.slowest.as_millis());
        runs += outcome.runs;
        if let Some(finding) = outcome.finding {
            std::fs::create_dir_all(&folder).unwrap();
            let file = folder.join(decoder.name);
            std::fs::write(&file, &finding.input).unwrap();
            broken.push(format!(
                "{} {}: ROLLCALL_FUZZ_ONLY={} ROLLCALL_FUZZ_INPUT={} repeats it",
                decoder.name,
                finding.what,
                decoder.name,
                file.display()
            ));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    eprintln!("{runs} inputs");
}

#[test]
fn every_decoder_reads_good_input_of_its_own() {
    for decoder in DECODERS {
        let seeds = seeds::of(decoder.name);
        assert!(seeds.iter().any(|seed| (decoder.decode)(seed)), "{}: none of its {} seeds is read", decoder.name, seeds.len());
    }
}

#[test]
fn every_decoder_has_its_fuzz_target() {
    let targets = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for Decoder { name, .. } in DECODERS {
        assert!(targets.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name} is not in fuzz/Cargo.toml");
        let target = std::fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("decode(\"{name}\", bytes)")), "{name}");
    }
    assert_eq!(targets.matches("[[bin]]").count(), DECODERS.len());
}

#[test]
fn seeds_are_written_where_they_are_wanted() {
    let Some(folder) = of_the_environment("ROLLCALL_WRITE_SEEDS").map(PathBuf::from) else { return };
    for Decoder { name, .. } in DECODERS {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds::of(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}

/// A decoder that breaks as soon as a byte is damaged.
fn fragile(bytes: &[u8]) -> bool {
    assert!(bytes.iter().all(u8::is_ascii_lowercase), "this one breaks");
    true
}

/// A decoder that does not come back from what does not begin well.
fn endless(bytes: &[u8]) -> bool {
    while !bytes.starts_with(b"go") {
        std::thread::yield_now();
    }
    true
}

#[test]
fn a_decoder_that_breaks_and_one_that_runs_away_are_found() {
    let found = |decode, patience| {
        let limits = Limits { budget: Duration::from_secs(5), patience };
        harness::run(&Decoder { name: "weak", decode }, vec![b"good".to_vec()], 7, &limits).finding.unwrap()
    };
    // Where the panic came from is looked up before it is told, which takes its time.
    let finding = found(fragile, Limits::usual().patience);
    assert!(finding.what.contains("this one breaks") && !finding.input.iter().all(u8::is_ascii_lowercase), "{}", finding.what);
    let finding = found(endless, Duration::from_millis(300));
    assert!(finding.what.contains("did not come back") && !finding.input.starts_with(b"go"), "{}", finding.what);
    let strong = Decoder { name: "strong", decode: |_| true };
    assert_eq!(
        harness::run(&strong, vec![b"good".to_vec()], 7, &Limits::usual()).runs,
        9,
        "whole, cut in four places, a bit flipped in each"
    );
}
