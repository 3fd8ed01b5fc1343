// What the page does beyond HTML. Every page works without this file; it adds: live fragments, confirmation in a dialog,
// keys for tables, copying, upload progress, and times that stay true. The platform only, nothing loaded from elsewhere.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
document.documentElement.classList.add("scripted");

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// What is said here stands in the page, in the language of the appliance: parts/said.rs. Its holes have names.
const texts = $("#said")?.dataset ?? {};
const say = (name, values = {}) => (texts[name] ?? "").replace(/\{(\w+)\}/g, (hole, key) => values[key] ?? hole);
const locale = (() => {
  const { lang } = document.documentElement;
  // A tag that a browser does not take is no reason for a page without times.
  try { return lang === "en" ? "en-GB" : Intl.getCanonicalLocales(lang)[0]; } catch { return "en-GB"; }
})();

// Times ------------------------------------------------------------------------------------------------------------
// The same words as parts/time.rs, so that nothing jumps when the minute turns.

const UNITS = [["minutes", 60], ["hours", 3600], ["days", 86400], ["months", 30 * 86400], ["years", 365 * 86400]];
const UPTO = [3600, 86400, 60 * 86400, 730 * 86400, Infinity];

function words(at, now) {
  const gap = Math.abs(now - at) / 1000;
  if (gap < 60) return at > now ? say("soon") : say("now");
  const [unit, seconds] = UNITS[UPTO.findIndex((limit) => gap < limit)];
  const n = at > now ? Math.round(gap / seconds) : Math.floor(gap / seconds);
  const ways = (texts[unit] ?? "").split("\n");
  return (ways[(at > now ? 2 : 0) + (n === 1 ? 0 : 1)] ?? "").replace("{n}", n);
}

// One style of dates on all pages, as the server writes them: 25 Nov 2026. Only the zone is the viewer's own.
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

function tellTimes(root = document) {
  for (const time of $$("time[datetime]", root)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = exact.format(at);
    if (time.dataset.as === "ago") time.textContent = words(at.getTime(), Date.now());
    if (time.dataset.as === "moment") time.textContent = short.format(at);
  }
}
tellTimes();

// Tabs and chips that are wider than a telephone show the one that is chosen.
function showChosen() {
  for (const chosen of $$(".tabs [aria-current], .chips [aria-current]")) {
    const list = chosen.closest("ul");
    const beyond = chosen.getBoundingClientRect().right - list.getBoundingClientRect().right;
    if (beyond > 0) list.scrollLeft += beyond + 24;
  }
}
showChosen();

// What was said once is not said again by a reload or by a link that is passed on.
if (new URLSearchParams(location.search).has("said")) {
  const address = new URL(location.href);
  address.searchParams.delete("said");
  history.replaceState(history.state, "", address);
}
setInterval(tellTimes, 30_000);

// Live fragments -----------------------------------------------------------------------------------------------------
// <div id="x" data-live="device command" data-live-of="<id>" data-src="/devices?…">: an event whose topic begins with one of
// these nouns (and, where data-live-of is given, that speaks of this id) makes the fragment fetch its own address again.
// The server may answer with the fragment alone or with its page; either way only the element of the same id is taken.

const CALM = 400; // ms between swaps of one fragment, so that a classroom enrolling at once does not flicker
const due = new Map();

function concerns(fragment, event) {
  const noun = String(event.topic ?? "").split(".")[0];
  const of = fragment.dataset.liveOf;
  return fragment.dataset.live.split(" ").includes(noun) && (!of || of === event.device_id);
}

function schedule(fragment) {
  if (due.has(fragment.id)) return;
  due.set(fragment.id, setTimeout(() => { due.delete(fragment.id); refresh(fragment.id); }, CALM));
}

async function refresh(id) {
  const old = document.getElementById(id);
  // What someone is typing or has opened over the page is never pulled away; the next event tries again.
  if (!old || document.hidden || typing(old) || $("dialog[open]")) return;
  const response = await fetch(old.dataset.src || location.href, { headers: { "X-Fragment": id } }).catch(() => null);
  if (!response?.ok) return;
  const fresh = parse(await response.text()).getElementById(id);
  const now = document.getElementById(id);
  if (!fresh || !now || typing(now)) return;
  keep(now, fresh);
  tellTimes(fresh);
  countChosen(fresh);
  if (fresh.outerHTML === now.outerHTML) return;
  const focus = focusPath(now);
  fresh.classList.add("swapped");
  fresh.addEventListener("animationend", () => fresh.classList.remove("swapped"), { once: true });
  now.replaceWith(fresh);
  showChosen();
  if (focus) $$(focus.selector, fresh)[focus.index]?.focus({ preventScroll: true });
}

