//! The roll: every device once, where people look for it, with squares for as many as can be drawn.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::error::Result;
use crate::language::say;
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::roster::{self, Counts, Listed, Sort, Spot};

/// A cart, class or group of the roll, or what is in none.
#[derive(Debug, Clone)]
pub struct Circle {
    /// Its name; none for devices that are in none.
    pub name: Option<String>,
    /// All its devices by how they stand, drawn or not.
    pub counts: Counts,
    /// Those that are drawn, by name. Where it is not all of them, it is those that need somebody most.
    pub drawn: Vec<Listed>,
}

/// The roll with at most `squares` devices drawn, as equally from each circle as their sizes allow; one from each even where there are more circles.
pub fn roll(tx: &Tx, actor: &Actor, squares: usize) -> Result<Vec<Circle>> {
    actor.require(Right::View)?;
    let mut circles = roster::spots(tx)?;
    circles.sort_by_cached_key(|(name, _)| (name.as_deref().unwrap_or(say(WITHOUT)).to_lowercase(), name.clone()));
    let share = share(circles.iter().map(|(_, spots)| spots.len()), squares);
    let mut rolled = Vec::with_capacity(circles.len());
    let mut chosen = Vec::new();
    for (name, mut spots) in circles {
        let mut counts = Counts::default();
        for spot in &spots {
            counts[spot.standing as usize] += 1;
        }
        if spots.len() > share {
            // Which they are, not in what order: there may be thousands, of which a few are drawn.
            spots.select_nth_unstable_by(share, by_need);
            spots.truncate(share);
        }
        spots.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        chosen.push(spots);
        rolled.push(Circle { name, counts, drawn: Vec::new() });
    }
    let ids: Vec<&str> = chosen.iter().flatten().map(|spot| spot.device_id.as_str()).collect();
    let listed = roster::of_ids(tx, &ids, Sort::Name, false)?;
    let mut listed: HashMap<_, _> = listed.into_iter().map(|listed| (listed.device.id.clone(), listed)).collect();
    for (circle, spots) in rolled.iter_mut().zip(&chosen) {
        circle.drawn = spots.iter().filter_map(|spot| listed.remove(&spot.device_id)).collect();
    }
    Ok(rolled)
}

fn by_need(one: &Spot, other: &Spot) -> Ordering {
    other.standing.cmp(&one.standing).then_with(|| place(one).cmp(&place(other)))
}

/// By what devices are sorted in a circle.
fn place(spot: &Spot) -> (&str, &str) {
    (&spot.sort_key, &spot.device_id)
}

/// By what devices that are in no circle are sorted among those that are.
const WITHOUT: &str = msg!("without a group");

/// How many of each circle are drawn, so that it is at most `squares` of all.
fn share(sizes: impl Iterator<Item = usize>, squares: usize) -> usize {
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable();
    let (mut left, mut circles) = (squares, sizes.len());
    for size in sizes {
        if size * circles > left {
            return (left / circles).max(1);
        }
        left -= size;
        circles -= 1;
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::Role;
    use crate::store::devices::{self, Device};
    use crate::store::groups::{self, Group};
    use crate::store::meetings;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn squares_are_shared_out_to_the_smallest_first() {
        let told = |sizes: &[usize], squares| share(sizes.iter().copied(), squares);
        assert_eq!(told(&[], 500), 500);
        assert_eq!(told(&[300, 200], 500), 500, "all fit");
        assert_eq!(told(&[10, 1_000, 1_000], 500), 245);
        assert_eq!(told(&[9_000], 500), 500);
        assert_eq!(told(&[3; 600], 500), 1, "one of each, even if that is more");
    }

    #[test]
    fn a_circle_says_how_many_it_has_whatever_is_drawn_and_draws_those_that_need_somebody() {
        let actor = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
        let now = Timestamp::from_seconds(1_795_000_000);
        let never = |tx: &Tx, id: &str| devices::insert(tx, &Device { group_label: String::new(), ..roster::tests::device(id, id) });
        let work = move |tx: &Tx| {
            let cart = Group {
                id: "a".into(),
                name: "Cart A".into(),
                note: String::new(),
                rule: None,
                is_by_rule: false,
                device_count: 0,
                created_at: now,
                changed_at: now,
            };
            groups::insert(tx, &cart)?;
            for n in 0..19 {
                meetings::tests::device(tx, &format!("{n:02}"), &format!("iPad {n:02}"), "18.1", "a")?;
            }
            never(tx, "iPad 99")?;
            groups::add_device(tx, "a", "iPad 99")?;
            for n in 0..10 {
                never(tx, &format!("Mac {n}"))?;
            }
            let rolled = roll(tx, &actor, 12)?;
            let told: Vec<_> = rolled.iter().map(|circle| (circle.name.as_deref(), circle.counts, circle.drawn.len())).collect();
            assert_eq!(told, [(Some("Cart A"), [0, 0, 19, 1, 0], 6), (None, [0, 0, 0, 10, 0], 6)]);
            let names: Vec<_> = rolled[0].drawn.iter().map(|listed| listed.device.name.as_str()).collect();
            assert_eq!(names, ["iPad 00", "iPad 01", "iPad 02", "iPad 03", "iPad 04", "iPad 99"]);
            Ok(())
        };
        Store::open(OpenOptions::memory()).unwrap().write_blocking(now, work).unwrap();
    }
}
