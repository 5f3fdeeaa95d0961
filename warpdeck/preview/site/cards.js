/* The gallery: a list of cards, filters, and one card at a time in a frame.
   Data come as scripts that call warpdeckData, since a page on a disk may not fetch files. */
"use strict";

(() => {
  const choices = window.warpdeckChoices;
  const $ = (id) => document.getElementById(id);
  const frame = $("card");
  const state = {
    language: "", cards: [], shown: [], texts: null, at: null, flipped: false, typed: "",
    topic: "", kind: "", level: "", words: {},
  };

  // --- data ---------------------------------------------------------------------

  const data = new Map();
  const waiting = new Map();
  let site = null;
  let version = "";

  window.warpdeckVersion = () => version;
  window.warpdeckData = (name, value) => {
    data.set(name, value);
    if (name === "site") begin(value);
    if (name === "version") version = value.version;
  };

  function load(name) {
    if (data.has(name)) return Promise.resolve(data.get(name));
    if (!waiting.has(name)) waiting.set(name, fetchScript(name));
    return waiting.get(name);
  }

  function fetchScript(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `data/${name}.js?v=${version}`;
      const done = () => { waiting.delete(name); script.remove(); };
      script.onload = () => { done(); resolve(data.get(name)); };
      script.onerror = () => { done(); reject(new Error(`${name} cannot be loaded`)); };
      document.head.append(script);
    });
  }

  // --- language -------------------------------------------------------------------

  const word = (key, values = {}) =>
    (state.words[key] || key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function preferred() {
    const wanted = [choices.get("language"), ...(navigator.languages || [])];
    for (const name of wanted)
      for (const known of Object.keys(site.languages))
        if (name && (name === known || name.split("-")[0] === known)) return known;
    return site.order[0];
  }

  async function setLanguage(language) {
    if (state.language === language) return;
    state.language = language;
    state.words = site.languages[language].words;
    state.texts = null;
    document.documentElement.lang = site.languages[language].html;
    fillWords();
    const cards = await load(`index.${language}`);
    if (state.language !== language) return;
    state.cards = cards.map(([note, ordinal, topic, kind, level, title]) =>
      ({ note, ordinal, topic, kind, level, title, key: `${note}/${language}/${ordinal}` }));
    fillFilters();
    fillList();
    await find();
  }

  /* Only what some card has can be chosen. */
  function fillFilters() {
    const names = site.languages[state.language];
    const used = (key) => new Set(state.cards.map((card) => String(card[key])));
    const levels = [1, 2, 3].map((n) => [String(n), state.words.levels[n]]);
    const choices = [
      ["topic", "everyTopic", site.topics.map((topic) => [topic, names.topics[topic]])],
      ["kind", "everyKind", site.kinds.map((kind) => [kind, names.kinds[kind]])],
      ["level", "everyLevel", levels],
    ];
    for (const [id, everything, entries] of choices)
      fillSelect(id, word(everything), entries.filter(([value]) => used(id).has(value)));
  }

  function fillWords() {
    const names = site.languages[state.language];
    document.title = `${word("cards")} · ${site.project}`;
    $("heading").textContent = word("cards");
    $("home").href = names.page;
    $("home").title = word("home");
    $("query").placeholder = word("search");
    $("query").setAttribute("aria-label", word("search"));
    $("query").title = word("searchHint");
    $("keys").textContent = word("keys");
    for (const element of document.querySelectorAll("[data-title]"))
      label(element, word(element.dataset.title));
    for (const element of document.querySelectorAll("[data-label]"))
      element.setAttribute("aria-label", word(element.dataset.label));
    $("widths").setAttribute("aria-label", word("width"));
    $("languages").replaceChildren(...site.order.map(languageButton));
    paintTheme();
  }

  function languageButton(language) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = site.languages[language].words.language;
    button.lang = site.languages[language].html;
    button.setAttribute("aria-pressed", String(language === state.language));
    button.addEventListener("click", () => chooseLanguage(language));
    return button;
  }

  async function chooseLanguage(language) {
    choices.set("language", language);
    const at = state.at;
    const addressed = location.hash !== "";
    await setLanguage(language);
    // The same card in the other language, where there is one.
    const same = at && state.cards.find((c) => c.note === at.note && c.ordinal === at.ordinal);
    const card = same || state.shown[0];
    if (card) await show(card, { address: addressed, flipped: state.flipped });
  }

  function label(element, text) {
    element.title = text;
    element.setAttribute("aria-label", text);
  }

  function fillSelect(id, everything, entries) {
    const options = [["", everything], ...entries].map(([value, text]) => new Option(text, value));
    $(id).replaceChildren(...options);
    $(id).value = state[id];
    $(id).setAttribute("aria-label", word(id));
  }

  // --- list -------------------------------------------------------------------------

  function fillList() {
    const rows = state.cards.map((card) => {
      const row = document.createElement("li");
      const link = document.createElement("a");
      link.href = `#${card.key}`;
      link.append(span("title", card.title), span("meta", meta(card)));
      row.append(link);
      card.row = row;
      card.link = link;
      return row;
    });
    $("list").replaceChildren(...rows);
    mark();
  }

  function span(name, text) {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  }

  function meta(card) {
    const kind = site.languages[state.language].kinds[card.kind] || card.kind;
    return card.level ? `${kind} · L${card.level}` : kind;
  }

  async function find() {
    const words = $("query").value.toLowerCase().split(/\s+/).filter(Boolean);
    const language = state.language;
    if (words.length && !state.texts) {
      const texts = new Map(await load(`search.${language}`));
      if (language !== state.language) return;
      state.texts = texts;
    }
    const fits = (card) =>
      (!state.topic || card.topic === state.topic) &&
      (!state.kind || card.kind === state.kind) &&
      (!state.level || card.level === Number(state.level)) &&
      words.every((w) => state.texts.get(card.note).includes(w));
    state.shown = state.cards.filter((card) => {
      const shown = fits(card);
      card.row.hidden = !shown;
      return shown;
    });
    const counts = { n: state.shown.length, all: state.cards.length };
    $("found").textContent = counts.n ? word("found", counts) : word("none");
    place();
  }

  async function refind() {
    await find();
    if (state.shown.length && !state.shown.includes(state.at)) await show(state.shown[0]);
  }

  function mark() {
    for (const card of state.cards)
      if (state.at && card.key === state.at.key) card.link.setAttribute("aria-current", "true");
      else card.link.removeAttribute("aria-current");
  }

  // --- card -------------------------------------------------------------------------

  async function show(card, { address = false, flipped = false } = {}) {
    state.at = card;
    state.flipped = flipped;
    state.typed = "";
    mark();
    const link = card.link;
    if (link.offsetParent) link.scrollIntoView({ block: "nearest" });
    if (address) history.replaceState(null, "", `#${card.key}`);
    await paint();
  }

  async function paint() {
    const card = state.at;
    if (!card) return;
    const rows = await load(`cards.${card.topic}.${state.language}`);
    if (card !== state.at) return;
    const row = rows.find(([note, ordinal]) => note === card.note && ordinal === card.ordinal);
    if (!row) return notice(word("missing"));
    notice("");
    const [, , front, same, rest, expected] = row;
    const inside = await cardDocument();
    inside.body.innerHTML = state.flipped ? front.slice(0, same) + rest : front;
    const box = inside.getElementById("typeans");
    if (box && state.flipped) compare(box, state.typed, expected);
    if (box && !state.flipped) prepareInput(box);
    dress(inside);
    const answer = inside.getElementById("answer");
    inside.documentElement.scrollTop = 0;
    // Anki brings the line above the answer into view.
    if (state.flipped && answer) answer.scrollIntoView();
    frame.title = word(state.flipped ? "answer" : "question");
    $("flip").textContent = word(state.flipped ? "unflip" : "flip");
    place();
    performance.mark("card");
  }

  function notice(text) {
    $("notice").textContent = text;
    $("notice").hidden = !text;
    frame.hidden = Boolean(text);
  }

  function place() {
    const n = state.shown.indexOf(state.at) + 1;
    $("place").textContent = n ? word("place", { n, all: state.shown.length }) : "";
    $("previous").disabled = n === 1 || !state.shown.length;
    $("next").disabled = n === state.shown.length;
  }

  /* The classes are those of AnkiDroid, which shows the note type's own style. */
  function dress(inside) {
    const dark = choices.theme() === "dark";
    inside.documentElement.className = `mobile android linux${dark ? " night-mode nightMode" : ""}`;
    inside.documentElement.style.colorScheme = dark ? "dark" : "light";
    inside.body.className =
      `card card${state.at.ordinal + 1}${dark ? " nightMode night_mode" : ""}`;
  }

  function prepareInput(box) {
    box.setAttribute("aria-label", word("typed"));
    box.value = state.typed;
    box.addEventListener("input", () => { state.typed = box.value; });
  }

  /* Like Anki: what was right, what was wrong, and below it what was wanted. */
  function compare(box, typed, expected) {
    const part = (name, text) => {
      const made = box.ownerDocument.createElement("span");
      made.className = name;
      made.textContent = text;
      return text ? [made] : [];
    };
    if (!typed) return box.replaceChildren(expected);
    if (typed === expected) return box.replaceChildren(...part("typeGood", expected));
    let head = 0;
    while (head < Math.min(typed.length, expected.length) && typed[head] === expected[head]) head++;
    let tail = 0;
    const most = Math.min(typed.length, expected.length) - head;
    while (tail < most && typed.at(-1 - tail) === expected.at(-1 - tail)) tail++;
    const split = (text, middle) => [
      ...part("typeGood", text.slice(0, head)),
      ...part(middle, text.slice(head, text.length - tail)),
      ...part("typeGood", text.slice(text.length - tail)),
    ];
    const arrow = box.ownerDocument.createElement("div");
    arrow.textContent = "↓";
    box.replaceChildren(...split(typed, "typeBad"), arrow, ...split(expected, "typeMissed"));
  }

  let ready = null;

  /* The document inside the frame, once its styles are there. Scripts in it never run: it has
     this page's security policy. */
  function cardDocument() {
    ready = ready || new Promise((resolve) => {
      const check = () => {
        const inside = frame.contentDocument;
        if (!inside || !inside.querySelector("base")) return false;
        if (inside.readyState !== "complete") return false;
        listen(inside);
        resolve(inside);
        return true;
      };
      if (!check()) frame.addEventListener("load", check, { once: true });
    });
    return ready;
  }

  // --- turning and moving --------------------------------------------------------------

  function flip() {
    state.flipped = !state.flipped;
    return paint();
  }

  function move(step) {
    const n = state.shown.indexOf(state.at) + step;
    const card = state.shown[Math.max(0, n)];
    if (card && card !== state.at) show(card, { address: location.hash !== "" });
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target;
    if (/^(INPUT|TEXTAREA)$/.test(target.tagName)) return pressedInField(event, target);
    const native = /^(BUTTON|SELECT)$/.test(target.tagName);
    const act = {
      " ": () => !native && (flip(), true),
      "ArrowLeft": () => target.tagName !== "SELECT" && (move(-1), true),
      "ArrowRight": () => target.tagName !== "SELECT" && (move(1), true),
      "/": () => ($("query").focus(), $("query").select(), true),
      "Escape": () => location.hash && narrow() && (leave(), true),
    }[event.key];
    if (act && act()) event.preventDefault();
  }

  function pressedInField(event, field) {
    if (event.key === "Escape") field.blur();
    if (event.key !== "Enter") return;
    if (field.id === "typeans") flip();
    else field.blur();
    event.preventDefault();
  }

  const narrow = () => matchMedia("(max-width: 760px)").matches;

  function leave() {
    history.replaceState(null, "", location.pathname + location.search);
    route();
  }

  function tapped(event) {
    if (event.target.closest("a, button, input, summary, label")) return;
    // A selection is being made, not a tap.
    if (!event.view.getSelection().isCollapsed) return;
    flip();
  }

  const SWIPE = 60;

  function listen(inside) {
    let from = null;
    inside.addEventListener("keydown", pressed);
    inside.addEventListener("click", tapped);
    inside.addEventListener("touchstart", (event) => {
      const touch = event.touches[0];
      from = event.touches.length === 1 ? { x: touch.clientX, y: touch.clientY } : null;
    }, { passive: true });
    inside.addEventListener("touchend", (event) => {
      const touch = event.changedTouches[0];
      if (!from || scrolls(event.target)) return;
      const [x, y] = [touch.clientX - from.x, touch.clientY - from.y];
      if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) move(x < 0 ? 1 : -1);
    }, { passive: true });
  }

  /* A swipe over wide code scrolls the code. */
  function scrolls(target) {
    for (let e = target; e; e = e.parentElement)
      if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")
        return true;
    return false;
  }

  // --- addresses ------------------------------------------------------------------------

  async function route() {
    const [note, language, ordinal] = decodeURIComponent(location.hash.slice(1)).split("/");
    document.body.dataset.view = note ? "card" : "list";
    await setLanguage(site.languages[language] ? language : state.language || preferred());
    if (!note) {
      if (!state.at || !state.cards.includes(state.at)) await show(state.shown[0] || state.cards[0]);
      return;
    }
    const card = state.cards.find((c) => c.note === note && c.ordinal === Number(ordinal || 0));
    if (!card) {
      state.at = null;
      mark();
      place();
      return notice(word("missing"));
    }
    await show(card);
  }

  // --- light, dark, width -----------------------------------------------------------------

  function paintTheme() {
    const dark = choices.theme() === "dark";
    $("theme").textContent = word(dark ? "light" : "dark");
    const inside = frame.contentDocument;
    if (inside && inside.body && state.at) dress(inside);
  }

  function setWidth(width) {
    document.documentElement.style.setProperty("--phone", `${width}px`);
    for (const button of document.querySelectorAll("[data-width]"))
      button.setAttribute("aria-pressed", String(button.dataset.width === String(width)));
    choices.set("width", width);
  }

  // --- a live preview ---------------------------------------------------------------------

  window.warpdeckLive = {
    /* Take over changed files without losing the place. */
    async changed(paths, newVersion) {
      version = newVersion;
      const names = paths.filter((p) => p.startsWith("data/")).map((p) => p.slice(5, -3));
      const again = names.filter((name) => data.has(name) && name !== "version");
      for (const name of again) data.delete(name);
      if (paths.some((path) => path.endsWith(".css"))) restyle();
      if (!again.length) return;
      state.texts = null;
      if (again.includes(`index.${state.language}`)) await relist();
      else await find();
      await paint();
    },
  };

  /* The list is made anew; the card stays where it still is. */
  async function relist() {
    const at = state.at;
    const language = state.language;
    state.language = "";
    await setLanguage(language);
    state.at = (at && state.cards.find((card) => card.key === at.key)) || state.shown[0] || null;
    mark();
  }

  /* The new sheet is there before the old one goes, so nothing flickers. */
  function restyle() {
    for (const sheets of [document, frame.contentDocument])
      for (const link of sheets.querySelectorAll("link[rel=stylesheet]")) {
        const fresh = link.cloneNode();
        fresh.href = `${link.getAttribute("href").split("?")[0]}?v=${version}`;
        fresh.onload = () => link.remove();
        link.after(fresh);
      }
  }

  // --- beginning ----------------------------------------------------------------------------

  function begin(value) {
    if (site) return;
    site = value;
    setWidth(choices.get("width") || "360");
    $("theme").addEventListener("click", choices.toggleTheme);
    document.addEventListener("themechange", paintTheme);
    for (const button of document.querySelectorAll("[data-width]"))
      button.addEventListener("click", () => setWidth(button.dataset.width));
    $("query").addEventListener("input", refind);
    for (const id of ["topic", "kind", "level"])
      $(id).addEventListener("change", () => { state[id] = $(id).value; refind(); });
    $("flip").addEventListener("click", flip);
    $("previous").addEventListener("click", () => move(-1));
    $("next").addEventListener("click", () => move(1));
    $("back").addEventListener("click", (event) => { event.preventDefault(); leave(); });
    document.addEventListener("keydown", pressed);
    addEventListener("hashchange", route);
    route().then(() => { document.documentElement.dataset.ready = "true"; });
  }
})();
