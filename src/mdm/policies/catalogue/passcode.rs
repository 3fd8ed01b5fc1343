//! How the device is unlocked.
//!
//! The declaration has existed since iOS 15 and macOS 13, but only from iOS 16.2 and macOS 13.1 on does it know every one of these rules (and before
//! iOS 16 it serves persons' own devices alone): so the payload serves what is older, and no device ever has its rules in two places.

use super::{Group, Switch, ValueKind};

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "passcode_required",
        group: Group::Passcode,
        label: msg!("A passcode is required"),
        notice: msg!("Within an hour the device asks for a passcode to be set, and then for it at every unlocking."),
        limits: msg!("Without further rules any passcode will do. Touch ID and Face ID still unlock the device."),
        kind: ValueKind::OnOff,
        ways: &["i4..16.2 m10.7..13.1 passcode forcePIN=true", "i16.2.. m13.1.. v2.. declare passcode.settings RequirePasscode=true"],
    },
    Switch {
        id: "passcode_min_length",
        group: Group::Passcode,
        label: msg!("Shortest passcode"),
        notice: msg!("A passcode that is shorter is not accepted; whoever has one is asked for a new one."),
        limits: msg!("On a person's own device any rule becomes six digits, whatever the number here."),
        kind: ValueKind::Number(4, 16, msg!("letters or digits")),
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true minLength=$",
            "i16.2.. m13.1.. v2.. declare passcode.settings MinimumLength=$",
        ],
    },
    Switch {
        id: "passcode_complex",
        group: Group::Passcode,
        label: msg!("No simple passcode"),
        notice: msg!("1234, 0000 and the like are not accepted."),
        limits: msg!("Birthdays and other guessable numbers are accepted."),
        kind: ValueKind::OnOff,
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true allowSimple=false",
            "i16.2.. m13.1.. v2.. declare passcode.settings RequireComplexPasscode=true",
        ],
    },
    Switch {
        id: "passcode_alphanumeric",
        group: Group::Passcode,
        label: msg!("Letters and digits"),
        notice: msg!("The passcode must have a letter beside its digits; the keyboard appears at the lock screen."),
        limits: msg!("Small children find this hard. On a person's own device it has no effect."),
        kind: ValueKind::OnOff,
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true requireAlphanumeric=true",
            "i16.2.. m13.1.. v2.. declare passcode.settings RequireAlphanumericPasscode=true",
        ],
    },
    Switch {
        id: "passcode_auto_lock",
        group: Group::Passcode,
        label: msg!("Lock after"),
        notice: msg!("The device locks by itself after this many minutes; people can choose a shorter time."),
        limits: msg!("A video that plays keeps it awake."),
        kind: ValueKind::Number(1, 15, msg!("minutes")),
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true maxInactivity=$",
            "i16.2.. m13.1.. v2.. declare passcode.settings MaximumInactivityInMinutes=$",
        ],
    },
    Switch {
        id: "passcode_max_attempts",
        group: Group::Passcode,
        label: msg!("Wrong passcodes before everything is erased"),
        notice: msg!("After this many wrong passcodes in a row an iPhone or iPad erases itself; a Mac locks the account."),
        limits: msg!(
            "Pauses between the attempts grow by themselves. Whatever was not backed up is lost, so take a small number only where that is meant."
        ),
        kind: ValueKind::Number(4, 10, msg!("wrong passcodes")),
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true maxFailedAttempts=$",
            "i16.2.. m13.1.. v2.. declare passcode.settings MaximumFailedAttempts=$",
        ],
    },
    Switch {
        id: "passcode_max_age",
        group: Group::Passcode,
        label: msg!("A new passcode every"),
        notice: msg!("After this many days the device asks for a new passcode before it unlocks."),
        limits: msg!("People who must change often write passcodes down; long ones that stay are safer."),
        kind: ValueKind::Number(1, 730, msg!("days")),
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true maxPINAgeInDays=$",
            "i16.2.. m13.1.. v2.. declare passcode.settings MaximumPasscodeAgeInDays=$",
        ],
    },
    Switch {
        id: "passcode_history",
        group: Group::Passcode,
        label: msg!("Not one of the last"),
        notice: msg!("A new passcode must differ from this many that were used before."),
        limits: msg!("It matters only where passcodes are changed."),
        kind: ValueKind::Number(1, 50, msg!("passcodes")),
        ways: &[
            "i4..16.2 m10.7..13.1 passcode forcePIN=true pinHistory=$",
            "i16.2.. m13.1.. v2.. declare passcode.settings PasscodeReuseLimit=$",
        ],
    },
    Switch {
        id: "no_passcode_changes",
        group: Group::Passcode,
        label: msg!("No changing of the passcode"),
        notice: msg!("The passcode can be neither set, changed nor removed in Settings."),
        limits: msg!("You can still clear it from here. Do not combine it with rules that ask for a new passcode."),
        kind: ValueKind::OnOff,
        ways: &["i9.. m10.13.. v2.. restrict allowPasscodeModification=false"],
    },
    Switch {
        id: "no_biometrics",
        group: Group::Passcode,
        label: msg!("No Touch ID, Face ID or Optic ID"),
        notice: msg!("The device unlocks with its passcode only."),
        limits: msg!("On Macs, a Watch can still unlock if it was set up for that."),
        kind: ValueKind::OnOff,
        ways: &["i7.. m10.12.4.. v2.. restrict allowFingerprintForUnlock=false"],
    },
];
