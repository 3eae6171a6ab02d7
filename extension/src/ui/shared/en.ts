/** English words of Candor's pages. Owns sentences only; a person afraid of being watched reads each of them first. */

import type { Reason as ReasonCode, StateName } from "../../shared/internal.ts";
import { LANGUAGE } from "../../shared/language.ts";
import type { SignalName } from "../../shared/signals.ts";

interface SignalWords {
  readonly name: string;
  /** For "Recording in CRM: pointer, clicks." */
  readonly short: string;
  readonly what: string;
  readonly not: string;
  readonly sample: string;
}

const signals: Readonly<Record<SignalName, SignalWords>> = {
  pointer: {
    name: "Pointer",
    short: "pointer",
    what: "Where your pointer is in the page, at most once in 10 milliseconds.",
    not: "Never what it points at.",
    sample: "Move the pointer over this area.",
  },
  click: {
    name: "Clicks",
    short: "clicks",
    what: "When you click, with which button, and on what kind of control. In buttons and links also where, as one of 64 squares.",
    not: "Never the words on it.",
    sample: "Click the button, the link and the empty space.",
  },
  hover: {
    name: "Resting",
    short: "resting",
    what: "On what kind of control your pointer rests, and for how long.",
    not: "Never which one of several alike.",
    sample: "Let the pointer rest on the button for a moment, then on the link.",
  },
  typing: {
    name: "Typing",
    short: "typing",
    what: "That you type in a visible field: when you begin, how many keys, for how long, in what kind of field.",
    not: "Never which keys, never the text. The number of keys hints at how long a text was.",
    sample: "Type something into the field, then wait a second.",
  },
  key_timing: {
    name: "Key timing",
    short: "key timing",
    what: "When each key goes down, how long it is held, and one of five kinds: type, correct, submit, move, shortcut.",
    not: "Never which key. But how you type can identify you: in a published study 200 people were told apart by one typed sentence with 84 % accuracy, and removing the letters only lowered it to 81 %. If that is too much, leave this one off.",
    sample: "Type something into the field.",
  },
  scroll: {
    name: "Scrolling",
    short: "scrolling",
    what: "When and how far you scroll.",
    not: "Never what comes into view.",
    sample: "Scroll the list.",
  },
  attention: {
    name: "Attention",
    short: "attention",
    what: "Whether the page is in view and in front, and whether a minute passed without input.",
    not: "It shows when you were busy in the app and when not. Nobody is given figures about one person.",
    sample: "Click outside of this window and come back.",
  },
  navigation: {
    name: "Moving between pages",
    short: "moving between pages",
    what: "When you open, change or leave a page of the app, and how long you stayed.",
    not: "Never which page: no address, no title.",
    sample: "This one needs a real change of page, so there is no sample of it here.",
  },
};

const states: Readonly<Record<StateName, string>> = {
  recording: "Recording",
  paused: "Paused",
  off: "Off",
  waiting: "Waiting",
  not_here: "Not here",
  problem: "Problem",
};

/** Why a state is what it is, and what one can do; keyed by the worker's reason codes. */
interface Reason {
  readonly why: string;
  readonly next: string;
}

