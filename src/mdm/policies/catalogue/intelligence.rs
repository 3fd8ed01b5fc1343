//! Apple Intelligence and Siri.
//!
//! Up to 26.3 these are restrictions; from 26.4 on declarations have them all, also for Vision Pro, and take over.

use super::{Group, Switch, ValueKind};

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "no_external_intelligence",
        group: Group::Intelligence,
        label: msg!("No ChatGPT and other outside services"),
        notice: msg!("Siri and the writing tools offer no service of another company, such as ChatGPT."),
        limits: msg!("The apps and web pages of these companies are not covered: block them by bundle id, or with a web filter."),
        kind: ValueKind::OnOff,
        ways: &["i26.4.. m26.4.. v26.4.. declare external-intelligence.settings Enabled=false"],
    },
    Switch {
        id: "no_writing_tools",
        group: Group::Intelligence,
        label: msg!("No writing tools"),
        notice: msg!("“Writing Tools” is gone from the menu of selected text: nothing is rewritten or proofread."),
        limits: msg!("Spelling and word suggestions of the keyboard stay. Other apps may have tools of their own."),
        kind: ValueKind::OnOff,
        ways: &[
            "i18..26.4 m15..26.4 restrict allowWritingTools=false",
            "i26.4.. m26.4.. v26.4.. declare intelligence.settings AllowWritingTools=false",
        ],
    },
    Switch {
        id: "no_image_generation",
        group: Group::Intelligence,
        label: msg!("No made-up images"),
        notice: msg!("Image Playground, Genmoji and, on iPads, the Image Wand are gone."),
        limits: msg!("Images that other apps and web pages make are not covered."),
        kind: ValueKind::OnOff,
        ways: &[
            "i18..26.4 restrict allowImagePlayground=false allowGenmoji=false allowImageWand=false",
            "m15..26.4 restrict allowImagePlayground=false allowGenmoji=false",
            "i26.4.. v26.4.. declare intelligence.settings AllowImagePlayground=false AllowGenmoji=false AllowImageWand=false",
            "m26.4.. declare intelligence.settings AllowImagePlayground=false AllowGenmoji=false",
        ],
    },
    Switch {
        id: "no_summaries",
        group: Group::Intelligence,
        label: msg!("No summaries and ready-made replies"),
        notice: msg!("Mail, and from 26.4 on Safari and Notes too, do not summarise, and Mail suggests no replies."),
        limits: msg!("Before 26.4 it covers summaries in Mail only. Summaries of notifications are not covered."),
        kind: ValueKind::OnOff,
        ways: &[
            "i18.1..26.4 m15.1..26.4 restrict allowMailSummary=false",
            "i26.4.. declare intelligence.settings Apps.Mail.AllowSummary=false Apps.Mail.AllowSmartReplies=false \
             Apps.Notes.AllowTranscriptionSummary=false Apps.Safari.AllowSummary=false AllowVisualIntelligenceSummary=false",
            "m26.4.. declare intelligence.settings Apps.Mail.AllowSummary=false Apps.Mail.AllowSmartReplies=false \
             Apps.Notes.AllowTranscriptionSummary=false Apps.Safari.AllowSummary=false",
            "v26.4.. declare intelligence.settings Apps.Mail.AllowSummary=false Apps.Mail.AllowSmartReplies=false Apps.Safari.AllowSummary=false",
        ],
    },
    Switch {
        id: "no_siri",
        group: Group::Intelligence,
        label: msg!("No Siri"),
        notice: msg!("Siri does not answer, and its settings are gone."),
        limits: msg!("Dictation is not Siri and stays."),
        kind: ValueKind::OnOff,
        ways: &["i5.. m14.. v2.. restrict allowAssistant=false", "t27.. declare siri.settings Enabled=false"],
    },
    Switch {
        id: "dictation_on_device",
        group: Group::Intelligence,
        label: msg!("Dictation stays on the device"),
        notice: msg!("What is dictated is not sent to Apple; languages that the device does not know cannot be dictated."),
        limits: msg!("Dictation within other apps may use servers of their own."),
        kind: ValueKind::OnOff,
        ways: &["i14.5.. m14.. v2.. restrict forceOnDeviceOnlyDictation=true"],
    },
    Switch {
        id: "translation_on_device",
        group: Group::Intelligence,
        label: msg!("Translation stays on the device"),
        notice: msg!("What Apple's Translate works on is not sent to Apple."),
        limits: msg!("Other translators, and those of web pages, are not covered."),
        kind: ValueKind::OnOff,
        ways: &["i15.. restrict forceOnDeviceOnlyTranslation=true"],
    },
];