const typing = (root) => $$("input:not([type=checkbox], [type=radio], [type=hidden]), textarea", root)
  .some((field) => field === document.activeElement || (!field.readOnly && field.value !== field.defaultValue));

// Boxes that are ticked, choices that were made and details that are open stay so.
function keep(old, fresh) {
  const ticked = new Set($$("input[type=checkbox]:checked", old).map((box) => `${box.name} ${box.value}`));
  for (const box of $$("input[type=checkbox]", fresh)) box.checked ||= ticked.has(`${box.name} ${box.value}`);
  for (const choice of $$("select[id]", old)) {
    const same = fresh.querySelector(`#${CSS.escape(choice.id)}`);
    if ([...same?.options ?? []].some((option) => option.value === choice.value)) same.value = choice.value;
  }
  for (const open of $$("details[id][open]", old)) fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
}

function focusPath(root) {
  const at = document.activeElement;
  if (!root.contains(at)) return null;
  const href = at.getAttribute("href");
  const selector = at.id ? `#${CSS.escape(at.id)}` : href ? `a[href="${CSS.escape(href)}"]` : at.tagName;
  return { selector, index: $$(selector, root).indexOf(at) };
}

// Whether the session is over, which is then said beside the sections.
async function isOver() {
  const answer = await fetch("/api/v1/session").catch(() => null);
  const over = answer?.status === 401;
  document.body.classList.toggle("over", over);
  if (over) document.body.classList.remove("offline");
  return over;
}

const fragments = () => $$("[data-live][id]");
if (fragments().length) {
  const listen = () => {
    const source = new EventSource("/api/v1/events");
    source.onmessage = ({ data }) => {
      let event = {};
      try { event = JSON.parse(data); } catch { return; }
      for (const fragment of fragments()) if (concerns(fragment, event)) schedule(fragment);
    };
    source.onerror = async () => {
      const refused = source.readyState === EventSource.CLOSED;
      if (!refused || !(await isOver())) document.body.classList.add("offline");
      // A browser does not come back by itself from a refusal.
      if (refused) setTimeout(listen, 10_000);
    };
    source.onopen = () => {
      document.body.classList.remove("offline", "over");
      // What happened while nothing was listened to, be it a break or the moment between the page and its stream, is caught up on.
      fragments().forEach(schedule);
    };
  };
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) fragments().forEach(schedule); });
}

// Confirmation ---------------------------------------------------------------------------------------------------------
// A link or button marked data-dialog leads to a page that asks; here that page's form is shown over this one.

async function ask(url, options, otherwise) {
  const response = await fetch(url, { ...options, headers: { "X-Fragment": "confirm" } }).catch(() => null);
  const form = response?.ok && parse(await response.text()).getElementById("confirm");
  if (!form) return otherwise();
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "confirm-title");
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  tellTimes(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const link = target.closest("a[data-dialog]");
  if (link && !(event.metaKey || event.ctrlKey || event.shiftKey)) {
    event.preventDefault();
    ask(link.href, {}, () => { location.href = link.href; });
  }
  const cancel = target.closest("dialog [data-cancel]");
  if (cancel) {
    event.preventDefault();
    cancel.closest("dialog").close();
  }
  if (target.closest("[data-print]")) print();
  const copier = target.closest("[data-copy]");
  if (copier) copy(copier);
});

// A form that has stood open for long is not sent into nothing: where the session is over that is said, and what was typed stays where it is.
document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const words = document.querySelector(".logged-out");
  if (!words || form.getAttribute("method") !== "post" || form.dataset.known || performance.now() < 60_000) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  $$(".logged-out", form).forEach((old) => old.remove());
  if (await isOver()) {
    form.prepend(words.cloneNode(true));
    form.firstElementChild.scrollIntoView({ block: "nearest" });
    return;
  }
  form.dataset.known = "yes";
  form.requestSubmit(submitter);
  delete form.dataset.known;
}, true);

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (submitter?.matches("[data-dialog]")) {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, submitter));
    ask(submitter.formAction, { method: "POST", body }, () => { submitter.removeAttribute("data-dialog"); form.requestSubmit(submitter); });
  } else if (form.matches("[data-upload]") && $$("input[type=file]", form).some((input) => input.files.length)) {
    event.preventDefault();
    (form.matches("[data-pieces]") ? sendPieces : upload)(form, submitter);
  }
});