const reasons: Readonly<Record<ReasonCode, Reason>> = {
  granted: {
    why: "You agreed to this.",
    next: "You can pause or withdraw at any time.",
  },
  paused_site: {
    why: "You paused Candor on this site. Nothing is recorded here.",
    next: "It stays so until you resume.",
  },
  paused_until: {
    why: "You paused Candor. Nothing is recorded.",
    next: "It goes on by itself then; you can resume earlier or pause for longer.",
  },
  paused_resume: {
    why: "You paused Candor. Nothing is recorded.",
    next: "It stays so until you resume.",
  },
  presence_unasked: {
    why: "The screen was locked, or 8 hours passed since somebody said who is here. Nothing is recorded.",
    next: "If you are the participant, choose Continue. If not, choose Not you?, and nothing of you is recorded.",
  },
  presence_denied: {
    why: "Somebody said that they are not the participant. Nothing is recorded.",
    next: "It stays so until the participant chooses Continue. To be on your own here, open a browser profile of yours: look for Profile in the browser's menu. Candor does not go along.",
  },
  not_enrolled: {
    why: "You have not agreed to anything. Nothing is recorded.",
    next: "If you were given an enrolment string, you can read the notice. You need not.",
  },
  declined: {
    why: "You said no. Nothing is recorded, and you will not be asked again for 90 days.",
    next: "You can read the notice again whenever you like.",
  },
  withdrawn: {
    why: "You withdrew. Nothing is recorded.",
    next: "You can close this. If you ever want to take part again, read the notice and choose Yes.",
  },
  no_permission: {
    why: "Your browser does not give Candor access to this app, so nothing is recorded here.",
    next: "Open the notice and choose Yes again if you want it, or leave it as it is.",
  },
  no_access: {
    why: "Candor cannot see this page. Your browser gives it no access to an app that you agreed to, so nothing is recorded there.",
    next: "Open the notice and choose Yes again if you want it, or leave it as it is.",
  },
  offline: {
    why: "Recorded and sealed on this computer, not sent yet: this computer is offline.",
    next: "It is sent when the network is back. Pausing or withdrawing works without it.",
  },
  relay_unreachable: {
    why: "Recorded and sealed on this computer, not sent yet: the receiving side does not answer.",
    next: "Candor keeps trying. If it lasts for days, tell your representative.",
  },
  programme_ended: {
    why: "The programme is over. Nothing is recorded.",
    next: "You can remove Candor from your browser.",
  },
  window_closed: {
    why: "The programme has not begun yet. Nothing is recorded.",
    next: "You can already withdraw, or pause it from the start.",
  },
  grant_lapsed: {
    why: "Your agreement lapsed, since this browser was away for 30 days. Nothing is recorded.",
    next: "Read the notice again and choose Yes if you still want it. You need not.",
  },
  stopped: {
    why: "The programme was stopped. Nothing is recorded.",
    next: "You need not do anything.",
  },
  excluded_path: {
    why: "This part of the app is excluded. Nothing is recorded here.",
    next: "Recording goes on when you leave this part.",
  },
  not_approved: {
    why: "This is not an approved app. Candor cannot see this page.",
    next: "You need not do anything.",
  },
  unconfirmed: {
    why: "Your yes was not confirmed yet, so nothing is recorded.",
    next: "Candor keeps trying to tell it. You can also take it back.",
  },
  stale: {
    why: "Candor could not check for a day whether the programme still runs, so it records nothing.",
    next: "It goes on when it reaches the receiving side. Check the network, or leave it as it is.",
  },
  clock: {
    why: "This computer's clock is more than an hour wrong, or went back, so Candor records nothing.",
    next: "Set the clock; recording goes on by itself within a minute. Or leave it as it is.",
  },
  outbox_full: {
    why: "What waits to be sent filled its space, so the oldest of it was let go, and counted.",
    next: "Check the network. Nothing else on your computer is touched.",
  },
  disk_full: {
    why: "This computer's disk, or the browser's share of it, is full. Nothing is recorded until there is space.",
    next: "Free some space; Candor tries again by itself. What was recorded before is kept.",
  },
  storage_failed: {
    why: "Candor cannot read or write what it stores in this browser, so nothing is recorded.",
    next: "Restart the browser. If this stays, remove Candor, and ask your representative for a new enrolment string if you still want to take part.",
  },
  storage_lost: {
    why: "What Candor stored in this browser was deleted or damaged: your agreement, its keys, and what waited to be sent. Nothing is recorded.",
    next: "You need not do anything. If you still want to take part, ask your representative for a new enrolment string.",
  },
  policy_changed: {
    why: "The programme's terms changed in a way you have not agreed to. Nothing is recorded.",
    next: "Ask your representative what changed. You need not agree.",
  },
  upgrade_required: {
    why: "Candor here and at the receiving side are of versions that do not fit together, so nothing is recorded.",
    next: "Update the extension, or ask whoever gave it to you. If it is the newest, the other side has to be updated; Candor asks again by itself.",
  },
  enrolment_lost: {
    why: "The receiving side no longer knows this browser, so nothing is recorded.",
    next: "Ask your representative for a new enrolment string.",
  },
  unknown: {
    why: "Something went wrong that this version of Candor has no words for. Nothing is recorded.",
    next: "Copy the diagnostics and show them to whoever gave you Candor.",
  },
};

const unknownReason: Reason = {
  why: "Candor does not know its own state, so treat it as recording.",
  next: "Copy the diagnostics and show them to whoever gave you Candor.",
};

