//! Which part of the school somebody sees: everything, or the classes that they teach. What does not ask here shows teachers nothing.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, Role};
use crate::store::classes::{self, Class};
use crate::store::{Tx, admins};

/// A part of the school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// These classes, by id, and the people and devices in them.
    Classes(BTreeSet<String>),
}

/// What an actor sees.
///
/// # Errors
/// Forbidden to whoever sees nothing at all: devices.
pub fn of(tx: &Tx, actor: &Actor) -> Result<Scope> {
    if actor.may(Right::View) {
        return Ok(Scope::Everything);
    }
    actor.require(Right::Teach)?;
    let Actor::Person { id, role: Role::Teacher, .. } = actor else { return Ok(Scope::Classes(BTreeSet::new())) };
    // An account that stands for nobody at the school teaches nothing.
    let person_id = admins::find(tx, id)?.and_then(|admin| admin.person_id);
    let taught = person_id.map(|person_id| classes::taught_by(tx, &person_id)).transpose()?.unwrap_or_default();
    Ok(Scope::Classes(taught.into_iter().map(|class| class.id).collect()))
}

impl Scope {
    /// One class, if it is in view.
    ///
    /// # Errors
    /// Not found, in the same words whether there is no such class or it is somebody else's.
    pub fn class(&self, tx: &Tx, id: &str) -> Result<Class> {
        let found = if self.sees(id) { classes::by_id(tx, id)? } else { None };
        found.ok_or_else(|| match self {
            Self::Everything => Error::not_found(t!("There is no such class.")),
            Self::Classes(_) => Error::not_found(t!("There is no such class among those that you teach.")),
        })
    }

    /// The classes in view, by name.
    pub fn classes(&self, tx: &Tx) -> Result<Vec<Class>> {
        let mut classes = classes::all(tx)?;
        classes.retain(|class| self.sees(&class.id));
        Ok(classes)
    }

    /// Whether a class is in view, by its id.
    pub fn sees(&self, class_id: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Classes(own) => own.contains(class_id),
        }
    }

    /// Whether a device is in view: one that somebody uses who learns in a class of these.
    pub fn has_device(&self, tx: &Tx, device_id: &str) -> Result<bool> {
        let Self::Classes(own) = self else { return Ok(true) };
        for class in own {
            if classes::has_learners_device(tx, class, device_id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