// Choosing rows and moving among them ------------------------------------------------------------------------------------

function countChosen(root = document) {
  for (const form of $$(".selectable", root)) {
    const boxes = $$("tbody .pick input", form);
    const chosen = boxes.filter((box) => box.checked).length;
    for (const said of $$("[data-chosen]", form)) said.textContent = said.dataset.chosen.replace("#", chosen);
    const all = $("[data-choose-all]", form);
    if (all) { all.checked = chosen > 0 && chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; }
  }
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-choose-all]")) for (const box of $$("tbody .pick input", target.form)) box.checked = target.checked;
  countChosen();
});
countChosen();

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.metaKey || event.ctrlKey || event.altKey || target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
  if (key === "/" && $("[data-search]")) {
    event.preventDefault();
    $("[data-search]").select();
    return;
  }
  const links = $$("a.row-link");
  const row = target.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  if ((key === "ArrowDown" || key === "ArrowUp") && links.length && (at >= 0 || target === document.body)) {
    event.preventDefault();
    const next = at < 0 ? 0 : Math.min(Math.max(at + (key === "ArrowDown" ? 1 : -1), 0), links.length - 1);
    links[next].focus();
  } else if (key === "x" && row) {
    $(".pick input", row)?.click();
  }
});

// <form data-retold="conditions found">: what is chosen or typed in it is told to its address, which shows the form again; the parts
// with these ids are taken from that, but for the one in which somebody is typing.
document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form[data-retold]");
  if (!form) return;
  clearTimeout(due.get(form));
  due.set(form, setTimeout(() => { due.delete(form); retell(form, target); }, target.matches("select") ? 0 : CALM));
});

async function retell(form, field) {
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "look");
  const sent = body.toString();
  const response = await fetch(form.action, { method: "POST", body }).catch(() => null);
  if (!response?.ok) return;
  const fresh = parse(await response.text());
  const newest = new URLSearchParams(new FormData(form));
  newest.set("do", "look");
  // What was typed meanwhile is told by itself.
  if (newest.toString() !== sent) return;
  for (const id of form.dataset.retold.split(" ")) {
    const [old, told] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || !told || old.outerHTML === told.outerHTML || (old.contains(field) && !field.matches("select"))) continue;
    const focus = focusPath(old);
    old.replaceWith(told);
    if (focus) $$(focus.selector, told)[focus.index]?.focus({ preventScroll: true });
  }
}

// Copying, uploading --------------------------------------------------------------------------------------------------------

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  const said = button.textContent;
  field.select();
  // The clipboard is refused where the connection is not trusted; the old way still works there.
  await navigator.clipboard?.writeText(field.value).catch(() => document.execCommand("copy"));
  if (!navigator.clipboard) document.execCommand("copy");
  button.textContent = say("copied");
  setTimeout(() => { button.textContent = said; }, 2000);
}

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("over", kind === "dragover");
    if (kind === "drop") $("input[type=file]", zone).files = event.dataTransfer.files;
  });
}

function complain(form, words) {
  const said = document.createElement("p");
  said.className = "error";
  said.setAttribute("role", "alert");
  said.textContent = words;
  // A file that belongs on another page leads there.
  const place = (form.dataset.places ?? "").split("\n").map((line) => line.split("\t")).find(([name]) => name && words.includes(`under ${name}`));
  if (place) said.append(" ", Object.assign(document.createElement("a"), { href: place[1], textContent: place[2] }));
  form.append(said);
  said.scrollIntoView({ block: "nearest" });
}

// A bar with its numbers at the end of a form, and the way to move it.
function progress(form, most) {
  const box = document.createElement("div");
  box.className = "progress";
  const bar = Object.assign(document.createElement("progress"), { max: most, value: 0 });
  bar.setAttribute("aria-label", say("sending"));
  const words = Object.assign(document.createElement("p"), { className: "meta" });
  const mega = (bytes) => (bytes / 1e6).toLocaleString(locale, { maximumFractionDigits: 1 });
  box.append(bar, words);
  form.append(box);
  return [box, (at, of = most) => {
    Object.assign(bar, { max: of, value: at });
    words.textContent = say("progress", { percent: Math.floor((100 * at) / of), at: mega(at), most: mega(of) });
  }];
}