export const en = {
  language: LANGUAGE,
  signals,
  states,
  reasons: reasons as Readonly<Record<string, Reason>>,
  unknownReason,
  asyncFailed:
    "Candor's background part did not answer. Close this page, open it again, and if that does not help restart the browser. (no_answer)",
  withCode: (message: string, code: string) => `${message} (${code})`,

  popup: {
    title: "Candor",
    recordingIn: (app: string, signals: string, sent: string) =>
      `Recording in ${app}: ${signals}. ${sent} sent in the last minute.`,
    events: (count: number, words: string) => (count === 1 ? "1 event" : `${words} events`),
    pausedUntil: (time: string) => `Paused until ${time}. Nothing is recorded.`,
    notHere: (host: string) => `${host} is not an approved app. Candor cannot see this page.`,
    since: (time: string) => `Since ${time}.`,
    lastTen: "The last ten seconds in this tab",
    sent: "Sent in the last minute",
    sentSaid: (events: string, batches: number) =>
      `${events} in ${batches} sealed ${batches === 1 ? "batch" : "batches"}, confirmed as stored`,
    nothing: "nothing",
    waiting: "Waiting to be sent",
    waitingSaid: (batches: number) => `${batches} sealed ${batches === 1 ? "batch" : "batches"}`,
    cost: (ms: string) => `Candor used ${ms} ms in this tab in the last minute.`,
    pause: "Pause",
    pauseSite: "On this site",
    pauseHour: "For an hour",
    pauseAll: "Until I resume",
    resume: "Resume",
    presence: "Recording for this device's participant.",
    notYou: "Not you?",
    goOn: "Continue",
    noAccess: (apps: string) =>
      `Candor cannot see this page. Your browser gives it no access to ${apps}, which you agreed to, so nothing is recorded there.`,
    withdraw: "Withdraw …",
    readNotice: "Read the notice",
    enrol: "Enter an enrolment string",
    ask: (name: string) => `Ask your representative, ${name}`,
    diagnostics: "Diagnostics",
    diagnosticsSaid:
      "What is copied: version, states, counts and error codes. No address, no name, no id.",
    copy: "Copy diagnostics",
    copied: "Copied. This is what was copied:",
    copyFailed: "The browser did not let Candor copy. Select the text below and copy it yourself.",
    demo: "Demonstration: one machine holds all keys.",
  },

  welcome: {
    title: "Candor: read, try, decide",
    heading: "Before anything is recorded",
    lead: "Someone asks whether Candor may record how you use some web apps of your work. This page says what that would be, lets you try it, and takes your yes or no. Until you say yes, nothing is recorded.",
    paste: "Enrolment string",
    pasteHelp:
      "The text that starts with candor1. It comes from your employees' representative. Entering it agrees to nothing.",
    read: "Read the notice",
    reading: "Fetching the notice and checking both signatures …",
    pasteFirst: "The field is empty. Paste the enrolment string first; it starts with candor1.",
    checked:
      "Checked: the notice and its terms carry both signatures, of your employer and of your representative.",
    demo: "Demonstration: one machine holds all keys, so whoever owns it can read everything alone. Do not use it for real work.",
    simulation: "Simulation: no real person is recorded.",
    agreedBefore:
      "You agreed to this. Below is what you agreed to; you can change it with a new yes, or withdraw.",
    declinedBefore: "You said no, or you withdrew. Nothing is recorded.",

    shortHeading: "In short",
    short: (representative: string, apps: string): [string, string][] => [
      [
        "What",
        `When and where you point, click, type, scroll and rest, in ${apps}; only the kinds you switch on.`,
      ],
      [
        "Not",
        "What you write or read: no text, no keys, no names, no addresses, no pictures. Nothing at all from password fields, and nothing outside these apps.",
      ],
      [
        "Who",
        `Only the researchers and your representative together, ${representative} with one of two keys. Neither alone, nor whoever runs the machines.`,
      ],
      [
        "Stop",
        "One click on the Candor button: pause or withdraw, at once, also offline, without giving a reason.",
      ],
    ],
    whoHeading: "Who asks, and what for",
    who: (controller: string, programme: string) =>
      `${controller} answers for this. The programme is called ${programme}.`,
    eligible: (who: string) => `Who is asked: ${who}`,
    purposes: "What for:",
    never:
      "Never for appraisal: no page, interface or data set gives anyone else figures about one person.",
    oneProfile:
      "One browser profile takes part in one programme, for one person. If others use this profile too, nothing of them is to be recorded: after each screen lock, and after 8 hours, Candor records nothing until somebody answers whether it is still you.",
    free: "Taking part is your choice. Nobody using Candor can see who said yes and who said no.",

    whatHeading: "What would be recorded",
    whatLead:
      "Each kind is off until you switch it on. Try each one first: a sample stays on this page and goes nowhere.",
    where: "Only in these apps; in all others the browser itself gives Candor no access:",
    excluded: (paths: string) => `Nothing under ${paths}.`,
    switchIn: (app: string) => `Record this in ${app}`,
    showSample: "Try it for ten seconds",
    sampleLeft: (seconds: number) => `${seconds} s left`,
    sampleDone: "Done. This is all that would have been sent:",
    sampleNothing: "Nothing would have been sent.",
    sampleMore: (rows: string) => `… and ${rows} more like these.`,
    sampleButton: "A button",
    sampleLink: "A link",
    sampleField: "A field",
    sampleList: (at: number) => `Line ${at} of a list`,

    tryHeading: "Try to catch it",
    tryLead:
      "Type a secret below, as often as you like. Beside it are the very numbers that would be sent, before they are sealed. Your text is searched for in them while you type.",
    trySecret: "Any secret",
    tryPassword: "A password (from such fields nothing is taken at all, not even a count)",
    tryNotes: "Longer text",
    tryButton: "Send nothing",
    tryLink: "A link to nowhere",
    tryArea: "Your hand",
    tryNumbers: "What would be sent",
    tryFlush: (bytes: string, total: string) =>
      `Last second: ${bytes} bytes. In all: ${total} bytes searched.`,
    tryEmpty: "Nothing yet. Move, click or type on the left.",
    tryFound: (found: string) => `${found} found`,
    tryFoundHow:
      "as UTF-8, UTF-16, hex, reversed, base64 at all three alignments, and as rows of numbers, plain and as differences",
    tryShort: "Type six characters or more: shorter texts turn up in any numbers by chance.",
    tryWarn:
      "Your text was found. That must not happen. Choose No thanks, and tell your representative.",
    tryWords: "In words",
    trySignals: "All eight kinds are on in this box, whatever you switched on above.",

    neverHeading: "What is never recorded",
    neverList: [
      "What you write, read, copy or paste; titles, addresses, names or values of anything.",
      "Anything, not even counts, from fields for passwords, one-time codes or payment, from hidden fields, and from regions that an app marks as private.",
      "Pictures of your screen, sound, or anything outside the apps above.",
    ],
    limitsHeading: "What it can hint at",
    limits:
      "Positions, counts and timing can hint at content, such as how long a text was. Whoever manages your computer can install other software than Candor.",

    readersHeading: "Who can read it",
    readers: (relay: string) =>
      `Your browser seals everything before it leaves and sends it to ${relay}. Whoever runs that machine cannot open it.`,
    twoKeys: "Opening takes two keys, each on its holder's own machine. One alone opens nothing.",
    keyOfRepresentative: "Your representative's key",
    keyOfResearch: "The researchers' key",
    heldBy: (name: string) => `held by ${name}`,
    heldByResearch: "held by the research team",
    sealed: "What you did, sealed",
    compare: (name: string) =>
      `Compare these words with those that ${name} published elsewhere, on paper or on the intranet. If one word differs, say no.`,
    compareController: "Your employer's signing key, in the same way:",
    both: "Both holders together can read it. What was opened before you withdraw stays opened.",

    longHeading: "How long",
    window: (first: string, last: string) =>
      `Recording is possible from ${first} to ${last}, and ends by itself.`,
    kept: (days: number, backup: number) =>
      `Each day's recordings are kept for ${days} ${days === 1 ? "day" : "days"} after they arrive. Then what is needed to read them is destroyed; backups become unreadable within ${backup} ${backup === 1 ? "day" : "days"} after that.`,
    lastOfAll: (day: string) =>
      `For what arrives on the last day, backups included, that is ${day}.`,

    stopHeading: "How to stop",
    stopList: [
      "Pause: the Candor button in the toolbar, then one click, for the site, for an hour, or until you resume.",
      "Withdraw: the same button, then Withdraw. It works at once, also without a network.",
      "Removing the extension stops it too.",
    ],
    noticeHeading: "The whole notice, as signed",
    contactsHeading: "Whom you can ask",
    contactController: "Answers for the programme",
    contactOfficer: "Data protection officer",
    contactRepresentative: "Your representative",

    decideHeading: "Your decision",
    decideYes: (apps: string) =>
      `Yes: your browser asks you once more whether Candor may have access to ${apps}. Then what you switched on is recorded there.`,
    decideYesFirefox:
      "Firefox names what Candor collects in words of its own: browsing activity (which of these apps you are in, and when you move), website activity (what you switched on), and personally identifying information (how someone points and types can tell who they are).",
    decideNo: (day: string) =>
      `No: nothing is recorded. You will not be asked again before ${day}.`,
    yes: "Yes, record what I switched on",
    no: "No thanks",
    chosenNone: "Nothing is switched on so far.",
    chosen: (apps: string) => `Switched on in ${apps}.`,
    chosenApp: (app: string, signals: string) => `${app}: ${signals}`,
    nothingOn:
      "Nothing is switched on, so there is nothing to say yes to. Switch on at least one kind above, or choose No thanks.",
    refused:
      "The browser did not give access, so nothing is recorded. Choose Yes again and allow it, or choose No thanks.",
    saving: "Saving your decision …",
    done: (what: string) =>
      `You agreed, and recording is on in ${what}. The Candor button in the toolbar shows at any time what happens. Your receipt:`,
    declined: (day: string) =>
      `Nothing is recorded. You will not be asked again before ${day}. You can close this page.`,
  },

  leave: {
    title: "Candor: withdraw",
    heading: "Withdraw from the programme",
    consequences: [
      "Recording stops on this computer at once, also without a network.",
      "What waits on this computer to be sent is deleted.",
      "What was sent before stays sealed until its term ends; withdrawing does not erase it. To ask for that, write to your representative.",
      "Nobody using Candor can see that you withdrew.",
      "You can take part again later: read the notice and choose Yes. Nobody asks you to.",
    ],
    withdraw: "Withdraw now",
    stay: "Keep taking part",
    stayed: "Nothing changed.",
    working: "Stopping …",
    stopped: "Stopped on this computer. Nothing is recorded any more.",
    confirmed: (time: string) =>
      `Confirmed at ${time}: the receiving side refuses anything further from this browser, and signed that.`,
    unconfirmed:
      "Not yet confirmed: the receiving side was not reached. Candor keeps trying by itself; nothing is recorded meanwhile. You can close this page.",
    notEnrolled: "You have not agreed to anything, so there is nothing to withdraw.",
  },

  /** Columns in words. */
  rows: {
    after: (ms: number) => (ms >= 10_000 ? `${Math.round(ms / 1_000)} s later` : `${ms} ms later`),
    pointer: (dx: number, dy: number, first: boolean) => {
      if (first) return `the pointer is ${dx} from the left, ${dy} from the top`;
      const across = dx === 0 ? "" : `${Math.abs(dx)} ${dx > 0 ? "right" : "left"}`;
      const along = dy === 0 ? "" : `${Math.abs(dy)} ${dy > 0 ? "down" : "up"}`;
      return `the pointer went ${[across, along].filter((part) => part !== "").join(", ") || "nowhere"}`;
    },
    buttons: ["main button", "middle button", "second button", "back button", "forward button"],
    click: (button: string, target: string, cell: number) =>
      `click with the ${button} on ${target}${cell === 0 ? "" : `, square ${cell} of 64`}`,
    hover: (target: string, ms: number) => `the pointer rested on ${target} for ${ms} ms`,
    fields: [
      "a text field",
      "a field of several lines",
      "rich text",
      "a search field",
      "a field for addresses",
      "a field for numbers",
      "a field for dates",
      "another field",
    ],
    typing: (count: number, ms: number, field: string) =>
      `${count} ${count === 1 ? "key" : "keys"} within ${ms} ms in ${field}`,
    keys: ["type", "correct", "submit", "move", "shortcut"],
    key: (kind: string, ms: number) => `a key of the kind "${kind}" was held for ${ms} ms`,
    scroll: (dx: number, dy: number) => `scrolled ${dx} across and ${dy} down`,
    attention: [
      "the page came into view",
      "the page went out of view",
      "the page came to the front",
      "the page lost the front",
      "a minute without input",
      "input again",
    ],
    navigation: [
      "a page was opened",
      "another page of the app",
      "back to a page",
      "the page was left",
    ],
    target: (kind: string, landmark: string) => (landmark === "" ? kind : `${kind} in ${landmark}`),
    unknownTarget: "something without a kind",
  },
};