// A form with a file is sent by XMLHttpRequest, the only way to see how far it is. The answer is a page: it takes this one's place.
function upload(form, submitter) {
  $$("[role=alert]", form).forEach((said) => said.remove());
  const most = Number(form.dataset.maxBytes);
  const large = $$("input[type=file]", form).flatMap((input) => [...input.files]).find((file) => file.size > most);
  if (large) {
    const size = Math.ceil(large.size / 1e6).toLocaleString(locale);
    complain(form, say("wrongFile", { name: large.name, size, most: Math.floor(most / 1e6) }));
    return;
  }
  const request = new XMLHttpRequest();
  const [bar, tell] = progress(form, 1);
  if (submitter) submitter.disabled = true;
  request.upload.onprogress = ({ loaded, total, lengthComputable }) => { if (lengthComputable) tell(loaded, total); };
  request.onload = () => {
    const page = parse(request.responseText);
    if (!$("main", page)) {
      bar.remove();
      if (submitter) submitter.disabled = false;
      complain(form, request.status === 413 ? say("refused") : say("noPage"));
      return;
    }
    document.title = page.title;
    $("main").replaceWith($("main", page));
    history.pushState(null, "", request.responseURL);
    tellTimes();
    showChosen();
    $("main [role=alert], main h1")?.scrollIntoView({ block: "nearest" });
  };
  request.onerror = () => {
    bar.remove();
    if (submitter) submitter.disabled = false;
    complain(form, say("notArrived"));
  };
  request.open(form.method, form.action);
  request.send(new FormData(form, submitter ?? undefined));
}

// An app goes in pieces, so that a break costs one of them. The upload is remembered by what the browser knows of the file: chosen again after the page
// was left, it goes on where it was.
const PIECE = 8 << 20;
const PATIENCE = [1, 2, 5, 10, 20, 30, 30, 30]; // seconds until the next attempt

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function call(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  const headers = body === undefined ? {} : { "Content-Type": json ? "application/json" : "application/octet-stream" };
  const response = await fetch(`/api/v1/packages/uploads${path}`, { method, headers, body: json ? JSON.stringify(body) : body }).catch(() => null);
  const answer = await response?.json().catch(() => ({}));
  // No answer and a busy appliance pass by themselves; a refusal does not.
  return { ok: Boolean(response?.ok), passing: !response || response.status >= 500, status: response?.status, answer };
}

async function sendPieces(form, submitter) {
  $$("[role=alert]", form).forEach((said) => said.remove());
  const [file] = $("input[type=file]", form).files;
  if (file.size > Number(form.dataset.maxBytes)) return complain(form, say("tooLarge", { name: file.name, most: Math.floor(form.dataset.maxBytes / 2 ** 30) }));
  const key = `upload ${file.name} ${file.size} ${file.lastModified}`;
  const [bar, tell] = progress(form, Math.max(file.size, 1));
  if (submitter) submitter.disabled = true;
  const stop = (words) => {
    bar.remove();
    if (submitter) submitter.disabled = false;
    complain(form, words);
  };
  const known = localStorage.getItem(key);
  let state = known ? await call("GET", `/${known}`) : { ok: false };
  if (!state.ok) state = await call("POST", "", { file_name: file.name, size_bytes: file.size });
  if (!state.ok) return stop(state.answer?.detail ?? say("noAnswer"));
  const { id } = state.answer;
  localStorage.setItem(key, id);
  let at = state.answer.received_bytes;
  for (let failures = 0; at < file.size;) {
    tell(at);
    const sent = await call("PATCH", `/${id}?offset=${at}`, file.slice(at, at + PIECE));
    if (sent.ok) {
      at = sent.answer.received_bytes;
      failures = 0;
      continue;
    }
    if (failures === PATIENCE.length) return stop(say("lost"));
    await wait(PATIENCE[failures]);
    failures += 1;
    const now = await call("GET", `/${id}`);
    if (now.ok) at = now.answer.received_bytes;
    else if (!now.passing) { localStorage.removeItem(key); return stop(now.answer?.detail ?? say("gone")); }
  }
  tell(file.size);
  const told = $("p", bar);
  told.textContent = say("lookedInto", { progress: told.textContent });
  const done = await call("POST", `/${id}/complete`, { accept_expired: Boolean($("input[name=accept_expired]", form)?.checked) });
  if (done.ok) {
    localStorage.removeItem(key);
    location.href = `/own-apps/versions/${done.answer.package.id}`;
    return;
  }
  stop(done.answer?.errors?.[0]?.message ?? done.answer?.detail ?? say("unfinished"));
}
window.addEventListener("popstate", () => location.reload());
